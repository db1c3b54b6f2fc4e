//! What becomes of programs that a script keeps alive when the program that runs it is asked to end, or is killed.
#![cfg(target_os = "linux")]

mod program;

use std::process::Command;
use std::time::{Duration, Instant};

use program::{Ended, Program, folder};

/// Keeps three programs alive. Each prints its own number and that of a child in a session of its own, which does not obey;
/// `OBEY` is what the program itself does when it is asked to end.
const KEEPER: &str = r#"
local supervise = require("supervise")
local script = [[
    setsid sh -c 'trap "" TERM HUP INT; echo $$; exec sleep 600 >/dev/null 2>&1 </dev/null' &
    trap 'OBEY' TERM
    echo $$
    while :; do sleep 0.05; done
]]
assert(supervise.add {
    name = "kept", command = "sh", args = { "-c", script }, instances = 3,
    restart = { policy = "permanent", backoff = { type = "fixed", delay = "1ms" } },
    shutdown = { kill_scope = "mixed", leftover_grace = "50ms" },
})
local output = supervise.output("kept")
assert(supervise.start("kept"))
for _ = 1, 6 do print("number " .. output:receive().line) end
print("ready")
process.events():receive()
"#;

fn is_there(number: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

fn signal(number: u32, name: &str) {
    assert!(Command::new("kill").args([name, &number.to_string()]).status().unwrap().success());
}

/// Starts the keeper, sends it those signals, and waits until nothing is left of what it kept.
fn check(obey: &str, signals: &[&str], code: Option<i32>) {
    let root = folder(&[("main.lua", KEEPER.replace("OBEY", obey))]);
    let mut program = Program::start(root.path(), &["run", "-s", "main.lua"]);
    program.wait_for_line("ready");
    for name in signals {
        signal(program.os_pid(), name);
    }
    let ended: Ended = program.end();
    assert_eq!(ended.code, code, "{}", ended.stderr);
    let numbers: Vec<u32> =
        ended.stdout.lines().filter_map(|line| line.strip_prefix("number ")?.parse().ok()).collect();
    assert_eq!(numbers.len(), 6, "{}", ended.stdout);
    let start = Instant::now();
    while numbers.iter().any(|number| is_there(*number)) {
        // Who was killed leaves this to its guardian.
        assert!(code.is_none(), "{signals:?}: still there");
        assert!(start.elapsed() < Duration::from_secs(60), "{signals:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn programs_are_asked_to_end_with_whoever_keeps_them() {
    check("exit 0", &["-TERM"], Some(0));
}

#[test]
fn programs_that_do_not_obey_are_killed_by_the_second_signal() {
    check(":", &["-INT", "-TERM"], Some(1));
}

#[test]
fn nothing_that_is_kept_outlives_a_program_that_is_killed() {
    check(":", &["-KILL"], None);
}
