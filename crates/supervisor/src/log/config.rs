use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{LogError, size};

/// Where the output of a process goes, and in what form.
///
/// In paths, `{name}` and `{instance}` stand for those of the process. With several instances and no `{instance}`, each has
/// a file of its own, with the number before the extension.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// For the standard output.
    pub out_file: Option<PathBuf>,
    /// For the standard error output.
    pub err_file: Option<PathBuf>,
    /// For both, beside the files above.
    pub combined_file: Option<PathBuf>,
    /// Whether the process writes both to one pipe, so that their order is kept.
    pub merge_stderr: bool,
    /// When a new file is begun; never if `None`.
    pub rotation: Option<LogRotationConfig>,
    /// Whether lines begin with the time and the stream.
    pub timestamp: bool,
    /// In UTC.
    pub timestamp_format: String,
    /// How much of the end of each stream is kept in memory, in bytes; 0 for nothing.
    #[serde(with = "size")]
    pub tail_bytes: u64,
    /// Longer lines are split, in bytes.
    #[serde(with = "size")]
    pub max_line_bytes: u64,
    /// What is made unreadable.
    pub redact: Redact,
    /// Permissions of new files.
    pub file_mode: u32,
    /// Whether lines are JSON objects with time, name, instance, stream and text.
    pub json: bool,
}

/// What of the output is replaced before anybody sees it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Redact {
    /// Nothing.
    Off,
    /// Secrets that the process was given.
    #[default]
    Known,
    /// Those, and whatever looks like one.
    Patterns,
}

/// When a new file is begun and what becomes of the old ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogRotationConfig {
    /// How large a file becomes, in bytes, give or take a line.
    #[serde(with = "size")]
    pub max_size: u64,
    /// How many old files are kept.
    pub max_files: u32,
    /// Whether old files are compressed.
    pub compress: bool,
    /// What decides.
    pub mode: RotationMode,
}

/// What decides when a new file is begun.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RotationMode {
    /// The size.
    #[default]
    Size,
    /// Midnight, UTC; and the size.
    Daily,
    /// The full hour, UTC; and the size.
    Hourly,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            out_file: None,
            err_file: None,
            combined_file: None,
            merge_stderr: false,
            rotation: Some(LogRotationConfig::default()),
            timestamp: false,
            timestamp_format: "%Y-%m-%d %H:%M:%S%.3f".to_owned(),
            tail_bytes: 64 << 10,
            max_line_bytes: 64 << 10,
            redact: Redact::default(),
            file_mode: 0o640,
            json: false,
        }
    }
}

impl Default for LogRotationConfig {
    fn default() -> Self {
        Self { max_size: 10 << 20, max_files: 10, compress: false, mode: RotationMode::default() }
    }
}

impl LogConfig {
    /// Whether the parts fit together.
    pub fn validate(&self) -> Result<(), LogError> {
        Ok(())
    }
}
