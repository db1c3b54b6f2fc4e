use super::*;

fn stage() -> Stage {
    Stage::new(SupervisorConfig { max_restarts: u32::MAX, ..SupervisorConfig::default() })
}

fn pair(condition: Condition) -> Stage {
    let mut stage = stage();
    stage.register_with(spec("web"), options(|o| o.depends_on = vec![on("db", condition)]));
    stage.register_with(spec("db").instances(2), options(|o| o.readiness = Readiness::NotifyFd));
    stage
}

#[test]
fn it_starts_when_all_instances_it_waits_for_are_there() {
    let mut stage = pair(Condition::Ready);
    let asked = stage.ask(Command::Start(Target::All));
    assert_eq!(stage.started(), ["db-0", "db-1"]);
    assert_eq!(stage.phase("web"), Phase::WaitingForDependency);
    let runs = ["db-0", "db-1"].map(|name| stage.launched(name));
    stage.ok(asked);
    stage.observe(runs[0], Observation::Ready);
    assert_eq!(stage.started(), [""; 0]);
    stage.observe(runs[1], Observation::Ready);
    assert_eq!(stage.started(), ["web"]);
}

#[test]
fn each_condition_is_met_by_what_it_says() {
    for condition in [Condition::Started, Condition::Completed, Condition::CompletedSuccessfully] {
        for exit in [None, Some(0), Some(1)] {
            let mut stage = stage();
            let once = RestartConfig { policy: RestartPolicy::Temporary, ..restarts() };
            stage.register(spec("first").restart(once));
            stage.register_with(spec("then"), options(|o| o.depends_on = vec![on("first", condition)]));
            stage.ask(start("then"));
            assert_eq!(stage.phase("then"), Phase::WaitingForDependency);
            stage.ask(start("first"));
            stage.launched("first");
            if let Some(exit) = exit {
                stage.ends("first", code(exit));
            }
            let met = match condition {
                Condition::Completed => exit.is_some(),
                Condition::CompletedSuccessfully => exit == Some(0),
                // It is looked at whenever something changes.
                _ => true,
            };
            assert_eq!(stage.phase("then") == Phase::Launching, met, "{condition:?} {exit:?}");
        }
    }
}

#[test]
fn a_dependency_that_fails_for_good_is_told_and_waited_for() {
    let mut stage = stage();
    let never = RestartConfig { max_restarts: 0, ..RestartConfig::default() };
    stage.register(spec("db").restart(never));
    stage.register_with(spec("web"), options(|o| o.depends_on = vec![on("db", Condition::Ready)]));
    stage.ask(start("db"));
    stage.ask(start("web"));
    let run = stage.run("db");
    stage.observe(run, Observation::LaunchFailed { error: "no".to_owned() });
    let failed = |stage: &mut Stage| {
        let kinds = stage.kinds();
        kinds.into_iter().filter(|kind| matches!(kind, EventKind::DependencyFailed { .. })).collect::<Vec<_>>()
    };
    let told = EventKind::DependencyFailed { dependency: "db".to_owned(), reason: "failed too often".to_owned() };
    assert_eq!(failed(&mut stage), std::slice::from_ref(&told));
    assert_eq!(stage.phase("web"), Phase::WaitingForDependency);
    // Whoever begins to wait later is told as well.
    stage.ask(stop("web"));
    stage.ask(start("web"));
    assert_eq!(failed(&mut stage), [told]);
    stage.up("db");
    assert_eq!(stage.phase("web"), Phase::Launching);
}

#[test]
fn a_stop_ends_the_waiting() {
    let mut stage = pair(Condition::Ready);
    stage.ask(start("web"));
    let asked = stage.ask(stop("web"));
    stage.ok(asked);
    stage.ask(start("db"));
    for name in ["db-0", "db-1"] {
        let run = stage.launched(name);
        stage.observe(run, Observation::Ready);
    }
    assert_eq!(stage.phase("web"), Phase::Idle);
}

#[test]
fn circles_are_refused_when_they_close() {
    let mut stage = stage();
    stage.register_with(spec("a"), options(|o| o.depends_on = vec![on("b", Condition::Started)]));
    stage.register_with(spec("b"), options(|o| o.depends_on = vec![on("c", Condition::Started)]));
    let options = Box::new(options(|o| o.depends_on = vec![on("a", Condition::Started)]));
    let register = Command::Register { spec: Box::new(spec("c").build()), options };
    let error = stage.answer(register).unwrap_err();
    assert!(matches!(&error, SupervisorError::DependencyCycle(names) if names.len() == 3), "{error}");
    stage.register(spec("c"));
    let itself = Box::new(super::options(|o| o.depends_on = vec![on("d", Condition::Started)]));
    let register = Command::Register { spec: Box::new(spec("d").build()), options: itself };
    assert!(matches!(stage.answer(register), Err(SupervisorError::DependencyCycle(_))));
}

#[test]
fn nothing_starts_if_something_depends_on_what_is_not_there() {
    let mut stage = stage();
    stage.register(spec("a"));
    stage.register_with(spec("b"), options(|o| o.depends_on = vec![on("c", Condition::Started)]));
    let error = stage.answer(Command::Start(Target::All)).unwrap_err();
    assert_eq!(error.to_string(), "`b` depends on `c`, which is not registered");
    assert_eq!(stage.launches.len(), 0);
}

#[test]
fn only_who_wants_that_is_restarted_with_its_dependency() {
    let mut stage = stage();
    stage.register(spec("db"));
    let depends = |on: &str, with: bool| {
        options(|o| {
            o.depends_on = vec![super::on(on, Condition::Started)];
            o.restart_with_dependency = with;
        })
    };
    stage.register_with(spec("with"), depends("db", true));
    stage.register_with(spec("after"), depends("with", true));
    stage.register_with(spec("alone"), depends("db", false));
    stage.ask(Command::Start(Target::All));
    for name in ["db", "with", "after", "alone"] {
        stage.launched(name);
    }
    stage.started();
    stage.crashes("db");
    assert_eq!(stage.stopped(), ["with", "after"]);
    stage.ends("with", obeyed());
    stage.ends("after", obeyed());
    assert_eq!(stage.started(), [""; 0]);
    stage.pass(SECOND);
    for name in ["db", "with", "after"] {
        assert_eq!(stage.started(), [name]);
        stage.launched(name);
    }
    assert_eq!((stage.view("with").restart_count, stage.view("alone").restart_count), (1, 0));
}

#[test]
fn without_autostart_it_waits_for_somebody_to_ask() {
    let mut stage = stage();
    stage.register_with(spec("a"), options(|o| o.autostart = false));
    stage.register(spec("b"));
    stage.ask(Command::Start(Target::All));
    assert_eq!(stage.started(), ["b"]);
    stage.up("a");
}

#[test]
fn waiting_ends_with_the_condition_with_time_or_for_good() {
    let mut stage = stage();
    stage.register(spec("a").restart(RestartConfig { max_restarts: 0, ..RestartConfig::default() }));
    let wait = |condition| Command::WaitFor { name: "a".to_owned(), condition, timeout: 10 * SECOND };
    let (up, healthy, done) = (
        stage.ask(wait(Condition::Started)),
        stage.ask(wait(Condition::Healthy)),
        stage.ask(wait(Condition::Completed)),
    );
    stage.up("a");
    stage.ok(up);
    stage.pass(10 * SECOND);
    assert_eq!(stage.error(healthy), "not within 10s");
    assert_eq!(stage.error(done), "not within 10s");
    let (ready, success, done) = (
        stage.ask(wait(Condition::Ready)),
        stage.ask(wait(Condition::CompletedSuccessfully)),
        stage.ask(wait(Condition::Completed)),
    );
    stage.ok(ready);
    stage.crashes("a");
    stage.ok(done);
    assert_eq!(stage.error(success), "invalid state for operation: `a` failed too often");
    let gone = stage.ask(wait(Condition::Started));
    stage.answer(Command::Unregister { name: "a".to_owned() }).unwrap();
    assert_eq!(stage.error(gone), "`a` is not registered");
    assert!(matches!(stage.answer(wait(Condition::Started)), Err(SupervisorError::NotFound(_))));
}
