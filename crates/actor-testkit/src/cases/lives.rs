use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::actors::{actor_ops, check_actors};
use crate::harness::Harness;

pub fn random_lives_agree_with_the_model<H: Harness>(harness: &H) {
    // The same ones everywhere; more of them, and others each time, are the scheduler's own to run.
    let config = Config { cases: 64, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let checked = runner.run(&actor_ops(1..80), |ops| {
        check_actors(harness, &ops);
        Ok(())
    });
    if let Err(error) = checked {
        panic!("{error}");
    }
}
