//! R21: secrets of a run are in nothing that the supervisor writes, tells or says, whatever goes wrong. One test, because it
//! listens to the whole program.

mod support;

use std::collections::HashMap;
use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use perilune_supervisor::credentials::{CredentialConfig, MemoryProvider, ProfileId, SecretSet};
use perilune_supervisor::log::{LogConfig, LogQuery};
use perilune_supervisor::process::{ProcessSpec, ProcessSpecBuilder};
use perilune_supervisor::restart::{BackoffConfig, RestartConfig};
use perilune_supervisor::{Condition, Received, ShutdownOptions, Supervisor, SupervisorConfig};
use support::block_on;
use support::keeping::shell;

const SECRET: &str = "hunter2-correct-horse-battery";
const LONG: Duration = Duration::from_secs(60);

/// Everything that anybody could see.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<String>>);

impl Seen {
    fn note(&self, text: impl AsRef<str>) {
        let mut all = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        all.push_str(text.as_ref());
        all.push('\n');
    }

    fn debug(&self, value: &impl Debug) {
        self.note(format!("{value:?} {value:#?}"));
    }

    fn error(&self, error: &(dyn std::error::Error + 'static)) {
        let mut next = Some(error);
        while let Some(error) = next {
            self.note(format!("{error} {error:?}"));
            next = error.source();
        }
    }
}

/// Takes what is traced, at every level.
impl tracing::Subscriber for Seen {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        let mut text = String::from("traced");
        span.record(&mut Fields(&mut text));
        self.note(text);
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, values: &tracing::span::Record<'_>) {
        let mut text = String::from("traced");
        values.record(&mut Fields(&mut text));
        self.note(text);
    }

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut text = String::from("traced");
        event.record(&mut Fields(&mut text));
        self.note(text);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

struct Fields<'a>(&'a mut String);

impl tracing::field::Visit for Fields<'_> {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

fn with_secrets(spec: ProcessSpecBuilder, field: &str) -> ProcessSpec {
    let backoff = BackoffConfig::Fixed { delay: Duration::from_millis(1) };
    let log = LogConfig {
        out_file: Some("{name}.out".into()),
        err_file: Some("{name}.err".into()),
        combined_file: Some("{name}.all".into()),
        timestamp: true,
        ..LogConfig::default()
    };
    let mut spec =
        spec.restart(RestartConfig { max_restarts: 1, backoff, ..RestartConfig::default() }).log(log).build();
    spec.credentials = Some(CredentialConfig {
        profile: "mail".to_owned(),
        hot_swap: true,
        hot_swap_signal: "SIGHUP".to_owned(),
        auto_refresh: false,
        env_mapping: HashMap::from([(field.to_owned(), "KEY".to_owned())]),
        config_file: Some("{name}.secrets".into()),
    });
    spec
}

#[test]
fn r21_no_secret_is_in_anything_that_is_shown() {
    let seen = Seen::default();
    tracing::subscriber::set_global_default(seen.clone()).unwrap();
    let (panicked, usual) = (seen.clone(), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |panic| {
        panicked.note(format!("panicked: {panic}"));
        usual(panic);
    }));
    block_on(lives(seen.clone()));
    let all = seen.0.lock().unwrap().clone();
    // It was looked at where secrets could have been.
    for word in ["got [REDACTED]", "traced", "panicked", "mail", "exit_code: Some(3)"] {
        assert!(all.contains(word), "`{word}` in {all}");
    }
    for part in ["hunter2", "correct-horse", "battery"] {
        let line = all.lines().find(|line| line.contains(part));
        assert_eq!(line, None);
    }
}

async fn lives(seen: Seen) {
    let folder = tempfile::tempdir().unwrap();
    let source = Arc::new(MemoryProvider::new());
    let set = || -> SecretSet { [("key", SECRET)].into_iter().collect() };
    source.insert(ProfileId::new("mail").unwrap(), set());
    let mut config = SupervisorConfig::default();
    config.log_dir = Some(folder.path().to_owned());
    let supervisor = Supervisor::with_credentials(config, source);
    let mut events = supervisor.events();

    // Says it in pieces, on both outputs, as its last words.
    let line =
        "echo got $KEY; cat says.secrets >&2; printf %s ${KEY%horse*}; sleep 0.1; echo horse${KEY#*horse}; exit 3";
    let says = with_secrets(shell("says", line).cwd(folder.path()), "key");
    let lacks = with_secrets(shell("lacks", "true").cwd(folder.path()), "no-such-field");
    let absent = with_secrets(
        ProcessSpec::builder().name("absent").command("there-is-no-such-program").cwd(folder.path()),
        "key",
    );
    let lives = with_secrets(
        shell("lives", "trap : HUP; echo up $KEY; while :; do sleep 600 & wait; done").cwd(folder.path()),
        "key",
    );
    // One that fails is written to the log of the program.
    let mut lives = lives;
    lives.shutdown.pre_shutdown_commands = vec!["echo $KEY; echo $KEY >&2; exit 1".to_owned()];
    for spec in [says, lacks, absent, lives] {
        seen.debug(&spec);
        seen.note(serde_json::to_string(&spec).unwrap());
        supervisor.register(spec).await.unwrap();
    }
    let mut lines = supervisor.logs("says", 0, LogQuery { tail: 100, follow: true }).unwrap();
    supervisor.start("says").await.unwrap();
    supervisor.start("lives").await.unwrap();
    for name in ["lacks", "absent"] {
        seen.error(&supervisor.start(name).await.unwrap_err());
    }
    if let Err(error) = supervisor.wait_for("says", Condition::CompletedSuccessfully, LONG).await {
        seen.error(&error);
    }
    let pid = supervisor.handle("lives", 0).unwrap().pid.unwrap();
    seen.note(String::from_utf8_lossy(&std::fs::read(format!("/proc/{pid}/cmdline")).unwrap()));
    supervisor.rotate_credentials("lives").await.unwrap();

    // Whoever panics with a secret at hand shows it.
    let secrets = set();
    let shown = std::thread::spawn(move || panic!("what was there: {secrets:?}"));
    assert!(shown.join().is_err());

    seen.debug(&supervisor);
    for name in supervisor.list_names() {
        for status in supervisor.status_of(&name).unwrap() {
            seen.debug(&status);
            seen.note(serde_json::to_string(&status).unwrap());
        }
        seen.debug(&supervisor.handle(&name, 0).unwrap());
    }
    seen.debug(&supervisor.shutdown(ShutdownOptions::default()).await);
    while let Some(received) = events.try_recv() {
        seen.debug(&received);
        if let Received::Event(event) = received {
            seen.note(serde_json::to_string(&*event).unwrap());
        }
    }
    let (mut said, mut ends) = (0, 0);
    while ends < 2 {
        match lines.next().await {
            Some(perilune_supervisor::log::Received::Line(line)) => {
                said += 1;
                seen.debug(&line);
            }
            Some(perilune_supervisor::log::Received::Ended) => ends += 1,
            Some(other) => seen.debug(&other),
            None => break,
        }
    }
    assert!(said > 0);
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        seen.note(path.display().to_string());
        seen.note(String::from_utf8_lossy(&std::fs::read(path).unwrap()));
    }
}
