use perilune_restart::RestartStrategy;

use crate::supervisor::OnExceeded;

use super::*;

fn stage(strategy: RestartStrategy) -> Stage {
    let mut stage = Stage::new(SupervisorConfig { strategy, max_restarts: u32::MAX, ..SupervisorConfig::default() });
    for name in ["a", "b", "c", "d", "e"] {
        stage.register(spec(name));
        stage.up(name);
    }
    stage.started();
    stage.kinds();
    stage
}

/// Stops in that order, one after the other.
fn stops(stage: &mut Stage, names: &[&str]) {
    for name in names {
        assert_eq!(stage.stopped(), [*name]);
        stage.ends(name, obeyed());
    }
    assert_eq!(stage.stopped(), [""; 0]);
}

fn starts(stage: &mut Stage, names: &[&str]) {
    for name in names {
        assert_eq!(stage.started(), [*name]);
        stage.launched(name);
    }
    assert_eq!(stage.started(), [""; 0]);
}

#[test]
fn one_for_one_leaves_the_others_alone() {
    let mut stage = stage(RestartStrategy::OneForOne);
    stage.crashes("b");
    stage.pass(SECOND);
    assert_eq!((stage.stopped().len(), stage.started()), (0, vec!["b".to_owned()]));
}

#[test]
fn one_for_all_stops_the_others_in_reverse_and_starts_all_in_order() {
    let mut stage = stage(RestartStrategy::OneForAll);
    stage.crashes("b");
    let affected = ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec();
    let cause = "b".to_owned();
    assert!(stage.kinds().contains(&EventKind::GroupRestart { strategy: RestartStrategy::OneForAll, cause, affected }));
    stops(&mut stage, &["e", "d", "c", "a"]);
    assert_eq!(stage.started(), [""; 0]);
    assert_eq!((stage.phase("e"), stage.view("e").restart_at), (Phase::Backoff, Some(stage.now + SECOND)));
    stage.pass(SECOND);
    starts(&mut stage, &["a", "b", "c", "d", "e"]);
    let counted: Vec<usize> = ["a", "b", "c"].iter().map(|name| stage.view(name).restarts.len()).collect();
    assert_eq!(counted, [0, 1, 0], "it counts for the one that failed");
    assert_eq!(stage.view("e").restart_count, 1);
}

#[test]
fn rest_for_one_concerns_those_after_it() {
    let mut stage = stage(RestartStrategy::RestForOne);
    stage.crashes("c");
    stops(&mut stage, &["e", "d"]);
    stage.pass(SECOND);
    starts(&mut stage, &["c", "d", "e"]);
}

#[test]
fn who_is_down_or_done_is_left_alone() {
    let mut stage = stage(RestartStrategy::OneForAll);
    stage.ask(stop("d"));
    stage.stopped();
    stage.ends("d", obeyed());
    stage.ends("c", code(0));
    stage.crashes("a");
    stops(&mut stage, &["e", "b"]);
    stage.pass(SECOND);
    starts(&mut stage, &["a", "b", "e"]);
}

#[test]
fn a_further_failure_joins() {
    let mut stage = stage(RestartStrategy::OneForAll);
    stage.crashes("b");
    assert_eq!(stage.stopped(), ["e"]);
    stage.crashes("c");
    stage.ends("e", obeyed());
    stops(&mut stage, &["d", "a"]);
    stage.pass(SECOND);
    starts(&mut stage, &["a", "b", "c", "d", "e"]);
}

#[test]
fn a_failure_while_they_start_is_a_new_one() {
    let mut stage = stage(RestartStrategy::RestForOne);
    stage.crashes("c");
    stops(&mut stage, &["e", "d"]);
    stage.pass(SECOND);
    assert_eq!(stage.started(), ["c"]);
    stage.launched("c");
    assert_eq!(stage.started(), ["d"]);
    let run = stage.run("d");
    stage.observe(run, Observation::LaunchFailed { error: "no".to_owned() });
    assert_eq!(stage.started(), [""; 0]);
    stage.pass(SECOND);
    starts(&mut stage, &["d", "e"]);
    assert_eq!(stage.view("d").restarts.len(), 1);
}

#[test]
fn each_one_is_ready_before_the_next_is_started() {
    let mut stage = Stage::new(SupervisorConfig { strategy: RestartStrategy::OneForAll, ..Default::default() });
    for name in ["a", "b"] {
        stage.register_with(spec(name), options(|o| o.readiness = Readiness::NotifyFd));
        let run = stage.up(name);
        stage.observe(run, Observation::Ready);
    }
    stage.started();
    stage.crashes("b");
    stops(&mut stage, &["a"]);
    stage.pass(SECOND);
    assert_eq!(stage.started(), ["a"]);
    let run = stage.launched("a");
    assert_eq!(stage.started(), [""; 0]);
    stage.observe(run, Observation::Ready);
    assert_eq!(stage.started(), ["b"]);
}

#[test]
fn a_stop_during_a_group_restart_is_for_good() {
    let mut stage = stage(RestartStrategy::OneForAll);
    stage.crashes("b");
    stage.stopped();
    // One that is just being stopped for the group, one whose turn is to come, and the one that failed.
    let asked = ["e", "d", "b"].map(|name| stage.ask(stop(name)));
    for name in ["e", "d"] {
        stage.ends(name, obeyed());
    }
    for ticket in asked {
        stage.ok(ticket);
    }
    stage.stopped();
    for name in ["c", "a"] {
        stage.ends(name, obeyed());
    }
    stage.stopped();
    stage.pass(SECOND);
    starts(&mut stage, &["a", "c"]);
    stage.pass(1000 * SECOND);
    assert_eq!(stage.started(), [""; 0]);
}

#[test]
fn a_start_by_hand_ends_the_delay_for_all() {
    let mut stage = stage(RestartStrategy::RestForOne);
    stage.crashes("d");
    stops(&mut stage, &["e"]);
    let asked = stage.ask(start("d"));
    starts(&mut stage, &["d", "e"]);
    stage.ok(asked);
}

fn limited(strategy: RestartStrategy, on_exceeded: OnExceeded, max_restarts: u32) -> Stage {
    let config = SupervisorConfig { strategy, on_exceeded, max_restarts, ..SupervisorConfig::default() };
    let mut stage = Stage::new(config);
    for name in ["a", "b"] {
        stage.register(spec(name));
        stage.up(name);
    }
    stage
}

#[test]
fn too_many_restarts_of_all_together_keep_only_the_last_one_down() {
    let mut stage = limited(RestartStrategy::OneForOne, OnExceeded::KeepOthers, 2);
    for name in ["a", "b"] {
        stage.crashes(name);
        stage.pass(SECOND);
        stage.launched(name);
    }
    stage.kinds();
    stage.crashes("a");
    assert_eq!((stage.phase("a"), stage.phase("b")), (Phase::GaveUp, Phase::Up));
    assert!(stage.kinds().contains(&EventKind::GaveUp { count: 2, window: Some(60 * SECOND) }));
    stage.pass(61 * SECOND);
    stage.crashes("b");
    assert_eq!(stage.phase("b"), Phase::Backoff, "it slides");
}

#[test]
fn too_many_restarts_of_a_group_stop_everything() {
    for (strategy, on_exceeded) in [
        (RestartStrategy::OneForAll, OnExceeded::KeepOthers),
        (RestartStrategy::RestForOne, OnExceeded::KeepOthers),
        (RestartStrategy::OneForOne, OnExceeded::StopAll),
    ] {
        let mut stage = limited(strategy, on_exceeded, 0);
        stage.crashes("b");
        assert!(stage.kinds().iter().any(|kind| matches!(kind, EventKind::SupervisorFailed { .. })));
        assert_eq!(stage.stopped(), ["a"]);
        stage.ends("a", obeyed());
        stage.pass(1000 * SECOND);
        assert_eq!((stage.phase("a"), stage.phase("b"), stage.launches.len()), (Phase::Idle, Phase::GaveUp, 2));
        stage.up("b");
        assert_eq!(stage.phase("b"), Phase::Up);
    }
}

#[test]
fn one_that_is_given_up_takes_the_others_along_only_if_that_is_wanted() {
    let never = RestartConfig { max_restarts: 0, ..RestartConfig::default() };
    for (on_exceeded, up) in [(OnExceeded::KeepOthers, true), (OnExceeded::StopAll, false)] {
        let config =
            SupervisorConfig { strategy: RestartStrategy::OneForAll, on_exceeded, ..SupervisorConfig::default() };
        let mut stage = Stage::new(config);
        stage.register(spec("a"));
        stage.register(spec("b").restart(never.clone()));
        stage.up("a");
        stage.up("b");
        stage.crashes("b");
        assert_eq!(stage.phase("b"), Phase::GaveUp);
        assert_eq!(stage.state("a").is_running(), up);
    }
}

#[test]
fn who_leaves_a_group_lets_the_others_go_on_at_once() {
    let mut stage = stage(RestartStrategy::OneForAll);
    stage.crashes("a");
    assert_eq!(stage.stopped(), ["e"]);
    // Its end is under way, so this has nothing to order but the turn of the next.
    stage.ask(Command::RollingRestart { name: "e".to_owned(), batch: 1 });
    assert_eq!(stage.stopped(), ["d"]);
}

#[test]
fn a_kill_of_one_that_is_down_takes_it_out_of_nothing() {
    let mut stage = stage(RestartStrategy::RestForOne);
    stage.crashes("d");
    stops(&mut stage, &["e"]);
    assert!(stage.answer(Command::Kill { name: "d".to_owned(), instance: 0 }).is_err());
    stage.pass(SECOND);
    starts(&mut stage, &["d", "e"]);
}
