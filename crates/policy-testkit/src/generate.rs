//! Policies and requests at random, of so few words that they meet.

use std::ops::Range;

use perilune_policy::{Effect, Map, Principal, Value};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::expr::{COMPARISONS, Expr};
use crate::spec::{Condition, PolicySpec, RequestSpec, When, With};

const ACTIONS: [&str; 6] = ["read", "write", "doc.read", "doc.write", "doc", ""];
const ACTION_PATTERNS: [&str; 8] = ["*", "read", "write", "doc.*", "d*", "doc.read", "r*", "doc"];
const RESOURCES: [&str; 7] = ["app:a", "app:ab", "app:abc", "app:", "sys:a", "a", ""];
const RESOURCE_PATTERNS: [&str; 9] = ["*", "app:*", "app:a*", "app:ab*", "app:ab", "app:a", "sys:*", "sys:a", "a*"];
const TEXTS: [&str; 6] = ["", "a", "ab", "b", "read", "app:a"];
const MATCHED: [&str; 6] = ["a", "^a", "a$", "^ab$", "", "app:a"];
const NAMES: [&str; 5] = ["x", "y", "tags", "level", "team"];
const FIELDS: [&str; 12] = [
    "actor.id",
    "action",
    "resource",
    "actor.meta.x",
    "actor.meta.tags",
    "actor.meta.level",
    "actor.meta.team.x",
    "meta.x",
    "meta.y",
    "meta.tags",
    "meta.team",
    "meta.team.y",
];
const OPERATORS: [&str; 14] = [
    "eq",
    "ne",
    "lt",
    "lte",
    "gt",
    "gte",
    "in",
    "nin",
    "contains",
    "ncontains",
    "matches",
    "nmatches",
    "exists",
    "nexists",
];

/// So many policies, with conditions.
///
/// ```
/// use perilune_policy_testkit::{NaiveEngine, check_scope, policies, policy, requests};
/// use proptest::prelude::*;
///
/// proptest! {
///     fn scope_agrees_with_the_model(policies in policies(0..20), request in requests()) {
///         let scope = policies.iter().map(policy).collect();
///         check_scope(&scope, &policies, &request.request());
///     }
/// }
/// scope_agrees_with_the_model();
/// ```
pub fn policies(count: Range<usize>) -> impl Strategy<Value = Vec<PolicySpec>> {
    numbered(vec(policy(conditions().boxed()), count))
}

/// So many policies, with conditions or expressions, those as trees.
pub fn policies_with_expressions(count: Range<usize>) -> impl Strategy<Value = Vec<PolicySpec>> {
    let when = prop_oneof![1 => conditions(), 3 => expressions().prop_map(When::Tree)];
    numbered(vec(policy(when.boxed()), count))
}

/// A request.
pub fn requests() -> impl Strategy<Value = RequestSpec> {
    (select(&["alice", "a", "ab"][..]), maps(), select(&ACTIONS[..]), select(&RESOURCES[..]), maps()).prop_map(
        |(id, meta, action, resource, attributes)| RequestSpec {
            principal: Principal::new(id, meta),
            action: action.into(),
            resource: resource.into(),
            attributes,
        },
    )
}

/// Metadata of a principal, or attributes.
pub fn maps() -> impl Strategy<Value = Map> {
    let nested = vec((select(&NAMES[..]), values()), 0..3).prop_map(|pairs| Value::map(pairs).unwrap_or_default());
    vec((select(&NAMES[..]), prop_oneof![4 => values(), 1 => nested]), 0..5)
        .prop_map(|pairs| Map::new(pairs).unwrap_or_default())
}

fn numbered(policies: impl Strategy<Value = Vec<PolicySpec>>) -> impl Strategy<Value = Vec<PolicySpec>> {
    policies.prop_map(|mut policies| {
        for (number, policy) in policies.iter_mut().enumerate() {
            policy.id = format!("t:p{number}");
        }
        policies
    })
}

fn policy(when: BoxedStrategy<When>) -> impl Strategy<Value = PolicySpec> {
    let texts = |patterns: &'static [&'static str]| vec(select(patterns).prop_map(str::to_owned), 1..4);
    let effect = prop_oneof![2 => Just(Effect::Allow), 1 => Just(Effect::Deny)];
    (effect, texts(&ACTION_PATTERNS), texts(&RESOURCE_PATTERNS), when).prop_map(|(effect, actions, resources, when)| {
        PolicySpec { id: String::new(), effect, actions, resources, when, groups: Vec::new() }
    })
}

fn conditions() -> impl Strategy<Value = When> {
    vec(condition(), 0..4).prop_map(When::Conditions)
}

/// One that can be loaded: values that no field could be compared with are refused.
fn condition() -> impl Strategy<Value = Condition> {
    let field = || select(&FIELDS[..]).prop_map(str::to_owned);
    (field(), select(&OPERATORS[..])).prop_flat_map(move |(left, operator)| {
        let value = match operator {
            "exists" | "nexists" => return Just(with(&left, operator, With::Nothing)).boxed(),
            "in" | "nin" => lists().boxed(),
            "lt" | "lte" | "gt" | "gte" => prop_oneof![numbers(), texts()].boxed(),
            "matches" | "nmatches" => select(&MATCHED[..]).prop_map(Value::from).boxed(),
            _ => values().boxed(),
        };
        prop_oneof![3 => value.prop_map(With::Value), 1 => field().prop_map(With::Field)]
            .prop_map(move |right| with(&left, operator, right))
            .boxed()
    })
}

fn with(field: &str, operator: &str, with: With) -> Condition {
    Condition { field: field.into(), operator: operator.into(), with }
}

fn expressions() -> impl Strategy<Value = Expr> {
    let field = || select(&FIELDS[..]).prop_map(|path| Expr::Field(path.into()));
    let literal = || prop_oneof![4 => values(), 1 => Just(Value::Nil)].prop_map(Expr::Value);
    let item = (prop_oneof![field(), vec(field(), 0..3).prop_map(Expr::List)], 0..3usize)
        .prop_map(|(list, at)| Expr::Item(list.into(), at));
    let operand = prop_oneof![
        4 => field(),
        3 => literal(),
        1 => vec(prop_oneof![field(), literal()], 0..3).prop_map(Expr::List),
        1 => item,
    ];
    let compare = (operand.clone(), select(&COMPARISONS[..]), operand.clone())
        .prop_map(|(left, operator, right)| Expr::Compare(left.into(), operator, right.into()));
    let leaf = prop_oneof![6 => compare, 1 => any::<bool>().prop_map(|truth| Expr::Value(truth.into())), 1 => operand];
    leaf.prop_recursive(3, 20, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| Expr::Not(inner.into())),
            vec(inner.clone(), 1..4).prop_map(Expr::All),
            vec(inner, 1..4).prop_map(Expr::Any),
        ]
    })
}

fn values() -> impl Strategy<Value = Value> {
    prop_oneof![3 => texts(), 3 => numbers(), 1 => any::<bool>().prop_map(Value::from), 2 => lists()]
}

fn texts() -> impl Strategy<Value = Value> {
    select(&TEXTS[..]).prop_map(Value::from)
}

fn numbers() -> impl Strategy<Value = Value> {
    prop_oneof![(-2..3i64).prop_map(Value::from), select(&[0.0, 0.5, 1.0, -2.0, 1e9][..]).prop_map(Value::from)]
}

fn lists() -> impl Strategy<Value = Value> {
    vec(prop_oneof![texts(), numbers()], 0..4).prop_map(|items| Value::list(items).unwrap_or_default())
}
