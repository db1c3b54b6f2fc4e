//! One instance of a spec, from start to end and again.

mod control;
pub(crate) mod output;

#[cfg(test)]
mod model;

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use chrono::{DateTime, Utc};
use perilune_exec_api::{EndReason, ExecError, ExecErrorKind, ExitInfo, OsSignal};
use perilune_exec_native::{CgroupOptions, Child, ChildOptions, ChildOutput, KillScope};
use uuid::Uuid;

pub use control::RunController;
pub use output::{OutputChunk, OutputReceiver};

use super::launch::{causes, launch, secrets, spawn_failed};
use super::{ProcessError, ProcessSpec, ProcessState};
use crate::log::LogStream;
use crate::shutdown::{self, parse_signal};
use crate::supervisor::SupervisionOptions;

/// How long what was killed may take to go.
const UNKILLABLE: Duration = Duration::from_secs(5);

/// Starts, watches and ends the process of one instance.
///
/// ```
/// use std::time::Duration;
///
/// use perilune_supervisor::process::{ProcessRunner, ProcessSpec};
///
/// # let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # tokio.block_on(async {
/// let spec = ProcessSpec::builder()
///     .name("sleeper")
///     .command("sleep")
///     .args(["600"])
///     .env("API_KEY", "not shown anywhere")
///     .cwd("/tmp")
///     .build();
///
/// let mut runner = ProcessRunner::new(spec, 0);
/// runner.start()?;
///
/// assert!(runner.state().is_running());
/// assert!(runner.pid().is_some());
///
/// runner.stop(Duration::from_secs(5)).await?;
///
/// assert!(runner.state().has_exited());
/// # Ok::<(), perilune_supervisor::process::ProcessError>(())
/// # }).unwrap();
/// ```
///
/// [`state`](Self::state) is what was seen last. Whatever takes the runner mutably looks first, so after it the state is one
/// that was true during the call.
///
/// Dropping a runner kills the process and all it started, or leaves it running if
/// [`kill_on_drop`](crate::shutdown::ShutdownConfig::kill_on_drop) is off; either way its output is read and it is reaped.
/// That needs no runtime around it.
pub struct ProcessRunner {
    spec: ProcessSpec,
    instance: u32,
    /// INVARIANT: there while a process exists that nobody has been told the end of, and not a moment longer.
    child: Option<Child>,
    state: ProcessState,
    /// INVARIANT: there exactly while the state is one that runs.
    pid: Option<u32>,
    options: SupervisionOptions,
    cgroup: Option<CgroupOptions>,
    last: Run,
    /// What looks on at the newest run, or waits for the next.
    output: ChildOutput,
    /// Whether a run has had that.
    output_used: bool,
    started_at: Option<DateTime<Utc>>,
}

/// What is known of the newest run.
#[derive(Default)]
struct Run {
    id: Option<Uuid>,
    pid: Option<u32>,
    exit: Option<ExitInfo>,
    failure: Option<ExecErrorKind>,
    retryable: bool,
    leftovers: Vec<u32>,
    left: Vec<u32>,
}

impl ProcessRunner {
    /// A runner of that instance, of which there is no process yet.
    ///
    /// # Panics
    ///
    /// When the spec has no such instance.
    #[must_use]
    #[track_caller]
    pub fn new(spec: ProcessSpec, instance: u32) -> Self {
        match Self::try_new(spec, instance, SupervisionOptions::default(), None) {
            Ok(runner) => runner,
            Err(error) => panic!("{error}"),
        }
    }

    /// A runner whose processes are started and held as `options` say; what is in them about readiness, dependencies and
    /// samples is for supervisors. With `cgroup`, level [`Cgroup`](perilune_exec_api::Containment::Cgroup) is possible.
    /// [`ProcessError::InvalidState`] when the spec has no such instance.
    pub fn try_new(
        spec: ProcessSpec,
        instance: u32,
        options: SupervisionOptions,
        cgroup: Option<CgroupOptions>,
    ) -> Result<Self, ProcessError> {
        spec.has_instance(instance)?;
        let output = output_of(&spec);
        Ok(Self {
            spec,
            instance,
            child: None,
            state: ProcessState::Stopped { exit_code: None },
            pid: None,
            options,
            cgroup,
            last: Run::default(),
            output,
            output_used: false,
            started_at: None,
        })
    }

    /// Starts the process, and returns when its program runs and its output is read.
    ///
    /// Blocks while the system loads the program, and needs a Tokio runtime around the call. Fails with
    /// [`ProcessError::InvalidState`] while there is a process, which is not touched, and with
    /// [`ProcessError::SpawnFailed`] when it cannot be started; then the state is `Crashed`, and nothing is left of the
    /// attempt. One that has ended unseen is no obstacle; what it left behind may still be on its way out, which
    /// [`wait`](Self::wait) and [`stop`](Self::stop) would have waited for.
    pub fn start(&mut self) -> Result<(), ProcessError> {
        self.observe();
        if self.child.is_some() || !self.state.has_exited() {
            return Err(self.invalid("start"));
        }
        let run_id = Uuid::new_v4();
        self.last = Run { id: Some(run_id), ..Run::default() };
        let started = self.spawn(run_id);
        match started {
            Ok(child) => {
                self.pid = Some(child.os_pid());
                self.last.pid = self.pid;
                self.started_at = Some(child.started_at().1.into());
                self.state = ProcessState::Running;
                self.child = Some(child);
                Ok(())
            }
            Err(error) => {
                self.state = ProcessState::Crashed { exit_code: None };
                Err(error)
            }
        }
    }

    /// Asks the process to end by the signal of its spec, and kills it and all it started when `grace` is over.
    ///
    /// Returns when nothing of it is left, it is reaped and its output has been read and kept. Without any grace, the kill
    /// follows the request at once. Fails with [`ProcessError::InvalidState`] unless the process runs; one that has ended
    /// unseen counts as running, and then its end is its own. Fails with [`ProcessError::SignalFailed`] when the process
    /// outlives the grace and [`force_kill`](crate::shutdown::ShutdownConfig::force_kill) is off, or when the system cannot
    /// end it within five seconds of the kill; then the state stays `Stopping`, and [`wait`](Self::wait) and
    /// [`kill`](Self::kill) go on from there.
    ///
    /// What was begun goes on when this future is dropped, and a later [`wait`](Self::wait) tells the result.
    pub async fn stop(&mut self, grace: Duration) -> Result<(), ProcessError> {
        self.notice_request();
        let (Some(child), true) = (&self.child, self.state.is_running()) else { return Err(self.invalid("stop")) };
        let signal = os_signal(&self.spec.shutdown.signal)?;
        let force = self.spec.shutdown.force_kill;
        // Otherwise it has ended unseen, and nobody has asked it to.
        if child.control().stop(signal, grace, force).is_ok() {
            self.begin_end();
            self.ended_within(if force { grace.saturating_add(UNKILLABLE) } else { grace }, || match force {
                true => format!("could not be ended: it is there {UNKILLABLE:?} after SIGKILL"),
                false => format!("has outlived the grace of {grace:?}, and is not to be forced"),
            })
            .await?;
        }
        let _ = self.wait().await;
        Ok(())
    }

    /// Kills the process and all it started, now, whatever else is under way, and returns when they are gone.
    ///
    /// Fails with [`ProcessError::InvalidState`] when there is no process, and with [`ProcessError::SignalFailed`] when the
    /// system cannot end it within five seconds. One that had ended before keeps its own end.
    pub async fn kill(&mut self) -> Result<(), ProcessError> {
        let Some(child) = &self.child else { return Err(self.invalid("kill")) };
        if child.control().kill().is_ok() {
            self.begin_end();
            self.ended_within(UNKILLABLE, || format!("could not be ended: it is there {UNKILLABLE:?} after SIGKILL"))
                .await?;
        }
        let _ = self.wait().await;
        Ok(())
    }

    /// Sends a signal, by number or name, to whom the kill scope of the spec says.
    ///
    /// Fails with [`ProcessError::InvalidState`] unless the process runs, and with [`ProcessError::SignalFailed`] when there
    /// is no such signal or the system refuses.
    pub fn signal(&mut self, signal: impl std::fmt::Display) -> Result<(), ProcessError> {
        self.observe();
        let (Some(child), true) = (&self.child, self.state.is_running()) else { return Err(self.invalid("signal")) };
        let signal = os_signal(&signal.to_string())?;
        match child.control().signal(signal) {
            Err(ExecError::AlreadyFinished) => {
                self.observe();
                Err(self.invalid("signal"))
            }
            sent => sent.map_err(|error| signal_failed(&self.display_name(), &error)),
        }
    }

    /// Waits until the process has ended, nothing of it is left, it is reaped and its output has been read and kept.
    ///
    /// `None` when there is no process, and when its status was lost to somebody else. A call that is given up loses
    /// nothing. The status is told once.
    pub async fn wait(&mut self) -> Option<ExitStatus> {
        let finished = self.child.as_ref()?.finished().await;
        (self.last.leftovers, self.last.left) = (finished.leftovers, finished.left);
        self.settle(finished.exit)
    }

    /// The status of a process that has ended, without waiting for anything.
    ///
    /// `None` while it runs, and as for [`wait`](Self::wait). What it left behind is ended and its output read in the
    /// background.
    pub fn try_wait(&mut self) -> Option<ExitStatus> {
        self.observe()
    }

    /// What it was at when somebody looked last.
    #[must_use]
    pub fn state(&self) -> &ProcessState {
        &self.state
    }

    /// The number of its process, while that runs and nobody has asked it to end.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// The number of its newest process, also while that stops and afterwards.
    #[must_use]
    pub fn last_pid(&self) -> Option<u32> {
        self.last.pid
    }

    /// Its newest run, one that could not be started included.
    #[must_use]
    pub fn run_id(&self) -> Option<Uuid> {
        self.last.id
    }

    /// When its newest process started; stays when that has ended, or the next cannot be started. For display.
    #[must_use]
    pub fn started_at(&self) -> Option<DateTime<Utc>> {
        self.started_at
    }

    /// How its newest run ended; `None` while it runs, and when it could not be started.
    #[must_use]
    pub fn last_exit(&self) -> Option<&ExitInfo> {
        self.last.exit.as_ref()
    }

    /// One number for the end of its newest run: its code, or 128 and the signal; 127 when the program was not found and 126
    /// when it could not be started for another reason.
    #[must_use]
    pub fn exit_code(&self) -> Option<i32> {
        match (&self.last.exit, self.last.failure) {
            (Some(exit), _) => Some(exit.exit_code()),
            (None, Some(ExecErrorKind::NotFound)) => Some(127),
            (None, Some(_)) => Some(126),
            (None, None) => None,
        }
    }

    /// Whether the newest run could not be started for a reason that may pass.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.last.retryable
    }

    /// Who its newest run left behind, and was made to end. Known after [`wait`](Self::wait), [`stop`](Self::stop) and
    /// [`kill`](Self::kill).
    #[must_use]
    pub fn leftovers_killed(&self) -> &[u32] {
        &self.last.leftovers
    }

    /// Who its newest run left behind, and goes on. Known as above.
    #[must_use]
    pub fn leftovers_left(&self) -> &[u32] {
        &self.last.left
    }

    /// The newest bytes that its newest run wrote to a stream, as many as its spec says, and as it wrote them.
    ///
    /// Secrets in them are not made unreadable, whatever the spec says of files: whoever has the runner has given the
    /// process its secrets, and may need what it answers to the byte. Before showing them to others, pass them through a
    /// [`SecretRedactor`](crate::credentials::SecretRedactor).
    #[must_use]
    pub fn recent_output(&self, stream: LogStream) -> Vec<u8> {
        self.output.tail(stream.into())
    }

    /// How many bytes its newest run wrote to a stream.
    #[must_use]
    pub fn output_bytes(&self, stream: LogStream) -> u64 {
        self.output.bytes(stream.into())
    }

    /// What its process writes from now on; without a process, all that the next one writes. As it writes it, as with
    /// [`recent_output`](Self::recent_output).
    pub fn subscribe_output(&mut self) -> OutputReceiver {
        if self.child.is_none() {
            self.renew_output();
        }
        OutputReceiver::new(self.output.subscribe())
    }

    /// Reaches the process while another task waits for it.
    #[must_use]
    pub fn controller(&self) -> RunController {
        RunController::new(self.display_name(), &self.spec.shutdown, self.child.as_ref().map(Child::control))
    }

    /// How closely what it starts is held; `None` without a process.
    #[must_use]
    pub fn containment(&self) -> Option<perilune_exec_api::Containment> {
        self.child.as_ref().map(Child::containment)
    }

    /// What it runs.
    #[must_use]
    pub fn spec(&self) -> &ProcessSpec {
        &self.spec
    }

    /// Which instance of it, from 0.
    #[must_use]
    pub fn instance(&self) -> u32 {
        self.instance
    }

    /// The name, with the number of the instance if there are several.
    #[must_use]
    pub fn display_name(&self) -> String {
        self.spec.display_name(self.instance)
    }

    fn spawn(&mut self, run_id: Uuid) -> Result<Child, ProcessError> {
        let name = self.display_name();
        self.renew_output();
        self.last.failure = Some(ExecErrorKind::InvalidArgument);
        let failed = |reason: String| ProcessError::SpawnFailed(format!("`{name}`: {reason}"));
        self.spec.validate().map_err(|error| failed(error.to_string()))?;
        let secrets = secrets(&self.spec).map_err(failed)?;
        let launch = launch(&self.spec, self.instance, &self.options, secrets, run_id);

        let (shutdown, log) = (&self.spec.shutdown, &self.spec.log);
        let mut child = ChildOptions::new(run_id.to_string());
        child.containment = self.options.containment;
        child.cgroup = self.cgroup.clone();
        child.kill_scope = shutdown.kill_scope.into();
        child.sweep_on_exit = shutdown.sweep_on_exit;
        child.leftover_grace = shutdown.leftover_grace;
        child.drain_timeout = shutdown.drain_timeout;
        child.kill_on_drop = shutdown.kill_on_drop;
        child.merge_stderr = log.merge_stderr;
        child.output = self.output.clone();
        (child.stdout, child.stderr) =
            output::sinks(&self.spec, self.instance).map_err(|error| failed(causes(&error)))?;
        self.output_used = true;
        let spawned = Child::spawn(launch, child);
        self.last.failure = spawned.as_ref().err().map(ExecError::kind);
        self.last.retryable = spawned.as_ref().is_err_and(ExecError::is_retryable);
        spawned.map_err(|error| spawn_failed(&name, &error))
    }

    /// Those who look on at a run do not see the next one, which begins with nothing.
    fn renew_output(&mut self) {
        if std::mem::replace(&mut self.output_used, false) {
            self.output = output_of(&self.spec);
        }
    }

    /// Looks at the process, and takes its end from it if there is one.
    fn observe(&mut self) -> Option<ExitStatus> {
        self.notice_request();
        let exit = self.child.as_ref()?.try_ended()?;
        self.settle(exit)
    }

    /// A controller may have asked for the end.
    fn notice_request(&mut self) {
        if self.child.as_ref().is_some_and(Child::was_asked) {
            self.begin_end();
        }
    }

    fn begin_end(&mut self) {
        self.state = ProcessState::Stopping;
        self.pid = None;
    }

    /// Waits for the end of the process itself, and no longer than that.
    async fn ended_within(&self, limit: Duration, otherwise: impl FnOnce() -> String) -> Result<(), ProcessError> {
        let Some(child) = &self.child else { return Ok(()) };
        match tokio::time::timeout(limit, child.ended()).await {
            Ok(_) => Ok(()),
            Err(_) => Err(ProcessError::SignalFailed(format!("`{}` {}", self.display_name(), otherwise()))),
        }
    }

    /// The end is known: from here on there is no process.
    fn settle(&mut self, exit: ExitInfo) -> Option<ExitStatus> {
        if exit.reason == EndReason::Lost {
            tracing::error!(process = self.display_name(), "somebody else has collected the status of a process");
        }
        self.state = end(&exit);
        self.pid = None;
        self.child = None;
        let status = status(&exit);
        self.last.exit = Some(exit);
        status
    }

    fn invalid(&self, operation: &str) -> ProcessError {
        ProcessError::InvalidState(format!("cannot {operation} `{}`, which is {}", self.display_name(), self.state))
    }
}

impl std::fmt::Debug for ProcessRunner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = f.debug_struct("ProcessRunner");
        text.field("spec", &self.spec).field("instance", &self.instance).field("state", &self.state);
        text.field("pid", &self.pid).finish_non_exhaustive()
    }
}

/// The state that a run is in for good after it ended like that.
fn end(exit: &ExitInfo) -> ProcessState {
    let exit_code = exit.code;
    match exit.reason {
        EndReason::Exited if exit_code == Some(0) => ProcessState::Stopped { exit_code },
        EndReason::Stopped => ProcessState::Stopped { exit_code },
        EndReason::StopTimeout | EndReason::Killed => ProcessState::Terminated,
        _ => ProcessState::Crashed { exit_code },
    }
}

fn status(exit: &ExitInfo) -> Option<ExitStatus> {
    let core = if exit.core_dumped { 0x80 } else { 0 };
    match (exit.code, exit.signal) {
        (Some(code), _) => Some(ExitStatus::from_raw((code & 0xff) << 8)),
        (None, Some(signal)) => Some(ExitStatus::from_raw(signal | core)),
        (None, None) => None,
    }
}

fn os_signal(text: &str) -> Result<OsSignal, ProcessError> {
    let failed = |reason: String| ProcessError::SignalFailed(reason);
    let number = parse_signal(text).map_err(|error| failed(error.to_string()))?;
    OsSignal::new(number.into()).map_err(|error| failed(error.to_string()))
}

fn signal_failed(name: &str, error: &ExecError) -> ProcessError {
    ProcessError::SignalFailed(format!("`{name}`: {}", causes(error)))
}

fn output_of(spec: &ProcessSpec) -> ChildOutput {
    ChildOutput::new(usize::try_from(spec.log.tail_bytes).unwrap_or(usize::MAX))
}

impl From<shutdown::KillScope> for KillScope {
    fn from(scope: shutdown::KillScope) -> Self {
        match scope {
            shutdown::KillScope::Group => Self::Group,
            shutdown::KillScope::Mixed => Self::Mixed,
            shutdown::KillScope::Leader => Self::Leader,
        }
    }
}
