//! Why a policy does not apply is told in words of its own.

use perilune_policy::{Map, Policy, Principal, Request, Value};
use perilune_policy_rules::{PolicyKind, PolicySource};
use perilune_policy_testkit::{list, map};

fn check(policy: &Policy, expected: &str) {
    let pairs = [("role", "guest".into()), ("tags", list([1, 2])), ("inner", map([("x", Value::from(true))]))];
    let alice = Principal::new("alice", Map::new(pairs).unwrap());
    let attributes = Map::texts([("pid", "p")]);
    let request = Request::new(&alice, "read", "app:x").with_attributes(&attributes);
    assert_eq!(policy.part(&request).to_string(), expected);
}

fn policy(kind: PolicyKind, (key, value): (&'static str, Value)) -> Policy {
    let about = [("actions", "read".into()), ("resources", "*".into()), ("effect", "allow".into()), (key, value)];
    PolicySource::read("app:p", kind, &map([("policy", map(about))])).expect("a policy").compile()
}

fn check_conditions<const N: usize>(conditions: [(&'static str, &'static str, Value); N], expected: &str) {
    let condition = |(field, operator, value): (&'static str, &'static str, Value)| {
        let pairs = [("field", field.into()), ("operator", operator.into())];
        let right = match value.as_str().and_then(|text| text.strip_prefix('@')) {
            Some(field) => ("value_from", field.into()),
            None => ("value", value),
        };
        map(pairs.into_iter().chain([right]))
    };
    check(&policy(PolicyKind::Conditions, ("conditions", list(conditions.map(condition)))), expected);
}

#[test]
fn conditions_that_do_not_hold_are_named_with_what_is_there() {
    check_conditions([("actor.id", "eq", "alice".into())], "applies");
    check_conditions(
        [("actor.meta.role", "eq", "analyst".into())],
        r#"does not apply: condition 1: `actor.meta.role eq "analyst"` is false: `actor.meta.role` is "guest""#,
    );
    check_conditions(
        [("meta.pid", "eq", "@resource".into())],
        r#"does not apply: condition 1: `meta.pid eq resource` is false: `meta.pid` is "p", `resource` is "app:x""#,
    );
    check_conditions(
        [("actor.meta.team", "eq", 1.into())],
        "does not apply: condition 1: `actor.meta.team eq 1` is false, for there is no `actor.meta.team`",
    );
    check_conditions(
        [("actor.id", "eq", "@meta.owner".into())],
        "does not apply: condition 1: `actor.id eq meta.owner` is false, for there is no `meta.owner`",
    );
    check_conditions(
        [("actor.meta.role", "nexists", Value::Nil)],
        "does not apply: condition 1: `actor.meta.role nexists` is false, for there is one",
    );
    check_conditions(
        [("actor.meta.tags", "contains", 3.into())],
        "does not apply: condition 1: `actor.meta.tags contains 3` is false: `actor.meta.tags` is [1, 2]",
    );
    check_conditions(
        [("resource", "matches", "^b".into())],
        r#"does not apply: condition 1: `resource matches "^b"` is false: `resource` is "app:x""#,
    );
    check_conditions(
        [("actor.meta.inner", "in", list(["a", "b"]))],
        r#"does not apply: condition 1: `actor.meta.inner in ["a", "b"]` is false: `actor.meta.inner` is a map"#,
    );
}

#[test]
fn every_false_condition_is_named_by_its_number() {
    // The one that reads attributes is looked at last, and keeps its number.
    check_conditions(
        [("meta.pid", "eq", "q".into()), ("actor.id", "exists", Value::Nil), ("action", "eq", "write".into())],
        r#"does not apply: condition 1: `meta.pid eq "q"` is false: `meta.pid` is "p"; condition 3: `action eq "write"` is false: `action` is "read""#,
    );
}

#[test]
fn what_cannot_be_evaluated_says_so() {
    check_conditions(
        [("actor.meta.role", "lt", 1.into())],
        "could not be evaluated: `lt` has no meaning for a string (`actor.meta.role`) and a number",
    );
}

#[test]
fn expressions_are_false_as_a_whole() {
    let check_expression = |text: &str, expected| {
        check(&policy(PolicyKind::Expression, ("expression", text.into())), expected);
    };
    check_expression("actor.meta.role == 'guest'", "applies");
    check_expression("actor.meta.role == 'admin'", "does not apply: its expression is false");
    check_expression("resource", "could not be evaluated: the expression gives a string, not a boolean");
}

#[test]
fn long_values_are_cut() {
    let long = "ä".repeat(100);
    let shown = "ä".repeat(40);
    check_conditions(
        [("actor.id", "eq", long.into())],
        &format!("does not apply: condition 1: `actor.id eq \"{shown}\"…` is false: `actor.id` is \"alice\""),
    );
    check_conditions(
        [("actor.id", "in", list(0..20))],
        "does not apply: condition 1: `actor.id in [0, 1, 2, 3, 4, 5, 6, 7, …]` is false: `actor.id` is \"alice\"",
    );
}
