//! Whatever a supervised process writes arrives, and never keeps anybody waiting.

mod support;

use std::time::{Duration, Instant};

use perilune_exec_api::OsSignal;
use perilune_exec_native::{ChildOutput, OutputSink, OutputStream};
use support::{Collected, alive, block_on, child, numbers, sized, state, until};

/// Counts, and looks that every byte is the one that is due.
struct Checked {
    expected: fn(u64) -> u8,
    seen: u64,
    tell: std::sync::mpsc::Sender<Result<u64, u64>>,
}

impl Checked {
    fn new(expected: fn(u64) -> u8) -> (Self, std::sync::mpsc::Receiver<Result<u64, u64>>) {
        let (tell, told) = std::sync::mpsc::channel();
        (Self { expected, seen: 0, tell }, told)
    }
}

#[async_trait::async_trait]
impl OutputSink for Checked {
    async fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if *byte != (self.expected)(self.seen) {
                let _ = self.tell.send(Err(self.seen));
            }
            self.seen += 1;
        }
    }

    async fn end(&mut self) {
        let _ = self.tell.send(Ok(self.seen));
    }
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("own status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
}

/// What is due, what writes it, and how much.
type Case = (String, fn(u64) -> u8, u64);

#[test]
fn r5_much_output_arrives_whole_in_little_memory() {
    const LINE: u64 = 100 << 20;
    block_on(async {
        let before = resident();
        let cases: [Case; 3] = [
            // One line without an end.
            (format!("head -c {LINE} /dev/zero | tr '\\0' x"), |_| b'x', LINE),
            // Ten million empty lines.
            ("yes '' | head -c 10000000".to_owned(), |_| b'\n', 10_000_000),
            // Bytes that are no text, and a zero before each line's end.
            (
                "yes \"$(printf '\\377\\376\\001')\" | head -c 8000000".to_owned(),
                |at| [0xff, 0xfe, 1, 10][at as usize % 4],
                8_000_000,
            ),
        ];
        for (line, expected, length) in cases {
            let (sink, told) = Checked::new(expected);
            let output = ChildOutput::new(64 << 10);
            // From before the start, so that nothing goes by unseen.
            let mut slow = output.subscribe();
            let child = child(&line, |options| {
                options.output = output;
                options.stdout = vec![Box::new(sink)];
            });
            assert!(child.finished().await.exit.success());
            assert_eq!(told.try_iter().collect::<Vec<_>>(), [Ok(length)], "{line}");
            assert_eq!(child.output().bytes(OutputStream::Stdout), length);
            assert_eq!(child.output().tail(OutputStream::Stdout).len(), 64 << 10);
            // Nobody received meanwhile: little was kept, and what was not is counted.
            let mut received = 0;
            while let Some(chunk) = slow.recv().await {
                received += chunk.bytes.len() as u64 + chunk.lost;
            }
            assert!(received == length && slow.missed() >= length - (1 << 20));
        }
        let grown = resident().saturating_sub(before);
        println!("r5: three kinds of output with {} KiB more", grown >> 10);
        assert!(grown < 32 << 20, "{grown} bytes more");
    });
}

#[test]
fn r4_flood_on_both_streams_takes_little_memory_whoever_looks_on() {
    let each: u64 = sized(64 << 20, 1 << 30);
    block_on(async {
        let (before, start) = (resident(), Instant::now());
        let (sink, told) = Checked::new(|_| 0);
        let line = format!("head -c {each} /dev/zero >&2 & head -c {each} /dev/zero; wait");
        // Counting is enough: looking at each byte takes longer than writing it.
        let sink = Counted(sink);
        let output = ChildOutput::new(64 << 10);
        let mut slow = output.subscribe();
        let child = child(&line, |options| {
            options.output = output;
            options.stderr = vec![Box::new(sink)];
        });
        let finished = child.finished().await;
        let grown = resident().saturating_sub(before);
        let took = start.elapsed();
        println!("r4: 2 x {each} bytes in {took:.1?} with {} KiB more", grown >> 10);
        assert!(took < Duration::from_secs(sized(60, 20)), "10 s for each: {took:?}");
        assert!(finished.exit.success() && !finished.output_cut);
        assert_eq!(told.try_iter().collect::<Vec<_>>(), [Ok(each)]);
        assert_eq!(child.output().bytes(OutputStream::Stdout), each);
        let mut received = 0;
        while let Some(chunk) = slow.recv().await {
            received += chunk.bytes.len() as u64 + chunk.lost;
        }
        assert_eq!(received, 2 * each);
        assert!(grown < 32 << 20, "{grown} bytes more");
    });
}

struct Counted(Checked);

#[async_trait::async_trait]
impl OutputSink for Counted {
    async fn write(&mut self, bytes: &[u8]) {
        self.0.seen += bytes.len() as u64;
    }

    async fn end(&mut self) {
        self.0.end().await;
    }
}

#[test]
fn both_streams_are_read_at_once_and_nobody_has_to_want_them() {
    block_on(async {
        let line = "head -c 3000000 /dev/zero >&2; head -c 3000000 /dev/zero; exit 2";
        let child = child(line, |options| options.output = ChildOutput::new(0));
        assert_eq!(child.finished().await.exit.code, Some(2));
        for stream in [OutputStream::Stdout, OutputStream::Stderr] {
            assert_eq!((child.output().bytes(stream), child.output().tail(stream).len()), (3_000_000, 0));
        }
    });
}

#[test]
fn merged_streams_keep_their_order() {
    block_on(async {
        let sink = Collected::default();
        let line = "i=0; while [ $i -lt 200 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done";
        let child = child(line, |options| (options.merge_stderr, options.stdout) = (true, vec![sink.sink()]));
        child.finished().await;
        let expected: String = (0..200).map(|i| format!("out {i}\nerr {i}\n")).collect();
        assert_eq!(String::from_utf8(sink.whole()).unwrap(), expected);
        assert_eq!(child.output().bytes(OutputStream::Stderr), 0);
    });
}

#[test]
fn subscribers_are_given_both_streams_from_where_they_begin() {
    block_on(async {
        let output = ChildOutput::new(0);
        let (mut received, mut receiver) = (Vec::new(), output.subscribe());
        let line = "echo out; echo err >&2; kill -STOP $$; echo last; printf rest";
        let child = child(line, |options| options.output = output);
        until("it waits", || state(child.os_pid()) == Some('T')).await;
        let late = child.output().subscribe();
        child.control().signal(OsSignal::new(18).unwrap()).unwrap();
        child.finished().await;
        // What is read of one stream and of the other comes in any order.
        let mut late_bytes = Vec::new();
        let mut late = late;
        while let Some(chunk) = late.recv().await {
            if chunk.stream == OutputStream::Stdout {
                late_bytes.extend_from_slice(&chunk.bytes);
            }
        }
        while let Some(chunk) = receiver.recv().await {
            received.push((chunk.stream, String::from_utf8(chunk.bytes.to_vec()).unwrap(), chunk.lost));
        }
        let of = |stream| received.iter().filter(|c| c.0 == stream).map(|c| c.1.as_str()).collect::<String>();
        assert_eq!(
            (of(OutputStream::Stdout).as_str(), of(OutputStream::Stderr).as_str()),
            ("out\nlast\nrest", "err\n")
        );
        assert!(String::from_utf8(late_bytes).unwrap().ends_with("last\nrest"));
        assert!(child.output().subscribe().recv().await.is_none());
    });
}

/// Takes its time for every piece.
struct Slow(Box<dyn OutputSink>);

#[async_trait::async_trait]
impl OutputSink for Slow {
    async fn write(&mut self, bytes: &[u8]) {
        tokio::time::sleep(Duration::from_millis(5)).await;
        self.0.write(bytes).await;
    }

    async fn end(&mut self) {
        self.0.end().await;
    }
}

#[test]
fn slow_sink_gets_everything() {
    block_on(async {
        let sink = Collected::default();
        let slow = Slow(sink.sink());
        let child = child("head -c 2000000 /dev/zero; printf end", |options| options.stdout = vec![Box::new(slow)]);
        child.finished().await;
        let bytes = sink.whole();
        assert!(bytes.len() == 2_000_003 && bytes.ends_with(b"\0end"));
    });
}

#[test]
fn r9_leftover_that_holds_the_pipes_is_gone_when_the_wait_is_over() {
    block_on(async {
        for holder in ["sleep 600", "sh -c 'trap \"\" TERM; while :; do sleep 600; done'", "setsid sleep 600"] {
            let sink = Collected::default();
            let start = Instant::now();
            let line = format!("{holder} & echo $!; printf all; exit 4");
            let child = child(&line, |options| options.stdout = vec![sink.sink()]);
            let finished = child.finished().await;
            let took = start.elapsed();
            let written = String::from_utf8(sink.whole()).unwrap();
            let pid = written.lines().next().unwrap().parse().unwrap();
            assert!(!alive(pid) && written.ends_with("all"), "{written}");
            assert_eq!((finished.exit.code, finished.output_cut), (Some(4), false));
            assert!(!finished.leftovers.is_empty());
            println!("r9: {took:.2?} with `{holder}`");
            // Two seconds of grace for who does not obey; in a normal run others may have most of the machine.
            assert!(took < Duration::from_secs(sized(8, 3)), "{took:?}");
        }
    });
}

#[test]
fn pipe_that_an_escaped_process_keeps_is_given_up() {
    block_on(async {
        let sink = Collected::default();
        // Without the mark, in a session of its own, and without a parent. It floods.
        let line = "(env -i setsid /bin/sh -c 'echo $$; while echo x; do :; done' &); sleep 0.1; exit 1";
        let child = child(line, |options| {
            options.drain_timeout = Duration::from_millis(50);
            options.stdout = vec![sink.sink()];
        });
        let finished = child.finished().await;
        assert!(finished.output_cut && finished.exit.code == Some(1), "{finished:?}");
        let written = String::from_utf8(sink.whole()).unwrap();
        let pid = written.lines().next().unwrap().parse().unwrap();
        // Nobody reads any more, and it notices.
        until("it has ended", || !alive(pid)).await;
    });
}

#[test]
fn r10_last_lines_before_the_end_are_never_missing() {
    block_on(async {
        let busy = child("while :; do :; done", |_| ());
        let expected: String = (1..=1000).map(|line| format!("{line}\n")).collect();
        for round in 0..200 {
            let sink = Collected::default();
            let child = child("exec seq 1000", |options| options.stdout = vec![sink.sink()]);
            child.finished().await;
            assert!(sink.whole() == expected.as_bytes(), "round {round}");
        }
        println!("r10: 200 times 1000 lines, none missing");
        drop(busy);
    });
}

#[test]
fn idle_process_costs_few_descriptors() {
    block_on(async {
        let children = |count: usize| (0..count).map(|_| child("echo $$; exec sleep 600", |_| ())).collect::<Vec<_>>();
        let first = children(1);
        numbers(&first[0], 1).await;
        // The list has the files of all tests of this program; the difference is far greater than theirs.
        let before = support::open_descriptors();
        let all = children(100);
        for child in &all {
            numbers(child, 1).await;
        }
        let each = support::open_descriptors().saturating_sub(before) as f64 / 100.0;
        println!("idle process: {each} descriptors");
        assert!(each <= 6.0, "{each}");
    });
}
