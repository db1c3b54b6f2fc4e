//! Policies in force: strict mode, hosts with an identity, what calls tell of themselves, and the log of refusals.

mod program;

use std::fs;
use std::path::Path;

use program::{check, folder, run};

/// The application of that name, without the files in `without`.
fn copied(name: &str, without: &str) -> tempfile::TempDir {
    fn all(from: &Path, to: &Path, without: &str) {
        fs::create_dir_all(to).unwrap();
        for item in fs::read_dir(from).unwrap().map(Result::unwrap) {
            let to = to.join(item.file_name());
            match item.file_type().unwrap().is_dir() {
                true if item.file_name() == without => {}
                true => all(&item.path(), &to, without),
                false => drop(fs::copy(item.path(), to).unwrap()),
            }
        }
    }
    let root = tempfile::tempdir().unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/applications").join(name);
    all(&from, root.path(), without);
    root
}

#[test]
fn strict_mode_refuses_everything_to_those_without_an_identity() {
    let root = copied("permissions", "policies");
    let told = |args: &[&str]| {
        let ended = run(root.path(), &[&["run", "-s", "-x", "app:alone"], args].concat());
        assert_eq!((ended.stderr.as_str(), ended.code), ("", Some(0)));
        ended.stdout
    };
    let strict = "57 refused\nnot refused: lookup, get_options, env.get_all, security.can\n";
    assert_eq!(told(&["--set", "security.strict_mode=true"]), strict);
    assert!(told(&[]).starts_with("0 refused\n"));
}

/// Hosts with an identity: `guarded`, and the terminal if that is said.
fn hosts(terminal: &str) -> String {
    format!(
        "\
namespace: app
entries:
  - name: terminal
    kind: terminal.host
{terminal}
  - {{name: processes, kind: process.host}}
  - name: guarded
    kind: process.host
    lifecycle: {{security: {{actor: {{id: guard, meta: {{level: 3}}}}, policies: [guards_send], groups: [guards]}}}}
  - name: main
    kind: process.lua
    meta: {{command: {{name: main, main: true}}}}
    modules: [security]
    source: file://main.lua
  - name: who
    kind: process.lua
    modules: [security]
    source: file://who.lua
  - name: guards_send
    kind: security.policy
    policy: {{actions: process.send, resources: '*', effect: allow}}
  - name: guards_start
    kind: security.policy
    policy: {{actions: [process.call, process.host], resources: '*', effect: allow}}
    groups: [guards]
"
    )
}

const WHO: &str = "\
local security = require('security')

return function()
    local actor, scope = security.actor(), security.scope()
    if not actor then return 'nobody' end
    local may = {}
    for _, action in { 'process.send', 'process.call', 'process.spawn' } do
        table.insert(may, tostring(security.can(action, 'x')))
    end
    return actor:id() .. ' ' .. tostring(actor:meta().level) .. ' ' .. #scope:policies() .. ' ' .. table.concat(may, ' ')
end
";

const CALLS: &str = "\
local security = require('security')

return function()
    local call = function(host) return process.call('app:who', host) end
    local actor = security.actor()
    print(actor and actor:id(), call('app:processes'), call('app:guarded'))
    print(process.spawn('app:who', 'app:guarded'))
end
";

fn check_hosts(terminal: &str, args: &[&str], expected: &str) {
    let index = hosts(terminal);
    let files = [("_index.yaml", index.as_str()), ("main.lua", CALLS), ("who.lua", WHO)];
    let told = check(&files, &[&["run", "-s", "."], args].concat(), 0, &[]);
    assert_eq!(program::without_numbers(&told), expected);
}

#[test]
fn processes_of_nobody_act_for_the_identity_of_their_host() {
    check_hosts("", &[], "nil\tnobody\tguard 3 2 true true false\n{app:guarded|…}\n");
}

#[test]
fn commands_act_for_the_identity_of_their_terminal() {
    let terminal = "    lifecycle: {security: {actor: {id: user}, groups: [guards]}}";
    // Who has an identity keeps it on other hosts.
    let same = "user\tuser nil 1 false true false\tuser nil 1 false true false\n\
        nil\tnot allowed to spawn process: app:who\n";
    check_hosts(terminal, &[], same);
    check_hosts(terminal, &["--set", "security.strict_mode=true"], same);
}

#[test]
fn what_a_call_adds_reaches_policies() {
    let index = "\
namespace: app
entries:
  - name: terminal
    kind: terminal.host
    lifecycle: {security: {actor: {id: user}, policies: [executors, runs, names]}}
  - {name: programs, kind: exec.native}
  - {name: others, kind: exec.native}
  - name: main
    kind: process.lua
    meta: {command: {name: main, main: true}}
    modules: [exec]
    source: file://main.lua
  - name: executors
    kind: security.policy
    policy: {actions: exec.get, resources: '*', effect: allow}
  - name: runs
    kind: security.policy.expr
    policy:
      actions: exec.run
      resources: '*'
      effect: allow
      expression: meta.executor == 'app:programs' && meta.work_dir == '/tmp' && resource startsWith 'echo '
  - name: names
    kind: security.policy
    policy:
      actions: process.registry.register
      resources: '*'
      effect: allow
      conditions: [{field: meta.target, operator: eq, value_from: meta.pid}]
";
    let main = "\
local exec = require('exec')

return function()
    local function run(id, command, work_dir)
        return (pcall(function() return exec.get(id):exec(command, { work_dir = work_dir }) end))
    end
    print(run('app:programs', 'echo x', '/tmp'), run('app:programs', 'echo x'), run('app:programs', 'echo x', '/'))
    print(run('app:others', 'echo x', '/tmp'), run('app:programs', 'true', '/tmp'))
    print((process.registry.register('own', process.pid())), (process.registry.register('its', '{app:terminal|0xfffff}')))
end
";
    let files = [("_index.yaml", index), ("main.lua", main)];
    let expected = "true\tfalse\tfalse\nfalse\tfalse\ntrue\tnil\n";
    assert_eq!(check(&files, &["run", "-s", "."], 0, &[]), expected);
}

#[test]
fn refusals_are_logged_with_their_reasons_for_those_who_ask() {
    let index = hosts("    lifecycle: {security: {actor: {id: user, meta: {key: hidden}}, groups: [guards]}}");
    let main = "return function() process.send(process.pid(), 'topic', 'hidden') end";
    let files = [("_index.yaml", index.as_str()), ("main.lua", main), ("who.lua", WHO)];
    let root = folder(&files);
    let audit = |args: &[&str]| -> Vec<String> {
        let ended = run(root.path(), &[&["run", "."], args].concat());
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let lines = program::without_numbers(&ended.stderr);
        lines.lines().filter(|line| line.contains("perilune::audit")).map(str::to_owned).collect()
    };
    let check = |line: &str, expected: &[&str]| {
        for fragment in expected {
            assert!(line.contains(fragment), "{fragment} is missing: {line}");
        }
        assert!(!line.contains("hidden"), "{line}");
    };
    let pid = r#""{app:terminal|…}""#;
    let [line] = &audit(&["-v"])[..] else { panic!("not one line") };
    let common = [r#""level":"DEBUG""#, r#""action":"process.send""#, &format!(r#""resource":{pid}"#)];
    check(line, &common);
    check(line, &[&format!(r#""pid":{pid}"#), r#""principal":"user""#, r#""entry":"app:main""#]);
    check(line, &["denied: no policy allows it"]);
    assert_eq!(audit(&[]), [""; 0]);

    let nobody = hosts("");
    fs::write(root.path().join("_index.yaml"), nobody).unwrap();
    let [line] = &audit(&["-v", "--set", "security.strict_mode=true"])[..] else { panic!("not one line") };
    check(line, &common);
    check(
        line,
        &[r#""principal":"""#, "denied: it acts for nobody or within no policies, and security.strict_mode is on"],
    );
}
