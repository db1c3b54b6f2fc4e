//! The fake scheduler keeps the contract, with operations answered at once and later.

use perilune_actor_testkit::{FakeScheduler, Harness, Setup};

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
