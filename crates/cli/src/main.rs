//! The `perilune` program: arguments, configuration, exit codes.

mod args;
mod guardian;
mod logs;
mod policy;
mod signals;
mod supervise;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use clap::Parser;
use perilune_runtime::application::{self, Diagnostic, Diagnostics, Loaded, Severity};
use perilune_runtime::{Config, Exit, Foreground, Runtime, StartError};

use crate::args::{Cli, Command, Common, Run, Target};

/// Wrong usage, or an application that cannot be loaded.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    perilune_runtime::keep_freed_memory();
    if let Some(code) = guardian::serve() {
        return code;
    }
    let cli = Cli::parse();
    let config = match config(&cli.common) {
        Ok(config) => config,
        Err(error) => return complain(&format!("error: {error:#}"), USAGE),
    };
    logs::start(&cli.common, &config);
    match cli.command {
        Command::Run(run) => start(&cli.common, config, run),
        Command::Check { path } => {
            let path = path.or_else(|| cli.common.dir.clone()).unwrap_or_else(|| ".".into());
            check(&cli.common, &args::of_path(path))
        }
        Command::Policy(command) => policy::main(&cli.common, command),
        Command::Supervise(command) => supervise::main(command),
    }
}

fn config(common: &Common) -> anyhow::Result<Config> {
    let mut config = Config::default();
    for path in &common.config {
        config.read(path)?;
    }
    for setting in &common.set {
        config.set(setting)?;
    }
    config.workers = common.workers;
    Ok(config)
}

fn complain(text: &str, code: u8) -> ExitCode {
    eprintln!("{text}");
    ExitCode::from(code)
}

fn load(common: &Common, target: &Target) -> Result<Loaded, Diagnostics> {
    let mut loaded = match target {
        Target::Folder(folder) => not_empty(application::load_folder(folder)?)?,
        Target::Script(script) => application::load_file(script)?,
    };
    for change in &common.overrides {
        loaded.set_field(change)?;
    }
    Ok(loaded)
}

/// An application without entries would wait for a signal and do nothing: it is the wrong folder.
fn not_empty(loaded: Loaded) -> Result<Loaded, Diagnostics> {
    if !loaded.entries.is_empty() {
        return Ok(loaded);
    }
    let problem = Diagnostic::new(Severity::Error, loaded.root.display(), "no application in this folder");
    let mut found = loaded.warnings;
    found.push(problem.with_help("an application has a file `_index.yaml` with its entries"));
    Err(found)
}

// --- check

fn check(common: &Common, target: &Target) -> ExitCode {
    let found = match load(common, target) {
        Ok(loaded) => perilune_runtime::check(loaded),
        Err(found) => found,
    };
    let has_errors = found.has_errors();
    let count = found.iter().count();
    if count > 0 {
        eprintln!("{found}");
    }
    match (has_errors, count) {
        (true, _) => ExitCode::FAILURE,
        (false, 0) => {
            println!("no problems found");
            ExitCode::SUCCESS
        }
        (false, _) => ExitCode::SUCCESS,
    }
}

// --- run

fn start(common: &Common, config: Config, mut run: Run) -> ExitCode {
    let target = args::target(Path::new("."), common.dir.as_deref(), &mut run.rest);
    let loaded = match load(common, &target) {
        Ok(loaded) => loaded,
        Err(found) => return complain(&found.to_string(), USAGE),
    };
    guardian::arm();
    let runtime = match Runtime::start(loaded, config) {
        Ok(runtime) => Arc::new(runtime),
        Err(error) => return refuse(&error),
    };
    if !common.silent && runtime.warnings().iter().next().is_some() {
        eprintln!("{}", runtime.warnings());
    }
    let choice = match choose(&runtime, &mut run) {
        Ok(choice) => choice,
        Err(error) => return refuse(&error),
    };
    if let Choice::List = choice {
        list(&runtime);
        runtime.stop();
        return ExitCode::SUCCESS;
    }
    // Before the command starts: its first line of output may be answered by a signal.
    let events = match Events::with_signals() {
        Ok(events) => events,
        Err(error) => return complain(&format!("error: could not watch for signals: {error}"), 1),
    };
    match start_services(&runtime, &events) {
        Begun::Yes => {}
        Begun::Interrupted => {
            let code = if matches!(choice, Choice::Stay) { ExitCode::SUCCESS } else { ExitCode::FAILURE };
            runtime.stop();
            return code;
        }
        Begun::No(error) => {
            let code = refuse(&error);
            runtime.stop();
            return code;
        }
    }
    match choice {
        Choice::List | Choice::Stay => {
            runtime.log_scripts(None);
            let names: Vec<_> = runtime.commands().into_iter().map(|command| format!("`{}`", command.name)).collect();
            if !common.silent && !names.is_empty() {
                eprintln!("running without a command, until a signal; there are: {}", names.join(", "));
            }
            attend(&runtime, events, None)
        }
        Choice::Start(id) => match runtime.run_command(&id, run.host.as_deref(), run.rest) {
            Ok(foreground) => attend(&runtime, events, Some(foreground)),
            Err(error) => refuse(&error),
        },
    }
}

/// How the services started.
enum Begun {
    Yes,
    No(StartError),
    /// A signal came first.
    Interrupted,
}

/// Starts the services. The first signal meanwhile ends the waiting, the second one the program.
fn start_services(runtime: &Arc<Runtime>, events: &Events) -> Begun {
    let _ = events.runtime.set(Arc::downgrade(runtime));
    let (starting, tell) = (Arc::clone(runtime), events.tell.clone());
    std::thread::spawn(move || tell.send(Happening::Started(starting.start_services())));
    match events.happenings.recv() {
        Ok(Happening::Started(Ok(()))) => Begun::Yes,
        Ok(Happening::Started(Err(error))) => Begun::No(error),
        _ => Begun::Interrupted,
    }
}

fn refuse(error: &StartError) -> ExitCode {
    match error {
        StartError::Application(found) => complain(&found.to_string(), USAGE),
        StartError::Script(text) | StartError::Service(text) => complain(text, 1),
        other => complain(&format!("error: {other}"), USAGE),
    }
}

enum Choice {
    List,
    /// Stay until a signal.
    Stay,
    Start(String),
}

/// What to start; takes the command's name from the arguments.
fn choose(runtime: &Runtime, run: &mut Run) -> Result<Choice, StartError> {
    if let Some(id) = &run.exec {
        return Ok(Choice::Start(id.clone()));
    }
    if let Some(program) = runtime.program() {
        return Ok(Choice::Start(program));
    }
    if run.rest.is_empty() {
        let main = runtime.commands().into_iter().find(|command| command.is_main);
        return Ok(main.map_or(Choice::Stay, |command| Choice::Start(command.id)));
    }
    let name = run.rest.remove(0);
    match runtime.find_command(&name) {
        Ok(id) => Ok(Choice::Start(id)),
        Err(_) if name == "list" && run.rest.is_empty() => Ok(Choice::List),
        Err(error) => Err(error),
    }
}

fn list(runtime: &Runtime) {
    let commands = runtime.commands();
    let width = commands.iter().map(|command| command.name.chars().count()).max().unwrap_or(0);
    for command in &commands {
        let mark = if command.is_main { " (default)" } else { "" };
        println!("{:width$}  {}{mark}  [{}]", command.name, command.short, command.id);
    }
    if commands.is_empty() {
        println!("no commands");
    }
}

/// What the main thread waits for.
enum Happening {
    Started(Result<(), StartError>),
    Ended(Exit),
    Signal,
    Stopped,
}

struct Events {
    tell: Sender<Happening>,
    happenings: Receiver<Happening>,
    /// Set once there is one.
    runtime: Arc<OnceLock<Weak<Runtime>>>,
}

/// How long the end of programs may hold up somebody who does not want to wait.
const HURRY: Duration = Duration::from_secs(1);

/// Somebody is leaving: that the command ends now, for want of its programs, is not its own end.
static LEAVING: AtomicBool = AtomicBool::new(false);

/// Leaves at once, and takes along the programs that processes have started.
fn leave(runtime: Option<Arc<Runtime>>) -> ! {
    LEAVING.store(true, Ordering::SeqCst);
    if let Some(runtime) = runtime {
        let (tell, ended) = mpsc::channel();
        std::thread::spawn(move || {
            runtime.end_programs(Duration::ZERO);
            tell.send(())
        });
        // What cannot be ended is left to the system.
        let _ = ended.recv_timeout(HURRY);
    }
    std::process::exit(1)
}

impl Events {
    fn with_signals() -> std::io::Result<Self> {
        let (tell, happenings) = mpsc::channel();
        let signals = tell.clone();
        let mut is_first = true;
        let runtime: Arc<OnceLock<Weak<Runtime>>> = Arc::default();
        let started = Arc::clone(&runtime);
        signals::watch(move || {
            // Whoever asks twice does not want to wait, not even for a command that is still starting.
            if !std::mem::take(&mut is_first) {
                leave(started.get().and_then(Weak::upgrade));
            }
            signals.send(Happening::Signal).is_ok()
        })?;
        Ok(Self { tell, happenings, runtime })
    }
}

/// Waits for the command's end or, without one, for a signal; then lets everything end.
fn attend(runtime: &Arc<Runtime>, events: Events, foreground: Option<Foreground>) -> ExitCode {
    let Events { tell, happenings, .. } = events;
    let has_command = foreground.is_some();
    if let Some(foreground) = foreground {
        let tell = tell.clone();
        std::thread::spawn(move || tell.send(Happening::Ended(foreground.wait())));
    }
    let (mut stopping, mut stopped, mut code) = (false, false, None);
    // Both orders happen: the command's end stops the rest, and a signal stops them together.
    while !stopped || has_command && code.is_none() {
        let Ok(happening) = happenings.recv() else { break };
        while LEAVING.load(Ordering::SeqCst) {
            std::thread::park();
        }
        match happening {
            // Told now: the others may take their time.
            Happening::Ended(exit) => code = Some(finish(&exit)),
            // It is the first, but there is nothing left to wait for but others.
            Happening::Signal if stopping => leave(Some(Arc::clone(runtime))),
            Happening::Signal => tracing::debug!("stopping"),
            Happening::Stopped => stopped = true,
            // Waited for before anything else was.
            Happening::Started(_) => continue,
        }
        if !std::mem::replace(&mut stopping, true) {
            let (runtime, tell) = (Arc::clone(runtime), tell.clone());
            std::thread::spawn(move || {
                runtime.stop();
                tell.send(Happening::Stopped)
            });
        }
    }
    if stopped {
        guardian::goodbye();
    }
    code.unwrap_or(ExitCode::SUCCESS)
}

/// Says what the command's end leaves to say.
fn finish(exit: &Exit) -> ExitCode {
    if let Some(text) = &exit.text {
        if exit.code == 0 {
            let _ = writeln!(std::io::stdout(), "{text}");
        } else {
            eprintln!("{text}");
        }
    }
    let _ = std::io::stdout().flush();
    ExitCode::from(exit.code)
}
