//! What the guardian ends when the runtime is killed, and what it does not. Runtimes and guardians are this test program
//! itself, started again to run `inner` with a task.

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use perilune_exec_api::{Containment, ExecRequest, Executor, ExecutorExt, Stop};
use perilune_exec_native::{Launch, NativeConfig, NativeExecutor, guardian};
use rustix::process::Signal;
use support::{alive, block_on, shell, signal, sized, start, state, until};

const TASK: &str = "PERILUNE_TEST_TASK";
const INNER: [&str; 4] = ["--exact", "inner", "--nocapture", "--test-threads=1"];

const GUARD: &[u8] = b"PERILUNE_TEST_TASK=guard";

/// Beside itself a program here is a child, one in a session of its own, and one whose parents are gone besides. The last
/// two do not obey.
const TREE: &str = "
    deaf='trap \"\" TERM HUP; echo $$; exec sleep 600 >/dev/null 2>&1 </dev/null'
    sleep 600 & echo $!
    setsid sh -c \"$deaf\" &
    (setsid sh -c \"$deaf\" &)
    echo $$; wait; wait";

/// A runtime that does what its input says.
struct Runtime {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Runtime {
    fn start(task: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(INNER).env(TASK, task).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    /// The numbers that it says, behind this word.
    fn said(&mut self, word: &str) -> Vec<u32> {
        let mut line = String::new();
        while self.output.read_line(&mut line).unwrap() > 0 {
            if let Some((_, numbers)) = line.split_once(word) {
                return numbers.split_whitespace().map(|number| number.parse().unwrap()).collect();
            }
            line.clear();
        }
        panic!("it has ended without `{word}`");
    }

    fn go_on(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Its guardian.
    fn guardian(&self) -> u32 {
        let children = children_of(self.child.id());
        let environment = |pid: &u32| std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let is_guardian = |pid: &u32| environment(pid).split(|byte| *byte == 0).any(|found| found == GUARD);
        children.into_iter().find(is_guardian).expect("a guardian")
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn children_of(parent: u32) -> Vec<u32> {
    let pids = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let found = stat.rfind(')').and_then(|end| stat[end + 1..].split_ascii_whitespace().nth(1)?.parse().ok());
        found == Some(parent)
    })
    .collect()
}

/// Not a test of its own.
#[test]
fn inner() {
    match std::env::var(TASK).as_deref() {
        Ok("guard") => guardian::serve(std::io::stdin()).unwrap(),
        Ok("hang") => hang(&|| {}),
        Ok("say goodbye") => hang(&guardian::goodbye),
        Ok("end") => end(),
        Ok("control group") => control_group(),
        Ok("flood") => flood(),
        Ok("broken guardian") => broken_guardian(),
        _ => {}
    }
}

fn arm() {
    let mut helper = Launch::new("/proc/self/exe");
    helper.args = INNER.map(Into::into).to_vec();
    helper.env.insert(TASK.into(), "guard".into());
    guardian::arm(helper);
}

fn wait_for_word() {
    std::io::stdin().read_exact(&mut [0]).unwrap();
}

fn hang(then: &dyn Fn()) {
    arm();
    block_on(async {
        let executor = NativeExecutor::new();
        let (mut leaders, mut others, mut processes) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..20 {
            let mut tree = start(&executor, shell(TREE)).await;
            let leader = tree.process.os_pid().unwrap();
            for _ in 0..4 {
                others.push(tree.pid().await);
            }
            others.retain(|pid| *pid != leader);
            leaders.push(leader);
            processes.push(tree);
        }
        let text = |pids: &[u32]| pids.iter().map(u32::to_string).collect::<Vec<_>>().join(" ");
        println!("\nleaders {}\nothers {}", text(&leaders), text(&others));
        // One that has ended meanwhile, and its number is free.
        let gone = executor.start(shell("true")).await.unwrap();
        gone.wait().await.unwrap();
        gone.swept().await;
        then();
        println!("ready");
        std::future::pending::<()>().await;
    });
}

fn end() {
    arm();
    block_on(async {
        let executor = NativeExecutor::new();
        let mut tree = start(&executor, shell(TREE)).await;
        tree.pid().await;
        println!("\nstarted");
        wait_for_word();
        tree.process.close(Stop::Force);
        executor.shutdown(Duration::ZERO).await;
    });
    guardian::goodbye();
    println!("gone {}", support::children().len());
}

/// Starts more than the pipe to a guardian that does not read has room for.
fn flood() {
    arm();
    block_on(async {
        let executor = NativeExecutor::new();
        executor.start(shell("true")).await.unwrap().wait().await.unwrap();
        println!("\nready");
        wait_for_word();
        let mut kept = Vec::new();
        for number in 0..1200 {
            let process =
                executor.start(ExecRequest::new(perilune_exec_api::CommandLine::argv("true", [""; 0]))).await.unwrap();
            process.wait().await.unwrap();
            if number % 100 == 99 {
                process.swept().await;
            }
        }
        for _ in 0..2 {
            let mut tree = start(&executor, shell(TREE)).await;
            kept.extend([tree.pid().await, tree.pid().await, tree.pid().await, tree.pid().await]);
            std::mem::forget(tree);
        }
        assert!(!guardian::is_informed(), "not everything fits into the pipe");
        println!("others {}", kept.iter().map(u32::to_string).collect::<Vec<_>>().join(" "));
        support::until("it has been told", guardian::is_informed).await;
        println!("told {}", kept.len());
        std::future::pending::<()>().await;
    });
}

fn control_group() {
    arm();
    block_on(async {
        let mut folder = String::new();
        std::io::stdin().read_line(&mut folder).unwrap();
        let mut config = NativeConfig::default();
        config.cgroup = Some(folder.trim_end().into());
        let executor = NativeExecutor::with(config);
        // Without the mark, in a session of its own, without a parent: nothing else would find it.
        let line = "(env -i setsid /bin/sh -c 'echo $$; exec /bin/sleep 600 >/dev/null 2>&1' &); sleep 600";
        let mut request: ExecRequest = shell(line);
        request.containment = Containment::Cgroup;
        let mut tree = start(&executor, request).await;
        println!("\nothers {}", tree.pid().await);
        std::future::pending::<()>().await;
    });
}

fn broken_guardian() {
    guardian::arm(Launch::new("/no/such/guardian"));
    block_on(async {
        let executor = NativeExecutor::new();
        assert!(executor.start(shell("true")).await.unwrap().wait().await.unwrap().success());
    });
    guardian::goodbye();
    println!("\ndone 1");
}

#[test]
fn r11_nobody_outlives_a_runtime_that_is_killed() {
    let mut runtime = Runtime::start("hang");
    let (leaders, others) = (runtime.said("leaders "), runtime.said("others "));
    runtime.said("ready");
    assert_eq!((leaders.len(), others.len()), (20, 60));
    assert!(leaders.iter().chain(&others).all(|pid| alive(*pid)));
    let guardian = runtime.guardian();
    let killed = Instant::now();
    runtime.kill();
    block_on(until("leaders are gone", || !leaders.iter().any(|pid| alive(*pid))));
    let first = killed.elapsed();
    assert!(first < Duration::from_secs(sized(30, 1)), "{first:?}");
    block_on(until("all are gone", || !others.iter().any(|pid| alive(*pid))));
    let last = killed.elapsed();
    println!("r11: leaders gone after {first:.2?}, all after {last:.2?}");
    assert!(last < Duration::from_secs(sized(30, 4)), "{last:?}");
    block_on(until("the guardian has gone", || !alive(guardian)));
}

#[test]
fn guardian_that_was_sent_away_ends_nobody() {
    let mut runtime = Runtime::start("say goodbye");
    let (leaders, others) = (runtime.said("leaders "), runtime.said("others "));
    runtime.said("ready");
    assert!(children_of(runtime.child.id()).iter().all(|pid| leaders.contains(pid)), "no guardian is left");
    runtime.kill();
    block_on(until("leaders are gone", || !leaders.iter().any(|pid| alive(*pid))));
    let mut ended = 0;
    for pid in others {
        ended += usize::from(signal(pid, Signal::KILL).is_err());
    }
    assert_eq!(ended, 0);
}

#[test]
fn guardian_does_not_obey_and_holds_nothing() {
    let mut runtime = Runtime::start("hang");
    let others = runtime.said("others ");
    runtime.said("ready");
    let guardian = runtime.guardian();
    block_on(until("signals mean nothing to it", || ignores(guardian, &[1, 2, 3, 13, 15])));
    for unheard in [Signal::TERM, Signal::INT, Signal::HUP] {
        signal(guardian, unheard).unwrap();
    }
    let mut open: Vec<(u32, String)> = std::fs::read_dir(format!("/proc/{guardian}/fd"))
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let target = std::fs::read_link(&path).map(|target| target.display().to_string()).unwrap_or_default();
            (path.file_name().unwrap().to_str().unwrap().parse().unwrap(), target)
        })
        .collect();
    open.sort();
    let input = open[0].1.clone();
    assert!(input.starts_with("pipe:"), "{open:?}");
    // Its own copy of the input is the only other one that is no `/dev/null`.
    assert!(open.iter().skip(1).all(|(_, target)| target == "/dev/null" || *target == input), "{open:?}");
    let stat = std::fs::read_to_string(format!("/proc/{guardian}/stat")).unwrap();
    let fields: Vec<&str> = stat[stat.rfind(')').unwrap() + 1..].split_ascii_whitespace().collect();
    assert_eq!((fields[2], fields[3]), (guardian.to_string().as_str(), guardian.to_string().as_str()));
    assert_eq!(std::fs::read_link(format!("/proc/{guardian}/cwd")).unwrap(), std::path::Path::new("/"));
    runtime.kill();
    block_on(until("all are gone all the same", || !others.iter().any(|pid| alive(*pid))));
}

/// Whether it ignores all of these signals.
fn ignores(pid: u32, signals: &[u32]) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:\t"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask, 16).ok()).unwrap_or(0);
    signals.iter().all(|signal| mask & (1 << (signal - 1)) != 0)
}

#[test]
fn orderly_end_leaves_no_guardian() {
    let mut runtime = Runtime::start("end");
    runtime.said("started");
    let guardian = runtime.guardian();
    runtime.go_on();
    assert_eq!(runtime.said("gone "), [0]);
    assert_eq!(state(guardian), None);
    assert!(runtime.child.wait().unwrap().success());
}

#[test]
fn runtime_goes_on_without_its_guardian() {
    let mut runtime = Runtime::start("end");
    runtime.said("started");
    let guardian = runtime.guardian();
    signal(guardian, Signal::KILL).unwrap();
    // Not even a zombie is left of it.
    block_on(until("it is noticed", || state(guardian).is_none()));
    runtime.go_on();
    assert_eq!(runtime.said("gone "), [0]);
    assert!(runtime.child.wait().unwrap().success());
}

#[test]
fn control_groups_are_emptied_and_removed() {
    let parent = std::path::Path::new("/sys/fs/cgroup/unified");
    let parent = if parent.join("cgroup.procs").exists() { parent } else { std::path::Path::new("/sys/fs/cgroup") };
    let own = parent.join(format!("perilune-guardian-test-{}", std::process::id()));
    if !parent.join("cgroup.procs").exists() || std::fs::create_dir(&own).is_err() {
        return println!("control_groups_are_emptied_and_removed: skipped, no control group can be made here");
    }
    let mut runtime = Runtime::start("control group");
    writeln!(runtime.child.stdin.as_mut().unwrap(), "{}", own.display()).unwrap();
    let others = runtime.said("others ");
    assert!(alive(others[0]));
    runtime.kill();
    block_on(until("it is gone", || !alive(others[0])));
    // Fails until everything below it is gone.
    block_on(until("nothing is left", || std::fs::remove_dir(&own).is_ok()));
}

#[test]
fn guardian_that_cannot_be_started_stops_nobody() {
    let mut runtime = Runtime::start("broken guardian");
    assert_eq!(runtime.said("done "), [1]);
    assert!(runtime.child.wait().unwrap().success());
}

#[test]
fn nobody_waits_for_a_guardian_that_does_not_read() {
    let mut runtime = Runtime::start("flood");
    runtime.said("ready");
    let guardian = runtime.guardian();
    signal(guardian, Signal::STOP).unwrap();
    block_on(until("it has stopped", || state(guardian) == Some('T')));
    runtime.go_on();
    let others = runtime.said("others ");
    assert!(others.iter().all(|pid| alive(*pid)));
    signal(guardian, Signal::CONT).unwrap();
    // What did not fit into the pipe is told as soon as there is room.
    assert_eq!(runtime.said("told "), [8]);
    runtime.kill();
    block_on(until("all are gone", || !others.iter().any(|pid| alive(*pid))));
}
