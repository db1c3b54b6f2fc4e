use crate::health::{CheckType, HealthCheckConfig, HealthStatus, OnUnhealthy};
use crate::supervisor::ExitClassification;

use super::*;

fn stage() -> Stage {
    Stage::new(SupervisorConfig { max_restarts: u32::MAX, ..SupervisorConfig::default() })
}

fn failed() -> Observation {
    Observation::LaunchFailed { error: "`a`: no such program".to_owned() }
}

fn checked(healthy: bool) -> Observation {
    Observation::Checked(match healthy {
        true => HealthCheckResult::healthy(SECOND),
        false => HealthCheckResult::unhealthy(SECOND, "no answer"),
    })
}

#[test]
fn a_launch_is_one_visible_step() {
    let mut stage = stage();
    stage.register(spec("a"));
    let asked = stage.ask(start("a"));
    assert_eq!((stage.state("a"), stage.phase("a")), (ProcessState::Stopped { exit_code: None }, Phase::Launching));
    assert_eq!(stage.view("a").pid, None);
    assert!(!stage.is_answered(asked));
    stage.kinds();

    stage.launched("a");
    stage.ok(asked);
    let view = stage.view("a");
    assert_eq!((view.state, view.phase, view.pid), (ProcessState::Running, Phase::Up, Some(101)));
    assert_eq!(view.started_at, Some(stage.utc));
    let from = ProcessState::Stopped { exit_code: None };
    let changed = EventKind::StateChanged { from, to: ProcessState::Running, pid: Some(101) };
    assert_eq!(stage.kinds(), [changed, EventKind::Started { pid: 101 }]);
}

#[test]
fn a_failed_launch_is_a_crash_that_never_had_a_process() {
    let mut stage = stage();
    stage.register(spec("a"));
    let asked = stage.ask(start("a"));
    let run = stage.run("a");
    stage.kinds();
    stage.observe(run, failed());
    assert_eq!(stage.error(asked), "failed to spawn process: `a`: no such program");
    let view = stage.view("a");
    assert_eq!((view.state, view.pid, view.started_at), (ProcessState::Crashed { exit_code: None }, None, None));
    assert_eq!(view.last_exit.and_then(|exit| exit.error).as_deref(), Some("`a`: no such program"));
    assert_eq!(stage.phase("a"), Phase::Backoff);
    let kinds = stage.kinds();
    assert!(
        matches!(
            kinds.as_slice(),
            [
                EventKind::StateChanged { to: ProcessState::Crashed { exit_code: None }, pid: None, .. },
                EventKind::Exited { .. },
                EventKind::RestartScheduled { attempt: 1, delay: SECOND }
            ]
        ),
        "{kinds:?}"
    );
}

/// Every way to end, with what asked for it: the state it leads to.
#[test]
fn each_end_has_its_state() {
    use EndReason::{Exited, Killed, Lost, Signaled, StopTimeout, Stopped};
    let stopped = |exit_code| ProcessState::Stopped { exit_code };
    let crashed = |exit_code| ProcessState::Crashed { exit_code };
    for (asked, ended, state) in [
        (false, end(Some(0), None, Exited), stopped(Some(0))),
        (false, end(Some(3), None, Exited), crashed(Some(3))),
        (false, end(None, Some(11), Signaled), crashed(None)),
        (false, end(None, None, Lost), crashed(None)),
        (false, end(None, Some(9), Killed), ProcessState::Terminated),
        (true, end(Some(0), None, Stopped), stopped(Some(0))),
        (true, end(Some(7), None, Stopped), stopped(Some(7))),
        (true, end(None, Some(15), Stopped), stopped(None)),
        (true, end(None, Some(9), StopTimeout), ProcessState::Terminated),
        (true, end(None, Some(9), Killed), ProcessState::Terminated),
        (true, end(Some(5), None, Killed), stopped(Some(5))),
        // It had ended before it was asked. The end was wanted all the same.
        (true, end(Some(1), None, Exited), stopped(Some(1))),
        (true, end(None, None, Lost), crashed(None)),
    ] {
        let mut stage = stage();
        stage.register(spec("a"));
        stage.up("a");
        if asked {
            stage.ask(stop("a"));
            assert_eq!((stage.state("a"), stage.phase("a")), (ProcessState::Stopping, Phase::Stopping));
            assert_eq!(stage.view("a").pid, None);
        }
        stage.ends("a", ended.clone());
        assert_eq!(stage.state("a"), state, "{ended:?}");
        assert_eq!(stage.view("a").pid, None);
        assert!(stage.view("a").started_at.is_some());
    }
}

#[test]
fn what_fails_is_started_again_after_its_delay_and_counted() {
    let mut stage = stage();
    stage.register(spec("a"));
    stage.up("a");
    stage.started();
    stage.crashes("a");
    assert_eq!(stage.view("a").restart_at, Some(stage.now + SECOND));
    stage.pass(SECOND - Duration::from_millis(1));
    assert_eq!(stage.started(), [""; 0]);
    stage.pass(Duration::from_millis(1));
    assert_eq!(stage.started(), ["a"]);
    stage.launched("a");
    let view = stage.view("a");
    assert_eq!((view.restart_count, view.restarts.len()), (1, 1));
    assert_eq!(view.last_restart, Some(stage.utc));
}

#[test]
fn what_ends_well_stays_down() {
    let mut stage = stage();
    stage.register(spec("a"));
    stage.up("a");
    stage.ends("a", code(0));
    stage.pass(100 * SECOND);
    assert_eq!(stage.launches.len(), 1);
    assert_eq!((stage.phase("a"), stage.view("a").desired), (Phase::Idle, Desired::Up));
}

#[test]
fn a_crash_loop_is_five_restarts_with_growing_delays_and_then_given_up() {
    let mut stage = stage();
    stage.register(spec("a").restart(RestartConfig::default()));
    stage.up("a");
    let mut delays = Vec::new();
    loop {
        stage.crashes("a");
        let before = stage.elapsed();
        if stage.phase("a") == Phase::GaveUp {
            break;
        }
        let due = stage.view("a").restart_at.unwrap();
        stage.pass(due - stage.now);
        delays.push((stage.elapsed() - before).as_secs());
        stage.launched("a");
    }
    assert_eq!(delays, [1, 2, 4, 8, 16]);
    assert_eq!(stage.launches.len(), 6);
    let window = Some(Duration::from_secs(60));
    assert!(stage.kinds().contains(&EventKind::GaveUp { count: 5, window }));
    stage.pass(1000 * SECOND);
    assert_eq!(stage.launches.len(), 6);

    // By hand it works again, and from the beginning.
    stage.up("a");
    assert_eq!(stage.phase("a"), Phase::Up);
    stage.crashes("a");
    assert_eq!(stage.view("a").restart_at, Some(stage.now + SECOND));
}

#[test]
fn a_run_of_enough_uptime_is_forgiven_while_it_runs() {
    let mut stage = stage();
    stage.register(spec("a").restart(RestartConfig { max_restarts: 5, ..restarts() }));
    stage.up("a");
    for _ in 0..5 {
        stage.crashes("a");
        stage.pass(2 * SECOND);
        stage.launched("a");
    }
    assert_eq!(stage.view("a").restarts.len(), 5);
    stage.pass(30 * SECOND);
    assert_eq!(stage.view("a").restarts.len(), 0);
}

#[test]
fn after_a_cool_down_it_is_tried_once_more() {
    let mut stage = stage();
    let config = RestartConfig { max_restarts: 0, circuit_reset: Some(60 * SECOND), ..RestartConfig::default() };
    stage.register(spec("a").restart(config));
    stage.up("a");
    stage.crashes("a");
    assert_eq!(stage.phase("a"), Phase::GaveUp);
    stage.pass(59 * SECOND);
    assert_eq!(stage.launches.len(), 1);
    stage.pass(SECOND);
    stage.launched("a");
    stage.crashes("a");
    assert_eq!((stage.launches.len(), stage.phase("a")), (2, Phase::GaveUp));
    // Whoever stopped it does not want that either.
    stage.ask(stop("a"));
    stage.pass(1000 * SECOND);
    assert_eq!(stage.launches.len(), 2);
}

#[test]
fn a_gate_keeps_it_starting_until_it_is_ready() {
    let mut stage = stage();
    stage.register_with(spec("a"), options(|o| o.readiness = Readiness::NotifyFd));
    let run = stage.up("a");
    assert_eq!((stage.state("a"), stage.view("a").ready), (ProcessState::Starting, false));
    assert!(stage.view("a").pid.is_some());
    stage.kinds();
    stage.observe(run, Observation::Ready);
    assert_eq!((stage.state("a"), stage.view("a").ready), (ProcessState::Running, true));
    assert!(matches!(stage.kinds().as_slice(), [EventKind::StateChanged { .. }, EventKind::Ready]));
    stage.pass(1000 * SECOND);
    assert_eq!(stage.state("a"), ProcessState::Running);
}

#[test]
fn a_gate_that_is_not_passed_in_time_is_a_failure() {
    let mut stage = stage();
    let options = options(|o| {
        o.readiness = Readiness::NotifyFd;
        o.start_timeout = 5 * SECOND;
    });
    stage.register_with(spec("a"), options);
    stage.up("a");
    stage.pass(5 * SECOND);
    assert_eq!(stage.state("a"), ProcessState::Stopping);
    stage.ends("a", obeyed());
    assert_eq!((stage.state("a"), stage.phase("a")), (ProcessState::Stopped { exit_code: None }, Phase::Backoff));
    assert_eq!(stage.view("a").last_exit.unwrap().classification, ExitClassification::Timeout);
}

#[test]
fn what_has_lived_long_enough_is_ready() {
    let mut stage = stage();
    stage.register_with(spec("a"), options(|o| o.readiness = Readiness::MinUptime(3 * SECOND)));
    stage.up("a");
    stage.pass(2 * SECOND);
    assert_eq!(stage.state("a"), ProcessState::Starting);
    stage.pass(SECOND);
    assert_eq!(stage.state("a"), ProcessState::Running);
}

fn checks(on_unhealthy: OnUnhealthy) -> HealthCheckConfig {
    HealthCheckConfig { check_type: CheckType::Liveness, interval: SECOND, on_unhealthy, ..Default::default() }
}

impl Stage {
    /// Time passes until a check is to be made, and it is made.
    fn check(&mut self, name: &str, healthy: bool) {
        let run = self.run(name);
        for _ in 0..100 {
            let due = self.did(|effect| matches!(effect, Effect::Check { run_id, .. } if *run_id == run).then_some(()));
            if !due.is_empty() {
                return self.observe(run, checked(healthy));
            }
            self.pass(SECOND / 10);
        }
        panic!("no check is made");
    }
}

#[test]
fn the_third_failed_check_restarts_it_as_a_failure() {
    let mut stage = stage();
    stage.register(spec("a").health(checks(OnUnhealthy::Restart)));
    stage.up("a");
    stage.check("a", true);
    assert_eq!(stage.view("a").health, HealthStatus::Healthy);
    stage.check("a", false);
    stage.check("a", false);
    assert_eq!(stage.state("a"), ProcessState::Running);
    stage.kinds();
    stage.check("a", false);
    assert_eq!(stage.state("a"), ProcessState::Stopping);
    let states: Vec<_> = stage
        .kinds()
        .into_iter()
        .filter_map(|kind| match kind {
            EventKind::StateChanged { to, .. } => Some(to),
            _ => None,
        })
        .collect();
    assert_eq!(states, [ProcessState::Unhealthy, ProcessState::Stopping]);
    stage.ends("a", end(Some(0), None, EndReason::Stopped));
    assert_eq!(stage.phase("a"), Phase::Backoff);
    assert_eq!(stage.view("a").health, HealthStatus::Unknown);
}

#[test]
fn unhealthy_may_mean_down_or_nothing_but_a_report() {
    let mut stage = stage();
    stage.register(spec("down").health(checks(OnUnhealthy::Stop)));
    stage.register(spec("told").health(checks(OnUnhealthy::Report)));
    for name in ["down", "told"] {
        stage.up(name);
        for _ in 0..3 {
            stage.check(name, false);
        }
    }
    stage.ends("down", obeyed());
    assert_eq!((stage.phase("down"), stage.view("down").desired), (Phase::Idle, Desired::Up));
    assert_eq!(stage.state("told"), ProcessState::Unhealthy);
    stage.check("told", true);
    assert_eq!((stage.state("told"), stage.view("told").health), (ProcessState::Unhealthy, HealthStatus::Healthy));
}

#[test]
fn results_of_an_old_run_are_nothing_to_the_new_one() {
    let mut stage = stage();
    stage.register_with(
        spec("a").health(HealthCheckConfig { unhealthy_threshold: 1, ..checks(OnUnhealthy::Restart) }),
        options(|o| o.readiness = Readiness::NotifyFd),
    );
    let old = stage.up("a");
    stage.crashes("a");
    stage.pass(SECOND);
    let new = stage.launched("a");
    assert_ne!(old, new);
    for late in [
        Observation::Ready,
        checked(false),
        Observation::Ended(code(1)),
        Observation::StopFailed { error: String::new() },
    ] {
        stage.observe(old, late);
        assert_eq!((stage.state("a"), stage.phase("a")), (ProcessState::Starting, Phase::Up));
        assert_eq!(stage.view("a").health, HealthStatus::Unknown);
    }
}

#[test]
fn the_third_sample_above_the_limit_of_memory_is_a_failure() {
    let mut stage = stage();
    stage.register_with(spec("a"), options(|o| o.max_memory = Some(100)));
    let run = stage.up("a");
    let sample = |stage: &mut Stage, memory| {
        stage.observe(run, Observation::Sampled { cpu_percent: Some(1.0), memory_bytes: Some(memory) });
        stage.state("a")
    };
    for memory in [101, 101, 100, 101, 101] {
        assert_eq!(sample(&mut stage, memory), ProcessState::Running);
    }
    assert_eq!(stage.view("a").memory_bytes, Some(101));
    assert_eq!(sample(&mut stage, 101), ProcessState::Stopping);
    stage.ends("a", obeyed());
    assert_eq!((stage.phase("a"), stage.view("a").memory_bytes), (Phase::Backoff, None));
}

#[test]
fn what_runs_for_too_long_is_stopped_as_a_failure() {
    let mut stage = stage();
    stage.register_with(spec("a"), options(|o| o.run_timeout = Some(10 * SECOND)));
    stage.up("a");
    stage.pass(10 * SECOND);
    assert_eq!(stage.state("a"), ProcessState::Stopping);
    stage.ends("a", end(Some(0), None, EndReason::Stopped));
    assert_eq!(stage.view("a").last_exit.unwrap().classification, ExitClassification::Timeout);
    assert_eq!(stage.phase("a"), Phase::Backoff);
}

#[test]
fn the_wall_clock_decides_nothing() {
    let mut stage = stage();
    stage.register(spec("a"));
    stage.up("a");
    stage.crashes("a");
    for days in [-1, 1] {
        stage.utc += chrono::Duration::days(days);
        stage.pass(Duration::from_millis(100));
        assert_eq!(stage.view("a").restart_at.unwrap() - stage.now, SECOND - Duration::from_millis(100));
        assert_eq!(stage.launches.len(), 1);
        stage.pass(SECOND);
        stage.launched("a");
        assert_eq!(stage.phase("a"), Phase::Up);
        stage.crashes("a");
        stage.launches.truncate(1);
    }
}

#[test]
fn leftovers_and_last_lines_are_told_after_a_crash() {
    let mut stage = stage();
    stage.register(spec("a"));
    stage.up("a");
    stage.kinds();
    stage.ends("a", RunEnd { leftovers: vec![7, 8], tail: vec!["why".to_owned()], ..signal(6) });
    let kinds = stage.kinds();
    let [EventKind::StateChanged { .. }, EventKind::LeftoversKilled { pids }, EventKind::Exited { exit, tail }, ..] =
        kinds.as_slice()
    else {
        panic!("{kinds:?}")
    };
    assert_eq!(pids, &[7, 8]);
    assert_eq!((exit.signal, exit.leftovers_killed, exit.classification), (Some(6), 2, ExitClassification::Signal));
    assert_eq!(tail, &["why"]);
}

#[test]
fn events_are_numbered_without_gaps() {
    let mut stage = stage();
    stage.register(spec("a").instances(3));
    stage.ask(start("a"));
    for name in ["a-0", "a-1", "a-2"] {
        stage.launched(name);
        stage.crashes(name);
    }
    let numbers: Vec<u64> = stage.events.iter().map(|event| event.seq).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
}
