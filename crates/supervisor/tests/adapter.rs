//! What adapters tell of real programs.

mod support;

use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use perilune_supervisor::ExitClassification;
use perilune_supervisor::adapter::{
    Adapter, AdapterError, AdapterEvent, AdapterEventReceiver, AdapterExt, AdapterPayload, BlackBoxAdapter,
    BlackBoxConfig, ChangeType, ProcessExited, ProcessStarted,
};
use perilune_supervisor::credentials::SecretRedactor;
use perilune_supervisor::log::LogStream;
use support::{alive, block_on, kill, until};
use tempfile::TempDir;

fn shell(line: &str) -> BlackBoxConfig {
    BlackBoxConfig::new("sh").args(["-c", line])
}

fn adapter(config: BlackBoxConfig) -> BlackBoxAdapter {
    BlackBoxAdapter::new(config).expect("an adapter")
}

/// Everything that is told of a program.
async fn told(config: BlackBoxConfig) -> (Vec<AdapterEvent>, ProcessExited) {
    let mut events = Vec::new();
    let exited = adapter(config).run_until_exit(|event| events.push(event)).await.expect("an end");
    check_order(&events);
    (events, exited)
}

fn check_order(events: &[AdapterEvent]) {
    assert!(matches!(events[0].payload, AdapterPayload::ProcessStarted(_)), "{events:?}");
    let ends = events.iter().filter(|event| matches!(event.payload, AdapterPayload::ProcessExited(_)));
    assert_eq!(ends.count(), 1, "{events:?}");
    assert!(matches!(events.last().expect("an end").payload, AdapterPayload::ProcessExited(_)), "{events:?}");
    assert!(events.iter().enumerate().all(|(index, event)| event.sequence == index as u64), "{events:?}");
    assert!(events.windows(2).all(|pair| pair[0].timestamp_nanos <= pair[1].timestamp_nanos), "{events:?}");
    assert!(events.iter().all(|event| event.session_id == events[0].session_id), "{events:?}");
}

fn started(events: &[AdapterEvent]) -> &ProcessStarted {
    match &events[0].payload {
        AdapterPayload::ProcessStarted(started) => started,
        other => panic!("{other:?}"),
    }
}

fn lines(events: &[AdapterEvent]) -> Vec<(LogStream, &str)> {
    let line = |event: &'_ AdapterEvent| match &event.payload {
        AdapterPayload::Output { stream, .. } => Some(*stream),
        _ => None,
    };
    let texts = events.iter().filter_map(|event| match &event.payload {
        AdapterPayload::Output { line, .. } => Some(line.as_str()),
        _ => None,
    });
    events.iter().filter_map(line).zip(texts).collect()
}

fn changes(events: &[AdapterEvent], root: &Path) -> Vec<(PathBuf, ChangeType, Option<u64>)> {
    let below = |path: &Path| path.strip_prefix(root).expect("below the root").to_owned();
    let change = |event: &AdapterEvent| match &event.payload {
        AdapterPayload::FilesystemChange { path, change_type, size_bytes } => {
            let change_type = match change_type {
                ChangeType::Renamed { from } => ChangeType::Renamed { from: below(from) },
                other => other.clone(),
            };
            Some((below(path), change_type, *size_bytes))
        }
        _ => None,
    };
    events.iter().filter_map(change).collect()
}

fn categories(events: &[AdapterEvent]) -> Vec<&str> {
    let category = |event: &'_ AdapterEvent| matches!(event.payload, AdapterPayload::Diagnostic { .. });
    let diagnostics = events.iter().filter(|event| category(event));
    diagnostics
        .map(|event| match &event.payload {
            AdapterPayload::Diagnostic { category, .. } => category.as_str(),
            _ => "",
        })
        .collect()
}

/// Receives until there is one like that.
async fn wait_for(
    receiver: &mut AdapterEventReceiver,
    mut wanted: impl FnMut(&AdapterPayload) -> bool,
) -> AdapterEvent {
    loop {
        let event = receiver.recv().await.expect("it is told before the end");
        if wanted(&event.payload) {
            return event;
        }
    }
}

fn is_line(payload: &AdapterPayload, wanted: &str) -> bool {
    matches!(payload, AdapterPayload::Output { line, .. } if line == wanted)
}

async fn rest(receiver: &mut AdapterEventReceiver) -> Vec<AdapterEvent> {
    let mut events = Vec::new();
    while let Some(event) = receiver.recv().await {
        events.push(event);
    }
    events
}

#[test]
fn program_is_told_from_start_to_end() {
    block_on(async {
        let folder = TempDir::new().unwrap();
        let config = shell("echo out; echo err >&2; printf last; exit 3").working_dir(folder.path()).env("LANG", "C");
        let (events, exited) = told(config).await;
        let started = started(&events);
        assert_eq!((started.command.as_str(), started.args[0].as_str()), ("sh", "-c"));
        assert_eq!((started.working_dir.as_path(), started.adapter_type.as_str()), (folder.path(), "black-box"));
        assert_eq!(started.env["LANG"], "C");
        let of = |wanted| lines(&events).into_iter().filter(move |(stream, _)| *stream == wanted).map(|(_, line)| line);
        assert_eq!(of(LogStream::Stdout).collect::<Vec<_>>(), ["out", "last"]);
        assert_eq!(of(LogStream::Stderr).collect::<Vec<_>>(), ["err"]);
        assert_eq!((exited.pid, exited.exit_code, exited.signal), (started.pid, Some(3), None));
        assert_eq!(exited.classification, ExitClassification::CleanError);
        assert!(exited.uptime > Duration::ZERO);
    });
}

#[test]
fn ends_are_told_apart() {
    block_on(async {
        let (_, exited) = told(shell("true")).await;
        assert_eq!(exited.classification, ExitClassification::CleanSuccess);
        let (_, exited) = told(shell("kill -KILL $$")).await;
        assert_eq!((exited.exit_code, exited.signal), (None, Some(9)));
        assert_eq!(exited.classification, ExitClassification::Signal);
    });
}

#[test]
fn secrets_are_in_no_event() {
    block_on(async {
        let config =
            shell("echo $MY_TOKEN $PLAIN; echo $HOME").args(["-c", "echo $MY_TOKEN $PLAIN $HOME", "s3cret-value"]);
        let (events, _) = told(config.env("MY_TOKEN", "s3cret-value").env("PLAIN", "visible")).await;
        let shown = format!("{events:?}");
        assert!(!shown.contains("s3cret"), "{shown}");
        assert_eq!(started(&events).env["MY_TOKEN"], "[REDACTED]");
        // The home of this program is not inherited.
        assert_eq!(lines(&events), [(LogStream::Stdout, "[REDACTED] visible")]);
    });
}

#[test]
fn secrets_are_in_no_event_where_a_line_is_too_long_either() {
    block_on(async {
        // The longest line ends in the middle of the secret.
        for before in 65_525..65_540 {
            let script = format!("head -c {before} /dev/zero | tr '\\0' x; printf %s \"$MY_TOKEN\"");
            let (events, _) = told(shell(&script).env("MY_TOKEN", "s3cret-value")).await;
            let text: String = lines(&events).into_iter().map(|(_, line)| line).collect();
            assert_eq!(text.trim_start_matches('x'), "[REDACTED]", "after {before}");
        }
    });
}

#[test]
fn variables_are_inherited_but_for_those_that_are_not() {
    block_on(async {
        let own: Vec<_> = std::env::vars().filter(|(name, _)| !SecretRedactor::is_sensitive_env_name(name)).collect();
        let (path, left_out) = ("PATH", own.iter().map(|(name, _)| name.as_str()).find(|name| *name != "PATH"));
        let left_out = left_out.expect("another variable");
        let mut config = shell("echo \"$PATH\"; env | grep -c \"^$LEFT_OUT=\"").env("LEFT_OUT", left_out);
        config.environment.inherit = true;
        config.environment.exclude = vec![left_out.to_owned()];
        let (events, _) = told(config).await;
        let expected = std::env::var(path).expect("a path");
        assert_eq!(lines(&events), [(LogStream::Stdout, &*expected), (LogStream::Stdout, "0")]);
        let env = &started(&events).env;
        assert!(!env.contains_key(left_out));
        assert!(own.iter().all(|(name, value)| name == left_out || env.get(name) == Some(value)), "{env:?}");
    });
}

#[test]
fn changes_of_files_are_told_before_the_end() {
    block_on(async {
        let folder = TempDir::new().unwrap();
        for name in ["old", "gone", "before"] {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        let line = "printf 12345 > new; printf y >> old; rm gone; mv before after; mkdir -p a/b; echo x > a/b/c";
        let (events, _) = told(shell(line).working_dir(folder.path())).await;
        let mut changes = changes(&events, folder.path());
        changes.sort_by(|one, other| one.0.cmp(&other.0));
        let path = PathBuf::from;
        let expected = [
            (path("a"), ChangeType::Created, None),
            (path("a/b"), ChangeType::Created, None),
            (path("a/b/c"), ChangeType::Created, Some(2)),
            (path("after"), ChangeType::Renamed { from: path("before") }, Some(1)),
            (path("gone"), ChangeType::Removed, None),
            (path("new"), ChangeType::Created, Some(5)),
            (path("old"), ChangeType::Modified, Some(2)),
        ];
        assert_eq!(changes, expected);
        assert_eq!(categories(&events), Vec::<&str>::new());
    });
}

#[test]
fn no_file_of_a_tree_that_grows_fast_is_missed() {
    block_on(async {
        let folder = TempDir::new().unwrap();
        let line = "for i in 1 2 3 4 5 6 7 8 9; do mkdir -p $i/x/y; : > $i/x/y/z; : > $i/w; done";
        for _ in 0..5 {
            let root = TempDir::new_in(folder.path()).unwrap();
            let (events, _) = told(shell(line).working_dir(root.path())).await;
            let mut seen: Vec<_> = changes(&events, root.path()).into_iter().map(|(path, ..)| path).collect();
            seen.sort();
            seen.dedup();
            assert_eq!(seen.len(), 9 * 5, "{seen:?}");
        }
    });
}

#[test]
fn changes_are_told_while_it_runs() {
    block_on(async {
        let folder = TempDir::new().unwrap();
        let mut adapter = adapter(shell("read never; exec sleep 600").working_dir(folder.path()));
        let mut receiver = adapter.take_event_receiver().expect("the receiver");
        assert!(adapter.take_event_receiver().is_none());
        adapter.start().await.unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        let is = |payload: &AdapterPayload, wanted: &Path, change: &ChangeType| {
            matches!(
                payload, AdapterPayload::FilesystemChange { path, change_type, .. } if path == wanted && change_type == change
            )
        };
        std::fs::write(&one, "1").unwrap();
        wait_for(&mut receiver, |payload| is(payload, &one, &ChangeType::Created)).await;
        std::fs::write(&one, "12").unwrap();
        wait_for(&mut receiver, |payload| is(payload, &one, &ChangeType::Modified)).await;
        std::fs::rename(&one, &two).unwrap();
        wait_for(&mut receiver, |payload| is(payload, &two, &ChangeType::Renamed { from: one.clone() })).await;
        std::fs::remove_file(&two).unwrap();
        wait_for(&mut receiver, |payload| is(payload, &two, &ChangeType::Removed)).await;
        adapter.stop().await.unwrap();
    });
}

#[test]
fn ignored_files_and_links_are_not_looked_at() {
    block_on(async {
        let (folder, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        std::fs::create_dir(folder.path().join("skipped")).unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), folder.path().join("link")).unwrap();
        let mut config = shell("touch a.tmp skipped/x link/y seen; mkdir -p deep/skipped; touch deep/skipped/z")
            .working_dir(folder.path());
        config.filesystem.ignore = vec!["*.tmp".to_owned(), "skipped".to_owned()];
        let (events, _) = told(config).await;
        let seen: Vec<_> = changes(&events, folder.path()).into_iter().map(|(path, ..)| path).collect();
        assert_eq!(seen, [PathBuf::from("seen"), PathBuf::from("deep")]);
    });
}

#[test]
fn only_the_folder_itself_is_looked_at_if_asked_for() {
    block_on(async {
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join("a")).unwrap();
        let mut config = shell("mkdir b; touch a/x b/y c").working_dir(folder.path());
        config.filesystem.recursive = false;
        let (events, _) = told(config).await;
        let seen: Vec<_> = changes(&events, folder.path()).into_iter().map(|(path, ..)| path).collect();
        assert_eq!(seen, [PathBuf::from("b"), PathBuf::from("c")]);
    });
}

/// The clock jumps to the next timer whenever nothing else is to be done.
#[tokio::test(start_paused = true)]
async fn program_that_does_nothing_is_stopped_after_five_minutes() {
    let (events, exited) = told(BlackBoxConfig::new("sleep").args(["600"])).await;
    let stalls: Vec<_> = events
        .iter()
        .filter_map(|event| match event.payload {
            AdapterPayload::StallDetected { idle_duration, threshold, stall_count } => {
                Some((idle_duration.as_secs(), threshold.as_secs(), stall_count))
            }
            _ => None,
        })
        .collect();
    assert_eq!(stalls, [(60, 60, 1), (120, 60, 2), (180, 60, 3), (240, 60, 4), (300, 60, 5)]);
    assert_eq!(categories(&events), ["max_stalls"]);
    assert_eq!((exited.signal, exited.classification), (Some(15), ExitClassification::Timeout));
}

#[test]
fn output_and_changes_of_files_are_activity() {
    block_on(async {
        let folder = TempDir::new().unwrap();
        let mut config = shell("while read line; do echo $line; done; exec sleep 600").working_dir(folder.path());
        config.stall.threshold = Duration::from_millis(50);
        config.stall.max_stalls = 0;
        config.filesystem.debounce = Duration::from_millis(1);
        let mut adapter = adapter(config);
        let mut receiver = adapter.take_event_receiver().expect("the receiver");
        adapter.start().await.unwrap();
        let is_stall = |payload: &AdapterPayload| matches!(payload, AdapterPayload::StallDetected { .. });
        let stalled = wait_for(&mut receiver, is_stall).await;
        assert!(matches!(stalled.payload, AdapterPayload::StallDetected { stall_count: 1, .. }));
        std::fs::write(folder.path().join("file"), "").unwrap();
        let resumed = |payload: &AdapterPayload| {
            matches!(
                payload, AdapterPayload::Progress { signal_type, .. } if signal_type == "resumed"
            )
        };
        wait_for(&mut receiver, resumed).await;
        let stalled = wait_for(&mut receiver, is_stall).await;
        assert!(matches!(stalled.payload, AdapterPayload::StallDetected { stall_count: 1, .. }));
        adapter.stop().await.unwrap();
        assert!(!adapter.is_running());
    });
}

#[test]
fn slow_receiver_loses_lines_and_knows_how_many() {
    block_on(async {
        let mut config = shell("seq 1000");
        config.buffer = 10;
        let mut adapter = adapter(config);
        let mut receiver = adapter.take_event_receiver().expect("the receiver");
        adapter.start().await.unwrap();
        until("it has ended", || !adapter.is_running()).await;
        let events = rest(&mut receiver).await;
        check_order(&events);
        assert_eq!(lines(&events).len(), 9);
        let lost = events.iter().find_map(|event| match &event.payload {
            AdapterPayload::Diagnostic { category, context, .. } if category == "events_lost" => {
                Some(&context["count"])
            }
            _ => None,
        });
        assert_eq!(lost.map(String::as_str), Some("991"));
    });
}

#[test]
fn stop_ends_everything_and_tells_all() {
    block_on(async {
        let mut adapter = adapter(shell("trap 'echo bye; exit 0' TERM; sleep 600 & echo $!; echo ready; wait"));
        let mut receiver = adapter.take_event_receiver().expect("the receiver");
        assert!(matches!(adapter.stop().await, Err(AdapterError::NotRunning)));
        adapter.start().await.unwrap();
        let pid = adapter.pid().expect("a process");
        let mut other = None;
        wait_for(&mut receiver, |payload| {
            if let AdapterPayload::Output { line, .. } = payload {
                other = other.or(line.parse().ok());
            }
            is_line(payload, "ready")
        })
        .await;
        adapter.stop().await.unwrap();
        assert_eq!((adapter.is_running(), adapter.pid()), (false, None));
        assert!(!alive(pid) && !alive(other.expect("another")));
        assert!(matches!(adapter.stop().await, Err(AdapterError::NotRunning)));
        assert!(matches!(adapter.start().await, Err(AdapterError::AlreadyRunning)));
        let events = rest(&mut receiver).await;
        assert_eq!(lines(&events), [(LogStream::Stdout, "bye")]);
        let AdapterPayload::ProcessExited(exited) = &events.last().expect("an end").payload else {
            panic!("{events:?}")
        };
        assert_eq!((exited.exit_code, exited.classification), (Some(0), ExitClassification::CleanSuccess));
    });
}

#[test]
fn program_that_does_not_obey_is_killed() {
    block_on(async {
        let mut config = shell("trap '' TERM; echo ready; while :; do sleep 1; done");
        config.process.grace = Duration::from_millis(50);
        let mut adapter = adapter(config);
        let mut receiver = adapter.take_event_receiver().expect("the receiver");
        adapter.start().await.unwrap();
        wait_for(&mut receiver, |payload| is_line(payload, "ready")).await;
        adapter.stop().await.unwrap();
        let events = rest(&mut receiver).await;
        let AdapterPayload::ProcessExited(exited) = &events.last().expect("an end").payload else {
            panic!("{events:?}")
        };
        assert_eq!((exited.signal, exited.classification), (Some(9), ExitClassification::Signal));
    });
}

#[test]
fn stop_right_after_the_start_leaves_nothing() {
    block_on(async {
        for _ in 0..20 {
            let mut adapter = adapter(shell("sleep 600 & exec sleep 600"));
            adapter.start().await.unwrap();
            let pid = adapter.pid().expect("a process");
            adapter.stop().await.unwrap();
            assert!(!alive(pid));
            let mut events = Vec::new();
            while let Some(event) = adapter.poll().await.unwrap() {
                events.push(event);
            }
            check_order(&events);
        }
    });
}

#[test]
fn start_that_is_given_up_leaves_nothing_and_can_be_repeated() {
    block_on(async {
        let folder = TempDir::new().unwrap();
        let mut adapter = adapter(shell("echo $$ >> pids; exec sleep 600").working_dir(folder.path()));
        for _ in 0..10 {
            let polled_once = {
                let mut start = pin!(adapter.start());
                poll_fn(|context| Poll::Ready(start.as_mut().poll(context))).await
            };
            if polled_once.is_ready() {
                // This machine was faster.
                break;
            }
            assert!(!adapter.is_running());
        }
        if !adapter.is_running() {
            adapter.start().await.unwrap();
        }
        let pid = adapter.pid().expect("a process");
        let pids = || -> Vec<u32> {
            let text = std::fs::read_to_string(folder.path().join("pids")).unwrap_or_default();
            text.lines().filter_map(|line| line.parse().ok()).collect()
        };
        until("only the last one runs", || {
            pids().contains(&pid) && pids().iter().all(|one| alive(*one) == (*one == pid))
        })
        .await;
        adapter.stop().await.unwrap();
        assert!(!alive(pid));
    });
}

#[test]
fn dropping_an_adapter_ends_its_program_and_the_receiver_is_told() {
    block_on(async {
        let mut adapter = adapter(shell("sleep 600 & echo $!; wait"));
        let mut receiver = adapter.take_event_receiver().expect("the receiver");
        adapter.start().await.unwrap();
        let pid = adapter.pid().expect("a process");
        let mut other = None;
        wait_for(&mut receiver, |payload| {
            if let AdapterPayload::Output { line, .. } = payload {
                other = line.parse().ok();
            }
            other.is_some()
        })
        .await;
        drop(adapter);
        let events = rest(&mut receiver).await;
        let AdapterPayload::ProcessExited(exited) = &events.last().expect("an end").payload else {
            panic!("{events:?}")
        };
        assert_eq!(exited.signal, Some(9));
        assert!(!alive(pid) && !alive(other.expect("another")));
    });
}

#[test]
fn dropping_an_adapter_ends_its_program_without_a_runtime() {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = TempDir::new().unwrap();
    let mut adapter = adapter(BlackBoxConfig::new("sleep").args(["600"]).working_dir(folder.path()));
    tokio.block_on(adapter.start()).unwrap();
    let pid = adapter.pid().expect("a process");
    assert!(alive(pid));
    drop(tokio);
    assert!(!adapter.is_running());
    drop(adapter);
    block_on(until("it is gone", || !alive(pid)));
}

#[test]
fn failed_start_says_why_and_starts_nothing() {
    block_on(async {
        let error = adapter(BlackBoxConfig::new("no-such-program")).start().await.unwrap_err();
        assert!(
            matches!(&error, AdapterError::SpawnFailed { reason, .. } if reason.contains("no-such-program")),
            "{error}"
        );
        assert!(error.is_fatal());
        let mut config = shell("true");
        config.filesystem.paths = vec!["/no/such/folder".into()];
        let mut adapter = adapter(config);
        let error = adapter.start().await.unwrap_err();
        assert_eq!(error.to_string(), "could not observe `/no/such/folder`: it does not exist");
        assert!(!adapter.is_running());
        assert!(matches!(adapter.poll().await, Err(AdapterError::NotRunning)));
    });
}

#[test]
fn adapters_of_any_kind_are_one_type() {
    block_on(async {
        let mut adapters: Vec<Box<dyn Adapter>> =
            vec![Box::new(adapter(shell("exit 1"))), Box::new(adapter(shell("true")))];
        let mut codes = Vec::new();
        for adapter in &mut adapters {
            codes.push(adapter.run_until_exit(drop).await.unwrap().exit_code);
            assert_eq!(adapter.adapter_type(), "black-box");
            assert!(adapter.poll().await.unwrap().is_none());
        }
        assert_eq!(codes, [Some(1), Some(0)]);
        assert_ne!(adapters[0].session_id(), adapters[1].session_id());
        let mut taken = adapter(shell("true"));
        let _receiver = taken.take_event_receiver();
        assert!(matches!(taken.run_until_exit(drop).await, Err(AdapterError::ChannelRecv)));
    });
}

#[test]
fn signal_of_somebody_else_is_told() {
    block_on(async {
        let mut adapter = adapter(shell("echo ready; exec sleep 600"));
        adapter.start().await.unwrap();
        let pid = adapter.pid().expect("a process");
        let mut receiver = adapter.take_event_receiver().expect("the receiver");
        wait_for(&mut receiver, |payload| is_line(payload, "ready")).await;
        kill("HUP", pid);
        let events = rest(&mut receiver).await;
        let AdapterPayload::ProcessExited(exited) = &events.last().expect("an end").payload else {
            panic!("{events:?}")
        };
        assert_eq!((exited.signal, exited.classification), (Some(1), ExitClassification::Signal));
    });
}
