use std::fmt;

use perilune_actor_core::Pid;

/// What a service is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ServiceState {
    /// It was never to be started.
    #[default]
    Unknown,
    /// It is being started, or waits for what it depends on, or for the next attempt.
    Starting,
    /// Its process runs.
    Running,
    /// It was asked to end.
    Stopping,
    /// It was ended on purpose.
    Stopped,
    /// Its process ended well, by itself.
    Exited,
    /// It failed and will not be started again.
    Failed,
}

impl fmt::Display for ServiceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "unknown",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Exited => "exited",
            Self::Failed => "failed",
        })
    }
}

/// One line of a live view of the services.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceInfo {
    /// Its entry.
    pub id: String,
    /// What it is doing.
    pub state: ServiceState,
    /// Its process, while there is one.
    pub pid: Option<Pid>,
    /// How often it has been started again after a failure.
    pub restarts: u64,
    /// What its last failure said.
    pub failure: Option<String>,
}
