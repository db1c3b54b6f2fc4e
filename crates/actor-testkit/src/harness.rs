use std::sync::Arc;

use perilune_actor_core::Scheduler;

use crate::clock::VirtualClock;

/// How the cases get a scheduler to try.
///
/// ```
/// use perilune_actor_core::Scheduler;
/// use perilune_actor_testkit::{Harness, Setup, VirtualClock};
///
/// struct Mine<S>(fn(Setup) -> S, fn(&S));
///
/// impl<S: Scheduler> Harness for Mine<S> {
///     type Scheduler = S;
///
///     fn start(&self, setup: Setup) -> S {
///         (self.0)(setup)
///     }
///     fn clock_moved(&self, scheduler: &S) {
///         (self.1)(scheduler);
///     }
/// }
/// ```
pub trait Harness {
    /// What is tried.
    type Scheduler: Scheduler;

    /// A fresh scheduler without hosts. Dropping it ends its actors and its threads.
    fn start(&self, setup: Setup) -> Self::Scheduler;

    /// What it can do. Cases that need more are skipped, and say so.
    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL
    }

    /// The virtual clock of [`Setup::clock`] has moved.
    fn clock_moved(&self, scheduler: &Self::Scheduler) {
        let _ = scheduler;
    }

    /// Returns when everything that actors seen to have ended sent to others has arrived.
    ///
    /// For a scheduler whose workers look at their mail before they answer an inspection, one inspection carries a signal
    /// one hop further, so a few of them do.
    fn settle(&self, scheduler: &Self::Scheduler) {
        for _ in 0..4 {
            scheduler.workers();
        }
    }
}

/// What a case wants of its scheduler.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Setup {
    /// How many messages a mailbox holds.
    pub mailbox_limit: Option<usize>,
    /// The clock to go by; without one, the machine's.
    pub clock: Option<Arc<VirtualClock>>,
}

/// What a scheduler can do beyond what all must.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Going by a virtual clock.
    pub virtual_clock: bool,
    /// Limiting mailboxes.
    pub mailbox_limit: bool,
}

impl Capabilities {
    /// Everything.
    pub const ALL: Self = Self { virtual_clock: true, mailbox_limit: true };
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
