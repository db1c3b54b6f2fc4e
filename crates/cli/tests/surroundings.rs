//! What scripts see of the machine they run on: its time zone, and as much of its environment as is declared.

mod program;

use program::{Program, folder};

/// Runs a script with those variables around it, which prints `expected`.
fn check(script: &str, entries: &str, variables: &[(&str, &str)], expected: &str) {
    let index = format!(
        "namespace: app\nentries:\n  - {{name: terminal, kind: terminal.host}}\n  - name: main\n    kind: process.lua\n    \
         meta: {{command: {{name: main, main: true}}}}\n    source: file://main.lua\n    modules: [env, time]\n{entries}"
    );
    let root = folder(&[("_index.yaml", index.as_str()), ("main.lua", script)]);
    let ended = Program::start_with(root.path(), &["run", "-s", "."], variables).end();
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str(), ended.code), (expected, "", Some(0)));
}

#[test]
fn times_are_local_there_and_back() {
    let script = r#"
        return { main = function()
            for _, month in { 1, 7 } do
                local t = os.time({ year = 2024, month = month, day = 15, hour = 12 })
                print(t, os.date("!%H", t), os.time(os.date("*t", t)) == t, time.unix(t, 0):hour())
            end
            print(os.time({ year = 1960, month = 1, day = 1, hour = 0 }))
        end }"#;
    let expected = "1705338000\t17\ttrue\t12\n1721059200\t16\ttrue\t12\n-315601200\n";
    check(script, "", &[("TZ", "EST5EDT,M3.2.0,M11.1.0")], expected);
    check(script, "", &[("TZ", "UTC0")], "1705320000\t12\ttrue\t12\n1721044800\t12\ttrue\t12\n-315619200\n");
}

#[test]
fn only_declared_variables_are_visible() {
    let script = r#"
        return { main = function()
            print(env.get("PERILUNE_TEST_SHOWN"))
            print(env.get("PERILUNE_TEST_HIDDEN"))
            print(env.set("PERILUNE_TEST_SHOWN", "other"))
            for name, value in env.get_all() do print(name, value) end
        end }"#;
    let entries = "  - {name: os, kind: env.storage.os}\n  - {name: v, kind: env.variable, variable: PERILUNE_TEST_SHOWN, storage: os}\n  \
                   - {name: w, kind: env.variable, variable: PERILUNE_TEST_ABSENT, storage: os}\n";
    let variables = [("PERILUNE_TEST_SHOWN", "shown"), ("PERILUNE_TEST_HIDDEN", "hidden")];
    let expected = "shown\nnil\tvariable not found: PERILUNE_TEST_HIDDEN\nnil\tnot allowed to set variable \
                    PERILUNE_TEST_SHOWN: it has no storage that can be written\nPERILUNE_TEST_SHOWN\tshown\n";
    check(script, entries, &variables, expected);
    check(
        script,
        "",
        &variables,
        "nil\tvariable not found: PERILUNE_TEST_SHOWN\nnil\tvariable not found: PERILUNE_TEST_HIDDEN\nnil\tvariable not found: PERILUNE_TEST_SHOWN\n",
    );
}
