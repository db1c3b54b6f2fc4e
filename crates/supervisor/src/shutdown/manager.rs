use std::time::{Duration, Instant};

use super::{ShutdownConfig, ShutdownError, ShutdownState, parse_signal};

/// Follows the shutdown of one run, step by step. It sends nothing and waits for nothing; whoever does says when.
///
/// A step that is not due in the state it is called in changes nothing and answers `false`.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use perilune_supervisor::shutdown::{ShutdownConfig, ShutdownManager, ShutdownState};
///
/// let mut shutdown = ShutdownManager::new(ShutdownConfig { timeout: Duration::from_secs(30), ..Default::default() });
/// let start = Instant::now();
/// assert!(shutdown.initiate(start));
/// assert_eq!(shutdown.state(), ShutdownState::GracefulShutdown);
/// assert!(!shutdown.has_timed_out(start + Duration::from_secs(29)));
/// assert!(shutdown.has_timed_out(start + Duration::from_secs(30)));
/// ```
#[derive(Debug, Clone)]
pub struct ShutdownManager {
    config: ShutdownConfig,
    state: ShutdownState,
    initiated: Option<Instant>,
    /// When the signal was due, which is when the grace began.
    signalled: Option<Instant>,
    /// When the grace was declared over.
    escalated: Option<Instant>,
    completed: Option<Instant>,
}

impl ShutdownManager {
    /// One for a run that nobody wants to end.
    #[must_use]
    pub fn new(config: ShutdownConfig) -> Self {
        Self {
            config,
            state: ShutdownState::Running,
            initiated: None,
            signalled: None,
            escalated: None,
            completed: None,
        }
    }

    /// How far it is.
    #[must_use]
    pub fn state(&self) -> ShutdownState {
        self.state
    }

    /// Whether it has begun and is not over.
    #[must_use]
    pub fn is_shutting_down(&self) -> bool {
        !matches!(self.state, ShutdownState::Running | ShutdownState::Completed)
    }

    /// The end is wanted. If there are commands to run first, run them and say when they are through with
    /// [`pre_shutdown_complete`](Self::pre_shutdown_complete); otherwise the signal is to be sent now, and the grace
    /// begins.
    pub fn initiate(&mut self, now: Instant) -> bool {
        if self.state != ShutdownState::Running {
            return false;
        }
        self.initiated = Some(now);
        if self.config.pre_shutdown_commands.is_empty() {
            self.signal_at(now);
        } else {
            self.state = ShutdownState::PreShutdown;
        }
        true
    }

    /// The commands are through, however they ended. The signal is to be sent now, and the grace begins.
    pub fn pre_shutdown_complete(&mut self, now: Instant) -> bool {
        if self.state != ShutdownState::PreShutdown {
            return false;
        }
        self.signal_at(now);
        true
    }

    /// Whether the grace is over without an end.
    #[must_use]
    pub fn has_timed_out(&self, now: Instant) -> bool {
        self.is_shutting_down() && passed(self.signalled, self.config.timeout, now)
    }

    /// The grace is declared over, even if it is not. Refused unless the settings allow to kill.
    pub fn initiate_force_kill(&mut self, now: Instant) -> bool {
        let waits = matches!(self.state, ShutdownState::PreShutdown | ShutdownState::GracefulShutdown);
        if !waits || !self.config.force_kill {
            return false;
        }
        self.state = ShutdownState::ForceKillPending;
        self.escalated = Some(now);
        true
    }

    /// Whether the delay between the end of the grace and the kill is over.
    #[must_use]
    pub fn is_kill_due(&self, now: Instant) -> bool {
        self.state == ShutdownState::ForceKillPending && passed(self.escalated, self.config.kill_delay, now)
    }

    /// It has ended, wanted or not.
    pub fn complete(&mut self, now: Instant) -> bool {
        if self.state == ShutdownState::Completed {
            return false;
        }
        self.state = ShutdownState::Completed;
        self.completed = Some(now);
        true
    }

    /// Ready for the next run.
    pub fn reset(&mut self) {
        let config = std::mem::take(&mut self.config);
        *self = Self::new(config);
    }

    /// The number of the signal that asks for the end.
    pub fn signal(&self) -> Result<i32, ShutdownError> {
        parse_signal(&self.config.signal)
    }

    /// What is run before it.
    #[must_use]
    pub fn pre_shutdown_commands(&self) -> &[String] {
        &self.config.pre_shutdown_commands
    }

    /// How long it has to obey.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.config.timeout
    }

    /// How much longer the kill waits.
    #[must_use]
    pub fn kill_delay(&self) -> Duration {
        self.config.kill_delay
    }

    /// Whether it is killed at all.
    #[must_use]
    pub fn force_kill_enabled(&self) -> bool {
        self.config.force_kill
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &ShutdownConfig {
        &self.config
    }

    /// How long the shutdown has taken, or took. `None` if nobody asked for it.
    #[must_use]
    pub fn elapsed(&self, now: Instant) -> Option<Duration> {
        let until = self.completed.unwrap_or(now);
        self.initiated.map(|since| until.saturating_duration_since(since))
    }

    /// How long it is from `now` until the next of these is due, if time alone can bring it: the end of the grace, or the
    /// kill.
    #[must_use]
    pub fn next_in(&self, now: Instant) -> Option<Duration> {
        let (since, lasts) = match self.state {
            ShutdownState::GracefulShutdown => (self.signalled?, self.config.timeout),
            ShutdownState::ForceKillPending => (self.escalated?, self.config.kill_delay),
            ShutdownState::Running | ShutdownState::PreShutdown | ShutdownState::Completed => return None,
        };
        Some(lasts.saturating_sub(now.saturating_duration_since(since)))
    }

    fn signal_at(&mut self, now: Instant) {
        self.state = ShutdownState::GracefulShutdown;
        self.signalled = Some(now);
    }
}

fn passed(since: Option<Instant>, lasts: Duration, now: Instant) -> bool {
    since.is_some_and(|since| now.saturating_duration_since(since) >= lasts)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn shutdown(commands: &[&str]) -> (ShutdownManager, Instant) {
        let config = ShutdownConfig {
            timeout: SECOND * 10,
            kill_delay: SECOND * 3,
            pre_shutdown_commands: commands.iter().map(|text| (*text).to_owned()).collect(),
            ..ShutdownConfig::default()
        };
        (ShutdownManager::new(config), Instant::now())
    }

    #[test]
    fn without_commands_the_grace_begins_at_once() {
        let (mut shutdown, start) = shutdown(&[]);
        assert!(!shutdown.is_shutting_down() && !shutdown.has_timed_out(start + SECOND * 1000));
        assert!(shutdown.initiate(start));
        assert_eq!(shutdown.state(), ShutdownState::GracefulShutdown);
        assert!(shutdown.is_shutting_down());
        assert!(!shutdown.has_timed_out(start + SECOND * 10 - Duration::from_nanos(1)));
        assert!(shutdown.has_timed_out(start + SECOND * 10));
    }

    #[test]
    fn with_commands_the_grace_begins_after_them() {
        let (mut shutdown, start) = shutdown(&["sync"]);
        assert!(shutdown.initiate(start));
        assert_eq!(shutdown.state(), ShutdownState::PreShutdown);
        assert_eq!(shutdown.pre_shutdown_commands(), ["sync"]);
        assert!(!shutdown.has_timed_out(start + SECOND * 1000));
        assert!(shutdown.pre_shutdown_complete(start + SECOND * 7));
        assert_eq!(shutdown.state(), ShutdownState::GracefulShutdown);
        assert!(!shutdown.has_timed_out(start + SECOND * 16));
        assert!(shutdown.has_timed_out(start + SECOND * 17));
    }

    #[test]
    fn kill_is_due_when_its_delay_is_over_too() {
        let (mut shutdown, start) = shutdown(&[]);
        shutdown.initiate(start);
        let late = start + SECOND * 10;
        assert!(!shutdown.is_kill_due(late));
        assert!(shutdown.initiate_force_kill(late));
        assert_eq!(shutdown.state(), ShutdownState::ForceKillPending);
        assert!(shutdown.is_shutting_down());
        assert!(!shutdown.is_kill_due(late + SECOND * 2));
        assert!(shutdown.is_kill_due(late + SECOND * 3));
    }

    #[test]
    fn nobody_is_killed_where_that_is_off() {
        let mut shutdown = ShutdownManager::new(ShutdownConfig { force_kill: false, ..ShutdownConfig::default() });
        let start = Instant::now();
        shutdown.initiate(start);
        assert!(!shutdown.initiate_force_kill(start + SECOND * 1000));
        assert_eq!(shutdown.state(), ShutdownState::GracefulShutdown);
        assert!(shutdown.has_timed_out(start + SECOND * 1000));
        assert!(!shutdown.is_kill_due(start + SECOND * 1000));
    }

    #[test]
    fn commands_can_be_cut_short_by_a_kill() {
        let (mut shutdown, start) = shutdown(&["sleep 600"]);
        shutdown.initiate(start);
        assert!(shutdown.initiate_force_kill(start + SECOND));
        assert!(!shutdown.pre_shutdown_complete(start + SECOND * 2));
        assert_eq!(shutdown.state(), ShutdownState::ForceKillPending);
    }

    #[test]
    fn steps_out_of_turn_change_nothing() {
        let (mut shutdown, start) = shutdown(&[]);
        assert!(!shutdown.pre_shutdown_complete(start) && !shutdown.initiate_force_kill(start));
        assert_eq!(shutdown.state(), ShutdownState::Running);
        assert!(shutdown.initiate(start));
        // A second request does not begin the grace anew.
        assert!(!shutdown.initiate(start + SECOND * 9));
        assert!(shutdown.has_timed_out(start + SECOND * 10));
        assert!(shutdown.complete(start + SECOND * 11));
        assert!(
            !shutdown.complete(start + SECOND * 12)
                && !shutdown.initiate(start)
                && !shutdown.initiate_force_kill(start)
        );
        assert_eq!(shutdown.state(), ShutdownState::Completed);
        assert!(!shutdown.is_shutting_down() && !shutdown.has_timed_out(start + SECOND * 1000));
    }

    #[test]
    fn elapsed_time_stops_with_the_end() {
        let (mut shutdown, start) = shutdown(&["sync"]);
        assert_eq!(shutdown.elapsed(start), None);
        shutdown.initiate(start);
        assert_eq!(shutdown.elapsed(start + SECOND * 2), Some(SECOND * 2));
        shutdown.complete(start + SECOND * 4);
        assert_eq!(shutdown.elapsed(start + SECOND * 9), Some(SECOND * 4));
    }

    #[test]
    fn next_step_is_told() {
        let (mut shutdown, start) = shutdown(&["sync"]);
        assert_eq!(shutdown.next_in(start), None);
        shutdown.initiate(start);
        assert_eq!(shutdown.next_in(start), None);
        shutdown.pre_shutdown_complete(start);
        assert_eq!(shutdown.next_in(start + SECOND * 4), Some(SECOND * 6));
        assert_eq!(shutdown.next_in(start + SECOND * 40), Some(Duration::ZERO));
        shutdown.initiate_force_kill(start + SECOND * 10);
        assert_eq!(shutdown.next_in(start + SECOND * 11), Some(SECOND * 2));
        shutdown.complete(start + SECOND * 12);
        assert_eq!(shutdown.next_in(start + SECOND * 12), None);
    }

    #[test]
    fn next_run_starts_afresh() {
        let (mut shutdown, start) = shutdown(&["sync"]);
        let config = shutdown.config().clone();
        shutdown.initiate(start);
        shutdown.complete(start);
        shutdown.reset();
        assert_eq!((shutdown.state(), shutdown.elapsed(start)), (ShutdownState::Running, None));
        assert_eq!(shutdown.config(), &config);
        assert!(shutdown.initiate(start));
    }

    #[test]
    fn longest_settings_never_overflow() {
        let longest = ShutdownConfig { timeout: Duration::MAX, kill_delay: Duration::MAX, ..ShutdownConfig::default() };
        let (mut shutdown, start) = (ShutdownManager::new(longest), Instant::now());
        shutdown.initiate(start);
        assert!(!shutdown.has_timed_out(start + SECOND * 1000));
        assert!(shutdown.initiate_force_kill(start));
        assert!(!shutdown.is_kill_due(start + SECOND * 1000));
        assert!(shutdown.next_in(start).is_some());
    }

    #[test]
    fn signal_is_that_of_the_settings() {
        let (shutdown, _) = shutdown(&[]);
        assert_eq!(shutdown.signal(), Ok(15));
        let odd = ShutdownManager::new(ShutdownConfig { signal: "SIGNOPE".to_owned(), ..ShutdownConfig::default() });
        assert_eq!(odd.signal(), Err(ShutdownError::InvalidSignal("`SIGNOPE`".to_owned())));
        assert_eq!(
            (shutdown.timeout(), shutdown.kill_delay(), shutdown.force_kill_enabled()),
            (SECOND * 10, SECOND * 3, true)
        );
    }

    #[test]
    fn states_are_shown_in_snake_case() {
        use ShutdownState::{Completed, ForceKillPending, GracefulShutdown, PreShutdown, Running};
        let all = [Running, PreShutdown, GracefulShutdown, ForceKillPending, Completed];
        let shown = all.map(|state| state.to_string());
        assert_eq!(shown, ["running", "pre_shutdown", "graceful_shutdown", "force_kill_pending", "completed"]);
        for state in all {
            assert_eq!(serde_json::to_string(&state).unwrap(), format!("\"{state}\""));
        }
    }
}
