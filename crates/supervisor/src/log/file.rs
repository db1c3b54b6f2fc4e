use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::disk::{Disk, Identity, Opened, append};
use super::rotation::{Fill, shift};
use super::{LogError, LogRotationConfig};

/// After a file could not be put aside, how long until that is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// One log file: appended to, put aside when it is full, opened again when somebody else has put it aside.
///
/// Everything here waits for the disk.
pub(super) struct LogFile {
    settings: Settings,
    disk: Arc<dyn Disk>,
    /// `None` if it could not be opened again.
    opened: Option<Opened>,
    fill: Fill,
    line_start: bool,
    /// Not put aside before, because that has just failed.
    not_before: Option<Instant>,
}

/// What does not change about a file.
pub(super) struct Settings {
    pub(super) path: PathBuf,
    pub(super) mode: u32,
    pub(super) rotation: Option<LogRotationConfig>,
    /// Held while old files get new names.
    pub(super) renaming: Arc<Mutex<()>>,
}

/// What came of writing.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// So many bytes are in the file.
    pub(super) count: usize,
    /// New files that were begun.
    pub(super) rotated: u32,
    /// Why a file could not be put aside. What was to be written was written nevertheless.
    pub(super) not_rotated: Option<LogError>,
    /// Why not everything is in the file.
    pub(super) error: Option<LogError>,
}

impl LogFile {
    /// `opened` is what is at the path.
    pub(super) fn new(mut settings: Settings, opened: Opened, disk: Arc<dyn Disk>, now: DateTime<Utc>) -> Self {
        settings.rotation = settings.rotation.filter(|_| opened.is_regular);
        let fill = Fill::default();
        let mut file = Self { settings, disk, opened: None, fill, line_start: true, not_before: None };
        file.adopt(opened, now);
        file
    }

    /// Whether what is written now begins a line.
    pub(super) fn line_start(&self) -> bool {
        self.line_start
    }

    /// Writes as much as it can. A new file is begun at the first end of a line at which this one is full.
    pub(super) fn write(&mut self, bytes: &[u8], now: DateTime<Utc>) -> Written {
        let mut written = Written::default();
        while let Some(rest) = bytes.get(written.count..).filter(|rest| !rest.is_empty()) {
            if let Err(error) = self.write_some(rest, now, &mut written) {
                written.error = Some(LogError::WriteFailed { path: self.settings.path.clone(), source: error });
                break;
            }
        }
        written
    }

    fn write_some(&mut self, rest: &[u8], now: DateTime<Utc>, written: &mut Written) -> io::Result<()> {
        if self.line_start && self.is_due(now) {
            match self.rotate(now) {
                Ok(true) => written.rotated += 1,
                Ok(false) => {}
                Err(error) => {
                    self.not_before = Instant::now().checked_add(PAUSE);
                    written.not_rotated =
                        Some(LogError::RotationFailed { path: self.settings.path.clone(), source: error });
                }
            }
        }
        if self.opened.is_none() {
            self.open(now)?;
        }
        let until = self.cut(rest, now);
        let Some(opened) = &mut self.opened else { return Err(io::ErrorKind::NotFound.into()) };
        let part = rest.get(..until).unwrap_or(rest);
        match self.disk.write(&mut opened.file, part) {
            Ok(0) => Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                self.fill.size = self.fill.size.saturating_add(count as u64);
                self.line_start = part.get(count.saturating_sub(1)) == Some(&b'\n');
                written.count += count;
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Looks whether the path still leads to the file that is written to, and opens what is there if not.
    pub(super) fn check(&mut self, now: DateTime<Utc>) -> Result<(), LogError> {
        match (&self.opened, Identity::of(&self.settings.path)) {
            (Some(opened), Ok(Some(there))) if there == opened.identity => return Ok(()),
            // As long as nobody knows what is there, what is open is good enough.
            (Some(_), Err(_)) => return Ok(()),
            _ => {}
        }
        // What is written to a file without a name is lost, and has to count as such.
        let reopened = self.reopen(now);
        if reopened.is_err() {
            self.opened = None;
        }
        reopened
    }

    /// Opens what is at the path now, and only then lets go of what was there.
    pub(super) fn reopen(&mut self, now: DateTime<Utc>) -> Result<(), LogError> {
        self.open(now).map_err(|source| LogError::CreateFailed { path: self.settings.path.clone(), source })
    }

    fn open(&mut self, now: DateTime<Utc>) -> io::Result<()> {
        let line_start = self.line_start;
        let opened = match append(&self.settings.path, self.settings.mode) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if let Some(folder) = self.settings.path.parent() {
                    fs::create_dir_all(folder)?;
                }
                append(&self.settings.path, self.settings.mode)?
            }
            other => other?,
        };
        let is_empty = opened.size == 0;
        self.adopt(opened, now);
        // The rest of a line is the rest of a line in another file, too.
        self.line_start = if is_empty { line_start } else { self.line_start };
        Ok(())
    }

    fn adopt(&mut self, opened: Opened, now: DateTime<Utc>) {
        let modified = opened.modified.map_or(now, DateTime::<Utc>::from);
        let since = if opened.size == 0 { now } else { modified };
        self.fill = Fill::new(opened.size, self.settings.rotation.as_ref(), since);
        self.line_start = opened.line_start;
        self.opened = Some(opened);
    }

    fn is_due(&mut self, now: DateTime<Utc>) -> bool {
        self.may_rotate() && self.settings.rotation.as_ref().is_some_and(|rotation| self.fill.is_due(rotation, now))
    }

    fn may_rotate(&self) -> bool {
        self.not_before.is_none_or(|at| at <= Instant::now())
    }

    /// How much of `rest` is written before it is time to ask whether the file is full.
    fn cut(&self, rest: &[u8], now: DateTime<Utc>) -> usize {
        let Some(rotation) = self.settings.rotation.as_ref().filter(|_| self.may_rotate()) else { return rest.len() };
        let room = usize::try_from(self.fill.room(rotation, now)).unwrap_or(usize::MAX);
        let Some(beyond) = rest.get(room - 1..) else { return rest.len() };
        memchr::memchr(b'\n', beyond).map_or(rest.len(), |at| room + at)
    }

    /// True if a new file was begun; false if somebody else had taken this one away.
    fn rotate(&mut self, now: DateTime<Utc>) -> io::Result<bool> {
        let Some(rotation) = &self.settings.rotation else { return Ok(false) };
        let is_ours = Identity::of(&self.settings.path)? == self.opened.as_ref().map(|opened| opened.identity);
        if is_ours {
            let _renaming = self.settings.renaming.lock().unwrap_or_else(PoisonError::into_inner);
            match shift(&self.settings.path, rotation.max_files) {
                // Taken away a moment ago, which is as good.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                other => other?,
            }
        }
        // What was put aside must not grow any more, whatever happens now.
        self.opened = None;
        self.open(now)?;
        Ok(is_ours)
    }
}
