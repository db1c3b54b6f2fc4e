//! What holds for all policies and requests.

use perilune_policy::{Decision, DecisionCache, Effect, Map, Policy, PolicyEngine, Request, Scope};
use perilune_policy_testkit::{NaiveEngine, PolicySpec, RequestSpec, check_scope, maps, policies, policy, requests};
use proptest::collection::vec;
use proptest::prelude::*;

fn scope(specs: &[PolicySpec]) -> Scope {
    specs.iter().map(policy).collect()
}

/// How much a decision lets pass, where nobody asked for comparing.
fn width(decision: Decision) -> usize {
    match decision {
        Decision::Deny => 0,
        Decision::Undefined => 1,
        Decision::Allow => 2,
    }
}

#[derive(Clone, Debug)]
enum Op {
    /// Other policies are in force, in all new scopes.
    Replace(Vec<PolicySpec>),
    /// Whoever holds the scopes looks them up again.
    LookUp,
    /// One of the requests is made, with other attributes.
    Ask(usize, Map),
    /// A policy more or less in the scope.
    With(usize),
    Without(usize),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        1 => policies(0..20).prop_map(Op::Replace),
        1 => Just(Op::LookUp),
        8 => (any::<usize>(), maps()).prop_map(|(which, attributes)| Op::Ask(which, attributes)),
        1 => any::<usize>().prop_map(Op::With),
        1 => any::<usize>().prop_map(Op::Without),
    ];
    vec(op, 0..60)
}

proptest! {
    #[test]
    fn index_agrees_with_the_model(specs in policies(0..60), asked in vec(requests(), 1..20)) {
        let scope = scope(&specs);
        for spec in &asked {
            check_scope(&scope, &specs, &spec.request());
        }
    }

    #[test]
    fn few_policies_decide_as_the_same_among_many_silent_ones(specs in policies(0..10), asked in requests()) {
        let silent = |n| PolicySpec::deny(&format!("t:silent{n}")).actions(&["silent"]);
        let many: Vec<PolicySpec> = specs.iter().cloned().chain((0..30).map(silent)).collect();
        prop_assert_eq!(scope(&specs).decide(&asked.request()), scope(&many).decide(&asked.request()));
    }

    #[test]
    fn adding_a_deny_never_widens_access(specs in policies(0..30), extra in policies(1..5), asked in requests()) {
        let mut scope = scope(&specs);
        for mut deny in extra {
            deny.effect = Effect::Deny;
            let before = scope.decide(&asked.request()).decision;
            scope = scope.with(&policy(&deny));
            let after = scope.decide(&asked.request()).decision;
            prop_assert!(after == before || after == Decision::Deny, "{before} became {after}");
        }
    }

    #[test]
    fn adding_an_allow_never_narrows_access(specs in policies(0..30), extra in policies(1..5), asked in requests()) {
        let mut scope = scope(&specs);
        for mut allow in extra {
            allow.effect = Effect::Allow;
            let before = scope.decide(&asked.request()).decision;
            scope = scope.with(&policy(&allow));
            let after = scope.decide(&asked.request()).decision;
            prop_assert!(width(after) >= width(before), "{before} became {after}");
        }
    }

    #[test]
    fn order_of_policies_never_matters(
        (specs, shuffled) in policies(0..40).prop_flat_map(|specs| (Just(specs.clone()), Just(specs).prop_shuffle())),
        asked in requests(),
    ) {
        let (one, other) = (scope(&specs), scope(&shuffled));
        prop_assert_eq!(one.decide(&asked.request()), other.decide(&asked.request()));
    }

    #[test]
    fn union_decides_as_both_together(a in policies(0..20), b in policies(0..20), asked in requests()) {
        let request = asked.request();
        let (a, b) = (scope(&a), scope(&b));
        let (one, other) = (a.union(&b).decide(&request), b.union(&a).decide(&request));
        prop_assert_eq!(one, other);
        let decisions = [a.decide(&request).decision, b.decide(&request).decision];
        let expected = [Decision::Deny, Decision::Allow].into_iter().find(|decision| decisions.contains(decision));
        prop_assert_eq!(one.decision, expected.unwrap_or_default());
    }

    #[test]
    fn decision_that_depends_on_no_attributes_is_the_same_for_all(
        specs in policies(0..20),
        asked in requests(),
        others in vec(maps(), 1..10),
    ) {
        let scope = scope(&specs);
        let verdict = scope.decide(&asked.request());
        if !verdict.depends_on_attributes {
            for attributes in others {
                let asked = asked.clone().attributes(attributes);
                prop_assert_eq!(scope.decide(&asked.request()), verdict);
            }
        }
    }

    #[test]
    fn reasons_are_enough_and_there_are_always_some(specs in policies(0..20), asked in requests()) {
        let diagnostics = scope(&specs).evaluate(&asked.request());
        let deciding: Vec<&Policy> = diagnostics.deciding().collect();
        let text = diagnostics.to_string();
        match diagnostics.decision() {
            Decision::Undefined => {
                prop_assert!(deciding.is_empty());
                prop_assert!(text.starts_with("no policy allows it"), "{text}");
            }
            decision => {
                prop_assert!(!deciding.is_empty());
                prop_assert!(deciding.iter().any(|policy| text.contains(&format!("`{}`", policy.id()))), "{text}");
                for policy in deciding {
                    prop_assert_eq!(policy.decide(&asked.request()), decision);
                }
            }
        }
    }

    #[test]
    fn cache_and_fresh_evaluation_agree_whatever_changes(
        first in policies(1..20),
        asked in vec(requests(), 1..6),
        ops in ops(),
        room in 1usize..20,
        advances: bool,
    ) {
        let grouped = |specs: &[PolicySpec]| -> Vec<PolicySpec> {
            specs.iter().map(|spec| spec.clone().groups(&["t:g"])).collect()
        };
        let engine = NaiveEngine::new(&grouped(&first));
        let look_up = || engine.scope("t:g").unwrap_or_default();
        let (mut cache, mut scope) = (DecisionCache::new(room), look_up());
        for op in ops {
            match op {
                Op::Replace(specs) => engine.replace(&grouped(&specs)),
                Op::LookUp => scope = look_up(),
                Op::With(number) => {
                    if let Some(policy) = engine.policy(&format!("t:p{}", number % 20)) {
                        scope = scope.with(&policy);
                    }
                }
                Op::Without(number) => scope = scope.without(&format!("t:p{}", number % 20)),
                Op::Ask(which, attributes) => {
                    let RequestSpec { principal, action, resource, .. } = &asked[which % asked.len()];
                    let request = Request::new(principal, action, resource).with_attributes(&attributes);
                    if advances {
                        cache.advance(engine.generation());
                    }
                    prop_assert_eq!(cache.decide(&scope, &request), scope.decide(&request).decision);
                }
            }
        }
        prop_assert!(cache.len() <= cache.capacity());
    }
}
