//! Policies from the command line: asked, tested, and refused when they are wrong.

mod program;

use std::path::Path;

use program::{check, folder, refused, run};

const INDEX: &str = "\
namespace: app
entries:
  - name: read_reports
    kind: security.policy
    policy:
      actions: [read, list]
      resources: \"reports:*\"
      effect: allow
      conditions:
        - {field: actor.meta.role, operator: in, value: [analyst, admin]}
        - {field: meta.owner, operator: eq, value_from: actor.id}
    groups: [analysts]
  - name: no_secrets
    kind: security.policy
    policy:
      actions: \"*\"
      resources: reports:secret
      effect: deny
    groups: [analysts, everybody]
  - name: grown_up
    kind: security.policy.expr
    policy: {actions: read, resources: \"reports:*\", effect: allow, expression: actor.meta.age >= 18}
";

/// Runs `policy explain` as alice, who reads sales.
fn explain(args: &[&str], code: i32, stdout: &str) {
    let fixed = ["policy", "explain", "--actor", "alice", "--action", "read"];
    let told = check(&[("_index.yaml", INDEX)], &[&fixed, args].concat(), code, &[]);
    assert_eq!(told, stdout, "{args:?}");
}

fn explain_refused(args: &[&str], expected: &[&str]) {
    refused(&[("_index.yaml", INDEX)], &[&["policy", "explain"], args].concat(), 2, expected);
}

// --- explain

#[test]
fn a_decision_is_explained_policy_by_policy() {
    let group = ["--group", "app:analysts", "--resource", "reports:sales", "--meta", "role=analyst"];
    let allowed = "\
allow

app:read_reports  allow  ./_index.yaml:3   decided
app:no_secrets    deny   ./_index.yaml:13  does not apply: it is about other resources
";
    explain(&[&group[..], &["--attribute", "owner=alice"]].concat(), 0, allowed);
    let undefined = "\
undefined: refused, because no policy allows it

app:read_reports  allow  ./_index.yaml:3   does not apply: condition 2: `meta.owner eq actor.id` is false: `meta.owner` is \"bob\", `actor.id` is \"alice\"
app:no_secrets    deny   ./_index.yaml:13  does not apply: it is about other resources
";
    explain(&[&group[..], &["--attribute", "owner=bob"]].concat(), 1, undefined);
    let missing = "\
undefined: refused, because no policy allows it

app:read_reports  allow  ./_index.yaml:3  does not apply: condition 1: `actor.meta.role in [\"analyst\", \"admin\"]` is false, for there is no `actor.meta.role`; condition 2: `meta.owner eq actor.id` is false, for there is no `meta.owner`
";
    explain(&["--policy", "app:read_reports", "--resource", "reports:x"], 1, missing);
}

#[test]
fn without_groups_and_policies_all_are_asked() {
    let overruled = "\
deny

no group and no policy is named, so all policies of the application are asked
app:no_secrets    deny   ./_index.yaml:13  decided
app:grown_up      allow  ./_index.yaml:20  matches, but is overruled by one that denies
app:read_reports  allow  ./_index.yaml:3   does not apply: condition 1: `actor.meta.role in [\"analyst\", \"admin\"]` is false, for there is no `actor.meta.role`; condition 2: `meta.owner eq actor.id` is false, for there is no `meta.owner`
";
    explain(&["--resource", "reports:secret", "--meta", "age=30"], 1, overruled);
    let none = check(
        &[("_index.yaml", "namespace: app\nentries: [{name: terminal, kind: terminal.host}]\n")],
        &["policy", "explain", "--actor", "a", "--action", "b", "--resource", "c"],
        1,
        &[],
    );
    assert_eq!(none, "undefined: refused, because no policy allows it\n\nthe application has no policies\n");
}

#[test]
fn what_cannot_be_evaluated_is_explained() {
    let one = ["--policy", "app:grown_up", "--resource", "reports:x", "--meta", "age=old"];
    let fault = "`>=` has no meaning for a string and a number";
    let allows_nothing = format!(
        "undefined: refused, because no policy allows it\n\n\
        app:grown_up  allow  ./_index.yaml:20  could not be evaluated, and so allows nothing: {fault}\n"
    );
    explain(&one, 1, &allows_nothing);
    let denies = format!(
        "deny\n\napp:grown_up  deny   ./_index.yaml:20  decided: could not be evaluated, and so denies: {fault}\n"
    );
    explain(&[&one[..], &["-o", "app:grown_up:policy.effect=deny"]].concat(), 1, &denies);
}

#[test]
fn values_are_read_as_yaml_and_dots_nest() {
    let index = "\
namespace: app
entries:
  - name: p
    kind: security.policy
    policy:
      actions: a
      resources: r
      effect: allow
      conditions:
        - {field: actor.meta.a.b, operator: eq, value: 42}
        - {field: actor.meta.a.c, operator: contains, value: x}
        - {field: meta.pid, operator: eq, value: '{app:processes|0x00001}'}
";
    let meta = ["--meta", "a.b=42", "--meta", "a.c=[x, y]", "--attribute", "pid={app:processes|0x00001}"];
    let base =
        ["policy", "explain", "shop", "--actor", "alice", "--action", "a", "--resource", "r", "--policy", "app:p"];
    let allowed = "allow\n\napp:p  allow  shop/_index.yaml:3  decided\n";
    assert_eq!(check(&[("shop/_index.yaml", index)], &[&base[..], &meta].concat(), 0, &[]), allowed);
    let by_dir = [&["--dir", "shop"], &base[..2], &base[3..], &meta].concat();
    assert_eq!(check(&[("shop/_index.yaml", index)], &by_dir, 0, &[]), allowed);
}

#[test]
fn questions_that_make_no_sense_are_refused() {
    let alice = ["--actor", "alice", "--action", "read", "--resource", "x"];
    let check = |args: &[&str], expected: &str| explain_refused(&[&alice[..], args].concat(), &[expected]);
    check(&["--group", "app:analyst"], "error: there is no policy group `app:analyst`; did you mean `app:analysts`?");
    check(&["--group", "everybody"], "error: there is no policy group `everybody`; did you mean `app:everybody`?");
    check(&["--policy", "app:no_secret"], "error: there is no policy `app:no_secret`; did you mean `app:no_secrets`?");
    check(&["--policy", "app:analysts"], "error: there is no policy `app:analysts`\n");
    check(&["--meta", "role"], "error: `role`: write it as key=value");
    check(&["--attribute", ".a=1"], "error: `.a=1`: the key needs a name before and after each dot");
    check(&["nowhere"], "No such file");
    check(&["--set", "security.strict_mod=true"], "did you mean `security.strict_mode`?");
    check(&["-o", "app:read_reports:policy.effect=alow"], "unknown effect `alow`; did you mean `allow`?");
    explain_refused(&["--actor", "alice", "--action", "read"], &["error: ", "--resource <RESOURCE>"]);
}

// --- test

const TABLE: &str = "\
defaults:
  actor: {id: alice, meta: {role: analyst}}
  groups: [app:analysts]
  attributes: {owner: alice}
tests:
  - name: analysts read
    action: read
    resource: reports:sales
    expect: allow
  - {action: read, resource: reports:secret, expect: deny}
  - {actor: {id: bob}, action: read, resource: reports:sales, expect: undefined}
  - {actor: {meta: {role: ~}}, action: read, resource: reports:sales, expect: undefined}
  - {groups: ~, actor: {meta: {age: 20}}, attributes: ~, action: read, resource: reports:sales, expect: allow}
  - {groups: [], action: read, resource: reports:sales, expect: undefined}
";

fn test(table: &str, code: i32, expected: &[&str]) -> String {
    let files = [("shop/_index.yaml", INDEX), ("table.yaml", table)];
    check(&files, &["policy", "test", "table.yaml", "shop"], code, expected)
}

#[test]
fn a_table_of_decisions_passes() {
    assert_eq!(test(TABLE, 0, &[]), "6 passed, 0 failed\n");
}

#[test]
fn decisions_that_differ_are_told_with_their_reasons() {
    let table = TABLE.replace("expect: allow", "expect: deny").replacen("expect: undefined", "expect: allow", 1);
    let expected = "\
table.yaml:6: analysts read: expected deny, got allow: allowed by policy `app:read_reports`
    app:read_reports  allow  shop/_index.yaml:3  decided
table.yaml:11: bob does read to reports:sales: expected allow, got undefined: no policy allows it
    app:read_reports  allow  shop/_index.yaml:3  does not apply: condition 2: `meta.owner eq actor.id` is false: `meta.owner` is \"alice\", `actor.id` is \"bob\"
table.yaml:13: alice does read to reports:sales: expected deny, got allow: allowed by policy `app:grown_up`
    app:grown_up      allow  shop/_index.yaml:20  decided
    app:read_reports  allow  shop/_index.yaml:3   does not apply: condition 2: `meta.owner eq actor.id` is false, for there is no `meta.owner`
3 passed, 3 failed
";
    assert_eq!(test(&table, 1, &[]), expected);
}

#[test]
fn tables_that_are_wrong_are_shown_with_their_place() {
    let check = |table: &str, expected: &[&str]| assert_eq!(test(table, 2, expected), "", "{table}");
    let replaced = |from: &str, to: &str| {
        assert!(TABLE.contains(from), "{from}");
        TABLE.replacen(from, to, 1)
    };
    check(
        &replaced("    expect: allow", "    expct: allow"),
        &[
            "error: a test has the unknown key `expct`; did you mean `expect`?\n  --> table.yaml:9:5\n   |\n",
            "9 |     expct: allow\n   |     ^",
            "error: the test lacks the required key `expect`\n  --> table.yaml:6:5",
        ],
    );
    check(
        &replaced("expect: allow", "expect: alow"),
        &["error: unknown decision `alow`; did you mean `allow`?", "table.yaml:9:13", "^"],
    );
    check(&replaced("expect: deny", "expect: refuse"), &["unknown decision `refuse`; it is allow, deny or undefined"]);
    check(
        &replaced("app:analysts", "app:analyst"),
        &["error: there is no policy group `app:analyst`; did you mean `app:analysts`?", "table.yaml:3:12", "^"],
    );
    check(
        &replaced("{id: bob}", "{id: bob, metta: 1}"),
        &["error: `actor` of the test has the unknown key `metta`; did you mean `meta`?", "table.yaml:11:23", "^"],
    );
    check(
        &replaced("{id: bob}", "{id: 5}"),
        &["error: `actor` of the test needs a string as `id`, not a number", "table.yaml:11:18", "^"],
    );
    check(
        &replaced("{id: bob}", "bob"),
        &["error: `actor` of the test must be a map, not a string", "table.yaml:11:13"],
    );
    check(
        &replaced("defaults:", "default:"),
        &["error: the file has the unknown key `default`; did you mean `defaults`?", "table.yaml:1:1"],
    );
    check(
        &replaced("  groups:", "  name: all\n  groups:"),
        &["error: `defaults` has the unknown key `name`", "table.yaml:3:3"],
    );
    check(
        &replaced("attributes: ~", "attributes: 1"),
        &["error: the test needs a map as `attributes`, not a number", "table.yaml:13:55"],
    );
    check("tests: [5]", &["error: a test must be a map, not a number", "table.yaml:1:9"]);
    check("tests: 5", &["error: the file needs a list as `tests`, not a number", "table.yaml:1:8"]);
    check("tests: []", &["error: there are no tests", "table.yaml:1:8"]);
    check("", &["error: the file lacks the required key `tests`", "table.yaml:1:1"]);
    check("tests: [{action: a, resource: b, expect: deny}]", &["error: the test lacks the required key `actor`"]);
    check("tests: [", &["error: invalid YAML: ", "table.yaml:2:1"]);
    check("- 1", &["error: the file must be a map, not a list"]);
    refused(&[("_index.yaml", INDEX)], &["policy", "test", "no.yaml"], 2, &["error: file cannot be read: ", "no.yaml"]);
    let files = [("table.yaml", TABLE)];
    refused(&files, &["policy", "test", "table.yaml"], 2, &["error: no application in this folder"]);
}

#[test]
fn what_is_wrong_with_the_defaults_is_told_once() {
    let root = folder(&[("_index.yaml", INDEX), ("table.yaml", &TABLE.replace("id: alice", "id: []"))]);
    let ended = run(root.path(), &["policy", "test", "table.yaml"]);
    assert_eq!(ended.stderr.matches("`actor` of the test needs a string as `id`, not a list").count(), 1, "{ended:?}");
}

#[test]
fn the_example_decides_as_it_says() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let ended = run(&examples, &["policy", "test", "sandbox/decisions.yaml", "sandbox"]);
    assert_eq!((&*ended.stdout, &*ended.stderr, ended.code), ("4 passed, 0 failed\n", "", Some(0)));
}

// --- policies that are wrong

const RUNS: &str = "
  - {name: terminal, kind: terminal.host}
  - {name: main, kind: process.lua, meta: {command: {name: main, main: true}}, source: \"print('ran')\"}
";

/// The application does not start, is not checked and is not asked; each says why, in the same words.
fn broken(index: &str, expected: &[&str]) {
    let index = format!("{index}{RUNS}");
    let files = [("_index.yaml", index.as_str())];
    refused(&files, &["run", "-s", "."], 2, expected);
    refused(&files, &["check", "."], 1, expected);
    let explain = ["policy", "explain", "-s", "--actor", "a", "--action", "b", "--resource", "c"];
    refused(&files, &explain, 2, expected);
}

#[test]
fn policies_that_are_wrong_stop_the_application() {
    let check = |from: &str, to: &str, message: &str, at: &str| {
        assert!(INDEX.contains(from), "{from}");
        let shown = INDEX.replacen(from, to, 1);
        let before = shown.split(at).next().unwrap().lines();
        let (line, column) = (before.clone().count(), before.last().unwrap().len() + 1);
        let (place, text) = (format!("{line}:{column}"), shown.lines().nth(line - 1).unwrap());
        let caret = format!("| {}^", " ".repeat(column - 1));
        broken(&shown, &[&format!("error: {message}"), &format!("--> ./_index.yaml:{place}\n"), text, &caret]);
    };
    check(
        "operator: in,",
        "operator: inn,",
        "`policy.conditions[0].operator` of policy `app:read_reports`: unknown operator `inn`; did you mean `in`?",
        "operator: inn",
    );
    check(
        "resources: reports:secret",
        "resources: a*b",
        "`policy.resources` of policy `app:no_secrets` is wrong: `a*b` has a `*` that is not at its end",
        "resources: a*b",
    );
    check(
        "actions: [read, list]",
        "actions: [read, a*b]",
        "`policy.actions[1]` of policy `app:read_reports` is wrong: `a*b` has a `*` that is not at its end",
        "a*b",
    );
    check(
        "effect: deny",
        "effect: dney",
        "`policy.effect` of policy `app:no_secrets`: unknown effect `dney`; did you mean `deny`?",
        "effect: dney",
    );
    check(
        "      actions: \"*\"\n",
        "",
        "policy `app:no_secrets` lacks the required key `policy.actions`",
        "policy:\n      resources: reports:secret",
    );
    check(
        "operator: in, value: [analyst, admin]",
        "operator: matches, value: \"(a\"",
        "`policy.conditions[0].value` of policy `app:read_reports` is no regular expression: unclosed group",
        "value: \"(a",
    );
    check(
        "actor.meta.age >= 18",
        "actor.meta.age => 18",
        "`policy.expression` of policy `app:grown_up`: unexpected `=`; did you mean `==`?, at character 16",
        "expression: actor",
    );
    check(
        "conditions:",
        "condition:",
        "`policy.condition` of policy `app:read_reports`: unknown key `condition`; did you mean `conditions`?",
        "condition:",
    );
    check(
        "field: meta.owner",
        "field: metta.owner",
        "`policy.conditions[1].field` of policy `app:read_reports`: unknown field `metta.owner`",
        "field: metta",
    );
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let index = INDEX.replace("effect: allow", "effect: alow").replace("operator: in,", "operator: inn,");
    let operator = "unknown operator `inn`";
    let [first, second] =
        ["`app:grown_up`: unknown effect `alow`", "`policy.effect` of policy `app:read_reports`: unknown effect"];
    broken(&index, &[first, second, operator]);
}

/// An application whose host says this of its processes.
fn secured(security: &str) -> String {
    format!("{INDEX}  - name: guarded\n    kind: process.host\n    lifecycle:\n      security: {security}\n")
}

#[test]
fn hosts_that_say_nonsense_of_their_processes_stop_the_application() {
    let check = |security: &str, message: &str, column: usize| {
        let caret = format!("| {}^", " ".repeat(column - 1));
        let place = format!("./_index.yaml:26:{column}\n");
        broken(&secured(security), &[&format!("error: entry `app:guarded`: {message}"), &place, security, &caret]);
    };
    check(
        "{actor: {id: x}, groups: [analyst]}",
        "there is no policy group `app:analyst`; did you mean `app:analysts`?",
        43,
    );
    check(
        "{actor: {id: x}, policies: [no_secret]}",
        "there is no policy `app:no_secret`; did you mean `app:no_secrets`?",
        45,
    );
    check(
        "{actor: {id: x}, group: [analysts]}",
        "lifecycle.security has the unknown key `group`; did you mean `groups`?",
        34,
    );
    check("{actr: {id: x}}", "lifecycle.security has the unknown key `actr`; did you mean `actor`?", 18);
    check("{groups: [analysts]}", "lifecycle.security lacks the required key `actor`", 17);
    check(
        "{actor: {id: x, mta: {}}}",
        "`actor` of lifecycle.security has the unknown key `mta`; did you mean `meta`?",
        33,
    );
    check("{actor: {meta: {}}}", "`actor` of lifecycle.security lacks the required key `id`", 25);
    check("{actor: {id: x, meta: 5}}", "`actor` of lifecycle.security needs a map as `meta`, not a number", 39);
    check("{actor: {id: x}, groups: analysts}", "lifecycle.security needs a list as `groups`, not a string", 42);
    check("{actor: {id: x}, groups: [5]}", "the id of a policy group must be a string, not a number", 43);
    check("analysts", "lifecycle.security must be a map, not a string", 17);
}
