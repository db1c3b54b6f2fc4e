//! What those see who look at output, and what nobody may see.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use perilune_exec_native::OutputSink;
use perilune_supervisor::log::{
    self, LogConfig, LogLine, LogQuery, LogStream, OutputLines, OutputOptions, Outputs, Received, Redact,
};
use perilune_supervisor::process::ProcessSpec;
use regex::Regex;

const DEADLINE: Duration = Duration::from_secs(60);

fn outputs(log: LogConfig, options: OutputOptions) -> Outputs {
    let spec = ProcessSpec::builder()
        .name("w")
        .command("c")
        .log(log)
        .env("SERVICE_TOKEN", "from the spec itself")
        .env("GREETING", "good morning to all")
        .build();
    log::open(&spec, 0, options).unwrap()
}

fn plain() -> Outputs {
    outputs(LogConfig::default(), OutputOptions::default())
}

fn contents(lines: &[LogLine]) -> Vec<&str> {
    lines.iter().map(|line| line.content.as_str()).collect()
}

async fn next(receiver: &mut log::LineReceiver) -> Option<Received> {
    tokio::time::timeout(DEADLINE, receiver.next()).await.unwrap()
}

fn text(received: Option<Received>) -> String {
    match received {
        Some(Received::Line(line)) => line.content.clone(),
        other => format!("{other:?}"),
    }
}

#[tokio::test]
async fn the_last_lines_of_both_outputs_are_kept() {
    let mut outputs = plain();
    let mut stderr = outputs.stderr.take().unwrap();
    for number in 0..100 {
        outputs.stdout.write(format!("out {number}\n").as_bytes()).await;
    }
    outputs.stdout.end().await;
    stderr.write(b"dying: \xFF").await;
    stderr.end().await;
    let tail = outputs.lines.tail(20);
    assert_eq!(tail.len(), 20);
    assert_eq!(contents(&tail)[18..], ["out 99", "dying: \u{FFFD}"]);
    assert_eq!((tail[19].stream, tail[19].process_name.as_str(), tail[19].instance), (LogStream::Stderr, "w", 0));
    assert_eq!(outputs.counts.written(LogStream::Stderr), 8);
}

#[tokio::test]
async fn what_is_kept_is_bounded() {
    let mut outputs = outputs(LogConfig { tail_bytes: 10, ..LogConfig::default() }, OutputOptions::default());
    outputs.stdout.write(b"first line\nsecond\nthird\n").await;
    assert_eq!(contents(&outputs.lines.tail(9)), ["third"]);
    let mut off = plain_without_tail();
    off.stdout.write(b"line\n").await;
    assert_eq!(off.lines.tail(9), []);
}

fn plain_without_tail() -> Outputs {
    outputs(LogConfig { tail_bytes: 0, ..LogConfig::default() }, OutputOptions::default())
}

#[tokio::test]
async fn receivers_get_lines_and_the_end() {
    let mut outputs = plain();
    let mut receiver = outputs.lines.subscribe();
    outputs.stdout.write(b"one\ntw").await;
    outputs.stdout.write(b"o\nthree").await;
    outputs.stdout.end().await;
    drop(outputs.stderr.take());
    for expected in ["one", "two", "three"] {
        assert_eq!(text(next(&mut receiver).await), expected);
    }
    assert_eq!(next(&mut receiver).await, Some(Received::Ended));
    drop(outputs);
    assert_eq!(next(&mut receiver).await, None);
}

#[tokio::test]
async fn a_slow_receiver_knows_how_much_it_has_missed_and_slows_nobody() {
    let mut outputs = plain();
    let mut slow = outputs.lines.subscribe();
    let line = format!("{}\n", "x".repeat(999));
    for _ in 0..4096 {
        outputs.stdout.write(line.as_bytes()).await;
    }
    outputs.stdout.end().await;
    drop(outputs);
    let (mut lost, mut got) = (0, 0);
    while let Some(received) = next(&mut slow).await {
        match received {
            Received::Lost(bytes) => lost += bytes,
            Received::Line(line) => got += line.content.len() as u64 + 1,
            _ => {}
        }
    }
    assert_eq!(lost + got, 4096 * 1000);
    assert!((1..=256 << 10).contains(&got), "{got}");
}

#[tokio::test]
async fn a_query_has_no_gap_between_what_was_and_what_comes() {
    let mut outputs = plain();
    outputs.stdout.write(b"one\ntwo\nthree is").await;
    let mut receiver = outputs.lines.query(LogQuery { tail: 1, follow: true });
    let mut kept = outputs.lines.query(LogQuery { tail: 9, follow: false });
    outputs.stdout.write(b" begun\nfour\n").await;
    for expected in ["two", "three is begun", "four"] {
        let got = tokio::time::timeout(DEADLINE, receiver.next()).await.unwrap();
        assert_eq!(text(got), expected);
    }
    for expected in ["one", "two", "three is"] {
        assert_eq!(text(kept.next().await), expected);
    }
    assert_eq!(kept.next().await, None);
}

#[tokio::test]
async fn no_line_escapes_who_waits_for_one() {
    let mut outputs = plain();
    let mut ready = outputs.lines.matching(Regex::new("^ready$").unwrap());
    let mut never = outputs.lines.matching(Regex::new("never").unwrap());
    // Far more than waits for a receiver.
    for _ in 0..64 {
        outputs.stdout.write(&b"noise\n".repeat(10_000)).await;
    }
    outputs.stdout.write(b"ready\n").await;
    for _ in 0..64 {
        outputs.stdout.write(&b"noise\n".repeat(10_000)).await;
    }
    assert!(tokio::time::timeout(DEADLINE, ready.found()).await.unwrap());
    outputs.stdout.end().await;
    drop(outputs.stderr.take());
    assert!(!tokio::time::timeout(DEADLINE, never.found()).await.unwrap());
}

#[tokio::test]
async fn the_next_run_goes_on_where_the_last_one_ended() {
    let mut first = plain();
    let mut receiver = first.lines.subscribe();
    first.stdout.write(b"old\n").await;
    let lines: OutputLines = first.lines.clone();
    drop(first);
    let mut options = OutputOptions::default();
    options.lines = Some(lines.clone());
    let mut second = outputs(LogConfig::default(), options);
    second.stdout.write(b"new\n").await;
    assert_eq!(text(next(&mut receiver).await), "old");
    assert_eq!(next(&mut receiver).await, Some(Received::Ended));
    assert_eq!(text(next(&mut receiver).await), "new");
    assert_eq!(contents(&lines.tail(9)), ["new"], "the last words of this run");
    let mut all = lines.query(LogQuery { tail: 9, follow: false });
    assert_eq!([text(all.next().await), text(all.next().await)], ["old", "new"]);
}

async fn everything_seen(redact: Redact, folder: &Path, pieces: &[&[u8]]) -> (String, String, String) {
    let config = LogConfig { redact, combined_file: Some("f".into()), ..LogConfig::default() };
    let mut options = OutputOptions::default();
    options.log_dir = Some(folder.to_owned());
    options.secrets = vec!["hunter2hunter2".to_owned(), "short".to_owned()];
    assert!(!format!("{options:?}").contains("hunter2"));
    let mut outputs = outputs(config, options);
    let mut receiver = outputs.lines.subscribe();
    // The way of whoever reads the pipes.
    let sink: &mut dyn OutputSink = &mut outputs.stdout;
    for piece in pieces {
        sink.write(piece).await;
    }
    sink.end().await;
    let tail = outputs.lines.tail(99);
    let debug = format!("{outputs:?}");
    assert!(!debug.contains("hunter2"), "{debug}");
    outputs.stderr.take().unwrap().end().await;
    drop(outputs);
    let mut live = Vec::new();
    while let Some(received) = receiver.next().await {
        if let Received::Line(line) = received {
            live.push(Arc::unwrap_or_clone(line));
        }
    }
    let file = fs::read_to_string(folder.join("f")).unwrap();
    fs::remove_file(folder.join("f")).unwrap();
    (file, contents(&tail).join("\n"), contents(&live).join("\n"))
}

#[tokio::test]
async fn secrets_are_nowhere_wherever_they_are_cut() {
    let folder = tempfile::tempdir().unwrap();
    let text = b"a hunter2hunter2 b\nshort, from the spec itself, good morning to all, hunter2hunter2";
    let shown = "a [REDACTED] b\nshort, [REDACTED], good morning to all, [REDACTED]";
    for at in 0..text.len() {
        let (first, second) = text.split_at(at);
        let seen = everything_seen(Redact::Known, folder.path(), &[first, second]).await;
        assert_eq!(seen, (shown.to_owned(), shown.to_owned(), shown.to_owned()), "cut at {at}");
    }
}

#[tokio::test]
async fn what_looks_like_a_secret_goes_if_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let pieces: [&[u8]; 3] = [b"password=battery", b"-staple\nhunter2", b"hunter2 end"];
    let (file, ..) = everything_seen(Redact::Patterns, folder.path(), &pieces).await;
    assert_eq!(file, "password=[REDACTED]\n[REDACTED] end");
    let (file, ..) = everything_seen(Redact::Known, folder.path(), &pieces).await;
    assert_eq!(file, "password=battery-staple\n[REDACTED] end");
    let (file, ..) = everything_seen(Redact::Off, folder.path(), &pieces).await;
    assert_eq!(file, "password=battery-staple\nhunter2hunter2 end");
}
