//! A supervisor with real processes.

mod support;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use perilune_supervisor::credentials::{CredentialConfig, MemoryProvider, ProfileId, SecretSet};
use perilune_supervisor::health::{CheckType, HealthCheckConfig};
use perilune_supervisor::log::{LogConfig, LogQuery};
use perilune_supervisor::process::{ProcessSpec, ProcessState};
use perilune_supervisor::restart::{RestartConfig, RestartPolicy};
use perilune_supervisor::{
    Condition, Dependency, EventKind, Phase, Readiness, Received, ShutdownOptions, Supervisor, SupervisorError,
};

use support::keeping::{at_once, event, options, shell, unlimited};
use support::{alive, block_on};

const LONG: Duration = Duration::from_secs(60);

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
        spec.health = Some(HealthCheckConfig {
            check_type: CheckType::Command {
                command: "test".to_owned(),
                args: vec!["-e".to_owned(), "well".to_owned()],
            },
            interval: Duration::from_millis(20),
            unhealthy_threshold: 2,
            ..HealthCheckConfig::default()
        });
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
