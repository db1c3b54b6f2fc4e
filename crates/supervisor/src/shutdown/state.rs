use std::fmt;

use serde::{Deserialize, Serialize};

/// How far the shutdown of one run is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShutdownState {
    /// Nobody wants its end.
    #[default]
    Running,
    /// Commands run before the signal.
    PreShutdown,
    /// The signal was sent, and there is time to obey.
    GracefulShutdown,
    /// That time is over; it is killed when the last delay is, too.
    ForceKillPending,
    /// It has ended.
    Completed,
}

impl fmt::Display for ShutdownState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::PreShutdown => "pre_shutdown",
            Self::GracefulShutdown => "graceful_shutdown",
            Self::ForceKillPending => "force_kill_pending",
            Self::Completed => "completed",
        })
    }
}
