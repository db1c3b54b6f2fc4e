use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{CheckType, HealthCheckConfig, HealthCheckResult, HealthStatus};

/// Says when checks of one run are due and what their results mean. It makes no checks itself and has no clock.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use perilune_supervisor::health::{
///     CheckType, HealthChecker, HealthCheckConfig, HealthCheckResult, HealthStatus,
/// };
///
/// let config = HealthCheckConfig { check_type: CheckType::Liveness, unhealthy_threshold: 2, ..Default::default() };
/// let start = Instant::now();
/// let mut checker = HealthChecker::new(config, start);
/// assert!(checker.is_check_due(start));
///
/// let failed = || HealthCheckResult::unhealthy(Duration::ZERO, "no answer");
/// checker.check_started(start);
/// assert_eq!(checker.record_result(failed(), start), None);
/// let change = checker.record_result(failed(), start);
/// assert_eq!(change, Some((HealthStatus::Unknown, HealthStatus::Unhealthy)));
/// ```
#[derive(Debug, Clone)]
pub struct HealthChecker {
    config: HealthCheckConfig,
    /// When the run began.
    began: Instant,
    status: HealthStatus,
    /// In a row. One of them is always 0.
    successes: u32,
    failures: u32,
    succeeded_once: bool,
    /// When the newest check started.
    started: Option<Instant>,
    in_flight: bool,
    history: VecDeque<HealthCheckResult>,
}

/// So many results are kept.
const HISTORY: usize = 100;
/// The longest interval before the first success, unless the settings say otherwise.
const START_INTERVAL: Duration = Duration::from_secs(1);

impl HealthChecker {
    /// For a run that began at `now`.
    #[must_use]
    pub fn new(config: HealthCheckConfig, now: Instant) -> Self {
        Self {
            config,
            began: now,
            status: HealthStatus::Unknown,
            successes: 0,
            failures: 0,
            succeeded_once: false,
            started: None,
            in_flight: false,
            history: VecDeque::new(),
        }
    }

    /// What the checks say so far.
    #[must_use]
    pub fn status(&self) -> HealthStatus {
        match self.status {
            HealthStatus::Unknown if self.in_flight => HealthStatus::Checking,
            status => status,
        }
    }

    /// Whether one should be made now. Never while one is being made.
    #[must_use]
    pub fn is_check_due(&self, now: Instant) -> bool {
        self.next_check_in(now).is_some_and(|left| left.is_zero())
    }

    /// How long until one should be made; `None` if there is nothing to check, or one is being made.
    #[must_use]
    pub fn next_check_in(&self, now: Instant) -> Option<Duration> {
        if self.in_flight || self.config.check_type == CheckType::None {
            return None;
        }
        let left = |since: Instant, lasts: Duration| lasts.saturating_sub(now.saturating_duration_since(since));
        let first = left(self.began, self.config.initial_delay);
        let next = self.started.map_or(Duration::ZERO, |started| left(started, self.interval()));
        Some(first.max(next))
    }

    /// One is being made.
    pub fn check_started(&mut self, now: Instant) {
        self.started = Some(now);
        self.in_flight = true;
    }

    /// It was made, with that result. The answer is the status before and after, if the result changes it.
    ///
    /// A failure counts unless its check started in the start period, and that ends with the first success.
    pub fn record_result(&mut self, result: HealthCheckResult, now: Instant) -> Option<(HealthStatus, HealthStatus)> {
        let started = if self.in_flight { self.started } else { None }.unwrap_or(now);
        self.in_flight = false;
        let healthy = result.healthy;
        if self.history.len() >= HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(result);

        if healthy {
            self.succeeded_once = true;
            self.failures = 0;
            self.successes = self.successes.saturating_add(1);
        } else {
            self.successes = 0;
            let forgiven =
                !self.succeeded_once && started.saturating_duration_since(self.began) < self.config.start_period;
            if !forgiven {
                self.failures = self.failures.saturating_add(1);
            }
        }
        let new = if healthy && self.successes >= self.config.healthy_threshold.max(1) {
            HealthStatus::Healthy
        } else if !healthy && self.failures >= self.config.unhealthy_threshold.max(1) {
            HealthStatus::Unhealthy
        } else {
            return None;
        };
        let old = std::mem::replace(&mut self.status, new);
        (old != new).then_some((old, new))
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &HealthCheckConfig {
        &self.config
    }

    /// The newest 100 results, the oldest of them first.
    #[must_use]
    pub fn history(&self) -> &VecDeque<HealthCheckResult> {
        &self.history
    }

    /// For the next run, which begins at `now`.
    pub fn reset(&mut self, now: Instant) {
        let config = std::mem::take(&mut self.config);
        *self = Self::new(config, now);
    }

    fn interval(&self) -> Duration {
        if self.succeeded_once {
            return self.config.interval;
        }
        self.config.start_interval.unwrap_or_else(|| self.config.interval.min(START_INTERVAL))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn config() -> HealthCheckConfig {
        HealthCheckConfig { check_type: CheckType::Liveness, ..HealthCheckConfig::default() }
    }

    fn result(healthy: bool) -> HealthCheckResult {
        if healthy { HealthCheckResult::healthy(SECOND) } else { HealthCheckResult::unhealthy(SECOND, "no") }
    }

    fn feed(checker: &mut HealthChecker, results: &str, now: Instant) -> Vec<(HealthStatus, HealthStatus)> {
        results.chars().filter_map(|c| checker.record_result(result(c == '+'), now)).collect()
    }

    #[test]
    fn nothing_is_known_at_first() {
        let now = Instant::now();
        let mut checker = HealthChecker::new(config(), now);
        assert_eq!(checker.status(), HealthStatus::Unknown);
        checker.check_started(now);
        assert_eq!(checker.status(), HealthStatus::Checking);
        checker.record_result(result(false), now);
        assert_eq!(checker.status(), HealthStatus::Unknown);
    }

    #[test]
    fn status_changes_exactly_at_the_thresholds() {
        use HealthStatus::{Healthy, Unhealthy, Unknown};
        let now = Instant::now();
        let config = HealthCheckConfig { unhealthy_threshold: 3, healthy_threshold: 2, ..config() };
        let mut checker = HealthChecker::new(config, now);
        assert_eq!(feed(&mut checker, "+", now), []);
        assert_eq!(feed(&mut checker, "+", now), [(Unknown, Healthy)]);
        assert_eq!(feed(&mut checker, "+--+--+--", now), []);
        assert_eq!(feed(&mut checker, "-", now), [(Healthy, Unhealthy)]);
        assert_eq!(feed(&mut checker, "----+-+", now), []);
        assert_eq!(feed(&mut checker, "+", now), [(Unhealthy, Healthy)]);
    }

    #[test]
    fn failures_of_the_start_period_do_not_count_until_the_first_success() {
        let start = Instant::now();
        let config = HealthCheckConfig { unhealthy_threshold: 2, start_period: SECOND * 10, ..config() };
        let mut checker = HealthChecker::new(config.clone(), start);
        assert_eq!(feed(&mut checker, "-----", start + SECOND * 9), []);
        assert_eq!(feed(&mut checker, "-", start + SECOND * 10), []);
        assert_eq!(feed(&mut checker, "-", start + SECOND * 10).len(), 1);

        let mut checker = HealthChecker::new(config, start);
        assert_eq!(feed(&mut checker, "---+--", start + SECOND).len(), 2);
        assert_eq!(checker.status(), HealthStatus::Unhealthy);
    }

    #[test]
    fn check_belongs_to_the_moment_it_started() {
        let start = Instant::now();
        let config = HealthCheckConfig { unhealthy_threshold: 1, start_period: SECOND * 10, ..config() };
        let mut checker = HealthChecker::new(config, start);
        checker.check_started(start + SECOND * 9);
        assert_eq!(checker.record_result(result(false), start + SECOND * 14), None);
        checker.check_started(start + SECOND * 10);
        assert!(checker.record_result(result(false), start + SECOND * 10).is_some());
    }

    #[test]
    fn checks_are_an_interval_apart_from_start_to_start_and_never_overlap() {
        let start = Instant::now();
        let config = HealthCheckConfig { interval: SECOND * 30, initial_delay: SECOND * 5, ..config() };
        let mut checker = HealthChecker::new(config, start);
        assert!(!checker.is_check_due(start + SECOND * 4));
        assert_eq!(checker.next_check_in(start + SECOND * 4), Some(SECOND));
        assert!(checker.is_check_due(start + SECOND * 5));
        checker.check_started(start + SECOND * 5);
        assert!(!checker.is_check_due(start + SECOND * 1000));
        assert_eq!(checker.next_check_in(start), None);
        checker.record_result(result(true), start + SECOND * 9);
        assert!(!checker.is_check_due(start + SECOND * 34));
        assert!(checker.is_check_due(start + SECOND * 35));
    }

    #[test]
    fn interval_is_shorter_until_the_first_success() {
        let start = Instant::now();
        let next = |interval, start_interval| {
            let config = HealthCheckConfig { interval, start_interval, ..config() };
            let mut checker = HealthChecker::new(config, start);
            let after = |checker: &mut HealthChecker, healthy| {
                checker.check_started(start);
                checker.record_result(result(healthy), start);
                checker.next_check_in(start)
            };
            let before = after(&mut checker, false);
            (before, after(&mut checker, true), after(&mut checker, false))
        };
        let whole = Some(SECOND * 30);
        assert_eq!(next(SECOND * 30, None), (Some(SECOND), whole, whole));
        assert_eq!(next(SECOND * 30, Some(SECOND * 3)), (Some(SECOND * 3), whole, whole));
        assert_eq!(next(SECOND / 2, None).0, Some(SECOND / 2));
    }

    #[test]
    fn no_check_is_never_due() {
        let now = Instant::now();
        let checker = HealthChecker::new(HealthCheckConfig::default(), now);
        assert!(!checker.is_check_due(now + SECOND * 1000));
    }

    #[test]
    fn newest_100_results_are_kept() {
        let now = Instant::now();
        let mut checker = HealthChecker::new(config(), now);
        for number in 0..250 {
            checker.record_result(result(true).with_details(number.to_string()), now);
        }
        let kept: Vec<_> = checker.history().iter().filter_map(|result| result.details.clone()).collect();
        let expected: Vec<_> = (150..250).map(|number| number.to_string()).collect();
        assert_eq!(kept, expected);
    }

    #[test]
    fn next_run_starts_afresh() {
        let start = Instant::now();
        let config = HealthCheckConfig { initial_delay: SECOND, ..config() };
        let mut checker = HealthChecker::new(config.clone(), start);
        checker.check_started(start);
        feed(&mut checker, "---", start);
        checker.reset(start + SECOND * 60);
        assert_eq!((checker.status(), checker.history().len()), (HealthStatus::Unknown, 0));
        assert_eq!(checker.config(), &config);
        assert!(!checker.is_check_due(start + SECOND * 60) && checker.is_check_due(start + SECOND * 61));
        assert_eq!(feed(&mut checker, "--", start), []);
    }

    #[test]
    fn longest_settings_never_overflow() {
        let now = Instant::now();
        let config = HealthCheckConfig {
            interval: Duration::MAX,
            initial_delay: Duration::MAX,
            start_period: Duration::MAX,
            start_interval: Some(Duration::MAX),
            unhealthy_threshold: u32::MAX,
            healthy_threshold: u32::MAX,
            ..config()
        };
        let mut checker = HealthChecker::new(config, now);
        assert!(!checker.is_check_due(now + SECOND));
        checker.check_started(now);
        assert_eq!(feed(&mut checker, "-+-+", now), []);
        assert!(!checker.is_check_due(now + SECOND));
    }

    proptest! {
        /// Looks at the whole past every time.
        #[test]
        fn thresholds_are_exact(results in proptest::collection::vec(any::<bool>(), 0..200), bad in 1u32..6, good in 1u32..6) {
            let now = Instant::now();
            let config = HealthCheckConfig { unhealthy_threshold: bad, healthy_threshold: good, ..config() };
            let mut checker = HealthChecker::new(config, now);
            let mut expected = HealthStatus::Unknown;
            for end in 1..=results.len() {
                let last = results[end - 1];
                let in_a_row = results[..end].iter().rev().take_while(|healthy| **healthy == last).count();
                let before = expected;
                if last && in_a_row >= good as usize {
                    expected = HealthStatus::Healthy;
                } else if !last && in_a_row >= bad as usize {
                    expected = HealthStatus::Unhealthy;
                }
                checker.check_started(now);
                let change = checker.record_result(result(last), now);
                prop_assert_eq!(change, (before != expected).then_some((before, expected)));
            }
        }
    }
}
