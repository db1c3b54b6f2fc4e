use std::time::Duration;

use crate::process::{ProcessError, SpecError};

/// Why a supervisor did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SupervisorError {
    /// There is one of that name.
    #[error("`{0}` is registered already")]
    DuplicateName(String),
    /// There is none of that name.
    #[error("`{0}` is not registered")]
    NotFound(String),
    /// It runs, or is about to.
    #[error("`{0}` is still running")]
    StillRunning(String),
    /// The spec has no such instance.
    #[error("there is no instance {0}")]
    InvalidInstance(u32),
    /// The spec cannot be run.
    #[error("invalid spec")]
    InvalidSpec(#[from] SpecError),
    /// What goes with the spec contradicts itself.
    #[error("invalid options of `{name}`: {reason}")]
    InvalidOptions {
        /// Whose.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// Each waits for the next, and the last for the first.
    #[error("dependencies go in a circle: {}", .0.join(" -> "))]
    DependencyCycle(Vec<String>),
    /// What it depends on will not come.
    #[error("`{name}` depends on `{dependency}`, which {reason}")]
    DependencyFailed {
        /// Who waits.
        name: String,
        /// For whom.
        dependency: String,
        /// Why that will not come.
        reason: String,
    },
    /// It did not happen in time.
    #[error("not within {}", humantime::format_duration(*.0))]
    Timeout(Duration),
    /// Everything is being stopped, or was.
    #[error("the supervisor is shutting down")]
    ShuttingDown,
    /// A log file cannot be opened again.
    #[error("could not open all log files again")]
    Logs(#[source] std::sync::Arc<crate::log::LogError>),
    /// Something about one process.
    #[error(transparent)]
    Process(#[from] ProcessError),
}
