//! From a real process to its files.

mod support;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use perilune_exec_api::EnvMode;
use perilune_exec_native::{Child, ChildOptions, Launch, environment};
use perilune_supervisor::log::{
    self, LogConfig, LogRotationConfig, LogStream, OutputCounts, OutputLines, OutputOptions,
};
use perilune_supervisor::process::{ProcessId, ProcessSpec};
use support::sized;

/// Runs a script and returns when it is over, and everything is where it belongs.
async fn run(script: &str, log: LogConfig, folder: &Path) -> (OutputCounts, OutputLines) {
    let spec = ProcessSpec::builder().name("w").command("sh").log(log).build();
    let mut options = OutputOptions::default();
    options.log_dir = Some(folder.to_owned());
    options.secrets = vec!["never written anywhere".to_owned()];
    let outputs = log::open(&spec, 0, options).unwrap();
    let mut launch = Launch::new("sh");
    launch.args = vec!["-c".into(), script.into()];
    launch.env = environment(&EnvMode::Inherit, [("LC_ALL", "C")]);
    let mut options = ChildOptions::new(ProcessId::new().to_string());
    options.merge_stderr = spec.log.merge_stderr;
    options.stdout.push(Box::new(outputs.stdout));
    if let Some(stderr) = outputs.stderr {
        options.stderr.push(Box::new(stderr));
    }
    let child = Child::spawn(launch, options).unwrap();
    child.finished().await;
    (outputs.counts, outputs.lines)
}

fn joined(folder: &Path, name: &str) -> Vec<u8> {
    let old = (1..).map(|number| folder.join(format!("{name}.{number}"))).take_while(|path| path.exists());
    let mut paths: Vec<_> = std::iter::once(folder.join(name)).chain(old).collect();
    paths.reverse();
    paths.iter().flat_map(|path| fs::read(path).unwrap()).collect()
}

#[tokio::test]
async fn r10_the_last_words_are_in_the_file_when_the_end_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let expected: String = (1..=1000).map(|number| format!("line {number}\n")).collect();
    for _ in 0..sized(20, 200) {
        let config = LogConfig { out_file: Some("f".into()), ..LogConfig::default() };
        let (counts, lines) =
            run("seq -f 'line %g' 1 1000; printf end >&2; kill -KILL $$", config, folder.path()).await;
        assert_eq!(fs::read_to_string(folder.path().join("f")).unwrap(), expected);
        fs::remove_file(folder.path().join("f")).unwrap();
        assert_eq!((counts.written(LogStream::Stdout), counts.written(LogStream::Stderr)), (expected.len() as u64, 3));
        let tail: Vec<_> = lines.tail(1).into_iter().map(|line| line.content).collect();
        assert_eq!(tail.len(), 1);
    }
}

#[tokio::test]
async fn r4_much_on_both_outputs_at_once_is_all_there() {
    let folder = tempfile::tempdir().unwrap();
    let rotation = Some(LogRotationConfig { max_size: 1 << 20, max_files: 1000, ..LogRotationConfig::default() });
    let config =
        LogConfig { out_file: Some("out".into()), err_file: Some("err".into()), rotation, ..LogConfig::default() };
    let script = "yes 'this is the standard output' | head -c 16777216 & \
                  yes 'and this is the other one' | head -c 16777216 >&2; wait";
    let (counts, _) = run(script, config, folder.path()).await;
    for (name, line) in [("out", "this is the standard output\n"), ("err", "and this is the other one\n")] {
        let got = joined(folder.path(), name);
        let expected: Vec<u8> = line.bytes().cycle().take(16 << 20).collect();
        assert!(got == expected, "{name}: {} bytes", got.len());
    }
    assert_eq!(counts.lost(), 0);
}

#[tokio::test]
async fn in_one_pipe_the_order_is_exact() {
    let folder = tempfile::tempdir().unwrap();
    let config = LogConfig { out_file: Some("f".into()), merge_stderr: true, ..LogConfig::default() };
    let script = "for i in 1 2 3 4 5 6 7 8 9; do echo out $i; echo err $i >&2; done";
    run(script, config, folder.path()).await;
    let expected: String = (1..=9).map(|number| format!("out {number}\nerr {number}\n")).collect();
    assert_eq!(fs::read_to_string(folder.path().join("f")).unwrap(), expected);
}

fn kilobytes(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Alone in its program in the full size: `r4_` is how to ask for it.
#[tokio::test]
async fn r4_a_flood_through_rotating_files_takes_little_time_and_memory() {
    let bytes: u64 = sized(32 << 20, 1 << 30);
    let raw = LogConfig { out_file: Some("f".into()), ..LogConfig::default() };
    for (what, config) in [
        ("bytes as they are", raw.clone()),
        ("with stamps", LogConfig { timestamp: true, ..raw.clone() }),
        (
            "compressed",
            LogConfig {
                rotation: Some(LogRotationConfig { compress: true, ..LogRotationConfig::default() }),
                ..raw.clone()
            },
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let since = Instant::now();
        let line = "a line of a usual length, as programs write them all day long, with a number 0123456789";
        let before = kilobytes("VmRSS");
        let config = LogConfig { err_file: Some("e".into()), ..config };
        let script = format!("yes '{line}' | head -c {bytes} & yes '{line}' | head -c {bytes} >&2; wait");
        let (counts, _) = run(&script, config, folder.path()).await;
        let took = since.elapsed();
        let grown = kilobytes("VmHWM").saturating_sub(before);
        println!("r4: 2 x {bytes} bytes {what}: {took:.2?}, {grown} KiB more at most");
        let written = [LogStream::Stdout, LogStream::Stderr].map(|stream| counts.written(stream));
        assert_eq!((written, counts.lost()), ([bytes; 2], 0));
        assert!(took < Duration::from_secs(60), "30 s for each: {took:?}");
        // In a normal run other tests of this program use memory at the same time.
        assert!(grown < sized(512, 32) << 10, "{grown} KiB");
    }
}
