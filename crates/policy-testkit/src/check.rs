use std::collections::BTreeSet;

use perilune_policy::{Policy, PolicyEngine, Request, Scope};

use crate::harness::Harness;
use crate::model::expected;
use crate::spec::{PolicySpec, RequestSpec};

/// Checks that an engine's policies, in one scope, say what the reference model says.
///
/// # Panics
/// If not. If a policy has an expression as text.
pub fn check_engine<H: Harness>(harness: &H, policies: &[PolicySpec], requests: &[RequestSpec]) {
    let engine = harness.start(policies);
    let scope: Scope = policies.iter().map(|spec| engine.policy(&spec.id).expect("a policy")).collect();
    for spec in requests {
        check_scope(&scope, policies, &spec.request());
    }
}

/// Checks that a scope of these policies says what the reference model says: decision and reasons.
///
/// # Panics
/// If not. If a policy has an expression as text.
pub fn check_scope(scope: &Scope, policies: &[PolicySpec], request: &Request<'_>) {
    let expected = expected(policies, request);
    let diagnostics = scope.evaluate(request);
    assert_eq!(diagnostics.decision(), expected.decision, "{request:?}: {diagnostics}");
    assert_eq!(ids(diagnostics.matched.iter()), expected.matched, "{request:?}");
    assert_eq!(ids(diagnostics.failed.iter().map(|(policy, _)| policy)), expected.failed, "{request:?}");
    assert_eq!(scope.decide(request), diagnostics.verdict, "{request:?}");
}

fn ids<'a>(policies: impl Iterator<Item = &'a Policy>) -> BTreeSet<String> {
    policies.map(|policy| policy.id().to_string()).collect()
}
