//! What an interrupt from the terminal does.
#![cfg(unix)]

mod program;

use std::process::Command;

use program::{Ended, Program, folder};

fn interrupt(program: &Program) {
    signal(program, "-INT");
}

fn signal(program: &Program, name: &str) {
    let sent = Command::new("kill").args([name, &program.os_pid().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// Starts a script, which prints `ready` when it can be interrupted.
fn start(script: &str, options: &[&str]) -> (tempfile::TempDir, Program) {
    let root = folder(&[("main.lua", script)]);
    let args = [&["run", "-s"], options, &["main.lua"]].concat();
    let mut program = Program::start(root.path(), &args);
    program.wait_for_line("ready");
    (root, program)
}

fn told(ended: &Ended) -> (&str, &str, Option<i32>) {
    (&ended.stdout, &ended.stderr, ended.code)
}

const POLITE: &str = r#"
local events = process.events()
print("ready")
local event = events:receive()
print(event.kind == process.event.CANCEL, event.from, event.reason, type(event.deadline))
"#;

/// Takes notice of the cancel and goes on.
const STUBBORN: &str = r#"
local events = process.events()
print("ready")
events:receive()
print("told")
events:receive()
print("never")
"#;

const DEAF: &str = r#"
print("ready")
process.inbox():receive()
print("never")
"#;

const BUSY: &str = r#"
print("ready")
while true do end
"#;

#[test]
fn a_program_that_waits_for_the_cancel_ends_by_itself() {
    for name in ["-INT", "-TERM"] {
        let (_root, program) = start(POLITE, &[]);
        signal(&program, name);
        assert_eq!(told(&program.end()), ("ready\ntrue\tnil\thost shutdown\tstring\n", "", Some(0)));
    }
}

#[test]
fn its_result_is_still_the_exit_code() {
    let (_root, program) = start("local e = process.events() print('ready') e:receive() return 5", &[]);
    interrupt(&program);
    assert_eq!(told(&program.end()), ("ready\n", "", Some(5)));
}

#[test]
fn a_program_that_ignores_the_cancel_is_ended() {
    for script in [DEAF, BUSY] {
        for workers in ["1", "2"] {
            let (_root, program) = start(script, &["--workers", workers, "--set", "shutdown.timeout=200ms"]);
            interrupt(&program);
            let ended = program.end();
            assert_eq!((ended.stdout.as_str(), ended.code), ("ready\n", Some(1)));
            assert!(ended.stderr.contains("entry app:main"), "{}", ended.stderr);
        }
    }
}

#[test]
fn the_second_interrupt_ends_the_program_at_once() {
    // The time that it would have is far longer than this test waits.
    let (_root, mut program) = start(STUBBORN, &["--set", "shutdown.timeout=1h"]);
    interrupt(&program);
    program.wait_for_line("told");
    interrupt(&program);
    let ended = program.end();
    assert_eq!((ended.stdout.as_str(), ended.code), ("ready\ntold\n", Some(1)));
}

#[test]
fn a_command_that_has_ended_is_heard_before_the_others_end() {
    let root = folder(&[
        ("main.lua", "process.spawn('app:idle', 'app:processes') return 'done'"),
        ("idle.lua", "return { main = function() process.inbox():receive() end }"),
    ]);
    let mut program = Program::start(root.path(), &["run", "-s", "--set", "shutdown.timeout=1h", "main.lua"]);
    program.wait_for_line("done");
    interrupt(&program);
    assert_eq!(told(&program.end()), ("done\n", "", Some(1)));
}

#[test]
fn workers_are_told_as_well() {
    let worker = r#"
        return {
            main = function(parent)
                local events = process.events()
                process.send(parent, "up")
                local event = events:receive()
                print("worker: " .. tostring(event.kind))
            end,
        }
    "#;
    let main = r#"
        local events = process.events()
        local up = process.listen("up")
        process.spawn_monitored("app:worker", "app:processes", process.pid())
        up:receive()
        print("ready")
        local seen = {}
        for i = 1, 2 do
            seen[i] = events:receive().kind
        end
        table.sort(seen)
        print(table.concat(seen, " "))
    "#;
    let root = folder(&[("main.lua", main), ("worker.lua", worker)]);
    let mut program = Program::start(root.path(), &["run", "-s", "main.lua"]);
    program.wait_for_line("ready");
    interrupt(&program);
    let ended = program.end();
    assert_eq!(told(&ended), ("ready\nworker: pid.cancel\npid.cancel pid.exit\n", "", Some(0)));
}

#[test]
fn a_command_that_ends_does_not_wait_for_processes_that_only_wait() {
    let parent = r#"
        for _ = 1, 3 do process.spawn("app:waits", "app:processes") end
        local slow = process.spawn_monitored("app:sleeps", "app:processes")
        print("ready")
        return 3
    "#;
    let root = folder(&[
        ("main.lua", parent),
        ("waits.lua", "return { main = function() process.inbox():receive() end }"),
        // Still has something to do, and is given the time for it.
        ("sleeps.lua", "return { main = function() require('time').sleep('300ms') print('slept') end }"),
    ]);
    let ended = program::run(root.path(), &["run", "-s", "--set", "shutdown.timeout=1h", "main.lua"]);
    assert_eq!(told(&ended), ("ready\nslept\n", "", Some(3)));
}

/// Two services, of which the first depends on the second, and whatever is printed goes through one that is no service.
const SERVICES: &str = "\
namespace: app
entries:
  - {name: processes, kind: process.host}
  - {name: terminal, kind: terminal.host}
  - {name: volume, kind: fs.directory, directory: out, auto_init: true}
  - {name: work, kind: process.lua, source: file://work.lua, modules: [fs]}
  - {name: a, kind: process.service, process: work, host: processes, input: [a, b], lifecycle: {auto_start: true, depends_on: [b]}}
  - {name: b, kind: process.service, process: work, host: processes, input: [b, WAY], lifecycle: {auto_start: true}}
  - {name: main, kind: process.lua, source: file://main.lua, meta: {command: {name: main, main: true}}}
";

/// Writes down when it ends.
const WORK: &str = r#"
local fs = require("fs")

local function main(name, way)
    if way == "stuck" then while true do end end
    process.events():receive()
    local stream = assert(fs.get("app:volume")):open("/ends", "a")
    stream:write(name .. "\n")
    stream:close()
end

return { main = main }
"#;

fn with_services(way: &str, main: &str, args: &[&str]) -> (tempfile::TempDir, Program) {
    let index = SERVICES.replace("WAY", way);
    let root = folder(&[("_index.yaml", index.as_str()), ("work.lua", WORK), ("main.lua", main)]);
    let mut program = Program::start(root.path(), &[&["run", "-s"], args, &["."]].concat());
    program.wait_for_line("ready");
    (root, program)
}

fn ends(root: &tempfile::TempDir) -> String {
    std::fs::read_to_string(root.path().join("out/ends")).unwrap_or_default()
}

#[test]
fn services_end_after_those_that_depend_on_them() {
    for workers in ["1", "2"] {
        let main = "return { main = function() local e = process.events() print('ready') e:receive() return 3 end }";
        let (root, program) = with_services("well", main, &["--workers", workers]);
        interrupt(&program);
        assert_eq!(told(&program.end()), ("ready\n", "", Some(3)));
        assert_eq!(ends(&root), "a\nb\n");
    }
    // The same when nobody interrupts.
    let (root, program) = with_services("well", "return { main = function() print('ready') return 4 end }", &[]);
    assert_eq!(told(&program.end()), ("ready\n", "", Some(4)));
    assert_eq!(ends(&root), "a\nb\n");
}

#[test]
fn a_service_that_does_not_end_is_ended() {
    let main = "return { main = function() print('ready') end }";
    let (root, program) = with_services("stuck", main, &["--set", "shutdown.timeout=200ms"]);
    assert_eq!(told(&program.end()), ("ready\n", "", Some(0)));
    assert_eq!(ends(&root), "a\n");
}

#[test]
fn a_host_that_says_so_gives_its_processes_less_time() {
    let index = "namespace: app\nentries:\n  - {name: terminal, kind: terminal.host}\n  - {name: processes, kind: \
                 process.host, lifecycle: {stop_timeout: 50ms}}\n  - {name: work, kind: process.lua, source: file://work.lua, \
                 modules: [time]}\n  - {name: main, kind: process.lua, source: file://main.lua, meta: {command: {name: main, \
                 main: true}}}\n";
    let main = "return { main = function() process.spawn('app:work', 'app:processes') print('ready') end }";
    let work = "local time = require('time')\nreturn { main = function() while true do time.sleep('1ms') end end }";
    let root = folder(&[("_index.yaml", index), ("main.lua", main), ("work.lua", work)]);
    let ended = program::run(root.path(), &["run", "-s", "--set", "shutdown.timeout=1h", "."]);
    assert_eq!(told(&ended), ("ready\n", "", Some(0)));
}

#[test]
fn the_second_interrupt_does_not_wait_for_services() {
    let main = "return { main = function() local e = process.events() print('ready') e:receive() print('told') end }";
    let (_root, mut program) = with_services("stuck", main, &["--set", "shutdown.timeout=1h"]);
    interrupt(&program);
    program.wait_for_line("told");
    interrupt(&program);
    assert_eq!(program.end().code, Some(1));
}

/// Starts a program that starts one in a session of its own, and waits for it. Prints the numbers of both.
#[cfg(target_os = "linux")]
const OWNER: &str = r#"
local proc = require("exec").get("process:native"):exec("setsid sleep 600 & echo $$ $!; wait")
proc:start()
print(proc:stdout_stream():read():gsub("\n", ""))
print("ready")
proc:wait()
"#;

/// Whether the process of that number is there and has not ended.
#[cfg(target_os = "linux")]
fn is_there(number: &str) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
    state.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'))
}

#[test]
#[cfg(target_os = "linux")]
fn programs_are_gone_when_the_application_is() {
    for (signals, timeout) in [(1, "shutdown.timeout=200ms"), (2, "shutdown.timeout=60s")] {
        let (_root, mut program) = start(OWNER, &["--set", timeout]);
        interrupt(&program);
        // Two of them at once may be one, so there are more than two.
        while signals == 2 && !program.has_ended() {
            interrupt(&program);
        }
        let ended = program.end();
        assert_eq!(ended.code, Some(1), "{signals}: {ended:?}");
        let numbers: Vec<_> = ended.stdout.lines().next().unwrap_or_default().split_whitespace().collect();
        assert!(numbers.len() >= 2, "{ended:?}");
        for number in &numbers[..2] {
            assert!(!is_there(number), "{signals}: {number} of {ended:?}");
        }
    }
}
