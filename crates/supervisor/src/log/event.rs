use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{self, Receiver, Sender, error::TrySendError};

use crate::supervisor::EventKind;

/// So many wait for somebody to take them; more are dropped.
const WAITING: usize = 256;

/// How often somebody is told of the same trouble.
pub(super) const QUIET: Duration = Duration::from_secs(10);

/// Something about the log files of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogEvent {
    /// A new file was begun.
    Rotated {
        /// Which.
        path: PathBuf,
    },
    /// A file cannot be written or put aside. It is tried again every second; this is told every ten seconds at most.
    WriteFailed {
        /// Which.
        path: PathBuf,
        /// Why.
        error: String,
    },
    /// Output is lost for a file. More of it is told later, at the latest when the output ends.
    OutputLost {
        /// So much since this was told last.
        bytes: u64,
    },
}

impl From<LogEvent> for EventKind {
    fn from(event: LogEvent) -> Self {
        match event {
            LogEvent::Rotated { path } => Self::LogRotated { path: path.to_string_lossy().into_owned() },
            LogEvent::WriteFailed { path, error } => {
                Self::LogWriteFailed { path: path.to_string_lossy().into_owned(), error }
            }
            LogEvent::OutputLost { bytes } => Self::OutputLost { bytes },
        }
    }
}

/// The events of one instance, in order. If nobody takes them, the newest are dropped, but never the count of lost bytes.
#[derive(Debug)]
pub struct LogEvents {
    receiver: Receiver<LogEvent>,
}

impl LogEvents {
    /// The next one; `None` when the outputs have ended and everything is told. Cancelling loses nothing.
    pub async fn next(&mut self) -> Option<LogEvent> {
        self.receiver.recv().await
    }

    /// The next one, if it is there.
    pub fn try_next(&mut self) -> Option<LogEvent> {
        self.receiver.try_recv().ok()
    }
}

/// The other end.
#[derive(Debug)]
pub(super) struct Reporter {
    sender: Sender<LogEvent>,
    lost: AtomicU64,
    untold: AtomicU64,
    told_at: Mutex<Option<Instant>>,
}

impl Reporter {
    pub(super) fn new() -> (Self, LogEvents) {
        let (sender, receiver) = mpsc::channel(WAITING);
        let reporter = Self { sender, lost: AtomicU64::new(0), untold: AtomicU64::new(0), told_at: Mutex::new(None) };
        (reporter, LogEvents { receiver })
    }

    pub(super) fn tell(&self, event: LogEvent) {
        // Nobody has to listen.
        let _ = self.sender.try_send(event);
    }

    pub(super) fn lost(&self, bytes: u64) {
        self.lost.fetch_add(bytes, Ordering::Relaxed);
        self.untold.fetch_add(bytes, Ordering::Relaxed);
    }

    /// All that was lost so far.
    pub(super) fn all_lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Tells what was lost, unless that was told a moment ago. At the end it is told in any case.
    pub(super) fn tell_lost(&self, now: Instant, in_any_case: bool) {
        let mut told_at = self.told_at.lock().unwrap_or_else(PoisonError::into_inner);
        if !in_any_case && told_at.is_some_and(|at| now.saturating_duration_since(at) < QUIET) {
            return;
        }
        let bytes = self.untold.swap(0, Ordering::Relaxed);
        if bytes == 0 {
            return;
        }
        match self.sender.try_send(LogEvent::OutputLost { bytes }) {
            Err(TrySendError::Full(_)) => {
                self.untold.fetch_add(bytes, Ordering::Relaxed);
            }
            Ok(()) | Err(TrySendError::Closed(_)) => *told_at = Some(now),
        }
    }
}
