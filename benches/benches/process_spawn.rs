//! What does an OS process cost to start and to read from, next to the same with nothing but Tokio?
//!
//! Both sides take turns within one run, so that they meet the same machine. Printed are medians and their ratio.

use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use perilune_benches::App;
use perilune_exec_api::{CommandLine, ExecRequest, Executor, ExecutorExt, StdinMode};
use perilune_exec_native::NativeExecutor;
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::runtime::Runtime;

const CHUNK: usize = 64 << 10;

fn request(program: &str, args: &[&str]) -> ExecRequest {
    let mut request = ExecRequest::new(CommandLine::argv(program, args.iter().copied()));
    request.stdin = StdinMode::Null;
    request
}

fn command(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

async fn native_spawns(executor: Arc<NativeExecutor>, count: usize) {
    for _ in 0..count {
        let process = executor.start(request("/bin/true", &[])).await.expect("a process");
        process.wait().await.expect("an end");
    }
}

async fn tokio_spawns(count: usize) {
    for _ in 0..count {
        command("/bin/true", &[]).spawn().expect("a process").wait().await.expect("an end");
    }
}

async fn native_stream(executor: Arc<NativeExecutor>, bytes: usize) {
    let process =
        executor.create(request("/usr/bin/head", &["-c", &bytes.to_string(), "/dev/zero"])).expect("a process");
    let stdout = process.stdout().expect("a stream");
    process.start().await.expect("a start");
    let mut count = 0;
    while let Some(chunk) = stdout.read(CHUNK).await.expect("output") {
        count += chunk.len();
    }
    process.wait().await.expect("an end");
    assert_eq!(count, bytes);
}

async fn tokio_stream(bytes: usize) {
    let mut process = command("/usr/bin/head", &["-c", &bytes.to_string(), "/dev/zero"]).spawn().expect("a process");
    let mut stdout = process.stdout.take().expect("a stream");
    let (mut buffer, mut count) = (vec![0; CHUNK], 0);
    loop {
        match stdout.read(&mut buffer).await.expect("output") {
            0 => break,
            more => count += more,
        }
    }
    process.wait().await.expect("an end");
    assert_eq!(count, bytes);
}

/// The median of the rounds of each side, which take turns.
fn compare(rounds: usize, mut ours: impl FnMut() -> Duration, mut theirs: impl FnMut() -> Duration) -> (f64, f64) {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        // Who begins changes too.
        if round % 2 == 0 {
            a.push(ours());
            b.push(theirs());
        } else {
            b.push(theirs());
            a.push(ours());
        }
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64()
    };
    (median(&mut a), median(&mut b))
}

/// In a task, as everything that the actor runtime asks of processes.
fn time(tokio: &Runtime, future: impl Future<Output = ()> + Send + 'static) -> Duration {
    tokio.block_on(async {
        let task = async move {
            let start = Instant::now();
            future.await;
            start.elapsed()
        };
        tokio.spawn(task).await.expect("a measurement")
    })
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

fn main() {
    // As the program does.
    perilune_runtime::keep_freed_memory();
    // As it is run by `cargo test --benches`: once, to see that it works.
    let brief = std::env::args().any(|arg| arg == "--test");
    let (rounds, spawns, bytes) = if brief { (1, 5, 1 << 20) } else { (21, 200, 1 << 30) };
    let tokio = runtime();
    let executor = Arc::new(NativeExecutor::new());

    let (ours, theirs) = compare(
        rounds,
        || time(&tokio, native_spawns(executor.clone(), spawns)),
        || time(&tokio, tokio_spawns(spawns)),
    );
    let rate = |seconds: f64| spawns as f64 / seconds;
    println!("spawn and wait: {:.0}/s, Tokio {:.0}/s, ratio {:.2}", rate(ours), rate(theirs), theirs / ours);

    let (ours, theirs) =
        compare(rounds, || time(&tokio, native_stream(executor.clone(), bytes)), || time(&tokio, tokio_stream(bytes)));
    let rate = |seconds: f64| bytes as f64 / seconds / f64::from(1 << 20);
    println!("standard output: {:.0} MiB/s, Tokio {:.0} MiB/s, ratio {:.2}", rate(ours), rate(theirs), theirs / ours);

    // The same from a script, on one worker.
    let app = App::start(1);
    let (ours, theirs) =
        compare(rounds, || app.time("programs", spawns as u64, "spawn"), || time(&tokio, tokio_spawns(spawns)));
    let rate = |seconds: f64| spawns as f64 / seconds;
    println!("in Lua, spawn and wait: {:.0}/s, Tokio {:.0}/s, ratio {:.2}", rate(ours), rate(theirs), theirs / ours);

    drop((app, tokio));
    // New threads for each round: the system leaves writer and reader on the processors on which they happen to be, which
    // matters more than anything else.
    let (ours, theirs) = compare(
        rounds,
        || App::start(1).time("programs", bytes as u64, "stream"),
        || time(&runtime(), tokio_stream(bytes)),
    );
    let rate = |seconds: f64| bytes as f64 / seconds / f64::from(1 << 20);
    let (ours_rate, theirs_rate) = (rate(ours), rate(theirs));
    println!("in Lua, standard output: {ours_rate:.0} MiB/s, Tokio {theirs_rate:.0} MiB/s, ratio {:.2}", theirs / ours);
}
