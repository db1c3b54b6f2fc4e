//! The scheduler keeps the contract, alone on a thread and on several.

use perilune_actor_local::LocalScheduler;
use perilune_actor_testkit::{Harness, Setup};

struct Local {
    workers: usize,
}

impl Harness for Local {
    type Scheduler = LocalScheduler;

    fn start(&self, setup: Setup) -> LocalScheduler {
        let mut builder = LocalScheduler::builder().workers(self.workers).mailbox_limit(setup.mailbox_limit);
        if let Some(clock) = setup.clock {
            builder = builder.manual_clock(clock);
        }
        builder.start().expect("a scheduler")
    }

    fn clock_moved(&self, scheduler: &LocalScheduler) {
        scheduler.clock_moved();
    }
}

mod one_worker {
    perilune_actor_testkit::conformance!(super::Local { workers: 1 });
}

mod two_workers {
    perilune_actor_testkit::conformance!(super::Local { workers: 2 });
}

mod four_workers {
    perilune_actor_testkit::conformance!(super::Local { workers: 4 });
}
