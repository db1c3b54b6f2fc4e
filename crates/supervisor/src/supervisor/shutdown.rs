use std::time::Duration;

use serde::Serialize;

use crate::process::ProcessState;

/// How everything is stopped in the end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownOptions {
    /// What still runs after this time is killed. Without it, each has the time that its spec gives it.
    pub deadline: Option<Duration>,
}

impl ShutdownOptions {
    /// Everything is killed at once.
    #[must_use]
    pub fn force() -> Self {
        Self::within(Duration::ZERO)
    }

    /// What still runs after this time is killed.
    #[must_use]
    pub fn within(deadline: Duration) -> Self {
        Self { deadline: Some(deadline) }
    }
}

/// What became of everything that ran when the shutdown began.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// In the order in which they ended.
    pub instances: Vec<InstanceShutdown>,
    /// Whether the deadline passed, and what was left was killed.
    pub forced: bool,
    /// How long all of it took.
    #[serde(with = "perilune_restart::duration")]
    pub took: Duration,
}

impl ShutdownReport {
    /// Whether nothing is left, and nothing had to be killed.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        !self.forced && self.instances.iter().all(|one| matches!(one.state, ProcessState::Stopped { .. }))
    }
}

/// What became of one instance in a shutdown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct InstanceShutdown {
    /// The name of its spec.
    pub name: String,
    /// Which of the instances, from 0.
    pub instance: u32,
    /// `Stopping` if it could not be made to end, else how it ended.
    pub state: ProcessState,
    /// The code it ended with.
    pub code: Option<i32>,
    /// From the beginning of the shutdown to its end.
    #[serde(with = "perilune_restart::duration")]
    pub took: Duration,
    /// How many processes it left behind that had to be killed.
    pub leftovers_killed: u32,
    /// Why it could not be made to end.
    pub error: Option<String>,
}

/// What an update means for what runs already.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Updated {
    /// The instances that run as the spec was before, until they are started again.
    pub restart_needed: Vec<u32>,
}
