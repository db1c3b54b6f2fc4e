//! A supervisor with real processes.

mod support;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use perilune_supervisor::credentials::{CredentialConfig, MemoryProvider, ProfileId, SecretSet};
use perilune_supervisor::health::{CheckType, HealthCheckConfig};
use perilune_supervisor::log::{LogConfig, LogQuery};
use perilune_supervisor::process::{ProcessSpec, ProcessSpecBuilder, ProcessState};
use perilune_supervisor::restart::{BackoffConfig, RestartConfig, RestartPolicy, RestartStrategy};
use perilune_supervisor::{
    Condition, Dependency, EventKind, EventReceiver, Phase, Readiness, Received, ShutdownOptions, SupervisionOptions,
    Supervisor, SupervisorConfig, SupervisorError,
};

use support::{alive, block_on, kill, until};

const LONG: Duration = Duration::from_secs(60);

fn shell(name: &str, line: &str) -> ProcessSpecBuilder {
    ProcessSpec::builder().name(name).command("sh").args(["-c", line])
}

fn unlimited() -> SupervisorConfig {
    let mut config = SupervisorConfig::default();
    config.max_restarts = u32::MAX;
    config
}

fn at_once() -> RestartConfig {
    let backoff = BackoffConfig::Fixed { delay: Duration::ZERO };
    RestartConfig { max_restarts: u32::MAX, backoff, ..RestartConfig::default() }
}

fn options(change: impl FnOnce(&mut SupervisionOptions)) -> SupervisionOptions {
    let mut options = SupervisionOptions::default();
    change(&mut options);
    options
}

async fn event(events: &mut EventReceiver, wanted: impl Fn(&EventKind) -> bool) -> EventKind {
    loop {
        match events.recv().await {
            Some(Received::Event(event)) if wanted(&event.kind) => return event.kind.clone(),
            Some(_) => {}
            None => panic!("the supervisor is gone"),
        }
    }
}

#[test]
fn a_process_is_started_seen_and_stopped() {
    block_on(async {
        let supervisor = Supervisor::new(unlimited());
        let id = supervisor.register(shell("a", "exec sleep 600").build()).await.unwrap();
        assert_eq!(supervisor.spec("a").unwrap().id, id);
        supervisor.start("a").await.unwrap();
        let handle = supervisor.handle("a", 0).unwrap();
        assert_eq!(handle.state, ProcessState::Running);
        let pid = handle.pid.unwrap();
        assert!(alive(pid) && handle.started_at.is_some());
        let begun = Instant::now();
        supervisor.stop("a").await.unwrap();
        assert!(begun.elapsed() < Duration::from_secs(20));
        assert!(!alive(pid));
        assert_eq!(supervisor.handle("a", 0).unwrap().state, ProcessState::Stopped { exit_code: None });
        assert!(supervisor.shutdown(ShutdownOptions::default()).await.is_clean());
    });
}

#[test]
fn a_program_that_is_not_there_says_so() {
    block_on(async {
        let supervisor = Supervisor::new(unlimited());
        let never = RestartConfig { policy: RestartPolicy::Temporary, ..RestartConfig::default() };
        let spec = ProcessSpec::builder().name("a").command("there-is-no-such-program").restart(never).build();
        supervisor.register(spec).await.unwrap();
        let error = supervisor.start("a").await.unwrap_err().to_string();
        assert!(error.starts_with("failed to spawn process: `a`: "), "{error}");
        assert!(error.contains("there-is-no-such-program"), "{error}");
        let status = supervisor.status_of("a").unwrap().remove(0);
        assert_eq!((status.state, status.phase), (ProcessState::Crashed { exit_code: None }, Phase::Idle));
        assert_eq!(status.pid, None);
    });
}

#[test]
fn last_words_and_leftovers_are_told() {
    block_on(async {
        let supervisor = Supervisor::new(unlimited());
        let mut events = supervisor.events();
        let never = RestartConfig { policy: RestartPolicy::Temporary, ..RestartConfig::default() };
        let line = "sleep 600 & echo first; echo \"key is $API_KEY\" >&2; exit 7";
        supervisor.register(shell("a", line).env("API_KEY", "never-to-be-seen").restart(never).build()).await.unwrap();
        supervisor.start("a").await.unwrap();
        let left = event(&mut events, |kind| matches!(kind, EventKind::LeftoversKilled { .. })).await;
        let EventKind::LeftoversKilled { pids } = left else { unreachable!() };
        assert_eq!(pids.len(), 1);
        assert!(!alive(pids[0]));
        let ended = event(&mut events, |kind| matches!(kind, EventKind::Exited { .. })).await;
        let EventKind::Exited { exit, tail } = ended else { unreachable!() };
        assert_eq!((exit.code, exit.leftovers_killed), (Some(7), 1));
        let tail: HashSet<String> = tail.into_iter().collect();
        assert_eq!(tail, HashSet::from(["first".to_owned(), "key is [REDACTED]".to_owned()]));
        let status = supervisor.status_of("a").unwrap().remove(0);
        assert_eq!(status.state, ProcessState::Crashed { exit_code: Some(7) });
        assert_eq!((status.bytes_out, status.bytes_err), (6, 24));
    });
}

#[test]
fn output_is_in_its_file_and_to_be_looked_at() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let mut config = unlimited();
        config.log_dir = Some(folder.path().to_owned());
        let supervisor = Supervisor::new(config);
        let log = || LogConfig { out_file: Some("{name}.log".into()), ..LogConfig::default() };
        supervisor.register(shell("a", "echo one; echo two").log(log()).build()).await.unwrap();
        let mut lines = supervisor.logs("a", 0, LogQuery { tail: 10, follow: true }).unwrap();
        for run in 1..=2 {
            supervisor.start("a").await.unwrap();
            supervisor.wait_for("a", Condition::CompletedSuccessfully, LONG).await.unwrap();
            let text = std::fs::read_to_string(folder.path().join("a.log")).unwrap();
            assert_eq!(text, "one\ntwo\n".repeat(run));
        }
        for wanted in ["one", "two", "", "one"] {
            match lines.next().await {
                Some(perilune_supervisor::log::Received::Line(line)) => assert_eq!(line.content, wanted),
                Some(perilune_supervisor::log::Received::Ended) => assert_eq!(wanted, ""),
                other => panic!("{other:?}"),
            }
        }
        supervisor.reopen_logs().await.unwrap();
        let clash = LogConfig { err_file: Some("a.log".into()), ..LogConfig::default() };
        let error = supervisor.register(shell("b", "true").log(clash).build()).await.unwrap_err();
        assert!(matches!(error, SupervisorError::InvalidOptions { .. }), "{error}");
    });
}

#[test]
fn readiness_is_seen_in_a_line_or_at_a_descriptor() {
    block_on(async {
        let supervisor = Supervisor::new(unlimited());
        let line = "echo not yet; echo listening on 80 >&2; exec sleep 600";
        let by_line = options(|o| o.readiness = Readiness::LogLine(regex::Regex::new("^listening on").unwrap()));
        supervisor.register_with(shell("line", line).build(), by_line).await.unwrap();
        let by_fd = options(|o| o.readiness = Readiness::NotifyFd);
        let line = "eval \"echo >&$SUP_NOTIFY_FD\"; exec sleep 600";
        supervisor.register_with(shell("fd", line).build(), by_fd).await.unwrap();
        let never = options(|o| {
            o.readiness = Readiness::NotifyFd;
            o.start_timeout = Duration::from_millis(200);
        });
        let once = RestartConfig { policy: RestartPolicy::Temporary, ..RestartConfig::default() };
        supervisor.register_with(shell("never", "exec sleep 600").restart(once).build(), never).await.unwrap();
        supervisor.start_all().await.unwrap();
        supervisor.wait_for("line", Condition::Ready, LONG).await.unwrap();
        supervisor.wait_for("fd", Condition::Ready, LONG).await.unwrap();
        assert!(supervisor.wait_for("never", Condition::Ready, LONG).await.is_err());
        supervisor.shutdown(ShutdownOptions::default()).await;
    });
}

#[test]
fn who_ignores_the_request_is_killed_after_the_grace_and_the_delay() {
    block_on(async {
        let supervisor = Supervisor::new(unlimited());
        let mut events = supervisor.events();
        let mut spec = shell("a", "trap '' TERM; echo up; while :; do sleep 600; done").build();
        spec.shutdown.timeout = Duration::from_millis(200);
        spec.shutdown.kill_delay = Duration::from_millis(200);
        let ready = options(|o| o.readiness = Readiness::LogLine(regex::Regex::new("up").unwrap()));
        supervisor.register_with(spec, ready).await.unwrap();
        supervisor.start("a").await.unwrap();
        supervisor.wait_for("a", Condition::Ready, LONG).await.unwrap();
        let begun = Instant::now();
        supervisor.stop("a").await.unwrap();
        assert!(begun.elapsed() >= Duration::from_millis(400));
        assert_eq!(supervisor.handle("a", 0).unwrap().state, ProcessState::Terminated);
        event(&mut events, |kind| *kind == EventKind::StopEscalated).await;
    });
}

#[test]
fn use_of_processor_and_memory_is_looked_at() {
    block_on(async {
        let supervisor = Supervisor::new(unlimited());
        supervisor.register(shell("a", "while :; do :; done").build()).await.unwrap();
        supervisor.start("a").await.unwrap();
        let begun = Instant::now();
        loop {
            let status = supervisor.sample_now("a", 0).await.unwrap();
            let busy = status.cpu_percent.is_some_and(|percent| percent > 0.0);
            if busy && status.memory_bytes.is_some_and(|bytes| bytes > 0) {
                break;
            }
            assert!(begun.elapsed() < LONG, "{status:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        supervisor.kill("a", 0).await.unwrap();
        let status = supervisor.sample_now("a", 0).await.unwrap();
        assert_eq!((status.state, status.memory_bytes), (ProcessState::Terminated, None));
    });
}

/// Instances and their processes, as they are at one moment.
fn running(supervisor: &Supervisor) -> HashMap<String, u32> {
    let status = supervisor.status();
    status.into_iter().filter_map(|one| Some((one.display_name, one.pid?))).collect()
}

/// Live processes with a mark in their environment, by its value.
fn marked(mark: &str) -> HashMap<String, Vec<u32>> {
    let mut found: HashMap<String, Vec<u32>> = HashMap::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(environ) = std::fs::read(entry.path().join("environ")) else { continue };
        let text = String::from_utf8_lossy(&environ);
        let variables: HashMap<&str, &str> = text.split('\0').filter_map(|pair| pair.split_once('=')).collect();
        if variables.get("R6_MARK") == Some(&mark) && alive(pid) {
            let run = variables.get("SUP_RUN_ID").copied().unwrap_or_default();
            let instance = variables.get("SUP_INSTANCE").copied().unwrap_or_default();
            found.entry(format!("{instance} {run}")).or_default().push(pid);
        }
    }
    found
}

/// `PERILUNE_R6_SECONDS` makes it longer.
#[test]
fn r6_whoever_is_killed_comes_back_and_never_twice() {
    let seconds = std::env::var("PERILUNE_R6_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(3);
    block_on(async {
        let supervisor = Supervisor::new(unlimited());
        let mut events = supervisor.events();
        let mark = format!("{}-{seconds}", std::process::id());
        let spec = shell("w", "sleep 600 & sleep 600 & wait").env("R6_MARK", &mark).instances(20).restart(at_once());
        supervisor.register(spec.build()).await.unwrap();
        supervisor.start("w").await.unwrap();

        let mut random = 0x2545_f491_u32;
        let mut killed: HashMap<String, u32> = HashMap::new();
        let mut seen: HashMap<String, u32> = HashMap::new();
        let mut latencies: Vec<Duration> = Vec::new();
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(seconds) {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let name = format!("w-{}", (random >> 16) % 20);
            // One that was killed and is not seen to have ended yet is the same process.
            let Some(pid) = running(&supervisor).get(&name).copied().filter(|pid| seen.get(&name) != Some(pid)) else {
                tokio::time::sleep(Duration::from_millis(1)).await;
                continue;
            };
            seen.insert(name.clone(), pid);
            let hit = Instant::now();
            kill("KILL", pid);
            *killed.entry(name.clone()).or_default() += 1;
            if latencies.len() % 4 == 0 {
                let mut watch = supervisor.watch("w", name[2..].parse().unwrap()).unwrap();
                while !watch.current().pid.is_some_and(|now| now != pid) {
                    watch.changed().await.unwrap();
                }
                // Two trees of one instance would show as two runs.
                let trees = marked(&mark);
                let mut instances: HashMap<&str, usize> = HashMap::new();
                for run in trees.keys() {
                    *instances.entry(run.split(' ').next().unwrap()).or_default() += 1;
                }
                assert!(instances.values().all(|runs| *runs == 1), "{trees:?}");
            }
            latencies.push(hit.elapsed());
        }
        until("all are back", || {
            running(&supervisor).iter().filter(|(name, pid)| seen.get(*name) != Some(*pid)).count() == 20
        })
        .await;
        for status in supervisor.status() {
            assert_eq!(status.restart_count, killed.get(&status.display_name).copied().unwrap_or(0));
        }
        let kills: u32 = killed.values().sum();
        assert!(kills > 20, "{kills}");
        supervisor.shutdown(ShutdownOptions::default()).await;
        assert!(marked(&mark).is_empty());
        let (mut exits, mut last) = (0, 0);
        while let Some(received) = events.try_recv() {
            match received {
                Received::Lagged(missed) => last += missed,
                Received::Event(event) => {
                    assert_eq!(event.seq, last + 1);
                    last = event.seq;
                    exits += u32::from(matches!(&event.kind, EventKind::Exited { exit, .. } if exit.signal == Some(9)));
                }
            }
        }
        assert!(exits > 0);
        println!("{kills} kills in {seconds} s");
    });
}

/// Exit and respawn, as the supervisor tells of them.
#[test]
fn an_end_is_seen_and_answered_soon() {
    block_on(async {
        let supervisor = Supervisor::new(unlimited());
        supervisor.register(shell("a", "exec sleep 600").restart(at_once()).build()).await.unwrap();
        supervisor.start("a").await.unwrap();
        let mut events = supervisor.events();
        let (mut ends, mut starts) = (Vec::new(), Vec::new());
        for _ in 0..100 {
            let pid = supervisor.handle("a", 0).unwrap().pid.unwrap();
            let hit = Instant::now();
            kill("KILL", pid);
            let sent = hit.elapsed();
            event(&mut events, |kind| matches!(kind, EventKind::Exited { .. })).await;
            ends.push(hit.elapsed().saturating_sub(sent));
            event(&mut events, |kind| matches!(kind, EventKind::Started { .. })).await;
            starts.push(hit.elapsed().saturating_sub(sent));
        }
        for (what, times) in [("exit seen", &mut ends), ("respawned", &mut starts)] {
            times.sort();
            println!("{what}: median {:?}, p99 {:?}", times[times.len() / 2], times[times.len() * 99 / 100]);
            assert!(times[times.len() / 2] < Duration::from_secs(5));
        }
    });
}

#[test]
fn r16_a_crash_loop_of_processes_ends() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let starts = folder.path().join("starts");
        let supervisor = Supervisor::new(SupervisorConfig::default());
        let mut events = supervisor.events();
        let backoff = BackoffConfig::Fixed { delay: Duration::from_millis(5) };
        let restart = RestartConfig { backoff, ..RestartConfig::default() };
        let line = format!("echo >> {}; exit 1", starts.display());
        supervisor.register(shell("loop", &line).restart(restart).build()).await.unwrap();
        let count = || std::fs::read_to_string(&starts).unwrap_or_default().lines().count();
        for round in 1..=2 {
            supervisor.start("loop").await.unwrap();
            let gave_up = event(&mut events, |kind| matches!(kind, EventKind::GaveUp { .. })).await;
            assert_eq!(gave_up, EventKind::GaveUp { count: 5, window: Some(Duration::from_secs(60)) });
            assert_eq!(count(), 6 * round);
        }
    });
}

#[test]
fn r17_a_stop_is_for_good_whatever_goes_on() {
    block_on(async {
        for round in 0..20 {
            let supervisor = Supervisor::new(unlimited());
            supervisor.register(shell("a", "exec sleep 600").restart(at_once()).build()).await.unwrap();
            let other = supervisor.clone();
            let starting = tokio::spawn(async move { other.start("a").await });
            if round % 2 == 0 {
                starting.await.unwrap().unwrap();
                kill("KILL", supervisor.handle("a", 0).unwrap().pid.unwrap());
            }
            let (first, second) = tokio::join!(supervisor.stop("a"), supervisor.stop("a"));
            (first.unwrap(), second.unwrap());
            let status = supervisor.status_of("a").unwrap().remove(0);
            // A start that comes after the stop is one more wish.
            if round % 2 == 0 {
                assert_eq!((status.phase, status.pid), (Phase::Idle, None));
            }
            supervisor.shutdown(ShutdownOptions::default()).await;
            assert_eq!(supervisor.running_count(), 0);
        }
    });
}

/// `PERILUNE_R18_ROUNDS` makes it longer.
#[test]
fn r18_groups_are_restarted_in_their_order() {
    let rounds = std::env::var("PERILUNE_R18_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(3);
    block_on(async {
        for (strategy, expected) in [
            (RestartStrategy::OneForAll, "-e -d -c -a +a +b +c +d +e"),
            (RestartStrategy::RestForOne, "-e -d -c +b +c +d +e"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let book = folder.path().join("book");
            let mut config = unlimited();
            config.strategy = strategy;
            let supervisor = Supervisor::new(config);
            for name in ["a", "b", "c", "d", "e"] {
                let line = format!(
                    "trap 'echo -{name} >> {0}; exit 0' TERM; echo +{name} >> {0}; eval \"echo >&$SUP_NOTIFY_FD\"; \
                     while :; do sleep 600 & wait; done",
                    book.display()
                );
                let gated = options(|o| o.readiness = Readiness::NotifyFd);
                supervisor.register_with(shell(name, &line).restart(at_once()).build(), gated).await.unwrap();
                supervisor.start(name).await.unwrap();
                supervisor.wait_for(name, Condition::Ready, LONG).await.unwrap();
            }
            for _ in 0..rounds {
                std::fs::write(&book, "").unwrap();
                kill("KILL", supervisor.handle("b", 0).unwrap().pid.unwrap());
                let written =
                    || std::fs::read_to_string(&book).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
                until("all are back", || written().len() >= expected.len()).await;
                assert_eq!(written(), expected);
                supervisor.wait_for("e", Condition::Ready, LONG).await.unwrap();
            }
            supervisor.shutdown(ShutdownOptions::default()).await;
        }
    });
}

/// `PERILUNE_R20` makes it 1,000 and 200 for a minute.
#[test]
fn r20_many_instances_do_not_slow_each_other_down() {
    let large = std::env::var_os("PERILUNE_R20").is_some();
    let (registered, busy, seconds) = if large { (1000, 200, 60) } else { (200, 20, 2) };
    block_on(async {
        let supervisor = Supervisor::new(unlimited());
        let _slow: Vec<EventReceiver> = (0..10).map(|_| supervisor.events()).collect();
        for number in 0..registered {
            let backoff = BackoffConfig::Fixed { delay: Duration::from_secs(1) };
            let restart = RestartConfig { backoff, ..at_once() };
            let spec = shell(&format!("p{number}"), "sleep 1; exit 1").restart(restart);
            supervisor.register(spec.build()).await.unwrap();
        }
        for number in 0..busy {
            supervisor.start(&format!("p{number}")).await.unwrap();
        }
        supervisor.register(shell("probe", "exec sleep 600").build()).await.unwrap();
        let mut times = Vec::new();
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(seconds) {
            let asked = Instant::now();
            // Through the driver and back, and nothing else.
            supervisor.stop("probe").await.unwrap();
            times.push(asked.elapsed());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        times.sort();
        println!("driver: median {:?}, p99 {:?}", times[times.len() / 2], times[times.len() * 99 / 100]);
        assert!(times[times.len() / 2] < Duration::from_secs(2));
        let report = supervisor.shutdown(ShutdownOptions::default()).await;
        assert!(report.instances.iter().all(|one| one.error.is_none()));
    });
}

async fn three(supervisor: &Supervisor) -> Vec<u32> {
    supervisor.register(shell("a", "trap '' TERM; sleep 600 & sleep 600").instances(3).build()).await.unwrap();
    supervisor.start("a").await.unwrap();
    running(supervisor).into_values().collect()
}

fn all_gone(pids: &[u32]) {
    assert_eq!(pids.len(), 3);
    let begun = Instant::now();
    while pids.iter().any(|pid| alive(*pid)) {
        assert!(begun.elapsed() < Duration::from_secs(30), "somebody is left");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn r23_the_last_handle_takes_all_along_inside_of_a_runtime() {
    block_on(async {
        let supervisor = Supervisor::new(unlimited());
        let pids = three(&supervisor).await;
        drop(supervisor);
        all_gone(&pids);
    });
}

#[test]
fn r23_a_runtime_that_goes_takes_all_along() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (supervisor, pids) = runtime.block_on(async {
        let supervisor = Supervisor::new(unlimited());
        let pids = three(&supervisor).await;
        (supervisor, pids)
    });
    let begun = Instant::now();
    drop(runtime);
    assert!(begun.elapsed() < Duration::from_secs(20));
    all_gone(&pids);
    // Nobody is there to do anything, and nobody waits for that.
    block_on(async {
        assert!(matches!(supervisor.start("a").await, Err(SupervisorError::ShuttingDown)));
        supervisor.shutdown(ShutdownOptions::default()).await;
    });
}

#[test]
fn r23_without_a_runtime_it_brings_its_own() {
    let supervisor = Supervisor::new(unlimited());
    // Any executor will do; this one has neither timers nor files.
    let bare = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let pids = bare.block_on(three(&supervisor));
    assert!(pids.iter().all(|pid| alive(*pid)));
    drop(supervisor);
    all_gone(&pids);
}

#[test]
fn dependencies_are_started_first_and_stopped_last() {
    block_on(async {
        let supervisor = Supervisor::new(unlimited());
        let mut events = supervisor.events();
        let after = |name: &str, condition| {
            let name = name.to_owned();
            options(|o| o.depends_on = vec![Dependency { name, condition }])
        };
        supervisor.register_with(shell("web", "exec sleep 600").build(), after("db", Condition::Ready)).await.unwrap();
        let mut options = after("setup", Condition::CompletedSuccessfully);
        options.readiness = Readiness::MinUptime(Duration::from_millis(50));
        supervisor.register_with(shell("db", "exec sleep 600").build(), options).await.unwrap();
        supervisor.register(shell("setup", "exit 0").build()).await.unwrap();
        supervisor.start_all().await.unwrap();
        supervisor.wait_for("web", Condition::Started, LONG).await.unwrap();
        supervisor.shutdown(ShutdownOptions::default()).await;
        let mut story = Vec::new();
        while let Some(Received::Event(event)) = events.try_recv() {
            match &event.kind {
                EventKind::Started { .. } => story.push(format!("+{}", event.name)),
                EventKind::Exited { .. } => story.push(format!("-{}", event.name)),
                _ => {}
            }
        }
        assert_eq!(story, ["+setup", "-setup", "+db", "+web", "-web", "-db"]);
    });
}

#[test]
fn what_fails_its_checks_is_restarted() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let supervisor = Supervisor::new(unlimited());
        let mut events = supervisor.events();
        let mut spec = shell("a", "exec sleep 600").cwd(folder.path()).restart(at_once()).build();
        let mut health = HealthCheckConfig::default();
        health.check_type =
            CheckType::Command { command: "test".to_owned(), args: vec!["-e".to_owned(), "well".to_owned()] };
        health.interval = Duration::from_millis(20);
        health.unhealthy_threshold = 2;
        spec.health = Some(health);
        std::fs::write(folder.path().join("well"), "").unwrap();
        supervisor.register(spec).await.unwrap();
        supervisor.start("a").await.unwrap();
        supervisor.wait_for("a", Condition::Healthy, LONG).await.unwrap();
        let before = supervisor.handle("a", 0).unwrap().pid.unwrap();
        std::fs::remove_file(folder.path().join("well")).unwrap();
        event(&mut events, |kind| matches!(kind, EventKind::StateChanged { to: ProcessState::Unhealthy, .. })).await;
        event(&mut events, |kind| matches!(kind, EventKind::RestartScheduled { .. })).await;
        std::fs::write(folder.path().join("well"), "").unwrap();
        supervisor.wait_for("a", Condition::Healthy, LONG).await.unwrap();
        assert!(!alive(before));
        supervisor.shutdown(ShutdownOptions::default()).await;
    });
}

#[test]
fn commands_come_before_the_signal() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let book = folder.path().join("book");
        let supervisor = Supervisor::new(unlimited());
        let line = "trap 'echo asked >> book; exit 0' TERM; echo up; while :; do sleep 600 & wait; done";
        let mut spec = shell("a", line).cwd(folder.path()).build();
        spec.shutdown.pre_shutdown_commands = vec!["echo $SUP_PID >> book".to_owned(), "false".to_owned()];
        let ready = options(|o| o.readiness = Readiness::LogLine(regex::Regex::new("up").unwrap()));
        supervisor.register_with(spec, ready).await.unwrap();
        supervisor.start("a").await.unwrap();
        supervisor.wait_for("a", Condition::Ready, LONG).await.unwrap();
        let pid = supervisor.handle("a", 0).unwrap().pid.unwrap();
        supervisor.stop("a").await.unwrap();
        assert_eq!(std::fs::read_to_string(book).unwrap(), format!("{pid}\nasked\n"));
    });
}

#[test]
fn secrets_reach_the_process_and_new_ones_as_well_as_they_can() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let source = Arc::new(MemoryProvider::new());
        let set = |value: &str| {
            let secrets: SecretSet = [("key", value)].into_iter().collect();
            source.insert(ProfileId::new("mail").unwrap(), secrets);
        };
        set("the-first-secret");
        let supervisor = Supervisor::with_credentials(unlimited(), source.clone());
        let mut events = supervisor.events();
        let line = "trap 'cat secrets; echo swapped' HUP; echo got $KEY; while :; do sleep 600 & wait; done";
        let mut spec = shell("a", line).cwd(folder.path()).build();
        spec.credentials = Some(CredentialConfig {
            profile: "mail".to_owned(),
            hot_swap: true,
            hot_swap_signal: "SIGHUP".to_owned(),
            auto_refresh: false,
            env_mapping: HashMap::from([("key".to_owned(), "KEY".to_owned())]),
            config_file: Some("secrets".into()),
        });
        let ready = options(|o| o.readiness = Readiness::LogLine(regex::Regex::new("^got").unwrap()));
        supervisor.register_with(spec, ready).await.unwrap();
        let mut lines = supervisor.logs("a", 0, LogQuery { tail: 0, follow: true }).unwrap();
        supervisor.start("a").await.unwrap();
        supervisor.wait_for("a", Condition::Ready, LONG).await.unwrap();
        let file = folder.path().join("secrets");
        assert!(std::fs::read_to_string(&file).unwrap().contains("the-first-secret"));
        set("the-second-secret");
        supervisor.rotate_credentials("a").await.unwrap();
        let rotated = event(&mut events, |kind| matches!(kind, EventKind::CredentialsRotated { .. })).await;
        assert_eq!(rotated, EventKind::CredentialsRotated { restart_needed: true });
        assert!(supervisor.status_of("a").unwrap()[0].restart_needed);
        assert!(std::fs::read_to_string(&file).unwrap().contains("the-second-secret"));
        let mut seen = Vec::new();
        while seen.last().is_none_or(|line| line != "swapped") {
            if let Some(perilune_supervisor::log::Received::Line(line)) = lines.next().await {
                seen.push(line.content.clone());
            }
        }
        assert_eq!(seen[0], "got [REDACTED]");
        supervisor.stop("a").await.unwrap();
        assert!(!file.exists());
    });
}
