//! Live changes of the policies.

use perilune_policy::{
    Decision, DecisionCache, Effect, Map, Pattern, PolicyEngine, PolicyErrorKind, Principal, Request,
};
use perilune_policy_rules::{PolicySource, RuleEngine};

fn source(id: &str, effect: Effect, action: &str, group: &str) -> PolicySource {
    let source = PolicySource::new(id, effect, [Pattern::parse(action).unwrap()], [Pattern::Any]);
    PolicySource { groups: vec![group.into()], ..source }
}

#[test]
fn what_did_not_change_stays_the_same_and_known() {
    let kept = || source("t:kept", Effect::Allow, "read", "t:a");
    let engine = RuleEngine::new([kept(), source("t:changed", Effect::Allow, "read", "t:b")]).unwrap();
    let before = ["t:a", "t:b"].map(|id| engine.scope(id).unwrap());
    let policy = engine.policy("t:kept").unwrap();
    let (mut cache, alice) = (DecisionCache::new(16), Principal::new("alice", Map::EMPTY));
    let request = Request::new(&alice, "read", "x");
    assert_eq!(cache.decide(&before[0], &request), Decision::Allow);

    engine.replace([source("t:changed", Effect::Deny, "read", "t:b"), kept()]).unwrap();
    let after = ["t:a", "t:b"].map(|id| engine.scope(id).unwrap());
    assert_eq!(engine.policy("t:kept").unwrap(), policy);
    assert_eq!(after[0].identity(), before[0].identity());
    assert_ne!(after[1].identity(), before[1].identity());
    assert_eq!(after[1].decide(&request).decision, Decision::Deny);

    // A new member makes a new scope of the group, of the same policies and one more.
    engine.replace([kept(), source("t:new", Effect::Deny, "*", "t:a")]).unwrap();
    let grown = engine.scope("t:a").unwrap();
    assert_ne!(grown.identity(), before[0].identity());
    assert_eq!((grown.policies()[0] == policy, grown.policies().len()), (true, 2));
    assert_eq!(cache.decide(&grown, &request), Decision::Deny);
}

#[test]
fn policy_that_only_changes_groups_stays_the_same() {
    let engine = RuleEngine::new([source("t:p", Effect::Allow, "read", "t:a")]).unwrap();
    let before = engine.policy("t:p").unwrap();
    engine.replace([source("t:p", Effect::Allow, "read", "t:b")]).unwrap();
    assert_eq!(engine.policy("t:p").unwrap(), before);
    assert!(engine.scope("t:a").is_none() && engine.scope("t:b").is_some());
}

#[test]
fn ids_that_come_twice_change_nothing() {
    let engine = RuleEngine::new([source("t:p", Effect::Allow, "read", "t:a")]).unwrap();
    let generation = engine.generation();
    let twice = ["t:q", "t:p", "t:q", "t:r", "t:r"].map(|id| source(id, Effect::Deny, "read", "t:a"));
    let errors = engine.replace(twice).unwrap_err();
    let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["there are two policies `t:q`", "there are two policies `t:r`"]);
    assert!(errors.iter().all(|error| error.kind() == PolicyErrorKind::AlreadyExists && error.path().is_none()));
    assert_eq!(engine.generation(), generation);
    assert_eq!(engine.scope("t:a").unwrap().policies().len(), 1);
    assert!(engine.policy("t:q").is_none());
}

#[test]
fn ids_are_listed() {
    let engine = RuleEngine::new(["t:p", "t:q"].map(|id| source(id, Effect::Allow, "read", "t:a"))).unwrap();
    let set = engine.current();
    let mut ids: Vec<&str> = set.policy_ids().map(|id| &**id).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["t:p", "t:q"]);
    assert_eq!(set.scope_ids().map(|id| &**id).collect::<Vec<_>>(), ["t:a"]);
}
