//! Secrets that change while a process runs, and sources of secrets that take for ever.

mod support;

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use perilune_supervisor::credentials::{CredentialConfig, CredentialError, CredentialProvider, ProfileId, SecretSet};
use perilune_supervisor::log::{LogConfig, LogQuery, Received};
use perilune_supervisor::process::{ProcessSpec, ProcessState};
use perilune_supervisor::{
    Condition, EventKind, Phase, Readiness, ShutdownOptions, SupervisionOptions, Supervisor, SupervisorConfig,
};

use support::keeping::{event, options, shell, unlimited};
use support::{alive, block_on, until};

const LONG: Duration = Duration::from_secs(60);

/// A source that can be made to take its time.
#[derive(Default)]
struct Source {
    now: Mutex<Now>,
    changed: Condvar,
}

#[derive(Default)]
struct Now {
    /// `None` if there is no such profile.
    key: Option<&'static str>,
    closed: bool,
    asked: usize,
}

impl Source {
    fn with(key: &'static str) -> Arc<Self> {
        let source = Self::default();
        source.now.lock().unwrap().key = Some(key);
        Arc::new(source)
    }

    fn set(&self, key: Option<&'static str>) {
        self.now.lock().unwrap().key = key;
    }

    fn close(&self) {
        self.now.lock().unwrap().closed = true;
    }

    fn open(&self) {
        self.now.lock().unwrap().closed = false;
        self.changed.notify_all();
    }

    async fn asked(&self, times: usize) {
        until("the source is asked", || self.now.lock().unwrap().asked >= times).await;
    }
}

impl CredentialProvider for Source {
    fn fetch(&self, profile: &ProfileId) -> Result<SecretSet, CredentialError> {
        let mut now = self.now.lock().unwrap();
        now.asked += 1;
        while now.closed {
            now = self.changed.wait(now).unwrap();
        }
        let key = now.key.ok_or_else(|| CredentialError::ProfileNotFound(profile.to_string()))?;
        Ok([("key", key)].into_iter().collect())
    }
}

fn credentials(variable: Option<&str>) -> CredentialConfig {
    CredentialConfig {
        profile: "mail".to_owned(),
        hot_swap: true,
        hot_swap_signal: "SIGHUP".to_owned(),
        auto_refresh: false,
        env_mapping: variable
            .map(|variable| ("key".to_owned(), variable.to_owned()))
            .into_iter()
            .collect::<HashMap<_, _>>(),
        config_file: Some("secrets".into()),
    }
}

/// Says what it has whenever it is told to look.
fn talker(folder: &Path, variable: Option<&str>) -> (ProcessSpec, SupervisionOptions) {
    // What it starts is not told to look, and would not live through it.
    let line = "trap 'cat secrets; echo had $KEY; echo swapped' HUP; sleep 600 & echo got $KEY; \
                while kill -0 $!; do wait $!; done; echo it is gone";
    let mut spec = shell("a", line).cwd(folder).build();
    spec.log = LogConfig { combined_file: Some(folder.join("log")), ..LogConfig::default() };
    spec.credentials = Some(credentials(variable));
    (spec, options(|o| o.readiness = Readiness::LogLine(regex_of("^got"))))
}

fn regex_of(text: &str) -> regex::Regex {
    regex::Regex::new(text).unwrap()
}

/// One whose launch waits for its secrets.
fn hanging(folder: &Path) -> ProcessSpec {
    let mut spec = shell("a", "echo $$ > pid; exec sleep 600").cwd(folder).build();
    spec.credentials = Some(credentials(None));
    spec.shutdown.timeout = Duration::from_millis(100);
    spec.shutdown.kill_delay = Duration::from_millis(100);
    spec
}

#[test]
fn after_a_rotation_neither_old_nor_new_secrets_can_be_read() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let source = Source::with("the-first-secret");
        let supervisor = Supervisor::with_credentials(unlimited(), source.clone());
        let (spec, options) = talker(folder.path(), Some("KEY"));
        supervisor.register_with(spec, options).await.unwrap();
        let mut lines = supervisor.logs("a", 0, LogQuery { tail: 0, follow: true }).unwrap();
        supervisor.start("a").await.unwrap();
        supervisor.wait_for("a", Condition::Ready, LONG).await.unwrap();
        source.set(Some("the-second-secret"));
        supervisor.rotate_credentials("a").await.unwrap();
        let mut seen = Vec::new();
        while seen.last().is_none_or(|line| line != "swapped") {
            match lines.next().await {
                Some(Received::Line(line)) => seen.push(line.content.clone()),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(seen, ["got [REDACTED]", "key=\"[REDACTED]\"", "had [REDACTED]", "swapped"]);
        supervisor.stop("a").await.unwrap();
        let written = std::fs::read_to_string(folder.path().join("log")).unwrap();
        assert_eq!(written, "got [REDACTED]\nkey=\"[REDACTED]\"\nhad [REDACTED]\nswapped\n");
    });
}

/// A source that says too much when it goes wrong, and does so from the second time on.
#[derive(Default)]
struct Indiscreet(AtomicUsize);

impl CredentialProvider for Indiscreet {
    fn fetch(&self, _: &ProfileId) -> Result<SecretSet, CredentialError> {
        match self.0.fetch_add(1, Ordering::Relaxed) {
            0 => Ok([("key", "the-first-secret")].into_iter().collect()),
            _ => panic!("no connection with the-second-secret"),
        }
    }
}

#[test]
fn what_a_source_says_when_it_panics_is_told_to_nobody() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let supervisor = Supervisor::with_credentials(unlimited(), Arc::new(Indiscreet::default()));
        let mut events = supervisor.events();
        let (spec, options) = talker(folder.path(), None);
        supervisor.register_with(spec, options).await.unwrap();
        supervisor.start("a").await.unwrap();
        supervisor.wait_for("a", Condition::Ready, LONG).await.unwrap();
        let error = supervisor.rotate_credentials("a").await.unwrap_err().to_string();
        assert!(error.contains("renewing panicked") && !error.contains("secret"), "{error}");
        supervisor.stop("a").await.unwrap();
        let error = supervisor.start("a").await.unwrap_err().to_string();
        assert!(error.contains("starting it panicked") && !error.contains("secret"), "{error}");
        supervisor.shutdown(ShutdownOptions::default()).await;
        let (mut told, mut failed) = (events.try_recv(), 0);
        while let Some(event) = told {
            let text = format!("{event:?}");
            assert!(!text.contains("secret"), "{text}");
            failed += usize::from(text.contains("panicked"));
            told = events.try_recv();
        }
        assert!(failed > 0);
    });
}

#[test]
fn one_rotation_at_a_time_and_one_that_fails_changes_nothing() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let source = Source::with("the-first-secret");
        let supervisor = Supervisor::with_credentials(unlimited(), source.clone());
        let mut events = supervisor.events();
        let (spec, options) = talker(folder.path(), None);
        supervisor.register_with(spec, options).await.unwrap();
        supervisor.start("a").await.unwrap();
        supervisor.wait_for("a", Condition::Ready, LONG).await.unwrap();
        let file = || std::fs::read_to_string(folder.path().join("secrets")).unwrap();
        let before = file();

        source.close();
        let other = supervisor.clone();
        let first = tokio::spawn(async move { other.rotate_credentials("a").await });
        source.asked(2).await;
        let error = supervisor.rotate_credentials("a").await.unwrap_err().to_string();
        assert!(error.contains("secrets of profile `mail` are being renewed already"), "{error}");
        source.set(None);
        source.open();
        let error = first.await.unwrap().unwrap_err().to_string();
        assert!(error.contains("`mail` not found"), "{error}");
        assert_eq!(file(), before);

        source.set(Some("the-second-secret"));
        supervisor.rotate_credentials("a").await.unwrap();
        assert!(file().contains("the-second-secret"));
        let rotated = event(&mut events, |kind| matches!(kind, EventKind::CredentialsRotated { .. })).await;
        assert_eq!(rotated, EventKind::CredentialsRotated { restart_needed: false });
        assert!(!supervisor.status_of("a").unwrap()[0].restart_needed);
        supervisor.shutdown(ShutdownOptions::default()).await;
    });
}

#[test]
fn a_rotation_that_hangs_holds_up_no_end_and_is_answered() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let source = Source::with("the-first-secret");
        let supervisor = Supervisor::with_credentials(unlimited(), source.clone());
        let (spec, options) = talker(folder.path(), None);
        supervisor.register_with(spec, options).await.unwrap();
        supervisor.start("a").await.unwrap();
        supervisor.wait_for("a", Condition::Ready, LONG).await.unwrap();
        source.close();
        let other = supervisor.clone();
        let rotation = tokio::spawn(async move { other.rotate_credentials("a").await });
        source.asked(2).await;
        supervisor.stop("a").await.unwrap();
        assert!(rotation.await.unwrap().is_err());
        assert!(!folder.path().join("secrets").exists());
        source.open();
        // It comes too late to leave anything behind.
        drop(supervisor);
        until("nobody has the source any more", || Arc::strong_count(&source) == 1).await;
        assert!(!folder.path().join("secrets").exists());
    });
}

#[test]
fn a_stop_is_answered_while_a_launch_hangs_and_what_comes_late_is_ended() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let source = Source::with("the-first-secret");
        source.close();
        let supervisor = Supervisor::with_credentials(unlimited(), source.clone());
        let mut events = supervisor.events();
        supervisor.register(hanging(folder.path())).await.unwrap();
        let other = supervisor.clone();
        let start = tokio::spawn(async move { other.start("a").await });
        source.asked(1).await;
        let error = supervisor.stop("a").await.unwrap_err().to_string();
        assert!(error.contains("`a` is still being launched"), "{error}");
        let error = supervisor.kill("a", 0).await.unwrap_err().to_string();
        assert!(error.contains("`a` is still being launched"), "{error}");
        assert!(start.await.unwrap().is_err());
        assert_eq!(supervisor.status_of("a").unwrap()[0].phase, Phase::Launching);

        source.open();
        event(&mut events, |kind| matches!(kind, EventKind::Exited { .. })).await;
        let status = supervisor.status_of("a").unwrap().remove(0);
        assert_eq!((status.phase, status.pid), (Phase::Idle, None));
        assert!(!alive(status.last_pid.unwrap()));
        assert!(!folder.path().join("secrets").exists());
        supervisor.start("a").await.unwrap();
        assert_eq!(supervisor.handle("a", 0).unwrap().state, ProcessState::Running);
        supervisor.shutdown(ShutdownOptions::default()).await;
    });
}

#[test]
fn a_shutdown_does_not_wait_for_a_launch_that_hangs() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let source = Source::with("the-first-secret");
        source.close();
        let supervisor = Supervisor::with_credentials(SupervisorConfig::default(), source.clone());
        supervisor.register(hanging(folder.path())).await.unwrap();
        let other = supervisor.clone();
        let start = tokio::spawn(async move { other.start("a").await });
        source.asked(1).await;
        let begun = Instant::now();
        let report = supervisor.shutdown(ShutdownOptions::force()).await;
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
        assert!(report.forced && !report.is_clean());
        assert!(report.instances[0].error.as_ref().unwrap().contains("still being launched"), "{report:?}");
        assert!(start.await.unwrap().is_err());
        drop(supervisor);

        source.open();
        until("nobody has the source any more", || Arc::strong_count(&source) == 1).await;
        assert!(!folder.path().join("secrets").exists());
        let began = std::fs::read_to_string(folder.path().join("pid")).ok().and_then(|text| text.trim().parse().ok());
        assert!(began.is_none_or(|pid| !alive(pid)));
    });
}
