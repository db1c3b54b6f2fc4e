//! The fake scheduler keeps the contract, with operations answered at once and later.

use perilune_actor_testkit::{ActorOp, FakeScheduler, Harness, Setup, actor_ops, check_actors};
use proptest::prelude::*;

struct Fake {
    later: bool,
}

impl Harness for Fake {
    type Scheduler = FakeScheduler;

    fn start(&self, setup: Setup) -> FakeScheduler {
        let later = self.later;
        FakeScheduler::start(setup, move |worker| worker.answer_later(later))
    }

    fn clock_moved(&self, scheduler: &FakeScheduler) {
        scheduler.clock_moved();
    }
}

mod answers_at_once {
    perilune_actor_testkit::conformance!(super::Fake { later: false });
}

mod answers_later {
    perilune_actor_testkit::conformance!(super::Fake { later: true });
}

proptest! {
    #[test]
    fn lives_agree_with_the_model(ops in actor_ops(1..100), later: bool) {
        check_actors(&Fake { later }, &ops);
    }

    #[test]
    fn lives_made_of_bytes_agree_with_the_model(bytes in proptest::collection::vec(any::<[u8; 2]>(), 1..80)) {
        let ops: Vec<_> = bytes.into_iter().map(ActorOp::from_bytes).collect();
        check_actors(&Fake { later: false }, &ops);
    }
}
