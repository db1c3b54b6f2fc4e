//! Secrets that are renewed before they expire, with real processes.

mod support;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use perilune_supervisor::credentials::{
    AuthMethod, CredentialError, CredentialProfile, CredentialRefresher, CredentialStore, ProfileId, RefreshConfig,
};
use perilune_supervisor::log::{LogQuery, Received};
use perilune_supervisor::process::ProcessSpec;
use perilune_supervisor::{Condition, EventKind, EventReceiver, Readiness, ShutdownOptions, Supervisor};

use support::block_on;
use support::keeping::{event, options, shell, unlimited};

const LONG: Duration = Duration::from_secs(60);

/// Puts the next of its tokens into the store, or fails when there is none.
struct Renewing {
    store: CredentialStore,
    tokens: Mutex<Vec<(&'static str, TimeDelta)>>,
    asked: AtomicUsize,
}

impl Renewing {
    fn new(first: &str, tokens: Vec<(&'static str, TimeDelta)>) -> Arc<Self> {
        let (store, now) = (CredentialStore::new(), Utc::now());
        // There is less left than the time before which it is to be renewed.
        let auth = token(first, now + TimeDelta::seconds(60));
        store.store(CredentialProfile::new(profile(), "post office", auth, now));
        Arc::new(Self { store, tokens: Mutex::new(tokens), asked: AtomicUsize::new(0) })
    }
}

impl CredentialRefresher for Renewing {
    fn refresh(&self, profile: &ProfileId) -> Result<(), CredentialError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let Some((next, time)) = self.tokens.lock().unwrap().pop() else {
            return Err(CredentialError::Invalid("the server says: not with hunter2-correct-horse".to_owned()));
        };
        let mut renewed = self.store.get(profile)?;
        renewed.auth = token(next, Utc::now() + time);
        self.store.store(renewed);
        Ok(())
    }
}

fn profile() -> ProfileId {
    ProfileId::new("mail").unwrap()
}

fn token(token: &str, at: DateTime<Utc>) -> AuthMethod {
    AuthMethod::SessionToken { token: token.into(), cookie_jar: None, expires_at: Some(at) }
}

/// Says what it has whenever it is told to look.
fn talker(folder: &Path) -> ProcessSpec {
    let line = "trap 'cat secrets; echo swapped' HUP; echo ready; while :; do sleep 600 & wait; done";
    let mut spec = shell("a", line).cwd(folder).build();
    let text = "profile = 'mail'\nconfig_file = 'secrets'\nhot_swap = true\nauto_refresh = true";
    spec.credentials = Some(toml::from_str(text).unwrap());
    spec
}

fn supervisor(source: &Arc<Renewing>, refresh: RefreshConfig) -> Supervisor {
    struct Stored(Arc<Renewing>);
    impl perilune_supervisor::credentials::CredentialProvider for Stored {
        fn fetch(&self, profile: &ProfileId) -> Result<perilune_supervisor::credentials::SecretSet, CredentialError> {
            self.0.store.fetch(profile)
        }
    }
    Supervisor::with_refresher(unlimited(), Arc::new(Stored(source.clone())), source.clone(), refresh)
}

async fn failure(events: &mut EventReceiver) -> EventKind {
    event(events, |kind| matches!(kind, EventKind::CredentialsRefreshFailed { .. })).await
}

#[test]
fn a_process_gets_new_secrets_before_the_old_ones_expire_and_nobody_can_read_them() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let source = Renewing::new("the-first-secret", vec![("the-second-secret", TimeDelta::hours(1))]);
        let supervisor = supervisor(&source, RefreshConfig::default());
        let mut events = supervisor.events();
        let ready = options(|o| o.readiness = Readiness::LogLine(regex::Regex::new("^ready").unwrap()));
        supervisor.register_with(talker(folder.path()), ready).await.unwrap();
        let mut lines = supervisor.logs("a", 0, LogQuery { tail: 0, follow: true }).unwrap();
        supervisor.start("a").await.unwrap();
        // It is told when it is ready, and not before.
        supervisor.wait_for("a", Condition::Ready, LONG).await.unwrap();
        let rotated = event(&mut events, |kind| matches!(kind, EventKind::CredentialsRotated { .. })).await;
        assert_eq!(rotated, EventKind::CredentialsRotated { restart_needed: false });
        let file = std::fs::read_to_string(folder.path().join("secrets")).unwrap();
        assert_eq!(file, "token=\"the-second-secret\"\n");
        let mut seen = Vec::new();
        while seen.last().is_none_or(|line| line != "swapped") {
            match lines.next().await {
                Some(Received::Line(line)) => seen.push(line.content.clone()),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(seen, ["ready", "token=\"[REDACTED]\"", "swapped"]);
        assert_eq!(supervisor.status_of("a").unwrap()[0].restart_count, 0);
        assert_eq!(source.asked.load(Ordering::Relaxed), 1);
        supervisor.shutdown(ShutdownOptions::default()).await;
    });
}

#[test]
fn what_fails_keeps_the_old_secrets_and_tells_of_profile_and_field_only() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let source = Renewing::new("the-first-secret", vec![]);
        let retry_delay = Duration::from_millis(1);
        let supervisor = supervisor(&source, RefreshConfig { retry_delay, ..RefreshConfig::default() });
        let mut events = supervisor.events();
        supervisor.register(talker(folder.path())).await.unwrap();
        supervisor.start("a").await.unwrap();
        for attempt in 1..=3 {
            let told = failure(&mut events).await;
            let retry_in = (attempt < 3).then_some(retry_delay);
            let profile = "mail".to_owned();
            assert_eq!(told, EventKind::CredentialsRefreshFailed { profile, field: None, attempt, retry_in });
            let shown = serde_json::to_string(&told).unwrap();
            assert!(!shown.contains("hunter2") && !shown.contains("secret\""), "{shown}");
        }
        let file = std::fs::read_to_string(folder.path().join("secrets")).unwrap();
        assert_eq!(file, "token=\"the-first-secret\"\n");
        assert_eq!(supervisor.status_of("a").unwrap()[0].restart_count, 0);
        supervisor.shutdown(ShutdownOptions::default()).await;
        assert_eq!(source.asked.load(Ordering::Relaxed), 3);
    });
}
