use std::fmt;
use std::time::{Duration, Instant, SystemTime};

/// How a run ended, as far as restarting goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The exit code. Whoever died by a signal, or could not be started, has none.
    pub code: Option<i32>,
    /// The signal it died by.
    pub signal: Option<i32>,
    /// Whether trying again could help. If not, a failure is given up at once.
    pub retryable: bool,
}

impl Ended {
    /// By an exit code.
    pub const fn code(code: i32) -> Self {
        Self { code: Some(code), signal: None, retryable: true }
    }

    /// By a signal.
    pub const fn signal(signal: i32) -> Self {
        Self { code: None, signal: Some(signal), retryable: true }
    }

    /// With neither: it could not be started, or it failed in a way that has no code.
    pub const fn failed() -> Self {
        Self { code: None, signal: None, retryable: true }
    }

    /// The same, and trying again is of no use.
    #[must_use]
    pub const fn for_good(mut self) -> Self {
        self.retryable = false;
        self
    }
}

/// What to do after an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartDecision {
    /// Start it again.
    Restart {
        /// The how manieth restart in a row this is, from 1. A run of at least the minimal uptime starts a new row.
        attempt: u32,
        /// How long to wait before.
        delay: Duration,
    },
    /// Leave it ended.
    Stay(StayReason),
}

/// Why something that ended is not started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StayReason {
    /// Its policy knows no restarts.
    PolicyNever,
    /// It succeeded, and only failures are followed by a restart.
    CleanExit,
    /// Its exit code forbids it.
    PreventedCode,
    /// It failed too often, or for good. From now on nothing restarts it until somebody says so.
    GaveUp {
        /// How many restarts were counted.
        count: usize,
        /// In which time. `None` if time did not matter: so many in a row were too many, or trying again is of no use.
        window: Option<Duration>,
    },
    /// It is not wanted. A manager knows no wishes and never answers this; whoever asks it does.
    DesiredDown,
}

impl fmt::Display for StayReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PolicyNever => f.write_str("its policy is never to restart"),
            Self::CleanExit => f.write_str("it succeeded"),
            Self::PreventedCode => f.write_str("its exit code forbids a restart"),
            Self::GaveUp { count, window } => {
                let plural = if *count == 1 { "" } else { "s" };
                write!(f, "gave up after {count} restart{plural}")?;
                match window {
                    Some(window) => write!(f, " in {}", humantime::format_duration(*window)),
                    None => Ok(()),
                }
            }
            Self::DesiredDown => f.write_str("it is not wanted"),
        }
    }
}

/// An automatic restart that still counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestartEntry {
    /// When it was decided, which is when the end before it was handled.
    pub at: Instant,
    /// The exit code of the run that ended.
    pub exit_code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// How long that run was.
    pub uptime: Duration,
    /// The wait that was decided.
    pub delay: Duration,
}

impl RestartEntry {
    /// [`at`](Self::at) for a person to read: `now` and `utc_now` are one moment on both clocks.
    ///
    /// By today's clock, so that entries stay in order and as far apart as they were even if the wall clock was set
    /// in between.
    pub fn at_utc(&self, now: Instant, utc_now: SystemTime) -> SystemTime {
        let age = now.saturating_duration_since(self.at);
        utc_now.checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH)
    }
}
