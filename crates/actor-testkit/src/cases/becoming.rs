use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crossbeam_channel::{Sender, unbounded};
use perilune_actor_core::{
    Actor, ActorFactory, Context, Envelope, ErrorKind, Event, ExitReason, Failure, HostId, HostSpec, Notice, Outcome,
    Placement, Relation, Scheduler, Step, Value, Waker,
};

use crate::cases::ROUNDS;
use crate::cases::monitors::targets;
use crate::harness::Harness;
use crate::probe::{Plan, Probe, failure, topic};
use crate::stage::{Stage, acting, wait};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A factory that does what a closure says.
fn factory(
    create: impl FnOnce(&mut dyn Context) -> Result<Box<dyn Actor>, Failure> + Send + 'static,
) -> Box<dyn ActorFactory> {
    Box::new(create)
}

/// What an actor without a script saw.
#[derive(Debug)]
enum Seen {
    Step,
    Event(Event),
    Notice,
}

/// Tells whatever it sees; a message ends it.
struct Watches(Sender<Seen>);

impl Actor for Watches {
    fn step(&mut self, cx: &mut dyn Context) -> Step {
        let _ = self.0.send(Seen::Step);
        while let Some(event) = cx.mailbox().take_event() {
            let _ = self.0.send(Seen::Event(event));
        }
        if cx.mailbox().is_empty() { Step::Wait } else { Step::Exit(ExitReason::Normal(None)) }
    }

    fn notice(&mut self, _: Notice, _: &mut dyn Context) {
        let _ = self.0.send(Seen::Notice);
    }
}

fn watches(tell: Sender<Seen>) -> Box<dyn ActorFactory> {
    factory(move |_| Ok(Box::new(Watches(tell))))
}

pub fn what_others_see_of_an_actor_outlives_its_code<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let observer = stage.probe_with(Plan::trapping());
    for subject in targets(&stage, &observer) {
        let pid = subject.pid();
        let (watched, linked) = (stage.probe(), stage.probe_with(Plan::trapping()));
        subject.run(|cx| cx.register("subject", cx.pid())).expect("a free name");
        subject.monitor(watched.pid()).expect("a live target");
        subject.link(linked.pid()).expect("a live target");
        observer.monitor(pid).expect("a live target");
        observer.link(pid).expect("a live target");
        for _ in 0..2 {
            subject.transform(Plan::default());
            assert_eq!(subject.run(|cx| cx.pid()), pid);
            assert_eq!(stage.scheduler.names().whereis("subject"), Some(pid));
            let info = stage.find(pid).expect("a live actor");
            assert_eq!((info.relations, info.names), ((1, 1, 2), vec!["subject".into()]));
        }
        observer.send(pid, "hello", Value::Nil).expect("a live receiver");
        assert_eq!(subject.message().from, Some(observer.pid()));
        watched.finish();
        assert_eq!(subject.down().0, watched.pid());
        subject.fail();
        assert_eq!(observer.down(), (pid, ExitReason::failed(failure())));
        assert_eq!((observer.link_down().0, linked.link_down().0), (pid, pid));
        assert_eq!(subject.ended(), ExitReason::failed(failure()));
    }
    stage.settle();
    observer.is_quiet();
}

/// What is in a mailbox that nobody listens to.
fn rest(cx: &mut dyn Context) -> Vec<Value> {
    std::iter::from_fn(|| cx.mailbox().take_unlistened()).map(|message| message.payload).collect()
}

/// Sends, and returns when all of it has arrived.
fn send_all(sender: &Probe, to: &Probe, messages: &[(&str, i64)]) {
    let before = to.run(|cx| cx.mailbox().len());
    for (about, number) in messages {
        sender.send(to.pid(), about, Value::Integer(*number)).expect("a live receiver");
    }
    while to.run(|cx| cx.mailbox().len()) < before + messages.len() {}
}

pub fn mail_that_was_not_read_outlives_the_code<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let (sender, other) = (stage.probe(), stage.probe());
    for subject in targets(&stage, &sender) {
        subject.transform(Plan::holding());
        subject.run(|cx| cx.mailbox().listen(&topic("heard")));
        send_all(&sender, &subject, &[("heard", 0), ("heard", 1), ("unheard", 2), ("heard", 3)]);
        let pid = subject.pid();
        other.run(move |cx| cx.cancel(pid, None)).expect("a live target");
        stage.settle();
        let taken = subject.run(|cx| cx.mailbox().take(&topic("heard")));
        assert_eq!(taken.map(|message| message.payload), Some(Value::Integer(0)));
        subject.transform(Plan::holding());
        send_all(&sender, &subject, &[("heard", 4)]);
        subject.run(|cx| {
            // Nobody listens any more, and all is in order of arrival.
            assert_eq!(cx.mailbox().take(&topic("heard")), None);
            assert_eq!(rest(cx), [1, 2, 3, 4].map(Value::Integer));
            assert!(matches!(cx.mailbox().take_event(), Some(Event::Cancel { .. })));
            assert_eq!(cx.mailbox().take_event(), None);
        });
    }
}

pub fn mailbox_limit_outlives_the_code<H: Harness>(harness: &H) {
    let Some(stage) = Stage::with_limit(harness, 2) else { return };
    let sender = stage.probe();
    let subject = stage.probe_with(Plan::holding());
    subject.run(|cx| cx.mailbox().listen(&topic("heard")));
    send_all(&sender, &subject, &[("heard", 1), ("unheard", 2)]);
    subject.transform(Plan::holding());
    assert!(sender.send(subject.pid(), "heard", Value::Nil).is_err());
    let taken = subject.run(|cx| cx.mailbox().take_unlistened());
    assert_eq!(taken.map(|message| message.payload), Some(Value::Integer(1)));
    assert_eq!(sender.send(subject.pid(), "heard", Value::Nil), Ok(()));
    assert!(sender.send(subject.pid(), "heard", Value::Nil).is_err());
}

pub fn timers_of_the_former_code_do_not_fire<H: Harness>(harness: &H) {
    let Some(stage) = Stage::with_clock(harness) else { return };
    for _ in 0..4 {
        let subject = stage.probe();
        let former = subject.run(|cx| {
            cx.start_timer(ms(10), 1);
            cx.start_timer(ms(20), 2)
        });
        subject.transform(Plan::default());
        assert_eq!(stage.find(subject.pid()).expect("a live actor").timers, 0);
        assert!(!subject.run(move |cx| cx.stop_timer(former)));
        subject.run(|cx| cx.start_timer(ms(15), 3));
        stage.advance(ms(30));
        assert_eq!(subject.timer(), 3);
        stage.settle();
        subject.is_quiet();
    }
}

pub fn answers_to_the_former_code_do_not_reach_the_next<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let targets = [stage.probe(), stage.probe(), stage.probe(), stage.probe()];
    for round in 0..ROUNDS / 10 {
        let ((tell, told), (hand, handed)) = (unbounded(), unbounded());
        let (host, mut tell) = (stage.host, Some(tell));
        let (watched, linked) = (targets[round % 4].pid(), targets[(round + 1) % 4].pid());
        // All of it in one step: no answer can have come before.
        let subject = stage.act(move |cx| {
            cx.monitor(watched, Some(1));
            cx.link(linked, Some(2));
            let mut child = acting(host, |_| Step::Exit(ExitReason::Normal(None))).0;
            child.relation = Relation { monitored: true, linked: true };
            child.placement = Some(Placement::Spread);
            cx.spawn(child, Some(3));
            let _ = hand.send(cx.completion(4));
            Step::Become(watches(tell.take().expect("the first step")))
        });
        wait(&handed, "a completion")(Box::new(()));
        // What was asked for is done nevertheless, so the child's end is an event of the new code.
        let end = loop {
            match wait(&told, "the child's end") {
                Seen::Step => {}
                other => break other,
            }
        };
        assert!(matches!(end, Seen::Event(Event::Down { .. })), "{end:?}");
        stage.settle();
        assert_eq!(stage.find(subject.pid).expect("a live actor").relations, (1, 0, 1), "round {round}");
        let stop = Envelope { from: None, topic: topic("stop"), payload: Value::Nil };
        stage.scheduler.deliver(subject.pid, stop.into()).expect("a live receiver");
        wait(&subject.ended, "the end of the subject");
        for seen in told.try_iter() {
            assert!(matches!(seen, Seen::Step), "{seen:?}");
        }
    }
    stage.settle();
    for target in &targets {
        target.is_quiet();
        assert_eq!(stage.find(target.pid()).expect("a live actor").relations, (0, 0, 0));
    }
}

pub fn former_code_is_gone_before_the_next_is_made<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let (tell, told) = unbounded();
    let former = Arc::new(());
    let held = Arc::downgrade(&former);
    stage.act(move |_| {
        let _ = &former;
        let (tell, held) = (tell.clone(), held.clone());
        Step::Become(factory(move |_| {
            let _ = tell.send(held.upgrade().is_none());
            Err(failure())
        }))
    });
    assert!(wait(&told, "the factory"));
}

pub fn links_are_not_trapped_by_the_next_code<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let parent = stage.probe();
    for subject in targets(&stage, &parent) {
        let (first, second) = (stage.probe(), stage.probe());
        for linked in [&first, &second] {
            subject.link(linked.pid()).expect("a live target");
        }
        subject.transform(Plan::trapping());
        first.fail();
        assert_eq!(subject.link_down().0, first.pid());
        subject.transform(Plan::default());
        assert!(!subject.run(|cx| cx.trap_links()));
        second.fail();
        let reason = subject.ended();
        let message = format!("linked process failed: {}", second.pid());
        assert_eq!(reason.failure().map(|failure| failure.message.clone()), Some(message));
    }
}

pub fn becoming_what_cannot_be_made_is_a_failure<H: Harness>(harness: &H) {
    type Create = fn(&mut dyn Context) -> Result<Box<dyn Actor>, Failure>;

    let fails: Create = |_| Err(failure());
    let panics: Create = |_| std::panic::resume_unwind(Box::new("scripted panic"));
    let ends: Create = |cx| {
        cx.terminate(cx.pid(), failure()).expect("oneself");
        Ok(Box::new(Idle))
    };
    let stage = Stage::new(harness);
    let host = HostId::new("testkit narrow");
    stage.scheduler.add_host(HostSpec { max_actors: 1, ..HostSpec::new(host) });
    let observer = stage.probe_with(Plan::trapping());
    for (create, kind, text) in [
        (fails, failure().kind, "scripted failure"),
        (panics, ErrorKind::Internal, "scripted panic"),
        (ends, failure().kind, "scripted failure"),
    ] {
        for _ in 0..4 {
            let plan = Plan { name: Some("subject".into()), ..Plan::default() };
            let subject = stage.try_probe_on(host, plan).expect("room");
            let pid = subject.pid();
            let linked = stage.probe();
            linked.link(pid).expect("a live target");
            observer.monitor(pid).expect("a live target");
            observer.link(pid).expect("a live target");
            subject.become_what(factory(create));
            let (from, reason) = observer.down();
            let failure = reason.failure().expect("a failure");
            assert_eq!((from, &failure.kind), (pid, &kind));
            assert!(failure.message.contains(text), "{failure}");
            assert_eq!(observer.link_down(), (pid, Arc::clone(failure)));
            assert_eq!(linked.ended().failure().and_then(|failure| failure.cause.clone()), Some(Arc::clone(failure)));
            assert_eq!(subject.ended(), reason);
            assert_eq!(stage.scheduler.names().whereis("subject"), None);
        }
    }
    stage.settle();
    observer.is_quiet();
    assert_eq!(stage.scheduler.actors().len(), 1);
}

struct Idle;

impl Actor for Idle {
    fn step(&mut self, _: &mut dyn Context) -> Step {
        Step::Wait
    }
    fn notice(&mut self, _: Notice, _: &mut dyn Context) {}
}

pub fn cancel_deadline_outlives_the_code<H: Harness>(harness: &H) {
    let Some(stage) = Stage::with_clock(harness) else { return };
    let observer = stage.probe();
    for (again, due) in [(None, 100), (Some(200), 100), (Some(50), 50)] {
        for subject in targets(&stage, &observer) {
            let pid = subject.pid();
            observer.monitor(pid).expect("a live target");
            observer.run(move |cx| cx.cancel(pid, Some(ms(100)))).expect("a live target");
            subject.event();
            subject.transform(Plan::default());
            if let Some(again) = again {
                observer.run(move |cx| cx.cancel(pid, Some(ms(again)))).expect("a live target");
                subject.event();
            }
            stage.advance(ms(due - 1));
            stage.settle();
            subject.is_quiet();
            stage.advance(ms(1));
            let (from, reason) = observer.down();
            assert_eq!((from, reason.failure().map(|failure| failure.kind.clone())), (pid, Some(ErrorKind::Timeout)));
        }
    }
}

pub fn actor_that_always_becomes_leaves_room_for_others<H: Harness>(harness: &H) {
    struct Again(Arc<AtomicUsize>);

    impl Actor for Again {
        fn step(&mut self, _: &mut dyn Context) -> Step {
            let count = Arc::clone(&self.0);
            count.fetch_add(1, Ordering::Relaxed);
            Step::Become(factory(move |_| Ok(Box::new(Self(count)))))
        }
        fn notice(&mut self, _: Notice, _: &mut dyn Context) {}
    }

    let stage = Stage::new(harness);
    let observer = stage.probe();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let spawn = perilune_actor_core::Spawn::new(stage.host, factory(move |_| Ok(Box::new(Again(counted)))));
    let Outcome::Done(Ok(pid)) = observer.run(move |cx| cx.spawn(spawn, None)) else { panic!("no child") };
    let beside = observer.spawn_here(Plan::default()).expect("a child");
    while count.load(Ordering::Relaxed) < ROUNDS {
        beside.run(|_| ());
    }
    observer.monitor(pid).expect("a live target");
    observer.run(move |cx| cx.terminate(pid, failure())).expect("a live target");
    assert_eq!(observer.down(), (pid, ExitReason::failed(failure())));
    assert_eq!(Arc::strong_count(&count), 1);
}

pub fn waker_makes_an_actor_step_whatever_it_has_become<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let ((tell, told), (hand, handed)) = (unbounded(), unbounded::<Waker>());
    let mut first = Some((tell, hand));
    let subject = stage.act(move |cx| {
        let (tell, hand) = first.take().expect("the first step");
        let _ = hand.send(cx.waker());
        Step::Become(watches(tell))
    });
    let waker = wait(&handed, "a waker");
    for _ in 0..10 {
        assert!(matches!(wait(&told, "a step"), Seen::Step));
        stage.settle();
        // One call makes one step, unless nobody had looked yet.
        told.try_iter().for_each(drop);
        let waker = Arc::clone(&waker);
        std::thread::spawn(move || waker()).join().expect("no panic");
    }
    wait(&told, "a step");
    // Nothing is in flight because of a waker.
    assert_eq!(stage.scheduler.workers().iter().map(|worker| worker.pending).sum::<usize>(), 0);
    let stop = Envelope { from: None, topic: topic("stop"), payload: Value::Nil };
    stage.scheduler.deliver(subject.pid, stop.into()).expect("a live receiver");
    wait(&subject.ended, "the end of the subject");
    waker();
    stage.settle();
    stage.is_empty();
}
