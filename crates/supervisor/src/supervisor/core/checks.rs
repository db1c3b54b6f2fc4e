use std::time::{Duration, Instant};

use crate::health::{HealthCheckConfig, HealthStatus};

/// The checks of one run: when the next is due, and what those before it amount to.
#[derive(Debug)]
pub(super) struct Checks {
    config: HealthCheckConfig,
    status: HealthStatus,
    begun: Instant,
    next: Option<Instant>,
    checking: bool,
    /// Consecutive ones; the two exclude each other.
    failures: u32,
    successes: u32,
    ever_succeeded: bool,
}

impl Checks {
    pub(super) fn new(config: HealthCheckConfig, now: Instant) -> Self {
        let next = now.checked_add(config.initial_delay);
        Self {
            config,
            status: HealthStatus::Unknown,
            begun: now,
            next,
            checking: false,
            failures: 0,
            successes: 0,
            ever_succeeded: false,
        }
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.next.filter(|_| !self.checking)
    }

    /// Begins a check if one is due. The next one is due an interval after the beginning of this one.
    pub(super) fn begin(&mut self, now: Instant) -> bool {
        if self.due().is_none_or(|due| due > now) {
            return false;
        }
        self.checking = true;
        let start = self.config.start_interval.unwrap_or(self.config.interval.min(Duration::from_secs(1)));
        self.next = now.checked_add(if self.ever_succeeded { self.config.interval } else { start });
        true
    }

    pub(super) fn record(&mut self, healthy: bool, now: Instant) -> HealthStatus {
        self.checking = false;
        if healthy {
            self.ever_succeeded = true;
            self.failures = 0;
            self.successes = self.successes.saturating_add(1);
            if self.successes >= self.config.healthy_threshold {
                self.status = HealthStatus::Healthy;
            }
        } else if self.ever_succeeded || now.saturating_duration_since(self.begun) >= self.config.start_period {
            self.successes = 0;
            self.failures = self.failures.saturating_add(1);
            if self.failures >= self.config.unhealthy_threshold {
                self.status = HealthStatus::Unhealthy;
            }
        }
        self.status
    }
}
