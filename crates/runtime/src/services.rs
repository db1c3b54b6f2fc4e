use std::pin::Pin;
use std::sync::{Arc, RwLock};

use perilune_actor_core::{ErrorKind, Failure, HostId, Pid, Value, Waker};
use perilune_lua_bindings::{
    Callable, Definition, EntryRegistry, Environment, ExecutorHandle, Level, Origin, Published, Services, Start,
    Started, Subscription, Supervision, Terminal, Volume,
};
use tokio::runtime::Handle;

use crate::environment::AppEnvironment;
use crate::event_bus::EventBus;
use crate::executors::Executors;
use crate::policies::Subjects;
use crate::programs::Supervisions;
use crate::registry::{AppRegistry, Registry};
use crate::report;
use crate::terminal::StdTerminal;
use crate::volume::Volumes;

/// What the scripts of one application see of the world.
pub(crate) struct AppServices {
    registry: Arc<Registry>,
    entries: Arc<AppRegistry>,
    pub(crate) environment: Arc<AppEnvironment>,
    volumes: Volumes,
    /// Everything that is printed goes to standard output: there is but one script.
    pub(crate) prints_all: bool,
    /// The process in the foreground, whose failure is its own exit, and its terminal.
    pub(crate) foreground: RwLock<Option<(HostId, Arc<StdTerminal>)>>,
    events: EventBus,
    pub(crate) executors: Arc<Executors>,
    pub(crate) supervisions: Supervisions,
    io: Handle,
    pub(crate) subjects: Arc<Subjects>,
}

impl AppServices {
    pub(crate) fn new(
        registry: Arc<Registry>,
        entries: AppRegistry,
        volumes: Volumes,
        prints_all: bool,
        subjects: Arc<Subjects>,
        executors: Executors,
        io: Handle,
    ) -> Self {
        Self {
            environment: Arc::new(AppEnvironment::new(&registry.version())),
            registry,
            entries: Arc::new(entries),
            volumes,
            prints_all,
            foreground: RwLock::default(),
            events: EventBus::default(),
            executors: Arc::new(executors),
            supervisions: Supervisions::new(io.clone()),
            io,
            subjects,
        }
    }

    /// Tells those who have subscribed.
    pub(crate) fn announce(&self, event: Published) {
        self.events.publish(event);
    }

    fn stdout(line: &[u8]) {
        use std::io::Write;
        let mut out = std::io::stdout().lock();
        // A closed pipe is no reason to fail: the reader has seen enough.
        let _ = out.write_all(line).and_then(|()| out.write_all(b"\n"));
    }
}

impl Services for AppServices {
    fn process(&self, id: &str) -> Result<Arc<Definition>, Failure> {
        let definition = self.registry.process(id)?;
        definition.compile()?;
        Ok(definition)
    }

    fn host(&self, id: &str) -> Result<HostId, Failure> {
        self.registry.host(id)
    }

    fn allows_everything(&self, _: &Origin<'_>) -> bool {
        true
    }

    fn start(&self, _: &Origin<'_>, start: &Start<'_>) -> Result<Started, Failure> {
        self.registry.start_again(start.id, start.host, |host| self.subjects.of(host))
    }

    fn function(&self, _: &Origin<'_>, id: &str) -> Result<Callable, Failure> {
        let callable = self.registry.callable(id)?;
        callable.definition.compile()?;
        Ok(Callable { subject: self.subjects.of(callable.host), ..callable })
    }

    fn executor(&self, _: &Origin<'_>, id: &str) -> Result<ExecutorHandle, Failure> {
        match self.registry.version().entry(id) {
            Some(entry) => self.executors.of_entry(entry),
            None => self
                .executors
                .without_entry(id)
                .ok_or_else(|| Failure::new(ErrorKind::NotFound, format!("resource not found: {id}"))),
        }
    }

    fn drive(&self, work: Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.io.spawn(work);
    }

    fn publish(&self, _: &Origin<'_>, event: Published) -> Result<(), Failure> {
        self.announce(event);
        Ok(())
    }

    fn subscribe(
        &self,
        _: &Origin<'_>,
        system: &str,
        kind: Option<&str>,
        waker: Waker,
    ) -> Result<Arc<dyn Subscription>, Failure> {
        self.events.subscribe(system, kind, waker)
    }

    fn print(&self, origin: &Origin<'_>, line: &[u8]) {
        if self.prints_all {
            return Self::stdout(line);
        }
        let line = String::from_utf8_lossy(line);
        tracing::info!(target: "perilune::print", pid = %origin.pid, entry = %origin.definition.id, "{line}");
    }

    fn log(&self, origin: &Origin<'_>, level: Level, name: &str, message: &str, fields: &[(String, Value)]) {
        let (pid, entry): (&Pid, &str) = (&origin.pid, &origin.definition.id);
        let fields = show_fields(fields);
        macro_rules! write {
            ($level:ident) => {
                tracing::$level!(target: "perilune::script", %pid, entry, logger = name, fields, "{message}")
            };
        }
        match level {
            Level::Debug => write!(debug),
            Level::Info => write!(info),
            Level::Warn => write!(warn),
            Level::Error => write!(error),
        }
    }

    fn failed(&self, origin: &Origin<'_>, failure: &Failure) {
        let on_terminal = || {
            let foreground = self.foreground.read().unwrap_or_else(|poisoned| poisoned.into_inner());
            foreground.as_ref().is_some_and(|(host, _)| *host == origin.pid.host())
        };
        // A process that is ended on purpose has not failed, and the one in the foreground is reported when it ends.
        if failure.kind == ErrorKind::Canceled || on_terminal() {
            return;
        }
        let report = report::failure(origin, failure);
        tracing::error!(target: "perilune::process", "process failed\n{report}");
    }

    fn terminal(&self, host: HostId) -> Option<Arc<dyn Terminal>> {
        let foreground = self.foreground.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        let (terminal_host, terminal) = foreground.as_ref()?;
        (*terminal_host == host).then(|| Arc::clone(terminal) as _)
    }

    fn registry(&self) -> Option<Arc<dyn EntryRegistry>> {
        Some(Arc::clone(&self.entries) as _)
    }

    fn environment(&self) -> Option<&dyn Environment> {
        Some(&*self.environment)
    }

    fn supervision(&self, _: &Origin<'_>) -> Result<Arc<dyn Supervision>, Failure> {
        Ok(self.supervisions.of_actor())
    }

    fn volume(&self, _: &Origin<'_>, id: &str) -> Result<Arc<dyn Volume>, Failure> {
        self.volumes.get(id, &self.registry.directory(id)?)
    }
}

fn show_fields(fields: &[(String, Value)]) -> String {
    let shown: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={}", show(value))).collect();
    shown.join(" ")
}

/// A value as a line of a log shows it.
pub(crate) fn show(value: &Value) -> String {
    match value {
        Value::Nil => "nil".into(),
        Value::Boolean(value) => value.to_string(),
        Value::Number(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::String(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Error(failure) => failure.message.clone(),
        Value::Table(table) => {
            let array = table.array.iter().map(show);
            let pairs = table.pairs.iter().map(|(key, value)| format!("{}={}", show(key), show(value)));
            format!("{{{}}}", array.chain(pairs).collect::<Vec<_>>().join(", "))
        }
        other => format!("{other:?}"),
    }
}
