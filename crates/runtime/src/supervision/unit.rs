use std::sync::Arc;
use std::time::{Duration, Instant};

use perilune_actor_core::{ExitReason, Failure, Pid};
use perilune_restart::RestartManager;

use super::info::{ServiceInfo, ServiceState};
use super::plan::Plan;

/// One service and where it stands.
pub(super) struct Unit {
    pub(super) plan: Plan,
    /// It is to run, or to have run.
    pub(super) wanted: bool,
    pub(super) phase: Phase,
    pub(super) first: First,
    pub(super) restarts: RestartManager,
    pub(super) restarted: u64,
    pub(super) failure: Option<Arc<Failure>>,
    /// How its process ended, before the scheduler has said that there is one.
    pub(super) early: Option<ExitReason>,
    /// What takes its place when it is down; `Some(None)` is nothing.
    pub(super) next: Option<Option<Plan>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It has no process and nothing happens by itself.
    Idle(ServiceState),
    /// For what it depends on.
    Waiting,
    /// Until the scheduler answers, or the time is up.
    Spawning {
        run: u64,
        until: Instant,
    },
    Up {
        run: u64,
        pid: Pid,
        since: Instant,
    },
    BackOff {
        until: Instant,
    },
    /// It was asked to end. Without a pid it was still being started; that it comes to life is waited for, but not
    /// for longer than it might take to end.
    Stopping {
        run: u64,
        pid: Option<Pid>,
        until: Instant,
    },
}

/// How the first attempt to start it went.
#[derive(Clone, Debug)]
pub(super) enum First {
    Pending,
    Done,
    Failed(Arc<Failure>),
}

impl Unit {
    pub(super) fn new(plan: Plan, seed: u64) -> Self {
        let restarts = RestartManager::seeded(plan.lifecycle.restart.clone(), seed);
        let phase = Phase::Idle(ServiceState::Unknown);
        let (first, failure, early, next) = (First::Pending, None, None, None);
        Self { plan, wanted: false, phase, first, restarts, restarted: 0, failure, early, next }
    }

    pub(super) fn state(&self) -> ServiceState {
        match self.phase {
            Phase::Idle(state) => state,
            Phase::Waiting | Phase::Spawning { .. } | Phase::BackOff { .. } => ServiceState::Starting,
            Phase::Up { .. } => ServiceState::Running,
            Phase::Stopping { .. } => ServiceState::Stopping,
        }
    }

    pub(super) fn pid(&self) -> Option<Pid> {
        match self.phase {
            Phase::Up { pid, .. } => Some(pid),
            Phase::Stopping { pid, .. } => pid,
            _ => None,
        }
    }

    /// It has a process, or is about to.
    pub(super) fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Spawning { .. } | Phase::Up { .. } | Phase::Stopping { .. })
    }

    /// Who depends on it may start.
    pub(super) fn is_ready(&self) -> bool {
        matches!(self.phase, Phase::Up { .. } | Phase::Idle(ServiceState::Exited))
    }

    pub(super) fn run(&self) -> Option<u64> {
        match self.phase {
            Phase::Spawning { run, .. } | Phase::Up { run, .. } | Phase::Stopping { run, .. } => Some(run),
            _ => None,
        }
    }

    pub(super) fn uptime(&self, now: Instant) -> Duration {
        match self.phase {
            Phase::Up { since, .. } => now.saturating_duration_since(since),
            _ => Duration::ZERO,
        }
    }

    /// When something has to happen by itself.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Spawning { until, .. } | Phase::BackOff { until } => Some(until),
            Phase::Stopping { pid: None, until, .. } => Some(until),
            _ => None,
        }
    }

    pub(super) fn info(&self) -> ServiceInfo {
        ServiceInfo {
            id: self.plan.id().to_string(),
            state: self.state(),
            pid: self.pid(),
            restarts: self.restarted,
            failure: self.failure.as_ref().map(|failure| failure.message.clone()),
        }
    }
}
