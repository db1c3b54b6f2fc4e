//! What is wrong with a policy is found when it is loaded, all of it, and with its place.

use perilune_policy::{Effect, Pattern, PolicyError, Value};
use perilune_policy_rules::{PolicyKind, PolicySource, When};
use perilune_policy_testkit::{list, map};

fn read(kind: PolicyKind, entry: &Value) -> Result<PolicySource, Vec<PolicyError>> {
    PolicySource::read("app:p", kind, entry)
}

/// A policy that is fine, with these keys set.
fn policy<const N: usize>(keys: [(&'static str, Value); N]) -> Value {
    let fine = [("actions", "read".into()), ("resources", "*".into()), ("effect", "allow".into())];
    map([("policy", map(fine.into_iter().chain(keys)))])
}

/// A policy whose second condition has these keys set; the first one is fine.
fn condition<const N: usize>(keys: [(&'static str, Value); N]) -> Value {
    let fine: [(&str, Value); 3] = [("field", "actor.id".into()), ("operator", "eq".into()), ("value", "a".into())];
    policy([("conditions", list([map(fine.clone()), map(fine.into_iter().chain(keys))]))])
}

fn check_kind(kind: PolicyKind, entry: &Value, expected: &[&str]) {
    let errors = read(kind, entry).expect_err("something is wrong");
    let texts: Vec<String> = errors
        .iter()
        .map(|error| error.to_string().replace(" of policy `app:p`", "").replace("policy `app:p` ", ""))
        .collect();
    assert_eq!(texts, expected, "{entry:?}");
    assert!(errors.iter().all(|error| error.policy() == "app:p" && error.path().is_some()));
}

fn check(entry: Value, expected: &str) {
    check_kind(PolicyKind::Conditions, &entry, &[expected]);
}

#[test]
fn policy_is_read() {
    let entry = map([
        (
            "policy",
            map([
                ("actions", list(["read", "doc.*"])),
                ("resources", "*".into()),
                ("effect", "deny".into()),
                ("conditions", list([Value::Nil; 0])),
            ]),
        ),
        ("groups", list(["team", "other:team", ":bare", "team"])),
    ]);
    let source = read(PolicyKind::Conditions, &entry).expect("a policy");
    assert_eq!((&*source.id, source.effect, source.when), ("app:p", Effect::Deny, When::Always));
    let patterns = |texts: &[&str]| texts.iter().map(|text| Pattern::parse(text).unwrap()).collect::<Vec<_>>();
    assert_eq!((source.actions, source.resources), (patterns(&["read", "doc.*"]), patterns(&["*"])));
    let groups: Vec<&str> = source.groups.iter().map(|group| &**group).collect();
    assert_eq!(groups, ["app:team", "other:team", "bare"]);
}

#[test]
fn kinds_are_those_of_entries() {
    assert_eq!(PolicyKind::parse("security.policy"), Some(PolicyKind::Conditions));
    assert_eq!(PolicyKind::parse("security.policy.expr"), Some(PolicyKind::Expression));
    assert_eq!(PolicyKind::parse("security.policies"), None);
}

#[test]
fn required_keys_are_missed() {
    check(map([("groups", list(["a"]))]), "lacks the required key `policy`");
    check_kind(
        PolicyKind::Conditions,
        &map([("policy", Value::map([("", Value::Nil)]).unwrap())]),
        &[
            "lacks the required key `policy.effect`",
            "lacks the required key `policy.actions`",
            "lacks the required key `policy.resources`",
        ],
    );
    check(condition([("field", Value::Nil)]), "lacks the required key `policy.conditions[1].field`");
    check(condition([("operator", Value::Nil)]), "lacks the required key `policy.conditions[1].operator`");
    check(condition([("value", Value::Nil)]), "lacks the required key `policy.conditions[1].value`");
    check_kind(PolicyKind::Expression, &policy([]), &["lacks the required key `policy.expression`"]);
}

#[test]
fn types_are_checked() {
    check("text".into(), "`` must be a map, not a string");
    check(map([("policy", list([1]))]), "`policy` must be a map, not a list");
    check(policy([("effect", true.into())]), "`policy.effect` must be a string, not a boolean");
    check(policy([("actions", 1.into())]), "`policy.actions` must be a string or a list of strings, not a number");
    check(
        policy([("resources", list([Value::from("a"), 1.into()]))]),
        "`policy.resources[1]` must be a string, not a number",
    );
    check(policy([("conditions", map([("a", 1)]))]), "`policy.conditions` must be a list, not a map");
    check(policy([("conditions", list(["a"]))]), "`policy.conditions[0]` must be a map, not a string");
    check(condition([("operator", 1.into())]), "`policy.conditions[1].operator` must be a string, not a number");
    check(
        condition([("value", Value::Nil), ("value_from", list(["a"]))]),
        "`policy.conditions[1].value_from` must be a string, not a list",
    );
    check(
        map([("policy", policy([]).as_map().unwrap().get("policy").unwrap().clone()), ("groups", 1.into())]),
        "`groups` must be a string or a list of strings, not a number",
    );
}

#[test]
fn words_are_known_or_the_nearest_is_named() {
    check(policy([("effect", "Allow".into())]), "`policy.effect`: unknown effect `Allow`; did you mean `allow`?");
    check(policy([("effect", "forbid".into())]), "`policy.effect`: unknown effect `forbid`");
    check(condition([("operator", "equals".into())]), "`policy.conditions[1].operator`: unknown operator `equals`");
    check(
        condition([("operator", "mathces".into())]),
        "`policy.conditions[1].operator`: unknown operator `mathces`; did you mean `matches`?",
    );
    let field = |text: &str, advice: &str| {
        let expected = format!("`policy.conditions[1].field`: unknown field `{text}`{advice}");
        check(condition([("field", text.into())]), &expected);
    };
    field("actor.metta.role", "; did you mean `actor.meta.role`?");
    field("mta.pid", "; did you mean `meta.pid`?");
    field("actions", "; did you mean `action`?");
    field("user.name", "");
    field("", "");
    check(
        condition([("value", Value::Nil), ("value_from", "actor.ids".into())]),
        "`policy.conditions[1].value_from`: unknown field `actor.ids`; did you mean `actor.id`?",
    );
}

/// A key that is misspelt would be one that is missing: the policy would apply without its conditions.
#[test]
fn keys_are_known_or_the_nearest_is_named() {
    check(
        policy([("condtions", list([Value::Nil; 0]))]),
        "`policy.condtions`: unknown key `condtions`; did you mean `conditions`?",
    );
    check(policy([("expression", "true".into())]), "`policy.expression`: unknown key `expression`");
    check(
        condition([("values", list(["a"]))]),
        "`policy.conditions[1].values`: unknown key `values`; did you mean `value`?",
    );
    let with_group = policy([]).as_map().unwrap().pairs().to_vec();
    let with_group = Value::map(with_group.into_iter().chain([("group".into(), "a".into())])).unwrap();
    check(with_group, "`group`: unknown key `group`; did you mean `groups`?");
}

#[test]
fn patterns_make_sense() {
    check(
        policy([("actions", list(["a", "b*c"]))]),
        "`policy.actions[1]` is wrong: `b*c` has a `*` that is not at its end",
    );
    check(policy([("resources", "".into())]), "`policy.resources` is wrong: a pattern cannot be empty");
    check(policy([("actions", list([""; 0]))]), "`policy.actions` needs at least one pattern");
}

#[test]
fn conditions_make_sense() {
    let operator = |operator: &str, value: Value| condition([("operator", operator.into()), ("value", value)]);
    check(
        operator("exists", true.into()),
        "`policy.conditions[1].value` is one too many: `exists` compares with nothing",
    );
    check(operator("in", "a".into()), "`policy.conditions[1].value` must be a list for `in`, not a string");
    check(
        operator("lt", true.into()),
        "`policy.conditions[1].value` must be a number or a string for `lt`, not a boolean",
    );
    check(
        operator("matches", 1.into()),
        "`policy.conditions[1].value` must be a regular expression for `matches`, not a number",
    );
    check(operator("nmatches", "(a".into()), "`policy.conditions[1].value` is no regular expression: unclosed group");
    check(
        condition([("value_from", "action".into())]),
        "`policy.conditions[1].value_from` is one too many: there is a `value` already",
    );
    check(
        condition([("field", "meta.a..b".into())]),
        "`policy.conditions[1].field` is wrong: `meta.a..b` needs a name after each dot",
    );
}

#[test]
fn everything_that_is_wrong_is_told() {
    let entry = map([
        (
            "policy",
            map([
                ("actions", list(["*a", "b", "*c"])),
                ("effect", "alow".into()),
                ("conditions", list([map([("field", "actr.id"), ("operator", "eqq")]), map([("field", "action")])])),
            ]),
        ),
        ("groups", list([1])),
    ]);
    let errors = read(PolicyKind::Conditions, &entry).expect_err("much is wrong");
    let paths: Vec<String> = errors.iter().filter_map(PolicyError::path).map(ToString::to_string).collect();
    assert_eq!(
        paths,
        [
            "groups[0]",
            "policy.effect",
            "policy.actions[0]",
            "policy.actions[2]",
            "policy.resources",
            "policy.conditions[0].field",
            "policy.conditions[0].operator",
            "policy.conditions[1].operator",
        ]
    );
}

#[test]
fn expressions_are_wrong_at_a_place() {
    let check = |text: &str, expected: &str| {
        let expected = format!("`policy.expression`: {expected}");
        check_kind(PolicyKind::Expression, &policy([("expression", text.into())]), &[&expected]);
    };
    check("", "expected a value, found the end, at character 1");
    check("action = 'a'", "unexpected `=`; did you mean `==`?, at character 8");
    check("'ö' == 'ö' and true", "expected an operator, found `and`; did you mean `&&`?, at character 12");
    check("true or true", "expected an operator, found `or`; did you mean `||`?, at character 6");
    check("not true", "unexpected `not`; did you mean `!`?, at character 1");
    check("true & true", "unexpected `&`; did you mean `&&`?, at character 6");
    check("1 + 1 == 2", "unexpected `+`; expressions do not calculate, at character 3");
    check("1 - 1", "expected an operator, found `-`, at character 3");
    check("1 < 2 < 3", "comparisons do not chain; put one into parentheses, at character 7");
    check("len(action) == 1", "expressions call no functions, at character 4");
    check("(true", "expected `)`, found the end, at character 6");
    check("[1 2]", "expected `,` or `]`, found a number, at character 4");
    check("[,]", "expected a value, found `,`, at character 2");
    check("actor.", "expected a name, found the end, at character 7");
    check("actor[0", "expected `]`, found the end, at character 8");
    check("'text'.x", "only names and lists have something inside, at character 7");
    check("in in in", "expected a value, found `in`, at character 1");
    check("'open", "a string that does not end, at character 1");
    check(r"'a\d'", r"unknown escape `\d`; in backticks it is itself, at character 3");
    check("1x", "a number that ends in letters, at character 1");
    check("99999999999999999999 > 1", "this number is too large, at character 1");
    check("-action", "expected a number, found `action`, at character 2");
    check("action matches '('", "this pattern is no regular expression: unclosed group, at character 16");
    check("ä", "unexpected `ä`, at character 1");
    check(&format!("true{}", " ".repeat(8192)), "an expression of more than 8192 bytes, at character 1");
    let deep = |n| format!("{}true{}", "(".repeat(n), ")".repeat(n));
    assert!(read(PolicyKind::Expression, &policy([("expression", deep(32).into())])).is_ok());
    check(&deep(33), "nested more than 32 levels deep, at character 34");
    check(&"!".repeat(33), "nested more than 32 levels deep, at character 34");
    check(&"[".repeat(8192), "nested more than 32 levels deep, at character 34");
    check(&"a[".repeat(4096), "nested more than 32 levels deep, at character 67");
}
