use perilune_policy::{Map, Value};

use crate::harness::Harness;
use crate::spec::{PolicySpec, RequestSpec, With, list, map};
use crate::table::Finding::{self, Applies, Fails, Not};
use crate::table::{check_finding, map_of};

const OPERATORS: [&str; 12] =
    ["eq", "ne", "lt", "lte", "gt", "gte", "in", "nin", "contains", "ncontains", "matches", "nmatches"];

/// A request whose principal has that value as `x`, if any.
fn asking(x: impl Into<Value>) -> RequestSpec {
    RequestSpec::new("alice", "read", "app:report").meta(map_of([("x", x.into())]))
}

/// What an operator and its opposite find, with the value given and with the value from a field.
fn check<H: Harness>(
    harness: &H,
    field: impl Into<Value>,
    [operator, opposite]: [&str; 2],
    value: impl Into<Value>,
    expected: Finding,
) {
    let (field, value) = (field.into(), value.into());
    let negated = match expected {
        Applies => Not,
        Not => Applies,
        Fails => Fails,
    };
    let plain = asking(field.clone());
    let both = plain.clone().attributes(map_of([("y", value.clone())]));
    for (operator, expected) in [(operator, expected), (opposite, negated)] {
        let policy = PolicySpec::allow("t:p");
        // A value that no field could be compared with is refused when policies are loaded, not when they decide.
        let is_accepted = match operator {
            "in" | "nin" => value.as_list().is_some(),
            "lt" | "lte" | "gt" | "gte" => value.is_number() || value.as_str().is_some(),
            "matches" | "nmatches" => value.as_str().is_some(),
            _ => true,
        };
        if is_accepted {
            let given = policy.clone().when("actor.meta.x", operator, value.clone());
            check_finding(harness, &given, &plain, expected);
        }
        let from_field = policy.when_field("actor.meta.x", operator, "meta.y");
        check_finding(harness, &from_field, &both, expected);
    }
}

pub fn equality_is_by_type_and_value<H: Harness>(harness: &H) {
    let equal = ["eq", "ne"];
    check(harness, "a", equal, "a", Applies);
    check(harness, "a", equal, "A", Not);
    check(harness, "1", equal, 1, Not);
    check(harness, true, equal, true, Applies);
    check(harness, true, equal, "true", Not);
    check(harness, 1, equal, true, Not);
    check(harness, list([1, 2]), equal, list([1, 2]), Applies);
    check(harness, list([1, 2]), equal, list([2, 1]), Not);
    check(harness, map([("a", 1)]), equal, map([("a", 1.0)]), Applies);
    check(harness, map([("a", 1)]), equal, map([("a", 2)]), Not);
    check(harness, list([0; 0]), equal, "", Not);
}

pub fn numbers_are_equal_by_exact_value<H: Harness>(harness: &H) {
    const BIG: i64 = 9_007_199_254_740_993;
    check(harness, 1, ["eq", "ne"], 1.0, Applies);
    check(harness, 0.5, ["eq", "ne"], 0.5, Applies);
    check(harness, BIG, ["eq", "ne"], BIG, Applies);
    check(harness, BIG, ["eq", "ne"], BIG - 1, Not);
    check(harness, BIG, ["eq", "ne"], 9_007_199_254_740_992.0, Not);
    check(harness, BIG, ["gt", "lte"], 9_007_199_254_740_992.0, Applies);
    check(harness, 1.0, ["in", "nin"], list([1, 2]), Applies);
}

pub fn order_is_of_numbers_or_of_strings<H: Harness>(harness: &H) {
    let (less, greater) = (["lt", "gte"], ["gt", "lte"]);
    check(harness, 1, less, 2, Applies);
    check(harness, 2, less, 2.0, Not);
    check(harness, 2, greater, 2.0, Not);
    check(harness, 2.5, greater, 2, Applies);
    check(harness, -1, less, 0, Applies);
    check(harness, "a", less, "b", Applies);
    check(harness, "Z", less, "a", Applies);
    check(harness, "10", less, "9", Applies);
    check(harness, "é", greater, "z", Applies);
    for (a, b) in [(Value::from("1"), Value::from(2)), (1.into(), "2".into()), (true.into(), 1.into())] {
        check(harness, a.clone(), less, b.clone(), Fails);
        check(harness, a, greater, b, Fails);
    }
    check(harness, list([1]), less, 2, Fails);
    check(harness, 1, less, true, Fails);
}

pub fn membership_is_of_lists<H: Harness>(harness: &H) {
    let within = ["in", "nin"];
    check(harness, "a", within, list(["a", "b"]), Applies);
    check(harness, "c", within, list(["a", "b"]), Not);
    check(harness, 1, within, list(["1"]), Not);
    check(harness, "a", within, list([""; 0]), Not);
    check(harness, list([1]), within, list([list([1])]), Applies);
    check(harness, "a", within, "abc", Fails);
    check(harness, "a", within, map([("a", 1)]), Fails);
}

pub fn contains_is_of_lists_and_strings<H: Harness>(harness: &H) {
    let contains = ["contains", "ncontains"];
    check(harness, list(["a", "b"]), contains, "a", Applies);
    check(harness, list(["ab"]), contains, "a", Not);
    check(harness, list([1, 2]), contains, 2.0, Applies);
    check(harness, list([list([1])]), contains, list([1]), Applies);
    check(harness, "banana", contains, "nan", Applies);
    check(harness, "banana", contains, "", Applies);
    check(harness, "banana", contains, "Nan", Not);
    check(harness, "banana", contains, 1, Fails);
    check(harness, 1, contains, 1, Fails);
    check(harness, map([("a", 1)]), contains, "a", Fails);
}

pub fn regular_expressions_are_not_anchored<H: Harness>(harness: &H) {
    let matches = ["matches", "nmatches"];
    check(harness, "banana", matches, "nan", Applies);
    check(harness, "banana", matches, "^ban", Applies);
    check(harness, "banana", matches, "^nan", Not);
    check(harness, "banana", matches, "ana$", Applies);
    check(harness, "banana", matches, "^anan$", Not);
    check(harness, 1, matches, "1", Fails);
    check(harness, list(["a"]), matches, "a", Fails);
    check(harness, "banana", matches, 1, Fails);
    if !harness.capabilities().regular_expressions {
        println!("skipped: only plain regular expressions");
        return;
    }
    check(harness, "job-17", matches, r"^job-\d+$", Applies);
    check(harness, "Job-17", matches, "(?i)^job-[0-9]+$", Applies);
    check(harness, "job-", matches, r"job-\d", Not);
}

pub fn missing_field_makes_every_operator_false_but_one<H: Harness>(harness: &H) {
    let request = RequestSpec::new("alice", "read", "app:report");
    for operator in OPERATORS {
        let value = if operator.ends_with("in") && operator.len() < 4 { list(["a"]) } else { "a".into() };
        let policy = PolicySpec::allow("t:p").when("actor.meta.x", operator, value);
        check_finding(harness, &policy, &request, Not);
    }
    for (operator, there, missing) in [("exists", Applies, Not), ("nexists", Not, Applies)] {
        let policy = PolicySpec::allow("t:p").condition("actor.meta.x", operator, With::Nothing);
        check_finding(harness, &policy, &request, missing);
        check_finding(harness, &policy, &asking(false), there);
    }
}

pub fn missing_field_to_compare_with_makes_every_operator_false<H: Harness>(harness: &H) {
    for operator in OPERATORS {
        let policy = PolicySpec::allow("t:p").when_field("actor.meta.x", operator, "meta.y");
        check_finding(harness, &policy, &asking("a"), Not);
    }
}

pub fn fields_reach_everything_in_a_request<H: Harness>(harness: &H) {
    let request = RequestSpec::new("alice", "read", "app:report")
        .meta(map_of([("role", "analyst".into()), ("team", map([("lead", "bob")]))]))
        .attributes(map_of([("pid", "7".into()), ("run", map([("dir", "/tmp")])), ("owner", "alice".into())]));
    for (field, value) in [
        ("actor.id", "alice"),
        ("actor.meta.role", "analyst"),
        ("actor.meta.team.lead", "bob"),
        ("action", "read"),
        ("resource", "app:report"),
        ("meta.pid", "7"),
        ("meta.run.dir", "/tmp"),
    ] {
        check_finding(harness, &PolicySpec::allow("t:p").when(field, "eq", value), &request, Applies);
        check_finding(harness, &PolicySpec::allow("t:p").when(field, "eq", "other"), &request, Not);
    }
    let owner = PolicySpec::allow("t:p").when_field("meta.owner", "eq", "actor.id");
    check_finding(harness, &owner, &request, Applies);
    let part = PolicySpec::allow("t:p").when_field("resource", "contains", "action");
    check_finding(harness, &part, &request, Not);
}

pub fn paths_lead_through_maps_only<H: Harness>(harness: &H) {
    for x in [Value::from("text"), 1.into(), list(["a"]), map([("z", 1)])] {
        let policy = PolicySpec::allow("t:p").condition("actor.meta.x.y", "nexists", With::Nothing);
        check_finding(harness, &policy, &asking(x.clone()), Applies);
        check_finding(harness, &PolicySpec::allow("t:p").when("actor.meta.x.y", "ne", 1), &asking(x), Not);
    }
}

pub fn all_conditions_must_hold<H: Harness>(harness: &H) {
    let policy = PolicySpec::allow("t:p").when("actor.meta.x", "gt", 1).when("action", "eq", "read").when(
        "actor.meta.x",
        "lt",
        5,
    );
    for (x, expected) in [(1, Not), (2, Applies), (4, Applies), (5, Not)] {
        check_finding(harness, &policy, &asking(x), expected);
    }
    check_finding(harness, &policy.when("action", "ne", "read"), &asking(2), Not);
}

pub fn condition_that_does_not_hold_settles_it_before_failures<H: Harness>(harness: &H) {
    let fails = |policy: PolicySpec| policy.when("actor.meta.x", "lt", "text");
    let no = |policy: PolicySpec| policy.when("actor.id", "eq", "nobody");
    let yes = |policy: PolicySpec| policy.when("actor.id", "eq", "alice");
    let policy = || PolicySpec::allow("t:p");
    check_finding(harness, &no(fails(policy())), &asking(1), Not);
    check_finding(harness, &fails(no(policy())), &asking(1), Not);
    check_finding(harness, &yes(fails(policy())), &asking(1), Fails);
    check_finding(harness, &fails(yes(policy())), &asking(1), Fails);
}

pub fn operator_without_meaning_for_its_types_fails<H: Harness>(harness: &H) {
    for (operator, value) in [("lt", Value::from(1)), ("contains", "a".into()), ("matches", "a".into())] {
        let policy = PolicySpec::allow("t:p").when("actor.meta.x", operator, value);
        check_finding(harness, &policy, &asking(true), Fails);
        check_finding(harness, &policy, &asking(map([("a", 1)])), Fails);
        // What is not there is no type at all.
        check_finding(harness, &policy, &RequestSpec::new("alice", "read", "x").meta(Map::EMPTY), Not);
    }
}

pub fn pattern_from_a_field_that_is_none_fails<H: Harness>(harness: &H) {
    if !harness.capabilities().regular_expressions {
        println!("skipped: only plain regular expressions");
        return;
    }
    for operator in ["matches", "nmatches"] {
        let policy = PolicySpec::allow("t:p").when_field("actor.meta.x", operator, "meta.pattern");
        for (pattern, expected) in [("(", Fails), ("a{1000}{1000}{1000}", Fails)] {
            let request = asking("a").attributes(Map::texts([("pattern", pattern)]));
            check_finding(harness, &policy, &request, expected);
        }
    }
}
