use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{fs, io};

use chrono::{DateTime, Utc};

use super::{LogRotationConfig, RotationMode};

/// How full a file is, and since when.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Fill {
    pub(super) size: u64,
    /// The how many-th day or hour it belongs to.
    period: i64,
}

impl Fill {
    /// Of a file with so much in it, last written then.
    pub(super) fn new(size: u64, rotation: Option<&LogRotationConfig>, at: DateTime<Utc>) -> Self {
        Self { size, period: rotation.map_or(0, |rotation| period(rotation.mode, at)) }
    }

    /// Whether what comes now goes into a new file.
    pub(super) fn is_due(&mut self, rotation: &LogRotationConfig, at: DateTime<Utc>) -> bool {
        let now = period(rotation.mode, at);
        if self.size == 0 || now < self.period.saturating_sub(1) {
            // Of a clock that was far ahead nothing is left; one that goes back a little cuts nothing twice.
            self.period = now;
        }
        self.size > 0 && (self.size >= rotation.max_size || now > self.period)
    }

    /// How much more goes into the file before that is asked again; at least a byte.
    pub(super) fn room(&self, rotation: &LogRotationConfig, at: DateTime<Utc>) -> u64 {
        if self.size > 0 && period(rotation.mode, at) > self.period {
            return 1;
        }
        rotation.max_size.saturating_sub(self.size).max(1)
    }
}

fn period(mode: RotationMode, at: DateTime<Utc>) -> i64 {
    match mode {
        RotationMode::Size => 0,
        RotationMode::Daily => at.timestamp().div_euclid(24 * 60 * 60),
        RotationMode::Hourly => at.timestamp().div_euclid(60 * 60),
    }
}

/// The name of the `number`-th old file.
pub(super) fn piece(path: &Path, number: u32, compressed: bool) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".{number}"));
    if compressed {
        name.push(".gz");
    }
    PathBuf::from(name)
}

fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Gives every old file the next number, and the file itself the first. The oldest goes if there are too many.
///
/// Only files up to the first number that is free are moved, so trying again after a failure loses nothing.
pub(super) fn shift(path: &Path, max_files: u32) -> io::Result<()> {
    if max_files == 0 {
        return fs::remove_file(path);
    }
    let mut free = 1;
    while free <= max_files && (is_there(&piece(path, free, false)) || is_there(&piece(path, free, true))) {
        free += 1;
    }
    if free > max_files {
        for compressed in [false, true] {
            match fs::remove_file(piece(path, max_files, compressed)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        free = max_files;
    }
    for number in (1..free).rev() {
        for compressed in [false, true] {
            match fs::rename(piece(path, number, compressed), piece(path, number + 1, compressed)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    fs::rename(path, piece(path, 1, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let content = fs::read_to_string(entry.path()).unwrap();
                format!("{}={content}", entry.file_name().to_str().unwrap())
            })
            .collect();
        names.sort();
        names
    }

    fn filled(files: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            fs::write(folder.path().join(name), content).unwrap();
        }
        let path = folder.path().join("f");
        (folder, path)
    }

    #[test]
    fn files_move_up_and_the_oldest_goes() {
        let (folder, path) = filled(&[("f", "0"), ("f.1", "1"), ("f.2.gz", "2"), ("f.3", "3"), ("f.4", "other")]);
        shift(&path, 3).unwrap();
        assert_eq!(names(folder.path()), ["f.1=0", "f.2=1", "f.3.gz=2", "f.4=other"]);
        fs::write(&path, "x").unwrap();
        shift(&path, 3).unwrap();
        assert_eq!(names(folder.path()), ["f.1=x", "f.2=0", "f.3=1", "f.4=other"]);
    }

    #[test]
    fn a_number_that_is_free_is_used() {
        let (folder, path) = filled(&[("f", "0"), ("f.1", "1"), ("f.3", "3")]);
        shift(&path, 3).unwrap();
        assert_eq!(names(folder.path()), ["f.1=0", "f.2=1", "f.3=3"]);
    }

    #[test]
    fn without_old_files_the_file_goes() {
        let (folder, path) = filled(&[("f", "0"), ("f.1", "1")]);
        shift(&path, 0).unwrap();
        assert_eq!(names(folder.path()), ["f.1=1"]);
    }

    #[test]
    fn a_failure_moves_nothing_that_is_newer() {
        let (folder, path) = filled(&[("f", "0"), ("f.1", "1"), ("f.2", "2")]);
        fs::create_dir(folder.path().join("f.3")).unwrap();
        for _ in 0..3 {
            shift(&path, 3).unwrap_err();
        }
        for name in ["f", "f.1", "f.2"] {
            assert!(folder.path().join(name).exists(), "{name}");
        }
    }

    #[test]
    fn days_and_hours_end_in_utc() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        for (mode, from, to, due) in [
            (RotationMode::Daily, "2026-01-01T23:59:59Z", "2026-01-02T00:00:00Z", true),
            (RotationMode::Daily, "2026-01-01T00:00:00Z", "2026-01-01T23:59:59Z", false),
            (RotationMode::Daily, "2026-01-02T00:00:00Z", "2026-01-01T23:59:59Z", false),
            (RotationMode::Hourly, "2026-01-01T10:59:59Z", "2026-01-01T11:00:00Z", true),
            (RotationMode::Hourly, "2026-01-01T10:00:00Z", "2026-01-01T10:59:59Z", false),
            (RotationMode::Size, "2026-01-01T10:00:00Z", "2027-01-01T10:59:59Z", false),
        ] {
            let rotation = LogRotationConfig { mode, ..LogRotationConfig::default() };
            assert_eq!(Fill::new(1, Some(&rotation), at(from)).is_due(&rotation, at(to)), due, "{from} {to}");
            assert!(!Fill::new(0, Some(&rotation), at(from)).is_due(&rotation, at(to)), "nothing is in it");
        }
    }

    #[test]
    fn a_clock_that_was_far_ahead_is_forgotten() {
        let rotation = LogRotationConfig { mode: RotationMode::Daily, ..LogRotationConfig::default() };
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let mut fill = Fill::new(1, Some(&rotation), at("2099-01-01T00:00:00Z"));
        assert!(!fill.is_due(&rotation, at("2026-01-01T00:00:00Z")));
        assert!(fill.is_due(&rotation, at("2026-01-02T00:00:00Z")));
    }
}
