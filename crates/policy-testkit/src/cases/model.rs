use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::check::check_engine;
use crate::generate::{policies, policies_with_expressions, requests};
use crate::harness::Harness;
use crate::spec::{PolicySpec, RequestSpec};

fn check<H: Harness>(harness: &H, policies: impl Strategy<Value = Vec<PolicySpec>>) {
    let config = Config { failure_persistence: None, ..Config::default() };
    let requests = proptest::collection::vec(requests(), 1..10);
    let agrees = |(policies, requests): (Vec<PolicySpec>, Vec<RequestSpec>)| {
        check_engine(harness, &policies, &requests);
        Ok(())
    };
    if let Err(error) = TestRunner::new(config).run(&(policies, requests), agrees) {
        panic!("{error}");
    }
}

pub fn engine_agrees_with_the_model_about_conditions<H: Harness>(harness: &H) {
    check(harness, policies(0..40));
}

pub fn engine_agrees_with_the_model_about_expressions<H: Harness>(harness: &H) {
    if harness.capabilities().expressions {
        check(harness, policies_with_expressions(0..40));
    } else {
        println!("skipped: no expressions");
    }
}
