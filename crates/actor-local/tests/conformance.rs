//! The scheduler keeps the contract, alone on a thread and on several.

use perilune_actor_local::LocalScheduler;
use perilune_actor_testkit::{Harness, Setup, actor_ops, check_actors};
use proptest::prelude::*;

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

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn lives_on_one_worker_agree_with_the_model(ops in actor_ops(1..100)) {
        check_actors(&Local { workers: 1 }, &ops);
    }

    #[test]
    fn lives_on_several_workers_agree_with_the_model(ops in actor_ops(1..100), workers in 2usize..5) {
        check_actors(&Local { workers }, &ops);
    }
}
