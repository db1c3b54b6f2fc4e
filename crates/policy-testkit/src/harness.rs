use perilune_policy::PolicyEngine;

use crate::spec::PolicySpec;

/// How the cases get an engine to try.
///
/// ```
/// use perilune_policy_testkit::{Capabilities, Harness, NaiveEngine, PolicySpec};
///
/// struct Naive;
///
/// impl Harness for Naive {
///     type Engine = NaiveEngine;
///
///     fn start(&self, policies: &[PolicySpec]) -> NaiveEngine {
///         NaiveEngine::new(policies)
///     }
///     fn replace(&self, engine: &NaiveEngine, policies: &[PolicySpec]) {
///         engine.replace(policies);
///     }
///     fn capabilities(&self) -> Capabilities {
///         Capabilities { expressions: false, ..Capabilities::ALL }
///     }
/// }
/// ```
pub trait Harness {
    /// What is tried.
    type Engine: PolicyEngine;

    /// An engine that holds these policies and no others.
    ///
    /// An engine that reads configurations gets what it needs from [`PolicySpec::entry`]; another one translates.
    fn start(&self, policies: &[PolicySpec]) -> Self::Engine;

    /// From now on, the engine holds these and no others.
    fn replace(&self, engine: &Self::Engine, policies: &[PolicySpec]);

    /// What it can do. Cases that need more are skipped, and say so.
    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL
    }
}

/// What an engine can do beyond what all must: policies about actions and resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Conditions with regular expressions beyond plain text.
    pub regular_expressions: bool,
    /// Expressions as text.
    pub expressions: bool,
}

impl Capabilities {
    /// Everything.
    pub const ALL: Self = Self { regular_expressions: true, expressions: true };
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
                $crate::cases::$area::$case(&$harness);
            }
        )*)*
    };
}
