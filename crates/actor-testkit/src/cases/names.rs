use perilune_actor_core::{ActorError, ErrorKind, NameError, NameRegistry, Outcome, Scheduler, Step};

use crate::cases::ROUNDS;
use crate::cases::monitors::targets;
use crate::harness::Harness;
use crate::probe::Plan;
use crate::stage::Stage;

pub fn name_belongs_to_one_live_actor<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let (first, second) = (stage.probe(), stage.probe());
    let names: &dyn NameRegistry = stage.scheduler.names();
    let register = |pid| names.register("name", pid);
    assert_eq!(names.whereis("name"), None);
    assert!(!names.unregister("name"));
    assert_eq!(register(first.pid()), Ok(()));
    assert_eq!(register(first.pid()), Ok(()));
    let taken = register(second.pid()).expect_err("a taken name");
    assert_eq!((&taken, taken.kind()), (&ActorError::NameTaken("name".into()), ErrorKind::AlreadyExists));
    assert_eq!(names.register("another", first.pid()), Ok(()));
    let mut held = stage.find(first.pid()).expect("a live actor").names;
    held.sort();
    assert_eq!(held, ["another", "name"]);
    assert_eq!(second.run(|cx| cx.whereis("name")), Some(first.pid()));
    assert!(second.run(|cx| cx.unregister("name")));
    assert_eq!(names.whereis("name"), None);
    assert_eq!(stage.find(first.pid()).expect("a live actor").names, ["another"]);
    assert_eq!(register(second.pid()), Ok(()));
    first.finish();
    first.ended();
    assert_eq!((names.whereis("name"), names.whereis("another")), (Some(second.pid()), None));
    assert_eq!(register(first.pid()), Err(ActorError::NotFound(first.pid())));
}

pub fn thousands_of_names_of_one_actor_are_found_and_freed<H: Harness>(harness: &H) {
    const COUNT: usize = 5000;
    let stage = Stage::new(harness);
    let probe = stage.probe();
    let names: &dyn NameRegistry = stage.scheduler.names();
    let name = |number: usize| format!("name {number}");
    for number in 0..COUNT {
        assert_eq!(names.register(&name(number), probe.pid()), Ok(()));
    }
    assert!((0..COUNT).all(|number| names.whereis(&name(number)) == Some(probe.pid())));
    // Half of them by hand, the others by the end of the actor.
    assert!((0..COUNT / 2).all(|number| names.unregister(&name(number))));
    let mut held = stage.find(probe.pid()).expect("a live actor").names;
    let mut left: Vec<_> = (COUNT / 2..COUNT).map(name).collect();
    held.sort();
    left.sort();
    assert_eq!(held, left);
    probe.finish();
    probe.ended();
    assert!((0..COUNT).all(|number| names.whereis(&name(number)).is_none()));
}

pub fn text_that_is_no_name_is_refused<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let probe = stage.probe();
    let register = |name: String| probe.run(move |cx| cx.register(&name, cx.pid()));
    assert_eq!(register(String::new()), Err(ActorError::Name(NameError::Empty)));
    for pid in [probe.pid().to_string(), "{no such host|0x00001}".into(), "{node@host|0x12345}".into()] {
        let error = register(pid.clone()).expect_err("no name");
        assert_eq!((&error, error.kind()), (&ActorError::Name(NameError::LooksLikePid(pid)), ErrorKind::Invalid));
    }
    assert_eq!(register("{almost|0x1}".into()), Ok(()));
}

pub fn names_are_free_before_the_exit_is_seen<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let observer = stage.probe();
    for _ in 0..ROUNDS / 100 {
        for target in targets(&stage, &observer) {
            let pid = target.pid();
            target.run(|cx| {
                cx.register("name", cx.pid()).expect("a free name");
                cx.register("nickname", cx.pid()).expect("a free name");
            });
            observer.monitor(pid).expect("a live target");
            target.fail();
            assert_eq!(observer.down().0, pid);
            observer.run(|cx| {
                assert_eq!(cx.whereis("name"), None);
                cx.register("nickname", cx.pid()).expect("a free name");
                assert!(cx.unregister("nickname") && !cx.unregister("name"));
            });
        }
    }
}

pub fn registering_an_ending_actor_leaves_no_name<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let other = stage.probe();
    let names: &dyn NameRegistry = stage.scheduler.names();
    for round in 0..ROUNDS {
        let target = stage.probe();
        let pid = target.pid();
        target.finish();
        let name = ["one", "two"][round % 2];
        let registered =
            if round % 3 == 0 { names.register(name, pid) } else { other.run(move |cx| cx.register(name, pid)) };
        if let Err(error) = registered {
            assert_eq!(error, ActorError::NotFound(pid));
        }
        target.ended();
        assert_eq!(names.whereis(name), None);
    }
    assert!(!names.unregister("one") && !names.unregister("two"));
}

pub fn foreign_actor_can_be_given_a_name<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let probe = stage.probe();
    let idle = stage.act(|_| Step::Wait).pid;
    let here = probe.spawn_here(Plan::default()).expect("a child").pid();
    for (name, pid) in [("idle", idle), ("here", here)] {
        assert_eq!(probe.run(move |cx| cx.register(name, pid)), Ok(()));
        assert_eq!(stage.scheduler.names().whereis(name), Some(pid));
        assert!(matches!(probe.run(move |cx| cx.monitor(pid, None)), Outcome::Done(Ok(()))));
        probe.run(move |cx| cx.terminate(pid, Default::default())).expect("a live target");
        assert_eq!(probe.down().0, pid);
        assert_eq!(stage.scheduler.names().whereis(name), None);
    }
}
