use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::ExitClassification;
use crate::log::LogStream;

/// Something that a program did, or that was done to it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AdapterEvent {
    /// One more than that of the event before in its session, from 0.
    pub sequence: u64,
    /// When, since 1970 in UTC. Never less than that of the event before, whatever is done to the clock of the system.
    pub timestamp_nanos: u64,
    /// Which session it belongs to.
    pub session_id: String,
    /// What.
    pub payload: AdapterPayload,
}

/// What an adapter can tell.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum AdapterPayload {
    /// The program runs. Always the first.
    ProcessStarted(ProcessStarted),
    /// It has come further.
    Progress {
        /// Which kind of sign there is of that.
        signal_type: String,
        /// In words.
        description: String,
    },
    /// A file or folder has changed, by whomever.
    FilesystemChange {
        /// Which, below the path that is observed as that was given.
        path: PathBuf,
        /// What became of it.
        change_type: ChangeType,
        /// How large it was when that was told; only of files that are there.
        size_bytes: Option<u64>,
    },
    /// It has shown no activity.
    StallDetected {
        /// For so long.
        #[serde(with = "perilune_restart::duration")]
        idle_duration: Duration,
        /// That is told whenever it lasts this much longer.
        #[serde(with = "perilune_restart::duration")]
        threshold: Duration,
        /// How often in a row.
        stall_count: u32,
    },
    /// Something about the observation itself.
    Diagnostic {
        /// How bad it is.
        severity: Severity,
        /// A fixed word to match on.
        category: String,
        /// In words.
        message: String,
        /// Details, by fixed names.
        context: BTreeMap<String, String>,
    },
    /// It has written a line.
    Output {
        /// Where to.
        stream: LogStream,
        /// Without its end; what is not UTF-8 is replaced. Very long lines come in pieces.
        line: String,
    },
    /// It has ended, and nothing is left of it. Always the last.
    ProcessExited(ProcessExited),
}

/// What runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProcessStarted {
    /// The number of its process.
    pub pid: u32,
    /// The program, as it was given.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Where it runs.
    pub working_dir: PathBuf,
    /// The variables it has, without the values of those whose names say that they hold secrets.
    pub env: BTreeMap<String, String>,
    /// Which kind of adapter observes it.
    pub adapter_type: String,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProcessExited {
    /// The number its process had.
    pub pid: u32,
    /// What it returned, if it ended by itself.
    pub exit_code: Option<i32>,
    /// The signal that ended it, if it did not.
    pub signal: Option<i32>,
    /// How long it ran.
    #[serde(with = "perilune_restart::duration")]
    pub uptime: Duration,
    /// In a word. One that was ended because it did nothing is [`ExitClassification::Timeout`].
    pub classification: ExitClassification,
}

/// What became of a file or folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ChangeType {
    /// It is new, or has replaced another.
    Created,
    /// Its content or what is known about it is another.
    Modified,
    /// It is gone.
    Removed,
    /// It has another name.
    Renamed {
        /// The former one.
        from: PathBuf,
    },
}

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Something is missing.
    Warning,
    /// Something does not work.
    Error,
}

impl AdapterPayload {
    /// Whether the session is not understood without it.
    pub(super) fn is_essential(&self) -> bool {
        matches!(self, Self::ProcessStarted(_) | Self::ProcessExited(_))
    }

    /// A warning with one detail.
    pub(super) fn warning(category: &str, message: String, name: &str, detail: impl ToString) -> Self {
        Self::Diagnostic {
            severity: Severity::Warning,
            category: category.to_owned(),
            message,
            context: BTreeMap::from([(name.to_owned(), detail.to_string())]),
        }
    }
}
