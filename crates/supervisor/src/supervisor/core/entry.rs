use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use perilune_restart::RestartManager;
use uuid::Uuid;

use super::refresh::Expiry;
use crate::health::{HealthChecker, HealthStatus};
use crate::log::OutputCounts;
use crate::process::{ProcessSpec, ProcessState};
use crate::supervisor::board::View;
use crate::supervisor::{Condition, Desired, LastExit, Phase, Readiness, SupervisionOptions};

/// A registered spec.
#[derive(Debug)]
pub(super) struct Entry {
    /// Its `instances` are those there are, also while some of them are on their way out.
    pub(super) spec: Arc<ProcessSpec>,
    pub(super) options: Arc<SupervisionOptions>,
    pub(super) instances: Vec<Instance>,
}

#[derive(Debug)]
pub(super) struct Instance {
    pub(super) state: ProcessState,
    pub(super) desired: Desired,
    /// From the moment when a launch is decided to the moment when nothing is left of it.
    pub(super) run: Option<Run>,
    /// What is to come while there is no run.
    pub(super) pending: Pending,
    pub(super) restarts: RestartManager,
    pub(super) last_pid: Option<u32>,
    /// Of the newest run that was launched.
    pub(super) run_id: Option<Uuid>,
    pub(super) started_at: Option<DateTime<Utc>>,
    pub(super) restart_count: u32,
    pub(super) last_restart: Option<DateTime<Utc>>,
    pub(super) last_exit: Option<LastExit>,
    /// The newest launch that failed, and why.
    pub(super) launch_failure: Option<(Uuid, String)>,
    pub(super) health: HealthStatus,
    pub(super) ready: bool,
    pub(super) restart_needed: bool,
    pub(super) cpu_percent: Option<f32>,
    pub(super) memory_bytes: Option<u64>,
    pub(super) containment: &'static str,
    /// What its newest run has written.
    pub(super) counts: Option<OutputCounts>,
    /// Goes when it is down.
    pub(super) leaving: bool,
    /// When something is to be looked at again.
    pub(super) alarm: Option<Instant>,
}

#[derive(Debug)]
pub(super) struct Run {
    pub(super) id: Uuid,
    pub(super) launched: bool,
    /// When it was launched; before that, when that was decided.
    pub(super) since: Instant,
    pub(super) spec: Arc<ProcessSpec>,
    pub(super) options: Arc<SupervisionOptions>,
    pub(super) cause: Option<StopCause>,
    /// It was asked to end and did not.
    pub(super) stop_failed: Option<String>,
    /// It has lasted long enough to be a success.
    pub(super) proven: bool,
    pub(super) over_memory: u32,
    pub(super) checks: Option<HealthChecker>,
    /// When its secrets do, if that is known.
    pub(super) expires: Option<Expiry>,
}

/// Why a run is being ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StopCause {
    /// It is not wanted.
    Unwanted,
    /// Somebody wants another one in its place.
    Restart,
    /// Somebody wanted it to end, and then somebody wanted one.
    Start,
    /// It failed its checks, and is not to be started again for that.
    Unhealthy,
    /// It failed in a way that its policy has to decide about.
    Failed,
    /// So did it, and time was the reason.
    TimedOut,
    /// Another child of a group failed.
    Group,
    /// What it depends on is started again.
    Dependency,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pending {
    Idle,
    Dependency {
        restart: bool,
    },
    Backoff {
        at: Instant,
    },
    /// Its turn in a group restart.
    Group,
    GaveUp,
}

impl StopCause {
    /// Whether somebody outside wants it. What the supervisor wants by itself comes second.
    pub(super) fn is_wish(self) -> bool {
        matches!(self, Self::Unwanted | Self::Restart | Self::Start)
    }
}

impl Run {
    /// Whether it is being ended, and known to run until then.
    pub(super) fn is_live(&self) -> bool {
        self.launched && self.cause.is_none()
    }

    fn wake(&self, state: &ProcessState, now: Instant) -> Option<Instant> {
        if !self.is_live() {
            return None;
        }
        let gate = match (&self.options.readiness, state) {
            (Readiness::Immediate, _) => None,
            (Readiness::MinUptime(uptime), ProcessState::Starting) => Some(self.options.start_timeout.min(*uptime)),
            (_, ProcessState::Starting) => Some(self.options.start_timeout),
            _ => None,
        };
        let proven = (!self.proven).then_some(self.spec.restart.min_uptime);
        let times = [gate, proven, self.options.run_timeout];
        let check =
            self.checks.as_ref().and_then(|checks| checks.next_check_in(now)).and_then(|left| now.checked_add(left));
        times.into_iter().flatten().filter_map(|after| self.after(after)).chain(check).min()
    }

    /// So long after its launch; `None` if time does not go so far.
    pub(super) fn after(&self, time: Duration) -> Option<Instant> {
        self.since.checked_add(time)
    }

    pub(super) fn has_lasted(&self, time: Duration, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= time
    }
}

impl Instance {
    pub(super) fn new(restarts: RestartManager, desired: Desired, containment: &'static str) -> Self {
        Self {
            state: ProcessState::Stopped { exit_code: None },
            desired,
            run: None,
            pending: Pending::Idle,
            restarts,
            last_pid: None,
            run_id: None,
            started_at: None,
            restart_count: 0,
            last_restart: None,
            last_exit: None,
            launch_failure: None,
            health: HealthStatus::Unknown,
            ready: false,
            restart_needed: false,
            cpu_percent: None,
            memory_bytes: None,
            containment,
            counts: None,
            leaving: false,
            alarm: None,
        }
    }

    pub(super) fn phase(&self) -> Phase {
        match (&self.run, self.pending) {
            (Some(run), _) if !run.launched => Phase::Launching,
            (Some(_), _) if self.state == ProcessState::Stopping => Phase::Stopping,
            (Some(_), _) => Phase::Up,
            (None, Pending::Idle) => Phase::Idle,
            (None, Pending::Dependency { .. }) => Phase::WaitingForDependency,
            (None, Pending::Backoff { .. } | Pending::Group) => Phase::Backoff,
            (None, Pending::GaveUp) => Phase::GaveUp,
        }
    }

    /// Whether it has a process, or will have one without anybody asking again.
    pub(super) fn is_busy(&self) -> bool {
        self.run.is_some() || !matches!(self.pending, Pending::Idle | Pending::GaveUp)
    }

    /// Its run, if that is looked at for what it uses.
    pub(super) fn sampled(&self) -> Option<Uuid> {
        let run = self.run.as_ref().filter(|_| self.state.is_running())?;
        (run.options.sample || run.options.max_memory.is_some()).then_some(run.id)
    }

    /// Whether its newest run is over and nothing follows.
    pub(super) fn is_over(&self) -> bool {
        self.last_exit.is_some() && !self.is_busy()
    }

    pub(super) fn succeeded(&self, spec: &ProcessSpec) -> bool {
        let Some(exit) = &self.last_exit else { return false };
        let ended = perilune_restart::Ended { code: exit.code, signal: exit.signal, retryable: true };
        self.is_over() && spec.restart.is_success(&ended)
    }

    pub(super) fn is(&self, condition: Condition, spec: &ProcessSpec) -> bool {
        match condition {
            Condition::Started => self.state.is_running(),
            Condition::Ready => self.state.is_running() && self.ready,
            Condition::Healthy => self.state.is_running() && self.health == HealthStatus::Healthy,
            Condition::Completed => self.is_over(),
            Condition::CompletedSuccessfully => self.succeeded(spec),
        }
    }

    /// When time alone has something to say about it.
    pub(super) fn wake(&self, now: Instant) -> Option<Instant> {
        match (&self.run, self.pending) {
            (Some(run), _) => run.wake(&self.state, now),
            (None, Pending::Backoff { at }) => Some(at),
            (None, Pending::GaveUp) if self.desired == Desired::Up => self.restarts.trial_at(),
            _ => None,
        }
    }

    pub(super) fn view(&self, spec: &Arc<ProcessSpec>, instance: u32, turn: Option<Instant>) -> View {
        let running = self.state.is_running();
        let run = self.run.as_ref().filter(|run| run.launched);
        View {
            spec: spec.clone(),
            instance,
            state: self.state.clone(),
            desired: self.desired,
            phase: self.phase(),
            pid: self.last_pid.filter(|_| running),
            last_pid: self.last_pid,
            run_id: self.run_id,
            started_at: self.started_at,
            started: run.map(|run| run.since),
            restart_count: self.restart_count,
            last_restart: self.last_restart,
            restarts: self.restarts.history().iter().map(|entry| entry.at).collect(),
            restart_at: match (&self.run, self.pending) {
                (None, Pending::Backoff { at }) => Some(at),
                (None, Pending::Group) => turn,
                _ => None,
            },
            last_exit: self.last_exit.clone(),
            health: self.health,
            ready: self.ready,
            restart_needed: self.restart_needed,
            cpu_percent: self.cpu_percent,
            memory_bytes: self.memory_bytes,
            containment: self.containment,
            counts: self.counts.clone(),
        }
    }
}
