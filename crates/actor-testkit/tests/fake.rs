//! What a test does with a fake worker: one actor, looked at step by step.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use perilune_actor_core::{
    Actor, ActorError, Answer, Context, ErrorKind, Event, ExitReason, Failure, HostSpec, Notice, Outcome, Pid,
    Relation, Scheduler, Signal, Spawn, Step, Value,
};
use perilune_actor_testkit::{Asked, FakeScheduler, FakeWorker, Setup, acting, failure, topic};

/// Does what a closure says, on the test's thread: nothing has to be `Send`.
struct Closure<S, N> {
    step: S,
    notice: N,
}

impl<S, N> Actor for Closure<S, N>
where
    S: FnMut(&mut dyn Context) -> Step,
    N: FnMut(Notice, &mut dyn Context),
{
    fn step(&mut self, cx: &mut dyn Context) -> Step {
        (self.step)(cx)
    }

    fn notice(&mut self, notice: Notice, cx: &mut dyn Context) {
        (self.notice)(notice, cx)
    }
}

fn steps(step: impl FnMut(&mut dyn Context) -> Step) -> impl Actor {
    Closure { step, notice: |_: Notice, _: &mut dyn Context| () }
}

/// A place for what an actor has seen, shared with the test.
fn shared<T: Default>() -> (Rc<Cell<T>>, Rc<Cell<T>>) {
    let cell = Rc::new(Cell::default());
    (Rc::clone(&cell), cell)
}

#[test]
fn nothing_runs_unless_the_test_says_so() {
    let mut worker = FakeWorker::default();
    let (count, counted) = shared::<u32>();
    let pid = worker.start(steps(move |_| {
        count.set(count.get() + 1);
        Step::Wait
    }));
    assert_eq!(counted.get(), 0);
    worker.run();
    worker.run();
    assert_eq!(counted.get(), 1);
    let asker = worker.bystander();
    worker.context(asker).send(pid, topic("hello"), Value::Nil).expect("a live receiver");
    assert_eq!((counted.get(), worker.mailbox(pid).len()), (1, 1));
    worker.run();
    assert_eq!(counted.get(), 2);
    worker.step(pid);
    assert_eq!(counted.get(), 3);
}

#[test]
fn ready_actors_take_turns() {
    let mut worker = FakeWorker::default();
    let (order, seen) = shared::<Vec<u32>>();
    for number in 1..=2 {
        let order = Rc::clone(&order);
        let mut left = 2;
        worker.start(steps(move |_| {
            let mut so_far = order.take();
            so_far.push(number);
            order.set(so_far);
            left -= 1;
            if left == 0 { Step::Exit(ExitReason::Normal(None)) } else { Step::Yield }
        }));
    }
    assert!(worker.run_one());
    assert_eq!(seen.take(), [1]);
    worker.run();
    assert_eq!(seen.take(), [2, 1, 2]);
    assert!(!worker.run_one());
}

#[test]
fn everything_asked_for_is_remembered_once() {
    let mut worker = FakeWorker::default();
    let other = worker.bystander();
    let host = worker.host();
    let pid = worker.start(steps(move |cx| {
        let timer = cx.start_timer(Duration::from_secs(1), 3);
        assert!(cx.stop_timer(timer) && !cx.stop_timer(timer));
        cx.send(other, topic("hello"), Value::from(1.0)).expect("a live receiver");
        assert_eq!(cx.monitor(other, Some(1)), Outcome::Done(Ok(())));
        assert_eq!(cx.link(other, None), Outcome::Done(Ok(())));
        cx.set_trap_links(true);
        cx.register("name", other).expect("a free name");
        let mut spawn = acting(host, |_| Step::Wait).0;
        spawn.name = Some("child".into());
        spawn.messages = vec![(topic("first"), Value::Nil)];
        spawn.relation = Relation { monitored: true, linked: false };
        let Outcome::Done(Ok(child)) = cx.spawn(spawn, Some(2)) else { panic!("no child") };
        cx.cancel(child, Some(Duration::from_secs(5))).expect("a live target");
        cx.terminate(child, failure()).expect("a live target");
        cx.unlink(other);
        cx.unmonitor(other);
        assert!(cx.unregister("name") && !cx.unregister("name"));
        drop(cx.completion(9));
        Step::Wait
    }));
    // Its child's end calls it again, which is another story.
    worker.step(pid);
    let asked = worker.asked(pid);
    let [started, Asked::StopTimer(first), Asked::StopTimer(second), rest @ ..] = asked.as_slice() else {
        panic!("not what was asked first: {asked:?}")
    };
    assert_eq!((started, first), (&Asked::StartTimer { delay: Duration::from_secs(1), token: 3 }, second));
    let Some(Asked::Spawn { child: Some(child), .. }) = rest.get(5) else { panic!("no child: {rest:?}") };
    let (child, name) = (*child, String::from("name"));
    let spawn = Asked::Spawn {
        host,
        name: Some("child".into()),
        relation: Relation { monitored: true, linked: false },
        messages: vec![(topic("first"), Value::Nil)],
        placement: None,
        token: Some(2),
        child: Some(child),
    };
    let wanted = [
        Asked::Send { to: other, topic: topic("hello"), payload: Value::from(1.0) },
        Asked::Monitor { target: other, token: Some(1) },
        Asked::Link { target: other, token: None },
        Asked::TrapLinks(true),
        Asked::Register { name: name.clone(), pid: other },
        spawn,
        Asked::Cancel { target: child, deadline: Some(Duration::from_secs(5)) },
        Asked::Terminate { target: child, failure: failure() },
        Asked::Unlink(other),
        Asked::Unmonitor(other),
        Asked::Unregister(name.clone()),
        Asked::Unregister(name),
        Asked::Completion(9),
    ];
    assert_eq!(rest, wanted);
    assert_eq!(worker.asked(pid), []);
    assert_eq!(worker.ended(child), Some(&ExitReason::failed(failure())));
    worker.record(false);
    worker.step(pid);
    assert_eq!(worker.asked(pid), []);
}

/// An actor that monitors `target` in its first step and keeps the answer.
fn observer(target: Pid, seen: Rc<Cell<Option<Result<(), ActorError>>>>) -> impl Actor {
    let mut asked = false;
    Closure {
        step: move |cx: &mut dyn Context| {
            if !std::mem::replace(&mut asked, true) {
                assert_eq!(cx.monitor(target, Some(5)), Outcome::Pending);
            }
            Step::Wait
        },
        notice: move |notice: Notice, _: &mut dyn Context| match notice {
            Notice::Answer { token: 5, answer: Answer::Related(result) } => seen.set(Some(result)),
            other => panic!("unexpected: {other:?}"),
        },
    }
}

#[test]
fn answers_come_when_the_test_gives_them() {
    let mut worker = FakeWorker::default();
    worker.answer_later(true);
    let target = worker.bystander();
    let (keep, seen) = shared();
    let pid = worker.start(observer(target, keep));
    worker.run();
    assert_eq!((seen.take(), worker.pending()), (None, vec![(pid, 5)]));
    worker.answer(pid, 5);
    assert_eq!((seen.take(), worker.pending()), (Some(Ok(())), vec![]));
    worker.exit(target, ExitReason::normal(Value::from(7.0)));
    let event = worker.mailbox(pid).take_event();
    let Some(Event::Down { from, reason, .. }) = event else { panic!("not an end: {event:?}") };
    assert_eq!((from, reason), (target, ExitReason::normal(Value::from(7.0))));
}

#[test]
fn target_may_end_before_the_answer() {
    let mut worker = FakeWorker::default();
    worker.answer_later(true);
    let target = worker.bystander();
    let (keep, seen) = shared();
    let pid = worker.start(observer(target, keep));
    worker.run();
    worker.exit(target, ExitReason::Normal(None));
    worker.answer(pid, 5);
    assert_eq!(seen.take(), Some(Err(ActorError::NotFound(target))));
    assert_eq!(worker.mailbox(pid).events_len(), 0);
}

#[test]
fn answers_events_and_notices_can_be_made_up() {
    let mut worker = FakeWorker::default();
    worker.answer_later(true);
    let target = worker.bystander();
    let (keep, seen) = shared();
    let pid = worker.start(observer(target, keep));
    worker.run();
    worker.answer_with(pid, 5, Answer::Related(Err(ActorError::NotFound(target))));
    assert_eq!(seen.take(), Some(Err(ActorError::NotFound(target))));
    worker.notice(pid, Notice::Answer { token: 5, answer: Answer::Related(Ok(())) });
    assert_eq!(seen.take(), Some(Ok(())));
    let made_up = Event::Cancel { from: None, deadline: None, reason: None, at: std::time::SystemTime::UNIX_EPOCH };
    worker.event(pid, made_up.clone());
    assert_eq!(worker.context(pid).mailbox().take_event(), Some(made_up));
}

#[test]
fn spawn_answered_later_is_linked_to_a_parent_that_fails_meanwhile() {
    let mut worker = FakeWorker::default();
    worker.answer_later(true);
    let host = worker.host();
    let parent = worker.bystander();
    let (mut spawn, ended) = acting(host, |_| Step::Wait);
    spawn.relation.linked = true;
    assert_eq!(worker.context(parent).spawn(spawn, Some(1)), Outcome::Pending);
    assert_eq!(worker.inspect().1.len(), 1);
    worker.exit(parent, ExitReason::failed(failure()));
    let reason = ended.try_recv().expect("the child's end");
    assert_eq!(
        reason.failure().map(|failure| failure.message.clone()),
        Some(format!("linked process failed: {parent}"))
    );
    assert!(worker.inspect().1.is_empty() && worker.pending().is_empty());
}

#[test]
fn timers_and_completions_are_noticed() {
    let mut worker = FakeWorker::default();
    let (keep, seen) = shared::<Vec<u64>>();
    let pid = worker.start(Closure {
        step: |_: &mut dyn Context| Step::Wait,
        notice: move |notice: Notice, _: &mut dyn Context| {
            let mut so_far = keep.take();
            so_far.push(match notice {
                Notice::Timer { token } => token,
                Notice::Completion { token, result } => token + *result.downcast::<u64>().expect("a number"),
                other => panic!("unexpected: {other:?}"),
            });
            keep.set(so_far);
        },
    });
    worker.context(pid).start_timer(Duration::from_millis(10), 1);
    worker.advance(Duration::from_millis(9));
    assert!(seen.take().is_empty());
    worker.advance(Duration::from_millis(1));
    assert_eq!(seen.take(), [1]);
    let complete = worker.context(pid).completion(40);
    assert_eq!(worker.inspect().0.pending, 1);
    std::thread::spawn(move || complete(Box::new(2u64))).join().expect("no panic");
    worker.run();
    assert_eq!((seen.take(), worker.inspect().0.pending), (vec![42], 0));
}

#[test]
fn cancel_deadline_passes_with_the_virtual_clock() {
    let mut worker = FakeWorker::default();
    let pid = worker.bystander();
    let other = worker.bystander();
    worker.context(other).cancel(pid, Some(Duration::from_secs(1))).expect("a live target");
    worker.advance(Duration::from_secs(1));
    let reason = worker.ended(pid).expect("an end");
    assert_eq!(reason.failure().map(|failure| failure.kind.clone()), Some(ErrorKind::Timeout));
    assert!(worker.is_alive(other) && !worker.is_alive(pid));
}

#[test]
fn limits_refuse_as_they_do_elsewhere() {
    let mut setup = Setup::default();
    setup.mailbox_limit = Some(1);
    let mut worker = FakeWorker::new(setup);
    worker.add_host(HostSpec { max_actors: 2, ..HostSpec::new(worker.host()) });
    let (a, b) = (worker.bystander(), worker.bystander());
    assert_eq!(worker.context(a).send(b, topic("work"), Value::Nil), Ok(()));
    let full = Err(ActorError::MailboxFull { pid: b, limit: 1 });
    assert_eq!(worker.context(a).send(b, topic("work"), Value::Nil), full);
    let host = worker.host();
    let spawn = acting(host, |_| Step::Wait).0;
    assert_eq!(worker.spawn(spawn), Err(ActorError::HostFull { host, limit: 2 }));
}

#[test]
fn context_gives_what_the_worker_was_given() {
    let mut worker = FakeWorker::default();
    worker.set_local(String::from("engine"));
    let pid = worker.bystander();
    let mut cx = worker.context(pid);
    assert_eq!(cx.local().downcast_ref::<String>().map(String::as_str), Some("engine"));
}

#[test]
#[should_panic(expected = "still somebody is ready")]
fn actor_that_never_waits_is_noticed() {
    let mut worker = FakeWorker::default();
    worker.start(steps(|_| Step::Yield));
    worker.run();
}

#[test]
#[should_panic(expected = "does not live here")]
fn nobody_speaks_for_the_dead() {
    let mut worker = FakeWorker::default();
    let pid = worker.bystander();
    worker.exit(pid, ExitReason::Normal(None));
    worker.context(pid);
}

#[test]
fn scheduler_remembers_when_told_to() {
    let scheduler = FakeScheduler::start(Setup::default(), |worker| worker.record(true));
    let host = perilune_actor_core::HostId::new("recorded");
    scheduler.add_host(HostSpec::new(host));
    let factory = |_: &mut dyn Context| -> Result<Box<dyn Actor>, Failure> { Ok(Box::new(steps(|_| Step::Wait))) };
    let pid = scheduler.spawn(Spawn::new(host, Box::new(factory))).expect("an actor");
    let signal = Signal::Terminate(failure().into());
    scheduler.deliver(pid, signal.clone()).expect("a live target");
    scheduler.stop_host(host, Duration::ZERO, "enough".into());
    let asked = scheduler.asked();
    assert!(matches!(&asked[0], (None, Asked::Spawn { child, .. }) if *child == Some(pid)), "{asked:?}");
    let stop = Asked::StopHost { host, grace: Duration::ZERO, reason: "enough".into() };
    assert_eq!(asked[1..], [(None, Asked::Deliver { to: pid, signal }), (None, stop)]);
    assert_eq!(scheduler.asked(), []);
}
