use std::fmt;

use serde::{Deserialize, Serialize};

/// What one instance is at, from its start to its end.
///
/// A run goes one way only: `Starting`, `Running`, perhaps `Unhealthy`, `Stopping`, and one of the three ends. What has
/// ended begins again by a restart, at `Starting`. Whether an end was a failure depends on who wanted it: a process that was
/// asked to end has `Stopped`, whatever its code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProcessState {
    /// It runs, and has not yet shown that it is ready.
    Starting,
    /// It runs.
    Running,
    /// It runs, and fails its health check.
    Unhealthy,
    /// It was asked to end and has not yet done so.
    Stopping,
    /// It ended with code 0, or because it was asked to; or it never ran.
    Stopped {
        /// `None` if a signal ended it, or if it never ran.
        exit_code: Option<i32>,
    },
    /// It ended by itself, badly, or could not be started.
    Crashed {
        /// `None` if a signal ended it, or if it did not start.
        exit_code: Option<i32>,
    },
    /// It was killed: it did not obey in time, or nobody gave it time.
    Terminated,
}

impl ProcessState {
    /// Whether there is a process that nobody has asked to end.
    #[must_use]
    pub fn is_running(&self) -> bool {
        matches!(self, Self::Starting | Self::Running | Self::Unhealthy)
    }

    /// Whether there is no process. While it stops, neither this nor [`is_running`](Self::is_running) holds.
    #[must_use]
    pub fn has_exited(&self) -> bool {
        matches!(self, Self::Stopped { .. } | Self::Crashed { .. } | Self::Terminated)
    }

    /// The code it ended with, if it ended with one.
    #[must_use]
    pub fn exit_code(&self) -> Option<i32> {
        match self {
            Self::Stopped { exit_code } | Self::Crashed { exit_code } => *exit_code,
            _ => None,
        }
    }
}

impl fmt::Display for ProcessState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Unhealthy => "unhealthy",
            Self::Stopping => "stopping",
            Self::Stopped { .. } => "stopped",
            Self::Crashed { .. } => "crashed",
            Self::Terminated => "terminated",
        };
        match self.exit_code() {
            Some(code) => write!(f, "{word} (exit code: {code})"),
            None => f.write_str(word),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [(ProcessState, &str, &str); 9] = [
        (ProcessState::Starting, "starting", r#""Starting""#),
        (ProcessState::Running, "running", r#""Running""#),
        (ProcessState::Unhealthy, "unhealthy", r#""Unhealthy""#),
        (ProcessState::Stopping, "stopping", r#""Stopping""#),
        (ProcessState::Stopped { exit_code: None }, "stopped", r#"{"Stopped":{"exit_code":null}}"#),
        (ProcessState::Stopped { exit_code: Some(3) }, "stopped (exit code: 3)", r#"{"Stopped":{"exit_code":3}}"#),
        (ProcessState::Crashed { exit_code: None }, "crashed", r#"{"Crashed":{"exit_code":null}}"#),
        (ProcessState::Crashed { exit_code: Some(1) }, "crashed (exit code: 1)", r#"{"Crashed":{"exit_code":1}}"#),
        (ProcessState::Terminated, "terminated", r#""Terminated""#),
    ];

    #[test]
    fn states_have_their_words() {
        for (state, text, json) in ALL {
            assert_eq!(state.to_string(), text);
            assert_eq!(serde_json::to_string(&state).unwrap(), json);
            assert_eq!(serde_json::from_str::<ProcessState>(json).unwrap(), state);
        }
    }

    #[test]
    fn inv_0007_three_states_are_ends_and_stopping_is_neither() {
        for (state, ..) in ALL {
            let ended =
                matches!(state, ProcessState::Stopped { .. } | ProcessState::Crashed { .. } | ProcessState::Terminated);
            assert_eq!(state.has_exited(), ended, "{state}");
            assert_eq!(state.is_running(), !ended && state != ProcessState::Stopping, "{state}");
        }
    }
}
