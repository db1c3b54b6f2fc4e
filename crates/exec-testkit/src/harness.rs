use perilune_exec_api::{CommandLine, Executor};

use crate::program::Program;

/// How the cases get an executor to try.
///
/// ```
/// use perilune_exec_api::{CommandLine, Executor};
/// use perilune_exec_testkit::{Harness, Program};
///
/// /// An executor whose processes are those of a Unix system.
/// struct Unix<F>(F);
///
/// impl<E: Executor + 'static, F: Fn() -> E> Harness for Unix<F> {
///     type Executor = E;
///
///     fn executor(&self) -> E {
///         (self.0)()
///     }
///     fn command(&self, program: &Program) -> CommandLine {
///         program.shell()
///     }
/// }
/// ```
pub trait Harness {
    /// What is tried.
    type Executor: Executor + 'static;

    /// A fresh executor. It is called, and its processes live, in a Tokio runtime.
    fn executor(&self) -> Self::Executor;

    /// How that program is named to it. The usual answer is for executors whose processes have a `/bin/sh`.
    fn command(&self, program: &Program) -> CommandLine {
        program.shell()
    }

    /// Whether it goes by Tokio's clock alone, so that no case has to wait for real.
    fn virtual_time(&self) -> bool {
        false
    }
}

/// Makes one named test per case, all with the harness that the expression gives.
#[macro_export]
macro_rules! conformance {
    ($harness:expr) => {
        $crate::__for_each_case!($crate::__test, $harness);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __test {
    ($harness:expr, $($area:ident { $($case:ident)* })*) => {
        $($(
            #[test]
            fn $case() {
                $crate::Stage::run(&$harness, stringify!($case), async |stage| $crate::cases::$area::$case(stage).await);
            }
        )*)*
    };
}
