use std::sync::{Arc, RwLock};

use perilune_actor_core::{ErrorKind, Failure, HostId, Pid, Value};
use perilune_lua_bindings::{Definition, EntryRegistry, Level, Origin, Services, Terminal};

use crate::registry::{Access, Registry};
use crate::report;
use crate::terminal::StdTerminal;

/// What the scripts of one application see of the world.
pub(crate) struct AppServices {
    pub(crate) registry: Arc<Registry>,
    pub(crate) access: Arc<Access>,
    /// Everything that is printed goes to standard output: there is but one script.
    pub(crate) prints_all: bool,
    /// The process in the foreground, whose failure is its own exit, and its terminal.
    pub(crate) foreground: RwLock<Option<(HostId, Arc<StdTerminal>)>>,
}

impl AppServices {
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
        Some(Arc::clone(&self.access) as _)
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
