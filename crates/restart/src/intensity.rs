use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Counts what happens within a sliding window, up to a limit: the restarts of one thing, or those of everything a
/// supervisor looks after.
///
/// What is as old as the window still counts.
///
/// ```
/// use std::time::{Duration, Instant};
/// use perilune_restart::Intensity;
///
/// let start = Instant::now();
/// let mut intensity = Intensity::new(2, Duration::from_secs(60));
/// assert!(intensity.record(start) && intensity.record(start));
/// assert!(!intensity.record(start + Duration::from_secs(60)));
/// assert!(intensity.record(start + Duration::from_secs(61)));
/// ```
#[derive(Clone, Debug)]
pub struct Intensity {
    limit: u32,
    window: Duration,
    /// Ascending, and never more than the limit.
    at: VecDeque<Instant>,
}

/// The most that is remembered where there is no limit to compare it with.
const UNLIMITED_MEMORY: usize = 1000;

impl Intensity {
    /// At most `limit` within `window`. A limit of 0 is reached from the beginning, `u32::MAX` is none.
    pub fn new(limit: u32, window: Duration) -> Self {
        Self { limit, window, at: VecDeque::new() }
    }

    /// Counts one more if that keeps within the limit, else says false and counts nothing.
    ///
    /// A `now` before one that was handed in earlier is taken for that one.
    pub fn record(&mut self, now: Instant) -> bool {
        let now = self.at.back().map_or(now, |&last| last.max(now));
        self.forget(now);
        if self.is_full(now) {
            return false;
        }
        if self.limit == u32::MAX && self.at.len() >= UNLIMITED_MEMORY {
            self.at.pop_front();
        }
        self.at.push_back(now);
        true
    }

    /// How many count. Without a limit no more than 1,000 are remembered.
    pub fn count(&self, now: Instant) -> usize {
        let past = self.at.partition_point(|&at| !self.counts(at, now));
        self.at.len() - past
    }

    /// Whether the limit is reached.
    pub fn is_full(&self, now: Instant) -> bool {
        self.limit != u32::MAX && self.count(now) >= self.limit as usize
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.at.clear();
    }

    fn forget(&mut self, now: Instant) {
        while self.at.front().is_some_and(|&at| !self.counts(at, now)) {
            self.at.pop_front();
        }
    }

    fn counts(&self, at: Instant, now: Instant) -> bool {
        now.saturating_duration_since(at) <= self.window
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_that_goes_back_does_not_confuse_the_window() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let mut intensity = Intensity::new(2, 10 * second);
        assert!(intensity.record(start + 5 * second));
        assert!(intensity.record(start));
        assert!(!intensity.record(start));
        assert_eq!(intensity.count(start), 2);
        assert_eq!(intensity.count(start + 16 * second), 0);
        intensity.clear();
        assert!(!intensity.is_full(start));
    }

    #[test]
    fn a_limit_of_zero_is_reached_from_the_beginning() {
        let mut intensity = Intensity::new(0, Duration::ZERO);
        assert!(intensity.is_full(Instant::now()) && !intensity.record(Instant::now()));
    }
}
