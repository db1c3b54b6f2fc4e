//! Where the output of a process goes.

mod config;
pub(crate) mod size;

pub use config::{LogConfig, LogRotationConfig, Redact, RotationMode};

use std::io;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// One of the two outputs of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogStream {
    /// The standard output.
    Stdout,
    /// The standard error output.
    Stderr,
}

impl std::fmt::Display for LogStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        })
    }
}

/// A line that a process wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// When it was read.
    pub timestamp: DateTime<Utc>,
    /// Where it was written to.
    pub stream: LogStream,
    /// Who wrote it.
    pub process_name: String,
    /// Which instance of it.
    pub instance: u32,
    /// Without the end of the line.
    pub content: String,
}

/// Why output cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file cannot be opened.
    #[error("could not create log file `{}`", path.display())]
    CreateFailed {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file cannot be put aside.
    #[error("could not rotate log file `{}`", path.display())]
    RotationFailed {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The folder is not there and cannot be made.
    #[error("could not create log folder `{}`", path.display())]
    DirectoryNotFound {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The settings contradict each other.
    #[error("{0}")]
    Invalid(String),
}
