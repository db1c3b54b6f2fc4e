//! `perilune supervise`: a file of processes, kept alive in the foreground.

mod control;
mod keeper;
mod orders;
mod printer;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand, ValueEnum};
use perilune_runtime::application::{Diagnostic, Diagnostics, Severity};
use perilune_supervisor::config::SupervisorFile;
use perilune_supervisor::credentials::CredentialError;
use perilune_supervisor::{EventKind, Received, ShutdownOptions, Supervisor};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::LocalSet;

use crate::{USAGE, complain, guardian};
use keeper::{Keeper, Record};
use printer::Printer;

/// Everything that could not be kept alive was stopped.
const FAILED: u8 = 1;
/// Somebody did not want to wait.
const FORCED: u8 = 3;

#[derive(Debug, Subcommand)]
pub(crate) enum SuperviseCommand {
    /// Read a file and print what is wrong with it
    Check {
        /// The processes, as TOML
        file: PathBuf,
    },
    /// Keep the processes of a file alive until a signal, and print what happens as JSON lines
    #[command(after_help = AFTER_RUN)]
    Run(Run),
}

const AFTER_RUN: &str = "\
With `--control stdin`, each line of standard input is an order and is answered by one line {\"reply\": …}:

  status                         all instances
  start|stop|restart NAME[:i]    all instances of NAME, or one
  kill NAME[:i]                  at once
  signal NAME[:i] SIGNAL         a name or a number
  scale NAME N                   run N instances
  logs NAME[:i] N                the last N lines
  shutdown                       stop everything and leave

The first SIGINT or SIGTERM stops everything in order, the second kills it; SIGHUP opens log files again.
Exit code: 0 after a shutdown, 1 when too much has failed, 2 for a wrong file, 3 when killed by the second signal.";

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The processes, as TOML
    pub(crate) file: PathBuf,
    /// Where orders come from
    #[arg(long, value_name = "WHERE")]
    pub(crate) control: Option<Control>,
    /// Write down what runs, and end first what a run that was killed has left
    #[arg(long, value_name = "PATH")]
    pub(crate) state: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Control {
    /// Standard input, a line each
    Stdin,
}

pub(crate) fn main(command: SuperviseCommand) -> ExitCode {
    let (path, run) = match &command {
        SuperviseCommand::Check { file } => (file, None),
        SuperviseCommand::Run(run) => (&run.file, Some(run)),
    };
    let file = match read(path) {
        Ok(file) => file,
        Err(found) => return complain(&found.to_string(), USAGE),
    };
    let tokio = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(tokio) => tokio,
        Err(error) => return complain(&format!("error: could not start threads: {error}"), FAILED),
    };
    // What happens to processes passes this thread's tasks in the order in which it was asked for.
    let here = LocalSet::new();
    let code = match run {
        None => here.block_on(&tokio, check(path, file)),
        Some(run) => here.block_on(&tokio, keep_alive(path, file, run)),
    };
    // A reader of standard input cannot be stopped, and nothing else is left to wait for.
    tokio.shutdown_background();
    code
}

/// Reads the file; with everything that is wrong with it.
fn read(path: &Path) -> Result<SupervisorFile, Diagnostics> {
    let mut found = Diagnostics::default();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            let message = format!("could not be read: {error}");
            found.push(Diagnostic::new(Severity::Error, path.display(), message));
            return Err(found);
        }
    };
    SupervisorFile::parse(&text, &|name| std::env::var(name).ok()).map_err(|errors| {
        for error in errors.0 {
            let line = text.lines().nth(error.line.saturating_sub(1)).unwrap_or("");
            let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
            let problem = Diagnostic::new(Severity::Error, path.display(), error.message);
            found.push(problem.at(number(error.line), number(error.column), line));
        }
        found
    })
}

fn supervisor(file: &SupervisorFile) -> Result<Supervisor, CredentialError> {
    let provider = file.credentials.provider()?;
    Ok(Supervisor::with_credentials(file.supervisor.clone(), Arc::new(provider)))
}

/// Registers everything, which finds what two processes do to each other.
async fn register(path: &Path, supervisor: &Supervisor, file: SupervisorFile) -> Result<(), Diagnostics> {
    let mut found = Diagnostics::default();
    for (spec, options) in file.processes {
        let name = spec.name.clone();
        if let Err(error) = supervisor.register_with(spec, options).await {
            let message = format!("`{name}`: {}", chain(&error));
            found.push(Diagnostic::new(Severity::Error, path.display(), message));
        }
    }
    if found.has_errors() { Err(found) } else { Ok(()) }
}

async fn check(path: &Path, file: SupervisorFile) -> ExitCode {
    let supervisor = match supervisor(&file) {
        Ok(supervisor) => supervisor,
        Err(error) => return complain(&format!("error: {}", chain(&error)), USAGE),
    };
    let count = file.processes.len();
    let registered = register(path, &supervisor, file).await;
    supervisor.shutdown(ShutdownOptions::force()).await;
    match registered {
        Ok(()) => {
            println!("no problems found in {count} process{}", if count == 1 { "" } else { "es" });
            ExitCode::SUCCESS
        }
        Err(found) => complain(&found.to_string(), USAGE),
    }
}

async fn keep_alive(path: &Path, file: SupervisorFile, run: &Run) -> ExitCode {
    guardian::arm();
    // Nothing else here starts processes.
    if cfg!(target_os = "linux")
        && let Err(error) = perilune_exec_native::init_duties_for_all()
    {
        tracing::warn!(error = chain(&error), "orphans are left to the system");
    }
    // Before anything starts: whoever sees the first event may answer it with a signal.
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => return complain(&format!("error: could not watch for signals: {error}"), FAILED),
    };
    let supervisor = match supervisor(&file) {
        Ok(supervisor) => supervisor,
        Err(error) => return complain(&format!("error: {}", chain(&error)), USAGE),
    };
    let state = run.state.clone().or_else(|| file.state_file.clone());
    let record = match former(state, &mut signals).await {
        Ok(record) => record,
        Err(Some(error)) => return complain(&format!("error: {error}"), USAGE),
        Err(None) => return ExitCode::SUCCESS,
    };
    let mut events = supervisor.events();
    let printer = Printer::start(supervisor.events());
    if let Err(found) = register(path, &supervisor, file).await {
        supervisor.shutdown(ShutdownOptions::force()).await;
        return complain(&found.to_string(), USAGE);
    }
    if let Some(record) = &record
        && let Err(error) = supervisor.go_on_from(record.former()).await
    {
        tracing::warn!(error = chain(&error), "restarts are counted from 0");
    }
    let keeper = record.map(|record| Keeper::start(&supervisor, record));
    if let Err(error) = supervisor.start_all().await {
        supervisor.shutdown(ShutdownOptions::force()).await;
        return complain(&format!("error: {}", chain(&error)), USAGE);
    }
    let mut orders = orders::follow(&supervisor, run.control, printer.clone());
    let mut code = ExitCode::SUCCESS;
    loop {
        tokio::select! {
            asked = signals.next() => match asked {
                Asked::End => break,
                Asked::Reopen => {
                    if let Err(error) = supervisor.reopen_logs().await {
                        tracing::warn!(%error, "log files could not be opened again");
                    }
                }
            },
            () = orders.shutdown() => break,
            received = events.recv() => match received {
                Some(Received::Event(event)) if matches!(event.kind, EventKind::SupervisorFailed { .. }) => {
                    code = ExitCode::from(FAILED);
                    break;
                }
                Some(_) => {}
                None => break,
            },
        }
    }
    let in_order = supervisor.shutdown(ShutdownOptions::default());
    tokio::pin!(in_order);
    let forced = loop {
        tokio::select! {
            _ = &mut in_order => break false,
            asked = signals.next() => if matches!(asked, Asked::End) { break true },
        }
    };
    if forced {
        supervisor.shutdown(ShutdownOptions::force()).await;
        code = ExitCode::from(FORCED);
    }
    if let Some(keeper) = keeper {
        keeper.finish().await;
    }
    orders.finish().await;
    printer.finish().await;
    guardian::goodbye();
    code
}

/// Has what is left of a former life ended, if there is a file that tells of one, and `Err(None)` if somebody does not want
/// to wait for that.
async fn former(state: Option<PathBuf>, signals: &mut Signals) -> Result<Option<Record>, Option<String>> {
    let Some(path) = state else { return Ok(None) };
    let ending = tokio::task::spawn_blocking(move || {
        let mut record = Record::open(&path)?;
        record.end_former();
        Ok(record)
    });
    tokio::pin!(ending);
    loop {
        tokio::select! {
            record = &mut ending => {
                let record: Result<Record, String> = record.unwrap_or_else(|error| Err(error.to_string()));
                return record.map(Some).map_err(Some);
            }
            asked = signals.next() => if matches!(asked, Asked::End) { return Err(None) },
        }
    }
}

enum Asked {
    End,
    Reopen,
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.interrupt.recv() => Asked::End,
            _ = self.terminate.recv() => Asked::End,
            _ = self.hangup.recv() => Asked::Reopen,
        }
    }
}

/// What an error says, and what is behind it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
