use perilune_policy::Decision::{Allow, Deny, Undefined};
use perilune_policy::{PolicyEngine, Scope};

use crate::harness::Harness;
use crate::spec::{PolicySpec, RequestSpec};
use crate::table::check_table;

/// One that cannot be evaluated: `actor.id` is a string.
fn broken(policy: PolicySpec) -> PolicySpec {
    policy.when("actor.id", "lt", 1)
}

fn other(policy: PolicySpec) -> PolicySpec {
    policy.actions(&["other"])
}

fn request() -> RequestSpec {
    RequestSpec::new("alice", "read", "app:report")
}

pub fn nobody_speaks_and_it_is_undefined<H: Harness>(harness: &H) {
    let silent = [other(PolicySpec::allow("t:a")), other(PolicySpec::deny("t:d"))];
    check_table(harness, &silent, &[(request(), Undefined, &[])]);
    let verdict = Scope::default().decide(&request().request());
    assert_eq!((verdict.decision, verdict.depends_on_attributes), (Undefined, false));
}

pub fn one_allow_is_enough<H: Harness>(harness: &H) {
    let policies = [other(PolicySpec::allow("t:a")), PolicySpec::allow("t:b"), other(PolicySpec::deny("t:c"))];
    check_table(harness, &policies, &[(request(), Allow, &["t:b"])]);
}

pub fn one_deny_overrules_every_allow<H: Harness>(harness: &H) {
    let policies = [PolicySpec::allow("t:a"), PolicySpec::deny("t:b"), PolicySpec::allow("t:c")];
    check_table(harness, &policies, &[(request(), Deny, &["t:b"])]);
}

pub fn order_of_policies_changes_nothing<H: Harness>(harness: &H) {
    let mut policies = [
        PolicySpec::allow("t:a").actions(&["read"]),
        PolicySpec::deny("t:b").resources(&["app:secret"]),
        broken(PolicySpec::allow("t:c")),
        broken(PolicySpec::deny("t:d").actions(&["write"])),
    ];
    for turn in 0..policies.len() {
        policies.rotate_left(1);
        if turn % 2 == 1 {
            policies.reverse();
        }
        let engine = harness.start(&policies.clone().map(|policy| policy.groups(&["all"])));
        let scope = engine.scope("t:all").expect("a named scope");
        for (action, resource, expected) in [
            ("read", "app:report", Allow),
            ("read", "app:secret", Deny),
            ("write", "app:report", Deny),
            ("list", "app:report", Undefined),
        ] {
            let spec = RequestSpec::new("alice", action, resource);
            assert_eq!(scope.decide(&spec.request()).decision, expected, "{spec:?} of {scope:?}");
        }
    }
}

pub fn failing_policies_err_on_the_safe_side<H: Harness>(harness: &H) {
    let (allow, deny) = (PolicySpec::allow("t:allow"), PolicySpec::deny("t:deny"));
    check_table(harness, &[broken(allow.clone())], &[(request(), Undefined, &[])]);
    check_table(harness, &[broken(deny.clone())], &[(request(), Deny, &["t:deny"])]);
    check_table(harness, &[allow.clone(), broken(deny.clone())], &[(request(), Deny, &["t:deny"])]);
    check_table(harness, &[broken(allow.clone()), deny], &[(request(), Deny, &["t:deny"])]);
    check_table(harness, &[broken(PolicySpec::allow("t:x")), allow], &[(request(), Allow, &["t:allow"])]);
    // One that is about something else is not even tried.
    check_table(harness, &[other(broken(PolicySpec::deny("t:x")))], &[(request(), Undefined, &[])]);
}

pub fn policy_alone_says_what_it_says_in_a_scope<H: Harness>(harness: &H) {
    let policies = [
        (PolicySpec::allow("t:a"), Allow),
        (PolicySpec::deny("t:b"), Deny),
        (other(PolicySpec::deny("t:c")), Undefined),
        (PolicySpec::deny("t:d").resources(&["sys:*"]), Undefined),
        (broken(PolicySpec::allow("t:e")), Undefined),
        (broken(PolicySpec::deny("t:f")), Deny),
    ];
    let specs: Vec<PolicySpec> = policies.iter().map(|(spec, _)| spec.clone()).collect();
    let engine = harness.start(&specs);
    for (spec, expected) in policies {
        let policy = engine.policy(&spec.id).expect("a policy");
        assert_eq!((&**policy.id(), policy.effect()), (spec.id.as_str(), spec.effect));
        assert_eq!(policy.decide(&request().request()), expected, "{}", spec.id);
        assert_eq!(Scope::new([policy]).decide(&request().request()).decision, expected, "{}", spec.id);
    }
}

pub fn diagnostics_name_who_decided<H: Harness>(harness: &H) {
    let decision = |text: &str| if text.starts_with("allowed") { Allow } else { Deny };
    let check = |policies: &[PolicySpec], deciding: &[&str], starts: &str| {
        check_table(harness, policies, &[(request(), decision(starts), deciding)]);
        let engine = harness.start(policies);
        let scope: Scope = policies.iter().map(|spec| engine.policy(&spec.id).expect("a policy")).collect();
        let text = scope.evaluate(&request().request()).to_string();
        assert!(text.starts_with(starts), "{text}");
    };
    let (allow, deny) = (PolicySpec::allow, PolicySpec::deny);
    check(&[allow("t:a"), allow("t:b")], &["t:a", "t:b"], "allowed by policy `t:a`");
    check(&[allow("t:a"), deny("t:b"), deny("t:c")], &["t:b", "t:c"], "denied by policy `t:b`");
    check(&[allow("t:a"), broken(deny("t:b"))], &["t:b"], "denied: policy `t:b` could not be evaluated: ");
    check(&[broken(deny("t:a")), deny("t:b")], &["t:b", "t:a"], "denied by policy `t:b`");

    let engine = harness.start(&[broken(allow("t:a"))]);
    let scope = Scope::new(engine.policy("t:a"));
    let text = scope.evaluate(&request().request()).to_string();
    assert!(text.starts_with("no policy allows it: policy `t:a` could not be evaluated: "), "{text}");
    assert_eq!(Scope::default().evaluate(&request().request()).to_string(), "no policy allows it");
}
