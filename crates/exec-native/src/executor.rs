use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use perilune_exec_api::{EnvMode, ExecCapabilities, ExecError, ExecId, ExecRequest, Executor, Process};

use crate::config::NativeConfig;
use crate::launch::{DEFAULT_PATH, Launch, environment};
use crate::process::{Inner, NativeProcess, Terms};
use crate::table::{CLOSEST, MARK};
use crate::tree::Tree;

/// Starts processes on this machine.
///
/// It needs a Tokio runtime with I/O and time, around [`Process::start`] and everything that waits; the rest can be
/// called from any thread.
///
/// ```
/// use perilune_exec_api::{CommandLine, ExecutorExt};
/// use perilune_exec_native::NativeExecutor;
///
/// # let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # tokio.block_on(async {
/// let executor = NativeExecutor::new();
/// let echo = executor.run(CommandLine::Auto("echo 'Hello World'".to_owned())).await?;
/// assert_eq!((echo.exit.exit_code(), &echo.stdout[..]), (0, &b"Hello World\n"[..]));
/// # Ok::<(), perilune_exec_api::ExecError>(())
/// # }).unwrap();
/// ```
pub struct NativeExecutor {
    shared: Arc<Shared>,
}

/// What an executor and its processes have in common.
pub(crate) struct Shared {
    config: NativeConfig,
    active: AtomicUsize,
    /// Started and not seen to their end.
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    closed: bool,
    processes: HashMap<ExecId, Weak<Inner>>,
    /// Ended, and perhaps not alone.
    sweeping: HashMap<ExecId, Arc<Tree>>,
}

impl NativeExecutor {
    /// One with the usual settings.
    pub fn new() -> Self {
        Self::with(NativeConfig::default())
    }

    /// One with other settings.
    pub fn with(config: NativeConfig) -> Self {
        let (active, running) = (AtomicUsize::new(0), Mutex::default());
        Self { shared: Arc::new(Shared { config, active, running }) }
    }
}

impl Default for NativeExecutor {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Executor for NativeExecutor {
    fn capabilities(&self) -> ExecCapabilities {
        let mut all = ExecCapabilities::ALL;
        if self.shared.config.cgroup.is_none() || !cfg!(target_os = "linux") {
            all.containment = Some(CLOSEST);
        }
        // How much input has not been read is only known there.
        all.stdin_idle = cfg!(target_os = "linux");
        all
    }

    fn create(&self, request: ExecRequest) -> Result<Arc<dyn Process>, ExecError> {
        let config = &self.shared.config;
        let text = request.command.text();
        if !config.command_whitelist.is_empty() && !config.command_whitelist.iter().any(|allowed| *allowed == text) {
            return Err(ExecError::NotAllowed { command: text.into_owned() });
        }
        for (name, value) in config.default_env.iter().chain(&request.env) {
            if name.is_empty() || name.contains(['=', '\0']) {
                return Err(ExecError::Invalid(format!("`{name}` is no name for an environment variable")));
            }
            if value.contains('\0') {
                return Err(ExecError::Invalid(format!("environment variable `{name}` contains a NUL byte")));
            }
        }
        let work_dir = request.work_dir.as_deref().or(config.default_work_dir.as_deref());
        if work_dir.is_some_and(|dir| dir.as_os_str().as_encoded_bytes().contains(&0)) {
            return Err(ExecError::Invalid("working directory contains a NUL byte".to_owned()));
        }

        let id = ExecId::new(uuid::Uuid::new_v4().as_u128());
        let mut env = config.default_env.clone();
        env.extend(request.env.clone());
        env.insert(MARK.to_owned(), id.to_string());
        let path = env.get("PATH").cloned().or_else(|| inherited_path(&request.env_mode));
        let path = path.as_deref().unwrap_or(DEFAULT_PATH);
        let argv = request.command.resolve(config.shell, |name| on_path(name, path))?;

        let mut words = argv.into_iter();
        let mut launch = Launch::new(words.next().unwrap_or_default());
        launch.args = words.map(Into::into).collect();
        launch.work_dir = work_dir.map(Path::to_owned);
        launch.env = environment(&request.env_mode, env);
        launch.options = config.launch.clone();
        if request.identity != Default::default() {
            launch.options.identity = request.identity.clone();
        }
        if request.limits != Default::default() {
            launch.options.limits = request.limits.clone();
        }
        let terms = Terms {
            stdin: request.stdin,
            stdin_eof: request.stdin_eof.unwrap_or(config.stdin_eof),
            timeout: request.timeout.or(config.timeout),
            stop_grace: request.stop_grace.unwrap_or(config.stop_grace),
            sweep_on_exit: request.sweep_on_exit,
            containment: request.containment,
        };
        Ok(Arc::new(NativeProcess::new(id, launch, terms, self.shared.clone())))
    }

    fn active(&self) -> usize {
        self.shared.active.load(Ordering::Acquire)
    }

    async fn shutdown(&self, grace: Duration) {
        let all: Vec<Arc<Inner>> = {
            let mut running = self.shared.running();
            running.closed = true;
            running.processes.values().filter_map(Weak::upgrade).collect()
        };
        for process in &all {
            process.stop_within(grace);
        }
        for process in &all {
            process.gone().await;
        }
        let sweeping: Vec<Arc<Tree>> = self.shared.running().sweeping.values().cloned().collect();
        for tree in sweeping {
            tree.swept().await;
        }
    }
}

impl Shared {
    pub(crate) fn config(&self) -> &NativeConfig {
        &self.config
    }

    /// One more wants to run.
    pub(crate) fn enter(&self, id: ExecId, process: Weak<Inner>) -> Result<(), ExecError> {
        let mut running = self.running();
        if running.closed {
            return Err(ExecError::Closed);
        }
        let limit = self.config.max_processes.unwrap_or(usize::MAX);
        let counted = |active: usize| (active < limit).then_some(active + 1);
        if self.active.fetch_update(Ordering::AcqRel, Ordering::Acquire, counted).is_err() {
            let source = format!("{limit} processes of this executor run already").into();
            return Err(ExecError::Exhausted { operation: "start a process", source });
        }
        running.processes.insert(id, process);
        Ok(())
    }

    /// It has ended. With a tree, others may be left.
    pub(crate) fn ended(&self, id: ExecId, tree: Option<&Arc<Tree>>) {
        self.active.fetch_sub(1, Ordering::AcqRel);
        let mut running = self.running();
        running.processes.remove(&id);
        if let Some(tree) = tree {
            running.sweeping.insert(id, tree.clone());
        }
    }

    /// Nothing of it is left.
    pub(crate) fn leave(&self, id: ExecId) {
        self.running().sweeping.remove(&id);
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn inherited_path(mode: &EnvMode) -> Option<String> {
    let inherits = match mode {
        EnvMode::Clean => false,
        EnvMode::Inherit => true,
        EnvMode::Allow(names) => names.iter().any(|name| name == "PATH"),
    };
    inherits.then(|| std::env::var("PATH").ok()).flatten()
}

fn on_path(name: &str, path: &str) -> bool {
    path.split(':').any(|dir| Path::new(dir).join(name).is_file())
}
