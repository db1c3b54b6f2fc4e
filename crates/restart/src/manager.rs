use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::jitter::Random;
use crate::{Ended, Intensity, RestartConfig, RestartDecision, RestartEntry, RestartPolicy, StayReason};

/// Decides after each end of one thing whether it is started again, and when.
///
/// It knows no clock: whoever uses it hands in the time, always of the same monotonic clock. A start that failed is an
/// end after an uptime of zero.
///
/// Once it gave up it stays so: only [`reset`](Self::reset), which belongs to every start by hand, a trial run
/// ([`begin_trial`](Self::begin_trial)) that proves itself, or [`record_success`](Self::record_success) ends that.
///
/// ```
/// use std::time::{Duration, Instant};
/// use perilune_restart::{Ended, RestartConfig, RestartDecision, RestartManager, StayReason};
///
/// let now = Instant::now();
/// let mut restarts = RestartManager::new(RestartConfig { max_restarts: 1, ..RestartConfig::default() });
/// let first = restarts.decide(&Ended::code(1), Duration::ZERO, now);
/// assert_eq!(first, RestartDecision::Restart { attempt: 1, delay: Duration::from_secs(1) });
/// let second = restarts.decide(&Ended::signal(11), Duration::from_secs(2), now + Duration::from_secs(3));
/// let window = Some(Duration::from_secs(60));
/// assert_eq!(second, RestartDecision::Stay(StayReason::GaveUp { count: 1, window }));
/// ```
#[derive(Clone, Debug)]
pub struct RestartManager {
    config: RestartConfig,
    random: Option<Random>,
    intensity: Intensity,
    /// What is still in the window, oldest first; at most [`HISTORY`].
    history: VecDeque<RestartEntry>,
    /// Ends in a row that called for a restart.
    consecutive: u32,
    circuit: Circuit,
}

#[derive(Clone, Copy, Debug)]
enum Circuit {
    Closed,
    GaveUp {
        at: Instant,
        why: StayReason,
    },
    /// After giving up, one run to see whether it is better now.
    Trial {
        why: StayReason,
    },
}

/// The most entries a history has.
const HISTORY: usize = 1000;

impl RestartManager {
    /// Delays have no jitter without a source of randomness: see [`seeded`](Self::seeded).
    pub fn new(config: RestartConfig) -> Self {
        let intensity = Intensity::new(config.max_restarts, config.restart_window);
        let history = VecDeque::new();
        Self { config, random: None, intensity, history, consecutive: 0, circuit: Circuit::Closed }
    }

    /// With jitter that follows from `seed`. Things that may fail together want different ones.
    pub fn seeded(config: RestartConfig, seed: u64) -> Self {
        Self { random: Some(Random::new(seed)), ..Self::new(config) }
    }

    /// What to do now that a run of `uptime` has ended. Counts the restart, if it is one.
    ///
    /// An uptime of at least [`min_uptime`](RestartConfig::min_uptime) is a success first: this end is the first of a
    /// new row.
    pub fn decide(&mut self, ended: &Ended, uptime: Duration, now: Instant) -> RestartDecision {
        if uptime >= self.config.min_uptime {
            self.record_success();
        }
        if let Some(reason) = self.unwanted(ended) {
            return RestartDecision::Stay(reason);
        }
        if let Some(reason) = self.too_much(ended, now) {
            self.circuit = Circuit::GaveUp { at: now, why: reason };
            return RestartDecision::Stay(reason);
        }
        let delay = self.restart(ended, uptime, now);
        RestartDecision::Restart { attempt: self.consecutive, delay }
    }

    /// Whether an end with this exit code, at this time and after a short run, would be followed by a restart.
    pub fn should_restart(&self, exit_code: Option<i32>, now: Instant) -> bool {
        let ended = Ended { code: exit_code, signal: None, retryable: true };
        self.unwanted(&ended).is_none() && self.too_much(&ended, now).is_none()
    }

    /// Counts a restart that was decided elsewhere, limits or not, and gives the delay before it.
    pub fn record_restart(&mut self, exit_code: Option<i32>, uptime: Duration, now: Instant) -> Duration {
        if uptime >= self.config.min_uptime {
            self.record_success();
        }
        self.restart(&Ended { code: exit_code, signal: None, retryable: true }, uptime, now)
    }

    /// A run reached its minimal uptime: forgets the failures before it, also that it gave up.
    ///
    /// Meant for the moment when that happens; [`decide`](Self::decide) makes up for it if nobody looked.
    pub fn record_success(&mut self) {
        self.reset();
    }

    /// Starts afresh, as a start by hand does.
    pub fn reset(&mut self) {
        self.intensity.clear();
        self.history.clear();
        self.consecutive = 0;
        self.circuit = Circuit::Closed;
    }

    /// How many automatic restarts are in the window; no more than 1,000 if there is no limit.
    pub fn restart_count(&self, now: Instant) -> usize {
        self.intensity.count(now)
    }

    /// Whether a failure now would be given up for the number of restarts before it, or because that has happened
    /// already.
    pub fn is_circuit_open(&self, now: Instant) -> bool {
        !matches!(self.circuit, Circuit::Closed) || self.intensity.is_full(now)
    }

    /// Whether it gave up and waits for somebody to start it, or for a trial.
    pub fn has_given_up(&self) -> bool {
        matches!(self.circuit, Circuit::GaveUp { .. })
    }

    /// When one more run may be tried after giving up. `None` if it did not give up, if there is no
    /// [`circuit_reset`](RestartConfig::circuit_reset), or if that is further away than time is counted.
    pub fn trial_at(&self) -> Option<Instant> {
        match self.circuit {
            Circuit::GaveUp { at, .. } => at.checked_add(self.config.circuit_reset?),
            _ => None,
        }
    }

    /// Takes the trial run if its time has come. Says false, and changes nothing, if it has not.
    ///
    /// If that run fails it is given up again, and the next trial is as far away as the first was. If it reaches its
    /// minimal uptime all is forgotten. If it ends well before that, nothing more is tried.
    pub fn begin_trial(&mut self, now: Instant) -> bool {
        let due = self.trial_at().is_some_and(|at| at <= now);
        if let Circuit::GaveUp { why, .. } = self.circuit
            && due
        {
            self.circuit = Circuit::Trial { why };
        }
        due
    }

    /// The automatic restarts that were counted, oldest first: none that had left the window when the last one came,
    /// and at most 1,000.
    pub fn history(&self) -> &VecDeque<RestartEntry> {
        &self.history
    }

    /// What it decides by.
    pub fn config(&self) -> &RestartConfig {
        &self.config
    }

    /// Why this end is not followed by a restart, however seldom it happens.
    fn unwanted(&self, ended: &Ended) -> Option<StayReason> {
        let prevented = ended.code.is_some_and(|code| self.config.prevent_exit_codes.contains(&code));
        match self.config.policy {
            RestartPolicy::Temporary => Some(StayReason::PolicyNever),
            _ if prevented => Some(StayReason::PreventedCode),
            RestartPolicy::Transient if !self.config.restart_on_success && self.config.is_success(ended) => {
                Some(StayReason::CleanExit)
            }
            _ => None,
        }
    }

    /// Why there has to be an end to restarts now.
    fn too_much(&self, ended: &Ended, now: Instant) -> Option<StayReason> {
        if let Circuit::GaveUp { why, .. } | Circuit::Trial { why } = self.circuit {
            return Some(why);
        }
        let in_a_row = self.config.max_consecutive.is_some_and(|most| self.consecutive.saturating_add(1) >= most);
        if in_a_row || (!ended.retryable && !self.config.is_success(ended)) {
            return Some(StayReason::GaveUp { count: self.consecutive as usize, window: None });
        }
        let window = Some(self.config.restart_window);
        self.intensity.is_full(now).then(|| StayReason::GaveUp { count: self.intensity.count(now), window })
    }

    fn restart(&mut self, ended: &Ended, uptime: Duration, now: Instant) -> Duration {
        self.consecutive = self.consecutive.saturating_add(1);
        let delay = self.config.backoff.delay_for_attempt(self.consecutive);
        let random = self.random.as_mut().map_or(0.5, Random::fraction);
        let delay = self.config.jittered(delay, random);
        self.intensity.record(now);
        let window = self.config.restart_window;
        self.history.retain(|entry| now.saturating_duration_since(entry.at) <= window);
        if self.history.len() >= HISTORY {
            self.history.pop_front();
        }
        let (exit_code, signal) = (ended.code, ended.signal);
        self.history.push_back(RestartEntry { at: now, exit_code, signal, uptime, delay });
        delay
    }
}
