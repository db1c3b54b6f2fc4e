//! What becomes of OS programs when the program that runs Lua is killed, and that nobody meets the guardian otherwise.
#![cfg(target_os = "linux")]

mod program;

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use program::{Program, folder};

/// Starts twenty programs. Each prints its own number, that of a child, of one in a session of its own, and of one whose
/// parents have gone besides; the last two do not obey.
const TWENTY: &str = r#"
local exec = require("exec").get("process:native")
local line = [[
    deaf='trap "" TERM HUP; echo $$; exec sleep 600 >/dev/null 2>&1 </dev/null'
    echo $$; sleep 600 & echo $!
    setsid sh -c "$deaf" &
    (setsid sh -c "$deaf" &)
    wait; wait
]]
local all = {}
for i = 1, 20 do
    local proc = exec:exec(line)
    proc:start()
    all[i] = proc
    local stream, text = proc:stdout_stream(), ""
    while select(2, text:gsub("\n", "")) < 4 do text = text .. stream:read() end
    print("tree " .. text:gsub("\n", " "))
end
print("ready")
process.inbox():receive()
"#;

/// Starts one program, and ends with it.
const ONE: &str = r#"
local proc = require("exec").get("process:native"):exec("read -r line || true; exec sleep 600")
proc:start()
print("ready")
process.events():receive()
"#;

/// The number, or that of its parent, behind the state of a process.
fn stat(number: u32) -> Option<(char, u32)> {
    let stat = std::fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

fn is_there(number: u32) -> bool {
    stat(number).is_some_and(|(state, _)| state != 'Z')
}

/// The guardian of the program.
fn guardian(of: &Program) -> Option<u32> {
    let numbers =
        std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let mut children = numbers.filter(|number| stat(*number).is_some_and(|(_, parent)| parent == of.os_pid()));
    children.find(|number| {
        let line = std::fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
        line.ends_with(b"\0__guardian\0")
    })
}

/// Whether a process ignores the signal of that number.
fn ignores(number: u32, signal: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{number}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap_or("0");
    u64::from_str_radix(mask.trim(), 16).is_ok_and(|mask| mask & (1 << (signal - 1)) != 0)
}

fn signal(number: u32, name: &str) {
    assert!(Command::new("kill").args([name, &number.to_string()]).status().unwrap().success());
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn start(script: &str) -> (tempfile::TempDir, Program) {
    let root = folder(&[("main.lua", script)]);
    let mut program = Program::start(root.path(), &["run", "-s", "main.lua"]);
    program.wait_for_line("ready");
    (root, program)
}

#[test]
fn nothing_outlives_a_program_that_is_killed() {
    let (_root, program) = start(TWENTY);
    let guardian = guardian(&program).expect("a guardian");
    signal(program.os_pid(), "-KILL");
    // Everybody but the programs has let go of its output, so this ends with it.
    let ended = program.end();
    let trees: Vec<Vec<u32>> = ended
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix("tree "))
        .map(|line| line.split_whitespace().map(|number| number.parse().unwrap()).collect())
        .collect();
    assert!(trees.len() == 20 && trees.iter().all(|tree| tree.len() == 4), "{}", ended.stdout);
    until("leaders are gone", || !trees.iter().any(|tree| is_there(tree[0])));
    until("all are gone", || !trees.iter().flatten().any(|number| is_there(*number)));
    until("the guardian has gone", || !is_there(guardian));
}

#[test]
fn program_that_ends_takes_its_guardian_along() {
    let (_root, program) = start(ONE);
    let guardian = guardian(&program).expect("a guardian");
    signal(program.os_pid(), "-TERM");
    assert_eq!(program.end().code, Some(0));
    assert_eq!(stat(guardian), None);
}

#[test]
fn program_goes_on_when_its_guardian_is_killed() {
    let (_root, program) = start(ONE);
    let guardian = guardian(&program).expect("a guardian");
    // Once it has begun, it takes no notice of what a terminal may send to all.
    until("it ignores interrupts", || ignores(guardian, 2));
    signal(guardian, "-INT");
    signal(guardian, "-KILL");
    until("nothing is left of it", || stat(guardian).is_none());
    signal(program.os_pid(), "-TERM");
    assert_eq!(program.end().code, Some(0));
}

#[test]
fn there_is_no_guardian_without_programs() {
    let (_root, program) = start("print('ready') process.events():receive()");
    assert_eq!(guardian(&program), None);
}

#[test]
fn streams_of_the_program_are_not_kept_open() {
    let (_root, mut program) = {
        let root = folder(&[("main.lua", ONE)]);
        let mut command = Command::new(env!("CARGO_BIN_EXE_perilune"));
        command.args(["run", "-s", "main.lua"]).current_dir(root.path());
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        (root, child)
    };
    let mut output = program.stdout.take().unwrap();
    let mut ready = [0; 6];
    output.read_exact(&mut ready).unwrap();
    let own = std::fs::read_dir(format!("/proc/{}/fd", program.id())).unwrap();
    let held = |path: std::path::PathBuf| std::fs::read_link(path).ok();
    let streams: Vec<_> =
        ["1", "2"].into_iter().filter_map(|fd| held(format!("/proc/{}/fd/{fd}", program.id()).into())).collect();
    assert_eq!((streams.len(), own.count() > 3), (2, true));
    let numbers =
        std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let children: Vec<u32> =
        numbers.filter(|number| stat(*number).is_some_and(|(_, parent)| parent == program.id())).collect();
    assert_eq!(children.len(), 2, "the guardian, and what it guards");
    for child in children {
        let open = std::fs::read_dir(format!("/proc/{child}/fd")).unwrap();
        let open: Vec<_> = open.filter_map(|entry| held(entry.ok()?.path())).collect();
        assert!(!open.iter().any(|target| streams.contains(target)), "{child}: {open:?}");
    }
    program.kill().unwrap();
    program.wait().unwrap();
    output.read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn no_help_speaks_of_it() {
    for args in [&["--help"][..], &["help"], &["run", "--help"]] {
        let help = Command::new(env!("CARGO_BIN_EXE_perilune")).args(args).output().unwrap();
        assert!(!String::from_utf8(help.stdout).unwrap().contains("guardian"));
    }
    // It has nothing to guard, and nothing to say.
    let mut command = Command::new(env!("CARGO_BIN_EXE_perilune"));
    let ended = command.arg("__guardian").stdin(Stdio::null()).output().unwrap();
    assert_eq!((ended.status.code(), ended.stdout, ended.stderr), (Some(0), Vec::new(), Vec::new()));
}
