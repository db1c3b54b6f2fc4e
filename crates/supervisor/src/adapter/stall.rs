use std::time::{Duration, Instant};

use super::StallConfig;

/// Knows how long there was no activity. Holds no clock.
#[derive(Debug, Clone)]
pub(super) struct StallDetector {
    threshold: Option<Duration>,
    max: u32,
    active: Instant,
    /// From when on the next stall is counted.
    since: Instant,
    count: u32,
}

/// There was no activity for another threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stall {
    pub(super) idle: Duration,
    pub(super) threshold: Duration,
    pub(super) count: u32,
    /// Whether that is the last that is put up with.
    pub(super) limit: bool,
}

impl StallDetector {
    pub(super) fn new(config: &StallConfig, now: Instant) -> Self {
        let threshold = config.enabled.then_some(config.threshold);
        Self { threshold, max: config.max_stalls, active: now, since: now, count: 0 }
    }

    /// Something was seen. Returns how long the stall was that this ends.
    pub(super) fn activity(&mut self, now: Instant) -> Option<Duration> {
        let stalled = std::mem::take(&mut self.count) > 0;
        let idle = now.saturating_duration_since(self.active);
        (self.active, self.since) = (now, now);
        stalled.then_some(idle)
    }

    /// When to check again; `None` for never.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.since.checked_add(self.threshold?)
    }

    /// Whether the time for another stall is over. However late that is asked, it is one.
    pub(super) fn check(&mut self, now: Instant) -> Option<Stall> {
        let threshold = self.threshold?;
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return None;
        }
        self.since = now;
        self.count = self.count.saturating_add(1);
        let idle = now.saturating_duration_since(self.active);
        Some(Stall { idle, threshold, count: self.count, limit: self.max > 0 && self.count >= self.max })
    }

    /// From now on there is nothing to wait for.
    pub(super) fn disable(&mut self) {
        self.threshold = None;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn config(threshold: u32, max_stalls: u32) -> StallConfig {
        StallConfig { enabled: true, threshold: SECOND * threshold, max_stalls }
    }

    #[test]
    fn stalls_are_counted_until_there_is_activity() {
        let start = Instant::now();
        let mut stall = StallDetector::new(&config(10, 2), start);
        assert_eq!(stall.deadline(), Some(start + SECOND * 10));
        assert_eq!(stall.check(start + SECOND * 9), None);
        let first = Stall { idle: SECOND * 10, threshold: SECOND * 10, count: 1, limit: false };
        assert_eq!(stall.check(start + SECOND * 10), Some(first));
        assert_eq!(stall.check(start + SECOND * 19), None);
        assert_eq!(stall.activity(start + SECOND * 19), Some(SECOND * 19));
        assert_eq!(stall.activity(start + SECOND * 20), None);
        assert_eq!(stall.check(start + SECOND * 30), Some(first));
        let second = Stall { idle: SECOND * 20, count: 2, limit: true, ..first };
        assert_eq!(stall.check(start + SECOND * 40), Some(second));
    }

    #[test]
    fn late_check_counts_once() {
        let start = Instant::now();
        let mut stall = StallDetector::new(&config(1, 5), start);
        let late = stall.check(start + SECOND * 100).unwrap();
        assert_eq!((late.count, late.idle, late.limit), (1, SECOND * 100, false));
        assert_eq!(stall.deadline(), Some(start + SECOND * 101));
    }

    #[test]
    fn without_it_there_is_no_deadline() {
        let start = Instant::now();
        let mut stall = StallDetector::new(&StallConfig { enabled: false, ..config(1, 1) }, start);
        assert_eq!((stall.deadline(), stall.check(start + SECOND * 100)), (None, None));
        let mut stall = StallDetector::new(&config(1, 0), start);
        assert!((1..100).all(|second| stall.check(start + SECOND * second).is_some_and(|stall| !stall.limit)));
        stall.disable();
        assert_eq!(stall.deadline(), None);
    }

    proptest! {
        #[test]
        fn count_is_how_many_thresholds_passed_since_activity(
            steps in prop::collection::vec((1_u32..30, any::<bool>()), 1..60),
        ) {
            let start = Instant::now();
            let mut stall = StallDetector::new(&config(10, 0), start);
            let (mut now, mut idle) = (0, 0);
            for (seconds, active) in steps {
                // Looked at every second, so that no check is late.
                for _ in 0..seconds {
                    (now, idle) = (now + 1, idle + 1);
                    let found = stall.check(start + SECOND * now);
                    prop_assert_eq!(found.map(|stall| stall.count), (idle % 10 == 0).then_some(idle / 10));
                }
                if active {
                    prop_assert_eq!(stall.activity(start + SECOND * now).is_some(), idle >= 10);
                    idle = 0;
                }
            }
        }
    }
}
