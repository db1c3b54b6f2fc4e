//! The rule engine keeps the contract.

use perilune_policy_rules::{PolicyKind, PolicySource, RuleEngine};
use perilune_policy_testkit::{Harness, PolicySpec};

struct Rules;

fn source(spec: &PolicySpec) -> PolicySource {
    let kind = match spec.expression_text() {
        Some(_) => PolicyKind::Expression,
        None => PolicyKind::Conditions,
    };
    PolicySource::read(&spec.id, kind, &spec.entry())
        .unwrap_or_else(|errors| panic!("{:?}: {errors:?}", spec.expression_text()))
}

impl Harness for Rules {
    type Engine = RuleEngine;

    fn start(&self, policies: &[PolicySpec]) -> RuleEngine {
        RuleEngine::new(policies.iter().map(source)).expect("an engine")
    }

    fn replace(&self, engine: &RuleEngine, policies: &[PolicySpec]) {
        engine.replace(policies.iter().map(source)).expect("other policies");
    }
}

perilune_policy_testkit::conformance!(Rules);
