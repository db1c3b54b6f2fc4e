use std::time::{Duration, SystemTime};

/// A point on the monotonic clock of one scheduler, counted from its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

impl Instant {
    /// The point `since_start` after the scheduler's start.
    pub fn from_start(since_start: Duration) -> Self {
        Self(since_start)
    }

    /// Time since the scheduler's start.
    pub fn since_start(self) -> Duration {
        self.0
    }

    /// The point `delay` later; the end of time when that is out of range.
    pub fn after(self, delay: Duration) -> Self {
        Self(self.0.saturating_add(delay))
    }

    /// Time from `earlier` to this point; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// Where a scheduler gets the time from: the machine, or a test that decides when time passes.
pub trait Clock: Send + Sync {
    /// The present on the monotonic clock. Never goes back.
    fn now(&self) -> Instant;
    /// The present for people. May jump.
    fn wall(&self) -> SystemTime;
}
