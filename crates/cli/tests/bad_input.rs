//! What the program says about mistakes, and the exit codes of everything that can happen.

mod program;

use program::{check, folder, refused, run};

const NO_FILES: [(&str, &str); 0] = [];

/// Both hosts, and `main.lua` as the command that runs when none is named.
const INDEX: &str = "\
namespace: app
entries:
  - {name: processes, kind: process.host}
  - {name: terminal, kind: terminal.host}
  - name: greet
    kind: process.lua
    meta: {command: {name: greet, short: Greets, main: true}}
    source: file://main.lua
";

const GREET: &str = "return { main = function(...) print('hi', ...) end }\n";

/// An application with those lines at the end of its index.
fn index_and(lines: &str) -> String {
    format!("{INDEX}{lines}")
}

/// Runs an application whose command is this script.
fn check_script(script: &str, code: i32, expected: &[&str]) -> String {
    check(&[("_index.yaml", INDEX), ("main.lua", script)], &["run", "-s", "."], code, expected)
}

fn refused_index(index: &str, code: i32, expected: &[&str]) {
    let files = [("_index.yaml", index), ("main.lua", GREET)];
    refused(&files, &["run", "-s", "."], code, expected);
    // What does not start is also found without starting it.
    refused(&files, &["check", "."], 1, expected);
}

// --- files that are not there

#[test]
fn missing_files_are_named() {
    refused(&NO_FILES, &["run", "missing.lua"], 2, &["error: script cannot be read: No such file", "--> missing.lua"]);
    refused(&NO_FILES, &["run", "./missing"], 2, &["error: ", "No such file", "--> ./missing"]);
    refused(&NO_FILES, &["run", "missing"], 2, &["error: ", "No such file", "--> missing"]);
    refused(&NO_FILES, &["check", "missing"], 1, &["error: ", "No such file", "--> missing"]);
    let no_config = ["run", ".", "--config", "no.yaml"];
    refused(&[("_index.yaml", INDEX)], &no_config, 2, &["error: configuration file no.yaml: No such file"]);
    refused_index(&INDEX.replace("main.lua", "mian.lua"), 2, &["`file://mian.lua` cannot be read", "_index.yaml:8:13"]);
}

#[test]
fn a_folder_without_an_application_is_an_error() {
    let files = [("folder/notes.txt", "")];
    for args in [["run", "./folder"], ["run", "folder"]] {
        refused(&files, &args, 2, &["error: ", "no application", "folder", "_index.yaml"]);
    }
    refused(&files, &["check", "folder"], 1, &["error: ", "no application", "folder", "_index.yaml"]);
    refused(&files, &["run"], 2, &["error: ", "no application", "_index.yaml"]);
    refused(&[("_index.yaml", "namespace: app\n")], &["run"], 2, &["error: ", "no application"]);
}

#[test]
fn a_file_that_is_no_folder_is_an_error() {
    refused(&[("_index.yaml", INDEX)], &["run", "./_index.yaml"], 2, &["is not a folder", "--> ./_index.yaml"]);
}

// --- scripts that do not compile

#[test]
fn syntax_errors_show_the_line() {
    let script = "print('started')\n  local x = = 1\nreturn {}\n";
    let place = "main.lua:2\n   |\n 2 |   local x = = 1\n   |   ^^^^^^^^^^^^^";
    let what = "error: Expected identifier when parsing expression, got '='\n  --> ";
    refused(&[("main.lua", script)], &["run", "main.lua"], 1, &[what, place]);
    refused(&[("main.lua", script)], &["check", "main.lua"], 1, &[what, place]);
    let files = [("_index.yaml", INDEX), ("main.lua", script)];
    refused(&files, &["run", "-s", "."], 1, &[what, place]);
    refused(&files, &["check", "."], 1, &[what, place]);
}

#[test]
fn a_syntax_error_is_shown_once() {
    let root = folder(&[("_index.yaml", INDEX), ("main.lua", "x = = 1")]);
    for args in [["run", "-c", "."], ["run", "-s", "."]] {
        let ended = run(root.path(), &args);
        assert_eq!(ended.stderr.matches("Expected identifier").count(), 1, "{}", ended.stderr);
    }
}

#[test]
fn a_syntax_error_elsewhere_is_shown_and_the_application_runs() {
    let index = index_and("  - {name: other, kind: process.lua, source: file://other.lua}\n");
    let files = [("_index.yaml", index.as_str()), ("main.lua", GREET), ("other.lua", "x = = 1")];
    let stdout = check(&files, &["run", "-c", "."], 0, &["Expected identifier", "other.lua:1", "1 | x = = 1"]);
    assert_eq!(stdout, "hi\n");
    refused(&files, &["check", "."], 1, &["error: Expected identifier", "other.lua:1", "1 | x = = 1"]);
}

#[test]
fn scripts_must_be_utf8() {
    let script: &[u8] = b"print('a')\nprint('\xff')\n";
    refused(&[("main.lua", script)], &["run", "main.lua"], 2, &["not valid UTF-8 (line 2)", "--> main.lua"]);
    let files = [("_index.yaml", INDEX.as_bytes()), ("main.lua", script)];
    refused(&files, &["run", "."], 2, &["`file://main.lua` is not valid UTF-8 (line 2)", "_index.yaml:8:13"]);
}

// --- applications that do not load

#[test]
fn yaml_that_does_not_parse_is_shown() {
    let expected = ["error: invalid YAML: ", "_index.yaml:2:", "2 | entries: [}", "^"];
    refused_index("namespace: app\nentries: [}\n", 2, &expected);
}

#[test]
fn missing_keys_are_shown() {
    let no_source = INDEX.replace("    source: file://main.lua\n", "");
    let expected = ["error: entry `app:greet` lacks the required key `source`", "_index.yaml:5:5", "- name: greet"];
    refused_index(&no_source, 2, &expected);
    let no_kind = index_and("  - name: other\n");
    refused_index(&no_kind, 2, &["error: entry `app:other` lacks the required key `kind`", "_index.yaml:9:5"]);
    let expected = ["error: file lacks the required key `namespace`", "_index.yaml:1:1"];
    refused_index("entries: []\n", 2, &expected);
}

#[test]
fn duplicate_ids_name_both_places() {
    let expected = ["error: entry `app:greet` is defined twice", "_index.yaml:9:5", "first at ./_index.yaml:5"];
    refused_index(&index_and("  - {name: greet, kind: terminal.host}\n"), 2, &expected);
}

#[test]
fn import_cycles_are_named() {
    let library = |name: &str, other: &str| {
        format!("  - {{name: {name}, kind: library.lua, source: return nil, imports: {{other: {other}}}}}\n")
    };
    let index = index_and(&format!("    imports: {{a: a}}\n{}{}", library("a", "b"), library("b", "a")));
    refused_index(&index, 2, &["error: ", "import", "app:a", "app:b", "app:a", "_index.yaml:"]);
    let missing = index_and("    imports: {a: app:nothing}\n");
    refused_index(&missing, 2, &["error: ", "app:nothing", "_index.yaml:9:"]);
}

#[test]
fn misspelt_keys_are_warnings_naming_the_right_one() {
    let files = [("_index.yaml", &*index_and("    moduls: [time]\n")), ("main.lua", GREET)];
    let expected =
        ["warning: unknown key `moduls`", "_index.yaml:9:5", "moduls: [time]\n", "^", "did you mean `modules`?"];
    assert_eq!(check(&files, &["run", "."], 0, &expected), "hi\n");
    assert_eq!(check(&files, &["run", "-s", "."], 0, &[]), "hi\n");
    check(&files, &["check", "."], 0, &expected);
}

#[test]
fn check_is_content_with_a_good_application() {
    let files = [("_index.yaml", INDEX), ("main.lua", GREET)];
    for args in [&["check"][..], &["check", "."], &["check", "--dir", "."], &["check", "main.lua"]] {
        assert_eq!(check(&files, args, 0, &[]), "no problems found\n");
    }
}

// --- the command line

#[test]
fn unknown_names_are_answered_with_the_nearest() {
    let files = [("_index.yaml", INDEX), ("main.lua", GREET)];
    let check = |args: &[&str], expected: &[&str]| refused(&files, args, 2, expected);
    check(&["run", "-x", "app:gret"], &["error: entry not found: app:gret; did you mean `app:greet`?"]);
    check(&["run", "-x", "app:terminal"], &["error: entry app:terminal is of kind terminal.host, not process.lua"]);
    check(&["run", "gret"], &["error: unknown command `gret`; did you mean `greet`?"]);
    check(&["run", ".", "gret"], &["error: unknown command `gret`; did you mean `greet`?"]);
    check(&["run", "something"], &["error: unknown command `something`; it has `greet`"]);
    check(&["run", "--slient"], &["error: unexpected argument '--slient'", "'--silent'"]);
    check(&["chekc"], &["error: unrecognized subcommand 'chekc'", "'check'"]);
    check(
        &["run", "--host", "app:terminl"],
        &["error: `app:terminl` is no terminal host; did you mean `app:terminal`?"],
    );
    check(
        &["run", "--set", "logger.levle=debug"],
        &["error: unknown setting `logger.levle`; did you mean `logger.level`?"],
    );
    check(&["run", "--set", "logger.level=loud"], &["error: setting `logger.level`: one of debug, info", "got `loud`"]);
    check(&["run", "--set", "logger.level"], &["error: setting `logger.level`: write it as key=value"]);
    check(&["run", "-o", "app:gret:method=x"], &["error: entry `app:gret` does not exist"]);
    check(&["run", "-o", "method=x"], &["error: write it as namespace:name:field=value"]);
    check(&["run", "--workers", "many"], &["error: invalid value 'many' for '--workers <N>'"]);
    check(&["run", "--host"], &["error: a value is required for '--host <ID>'"]);
}

#[test]
fn configuration_files_are_checked() {
    let check = |text: &str, expected: &[&str]| {
        let files = [("_index.yaml", INDEX), ("main.lua", GREET), ("config.yaml", text)];
        refused(&files, &["run", "--config", "config.yaml"], 2, expected);
    };
    check("logger: {levle: debug}\n", &["error: ", "unknown setting `logger.levle`; did you mean `logger.level`?"]);
    check("logger: {level: loud}\n", &["error: ", "setting `logger.level`: one of debug, info", "got `loud`"]);
    check("logger: [\n", &["error: configuration file config.yaml: line 2: "]);
}

#[test]
fn several_terminals_need_a_choice() {
    let index = index_and("  - {name: second, kind: terminal.host}\n");
    let files = [("_index.yaml", index.as_str()), ("main.lua", GREET)];
    let expected = ["error: there are several terminal hosts; choose one with --host: app:second, app:terminal"];
    refused(&files, &["run"], 2, &expected);
    assert_eq!(check(&files, &["run", "--host", "app:second"], 0, &[]), "hi\n");
    let none = INDEX.replace("terminal.host", "process.host");
    let files = [("_index.yaml", none.as_str()), ("main.lua", GREET)];
    refused(&files, &["run"], 2, &["error: the application has no terminal host"]);
}

#[test]
fn commands_are_listed() {
    let other = "  - {name: b, kind: process.lua, meta: {command: {name: build, short: Builds}}, source: return nil}\n";
    let files = [("_index.yaml", &*index_and(other)), ("main.lua", GREET)];
    let expected = "build  Builds  [app:b]\ngreet  Greets (default)  [app:greet]\n";
    assert_eq!(check(&files, &["run", "list"], 0, &[]), expected);
    assert_eq!(check(&files, &["run", ".", "list"], 0, &[]), expected);
    let index = "namespace: app\nentries:\n  - {name: terminal, kind: terminal.host}\n";
    assert_eq!(check(&[("_index.yaml", index)], &["run", "list"], 0, &[]), "no commands\n");
}

#[test]
fn arguments_reach_the_command() {
    let files = [("_index.yaml", INDEX), ("main.lua", GREET)];
    assert_eq!(check(&files, &["run", "greet", "a", "-s", "--", "-x", "b"], 0, &[]), "hi\ta\t-x\tb\n");
    assert_eq!(check(&files, &["run", "-x", "app:greet", "a"], 0, &[]), "hi\ta\n");
    assert_eq!(check(&files, &["run", "main.lua", "a", "b"], 0, &[]), "hi\ta\tb\n");
}

// --- scripts that do not start

#[test]
fn a_script_without_the_method_does_not_start() {
    let expected = ["error: method \"main\" not found in module", "entry app:greet"];
    for script in
        ["return { mian = function() print('ran') end }", "return {}", "return 5", "", "local function main() end"]
    {
        assert_eq!(check_script(script, 1, &expected), "");
    }
    let other = INDEX.replace("source:", "method: other\n    source:");
    let files = [("_index.yaml", other.as_str()), ("main.lua", GREET)];
    refused(&files, &["run"], 1, &["error: method \"other\" not found in module", "entry app:greet"]);
}

#[test]
fn an_error_at_the_top_of_a_script_does_not_let_it_start() {
    let expected =
        ["error: no luck\n  --> ./main.lua:2\n   |\n 2 | error('no luck')\n   | ^^^^^^^^^^^^^^^^", "entry app:greet"];
    assert_eq!(check_script("local x = 1\nerror('no luck')\n", 1, &expected), "");
    let expected = ["error: module 'tiem' not found", "./main.lua:1"];
    assert_eq!(check_script("local time = require('tiem')\n", 1, &expected), "");
}

// --- scripts that fail

#[test]
fn a_raised_error_shows_where_and_who() {
    let script = "\
local function deeper(x)
  return x.name.first
end

local function main()
  print('before')
  deeper({})
  print('after')
end

return { main = main }
";
    let expected = [
        "error: attempt to index nil with 'first'\n  --> ./main.lua:2\n   |\n 2 |   return x.name.first\n   |   ^^^^^^^^^^^^^^^^^^^\n",
        "called from:\n      ./main.lua:7 in function main\n",
        "process {app:terminal|…}, entry app:greet",
    ];
    assert_eq!(check_script(script, 1, &expected), "before\n");
    // The log says nothing beside it.
    let root = folder(&[("_index.yaml", INDEX), ("main.lua", script)]);
    let ended = run(root.path(), &["run", "."]);
    assert_eq!(ended.stderr.matches("attempt to index").count(), 1, "{}", ended.stderr);
}

#[test]
fn a_script_alone_shows_the_same() {
    let script = "print('before')\nerror('no luck')\n";
    let expected = [
        "error: no luck\n  --> main.lua:2\n   |\n 2 | error('no luck')\n   | ^^^^^^^^^^^^^^^^\n",
        "process {app:terminal|…}, entry app:main",
    ];
    assert_eq!(check(&[("main.lua", script)], &["run", "main.lua"], 1, &expected), "before\n");
}

#[test]
fn an_error_as_second_result_is_told() {
    let expected = ["error: it went wrong", "process {app:terminal|…}, entry app:greet"];
    check_script("return { main = function() return nil, 'it went wrong' end }", 1, &expected);
    let expected = ["error: not here", "NotFound", "entry app:greet"];
    let script = "return function() return nil, errors.new({ message = 'not here', kind = errors.NOT_FOUND }) end";
    check_script(script, 1, &expected);
}

#[test]
fn an_error_in_a_worker_is_told_and_others_go_on() {
    let worker = "return {\n  main = function()\n    error('worker failed')\n  end,\n}\n";
    let main = "\
return function()
  local events = process.events()
  process.spawn_monitored('app:worker', 'app:processes')
  print('told: ' .. tostring(events:receive().error ~= nil))
end
";
    let index = index_and("  - {name: worker, kind: process.lua, source: file://worker.lua}\n");
    let files = [("_index.yaml", index.as_str()), ("main.lua", main), ("worker.lua", worker)];
    let expected = [
        "error: worker failed\n  --> ./worker.lua:3\n   |\n 3 |     error('worker failed')\n   |     ^^^^^^^^^^^^^^^^^^^^^^\n",
        "process {app:processes|…}, entry app:worker",
    ];
    assert_eq!(check(&files, &["run", "-c", "."], 0, &expected), "told: true\n");
    // Machines get one line each.
    let stdout = check(&files, &["run", "."], 0, &["\"level\":\"ERROR\"", "worker failed", "./worker.lua:3"]);
    assert_eq!(stdout, "told: true\n");
    assert_eq!(check(&files, &["run", "-s", "."], 0, &[]), "told: true\n");
}

#[test]
fn a_missing_worker_is_told_to_the_spawner() {
    let main = "\
local pid, err = process.spawn('app:wroker', 'app:processes')
print(pid, err)
pid, err = process.spawn('app:worker', 'app:proceses')
print(pid, err)
";
    let files = [("main.lua", main), ("worker.lua", "return { main = function() end }")];
    let expected = "nil\tentry not found: app:wroker; did you mean `app:worker`?\n\
        nil\thost not found: app:proceses; did you mean `app:processes`?\n";
    assert_eq!(check(&files, &["run", "main.lua"], 0, &[]), expected);
}

// --- results

#[test]
fn results_become_exit_codes() {
    let check = |result: &str, code: i32, stdout: &str| {
        let script = format!("return {{ main = function() {result} end }}");
        assert_eq!(check_script(&script, code, &[]), stdout, "{result}");
        let files = [("main.lua", script)];
        assert_eq!(check_alone(&files, code), stdout, "{result}, alone");
    };
    check("", 0, "");
    check("return true", 0, "");
    check("return false", 1, "");
    check("return 3", 3, "");
    check("return 255", 255, "");
    check("return 256", 1, "");
    check("return -1", 1, "");
    check("return 'done'", 0, "done\n");
    check("return nil, 5", 0, "");
}

fn check_alone(files: &[(&str, String)], code: i32) -> String {
    check(files, &["run", "-s", "main.lua"], code, &[])
}

#[test]
fn the_result_of_a_bare_script_counts_too() {
    for (script, code, stdout) in [("return 3", 3, ""), ("return false", 1, ""), ("return 'done'", 0, "done\n")] {
        assert_eq!(check_alone(&[("main.lua", script.to_owned())], code), stdout, "{script}");
    }
    for script in ["return nil, 'no luck'", "return false, 'no luck'", "return {}, 'no luck'"] {
        check(&[("main.lua", script)], &["run", "main.lua"], 1, &["error: no luck", "entry app:main"]);
    }
}

// --- services

const SERVICE_HEAD: &str =
    "  - {name: work, kind: process.lua, source: file://work.lua}\n  - name: one\n    kind: process.service\n";

/// An application with a service `one` that has these lines too.
fn service(lines: &str) -> String {
    index_and(&format!("{SERVICE_HEAD}{lines}"))
}

#[test]
fn a_service_that_makes_no_sense_is_shown() {
    let refused_service = |lines: &str, expected: &[&str]| {
        let index = service(lines);
        let files = [("_index.yaml", index.as_str()), ("main.lua", GREET), ("work.lua", GREET)];
        refused(&files, &["run", "-s", "."], 2, expected);
        refused(&files, &["check", "."], 1, expected);
    };
    refused_service(
        "    process: work\n",
        &["entry `app:one` lacks the required key `host`", "_index.yaml:10:5", "- name: one"],
    );
    refused_service(
        "    process: work\n    host: proceses\n",
        &["error: entry `app:one` refers to the host `app:proceses`, which does not exist", "_index.yaml:13:11"],
    );
    refused_service(
        "    process: work\n    host: greet\n",
        &["which is of kind `process.lua`, not `process.host` or `terminal.host`", "_index.yaml:13:11"],
    );
    let lifecycle = |inner: &str| format!("    process: work\n    host: processes\n    lifecycle: {{{inner}}}\n");
    refused_service(
        &lifecycle("start_timeout: 10"),
        &[
            "error: entry `app:one` needs a duration such as 10s or 1m30s as `lifecycle.start_timeout`, not a number",
            "_index.yaml:14:32",
            "14 |     lifecycle: {start_timeout: 10}",
            "^",
        ],
    );
    refused_service(
        &lifecycle("startup: maybe, restart: {jitter: 2}"),
        &[
            "needs `required` or `optional` as `lifecycle.startup`",
            "needs a number between 0 and 1 as `lifecycle.restart.jitter`",
        ],
    );
    refused_service(
        &lifecycle("depends_on: [greet, too]"),
        &["error: entry `app:one` depends on `app:too`, which does not exist", "_index.yaml:14:37"],
    );
    refused_service(
        &lifecycle("security: {actor: {id: x}, policies: [nothing]}"),
        &["error: entry `app:one`: there is no policy `app:nothing`"],
    );
}

#[test]
fn services_that_wait_for_each_other_are_named() {
    let index = service(
        "    process: work\n    host: processes\n    lifecycle: {depends_on: [two]}\n  - {name: two, kind: process.service, \
         process: work, host: processes, lifecycle: {requires: [one]}}\n",
    );
    let files = [("_index.yaml", index.as_str()), ("main.lua", GREET), ("work.lua", GREET)];
    let expected = ["error: dependency cycle: `app:one` -> `app:two` -> `app:one`", "_index.yaml:15:"];
    refused(&files, &["run", "-s", "."], 2, &expected);
    refused(&files, &["check", "."], 1, &expected);
}

#[test]
fn hosts_have_the_times_of_services() {
    let index = INDEX.replace("kind: process.host}", "kind: process.host, lifecycle: {stop_timeout: soon}}");
    refused_index(
        &index,
        2,
        &["entry `app:processes` needs a duration such as 10s or 1m30s as `lifecycle.stop_timeout`"],
    );
}

#[test]
fn a_required_service_that_does_not_start_ends_the_application() {
    let start = |process: &str, more: &str, script: &str, code: i32, expected: &[&str]| {
        let lines = format!("    process: {process}\n    host: processes\n    lifecycle: {{auto_start: true{more}}}\n");
        let index = service(&lines);
        let files = [("_index.yaml", index.as_str()), ("main.lua", GREET), ("work.lua", script)];
        check(&files, &["run", "-s", "."], code, expected)
    };
    let place = ["error: no way", "--> ./work.lua:2", "2 | error(\"no way\")", "entry app:work, which did not start"];
    let required = "= service `app:one`, which is required";
    let fails = "local x = 1\nerror(\"no way\")\n";
    assert_eq!(start("work", "", fails, 1, &[&place[..], &[required]].concat()), "");
    assert_eq!(start("work", ", startup: optional", fails, 0, &[]), "hi\n");
    let no_method = ["error: method \"main\" not found in module", "return { main = main }", required];
    assert_eq!(start("work", "", "return {}", 1, &no_method), "");
    let missing = ["warning: entry `app:one` refers to `app:wrok`", "did you mean `app:work`?"];
    let not_found = ["error: entry not found: app:wrok; did you mean `app:work`?", required];
    let told = start("wrok", "", GREET, 1, &not_found);
    assert_eq!(told, "");
    let index = service("    process: wrok\n    host: processes\n");
    let files = [("_index.yaml", index.as_str()), ("main.lua", GREET), ("work.lua", GREET)];
    check(&files, &["check", "."], 0, &missing);
    assert_eq!(
        start("work", ", start_timeout: 100ms", "while true do end", 1, &["it did not start within 100ms", required]),
        ""
    );
    // What has begun to run has started, however it goes on.
    assert_eq!(start("work", "", "return { main = function() error('later') end }", 0, &[]), "hi\n");
}
