//! Scopes decide as the reference model does, with policies that are evaluated by it.

use perilune_policy_testkit::{Capabilities, Harness, NaiveEngine, PolicySpec};

struct Naive;

impl Harness for Naive {
    type Engine = NaiveEngine;

    fn start(&self, policies: &[PolicySpec]) -> NaiveEngine {
        NaiveEngine::new(policies)
    }

    fn replace(&self, engine: &NaiveEngine, policies: &[PolicySpec]) {
        engine.replace(policies);
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { regular_expressions: false, expressions: false }
    }
}

perilune_policy_testkit::conformance!(Naive);
