use std::path::PathBuf;

use chrono::format::{Item, StrftimeItems};
use serde::{Deserialize, Serialize};

use super::{LogError, size};

/// Where the output of a process goes, and in what form.
///
/// In paths, `{name}` and `{instance}` stand for those of the process. With several instances and no `{instance}`, each has
/// a file of its own, with the number before the extension.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table of log settings")]
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
#[serde(default, deny_unknown_fields, expecting = "a table of rotation settings")]
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
    /// Whether the parts fit together, and are within bounds.
    pub fn validate(&self) -> Result<(), LogError> {
        let wrong = |text: String| Err(LogError::Invalid(text));
        for (name, path) in
            [("out_file", &self.out_file), ("err_file", &self.err_file), ("combined_file", &self.combined_file)]
        {
            let Some(path) = path else { continue };
            if path.file_name().is_none() || path.as_os_str().as_encoded_bytes().ends_with(b"/") {
                return wrong(format!("`{name}` must name a file, and `{}` does not", path.display()));
            }
            if path.as_os_str().as_encoded_bytes().contains(&0) {
                return wrong(format!("`{name}` contains a NUL"));
            }
        }
        if let Some(rotation) = &self.rotation {
            if rotation.max_size == 0 {
                return wrong("`max_size` must be more than nothing".to_owned());
            }
            if rotation.max_files > MOST_FILES {
                return wrong(format!("`max_files` must be at most {MOST_FILES}"));
            }
        }
        if !(1..=LONGEST_LINE).contains(&self.max_line_bytes) {
            return wrong(format!("`max_line_bytes` must be from 1 to {LONGEST_LINE}"));
        }
        if self.tail_bytes > LONGEST_TAIL {
            return wrong(format!("`tail_bytes` must be at most {LONGEST_TAIL}"));
        }
        if self.file_mode & !0o777 != 0 || self.file_mode & 0o200 == 0 {
            return wrong(format!("`file_mode` {:#o} must be permissions, and let the owner write", self.file_mode));
        }
        let is_printable = !self.timestamp_format.contains(char::is_control);
        let is_bad = |item| matches!(item, Item::Error | Item::Space("\n" | "\t"));
        if !is_printable || StrftimeItems::new(&self.timestamp_format).any(is_bad) {
            return wrong(format!("`timestamp_format` {:?} is not one", self.timestamp_format));
        }
        Ok(())
    }
}

/// Old files are looked through one by one.
const MOST_FILES: u32 = 10_000;

/// A line is kept in memory until it is complete.
const LONGEST_LINE: u64 = 1 << 20;

const LONGEST_TAIL: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_within_bounds_are_good() {
        LogConfig::default().validate().unwrap();
        let rotation = Some(LogRotationConfig { max_size: 1, max_files: 0, ..LogRotationConfig::default() });
        LogConfig { rotation, out_file: Some("{name}.log".into()), tail_bytes: 0, ..LogConfig::default() }
            .validate()
            .unwrap();
    }

    #[test]
    fn settings_that_cannot_be_are_refused() {
        let rotation =
            |max_size, max_files| Some(LogRotationConfig { max_size, max_files, ..LogRotationConfig::default() });
        let base = LogConfig::default;
        for (config, text) in [
            (LogConfig { out_file: Some("a/".into()), ..base() }, "`out_file` must name a file, and `a/` does not"),
            (LogConfig { err_file: Some("..".into()), ..base() }, "`err_file` must name a file, and `..` does not"),
            (LogConfig { combined_file: Some("a\0b".into()), ..base() }, "`combined_file` contains a NUL"),
            (LogConfig { rotation: rotation(0, 1), ..base() }, "`max_size` must be more than nothing"),
            (LogConfig { rotation: rotation(1, 10_001), ..base() }, "`max_files` must be at most 10000"),
            (LogConfig { max_line_bytes: 0, ..base() }, "`max_line_bytes` must be from 1 to 1048576"),
            (LogConfig { max_line_bytes: 2 << 20, ..base() }, "`max_line_bytes` must be from 1 to 1048576"),
            (LogConfig { tail_bytes: 1 << 30, ..base() }, "`tail_bytes` must be at most 16777216"),
            (
                LogConfig { file_mode: 0o1640, ..base() },
                "`file_mode` 0o1640 must be permissions, and let the owner write",
            ),
            (
                LogConfig { file_mode: 0o440, ..base() },
                "`file_mode` 0o440 must be permissions, and let the owner write",
            ),
            (LogConfig { timestamp_format: "%Q".into(), ..base() }, "`timestamp_format` \"%Q\" is not one"),
            (LogConfig { timestamp_format: "%n".into(), ..base() }, "`timestamp_format` \"%n\" is not one"),
        ] {
            assert_eq!(config.validate().unwrap_err().to_string(), text);
        }
    }
}
