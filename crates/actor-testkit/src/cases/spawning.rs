use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::unbounded;
use perilune_actor_core::{
    Actor, ActorError, Answer, Context, Envelope, ErrorKind, Event, ExitReason, Failure, HostId, HostSpec, Notice,
    Outcome, Pid, Placement, Relation, Scheduler, Spawn, Step, Value,
};

use crate::cases::RACES;
use crate::cases::races::{here_and_elsewhere, place};
use crate::harness::Harness;
use crate::probe::{Plan, failure, topic};
use crate::stage::{Stage, acting, wait};

/// What a parent of many short-lived children saw.
enum Seen {
    Child(Pid),
    Event(Event),
}

/// How many children of one kind end at once.
const CHILDREN: usize = 10_000;

/// Once told where, starts children that do nothing but end, a few per step, and tells what it sees.
struct Parent {
    place: Option<(HostId, Placement)>,
    left: usize,
    relation: Relation,
    end: ExitReason,
    tell: crossbeam_channel::Sender<Seen>,
}

impl Actor for Parent {
    fn step(&mut self, cx: &mut dyn Context) -> Step {
        if let Some(message) = cx.mailbox().take_unlistened() {
            self.place = Some(place(&message));
        }
        let Some((host, placement)) = self.place else { return Step::Wait };
        for _ in 0..self.left.min(16) {
            self.left -= 1;
            let end = self.end.clone();
            let (mut spawn, _) = acting(host, move |_| Step::Exit(end.clone()));
            spawn.relation = self.relation;
            spawn.placement = Some(placement);
            let token = (placement != Placement::Local || self.left.is_multiple_of(2)).then_some(self.left as u64);
            match cx.spawn(spawn, token) {
                Outcome::Done(child) => drop(self.tell.send(Seen::Child(child.expect("a child")))),
                Outcome::Pending => {}
            }
        }
        while let Some(event) = cx.mailbox().take_event() {
            let _ = self.tell.send(Seen::Event(event));
        }
        if self.left > 0 { Step::Yield } else { Step::Wait }
    }

    fn notice(&mut self, notice: Notice, _: &mut dyn Context) {
        let Notice::Answer { answer: Answer::Spawned(child), .. } = notice else { panic!("not a child") };
        let _ = self.tell.send(Seen::Child(child.expect("a child")));
    }
}

/// Checks that every child gave these events, by name, once and after the parent knew of it; children beside their parent
/// and on another worker.
fn count_events<H: Harness>(harness: &H, relation: Relation, end: &ExitReason, wanted: &[&'static str]) {
    let start = |stage: &Stage<'_, H>| {
        let (tell, told) = unbounded();
        let end = end.clone();
        let factory = move |cx: &mut dyn Context| -> Result<Box<dyn Actor>, Failure> {
            cx.set_trap_links(true);
            Ok(Box::new(Parent { place: None, left: CHILDREN, relation, end, tell }))
        };
        (stage.scheduler.spawn(Spawn::new(stage.host, Box::new(factory))).expect("an actor"), told)
    };
    here_and_elsewhere(harness, start, |stage, parent, told, about| {
        let mut seen: HashMap<Pid, Vec<&str>> = HashMap::new();
        let mut note = |what| match what {
            Seen::Child(child) => assert!(seen.insert(child, Vec::new()).is_none(), "{child} was given twice"),
            Seen::Event(event) => {
                let (from, name) = match event {
                    Event::Down { from, .. } => (from, "down"),
                    Event::LinkDown { from, .. } => (from, "link down"),
                    other => panic!("unexpected: {other:?}"),
                };
                seen.get_mut(&from).expect("an end before the spawn's answer").push(name);
            }
        };
        for _ in 0..CHILDREN * (1 + wanted.len()) {
            note(wait(&told, "a child or its end"));
        }
        stage.settle();
        told.try_iter().for_each(&mut note);
        assert_eq!(seen.len(), CHILDREN);
        for (child, events) in seen {
            assert_eq!(events, wanted, "{child}, {about}");
        }
        assert_eq!(stage.find(parent).expect("the parent").relations, (0, 0, 0));
    });
}

pub fn child_that_ends_at_once_gives_its_parent_exactly_one_event<H: Harness>(harness: &H) {
    count_events(harness, Relation { monitored: true, linked: false }, &ExitReason::Normal(None), &["down"]);
    count_events(harness, Relation { monitored: true, linked: true }, &ExitReason::Normal(None), &["down"]);
}

pub fn linked_child_that_fails_at_once_gives_exactly_one_event<H: Harness>(harness: &H) {
    let end = ExitReason::failed(failure());
    count_events(harness, Relation { monitored: false, linked: true }, &end, &["link down"]);
    count_events(harness, Relation { monitored: true, linked: true }, &end, &["down", "link down"]);
}

pub fn messages_of_the_spawn_come_first<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let parent = stage.probe();
    for round in 0..50 {
        let messages = vec![(topic("first"), Value::from(1.0)), (topic("second"), Value::from(2.0))];
        let plan = Plan { messages, name: Some("early".into()), ..Plan::default() };
        let child = if round % 2 == 0 { parent.spawn(plan) } else { parent.spawn_here(plan) }.expect("a child");
        parent.send(child.pid(), "third", 3.0).expect("a live child");
        for about in ["first", "second", "third"] {
            let message = child.message();
            assert_eq!((message.topic.as_str(), message.from), (about, Some(parent.pid())));
        }
        child.finish();
        child.ended();
        stage.settle();
    }
}

pub fn nobody_comes_before_the_messages_of_the_spawn<H: Harness>(harness: &H) {
    let Some(stage) = Stage::with_limit(harness, 1) else { return };
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // Whoever knows the name sends as soon as somebody has it.
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                if let Some(pid) = stage.scheduler.names().whereis("early") {
                    let second = Envelope { from: None, topic: topic("second"), payload: Value::Nil };
                    let _ = stage.scheduler.deliver(pid, second.into());
                }
                std::thread::yield_now();
            }
        });
        let _done = Done(&done);
        for round in 0..RACES * 2 {
            let (tell, told) = unbounded();
            let (mut spawn, ended) = acting(stage.host, move |cx| {
                let first = cx.mailbox().take_unlistened();
                let _ = tell.send(first.map(|message| message.topic));
                Step::Exit(ExitReason::Normal(None))
            });
            spawn.name = Some("early".into());
            spawn.messages = vec![(topic("first"), Value::Nil)];
            stage.scheduler.spawn(spawn).unwrap_or_else(|error| panic!("round {round}: {error}"));
            assert_eq!(wait(&told, "the first message"), Some(topic("first")), "round {round}");
            wait(&ended, "the end of an actor");
        }
    });
}

/// Says so also when a case fails.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// A parent on each side of the border between workers sees the spawn fail and nothing else, ever.
fn leaves_nothing<H: Harness>(
    harness: &H,
    factory: impl Fn(&mut dyn Context) -> Result<Box<dyn Actor>, Failure> + Clone + Send + 'static,
    kind: ErrorKind,
    message: &str,
) {
    let stage = Stage::new(harness);
    let host = HostId::new("testkit narrow");
    stage.scheduler.add_host(HostSpec { max_actors: 1, placement: Placement::Spread, ..HostSpec::new(host) });
    let parent = stage.probe();
    for round in 0..40u64 {
        let factory = factory.clone();
        let spawn = move || {
            let mut spawn = Spawn::new(host, Box::new(move |cx: &mut dyn Context| factory(cx)));
            spawn.name = Some("unborn".into());
            spawn.relation = Relation { monitored: true, linked: true };
            spawn.messages = vec![(topic("hello"), Value::Nil)];
            spawn.on_exit = Some(Box::new(|reason| panic!("an actor that never was has ended: {reason}")));
            spawn
        };
        let result = match round % 3 {
            0 => stage.scheduler.spawn(spawn()),
            1 => match parent.run(move |cx| cx.spawn(spawn(), None)) {
                Outcome::Done(result) => result,
                Outcome::Pending => panic!("answered at once"),
            },
            _ => match parent.run(move |cx| cx.spawn(spawn(), Some(round))) {
                Outcome::Done(result) => result,
                Outcome::Pending => match parent.answer() {
                    (token, Answer::Spawned(result)) if token == round => result,
                    other => panic!("another answer: {other:?}"),
                },
            },
        };
        let Err(ActorError::Create(failure)) = result else { panic!("not a failure to create: {result:?}") };
        assert_eq!(failure.kind, kind);
        assert!(failure.message.contains(message), "{failure}");
        assert_eq!(stage.scheduler.names().whereis("unborn"), None);
        assert_eq!(stage.scheduler.actors().len(), 1);
    }
    parent.is_quiet();
    assert_eq!(stage.find(parent.pid()).expect("the parent").relations, (0, 0, 0));
    // Neither the name nor the room on the host is gone.
    let mut spawn = acting(host, |_| Step::Wait).0;
    spawn.name = Some("unborn".into());
    let born = stage.scheduler.spawn(spawn).expect("an actor");
    assert_eq!(stage.scheduler.names().whereis("unborn"), Some(born));
}

pub fn factory_that_fails_leaves_nothing<H: Harness>(harness: &H) {
    leaves_nothing(harness, |_| Err(failure()), failure().kind, "scripted failure");
}

pub fn factory_that_panics_leaves_nothing<H: Harness>(harness: &H) {
    let panics = |_: &mut dyn Context| std::panic::resume_unwind(Box::new("no luck"));
    leaves_nothing(harness, panics, ErrorKind::Internal, "no luck");
}

pub fn relations_of_a_failed_factory_are_taken_back<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let others = [stage.probe_with(Plan::trapping()), stage.probe_with(Plan::trapping()), stage.probe()];
    let pids = [0, 1, 2].map(|i: usize| others[i].pid());
    for round in 0..20 {
        let factory = move |cx: &mut dyn Context| {
            for pid in pids {
                let token = (round % 2 == 0).then_some(1);
                cx.monitor(pid, token);
                cx.link(pid, token);
                cx.register(&format!("name for {pid}"), cx.pid()).expect("a free name");
            }
            Err(failure())
        };
        assert!(stage.scheduler.spawn(Spawn::new(stage.host, Box::new(factory))).is_err());
    }
    stage.settle();
    for other in &others {
        other.is_quiet();
        assert_eq!(stage.find(other.pid()).expect("a live actor").relations, (0, 0, 0));
    }
}

/// Tells of the events it sees.
struct Tells(crossbeam_channel::Sender<Event>);

impl Actor for Tells {
    fn step(&mut self, cx: &mut dyn Context) -> Step {
        while let Some(event) = cx.mailbox().take_event() {
            let _ = self.0.send(event);
        }
        Step::Wait
    }
    fn notice(&mut self, _: Notice, _: &mut dyn Context) {}
}

pub fn monitor_of_an_actor_that_is_not_made_fires<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let parent = stage.probe();
    for round in 0..20 {
        let (tell, told) = unbounded();
        let host = stage.host;
        // Whoever is started by a factory knows an actor that will never be there.
        let factory = move |cx: &mut dyn Context| -> Result<Box<dyn Actor>, Failure> {
            let unborn = cx.pid();
            let child = move |cx: &mut dyn Context| -> Result<Box<dyn Actor>, Failure> {
                assert_eq!(cx.monitor(unborn, None), Outcome::Done(Ok(())));
                Ok(Box::new(Tells(tell)))
            };
            assert!(matches!(cx.spawn(Spawn::new(host, Box::new(child)), None), Outcome::Done(Ok(_))));
            Err(failure())
        };
        let mut spawn = Spawn::new(stage.host, Box::new(factory));
        if round % 2 == 0 {
            assert!(stage.scheduler.spawn(spawn).is_err());
        } else {
            spawn.relation = Relation { monitored: true, linked: true };
            match parent.run(move |cx| cx.spawn(spawn, Some(1))) {
                Outcome::Done(result) => assert!(result.is_err()),
                Outcome::Pending => assert!(matches!(parent.answer(), (1, Answer::Spawned(Err(_))))),
            }
        }
        let event = wait(&told, "the end of an actor that never was");
        let Event::Down { reason, .. } = event else { panic!("unexpected: {event:?}") };
        assert_eq!(reason.failure().map(|failure| failure.kind.clone()), Some(ErrorKind::NotFound));
        stage.settle();
        assert!(told.try_recv().is_err());
    }
    assert!(stage.scheduler.actors().iter().all(|info| info.relations == (0, 0, 0)));
    parent.is_quiet();
}

pub fn taken_name_starts_nothing<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let named = || Plan { name: Some("taken".into()), ..Plan::related(true, true) };
    let (parent, holder) = (stage.probe(), stage.probe_with(named()));
    let taken = ActorError::NameTaken("taken".into());
    assert_eq!(stage.try_probe(named()).err(), Some(taken.clone()));
    assert_eq!(parent.spawn(named()).err(), Some(taken.clone()));
    assert_eq!(parent.spawn_here(named()).err(), Some(taken));
    assert_eq!(stage.scheduler.names().whereis("taken"), Some(holder.pid()));
    assert_eq!(stage.scheduler.actors().len(), 2);
    parent.is_quiet();
    holder.finish();
    holder.ended();
    assert!(parent.spawn(named()).is_ok());
}

pub fn spawn_on_an_unknown_host_answers_not_found<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let parent = stage.probe();
    let nowhere = || acting(HostId::new("testkit nowhere"), |_| Step::Wait).0;
    let error = ActorError::HostNotFound("testkit nowhere".into());
    assert_eq!(stage.scheduler.spawn(nowhere()), Err(error.clone()));
    assert_eq!(parent.run(move |cx| cx.spawn(nowhere(), Some(1))), Outcome::Done(Err(error)));
}

pub fn pids_are_never_reused<H: Harness>(harness: &H) {
    const SPAWNS: usize = 100_000;

    let stage = Stage::new(harness);
    let host = stage.host;
    let shared = Arc::new(());
    let held = Arc::downgrade(&shared);
    let (mut seen, (tell, told)) = (HashSet::new(), unbounded());
    stage.act(move |cx| {
        for _ in 0..1000 {
            let shared = Arc::clone(&shared);
            let spawn = acting(host, move |_| {
                let _ = &shared;
                Step::Wait
            });
            let Outcome::Done(Ok(pid)) = cx.spawn(spawn.0, None) else { panic!("no child") };
            // At once, so that the next one gets the same place.
            cx.terminate(pid, Failure::default()).expect("a live child");
            if !seen.insert(pid) {
                let _ = tell.send(Err(pid));
            }
        }
        if seen.len() < SPAWNS {
            return Step::Yield;
        }
        let _ = tell.send(Ok(seen.len()));
        Step::Exit(ExitReason::Normal(None))
    });
    assert_eq!(wait(&told, "the count of pids"), Ok(SPAWNS));
    drop(stage);
    assert!(held.upgrade().is_none(), "an actor outlives its scheduler");
}
