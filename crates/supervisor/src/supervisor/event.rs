use std::time::Duration;

use chrono::{DateTime, Utc};
use perilune_restart::RestartStrategy;
use serde::Serialize;
use uuid::Uuid;

use super::LastExit;
use crate::health::HealthStatus;
use crate::process::ProcessState;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SupervisorEvent {
    /// One more than that of the event before.
    pub seq: u64,
    /// When.
    pub at: DateTime<Utc>,
    /// To whom; empty if to the supervisor itself.
    pub name: String,
    /// To which instance.
    pub instance: Option<u32>,
    /// In which run.
    pub run_id: Option<Uuid>,
    /// What.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What can happen. Events of one instance come in the order of what they tell.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// It is known from now on.
    Registered,
    /// It is not known any more.
    Unregistered,
    /// It is at something else.
    StateChanged {
        /// Before.
        from: ProcessState,
        /// Now.
        to: ProcessState,
        /// The number of its process, while that runs.
        pid: Option<u32>,
    },
    /// It has a process.
    Started {
        /// The number of that.
        pid: u32,
    },
    /// It is ready.
    Ready,
    /// Its process has ended, and nothing is left of it; or it could not be started.
    Exited {
        /// How.
        exit: LastExit,
        /// The last lines it wrote, after an end that nobody asked for.
        tail: Vec<String>,
    },
    /// It will be started again.
    RestartScheduled {
        /// The how many-th time in a row.
        attempt: u32,
        /// When.
        #[serde(with = "perilune_restart::duration")]
        delay: Duration,
    },
    /// It failed too often.
    GaveUp {
        /// So many restarts were tried.
        count: u32,
        /// Within this time, unless it failed too often in a row.
        #[serde(with = "perilune_restart::duration::option")]
        window: Option<Duration>,
    },
    /// Others are restarted with it.
    GroupRestart {
        /// Why they are.
        strategy: RestartStrategy,
        /// Whose end it was.
        cause: String,
        /// All of them, in the order of their starts.
        affected: Vec<String>,
    },
    /// Its checks say something else.
    HealthChanged {
        /// Before.
        from: HealthStatus,
        /// Now.
        to: HealthStatus,
        /// What the last check said.
        error: Option<String>,
    },
    /// It left processes behind that had to be killed.
    LeftoversKilled {
        /// Their numbers.
        pids: Vec<u32>,
    },
    /// It did not obey in time.
    StopEscalated,
    /// A new log file was begun.
    LogRotated {
        /// Which.
        path: String,
    },
    /// Output cannot be written.
    LogWriteFailed {
        /// To which file.
        path: String,
        /// Why.
        error: String,
    },
    /// Output is lost.
    OutputLost {
        /// So much.
        bytes: u64,
    },
    /// What it waits for will not come.
    DependencyFailed {
        /// What it waits for.
        dependency: String,
        /// Why that will not come.
        reason: String,
    },
    /// It has new secrets, or will have them at its next start.
    CredentialsRotated {
        /// Whether it has to be started again to see them.
        restart_needed: bool,
    },
    /// Its secrets were to be renewed, and it keeps the ones it has.
    CredentialsRefreshFailed {
        /// Whose secrets.
        profile: String,
        /// Which field it was about, if one.
        field: Option<String>,
        /// The how many-th time in a row.
        attempt: u32,
        /// How long until it is tried again, if it is.
        #[serde(with = "perilune_restart::duration::option")]
        retry_in: Option<Duration>,
    },
    /// Too much has failed, and everything is stopped.
    SupervisorFailed {
        /// Why.
        reason: String,
    },
    /// Everything is stopped.
    ShutdownComplete,
}

/// How a process ended, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ExitClassification {
    /// With 0.
    CleanSuccess,
    /// With another code.
    CleanError,
    /// By a signal.
    Signal,
    /// It ran too long, or was not ready in time.
    Timeout,
    /// It cannot be said, or it never started.
    Unknown,
}
