//! What several of these tests need.
#![allow(dead_code, reason = "every test file uses a part of it")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use perilune_exec_api::{ByteStream, CommandLine, EnvMode, ExecError, ExecRequest, Executor, ExecutorExt, Process};
use perilune_exec_native::{Child, ChildOptions, Launch, NativeExecutor, OutputSink, OutputStream, environment};
use rustix::process::{Pid, Signal};

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

pub(crate) fn shell(line: &str) -> ExecRequest {
    ExecRequest::new(CommandLine::Shell(line.to_owned()))
}

/// What a line for the shell prints.
pub(crate) async fn output(executor: &dyn Executor, line: &str) -> String {
    let finished = executor.run(CommandLine::Shell(line.to_owned())).await.expect("a run");
    assert!(finished.stderr.is_empty(), "{}", String::from_utf8_lossy(&finished.stderr));
    String::from_utf8(finished.stdout).expect("text")
}

pub(crate) struct Started {
    pub(crate) process: Arc<dyn Process>,
    pub(crate) stdout: Arc<dyn ByteStream>,
    rest: Vec<u8>,
}

/// Starts a line for the shell, of which lines are read.
pub(crate) async fn start(executor: &NativeExecutor, request: ExecRequest) -> Started {
    let process = executor.create(request).expect("a process");
    let stdout = process.stdout().expect("a stream");
    process.start().await.expect("a start");
    Started { process, stdout, rest: Vec::new() }
}

impl Started {
    pub(crate) async fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                return String::from_utf8_lossy(&line).trim_end().to_owned();
            }
            self.rest.extend(self.stdout.read(4096).await.expect("output").expect("not the end"));
        }
    }

    pub(crate) async fn pid(&mut self) -> u32 {
        self.line().await.parse().expect("a pid")
    }
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

/// The name of the program it runs, of which the system keeps 15 bytes.
pub(crate) fn program(pid: u32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim_end().to_owned()
}

pub(crate) fn signal(pid: u32, signal: Signal) -> rustix::io::Result<()> {
    rustix::process::kill_process(Pid::from_raw(pid.try_into().expect("a pid")).expect("a pid"), signal)
}

/// Waits until something outside of this program is so.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
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
    let pids = std::fs::read_dir("/proc")
        .expect("processes")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let parent = stat.rfind(')').and_then(|end| stat[end + 1..].split_ascii_whitespace().nth(1)?.parse().ok());
        parent == Some(own)
    })
    .collect()
}

/// A line for the shell, looked after as `with` says.
pub(crate) fn child(line: &str, with: impl FnOnce(&mut ChildOptions)) -> Child {
    try_child("sh", &["-c", line], with).expect("a process")
}

pub(crate) fn try_child(
    program: &str,
    args: &[&str],
    with: impl FnOnce(&mut ChildOptions),
) -> Result<Child, ExecError> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mark = format!("test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let mut launch = Launch::new(program);
    launch.args = args.iter().map(Into::into).collect();
    launch.env = environment(&EnvMode::Clean, [("LANG", "C")]);
    let mut options = ChildOptions::new(mark);
    with(&mut options);
    Child::spawn(launch, options)
}

/// Waits until the process has written that to its standard output, and nothing else.
pub(crate) async fn says(child: &Child, text: &str) {
    let written = || child.output().tail(OutputStream::Stdout);
    until(&format!("it says `{text}`"), || written() == text.as_bytes()).await;
}

/// The numbers that the process has written to its standard output, once there are so many.
pub(crate) async fn numbers(child: &Child, count: usize) -> Vec<u32> {
    let written = || String::from_utf8(child.output().tail(OutputStream::Stdout)).expect("text");
    until(&format!("it says {count} numbers"), || written().lines().count() >= count && written().ends_with('\n'))
        .await;
    written().split_whitespace().map(|number| number.parse().expect("a number")).collect()
}

/// What a sink has got, and whether it was told of the end.
#[derive(Clone, Default)]
pub(crate) struct Collected(Arc<Mutex<(Vec<u8>, bool)>>);

impl Collected {
    pub(crate) fn sink(&self) -> Box<dyn OutputSink> {
        Box::new(self.clone())
    }

    pub(crate) fn is_told(&self) -> bool {
        self.0.lock().expect("a sink").1
    }

    /// All of it, if the end was told.
    pub(crate) fn whole(&self) -> Vec<u8> {
        let (bytes, ended) = &mut *self.0.lock().expect("a sink");
        assert!(*ended, "the sink was not told of the end");
        std::mem::take(bytes)
    }
}

#[async_trait::async_trait]
impl OutputSink for Collected {
    async fn write(&mut self, bytes: &[u8]) {
        self.0.lock().expect("a sink").0.extend(bytes);
    }

    async fn end(&mut self) {
        self.0.lock().expect("a sink").1 = true;
    }
}
