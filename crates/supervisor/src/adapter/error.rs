use std::io;
use std::path::PathBuf;

/// Why a program could not be run or observed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdapterError {
    /// The program could not be started; nothing is left of the attempt.
    #[error("could not start the program: {reason}")]
    SpawnFailed {
        /// Why. Never contains the value of a variable.
        reason: String,
        /// Whether that may pass.
        retryable: bool,
    },
    /// The program is gone, and nobody knows how it ended.
    #[error("the program is gone: {0}")]
    UnexpectedExit(String),
    /// Changes of files cannot be observed at all.
    #[error("could not observe files: {0}")]
    WatcherError(String),
    /// One path cannot be observed.
    #[error("could not observe `{}`: {reason}", path.display())]
    WatchPathFailed {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The settings cannot be used.
    #[error("wrong configuration: {0}")]
    ConfigError(String),
    /// There is no program that runs.
    #[error("the program does not run")]
    NotRunning,
    /// There is, or was, one: a session has one run.
    #[error("the program has been started already")]
    AlreadyRunning,
    /// The system refused something.
    #[error("the system refused an operation")]
    Io(#[from] io::Error),
    /// Nobody receives what is sent.
    #[error("nobody receives the events")]
    ChannelSend,
    /// Somebody else receives, or nobody sends any more.
    #[error("the events are received elsewhere")]
    ChannelRecv,
    /// A promise of the adapter itself is broken.
    #[error("internal error: {0}")]
    Internal(String),
}

impl AdapterError {
    /// Whether the same call may succeed later without anything being changed.
    ///
    /// Limits on observers count: they are shared with every other program of the user.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::SpawnFailed { retryable, .. } => *retryable,
            Self::Io(error) => {
                use io::ErrorKind::{Interrupted, ResourceBusy, TimedOut, WouldBlock};
                matches!(error.kind(), Interrupted | ResourceBusy | TimedOut | WouldBlock)
            }
            Self::WatcherError(_) => true,
            _ => false,
        }
    }

    /// Whether this adapter is of no more use as it is. Never together with [`is_transient`](Self::is_transient).
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::SpawnFailed { retryable, .. } => !*retryable,
            Self::UnexpectedExit(_) | Self::WatchPathFailed { .. } | Self::ConfigError(_) | Self::Internal(_) => true,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_pass_or_stay_or_are_the_fault_of_the_caller() {
        let check = |error: AdapterError, transient, fatal| {
            assert_eq!((error.is_transient(), error.is_fatal()), (transient, fatal), "{error}");
        };
        let spawn = |retryable| AdapterError::SpawnFailed { reason: "no".to_owned(), retryable };
        check(spawn(true), true, false);
        check(spawn(false), false, true);
        check(AdapterError::UnexpectedExit("lost".to_owned()), false, true);
        check(AdapterError::WatcherError("too many".to_owned()), true, false);
        check(AdapterError::WatchPathFailed { path: "/a".into(), reason: "none".to_owned() }, false, true);
        check(AdapterError::ConfigError("none".to_owned()), false, true);
        check(AdapterError::NotRunning, false, false);
        check(AdapterError::AlreadyRunning, false, false);
        check(AdapterError::Io(io::ErrorKind::TimedOut.into()), true, false);
        check(AdapterError::Io(io::ErrorKind::PermissionDenied.into()), false, false);
        check(AdapterError::ChannelSend, false, false);
        check(AdapterError::ChannelRecv, false, false);
        check(AdapterError::Internal("bug".to_owned()), false, true);
    }
}
