//! Processes from a file, kept alive by the program.
#![cfg(target_os = "linux")]

mod program;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use program::{Program, check, folder, run};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A program under test and what it tells.
struct Tool {
    root: TempDir,
    program: Program,
}

impl Tool {
    fn start(file: &str) -> Self {
        Self::start_with(file, &[])
    }

    fn start_with(file: &str, more: &[&str]) -> Self {
        Self::start_in(folder(&[("processes.toml", file)]), more)
    }

    /// In a folder with that file.
    fn start_in(root: TempDir, more: &[&str]) -> Self {
        let args = ["supervise", "run", "processes.toml", "--control", "stdin", "-s"];
        let program = Program::start_with_input(root.path(), &[&args, more].concat());
        Self { root, program }
    }

    /// The next line for which `wanted` holds.
    fn wait(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let line = self.program.next_line();
            let value: Value = serde_json::from_str(&line).expect("a line is no JSON");
            if wanted(&value) {
                return value;
            }
        }
    }

    fn wait_for(&mut self, event: &str, name: &str) -> Value {
        self.wait(|value| value["event"] == event && value["name"] == name)
    }

    /// Gives an order and waits for its answer.
    fn order(&mut self, order: &str) -> Value {
        self.program.say(order);
        let mut answer = self.wait(|value| value["reply"]["order"] == order);
        answer["reply"].take()
    }

    fn signal(&self, name: &str) {
        let pid = self.program.os_pid().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    /// Its exit code.
    fn end(self) -> Option<i32> {
        let ended = self.program.end();
        assert_eq!(ended.stderr, "");
        ended.code
    }
}

fn is_alive(os_pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{os_pid}/stat")).unwrap_or_default();
    // The state comes after the name, which is in brackets.
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn read_pid(path: &Path) -> u32 {
    let mut pid = None;
    wait_until("a process writes its pid", || {
        pid = std::fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok());
        pid.is_some()
    });
    pid.unwrap()
}

const SLEEPER: &str = "[[processes]]\nname = \"sleeper\"\ncommand = \"sleep\"\nargs = [\"1000\"]\n";

#[test]
fn a_good_file_has_no_problems() {
    let stdout = check(&[("p.toml", SLEEPER)], &["supervise", "check", "p.toml"], 0, &[]);
    assert_eq!(stdout, "no problems found in 1 process\n");
}

#[test]
fn problems_are_shown_where_they_are() {
    let file = format!("{SLEEPER}restrat = 1\n\n[processes.shutdown]\ntimeout = 5\n");
    let said = ["error", "unknown field `restrat`", "p.toml:5:1", "restrat = 1"];
    check(&[("p.toml", file.as_str())], &["supervise", "check", "p.toml"], 2, &said);
    check(&[("p.toml", file.as_str())], &["supervise", "run", "p.toml"], 2, &said);
}

#[test]
fn a_missing_file_is_named() {
    let none: [(&str, &str); 0] = [];
    check(&none, &["supervise", "run", "p.toml"], 2, &["could not be read: No such file", "p.toml"]);
}

#[test]
fn processes_that_would_write_over_each_other_are_found() {
    let process = |name: &str| {
        format!("[[processes]]\nname = \"{name}\"\ncommand = \"true\"\nlog = {{ out_file = \"all.log\" }}\n")
    };
    let file = process("a") + &process("b");
    check(&[("p.toml", file.as_str())], &["supervise", "check", "p.toml"], 2, &["`b`", "all.log"]);
}

#[test]
fn events_tell_a_whole_life() {
    let mut tool = Tool::start(
        "[[processes]]\nname = \"hello\"\ncommand = \"sh\"\nargs = [\"-c\", \"echo hi; echo there >&2; exit 3\"]\n\
         restart = { max_restarts = 0 }\n",
    );
    assert_eq!(tool.wait(|_| true)["seq"], json!(1));
    let started = tool.wait_for("started", "hello");
    assert!(started["pid"].is_u64() && started["run_id"].is_string() && started["at"].is_string());
    let exited = tool.wait_for("exited", "hello");
    assert_eq!(exited["exit"]["code"], json!(3));
    assert_eq!(exited["exit"]["classification"], json!("CLEAN_ERROR"));
    let mut tail: Vec<_> = exited["tail"].as_array().unwrap().clone();
    tail.sort_by_key(ToString::to_string);
    assert_eq!(tail, [json!("hi"), json!("there")]);
    let logs = tool.order("logs hello 1");
    assert_eq!(logs["lines"].as_array().unwrap().len(), 1, "{logs}");
    assert_eq!(tool.order("shutdown")["ok"], json!(true));
    tool.wait(|value| value["event"] == "shutdown_complete");
    assert_eq!(tool.end(), Some(0));
}

#[test]
fn a_crash_loop_is_given_up_and_can_be_started_again() {
    let mut tool = Tool::start(
        "[[processes]]\nname = \"bad\"\ncommand = \"sh\"\nargs = [\"-c\", \"echo started >> starts; exit 1\"]\n\
         [processes.restart]\nmax_restarts = 3\nbackoff = { type = \"fixed\", delay = \"0s\" }\n",
    );
    let gave_up = tool.wait_for("gave_up", "bad");
    assert_eq!(gave_up["count"], json!(3));
    let starts = |tool: &Tool| std::fs::read_to_string(tool.root.path().join("starts")).unwrap().lines().count();
    assert_eq!(starts(&tool), 4);
    let status = tool.order("status")["status"][0].clone();
    assert_eq!((&status["phase"], &status["restart_count"]), (&json!("gave_up"), &json!(3)));
    assert_eq!(tool.order("start bad")["ok"], json!(true));
    tool.wait_for("gave_up", "bad");
    assert_eq!(starts(&tool), 8);
    tool.signal("-TERM");
    assert_eq!(tool.end(), Some(0));
}

#[test]
fn orders_are_obeyed_and_answered() {
    let mut tool = Tool::start(&format!("{SLEEPER}instances = 2\n"));
    wait_until("both run", || {
        let status = tool.order("status")["status"].clone();
        status.as_array().unwrap().iter().all(|instance| instance["state"] == "Running")
    });
    let pid = |tool: &mut Tool, instance: usize| tool.order("status")["status"][instance]["pid"].as_u64();
    let before = (pid(&mut tool, 0), pid(&mut tool, 1));
    assert_eq!(tool.order("restart sleeper:1")["ok"], json!(true));
    let after = (pid(&mut tool, 0), pid(&mut tool, 1));
    assert_eq!(after.0, before.0);
    assert!(after.1.is_some() && after.1 != before.1);
    assert_eq!(tool.order("stop sleeper:0"), json!({ "order": "stop sleeper:0", "ok": true }));
    assert_eq!(pid(&mut tool, 0), None);
    assert_eq!(tool.order("start sleeper")["ok"], json!(true));
    assert!(pid(&mut tool, 0).is_some());
    assert_eq!(tool.order("scale sleeper 3")["ok"], json!(true));
    assert_eq!(tool.order("status")["status"].as_array().unwrap().len(), 3);
    assert_eq!(tool.order("kill sleeper:2")["ok"], json!(true));
    wait_until("it is gone", || tool.order("status")["status"][2]["state"] == "Terminated");
    assert_eq!(tool.order("signal sleeper:0 CONT")["ok"], json!(true));

    let refused = |tool: &mut Tool, order: &str, error: &str| {
        assert_eq!(tool.order(order), json!({ "order": order, "ok": false, "error": error }));
    };
    refused(&mut tool, "stop nobody", "`nobody` is not registered");
    refused(&mut tool, "stop sleeper:9", "there is no instance 9");
    refused(&mut tool, "scale sleeper x", "`x` is not a number");
    let unknown = tool.order("sing");
    assert!(
        unknown["error"].as_str().unwrap().starts_with("unknown order `sing`; expected status, start"),
        "{unknown}"
    );
    let signal = tool.order("signal sleeper:0 TREM");
    assert!(signal["error"].as_str().unwrap().contains("`TREM`"), "{signal}");
    assert_eq!(tool.order("shutdown")["ok"], json!(true));
    assert_eq!(tool.end(), Some(0));
}

#[test]
fn the_second_signal_does_not_wait() {
    let mut tool = Tool::start(
        "[[processes]]\nname = \"deaf\"\ncommand = \"sh\"\n\
         args = [\"-c\", \"trap '' TERM; echo $$ > pid; while true; do sleep 1000; done\"]\n\
         shutdown = { timeout = \"1h\" }\n",
    );
    let pid = read_pid(&tool.root.path().join("pid"));
    tool.signal("-INT");
    tool.wait(|value| value["event"] == "state_changed" && value["to"] == "Stopping");
    tool.signal("-INT");
    assert_eq!(tool.end(), Some(3));
    assert!(!is_alive(pid));
}

#[test]
fn the_end_of_orders_ends_nothing() {
    let mut tool = Tool::start(SLEEPER);
    tool.wait_for("started", "sleeper");
    tool.program.end_input();
    assert!(!tool.program.has_ended());
    tool.signal("-TERM");
    tool.wait(|value| value["event"] == "shutdown_complete");
    assert_eq!(tool.end(), Some(0));
}

#[test]
fn too_many_failures_of_all_together_end_the_tool() {
    let tool = Tool::start(
        "[supervisor]\nmax_restarts = 2\non_exceeded = \"stop_all\"\n\
         [[processes]]\nname = \"bad\"\ncommand = \"false\"\n\
         restart = { max_restarts = 100, backoff = { type = \"fixed\", delay = \"0s\" } }\n\
         [[processes]]\nname = \"good\"\ncommand = \"sleep\"\nargs = [\"1000\"]\n",
    );
    assert_eq!(tool.end(), Some(1));
}

#[test]
fn nothing_is_left_when_the_tool_is_killed() {
    let mut tool = Tool::start(
        "[[processes]]\nname = \"tree\"\ncommand = \"sh\"\n\
         args = [\"-c\", \"setsid sh -c 'trap \\\"\\\" TERM; echo $$ > grandchild; sleep 1000' & echo $$ > child; wait\"]\n",
    );
    tool.wait_for("started", "tree");
    let child = read_pid(&tool.root.path().join("child"));
    let grandchild = read_pid(&tool.root.path().join("grandchild"));
    assert!(is_alive(child) && is_alive(grandchild));
    tool.signal("-KILL");
    let killed = Instant::now();
    wait_until("all are gone", || !is_alive(child) && !is_alive(grandchild));
    // Two seconds to obey, and what it takes to find out; with room for a machine that does a lot besides.
    assert!(killed.elapsed() < Duration::from_secs(30), "{:?}", killed.elapsed());
}

#[test]
fn orphans_that_have_ended_are_no_zombies() {
    let mut tool = Tool::start(
        "[[processes]]\nname = \"careless\"\ncommand = \"sh\"\n\
         args = [\"-c\", \"for i in 1 2 3 4 5 6 7 8; do (setsid true &); done; echo $$ > done; sleep 1000\"]\n",
    );
    tool.wait_for("started", "careless");
    read_pid(&tool.root.path().join("done"));
    let own = tool.program.os_pid();
    let orphans = || {
        let numbers =
            std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        numbers.filter(|number: &u32| is_zombie_below(*number, own)).count()
    };
    wait_until("orphans are reaped", || orphans() == 0);
    tool.signal("-TERM");
    assert_eq!(tool.end(), Some(0));
}

/// In a container the session of the tool may be one from outside, which has no number there.
#[test]
fn sessions_from_outside_of_a_container_are_no_trouble() {
    let in_own = ["--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c"];
    let start = |line: &str| {
        let mut command = Command::new("unshare");
        command.args(in_own).arg(line).arg(std::env::current_exe().unwrap()).stdin(Stdio::null()).output()
    };
    let is_outside = "read stat </proc/self/stat; set -- ${stat##*) }; test $4 = 0; exit $?";
    if !start(is_outside).is_ok_and(|probe| probe.status.success()) {
        return println!("skipped, no namespace of processes can be made here");
    }
    for test in ["orphans_that_have_ended_are_no_zombies", "events_tell_a_whole_life"] {
        let output = start(&format!("\"$0\" --exact {test} --nocapture --test-threads=1; exit $?")).unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{test}: {said}{output:?}");
    }
}

/// Whether it has ended and is a child of `parent` that has not been reaped.
fn is_zombie_below(os_pid: u32, parent: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{os_pid}/stat")).unwrap_or_default();
    let Some((_, rest)) = stat.rsplit_once(") ") else { return false };
    let mut fields = rest.split(' ');
    fields.next() == Some("Z") && fields.next() == Some(parent.to_string().as_str())
}

fn state(tool: &Tool) -> Value {
    let text = std::fs::read_to_string(tool.root.path().join("state.json")).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

#[test]
fn what_outlives_the_tool_and_its_guardian_is_ended_by_the_next_start() {
    let mut tool = Tool::start_with(
        "[[processes]]\nname = \"tree\"\ncommand = \"sh\"\nshutdown = { timeout = \"300ms\" }\n\
         args = [\"-c\", \"setsid sh -c 'trap \\\"\\\" TERM; echo $$ > grandchild; exec sleep 1000' & echo $$ > child; wait\"]\n",
        &["--state", "state.json"],
    );
    tool.wait_for("started", "tree");
    let child = read_pid(&tool.root.path().join("child"));
    let grandchild = read_pid(&tool.root.path().join("grandchild"));
    wait_until("the run is written down", || state(&tool)["instances"][0]["run_id"].is_string());
    assert_eq!(state(&tool)["instances"][0]["pid"], json!(child));
    let mut stranger = Command::new("sleep").arg("1000").env("SUP_RUN_ID", "another").spawn().unwrap();

    let own = tool.program.os_pid();
    let guardian = guardian_of(own);
    let killed = Command::new("kill").args(["-KILL", &guardian.to_string(), &own.to_string()]).status().unwrap();
    assert!(killed.success());
    let Tool { root, program } = tool;
    program.end();
    wait_until("they are gone", || !is_alive(guardian) && !is_alive(child));
    assert!(is_alive(grandchild));

    // Somebody else has one of the numbers by now.
    let path = root.path().join("state.json");
    let mut written: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let mut other = written["instances"][0].clone();
    other["instance_index"] = json!(1);
    other["pid"] = json!(stranger.id());
    written["instances"].as_array_mut().unwrap().push(other);
    std::fs::write(&path, written.to_string()).unwrap();
    std::fs::write(root.path().join("processes.toml"), SLEEPER).unwrap();

    let mut tool = Tool::start_in(root, &["--state", "state.json"]);
    tool.wait_for("started", "sleeper");
    assert!(!is_alive(grandchild));
    assert!(stranger.try_wait().unwrap().is_none());
    tool.signal("-TERM");
    let Tool { root, program } = tool;
    let ended = program.end();
    assert_eq!(ended.code, Some(0));
    let said = format!("warning: processes of a former run were still there and are ended: {grandchild}\n");
    assert_eq!(ended.stderr, said);
    let written: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(written["instances"].as_array().unwrap().len(), 1);
    drop(root);
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

/// The process that ends what is left when this one is killed.
fn guardian_of(os_pid: u32) -> u32 {
    let mut found = None;
    wait_until("there is a guardian", || {
        let numbers = std::fs::read_dir("/proc").unwrap();
        let mut numbers = numbers.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
        found = numbers.find(|number| {
            let command = std::fs::read_to_string(format!("/proc/{number}/cmdline")).unwrap_or_default();
            let stat = std::fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
            let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok());
            command.contains("__guardian") && parent == Some(os_pid)
        });
        found.is_some()
    });
    found.unwrap()
}

#[test]
fn state_is_written_as_it_changes_and_privately() {
    let file = format!("[supervisor]\nstate_file = \"state.json\"\n\n{SLEEPER}");
    let mut tool = Tool::start_with(&file, &[]);
    let started = tool.wait_for("started", "sleeper");
    wait_until("the run is written down", || state(&tool)["instances"][0]["run_id"] == started["run_id"]);
    let mode = std::fs::metadata(tool.root.path().join("state.json")).unwrap().permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o7777, 0o600);
    assert_eq!(tool.order("restart sleeper")["ok"], json!(true));
    wait_until("the restart is written down", || state(&tool)["instances"][0]["restart_count"] == json!(1));
    assert_ne!(state(&tool)["instances"][0]["run_id"], started["run_id"]);

    // Two of them would end each other's processes.
    let second = run(tool.root.path(), &["supervise", "run", "processes.toml"]);
    assert_eq!(second.code, Some(2));
    assert!(second.stderr.contains("`state.json` is in use by another supervisor"), "{}", second.stderr);

    tool.signal("-TERM");
    tool.wait(|value| value["event"] == "shutdown_complete");
    let Tool { root, program } = tool;
    assert_eq!(program.end().code, Some(0));
    let written: Value =
        serde_json::from_str(&std::fs::read_to_string(root.path().join("state.json")).unwrap()).unwrap();
    assert_eq!((&written["instances"][0]["run_id"], &written["instances"][0]["pid"]), (&Value::Null, &Value::Null));
}

#[test]
fn restarts_are_counted_on_after_a_restart_of_the_tool_unless_the_process_is_another() {
    let file = format!("{SLEEPER}\n[[processes]]\nname = \"other\"\ncommand = \"sleep\"\nargs = [\"1001\"]\n");
    let args = ["--state", "state.json"];
    let counts = |tool: &mut Tool| {
        let status = tool.order("status")["status"].clone();
        let count = |index: usize| status[index]["restart_count"].as_u64().unwrap();
        (count(0), count(1))
    };
    let mut tool = Tool::start_with(&file, &args);
    for order in ["restart sleeper", "restart sleeper", "restart other"] {
        assert_eq!(tool.order(order)["ok"], json!(true));
    }
    assert_eq!(counts(&mut tool), (2, 1));
    let written = |tool: &Tool, index: usize| state(tool)["instances"][index]["restart_count"].clone();
    wait_until("the restarts are written down", || (written(&tool, 0), written(&tool, 1)) == (json!(2), json!(1)));
    let last = state(&tool)["instances"][0]["last_restart"].clone();
    // However it ends.
    tool.signal("-KILL");
    let Tool { root, program } = tool;
    program.end();

    std::fs::write(root.path().join("processes.toml"), file.replace("1001", "1002")).unwrap();
    let mut tool = Tool::start_in(root, &args);
    tool.wait_for("started", "other");
    assert_eq!(counts(&mut tool), (2, 0));
    wait_until("that is written down", || (written(&tool, 0), written(&tool, 1)) == (json!(2), json!(0)));
    assert_eq!(state(&tool)["instances"][0]["last_restart"], last);
    assert_eq!(tool.order("restart sleeper")["ok"], json!(true));
    assert_eq!(counts(&mut tool), (3, 0));
    tool.signal("-TERM");
    // Standard error may tell of what was still there.
    assert_eq!(tool.program.end().code, Some(0));
}

#[test]
fn state_of_a_later_version_is_refused() {
    let files = [("p.toml", SLEEPER), ("state.json", "{\"version\": 2}")];
    let args = ["supervise", "run", "p.toml", "--state", "state.json"];
    check(&files, &args, 2, &["error: `state.json` has version 2, and only versions up to 1 are known"]);
}

#[test]
fn state_that_is_damaged_is_set_aside() {
    let root = folder(&[("processes.toml", SLEEPER), ("state.json", "{\"version\": 1, ")]);
    let mut tool = Tool::start_in(root, &["--state", "state.json"]);
    tool.wait_for("started", "sleeper");
    tool.signal("-TERM");
    let Tool { root, program } = tool;
    let ended = program.end();
    let said =
        "warning: `state.json` was damaged and is now `state.json.damaged`; what still runs from before is not known\n";
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), said));
    assert_eq!(std::fs::read_to_string(root.path().join("state.json.damaged")).unwrap(), "{\"version\": 1, ");
}
