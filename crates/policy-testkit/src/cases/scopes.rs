use perilune_policy::Decision::{self, Allow, Deny, Undefined};
use perilune_policy::{PolicyEngine, Scope};

use crate::harness::Harness;
use crate::spec::{PolicySpec, RequestSpec};

fn decide(scope: &Scope, action: &str) -> Decision {
    scope.decide(&RequestSpec::new("alice", action, "app:report").request()).decision
}

fn ids(scope: &Scope) -> Vec<&str> {
    scope.policies().iter().map(|policy| &**policy.id()).collect()
}

/// Three policies in a scope each: one allows `read`, one allows `write`, one denies `write`.
fn three(engine: &impl PolicyEngine) -> [Scope; 3] {
    ["t:read", "t:write", "t:never"].map(|id| Scope::new(engine.policy(id)))
}

const fn policies() -> [fn() -> PolicySpec; 3] {
    [
        || PolicySpec::allow("t:read").actions(&["read"]),
        || PolicySpec::allow("t:write").actions(&["write"]),
        || PolicySpec::deny("t:never").actions(&["write"]),
    ]
}

pub fn group_without_namespace_belongs_to_the_policys_own<H: Harness>(harness: &H) {
    let engine = harness.start(&[
        PolicySpec::allow("a:p").groups(&["team"]),
        PolicySpec::allow("b:p").groups(&["team"]),
        PolicySpec::allow("b:q").groups(&["a:team"]),
    ]);
    let scope = |id| engine.scope(id).map(|scope| ids(&scope).join(" "));
    assert_eq!(scope("a:team").as_deref(), Some("a:p b:q"));
    assert_eq!(scope("b:team").as_deref(), Some("b:p"));
    assert_eq!(scope("team"), None);
}

pub fn policy_may_be_in_many_groups<H: Harness>(harness: &H) {
    let engine = harness.start(&[PolicySpec::allow("t:p").groups(&["a", "b", "a"]), PolicySpec::deny("t:q")]);
    for id in ["t:a", "t:b"] {
        assert_eq!(ids(&engine.scope(id).expect("a named scope")), ["t:p"]);
    }
}

pub fn unknown_ids_give_nothing<H: Harness>(harness: &H) {
    let engine = harness.start(&[PolicySpec::allow("t:p").groups(&["g"])]);
    for id in ["", "p", "t:", "t:P", "t:g", "u:p"] {
        assert!(engine.policy(id).is_none(), "{id:?}");
    }
    for id in ["", "g", "t:", "t:G", "t:p", "u:g"] {
        assert!(engine.scope(id).is_none(), "{id:?}");
    }
}

pub fn scope_grows_and_shrinks_as_a_set<H: Harness>(harness: &H) {
    let engine = harness.start(&policies().map(|policy| policy()));
    let policy = |id| engine.policy(id).expect("a policy");
    let empty = Scope::default();
    let one = empty.with(&policy("t:write"));
    let two = one.with(&policy("t:never"));
    assert_eq!((ids(&empty), ids(&one), ids(&two)), (vec![], vec!["t:write"], vec!["t:write", "t:never"]));
    assert_eq!((decide(&empty, "write"), decide(&one, "write"), decide(&two, "write")), (Undefined, Allow, Deny));
    assert!(two.contains("t:never") && !one.contains("t:never") && !two.contains("never"));
    assert_eq!(ids(&two.with(&policy("t:write"))), ["t:write", "t:never"]);

    let less = two.without("t:never");
    assert_eq!((ids(&less), decide(&less, "write")), (vec!["t:write"], Allow));
    assert_eq!(decide(&two, "write"), Deny, "a scope never changes");
    assert_eq!(ids(&two.without("t:unknown")), ["t:write", "t:never"]);
    assert_eq!(ids(&less.without("t:write")), [""; 0]);
}

pub fn union_has_the_policies_of_both<H: Harness>(harness: &H) {
    let engine = harness.start(&policies().map(|policy| policy()));
    let [read, write, never] = three(&engine);
    let both = read.union(&write);
    assert_eq!((ids(&both), decide(&both, "read"), decide(&both, "write")), (vec!["t:read", "t:write"], Allow, Allow));
    let all = never.union(&both).union(&write);
    assert_eq!((ids(&all), decide(&all, "write")), (vec!["t:never", "t:read", "t:write"], Deny));
    assert_eq!(ids(&Scope::default().union(&read)), ids(&read.union(&Scope::default())));
}

pub fn change_shows_in_later_look_ups_only<H: Harness>(harness: &H) {
    let policies = |effect, actions| [PolicySpec::new("t:p", effect).actions(&[actions]).groups(&["g"])];
    let engine = harness.start(&policies(perilune_policy::Effect::Allow, "read"));
    let generation = engine.generation();
    let before = (engine.scope("t:g").expect("a named scope"), engine.policy("t:p").expect("a policy"));
    harness.replace(&engine, &policies(perilune_policy::Effect::Deny, "*"));
    let after = engine.scope("t:g").expect("a named scope");
    assert_eq!((decide(&before.0, "read"), decide(&after, "read")), (Allow, Deny));
    assert_eq!(decide(&Scope::new([before.1]), "write"), Undefined);
    assert_ne!(engine.generation(), generation);
    harness.replace(&engine, &[]);
    assert!(engine.scope("t:g").is_none() && engine.policy("t:p").is_none());
    assert_eq!(decide(&after, "write"), Deny);
}

pub fn scopes_of_unlike_policies_have_unlike_identities<H: Harness>(harness: &H) {
    let engine = harness.start(&[PolicySpec::allow("t:p").groups(&["g"])]);
    let scope = || engine.scope("t:g").expect("a named scope");
    let first = scope();
    assert_eq!(first.identity(), scope().identity(), "looking up twice");
    assert_eq!(first.identity(), first.with(&engine.policy("t:p").expect("a policy")).identity(), "it was in");
    harness.replace(&engine, &[PolicySpec::deny("t:p").groups(&["g"])]);
    let second = scope();
    assert_ne!(first.identity(), second.identity());
    harness.replace(&engine, &[PolicySpec::deny("t:p").groups(&["g"]), PolicySpec::allow("t:q").groups(&["g"])]);
    assert_ne!(second.identity(), scope().identity());
}

pub fn old_and_new_version_both_count<H: Harness>(harness: &H) {
    let engine = harness.start(&[PolicySpec::deny("t:p").groups(&["g"])]);
    let old = engine.scope("t:g").expect("a named scope");
    harness.replace(&engine, &[PolicySpec::allow("t:p").groups(&["g"])]);
    let new = engine.scope("t:g").expect("a named scope");
    assert_eq!(decide(&new, "read"), Allow);
    for both in [old.union(&new), new.union(&old)] {
        assert_eq!((ids(&both), decide(&both, "read")), (vec!["t:p", "t:p"], Deny));
        assert_eq!(ids(&both.without("t:p")), [""; 0], "all versions go");
    }
}
