use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crossbeam_channel::unbounded;
use perilune_actor_core::{
    Actor, ActorError, Context, ErrorKind, Event, ExitReason, Failure, Instant, Notice, Scheduler, Signal, Spawn, Step,
    Value,
};

use crate::cases::monitors::targets;
use crate::harness::Harness;
use crate::probe::{Plan, failure};
use crate::stage::{Stage, wait};

pub fn panic_in_a_step_ends_the_actor_alone<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let observer = stage.probe();
    for target in targets(&stage, &observer) {
        let beside = target.spawn_here(Plan::default()).expect("a child");
        observer.monitor(target.pid()).expect("a live target");
        target.panic("scripted panic");
        let (from, reason) = observer.down();
        let failure = reason.failure().expect("a failure");
        assert_eq!((from, failure.kind.clone()), (target.pid(), ErrorKind::Internal));
        assert!(failure.message.contains("scripted panic"), "{failure}");
        beside.is_quiet();
    }
}

/// Does something in its first notice, and counts its steps from then on.
struct Noticing<F> {
    notice: Option<F>,
    tell: crossbeam_channel::Sender<&'static str>,
}

impl<F: FnOnce(&mut dyn Context)> Actor for Noticing<F> {
    fn step(&mut self, _: &mut dyn Context) -> Step {
        if self.notice.is_none() {
            let _ = self.tell.send("a step after the notice");
        }
        Step::Wait
    }

    fn notice(&mut self, _: Notice, cx: &mut dyn Context) {
        if let Some(notice) = self.notice.take() {
            notice(cx);
        }
    }
}

/// The end of an actor that does this in a notice, and what it did after that.
fn end_in_a_notice<H: Harness>(
    stage: &Stage<'_, H>,
    notice: impl FnOnce(&mut dyn Context) + Send + 'static,
) -> (ExitReason, Vec<&'static str>) {
    let (tell, told) = unbounded();
    let (hand, handed) = unbounded();
    let factory = move |cx: &mut dyn Context| -> Result<Box<dyn Actor>, Failure> {
        let _ = hand.send(cx.completion(1));
        Ok(Box::new(Noticing { notice: Some(notice), tell }))
    };
    let (tell_end, ended) = unbounded();
    let mut spawn = Spawn::new(stage.host, Box::new(factory));
    spawn.on_exit = Some(Box::new(move |reason| drop(tell_end.send(reason.clone()))));
    stage.scheduler.spawn(spawn).expect("an actor");
    wait(&handed, "a completion")(Box::new(()));
    (wait(&ended, "the end of an actor"), told.try_iter().collect())
}

pub fn panic_in_a_notice_ends_the_actor_alone<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let beside = [stage.probe(), stage.probe()];
    let (reason, after) = end_in_a_notice(&stage, |_| std::panic::resume_unwind(Box::new("scripted panic")));
    let failure = reason.failure().expect("a failure");
    assert!(failure.kind == ErrorKind::Internal && failure.message.contains("scripted panic"), "{failure}");
    assert!(after.is_empty(), "{after:?}");
    beside.iter().for_each(crate::Probe::is_quiet);
}

pub fn terminate_in_a_notice_runs_no_further_step<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let (reason, after) = end_in_a_notice(&stage, |cx| cx.terminate(cx.pid(), failure()).expect("oneself"));
    assert_eq!(reason, ExitReason::failed(failure()));
    assert!(after.is_empty(), "{after:?}");
}

pub fn terminate_ends_another_actor_once<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let observer = stage.probe();
    for target in targets(&stage, &observer) {
        let pid = target.pid();
        observer.monitor(pid).expect("a live target");
        observer.run(move |cx| cx.terminate(pid, failure())).expect("a live target");
        assert_eq!(observer.down(), (pid, ExitReason::failed(failure())));
        assert_eq!(observer.run(move |cx| cx.terminate(pid, failure())), Err(ActorError::NotFound(pid)));
    }
    let target = stage.probe();
    stage.scheduler.deliver(target.pid(), Signal::Terminate(Arc::new(failure()))).expect("a live target");
    assert_eq!(target.ended(), ExitReason::failed(failure()));
    stage.settle();
    observer.is_quiet();
}

pub fn every_failing_end_reaches_observers_and_links<H: Harness>(harness: &H) {
    type End = fn(&crate::Probe, &crate::Probe);

    let ends: [(&str, End); 5] = [
        ("failure", |target, _| target.fail()),
        ("panic", |target, _| target.panic("scripted panic")),
        ("terminate", |target, other| {
            let pid = target.pid();
            other.run(move |cx| cx.terminate(pid, failure())).expect("a live target");
        }),
        ("link", |target, other| {
            let linked = other.spawn(Plan::default()).expect("a child");
            linked.link(target.pid()).expect("a live target");
            linked.fail();
        }),
        ("what it cannot become", |target, _| {
            target.become_what(Box::new(|_: &mut dyn Context| -> Result<Box<dyn Actor>, Failure> { Err(failure()) }));
        }),
    ];
    let stage = Stage::new(harness);
    let (observer, other) = (stage.probe_with(Plan::trapping()), stage.probe());
    for (how, end) in ends {
        for target in targets(&stage, &other) {
            reaches_all(&stage, &observer, &target, how, |target| end(target, &other));
        }
    }
    let Some(stage) = Stage::with_clock(harness) else { return };
    let (observer, other) = (stage.probe_with(Plan::trapping()), stage.probe());
    for target in targets(&stage, &other) {
        reaches_all(&stage, &observer, &target, "deadline", |target| {
            let pid = target.pid();
            other.run(move |cx| cx.cancel(pid, Some(ms(10)))).expect("a live target");
            stage.advance(ms(10));
        });
    }
    let host = perilune_actor_core::HostId::new("testkit narrow");
    stage.scheduler.add_host(perilune_actor_core::HostSpec::new(host));
    let target = stage.try_probe_on(host, Plan::default()).expect("room");
    reaches_all(&stage, &observer, &target, "stop of its host", |_| {
        stage.scheduler.stop_host(host, Duration::ZERO, "host shutdown".into());
    });
}

/// Ends `target`: whoever monitors it, whoever is linked and traps, and whoever is linked and does not learn of it.
fn reaches_all<H: Harness>(
    stage: &Stage<'_, H>,
    observer: &crate::Probe,
    target: &crate::Probe,
    how: &str,
    end: impl FnOnce(&crate::Probe),
) {
    let (trapping, linked) = (stage.probe_with(Plan::trapping()), stage.probe());
    observer.monitor(target.pid()).expect("a live target");
    trapping.link(target.pid()).expect("a live target");
    linked.link(target.pid()).expect("a live target");
    end(target);
    let (from, reason) = observer.down();
    let failure = reason.failure().unwrap_or_else(|| panic!("{how} is no failure"));
    assert_eq!((from, &target.ended()), (target.pid(), &reason), "{how}");
    assert_eq!(trapping.link_down(), (target.pid(), Arc::clone(failure)), "{how}");
    assert_eq!(linked.ended().failure().and_then(|failure| failure.cause.clone()), Some(Arc::clone(failure)), "{how}");
    trapping.is_quiet();
    observer.is_quiet();
}

pub fn terminate_of_oneself_takes_effect_when_the_step_returns<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let (observer, target) = (stage.probe(), stage.probe());
    observer.monitor(target.pid()).expect("a live target");
    target.run(|cx| {
        assert!(!cx.is_doomed());
        cx.terminate(cx.pid(), failure()).expect("oneself");
        assert!(cx.is_doomed() && cx.is_alive(cx.pid()));
        // The first reason stands.
        cx.terminate(cx.pid(), Failure::default()).expect("oneself");
    });
    assert_eq!(observer.down(), (target.pid(), ExitReason::failed(failure())));
}

pub fn exit_hook_runs_once_after_names_are_free<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let other = stage.probe();
    for round in 0..20 {
        let (tell, told) = unbounded();
        let (look, looked) = unbounded::<()>();
        let factory = |_: &mut dyn Context| -> Result<Box<dyn Actor>, Failure> { Ok(Box::new(Ends)) };
        let mut spawn = Spawn::new(stage.host, Box::new(factory));
        spawn.name = Some("hooked".into());
        spawn.on_exit = Some(Box::new(move |reason| {
            let _ = tell.send(reason.clone());
            // The actor's end goes on only when the case has looked.
            let _ = looked.recv();
        }));
        stage.scheduler.spawn(spawn).expect("an actor");
        assert_eq!(wait(&told, "the hook"), ExitReason::Normal(None));
        assert_eq!(stage.scheduler.names().whereis("hooked"), None);
        drop(look);
        stage.settle();
        assert!(told.try_recv().is_err(), "round {round}");
    }
    // A hook that panics harms nobody.
    let mut spawn = crate::stage::acting(stage.host, |_| Step::Exit(ExitReason::Normal(None))).0;
    spawn.on_exit = Some(Box::new(|_| std::panic::resume_unwind(Box::new("scripted panic"))));
    stage.scheduler.spawn(spawn).expect("an actor");
    stage.settle();
    assert_eq!(stage.scheduler.actors().len(), 1);
    other.is_quiet();
}

struct Ends;

impl Actor for Ends {
    fn step(&mut self, _: &mut dyn Context) -> Step {
        Step::Exit(ExitReason::Normal(None))
    }
    fn notice(&mut self, _: Notice, _: &mut dyn Context) {}
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub fn cancel_is_an_event_with_its_deadline<H: Harness>(harness: &H) {
    let Some(stage) = Stage::with_clock(harness) else { return };
    let observer = stage.probe();
    for target in targets(&stage, &observer) {
        let pid = target.pid();
        stage.advance(ms(1000));
        let start = observer.run(|cx| cx.wall());
        observer.run(move |cx| cx.cancel(pid, None)).expect("a live target");
        observer.run(move |cx| cx.cancel(pid, Some(ms(500)))).expect("a live target");
        let from = Some(observer.pid());
        assert_eq!(target.event(), Event::Cancel { from, deadline: None, reason: None, at: start });
        let deadline = Some(start + ms(500));
        assert_eq!(target.event(), Event::Cancel { from, deadline, reason: None, at: start });
        target.finish();
        target.ended();
        assert_eq!(observer.run(move |cx| cx.cancel(pid, None)), Err(ActorError::NotFound(pid)));
    }
    stage.advance(ms(1000));
    stage.settle();
    observer.is_quiet();
}

pub fn actor_alive_at_the_cancel_deadline_times_out<H: Harness>(harness: &H) {
    let Some(stage) = Stage::with_clock(harness) else { return };
    let observer = stage.probe();
    for target in targets(&stage, &observer) {
        let pid = target.pid();
        observer.monitor(pid).expect("a live target");
        observer.run(move |cx| cx.cancel(pid, Some(ms(100)))).expect("a live target");
        target.event();
        stage.advance(ms(99));
        stage.settle();
        target.is_quiet();
        stage.advance(ms(1));
        let (from, reason) = observer.down();
        let failure = reason.failure().expect("a failure");
        assert_eq!((from, failure.kind.clone()), (pid, ErrorKind::Timeout));
        assert_eq!(failure.message, "cancel deadline exceeded");
    }
}

pub fn actor_that_ends_before_the_cancel_deadline_ends_its_own_way<H: Harness>(harness: &H) {
    let Some(stage) = Stage::with_clock(harness) else { return };
    let observer = stage.probe_with(Plan::trapping());
    for reason in [ExitReason::normal(Value::from(7.0)), ExitReason::failed(failure())] {
        for target in targets(&stage, &observer) {
            let pid = target.pid();
            let linked = stage.probe_with(Plan::trapping());
            linked.link(pid).expect("a live target");
            observer.monitor(pid).expect("a live target");
            observer.run(move |cx| cx.cancel(pid, Some(ms(100)))).expect("a live target");
            target.event();
            stage.advance(ms(99));
            target.exit(reason.clone());
            assert_eq!(observer.down(), (pid, reason.clone()));
            assert_eq!(target.ended(), reason);
            // Whoever has its place now has another deadline.
            let next = targets(&stage, &observer);
            for probe in &next {
                let pid = probe.pid();
                observer.run(move |cx| cx.cancel(pid, Some(ms(200)))).expect("a live target");
                probe.event();
            }
            stage.advance(ms(199));
            stage.settle();
            next.iter().for_each(crate::Probe::is_quiet);
            stage.advance(ms(1));
            next.iter().for_each(|probe| drop(probe.ended()));
            match reason.failure() {
                Some(failure) => assert_eq!(linked.link_down(), (pid, Arc::clone(failure))),
                None => linked.is_quiet(),
            }
        }
    }
    observer.is_quiet();
}

pub fn cancel_deadline_is_shortened_and_never_extended<H: Harness>(harness: &H) {
    let Some(stage) = Stage::with_clock(harness) else { return };
    let observer = stage.probe();
    for (deadlines, due) in [([200, 100], 100), ([100, 200], 100), ([100, 100], 100)] {
        for target in targets(&stage, &observer) {
            let pid = target.pid();
            for deadline in deadlines {
                observer.run(move |cx| cx.cancel(pid, Some(ms(deadline)))).expect("a live target");
                target.event();
            }
            observer.run(move |cx| cx.cancel(pid, None)).expect("a live target");
            target.event();
            stage.advance(ms(due - 1));
            stage.settle();
            target.is_quiet();
            stage.advance(ms(1));
            assert_eq!(target.ended().failure().expect("a failure").kind, ErrorKind::Timeout);
        }
    }
    stage.advance(ms(500));
    stage.settle();
    observer.is_quiet();
}

pub fn deadline_beyond_all_time_is_harmless<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let observer = stage.probe();
    for target in targets(&stage, &observer) {
        let pid = target.pid();
        observer.run(move |cx| cx.cancel(pid, Some(Duration::MAX))).expect("a live target");
        let Event::Cancel { deadline, at, .. } = target.event() else { panic!("not a cancel") };
        assert!(deadline.is_none_or(|deadline| deadline > at) && at > SystemTime::UNIX_EPOCH);
        target.run(|cx| cx.start_timer(Duration::MAX, 1));
        let endless = Some(Instant::default().after(Duration::MAX));
        let cancel = Signal::Cancel { from: None, deadline: endless, reason: None };
        stage.scheduler.deliver(pid, cancel).expect("a live target");
        target.event();
        target.is_quiet();
    }
}
