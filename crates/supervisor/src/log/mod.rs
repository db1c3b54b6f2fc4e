//! Where the output of a process goes.
//!
//! [`open`] makes everything that one run of one instance needs: an [`OutputWriter`] per output for whoever reads the pipes,
//! and [`OutputLines`] for whoever wants to look. What comes is made unreadable where it has to be, and then goes three ways:
//!
//! - to the files, without loss. A file that takes its time makes the writer wait, and so the process; one that cannot be
//!   written at all makes nobody wait, and what does not fit into memory meanwhile is counted as lost.
//! - to the end that is kept in memory, [`OutputLines::tail`].
//! - to receivers of lines, [`OutputLines::subscribe`], which lose what they do not take in time, and know how much.
//!
//! Files are written by a thread per disk, however many there are, so that a slow disk holds up only what is on it. One more
//! compresses. Both are there only while there is something for them.

mod compress;
mod config;
mod disk;
mod event;
mod file;
mod files;
mod format;
mod lane;
mod lines;
mod manager;
mod output;
mod path;
mod query;
mod rotation;
pub(crate) mod size;
mod split;
mod tail;
mod turn;
mod writer;

pub use config::{LogConfig, LogRotationConfig, Redact, RotationMode};
pub use event::{LogEvent, LogEvents};
pub use files::{LogFiles, reopen_logs};
pub use lines::{LineMatch, LineReceiver, OutputLines, Received};
pub use manager::LogManager;
pub use output::{OutputCounts, OutputOptions, OutputWriter, Outputs, open, paths};
pub use query::{LogQuery, LogReceiver};

/// Tells the time, UTC. Only stamps and the days and hours of files depend on it.
pub type Clock = std::sync::Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

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
#[non_exhaustive]
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
    /// The file cannot be written.
    #[error("could not write log file `{}`", path.display())]
    WriteFailed {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process writes to the file.
    #[error("log file `{}` is that of another process", path.display())]
    InUse {
        /// Which.
        path: PathBuf,
    },
    /// The settings contradict each other.
    #[error("{0}")]
    Invalid(String),
}

#[cfg(test)]
mod tests;
