use perilune_policy::{DecisionCache, Map, PolicyEngine, Scope};

use crate::harness::Harness;
use crate::spec::{PolicySpec, RequestSpec};

fn scope<H: Harness>(harness: &H, policies: &[PolicySpec]) -> Scope {
    let engine = harness.start(policies);
    policies.iter().map(|spec| engine.policy(&spec.id).expect("a policy")).collect()
}

fn depends<H: Harness>(harness: &H, policies: &[PolicySpec], action: &str) -> bool {
    let request = RequestSpec::new("alice", action, "app:report").attributes(Map::texts([("pid", "7")]));
    scope(harness, policies).decide(&request.request()).depends_on_attributes
}

fn reading(policy: PolicySpec) -> PolicySpec {
    policy.when("meta.pid", "eq", "7")
}

pub fn decision_that_read_no_attributes_is_for_all<H: Harness>(harness: &H) {
    let allow = PolicySpec::allow("t:a").when("actor.id", "eq", "alice");
    let deny = PolicySpec::deny("t:d").when("resource", "eq", "app:secret");
    assert!(!depends(harness, &[allow, deny], "read"));
    // About another action: nobody evaluates it.
    assert!(!depends(harness, &[reading(PolicySpec::allow("t:m").actions(&["write"]))], "read"));
}

pub fn decision_that_read_attributes_is_for_these<H: Harness>(harness: &H) {
    assert!(depends(harness, &[reading(PolicySpec::allow("t:m"))], "read"));
    assert!(depends(harness, &[reading(PolicySpec::deny("t:m"))], "read"));
    let other = PolicySpec::allow("t:m").when("meta.pid", "eq", "8");
    assert!(depends(harness, std::slice::from_ref(&other), "read"));
    let from_field = PolicySpec::allow("t:m").when_field("actor.id", "eq", "meta.pid");
    assert!(depends(harness, &[from_field], "read"));
    if harness.capabilities().expressions {
        assert!(depends(harness, &[PolicySpec::allow("t:m").expression("meta.pid == '7'")], "read"));
    }
}

pub fn attributes_do_not_matter_where_they_change_nothing<H: Harness>(harness: &H) {
    let deny = PolicySpec::deny("t:d");
    let (allows, denies) = (reading(PolicySpec::allow("t:m")), reading(PolicySpec::deny("t:n")));
    assert!(!depends(harness, &[allows.clone(), denies.clone(), deny.clone()], "read"), "denied in any case");
    assert!(!depends(harness, &[PolicySpec::allow("t:a"), allows], "read"), "allowed in any case");
    assert!(depends(harness, &[PolicySpec::allow("t:a"), denies], "read"), "it might be denied");
}

pub fn cache_and_fresh_evaluation_agree<H: Harness>(harness: &H) {
    let policies = [
        PolicySpec::allow("t:read").actions(&["read"]),
        reading(PolicySpec::allow("t:write").actions(&["write"])),
        reading(PolicySpec::deny("t:never").actions(&["never"])),
    ];
    let scope = scope(harness, &policies);
    let mut cache = DecisionCache::new(64);
    let specs: Vec<RequestSpec> = ["read", "write", "never", "other"]
        .into_iter()
        .flat_map(|action| ["7", "8", "7"].map(|pid| (action, pid)))
        .map(|(action, pid)| RequestSpec::new("alice", action, "x").attributes(Map::texts([("pid", pid)])))
        .collect();
    for _ in 0..2 {
        for spec in &specs {
            let fresh = scope.decide(&spec.request()).decision;
            assert_eq!(cache.decide(&scope, &spec.request()), fresh, "{spec:?}");
        }
    }
}
