//! What is decided after each end, by the rules and against a reference that keeps everything.

use std::time::{Duration, Instant, SystemTime};

use perilune_restart::{
    BackoffConfig, Ended, RestartConfig, RestartDecision, RestartManager, RestartPolicy, StayReason,
};
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);
const WINDOW: Duration = Duration::from_secs(60);

fn config() -> RestartConfig {
    RestartConfig::default()
}

fn gave_up(count: usize) -> RestartDecision {
    RestartDecision::Stay(StayReason::GaveUp { count, window: Some(WINDOW) })
}

fn restart(attempt: u32, secs: u64) -> RestartDecision {
    RestartDecision::Restart { attempt, delay: Duration::from_secs(secs) }
}

/// Runs of no length, each started when the wait before it is over, until one is the last.
fn crash_loop(restarts: &mut RestartManager, now: &mut Instant) -> (Vec<u64>, StayReason) {
    let mut delays = Vec::new();
    loop {
        match restarts.decide(&Ended::code(1), Duration::ZERO, *now) {
            RestartDecision::Restart { attempt, delay } => {
                delays.push(delay.as_secs());
                assert_eq!(attempt as usize, delays.len());
                *now += delay;
            }
            RestartDecision::Stay(reason) => return (delays, reason),
        }
    }
}

#[test]
fn a_crash_loop_is_started_once_and_as_often_as_allowed() {
    let mut restarts = RestartManager::new(config());
    let mut now = Instant::now();
    let (delays, reason) = crash_loop(&mut restarts, &mut now);
    assert_eq!(delays, [1, 2, 4, 8, 16]);
    assert_eq!(reason, StayReason::GaveUp { count: 5, window: Some(WINDOW) });

    // Somebody starts it by hand: everything begins anew.
    restarts.reset();
    assert_eq!(crash_loop(&mut restarts, &mut now).0, [1, 2, 4, 8, 16]);
}

#[test]
fn an_entry_counts_as_long_as_the_window_and_no_longer() {
    let start = Instant::now();
    let mut restarts = RestartManager::new(RestartConfig { max_restarts: 2, ..config() });
    restarts.decide(&Ended::code(1), SECOND, start);
    restarts.decide(&Ended::code(1), SECOND, start + 10 * SECOND);

    let nano = Duration::from_nanos(1);
    for (now, count, open) in [
        (start + 10 * SECOND, 2, true),
        (start + WINDOW, 2, true),
        (start + WINDOW + nano, 1, false),
        (start + WINDOW + 10 * SECOND, 1, false),
        (start + WINDOW + 10 * SECOND + nano, 0, false),
    ] {
        assert_eq!((restarts.restart_count(now), restarts.is_circuit_open(now)), (count, open), "{:?}", now - start);
        assert_eq!(restarts.should_restart(Some(1), now), !open);
    }
    assert_eq!(restarts.clone().decide(&Ended::code(1), SECOND, start + WINDOW), gave_up(2));
    assert_eq!(restarts.decide(&Ended::code(1), SECOND, start + WINDOW + nano), restart(3, 4));
}

#[test]
fn giving_up_outlasts_the_window() {
    let start = Instant::now();
    let mut restarts = RestartManager::new(RestartConfig { max_restarts: 1, ..config() });
    restarts.decide(&Ended::code(1), SECOND, start);
    assert!(restarts.is_circuit_open(start) && !restarts.has_given_up());
    assert_eq!(restarts.decide(&Ended::code(1), SECOND, start + SECOND), gave_up(1));

    let much_later = start + 1000 * WINDOW;
    assert!(restarts.has_given_up() && restarts.is_circuit_open(much_later));
    assert_eq!(restarts.restart_count(much_later), 0);
    assert!(!restarts.should_restart(Some(1), much_later));
    assert_eq!(restarts.decide(&Ended::code(1), SECOND, much_later), gave_up(1));
    assert_eq!(restarts.trial_at(), None);
    assert!(!restarts.begin_trial(much_later));

    restarts.reset();
    assert!(!restarts.has_given_up() && !restarts.is_circuit_open(much_later));
    assert_eq!(restarts.decide(&Ended::code(1), SECOND, much_later), restart(1, 1));
}

#[test]
fn a_trial_that_fails_is_given_up_and_one_that_lasts_is_a_success() {
    let start = Instant::now();
    let cool_down = 300 * SECOND;
    let mut restarts =
        RestartManager::new(RestartConfig { max_restarts: 0, circuit_reset: Some(cool_down), ..config() });
    assert_eq!(restarts.decide(&Ended::failed(), Duration::ZERO, start), gave_up(0));

    assert_eq!(restarts.trial_at(), Some(start + cool_down));
    assert!(!restarts.begin_trial(start + cool_down - SECOND));
    assert!(restarts.begin_trial(start + cool_down));
    assert!(restarts.is_circuit_open(start + cool_down) && !restarts.has_given_up());
    assert_eq!(restarts.trial_at(), None);
    assert!(!restarts.begin_trial(start + cool_down), "there is one run, not two");

    let failed_again = start + cool_down + SECOND;
    assert_eq!(restarts.decide(&Ended::code(1), SECOND, failed_again), gave_up(0));
    assert_eq!(restarts.trial_at(), Some(failed_again + cool_down));

    assert!(restarts.begin_trial(failed_again + cool_down));
    restarts.record_success();
    assert!(!restarts.has_given_up() && restarts.trial_at().is_none());
}

#[test]
fn a_trial_that_ends_well_at_once_is_not_followed_by_another() {
    let start = Instant::now();
    let config = RestartConfig { max_consecutive: Some(1), circuit_reset: Some(SECOND), ..config() };
    let mut restarts = RestartManager::new(config);
    restarts.decide(&Ended::code(1), Duration::ZERO, start);
    assert!(restarts.begin_trial(start + SECOND));
    let end = restarts.decide(&Ended::code(0), Duration::ZERO, start + SECOND);
    assert_eq!(end, RestartDecision::Stay(StayReason::CleanExit));
    assert_eq!(restarts.trial_at(), None);
}

#[test]
fn a_long_run_starts_a_new_row() {
    let start = Instant::now();
    let mut restarts = RestartManager::new(config());
    for attempt in 1..=4 {
        assert_eq!(restarts.decide(&Ended::code(1), SECOND, start), restart(attempt, 1 << (attempt - 1)));
    }
    let almost = config().min_uptime - Duration::from_nanos(1);
    assert_eq!(restarts.clone().decide(&Ended::code(1), almost, start), restart(5, 16));
    assert_eq!(restarts.decide(&Ended::code(1), config().min_uptime, start), restart(1, 1));
    assert_eq!(restarts.restart_count(start), 1);
    assert_eq!(restarts.history().len(), 1);

    restarts.record_success();
    assert_eq!((restarts.restart_count(start), restarts.history().len()), (0, 0));
}

#[test]
fn who_ends_how_decides_whether_there_is_a_restart() {
    use RestartPolicy::{Permanent, Temporary, Transient};
    let check = |policy, restart_on_success, ended: Ended, expected: Option<StayReason>| {
        let config = RestartConfig {
            policy,
            restart_on_success,
            success_exit_codes: vec![0, 3],
            prevent_exit_codes: vec![9],
            ..config()
        };
        let mut restarts = RestartManager::new(config);
        let stay = match restarts.decide(&ended, SECOND, Instant::now()) {
            RestartDecision::Stay(reason) => Some(reason),
            RestartDecision::Restart { .. } => None,
        };
        assert_eq!(stay, expected, "{policy:?} {ended:?}");
    };
    let for_good = Some(StayReason::GaveUp { count: 0, window: None });
    check(Temporary, true, Ended::code(1), Some(StayReason::PolicyNever));
    check(Transient, false, Ended::code(0), Some(StayReason::CleanExit));
    check(Transient, false, Ended::code(3), Some(StayReason::CleanExit));
    check(Transient, false, Ended::code(1), None);
    check(Transient, false, Ended::signal(9), None);
    check(Transient, false, Ended::failed(), None);
    check(Transient, false, Ended { signal: Some(15), ..Ended::code(0) }, None);
    check(Transient, true, Ended::code(0), None);
    check(Permanent, false, Ended::code(0), None);
    check(Permanent, false, Ended::code(9), Some(StayReason::PreventedCode));
    check(Transient, false, Ended::code(9), Some(StayReason::PreventedCode));
    check(Transient, false, Ended::failed().for_good(), for_good);
    check(Transient, false, Ended::code(0).for_good(), Some(StayReason::CleanExit));
    check(Permanent, false, Ended::code(1).for_good(), for_good);
    check(Permanent, false, Ended::code(0).for_good(), None);
}

#[test]
fn so_many_in_a_row_are_too_many_whatever_the_window() {
    let config = RestartConfig { max_restarts: u32::MAX, max_consecutive: Some(3), ..config() };
    let mut restarts = RestartManager::new(config);
    let mut now = Instant::now();
    for attempt in 1..=2 {
        let decision = restarts.decide(&Ended::code(1), SECOND, now);
        assert!(matches!(decision, RestartDecision::Restart { attempt: at, .. } if at == attempt));
        now += 10 * WINDOW;
    }
    let end = restarts.decide(&Ended::code(1), SECOND, now);
    assert_eq!(end, RestartDecision::Stay(StayReason::GaveUp { count: 2, window: None }));
}

#[test]
fn without_a_limit_there_is_no_end_and_little_memory() {
    let backoff = BackoffConfig::Fixed { delay: Duration::ZERO };
    let mut restarts = RestartManager::new(RestartConfig { max_restarts: u32::MAX, backoff, ..config() });
    let now = Instant::now();
    for attempt in 1..=5000 {
        assert_eq!(restarts.decide(&Ended::code(1), SECOND, now), restart(attempt, 0));
    }
    assert_eq!((restarts.restart_count(now), restarts.history().len()), (1000, 1000));
    assert!(!restarts.is_circuit_open(now));
}

#[test]
fn a_limit_beyond_the_history_is_kept_exactly() {
    let backoff = BackoffConfig::Fixed { delay: Duration::ZERO };
    let mut restarts = RestartManager::new(RestartConfig { max_restarts: 2500, backoff, ..config() });
    let now = Instant::now();
    let restarted = (0..).take_while(|_| restarts.decide(&Ended::code(1), SECOND, now) != gave_up(2500)).count();
    assert_eq!((restarted, restarts.history().len()), (2500, 1000));
}

#[test]
fn the_history_tells_how_each_run_ended_and_forgets_what_left_the_window() {
    let start = Instant::now();
    let mut restarts = RestartManager::new(config());
    restarts.decide(&Ended::signal(11), 2 * SECOND, start);
    assert_eq!(restarts.record_restart(Some(4), 3 * SECOND, start + 10 * SECOND), 2 * SECOND);

    let entries: Vec<_> = restarts.history().iter().copied().collect();
    let told = entries.iter().map(|entry| (entry.at - start, entry.exit_code, entry.signal, entry.uptime, entry.delay));
    let expected =
        [(Duration::ZERO, None, Some(11), 2 * SECOND, SECOND), (10 * SECOND, Some(4), None, 3 * SECOND, 2 * SECOND)];
    assert!(told.eq(expected));

    let utc = SystemTime::UNIX_EPOCH + 1000 * SECOND;
    assert_eq!(entries[0].at_utc(start + 100 * SECOND, utc), SystemTime::UNIX_EPOCH + 900 * SECOND);
    assert_eq!(entries[0].at_utc(start - SECOND, utc), utc);

    restarts.decide(&Ended::code(1), SECOND, start + 65 * SECOND);
    assert_eq!(restarts.history().front().map(|entry| entry.at), Some(start + 10 * SECOND));
}

#[test]
fn jitter_follows_from_the_seed_and_needs_one() {
    let backoff = BackoffConfig::Fixed { delay: 10 * SECOND };
    let config = RestartConfig { max_restarts: 100, jitter: 0.1, backoff, ..config() };
    let delays = |mut restarts: RestartManager| -> Vec<Duration> {
        (0..50).map(|_| restarts.record_restart(Some(1), SECOND, Instant::now())).collect()
    };
    let first = delays(RestartManager::seeded(config.clone(), 1));
    assert!(first.iter().all(|delay| (9 * SECOND..=11 * SECOND).contains(delay)));
    assert!(first.iter().any(|delay| *delay < 10 * SECOND) && first.iter().any(|delay| *delay > 10 * SECOND));
    assert_eq!(first, delays(RestartManager::seeded(config.clone(), 1)));
    assert_ne!(first, delays(RestartManager::seeded(config.clone(), 2)));
    assert!(delays(RestartManager::new(config)).iter().all(|delay| *delay == 10 * SECOND));
}

#[test]
fn reasons_read_as_sentences() {
    let check = |reason: StayReason, text| assert_eq!(reason.to_string(), text);
    check(StayReason::PolicyNever, "its policy is never to restart");
    check(StayReason::CleanExit, "it succeeded");
    check(StayReason::PreventedCode, "its exit code forbids a restart");
    check(StayReason::GaveUp { count: 5, window: Some(WINDOW) }, "gave up after 5 restarts in 1m");
    check(StayReason::GaveUp { count: 1, window: None }, "gave up after 1 restart");
    check(StayReason::DesiredDown, "it is not wanted");
}

#[derive(Clone, Copy, Debug)]
enum Op {
    End { ended: Ended, uptime: u64 },
    Success,
    Reset,
    Trial,
}

fn ops() -> impl Strategy<Value = Vec<(u64, Op)>> {
    let ended =
        (proptest::option::of(0..3i32), proptest::option::weighted(0.2, Just(9)), proptest::bool::weighted(0.95))
            .prop_map(|(code, signal, retryable)| Ended { code, signal, retryable });
    let op = prop_oneof![
        8 => (ended, 0..35u64).prop_map(|(ended, uptime)| Op::End { ended, uptime }),
        1 => Just(Op::Success),
        1 => Just(Op::Reset),
        2 => Just(Op::Trial),
    ];
    proptest::collection::vec((prop_oneof![0..5u64, Just(30), Just(60), Just(61)], op), 1..60)
}

fn configs() -> impl Strategy<Value = RestartConfig> {
    let policy = prop_oneof![1 => Just(RestartPolicy::Temporary), 4 => Just(RestartPolicy::Transient), 4 => Just(RestartPolicy::Permanent)];
    (
        prop_oneof![4 => 0..5u32, 1 => Just(u32::MAX)],
        policy,
        any::<bool>(),
        proptest::option::weighted(0.3, 0..6u32),
        proptest::option::of(0..40u64),
    )
        .prop_map(|(max_restarts, policy, restart_on_success, max_consecutive, circuit_reset)| RestartConfig {
            max_restarts,
            policy,
            restart_on_success,
            max_consecutive,
            circuit_reset: circuit_reset.map(Duration::from_secs),
            prevent_exit_codes: vec![2],
            ..config()
        })
}

/// Counts by looking at everything that ever happened, in seconds.
struct Reference {
    config: RestartConfig,
    restarts: Vec<u64>,
    in_a_row: u32,
    gave_up: Option<(u64, StayReason)>,
    on_trial: bool,
}

impl Reference {
    fn count(&self, now: u64) -> usize {
        self.restarts.iter().filter(|at| now - **at <= 60).count()
    }

    fn full(&self, now: u64) -> bool {
        self.config.max_restarts != u32::MAX && self.count(now) >= self.config.max_restarts as usize
    }

    fn clear(&mut self) {
        (self.restarts, self.in_a_row, self.gave_up, self.on_trial) = (Vec::new(), 0, None, false);
    }

    fn trial(&mut self, now: u64) -> bool {
        let due = self.gave_up.zip(self.config.circuit_reset).map(|((at, _), after)| at + after.as_secs());
        let begins = !self.on_trial && due.is_some_and(|due| due <= now);
        self.on_trial |= begins;
        begins
    }

    fn end(&mut self, ended: Ended, uptime: u64, now: u64) -> RestartDecision {
        if uptime >= 30 {
            self.clear();
        }
        let clean = ended.code == Some(0) && ended.signal.is_none();
        let forgiving = self.config.policy == RestartPolicy::Transient && !self.config.restart_on_success;
        if self.config.policy == RestartPolicy::Temporary {
            return RestartDecision::Stay(StayReason::PolicyNever);
        } else if ended.code == Some(2) {
            return RestartDecision::Stay(StayReason::PreventedCode);
        } else if clean && forgiving {
            return RestartDecision::Stay(StayReason::CleanExit);
        }
        let too_many = self.config.max_consecutive.is_some_and(|most| self.in_a_row + 1 >= most);
        let why = if let Some((_, why)) = self.gave_up {
            why
        } else if too_many || (!ended.retryable && !clean) {
            StayReason::GaveUp { count: self.in_a_row as usize, window: None }
        } else if self.full(now) {
            StayReason::GaveUp { count: self.count(now), window: Some(WINDOW) }
        } else {
            self.in_a_row += 1;
            self.restarts.push(now);
            let delay = Duration::from_secs((1 << (self.in_a_row - 1).min(10)).min(300));
            return RestartDecision::Restart { attempt: self.in_a_row, delay };
        };
        (self.gave_up, self.on_trial) = (Some((now, why)), false);
        RestartDecision::Stay(why)
    }
}

proptest! {
    #[test]
    fn agrees_with_a_reference_that_keeps_everything(config in configs(), ops in ops()) {
        let start = Instant::now();
        let mut restarts = RestartManager::new(config.clone());
        let mut reference =
            Reference { config, restarts: Vec::new(), in_a_row: 0, gave_up: None, on_trial: false };
        let mut secs = 0;
        for (pause, op) in ops {
            secs += pause;
            let now = start + Duration::from_secs(secs);
            match op {
                Op::End { ended, uptime } => {
                    let decision = restarts.decide(&ended, Duration::from_secs(uptime), now);
                    prop_assert_eq!(decision, reference.end(ended, uptime, secs));
                }
                Op::Success => {
                    restarts.record_success();
                    reference.clear();
                }
                Op::Reset => {
                    restarts.reset();
                    reference.clear();
                }
                Op::Trial => prop_assert_eq!(restarts.begin_trial(now), reference.trial(secs)),
            }
            prop_assert_eq!(restarts.restart_count(now), reference.count(secs));
            prop_assert_eq!(restarts.is_circuit_open(now), reference.full(secs) || reference.gave_up.is_some());
            prop_assert_eq!(restarts.has_given_up(), reference.gave_up.is_some() && !reference.on_trial);
            let next = restarts.clone().decide(&Ended::code(1), Duration::ZERO, now);
            prop_assert_eq!(restarts.should_restart(Some(1), now), matches!(next, RestartDecision::Restart { .. }));
        }
    }

    /// Also where the limits, the durations and the attempts are as large as they can be.
    #[test]
    fn no_configuration_is_too_large(
        max_restarts: u32,
        window in (any::<u64>(), 0..1_000_000_000u32),
        multiplier: f64,
        jitter: f64,
        reset: u64,
        seed: u64,
    ) {
        let config = RestartConfig {
            max_restarts,
            restart_window: Duration::new(window.0, window.1),
            min_uptime: Duration::MAX,
            backoff: BackoffConfig::Exponential { initial_delay: Duration::MAX, max_delay: Duration::MAX, multiplier },
            jitter,
            circuit_reset: Some(Duration::from_secs(reset)),
            ..config()
        };
        let mut restarts = RestartManager::seeded(config, seed);
        let now = Instant::now();
        for _ in 0..3 {
            restarts.decide(&Ended::failed(), Duration::MAX, now);
            restarts.record_restart(None, Duration::ZERO, now);
            restarts.decide(&Ended::failed().for_good(), Duration::ZERO, now);
            restarts.begin_trial(now);
        }
    }
}
