//! Executors, from what an application's entries say.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use perilune_actor_core::{ErrorKind, Failure};
use perilune_exec_api::{ExecError, Executor, ExecutorFactory, Setting, Settings, StdinEof};
use perilune_exec_native::{NativeConfig, NativeExecutor};
use perilune_lua_bindings::ExecutorHandle;

use crate::application::{ConfigData, ConfigValue, Entry};
use crate::registry::{Listener, Prepared, Transition, refusal};

/// The executor that every application has, unless it defines another one under that id.
pub(crate) const BUILTIN: &str = "process:native";

/// Keys of every executor that are not the backend's business.
const OURS: [&str; 2] = ["lifecycle", "stdin_eof"];

/// All kinds of executors there are, and those that were made.
pub(crate) struct Executors {
    factories: HashMap<String, Arc<dyn ExecutorFactory>>,
    builtin: Option<ExecutorHandle>,
    /// How long a program is silent that waits for input.
    quiet: Duration,
    made: RwLock<HashMap<String, Made>>,
}

struct Made {
    /// What it was made from; another version of the entry makes another one.
    entry: Arc<Entry>,
    handle: ExecutorHandle,
}

/// What a configuration says of all executors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExecSettings {
    pub(crate) builtin: bool,
    pub(crate) quiet: Duration,
    pub(crate) max_unread: usize,
}

/// Makes executors of this machine.
struct Native {
    max_unread: usize,
}

impl Native {
    fn executor(&self, settings: &Settings) -> Result<Arc<dyn Executor>, ExecError> {
        let mut config = NativeConfig::from_settings(settings)?;
        config.max_unread = self.max_unread;
        Ok(Arc::new(NativeExecutor::with(config)))
    }
}

impl ExecutorFactory for Native {
    fn kind(&self) -> &str {
        "exec.native"
    }

    fn build(&self, settings: &Settings) -> Result<Arc<dyn Executor>, ExecError> {
        self.executor(settings)
    }
}

impl Executors {
    /// Those of this machine, and of whatever kinds `own` makes; a kind that is named again is the last one's.
    pub(crate) fn new(settings: ExecSettings, own: Vec<Arc<dyn ExecutorFactory>>) -> Self {
        let native = Native { max_unread: settings.max_unread };
        let builtin = native.executor(&Settings::default()).ok().filter(|_| settings.builtin);
        let builtin = builtin.map(|executor| ExecutorHandle { executor, stdin_eof: StdinEof::Idle(settings.quiet) });
        let all = std::iter::once(Arc::new(native) as Arc<dyn ExecutorFactory>).chain(own);
        let factories = all.map(|factory| (factory.kind().to_owned(), factory)).collect();
        Self { factories, builtin, quiet: settings.quiet, made: RwLock::default() }
    }

    /// The executor of an application without an entry of that id.
    pub(crate) fn without_entry(&self, id: &str) -> Option<ExecutorHandle> {
        self.builtin.clone().filter(|_| id == BUILTIN)
    }

    /// Whether entries of that kind are executors.
    pub(crate) fn knows(&self, kind: &str) -> bool {
        self.factories.contains_key(kind)
    }

    /// The executor of an entry, made when it is first asked for.
    ///
    /// # Errors
    /// `Invalid` for an entry that is no executor, `Unavailable` for one that cannot be made.
    pub(crate) fn of_entry(&self, entry: &Arc<Entry>) -> Result<ExecutorHandle, Failure> {
        let id = entry.id.as_str();
        {
            let made = self.made.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(known) = made.get(id).filter(|known| Arc::ptr_eq(&known.entry, entry)) {
                return Ok(known.handle.clone());
            }
        }
        if !self.knows(&entry.kind) {
            return Err(match entry.kind.starts_with("exec.") {
                true => unavailable(format!("there is no executor of kind {}", entry.kind)),
                false => Failure::new(ErrorKind::Invalid, "resource is not an executor"),
            });
        }
        let handle = self.make(entry).map_err(|error| unavailable(error.to_string()))?;
        let mut made = self.made.write().unwrap_or_else(PoisonError::into_inner);
        made.insert(id.to_owned(), Made { entry: Arc::clone(entry), handle: handle.clone() });
        Ok(handle)
    }

    fn make(&self, entry: &Entry) -> Result<ExecutorHandle, ExecError> {
        let Some(factory) = self.factories.get(&entry.kind) else {
            return Err(ExecError::Invalid(format!("there is no executor of kind {}", entry.kind)));
        };
        let stdin_eof = self.stdin_eof(entry)?;
        Ok(ExecutorHandle { executor: factory.build(&settings(entry)?)?, stdin_eof })
    }

    fn stdin_eof(&self, entry: &Entry) -> Result<StdinEof, ExecError> {
        match entry.data.get("stdin_eof").map(|value| value.as_str().unwrap_or_default()) {
            None | Some("idle") => Ok(StdinEof::Idle(self.quiet)),
            Some("explicit") => Ok(StdinEof::Explicit),
            Some("after_first_write") => Ok(StdinEof::AfterFirstWrite),
            Some(_) => {
                let text = "setting `stdin_eof` must be `idle`, `explicit` or `after_first_write`";
                Err(ExecError::Invalid(text.into()))
            }
        }
    }

    /// What is wrong with an entry's settings, if it is an executor.
    pub(crate) fn check(&self, entry: &Entry) -> Option<String> {
        self.knows(&entry.kind).then(|| self.make(entry).err()).flatten().map(|error| error.to_string())
    }

    /// Ends all programs of all executors, those that do not obey within `grace` by force.
    pub(crate) async fn shutdown(&self, grace: Duration) {
        let all: Vec<_> = {
            let made = self.made.read().unwrap_or_else(PoisonError::into_inner);
            made.values().map(|made| made.handle.clone()).chain(self.builtin.clone()).collect()
        };
        // At once: the grace is for the whole, not for each.
        let ends: Vec<_> =
            all.into_iter().map(|handle| tokio::spawn(async move { handle.executor.shutdown(grace).await })).collect();
        for end in ends {
            // An executor that panics has nothing left to wait for.
            let _ = end.await;
        }
    }
}

fn unavailable(message: String) -> Failure {
    Failure::new(ErrorKind::Unavailable, message)
}

fn settings(entry: &Entry) -> Result<Settings, ExecError> {
    let mut settings = Settings::default();
    for (key, value) in entry.data.pairs() {
        if OURS.contains(&&*key.text) {
            continue;
        }
        if let Some(value) = setting(value).map_err(|problem| wrong(&key.text, problem))? {
            settings.set(&*key.text, value);
        }
    }
    Ok(settings)
}

fn wrong(key: &str, problem: &str) -> ExecError {
    ExecError::Invalid(format!("setting `{key}` {problem}"))
}

/// A value as executors see it; nothing is a setting that was not made.
fn setting(value: &ConfigValue) -> Result<Option<Setting>, &'static str> {
    Ok(Some(match &value.data {
        ConfigData::Null => return Ok(None),
        ConfigData::Bool(flag) => Setting::Flag(*flag),
        ConfigData::Integer(number) => Setting::Number(*number),
        ConfigData::Float(_) => return Err("must not be a fraction"),
        ConfigData::String(text) => Setting::Text(text.to_string()),
        ConfigData::List(items) => {
            let items = items.iter().map(setting).collect::<Result<Vec<_>, _>>()?;
            Setting::List(items.into_iter().flatten().collect())
        }
        ConfigData::Map(pairs) => {
            let pairs = pairs.iter().map(|(key, value)| setting(value).map(|value| (key.text.to_string(), value)));
            let pairs = pairs.collect::<Result<Vec<_>, _>>()?;
            Setting::Map(pairs.into_iter().filter_map(|(key, value)| Some((key, value?))).collect())
        }
    }))
}

/// Looks at executors that are about to change. Nothing else need be done: each is made when it is asked for.
impl Listener for Executors {
    fn prepare(&self, change: &Transition<'_>) -> Result<Prepared, Failure> {
        let changed = change.steps.iter().filter_map(|step| step.after.as_ref());
        let wrong: Vec<_> =
            changed.filter_map(|entry| Some(format!("entry `{}`: {}", entry.id, self.check(entry)?))).collect();
        if wrong.is_empty() { Ok(Prepared::default()) } else { Err(refusal(wrong)) }
    }
}
