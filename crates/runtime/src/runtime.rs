mod shutdown;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use perilune_actor_core::{ActorInfo, HostId, Pid, Scheduler, Spawn, Value, WorkerInfo};
use perilune_actor_local::{LocalScheduler, WorkerLocal};
use perilune_exec_api::ExecutorFactory;
use perilune_lua_bindings::{Inherited, KNOWN_MODULES, LuaFactory, Services, Settings, Vm};
use perilune_policy::Strictness;
use perilune_policy_rules::RuleEngine;

use crate::application::{Definition, Diagnostics, Loaded, Severity, did_you_mean};
use crate::command::{CommandInfo, Foreground};
use crate::config::Config;
use crate::executors::Executors;
use crate::guard::Guarded;
use crate::hosts::Hosts;
use crate::policies::{self, Policies, Subjects};
use crate::registry::{AppRegistry, Registry};
use crate::report;
use crate::services::AppServices;
use crate::supervision::{Driver, ServiceInfo, Supervised};
use crate::support::unsupported;
use crate::terminal::StdTerminal;
use crate::volume::Volumes;

/// A running application. Dropping it ends every process at once; [`stop`](Self::stop) lets them finish.
pub struct Runtime {
    config: Config,
    registry: Arc<Registry>,
    services: Arc<AppServices>,
    scheduler: Arc<LocalScheduler>,
    io: Option<tokio::runtime::Runtime>,
    warnings: Diagnostics,
    supervision: Driver,
    stopped: AtomicBool,
}

/// Why an application does not run, or a command does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The application's files.
    #[error("{0}")]
    Application(Diagnostics),
    /// Threads or memory could not be had.
    #[error("could not start the runtime: {0}")]
    Runtime(String),
    /// What was asked for does not exist.
    #[error("{0}")]
    Usage(String),
    /// The script does not run.
    #[error("{0}")]
    Script(String),
    /// A service that the application requires does not run.
    #[error("{0}")]
    Service(String),
}

impl Runtime {
    /// Checks an application and starts its hosts. No script runs yet; [`start_services`](Self::start_services) is next.
    ///
    /// # Errors
    /// An application with errors, or threads that could not be had. Nothing is left running.
    pub fn start(loaded: Loaded, config: Config) -> Result<Self, StartError> {
        Self::builder().start(loaded, config)
    }

    /// A runtime with more than what this crate brings.
    pub fn builder() -> RuntimeBuilder {
        RuntimeBuilder::default()
    }

    fn start_with(loaded: Loaded, config: Config, own: RuntimeBuilder) -> Result<Self, StartError> {
        let mut warnings = loaded.warnings.clone();
        let executors = Executors::new(config.exec(), own.executors);
        let mut checked = look_at(&loaded);
        for entry in loaded.entries.values() {
            if let Some(problem) = executors.check(entry) {
                let message = format!("entry `{}`: {problem}", entry.id);
                checked.push(loaded.diagnostic(entry, Severity::Error, entry.data.position, message));
            }
        }
        if checked.has_errors() {
            warnings.extend(checked);
            return Err(StartError::Application(warnings));
        }
        warnings.extend(checked);
        let prints_all = loaded.entries.values().any(|entry| entry.runs_as_main_chunk);
        warnings.extend(missing_directories(&loaded));
        let io = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("perilune-io")
            .enable_all()
            .build()
            .map_err(|error| StartError::Runtime(error.to_string()))?;
        let engine = Arc::new(RuleEngine::default());
        let subjects = Arc::new(Subjects::default());
        let volumes = Volumes::new(&loaded.root, io.handle().clone());
        let registry = Arc::new(Registry::new(loaded, config.registry_history));
        let policies = Policies::start(Arc::clone(&engine), Arc::clone(&subjects), &registry.version());
        let entries = AppRegistry::new(Arc::clone(&registry), io.handle().clone());
        let handle = io.handle().clone();
        let services = Arc::new(AppServices::new(
            Arc::clone(&registry),
            entries,
            volumes,
            prints_all,
            subjects,
            executors,
            handle,
        ));
        let strictness = if config.strict_mode { Strictness::Strict } else { Strictness::Lenient };
        let guarded = Guarded::new(Arc::clone(&services), engine, strictness);
        let scheduler = Arc::new(start_scheduler(&config, Arc::new(guarded))?);
        let hosts = Hosts::start(&(Arc::clone(&scheduler) as _), registry.version().entries());
        let supervision = Driver::new(Supervised {
            registry: Arc::clone(&registry),
            services: Arc::clone(&services),
            scheduler: Arc::downgrade(&scheduler),
            io: io.handle().clone(),
        });
        // Before the hosts: a service that goes with its host is to know that it goes.
        registry.listen(supervision.listener());
        registry.listen(Arc::new(hosts));
        registry.listen(Arc::new(policies));
        registry.listen(Arc::clone(&services.executors) as _);
        registry.listen(Arc::clone(&services.environment) as _);
        let stopped = AtomicBool::new(false);
        Ok(Self { config, registry, services, scheduler, io: Some(io), warnings, supervision, stopped })
    }

    /// Starts the services that start with the application, and what they depend on. Returns when each of them runs or
    /// could not be started; those that failed and are not required are tried again.
    ///
    /// # Errors
    /// A service that the application requires did not start. Others may run: [`stop`](Self::stop) ends them.
    pub fn start_services(&self) -> Result<(), StartError> {
        self.supervision.start().map_err(|refused| {
            let texts = refused.into_iter().map(|(id, text)| format!("{text}\n  = service `{id}`, which is required"));
            StartError::Service(texts.collect::<Vec<_>>().join("\n"))
        })
    }

    /// The services, at about this moment, by id.
    pub fn services(&self) -> Vec<ServiceInfo> {
        self.supervision.infos()
    }

    /// Logs every script that does not compile, but for one that is about to say so itself.
    pub fn log_scripts(&self, except: Option<&str>) {
        // The scripts beside a single one may have nothing to do with it.
        if self.services.prints_all {
            return;
        }
        for problem in report::compile_errors(&self.registry.current(), except) {
            tracing::error!(target: "perilune::process", "script does not compile\n{problem}");
        }
    }

    /// What somebody should look at: misspelt keys and the like.
    pub fn warnings(&self) -> &Diagnostics {
        &self.warnings
    }

    /// The commands of the application, by name.
    pub fn commands(&self) -> Vec<CommandInfo> {
        let version = self.registry.version();
        let mut commands: Vec<_> = version
            .entries()
            .filter_map(|entry| {
                let command = entry.command().ok()??;
                Some(CommandInfo {
                    name: command.name,
                    short: command.short.unwrap_or_default(),
                    id: entry.id.to_string(),
                    is_main: command.main,
                })
            })
            .collect();
        commands.sort_by(|a, b| a.name.cmp(&b.name));
        commands
    }

    /// The entry that a command's name stands for.
    ///
    /// # Errors
    /// No such command; says which one is near.
    pub fn find_command(&self, name: &str) -> Result<String, StartError> {
        let commands = self.commands();
        if let Some(command) = commands.iter().find(|command| command.name == name) {
            return Ok(command.id.clone());
        }
        let near = did_you_mean(name, commands.iter().map(|command| &*command.name));
        let help = match near {
            Some(near) => format!("; did you mean `{near}`?"),
            None if commands.is_empty() => "; this application has no commands".to_owned(),
            None => {
                let names: Vec<_> = commands.iter().map(|command| format!("`{}`", command.name)).collect();
                format!("; it has {}", names.join(", "))
            }
        };
        Err(StartError::Usage(format!("unknown command `{name}`{help}")))
    }

    /// The one script of a single-file run.
    pub fn program(&self) -> Option<String> {
        let version = self.registry.version();
        let program = version.entries().find(|entry| entry.runs_as_main_chunk);
        program.map(|entry| entry.id.to_string())
    }

    /// Starts a process entry on a terminal host, with the terminal and those arguments.
    ///
    /// # Errors
    /// No such entry or host, no way to choose among several terminal hosts, or a script that does not start.
    pub fn run_command(&self, id: &str, host: Option<&str>, args: Vec<String>) -> Result<Foreground, StartError> {
        let definition = self.registry.process(id).map_err(|failure| StartError::Usage(failure.message))?;
        self.log_scripts(Some(id));
        if let Err(failure) = definition.compile() {
            return Err(StartError::Script(report::script_error(&definition, &failure).to_string()));
        }
        let host = self.terminal_host(host)?;
        let terminal = Arc::new(StdTerminal::new(args.clone(), self.io_handle()?));
        *self.services.foreground.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some((host, terminal));
        let values = args.iter().map(|arg| Value::from(arg.as_str())).collect();
        let subject = self.services.subjects.of(host);
        let inherited = subject.map(|subject| Arc::new(Inherited::default().with_subject(subject)));
        let factory = LuaFactory::new(Arc::clone(&definition), values).foreground().inherit(inherited);
        let (tell, ended) = std::sync::mpsc::channel();
        let mut spawn = Spawn::new(host, Box::new(factory));
        spawn.on_exit = Some(Box::new(move |reason| {
            let _ = tell.send(reason.clone());
        }));
        let scheduler = Arc::clone(&self.scheduler) as Arc<dyn Scheduler>;
        let pid = scheduler.spawn(spawn).map_err(|error| {
            let failure = perilune_actor_core::Failure::from(error);
            StartError::Script(report::start_failure(&definition, &failure))
        })?;
        Ok(Foreground { pid, definition, scheduler, ended })
    }

    fn terminal_host(&self, wish: Option<&str>) -> Result<HostId, StartError> {
        let current = self.registry.current();
        let ids: Vec<_> = current.terminals().map(|(id, _)| id.as_str()).collect();
        match (wish, ids.as_slice()) {
            (Some(wish), ids) if ids.contains(&wish) => Ok(HostId::new(wish)),
            (Some(wish), ids) => {
                let near = did_you_mean(wish, ids.iter().copied());
                let help = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                Err(StartError::Usage(format!("`{wish}` is no terminal host{help}")))
            }
            (None, [only]) => Ok(HostId::new(only)),
            (None, []) => Err(StartError::Usage("the application has no terminal host to run a command on".into())),
            (None, several) => {
                let text = format!("there are several terminal hosts; choose one with --host: {}", several.join(", "));
                Err(StartError::Usage(text))
            }
        }
    }

    fn io_handle(&self) -> Result<tokio::runtime::Handle, StartError> {
        let io = self.io.as_ref().ok_or_else(|| StartError::Runtime("it is shutting down".into()))?;
        Ok(io.handle().clone())
    }

    /// The live processes, at about this moment.
    pub fn processes(&self) -> Vec<ActorInfo> {
        self.scheduler.actors()
    }

    /// Who has a name.
    pub fn whereis(&self, name: &str) -> Option<Pid> {
        self.scheduler.names().whereis(name)
    }

    /// The workers, at about this moment.
    pub fn workers(&self) -> Vec<WorkerInfo> {
        self.scheduler.workers()
    }

    /// Ends all programs that processes have started or keep alive, those that do not obey within `grace` by force.
    pub fn end_programs(&self, grace: Duration) {
        if let Some(io) = &self.io {
            let supervisions = self.services.supervisions.clone();
            io.block_on(async {
                // Both at once: the grace is for the whole.
                let kept = io.spawn(async move { supervisions.shutdown(grace).await });
                self.services.executors.shutdown(grace).await;
                // One that panics has nothing left to wait for.
                let _ = kept.await;
            });
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.scheduler.stop();
        if let Some(io) = self.io.take() {
            // A read from the terminal cannot be interrupted.
            io.shutdown_background();
        }
    }
}

/// Puts together what a runtime has beyond what this crate brings.
///
/// ```
/// use std::sync::Arc;
///
/// use perilune_exec_api::ExecutorFactory;
/// use perilune_runtime::{Config, Runtime, StartError, application::Loaded};
///
/// /// Runs an application whose entries may be of one more kind.
/// fn run(loaded: Loaded, own: Arc<dyn ExecutorFactory>) -> Result<Runtime, StartError> {
///     Runtime::builder().executor(own).start(loaded, Config::default())
/// }
/// ```
#[derive(Default)]
pub struct RuntimeBuilder {
    executors: Vec<Arc<dyn ExecutorFactory>>,
}

impl RuntimeBuilder {
    /// Entries of the factory's kind are executors that it makes. A kind that is given again is the last one's.
    #[must_use]
    pub fn executor(mut self, factory: Arc<dyn ExecutorFactory>) -> Self {
        self.executors.push(factory);
        self
    }

    /// As [`Runtime::start`].
    ///
    /// # Errors
    /// Those of [`Runtime::start`].
    pub fn start(self, loaded: Loaded, config: Config) -> Result<Runtime, StartError> {
        Runtime::start_with(loaded, config, self)
    }
}

/// What is wrong with an application or cannot be given to it.
fn look_at(loaded: &Loaded) -> Diagnostics {
    let mut found = loaded.check(KNOWN_MODULES);
    for entry in loaded.entries.values() {
        let unsupported = unsupported(entry).into_iter();
        found.extend(unsupported.map(|it| loaded.diagnostic(entry, it.severity, it.position, it.message)));
    }
    found.extend(policies::check(loaded));
    found
}

/// Directories that are not there and that nobody will make. Somebody may still make them, so it is but a warning.
fn missing_directories(loaded: &Loaded) -> Diagnostics {
    let mut found = Diagnostics::default();
    for entry in loaded.entries.values() {
        if let Definition::Directory(directory) = &entry.definition
            && !directory.auto_init
            && !loaded.root.join(&*directory.path).is_dir()
        {
            let position = entry.data.get("directory").unwrap_or(&entry.data).position;
            let message = format!("entry `{}`: there is no directory `{}`", entry.id, directory.path);
            let problem = loaded.diagnostic(entry, Severity::Warning, position, message);
            found.push(problem.with_help("make it, or have it made with `auto_init: true`"));
        }
    }
    found
}

fn start_scheduler(config: &Config, services: Arc<dyn Services>) -> Result<LocalScheduler, StartError> {
    let mut settings = Settings::default();
    settings.slice = config.step_budget;
    settings.api = config.api;
    settings.fail_deadlocks = config.fail_deadlocks;
    settings.native = config.native;
    settings.limits.max_payload_bytes = usize::try_from(config.max_payload_bytes).unwrap_or(usize::MAX);
    settings.limits.callback_budget = config.callback_budget;
    let limit = usize::try_from(config.mailbox).unwrap_or(usize::MAX);
    LocalScheduler::builder()
        .workers(config.workers)
        .slice(config.step_budget)
        .mailbox_limit((limit > 0).then_some(limit))
        .local(move |_| {
            let vm = Vm::new(Arc::clone(&services), settings.clone())?;
            let alarm = vm.alarm();
            Ok(WorkerLocal { local: Box::new(vm), interrupt: Arc::new(move || alarm.ring()) })
        })
        .start()
        .map_err(|error| StartError::Runtime(error.to_string()))
}

/// Everything that is wrong with an application, as far as it can be told without running it.
pub fn check(loaded: Loaded) -> Diagnostics {
    let mut found = loaded.warnings.clone();
    found.extend(look_at(&loaded));
    found.extend(missing_directories(&loaded));
    if !found.has_errors() {
        found.extend(report::compile_errors(&Registry::new(loaded, false).current(), None));
    }
    found
}
