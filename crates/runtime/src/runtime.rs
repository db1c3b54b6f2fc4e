use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use perilune_actor_core::{ActorInfo, HostId, HostSpec, Pid, Placement, Scheduler, Spawn, Value, WorkerInfo};
use perilune_actor_local::{LocalScheduler, WorkerLocal};
use perilune_lua_bindings::{Inherited, KNOWN_MODULES, LuaFactory, Services, Settings, Vm};
use perilune_policy::Strictness;
use perilune_policy_rules::RuleEngine;

use crate::application::{
    ConfigValue, Definition, Diagnostics, EntryId, Isolation, Loaded, ProcessHost, Severity, did_you_mean,
};
use crate::command::{CommandInfo, Foreground};
use crate::config::Config;
use crate::guard::Guarded;
use crate::policies::{self, HostSubjects};
use crate::registry::Registry;
use crate::report;
use crate::services::AppServices;
use crate::terminal::StdTerminal;
use crate::volume::Volumes;

/// How often a stopping application is asked whether anybody still acts.
const QUIET_CHECK: Duration = Duration::from_millis(20);

/// A running application. Dropping it ends every process at once; [`stop`](Self::stop) lets them finish.
pub struct Runtime {
    config: Config,
    registry: Arc<Registry>,
    services: Arc<AppServices>,
    scheduler: Arc<LocalScheduler>,
    io: Option<tokio::runtime::Runtime>,
    warnings: Diagnostics,
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
}

impl Runtime {
    /// Checks an application and starts its hosts. No script runs yet.
    ///
    /// # Errors
    /// An application with errors, or threads that could not be had. Nothing is left running.
    pub fn start(loaded: Loaded, config: Config) -> Result<Self, StartError> {
        let mut warnings = loaded.warnings.clone();
        let mut checked = loaded.check(KNOWN_MODULES);
        checked.extend(unsupported(&loaded));
        if checked.has_errors() {
            warnings.extend(checked);
            return Err(StartError::Application(warnings));
        }
        warnings.extend(checked);
        let prints_all = loaded.entries.values().any(|entry| entry.runs_as_main_chunk);
        let (engine, host_subjects) = read_policies(&loaded).map_err(|found| {
            warnings.extend(found);
            StartError::Application(warnings.clone())
        })?;
        warnings.extend(missing_directories(&loaded));
        let io = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("perilune-io")
            .enable_all()
            .build()
            .map_err(|error| StartError::Runtime(error.to_string()))?;
        let volumes = Volumes::new(&loaded.root, io.handle().clone());
        let registry = Arc::new(Registry::new(loaded));
        let services = Arc::new(AppServices::new(Arc::clone(&registry), volumes, prints_all, host_subjects));
        let strictness = if config.strict_mode { Strictness::Strict } else { Strictness::Lenient };
        let guarded = Guarded::new(Arc::clone(&services), Arc::new(engine), strictness);
        let scheduler = start_scheduler(&config, Arc::new(guarded))?;
        scheduler.add_host(HostSpec::new(functions_host()));
        for entry in registry.entries.values() {
            match &entry.definition {
                Definition::Host(host) => scheduler.add_host(host_spec(&entry.id, host)),
                Definition::Terminal(_) => scheduler.add_host(HostSpec::new(HostId::new(entry.id.as_str()))),
                _ => {}
            }
        }
        let stopped = AtomicBool::new(false);
        Ok(Self { config, registry, services, scheduler: Arc::new(scheduler), io: Some(io), warnings, stopped })
    }

    /// Logs every script that does not compile, but for one that is about to say so itself.
    pub fn log_scripts(&self, except: Option<&str>) {
        // The scripts beside a single one may have nothing to do with it.
        if self.services.prints_all {
            return;
        }
        for problem in report::compile_errors(&self.registry, except) {
            tracing::error!(target: "perilune::process", "script does not compile\n{problem}");
        }
    }

    /// What somebody should look at: misspelt keys and the like.
    pub fn warnings(&self) -> &Diagnostics {
        &self.warnings
    }

    /// The commands of the application, by name.
    pub fn commands(&self) -> Vec<CommandInfo> {
        let mut commands: Vec<_> = self
            .registry
            .entries
            .values()
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
        let mut entries = self.registry.entries.values();
        entries.find(|entry| entry.runs_as_main_chunk).map(|entry| entry.id.to_string())
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
        let subject = self.services.host_subjects.get(&host).cloned();
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
            StartError::Script(report::start_failure(&self.registry, &definition, &failure))
        })?;
        Ok(Foreground { pid, definition, registry: Arc::clone(&self.registry), scheduler, ended })
    }

    fn terminal_host(&self, wish: Option<&str>) -> Result<HostId, StartError> {
        let ids: Vec<_> = self.registry.terminals().map(|(id, _)| id.as_str()).collect();
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

    /// Whether nothing can happen any more unless somebody outside makes it: no process runs or is about to, no timer is
    /// pending but deadlines of cancels, and nothing is in flight.
    fn is_quiet(&self) -> bool {
        let idle =
            |workers: &[WorkerInfo]| workers.iter().all(|worker| worker.runnable + worker.timers + worker.pending == 0);
        let slices = |workers: &[WorkerInfo]| workers.iter().map(|worker| worker.slices).sum::<u64>();
        // Workers answer one after the other. If none has run anything between two rounds, no message was on its way.
        let (first, second) = (self.scheduler.workers(), self.scheduler.workers());
        idle(&first) && idle(&second) && slices(&first) == slices(&second)
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

    /// Ends the application: a cancel to every process, the time of `shutdown.timeout` to act on it, then force. Force
    /// comes at once when nobody acts any more: all that is left waits for messages that nobody will send.
    pub fn stop(&self) {
        if self.stopped.swap(true, Ordering::AcqRel) {
            return;
        }
        let (tell, all_ended) = std::sync::mpsc::channel::<()>();
        let hosts = self.registry.entries.values().filter(|entry| is_host(&entry.definition));
        let hosts: Vec<_> = hosts.map(|host| HostId::new(host.id.as_str())).chain([functions_host()]).collect();
        // At once: the timeout is for the whole, not for each.
        std::thread::scope(|scope| {
            for id in hosts {
                let tell = tell.clone();
                scope.spawn(move || {
                    self.scheduler.stop_host(id, self.config.shutdown_timeout, "host shutdown".into());
                    drop(tell);
                });
            }
            drop(tell);
            // Ends when the last of them has let go of its end.
            while all_ended.recv_timeout(QUIET_CHECK) == Err(RecvTimeoutError::Timeout) {
                if self.is_quiet() {
                    self.scheduler.stop();
                    break;
                }
            }
        });
        self.scheduler.stop();
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

/// Where functions run.
pub(crate) fn functions_host() -> HostId {
    HostId::new("perilune:functions")
}

fn is_host(definition: &Definition) -> bool {
    matches!(definition, Definition::Host(_) | Definition::Terminal(_))
}

fn host_spec(id: &EntryId, host: &ProcessHost) -> HostSpec {
    let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let mut spec = HostSpec::new(HostId::new(id.as_str()));
    spec.workers = host.workers.map_or(0, count);
    spec.max_actors = count(host.max_processes);
    spec.placement = match host.placement.as_deref() {
        Some("local") => Placement::Local,
        Some("spread") => Placement::Spread,
        _ => Placement::Auto,
    };
    spec
}

/// What an application asks for and this version cannot give. What protects is an error: running without it would be
/// worse than not running.
fn unsupported(loaded: &Loaded) -> Diagnostics {
    let mut found = Diagnostics::default();
    for entry in loaded.entries.values() {
        let mut say = |severity, key: &ConfigValue, text: &str| {
            let message = format!("entry `{}`: {text}", entry.id);
            found.push(loaded.diagnostic(entry, severity, key.position, message));
        };
        match &entry.definition {
            Definition::Host(host) => {
                let dedicated = entry.data.get("isolation").filter(|_| host.isolation == Isolation::Dedicated);
                if let Some(key) = dedicated {
                    say(Severity::Error, key, "this version has no dedicated isolation");
                }
                if let Some(key) = entry.data.get("memory_limit").filter(|_| host.memory_limit.is_some()) {
                    say(Severity::Error, key, "this version has no memory limit");
                }
            }
            _ if entry.kind == "process.service" => {
                say(Severity::Warning, &entry.data, "this version does not start services");
            }
            _ => {}
        }
    }
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

/// The policies of an application, and what its hosts say of their processes.
pub(crate) fn read_policies(loaded: &Loaded) -> Result<(RuleEngine, HostSubjects), Diagnostics> {
    let sources = policies::read(loaded)?;
    // Ids of entries are all different.
    let engine = RuleEngine::new(sources).unwrap_or_default();
    let subjects = policies::host_subjects(loaded, &engine)?;
    Ok((engine, subjects))
}

fn start_scheduler(config: &Config, services: Arc<dyn Services>) -> Result<LocalScheduler, StartError> {
    let mut settings = Settings::default();
    settings.slice = config.step_budget;
    settings.api = config.api;
    settings.fail_deadlocks = config.fail_deadlocks;
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
    found.extend(loaded.check(KNOWN_MODULES));
    found.extend(unsupported(&loaded));
    found.extend(missing_directories(&loaded));
    if let Err(wrong) = read_policies(&loaded) {
        found.extend(wrong);
    }
    if !found.has_errors() {
        found.extend(report::compile_errors(&Registry::new(loaded), None));
    }
    found
}
