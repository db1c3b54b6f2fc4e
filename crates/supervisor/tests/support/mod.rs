//! What several of these tests need.
#![allow(dead_code, reason = "every test file uses a part of it")]

pub(crate) mod keeping;

use std::path::Path;
use std::time::{Duration, Instant};

use perilune_exec_api::EnvMode;
use perilune_supervisor::Surroundings;
use perilune_supervisor::log::LogStream;
use perilune_supervisor::process::{ProcessRunner, ProcessSpec};

/// How much a test of a figure does: `normal`, or `full` with `PERILUNE_FULL=1` (docs/reliability.md).
pub(crate) fn sized<T>(normal: T, full: T) -> T {
    if std::env::var_os("PERILUNE_FULL").is_some() { full } else { normal }
}

/// Runs a test in a runtime with two threads.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    tokio
        .block_on(async { tokio::time::timeout(Duration::from_secs(sized(120, 1200)), future).await.expect("in time") })
}

/// A line for the shell, as a spec.
pub(crate) fn shell(line: &str) -> ProcessSpec {
    ProcessSpec::builder().name("worker").command("sh").args(["-c", line]).build()
}

pub(crate) fn program(command: &str) -> ProcessSpec {
    ProcessSpec::builder().name("worker").command(command).build()
}

/// One that has been started.
pub(crate) fn started(spec: ProcessSpec) -> ProcessRunner {
    let mut runner = ProcessRunner::new(spec, 0);
    runner.start().expect("a start");
    runner
}

/// A line for the shell that has been started and has written something to say that it is ready.
pub(crate) async fn ready(line: &str) -> ProcessRunner {
    let runner = started(shell(line));
    until("it is ready", || !runner.recent_output(LogStream::Stdout).is_empty()).await;
    runner
}

/// Whether the process runs, is stopped or the like; not if it has ended.
pub(crate) fn alive(pid: u32) -> bool {
    state(pid).is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

/// The letter the system has for its state.
pub(crate) fn state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat[stat.rfind(')')? + 1..].trim_start().chars().next()
}

/// Somebody else sends a signal.
pub(crate) fn kill(signal: &str, pid: u32) {
    let sent = std::process::Command::new("sh").args(["-c", &format!("kill -{signal} {pid}")]).status();
    assert!(sent.expect("a shell").success());
}

/// Waits until something outside of this program is so.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(sized(30, 120)), "{what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

pub(crate) fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("descriptors").count()
}

/// Processes that this program has started and not reaped, or that still run.
pub(crate) fn children() -> Vec<u32> {
    let own = std::process::id();
    let pids = std::fs::read_dir("/proc").expect("processes");
    let pids = pids.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let parent = stat.rfind(')').and_then(|end| stat[end + 1..].split_ascii_whitespace().nth(1)?.parse().ok());
        parent == Some(own)
    })
    .collect()
}

pub(crate) fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("own status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
}

/// What this program has used of processors.
pub(crate) fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("own statistics");
    let fields = stat.rsplit_once(") ").expect("a name").1.split(' ').skip(11).take(2);
    // The system counts in hundredths of a second for everybody who reads this.
    Duration::from_millis(fields.map(|ticks| ticks.parse::<u64>().expect("a number") * 10).sum())
}

/// Longer than anything takes that works at all.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What is around an instance that has nothing but a `PATH`.
pub(crate) fn bare() -> Surroundings {
    let mut around = Surroundings::default();
    around.env_mode = EnvMode::Clean;
    around
}

/// The number that a script wrote, once it has.
pub(crate) async fn number_in(file: &Path) -> u32 {
    let read = || std::fs::read_to_string(file).ok().filter(|text| text.ends_with('\n'))?.trim().parse().ok();
    until("a number in a file", || read().is_some()).await;
    read().expect("a number")
}

/// Whether it is there and has not ended.
pub(crate) fn lives(os_pid: u32) -> bool {
    alive(os_pid)
}
