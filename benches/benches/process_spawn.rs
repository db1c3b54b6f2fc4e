//! What does an OS process cost to start and to read from, next to the same with nothing but Tokio?
//!
//! Both sides take turns within one run, so that they meet the same machine. Printed are medians and their ratio.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use perilune_benches::App;
use perilune_exec_api::{CommandLine, ExecRequest, Executor, ExecutorExt, StdinMode};
use perilune_exec_native::NativeExecutor;
use tempfile::NamedTempFile;
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::runtime::Runtime;

const CHUNK: usize = 64 << 10;

/// How often a program reads the file, so that it need not be large.
const PIECES: usize = 16;

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

async fn native_stream(stream: Stream) {
    let (program, args) = stream.words();
    let process = NativeExecutor::new().create(request(program, &args)).expect("a process");
    let stdout = process.stdout().expect("a stream");
    process.start().await.expect("a start");
    let mut count = 0;
    while let Some(chunk) = stdout.read(CHUNK).await.expect("output") {
        count += chunk.len();
    }
    process.wait().await.expect("an end");
    assert_eq!(count, stream.bytes);
}

async fn tokio_stream(stream: Stream) {
    let (program, args) = stream.words();
    let mut process = command(program, &args).spawn().expect("a process");
    let mut stdout = process.stdout.take().expect("a stream");
    let (mut buffer, mut count) = (vec![0; CHUNK], 0);
    loop {
        match stdout.read(&mut buffer).await.expect("output") {
            0 => break,
            more => count += more,
        }
    }
    process.wait().await.expect("an end");
    assert_eq!(count, stream.bytes);
}

/// What writes, and how much.
#[derive(Clone)]
struct Stream {
    /// In how large pieces it writes decides more than anything else.
    name: &'static str,
    /// Words with a space between them.
    command: String,
    bytes: usize,
}

impl Stream {
    fn words(&self) -> (&str, Vec<&str>) {
        let mut words = self.command.split(' ');
        (words.next().unwrap_or_default(), words.collect())
    }
}

/// Programs that write what `file` holds, `PIECES` times, or as many zeros.
fn streams(file: &Path, bytes: usize) -> Vec<Stream> {
    let files = vec![file.to_str().expect("a name that is text"); PIECES].join(" ");
    let stream = |name, command| Stream { name, command, bytes };
    vec![
        stream("cat files, 128 KiB at a time", format!("/bin/cat {files}")),
        stream(
            "dd zeros, 64 KiB at a time",
            format!("/bin/dd if=/dev/zero bs=64k count={} status=none", bytes / (64 << 10)),
        ),
        stream("head zeros, 8 KiB at a time", format!("/usr/bin/head -c {bytes} /dev/zero")),
    ]
}

/// A file of bytes that do not repeat, gone when this is dropped.
fn noise(bytes: usize) -> NamedTempFile {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let noise: Vec<u8> = (0..bytes / 8).flat_map(|_| next().to_ne_bytes()).collect();
    let file = NamedTempFile::new().expect("a temporary file");
    std::fs::write(&file, noise).expect("room for it");
    file
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

    // The same from a script, on one worker.
    let app = App::start(1);
    let (ours, theirs) =
        compare(rounds, || app.time("programs", spawns as u64, ""), || time(&tokio, tokio_spawns(spawns)));
    let rate = |seconds: f64| spawns as f64 / seconds;
    println!("in Lua, spawn and wait: {:.0}/s, Tokio {:.0}/s, ratio {:.2}", rate(ours), rate(theirs), theirs / ours);

    drop((app, tokio));
    let file = noise(bytes / PIECES);
    let measure = |what: &str, stream: &Stream, ours: &dyn Fn() -> Duration| {
        let (ours, theirs) = compare(rounds, ours, || time(&runtime(), tokio_stream(stream.clone())));
        let rate = |seconds: f64| stream.bytes as f64 / seconds / f64::from(1 << 20);
        let (ours_rate, theirs_rate) = (rate(ours), rate(theirs));
        println!(
            "{what}, {}: {ours_rate:.0} MiB/s, Tokio {theirs_rate:.0} MiB/s, ratio {:.2}",
            stream.name,
            theirs / ours
        );
    };
    // New threads for each round: the system leaves writer and reader on the processors on which they happen to be, which
    // matters as much as who reads.
    for stream in streams(file.path(), bytes) {
        measure("standard output", &stream, &|| time(&runtime(), native_stream(stream.clone())));
        measure("in Lua, standard output", &stream, &|| {
            App::start(1).time("stream", stream.bytes as u64, &stream.command)
        });
    }
}
