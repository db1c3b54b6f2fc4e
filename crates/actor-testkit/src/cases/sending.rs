use std::num::NonZeroU64;

use crossbeam_channel::unbounded;
use perilune_actor_core::{
    Actor, ActorError, Context, Envelope, ErrorKind, Event, Failure, HostId, HostSpec, Notice, Outcome, Pid, Scheduler,
    Signal, Spawn, Step, Value,
};

use crate::cases::ROUNDS;
use crate::harness::Harness;
use crate::probe::{Plan, topic};
use crate::stage::{Stage, wait};

pub fn send_to_an_actor_seen_to_end_answers_not_found<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let (observer, other) = (stage.probe(), stage.probe());
    for round in 0..ROUNDS / 10 {
        let target =
            if round % 2 == 0 { stage.probe() } else { observer.spawn_here(Plan::default()).expect("a child") };
        let pid = target.pid();
        observer.monitor(pid).expect("a live target");
        target.finish();
        observer.down();
        let gone = Err(ActorError::NotFound(pid));
        for probe in [&observer, &other] {
            assert_eq!(probe.send(pid, "late", Value::Nil), gone);
        }
        let message = Envelope { from: None, topic: topic("late"), payload: Value::Nil };
        assert_eq!(stage.scheduler.deliver(pid, message.into()), gone);
        assert!(!observer.run(move |cx| cx.is_alive(pid)));
    }
}

pub fn pid_that_never_was_answers_not_found<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let probe = stage.probe();
    let unique = |number| NonZeroU64::new(number).expect("not zero");
    let numbers = [1, 0xff, 0xffff, 0x00ff_ff00, u64::MAX, u64::MAX - 0xff, 1 << 40].map(unique);
    for pid in numbers.map(|number| Pid::local(stage.host, number)).into_iter().filter(|pid| *pid != probe.pid()) {
        let gone = Err(ActorError::NotFound(pid));
        assert_eq!(probe.send(pid, "hello", Value::Nil), gone);
        assert_eq!(probe.monitor(pid), gone);
        assert_eq!(probe.link(pid), gone);
        assert_eq!(probe.run(move |cx| cx.cancel(pid, None)), gone);
        assert_eq!(probe.run(move |cx| cx.terminate(pid, Failure::default())), gone);
        assert_eq!(probe.run(move |cx| cx.register("nobody", pid)), gone);
        assert_eq!(stage.scheduler.deliver(pid, Signal::Linked(probe.pid())), gone);
    }
    let elsewhere = Pid::local(HostId::new("never added"), NonZeroU64::MIN);
    let error = probe.send(elsewhere, "hello", Value::Nil).expect_err("an error");
    assert_eq!((&error, error.kind()), (&ActorError::HostNotFound("never added".into()), ErrorKind::NotFound));
}

pub fn right_number_on_another_host_reaches_nobody<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let other_host = HostId::new("testkit other");
    stage.scheduler.add_host(HostSpec::new(other_host));
    let attackers = [stage.probe(), stage.probe()];
    let victim = attackers[0].spawn_here(Plan::default()).expect("a child");
    let forged = Pid::local(other_host, victim.pid().unique());
    let gone = Err(ActorError::NotFound(forged));
    for attacker in attackers {
        assert_eq!(attacker.send(forged, "hello", Value::Nil), gone);
        assert_eq!(attacker.run(move |cx| cx.terminate(forged, Failure::default())), gone);
        assert_eq!(attacker.run(move |cx| cx.register("forged", forged)), gone);
        assert_eq!(attacker.monitor(forged), gone);
        assert!(!attacker.run(move |cx| cx.is_alive(forged)));
    }
    assert_eq!(stage.scheduler.deliver(forged, Signal::Terminate(Failure::default().into())), gone);
    assert!(!victim.run(|cx| cx.is_doomed()));
    victim.is_quiet();
}

pub fn completion_comes_from_any_thread_and_may_come_too_late<H: Harness>(harness: &H) {
    struct Asks(crossbeam_channel::Sender<u64>);

    impl Actor for Asks {
        fn step(&mut self, _: &mut dyn Context) -> Step {
            Step::Wait
        }
        fn notice(&mut self, notice: Notice, _: &mut dyn Context) {
            let Notice::Completion { token: 7, result } = notice else { panic!("not a completion") };
            let _ = self.0.send(*result.downcast().expect("a number"));
        }
    }

    let stage = Stage::new(harness);
    let ((tell, told), (hand, handed)) = (unbounded(), unbounded());
    let factory = move |cx: &mut dyn Context| -> Result<Box<dyn Actor>, Failure> {
        for _ in 0..2 {
            let _ = hand.send(cx.completion(7));
        }
        Ok(Box::new(Asks(tell)))
    };
    let pid = stage.scheduler.spawn(Spawn::new(stage.host, Box::new(factory))).expect("an actor");
    let (first, late) = (wait(&handed, "a completion"), wait(&handed, "a completion"));
    std::thread::spawn(move || first(Box::new(42u64)));
    assert_eq!(wait(&told, "the notice"), 42);
    let observer = stage.probe();
    observer.monitor(pid).expect("a live target");
    observer.run(move |cx| cx.terminate(pid, Failure::default())).expect("a live target");
    assert!(matches!(observer.event(), Event::Down { .. }));
    late(Box::new(43u64));
    stage.settle();
    assert!(told.try_recv().is_err());
    assert_eq!(observer.run(move |cx| cx.monitor(pid, None)), Outcome::Done(Err(ActorError::NotFound(pid))));
}
