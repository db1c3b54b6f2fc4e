use super::*;

fn stage() -> Stage {
    Stage::new(SupervisorConfig { max_restarts: u32::MAX, ..SupervisorConfig::default() })
}

#[test]
fn a_stop_during_the_delay_cancels_the_restart_for_good() {
    let mut stage = stage();
    stage.register(spec("a"));
    stage.up("a");
    stage.crashes("a");
    let asked = stage.ask(stop("a"));
    stage.ok(asked);
    assert_eq!((stage.phase("a"), stage.view("a").desired), (Phase::Idle, Desired::Down));
    stage.pass(1000 * SECOND);
    assert_eq!(stage.launches.len(), 1);
}

#[test]
fn a_stop_during_the_launch_ends_the_run_as_soon_as_there_is_one() {
    let mut stage = stage();
    stage.register(spec("a"));
    let started = stage.ask(start("a"));
    let stopping = stage.ask(stop("a"));
    assert_eq!(stage.stopped(), ["a"]);
    assert!(!stage.is_answered(stopping));
    stage.launched("a");
    assert_eq!(stage.state("a"), ProcessState::Stopping);
    stage.ok(started);
    assert!(!stage.is_answered(stopping));
    assert_eq!(stage.stopped(), [""; 0], "it was told already");
    stage.ends("a", obeyed());
    stage.ok(stopping);
    stage.pass(1000 * SECOND);
    assert_eq!(stage.launches.len(), 1);
}

#[test]
fn a_stop_of_a_launch_that_fails_is_done() {
    let mut stage = stage();
    stage.register(spec("a"));
    let started = stage.ask(start("a"));
    let stopping = stage.ask(stop("a"));
    let run = stage.run("a");
    stage.observe(run, Observation::LaunchFailed { error: "no".to_owned() });
    stage.ok(stopping);
    assert_eq!(stage.error(started), "failed to spawn process: no");
    stage.pass(1000 * SECOND);
    assert_eq!((stage.launches.len(), stage.phase("a")), (1, Phase::Idle));
}

#[test]
fn a_stop_while_it_is_restarted_for_its_health_stays() {
    let mut stage = stage();
    stage.register_with(spec("a"), options(|o| o.run_timeout = Some(SECOND)));
    stage.up("a");
    stage.pass(SECOND);
    assert_eq!(stage.stopped(), ["a"]);
    let stopping = stage.ask(stop("a"));
    assert_eq!(stage.stopped(), [""; 0], "one stop is enough");
    stage.ends("a", obeyed());
    stage.ok(stopping);
    stage.pass(1000 * SECOND);
    assert_eq!(stage.launches.len(), 1);
}

#[test]
fn all_who_stop_the_same_share_one_stop_and_its_answer() {
    let mut stage = stage();
    stage.register(spec("a"));
    stage.up("a");
    let tickets = [stage.ask(stop("a")), stage.ask(stop("a")), stage.ask(stop("a"))];
    assert_eq!(stage.stopped(), ["a"]);
    stage.ends("a", obeyed());
    for ticket in tickets {
        stage.ok(ticket);
    }
    let down = stage.ask(stop("a"));
    stage.ok(down);
    assert_eq!(stage.stopped(), [""; 0]);
}

#[test]
fn all_learn_that_it_cannot_be_stopped_and_may_try_again() {
    let mut stage = stage();
    stage.register(spec("a"));
    let run = stage.up("a");
    let tickets = [stage.ask(stop("a")), stage.ask(stop("a"))];
    stage.stopped();
    stage.observe(run, Observation::StopFailed { error: "`a` is there".to_owned() });
    for ticket in tickets {
        assert_eq!(stage.error(ticket), "failed to send signal: `a` is there");
    }
    assert_eq!((stage.state("a"), stage.phase("a")), (ProcessState::Stopping, Phase::Stopping));
    let again = stage.ask(stop("a"));
    assert_eq!(stage.stopped(), ["a"]);
    stage.ends("a", obeyed());
    stage.ok(again);
}

#[test]
fn whoever_starts_what_is_being_stopped_gets_a_new_run() {
    let mut stage = stage();
    stage.register(spec("a"));
    stage.up("a");
    let stopping = stage.ask(stop("a"));
    let starting = stage.ask(start("a"));
    assert_eq!(stage.launches.len(), 1, "one run at a time");
    stage.ends("a", obeyed());
    stage.ok(stopping);
    assert_eq!(stage.launches.len(), 2);
    assert!(!stage.is_answered(starting));
    stage.launched("a");
    stage.ok(starting);
    assert_eq!(stage.view("a").restart_count, 0);
}

#[test]
fn a_restart_is_a_full_stop_and_a_start() {
    let mut stage = stage();
    stage.register(spec("a"));
    stage.up("a");
    let asked = stage.ask(restart("a"));
    assert_eq!((stage.stopped(), stage.launches.len()), (vec!["a".to_owned()], 1));
    stage.ends("a", obeyed());
    assert_eq!(stage.launches.len(), 2);
    stage.launched("a");
    stage.ok(asked);
    let view = stage.view("a");
    assert_eq!((view.restart_count, view.restarts.len()), (1, 0), "counted, and not against its limit");
}

#[test]
fn start_leaves_alone_what_runs() {
    let mut stage = stage();
    stage.register(spec("a"));
    stage.up("a");
    let asked = stage.ask(start("a"));
    stage.ok(asked);
    assert_eq!((stage.launches.len(), stage.stopped().len()), (1, 0));
}

#[test]
fn what_is_killed_goes_at_once_and_stays_down() {
    let mut stage = stage();
    stage.register(spec("a"));
    stage.up("a");
    let asked = stage.ask(Command::Kill { name: "a".to_owned(), instance: 0 });
    assert_eq!(stage.killed(), ["a"]);
    assert_eq!(stage.state("a"), ProcessState::Running);
    stage.ends("a", end(None, Some(9), EndReason::Killed));
    stage.ok(asked);
    assert_eq!((stage.state("a"), stage.view("a").desired), (ProcessState::Terminated, Desired::Down));
    stage.pass(1000 * SECOND);
    assert_eq!(stage.launches.len(), 1);
    let again = stage.answer(Command::Kill { name: "a".to_owned(), instance: 0 }).unwrap_err();
    assert_eq!(again.to_string(), "invalid state for operation: `a` does not run");
}

#[test]
fn a_signal_is_answered_by_the_run() {
    let mut stage = stage();
    stage.register(spec("a"));
    let signal = || Command::Signal { name: "a".to_owned(), instance: 0, signal: 1 };
    assert!(stage.answer(signal()).is_err());
    let run = stage.up("a");
    let (good, bad) = (stage.ask(signal()), stage.ask(signal()));
    stage.observe(run, Observation::Answered { ticket: good, result: Ok(()) });
    stage.ends("a", code(0));
    let error = ProcessError::SignalFailed("gone".to_owned());
    stage.observe(run, Observation::Answered { ticket: bad, result: Err(error) });
    stage.ok(good);
    assert_eq!(stage.error(bad), "failed to send signal: gone");
}

/// Three levels: what nobody depends on, the middle, the bottom.
fn tower() -> Stage {
    let mut stage = stage();
    stage.register(spec("bottom"));
    stage
        .register_with(spec("middle").instances(2), options(|o| o.depends_on = vec![on("bottom", Condition::Started)]));
    stage.register_with(spec("top"), options(|o| o.depends_on = vec![on("middle", Condition::Started)]));
    stage.ask(Command::Start(Target::All));
    for name in ["bottom", "middle-0", "middle-1", "top"] {
        stage.launched(name);
    }
    stage
}

#[test]
fn a_shutdown_goes_from_top_to_bottom_a_level_at_a_time() {
    let mut stage = tower();
    let asked = stage.ask(Command::Shutdown { deadline: None });
    assert_eq!(stage.stopped(), ["top"]);
    stage.pass(SECOND);
    stage.ends("top", obeyed());
    assert_eq!(stage.stopped(), ["middle-1", "middle-0"]);
    stage.ends("middle-0", end(Some(3), None, EndReason::Stopped));
    assert_eq!(stage.stopped(), [""; 0]);
    stage.ends("middle-1", RunEnd { leftovers: vec![1], ..end(None, Some(9), EndReason::StopTimeout) });
    assert_eq!(stage.stopped(), ["bottom"]);
    assert!(!stage.is_answered(asked));
    stage.pass(SECOND);
    stage.ends("bottom", obeyed());
    let report = stage.report(asked);
    assert_eq!((report.took, report.forced, report.is_clean()), (2 * SECOND, false, false));
    let lines: Vec<_> =
        report.instances.iter().map(|one| (one.name.as_str(), one.instance, one.code, one.leftovers_killed)).collect();
    assert_eq!(lines, [("top", 0, None, 0), ("middle", 0, Some(3), 0), ("middle", 1, None, 1), ("bottom", 0, None, 0)]);
    assert_eq!(report.instances[2].state, ProcessState::Terminated);
    assert_eq!(stage.events.last().unwrap().kind, EventKind::ShutdownComplete);
    assert!(matches!(stage.effects.back(), Some(Effect::Finished(_))));
}

#[test]
fn a_lower_stop_order_comes_first_whatever_depends_on_it() {
    let mut stage = stage();
    stage.register_with(spec("late"), options(|o| o.stop_order = Some(5)));
    stage.register_with(spec("early"), options(|o| o.stop_order = Some(-5)));
    stage.register_with(spec("plain"), options(|o| o.depends_on = vec![on("early", Condition::Started)]));
    stage.ask(Command::Start(Target::All));
    for name in ["late", "early", "plain"] {
        stage.launched(name);
    }
    stage.ask(Command::Shutdown { deadline: None });
    for name in ["early", "plain", "late"] {
        assert_eq!(stage.stopped(), [name]);
        stage.ends(name, obeyed());
    }
}

#[test]
fn after_the_deadline_the_rest_is_killed() {
    let mut stage = tower();
    let asked = stage.ask(Command::Shutdown { deadline: Some(10 * SECOND) });
    stage.pass(9 * SECOND);
    assert_eq!(stage.killed(), [""; 0]);
    stage.pass(SECOND);
    assert_eq!(stage.killed().len(), 4);
    for name in ["top", "middle-1", "middle-0", "bottom"] {
        assert!(!stage.is_answered(asked));
        stage.ends(name, end(None, Some(9), EndReason::Killed));
    }
    let report = stage.report(asked);
    assert!(report.forced);
    assert!(report.instances.iter().all(|one| one.state == ProcessState::Terminated));
}

#[test]
fn a_second_shutdown_can_only_hurry() {
    let mut stage = tower();
    let first = stage.ask(Command::Shutdown { deadline: Some(10 * SECOND) });
    let slow = stage.ask(Command::Shutdown { deadline: Some(1000 * SECOND) });
    let now = stage.ask(Command::Shutdown { deadline: Some(Duration::ZERO) });
    assert_eq!(stage.killed().len(), 4);
    for name in ["top", "middle-1", "middle-0", "bottom"] {
        stage.ends(name, end(None, Some(9), EndReason::Killed));
    }
    let report = stage.report(first);
    assert_eq!(stage.report(slow), report);
    assert_eq!(stage.report(now), report);
    let after = stage.ask(Command::Shutdown { deadline: None });
    assert_eq!(stage.report(after), report);
}

#[test]
fn nothing_starts_once_a_shutdown_has_begun() {
    let mut stage = stage();
    for name in ["up", "back", "new"] {
        stage.register(spec(name));
    }
    stage.up("up");
    stage.up("back");
    stage.crashes("back");
    let launching = stage.ask(start("new"));
    let waiting = {
        let (name, condition) = ("new".to_owned(), Condition::Healthy);
        stage.ask(Command::WaitFor { name, condition, timeout: 100 * SECOND })
    };
    let asked = stage.ask(Command::Shutdown { deadline: None });
    assert_eq!(stage.error(waiting), "the supervisor is shutting down");
    assert_eq!(stage.error(launching), "the supervisor is shutting down");
    for command in [start("up"), restart("up"), Command::Scale { name: "up".to_owned(), instances: 5 }] {
        assert!(matches!(stage.answer(command), Err(SupervisorError::ShuttingDown)));
    }
    stage.pass(5 * SECOND);
    stage.crashes("up");
    stage.pass(1000 * SECOND);
    stage.launched("new");
    stage.ends("new", obeyed());
    stage.report(asked);
    assert_eq!(stage.launches.len(), 3);
}

#[test]
fn what_outlives_a_shutdown_is_reported() {
    let mut stage = stage();
    stage.register(spec("a"));
    let run = stage.up("a");
    let asked = stage.ask(Command::Shutdown { deadline: None });
    stage.observe(run, Observation::StopFailed { error: "`a` is there".to_owned() });
    let report = stage.report(asked);
    assert!(!report.is_clean());
    let one = &report.instances[0];
    assert_eq!((one.state.clone(), one.error.as_deref()), (ProcessState::Stopping, Some("`a` is there")));
}

#[test]
fn a_shutdown_of_nothing_is_over_at_once() {
    let mut stage = stage();
    stage.register(spec("a"));
    let asked = stage.ask(Command::Shutdown { deadline: None });
    assert!(stage.report(asked).is_clean());
}

#[test]
fn stop_all_keeps_the_order_and_lets_things_start_afterwards() {
    let mut stage = tower();
    let asked = stage.ask(Command::Stop(Target::All));
    for level in [vec!["top"], vec!["middle-1", "middle-0"], vec!["bottom"]] {
        assert_eq!(stage.stopped(), level);
        for name in level {
            stage.ends(name, obeyed());
        }
    }
    stage.ok(asked);
    stage.up("bottom");
    assert_eq!(stage.phase("bottom"), Phase::Up);
}

#[test]
fn whoever_is_wanted_again_before_its_turn_is_not_stopped() {
    let mut stage = tower();
    let stopping = stage.ask(Command::Stop(Target::All));
    stage.ask(start("bottom"));
    stage.ends("top", obeyed());
    stage.ends("middle-0", obeyed());
    stage.ends("middle-1", obeyed());
    stage.ok(stopping);
    assert_eq!(stage.state("bottom"), ProcessState::Running);
}
