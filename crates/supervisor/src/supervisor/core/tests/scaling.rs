use super::*;

fn stage(instances: u32) -> Stage {
    let mut stage = Stage::new(SupervisorConfig { max_restarts: u32::MAX, ..SupervisorConfig::default() });
    stage.register(spec("w").instances(instances));
    stage.ask(start("w"));
    for name in names(&stage) {
        stage.launched(&name);
    }
    stage.started();
    stage
}

fn names(stage: &Stage) -> Vec<String> {
    let views = stage.views.values().flatten();
    views.map(|view| view.spec.display_name(view.instance)).collect()
}

fn scale(instances: u32) -> Command {
    Command::Scale { name: "w".to_owned(), instances }
}

#[test]
fn more_instances_are_started_if_the_others_are_wanted() {
    let mut stage = stage(2);
    let asked = stage.ask(scale(4));
    assert_eq!(stage.started(), ["w-2", "w-3"]);
    stage.launched("w-2");
    assert!(!stage.is_answered(asked));
    stage.launched("w-3");
    stage.ok(asked);
    stage.ask(stop("w"));
    for name in ["w-0", "w-1", "w-2", "w-3"] {
        stage.ends(name, obeyed());
    }
    let asked = stage.ask(scale(5));
    stage.ok(asked);
    assert_eq!(stage.started(), [""; 0]);
}

#[test]
fn the_last_instances_leave_when_nothing_is_left_of_them() {
    let mut stage = stage(3);
    let asked = stage.ask(scale(1));
    assert_eq!(stage.stopped(), ["w-1", "w-2"]);
    stage.ends("w-1", obeyed());
    assert_eq!(names(&stage), ["w-0", "w-1", "w-2"], "they go from the end");
    stage.ends("w-2", obeyed());
    stage.ok(asked);
    assert_eq!(names(&stage), ["w"]);
    assert_eq!(stage.state("w"), ProcessState::Running);
}

#[test]
fn who_is_leaving_comes_back_after_its_end() {
    let mut stage = stage(2);
    stage.ask(scale(1));
    let asked = stage.ask(scale(2));
    stage.ends("w-1", obeyed());
    assert_eq!(stage.started(), ["w-1"]);
    stage.launched("w-1");
    stage.ok(asked);
    assert_eq!(names(&stage), ["w-0", "w-1"]);
}

#[test]
fn there_is_always_an_instance() {
    let mut stage = stage(1);
    let error = stage.answer(scale(0)).unwrap_err();
    assert_eq!(error.to_string(), "invalid options of `w`: at least one instance is needed");
}

#[test]
fn a_rolling_restart_takes_one_batch_after_the_other() {
    let mut stage = stage(3);
    let asked = stage.ask(Command::RollingRestart { name: "w".to_owned(), batch: 2 });
    assert_eq!(stage.stopped(), ["w-0", "w-1"]);
    for name in ["w-0", "w-1"] {
        stage.ends(name, obeyed());
        assert_eq!(stage.stopped(), [""; 0]);
        stage.launched(name);
    }
    assert_eq!(stage.stopped(), ["w-2"]);
    stage.ends("w-2", obeyed());
    assert!(!stage.is_answered(asked));
    stage.launched("w-2");
    stage.ok(asked);
}

#[test]
fn a_rolling_restart_stops_where_something_does_not_come_back() {
    let mut stage = stage(3);
    let asked = stage.ask(Command::RollingRestart { name: "w".to_owned(), batch: 1 });
    stage.ends("w-0", obeyed());
    let run = stage.run("w-0");
    stage.observe(run, Observation::LaunchFailed { error: "no".to_owned() });
    assert_eq!(stage.error(asked), "failed to spawn process: no");
    stage.stopped();
    stage.pass(10 * SECOND);
    assert_eq!(stage.stopped(), [""; 0]);
    assert_eq!(stage.state("w-2"), ProcessState::Running);
}

#[test]
fn an_update_says_what_runs_otherwise_than_it_is_written() {
    let mut stage = stage(2);
    let id = stage.view("w-0").spec.id;
    let update = |spec: ProcessSpecBuilder| Command::Update { spec: Box::new(spec.build()), options: None };
    let mut updated = |spec| match stage.answer(update(spec)).unwrap() {
        Answer::Updated(updated) => updated.restart_needed,
        other => panic!("{other:?}"),
    };
    assert_eq!(updated(spec("w").instances(2)), [0; 0]);
    assert_eq!(updated(spec("w").instances(2).restart(RestartConfig::default())), [0; 0]);
    assert_eq!(updated(spec("w").instances(2).arg("new")), [0, 1]);
    let view = stage.view("w-0");
    assert_eq!((view.restart_needed, view.spec.id, view.spec.args.len()), (true, id, 1));
    stage.ask(restart("w"));
    stage.ends("w-0", obeyed());
    stage.launched("w-0");
    assert!(!stage.view("w-0").restart_needed);
    assert!(stage.view("w-1").restart_needed);
}

#[test]
fn names_are_taken_once_and_free_when_nothing_runs() {
    let mut stage = stage(1);
    let again = Command::Register { spec: Box::new(spec("w").build()), options: Box::default() };
    assert!(matches!(stage.answer(again), Err(SupervisorError::DuplicateName(_))));
    let unregister = || Command::Unregister { name: "w".to_owned() };
    assert!(matches!(stage.answer(unregister()), Err(SupervisorError::StillRunning(_))));
    stage.crashes("w");
    assert!(matches!(stage.answer(unregister()), Err(SupervisorError::StillRunning(_))), "it is to come back");
    stage.ask(stop("w"));
    stage.answer(unregister()).unwrap();
    assert!(stage.views.is_empty());
    assert!(matches!(stage.answer(unregister()), Err(SupervisorError::NotFound(_))));
    stage.register(spec("w"));
}

#[test]
fn a_spec_that_cannot_be_run_is_refused() {
    let mut stage = stage(1);
    let mut bad = spec("x").build();
    bad.name = "a/b".to_owned();
    let register = Command::Register { spec: Box::new(bad), options: Box::default() };
    assert!(matches!(stage.answer(register), Err(SupervisorError::InvalidSpec(_))));
    let missing = Command::Start(Target::Instance("w".to_owned(), 1));
    assert!(matches!(stage.answer(missing), Err(SupervisorError::InvalidInstance(1))));
}
