use perilune_policy::{Decision, Effect, Map, PolicyEngine, Value};

use crate::harness::Harness;
use crate::spec::{PolicySpec, RequestSpec};

/// The group that a table's policies are put into.
const GROUP: &str = "t:table";

/// Checks that these policies, as one named scope, decide each request as its row says, and that the deciding policies
/// are those the row names.
///
/// # Panics
/// If not.
pub fn check_table<H: Harness>(harness: &H, policies: &[PolicySpec], rows: &[(RequestSpec, Decision, &[&str])]) {
    let policies: Vec<PolicySpec> = policies.iter().map(|policy| policy.clone().groups(&[GROUP])).collect();
    let engine = harness.start(&policies);
    let scope = engine.scope(GROUP).expect("a named scope");
    for (spec, decision, deciding) in rows {
        let request = spec.request();
        let diagnostics = scope.evaluate(&request);
        let ids: Vec<&str> = diagnostics.deciding().map(|policy| &**policy.id()).collect();
        assert_eq!((diagnostics.decision(), &ids[..]), (*decision, *deciding), "{spec:?}: {diagnostics}");
        assert_eq!(scope.decide(&request), diagnostics.verdict, "{spec:?}");
    }
}

/// What one policy finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It has its effect.
    Applies,
    /// It has none.
    Not,
    /// It cannot be evaluated.
    Fails,
}

/// Checks what a policy finds about a request, allowing and denying, alone and in a scope.
///
/// # Panics
/// If it finds something else.
pub fn check_finding<H: Harness>(harness: &H, policy: &PolicySpec, spec: &RequestSpec, expected: Finding) {
    for effect in Effect::ALL {
        let policy = PolicySpec { effect, ..policy.clone().groups(&[GROUP]) };
        let engine = harness.start(std::slice::from_ref(&policy));
        let decision = match (effect, expected) {
            (_, Finding::Not) | (Effect::Allow, Finding::Fails) => Decision::Undefined,
            (Effect::Allow, Finding::Applies) => Decision::Allow,
            (Effect::Deny, Finding::Applies | Finding::Fails) => Decision::Deny,
        };
        let request = spec.request();
        let diagnostics = engine.scope(GROUP).expect("a named scope").evaluate(&request);
        let text = format!("{:?} about {spec:?}: {diagnostics}", policy.entry());
        assert_eq!(diagnostics.decision(), decision, "{text}");
        assert_eq!(diagnostics.failed.len(), usize::from(expected == Finding::Fails), "{text}");
        assert_eq!(diagnostics.matched.len(), usize::from(expected == Finding::Applies), "{text}");
        let alone = engine.policy(&policy.id).expect("a policy").decide(&request);
        assert_eq!(alone, decision, "alone, {text}");
    }
}

/// A map for principals and requests of a case.
pub(crate) fn map_of<const N: usize>(pairs: [(&'static str, Value); N]) -> Map {
    Map::new(pairs).expect("a map of a case")
}
