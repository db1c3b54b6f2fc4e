use std::collections::{HashMap, HashSet};

use crossbeam_channel::{Receiver, Sender, unbounded};
use perilune_actor_core::{
    Actor, Answer, Context, Envelope, ErrorKind, Event, ExitReason, Failure, HostId, Notice, Outcome, Pid, Placement,
    Relation, Scheduler, Spawn, Step, Value,
};

use crate::cases::RACES;
use crate::harness::Harness;
use crate::probe::{Plan, failure, topic};
use crate::stage::{Stage, acting, wait};

/// Does a check on an actor whose children shall live beside it, and on one whose children shall live on another worker.
/// The actor is told [where](place) in its first message.
pub(crate) fn here_and_elsewhere<H: Harness, T>(
    harness: &H,
    start: impl Fn(&Stage<'_, H>) -> (Pid, T),
    check: impl Fn(&Stage<'_, H>, Pid, T, &str),
) {
    for about in ["here", "elsewhere"] {
        let stage = Stage::new(harness);
        let (together, (pid, told)) = stage.apart(|| start(&stage), |(pid, _)| *pid);
        let place = if about == "here" { stage.host } else { together };
        let message = Envelope { from: None, topic: topic(about), payload: Value::from(place.as_str()) };
        stage.scheduler.deliver(pid, message.into()).expect("a live receiver");
        check(&stage, pid, told, about);
    }
}

/// Where children shall live.
pub(crate) fn place(message: &Envelope) -> (HostId, Placement) {
    let placement = if message.topic.as_str() == "here" { Placement::Local } else { Placement::Spread };
    (message.payload.as_str().and_then(HostId::find).expect("a host"), placement)
}

/// How many children are on their way to their end at a time.
const AT_A_TIME: usize = 16;

/// Starts children that end soon, and undoes its relation to each at about that moment: none may be heard of later.
struct Undoes {
    relation: Relation,
    place: Option<(HostId, Placement)>,
    left: usize,
    unanswered: usize,
    /// Children, and for how many steps their relation stays.
    related: Vec<(Pid, usize)>,
    undone: HashSet<Pid>,
    seen: HashMap<Pid, usize>,
    /// Events of those whose relation was undone.
    late: usize,
    tell: Sender<Undone>,
}

/// What came of it.
#[derive(Debug, PartialEq)]
struct Undone {
    relations: usize,
    late: usize,
    doubled: usize,
}

impl Undoes {
    fn start(&mut self, cx: &mut dyn Context, host: HostId, placement: Placement) {
        while self.left > 0 && self.related.len() + self.unanswered < AT_A_TIME {
            self.left -= 1;
            // Some end at once, some when the relation is about to be undone, some after that.
            let mut steps = self.left % 4;
            let mut spawn = acting(host, move |_| {
                if steps == 0 {
                    return Step::Exit(ExitReason::failed(failure()));
                }
                steps -= 1;
                Step::Yield
            })
            .0;
            spawn.relation = self.relation;
            spawn.placement = Some(placement);
            match cx.spawn(spawn, Some(0)) {
                Outcome::Done(child) => self.related.push((child.expect("a child"), self.left % 3)),
                Outcome::Pending => self.unanswered += 1,
            }
        }
    }

    fn undo(&mut self, cx: &mut dyn Context, child: Pid) {
        if self.relation.linked {
            cx.unlink(child)
        } else {
            cx.unmonitor(child)
        }
        self.undone.insert(child);
    }

    fn look(&mut self, cx: &mut dyn Context) {
        while let Some(event) = cx.mailbox().take_event() {
            let (Event::Down { from, .. } | Event::LinkDown { from, .. }) = event else { panic!("{event:?}") };
            self.late += usize::from(self.undone.contains(&from));
            *self.seen.entry(from).or_default() += 1;
        }
    }
}

impl Actor for Undoes {
    fn step(&mut self, cx: &mut dyn Context) -> Step {
        match cx.mailbox().take_unlistened() {
            Some(message) if message.topic.as_str() == "report" => {
                self.look(cx);
                let doubled = self.seen.values().filter(|count| **count > 1).count();
                let _ = self.tell.send(Undone { relations: self.undone.len(), late: self.late, doubled });
            }
            Some(message) => self.place = Some(place(&message)),
            None => {}
        }
        let Some((host, placement)) = self.place else { return Step::Wait };
        for (child, steps) in std::mem::take(&mut self.related) {
            if steps == 0 { self.undo(cx, child) } else { self.related.push((child, steps - 1)) }
        }
        self.look(cx);
        self.start(cx, host, placement);
        if self.left == 0 && self.related.is_empty() && self.unanswered == 0 {
            return Step::Wait;
        }
        Step::Yield
    }

    fn notice(&mut self, notice: Notice, cx: &mut dyn Context) {
        let Notice::Answer { answer: Answer::Spawned(child), .. } = notice else { panic!("not a child") };
        let child = child.expect("a child");
        self.unanswered -= 1;
        // Half of them as soon as they are known, which is when they run on another worker.
        if self.unanswered.is_multiple_of(2) { self.undo(cx, child) } else { self.related.push((child, 1)) }
    }
}

fn report<H: Harness>(stage: &Stage<'_, H>, pid: Pid, told: &Receiver<Undone>) -> Undone {
    let message = Envelope { from: None, topic: topic("report"), payload: Value::Nil };
    stage.scheduler.deliver(pid, message.into()).expect("a live receiver");
    wait(told, "a report")
}

fn nothing_comes_later<H: Harness>(harness: &H, relation: Relation) {
    let start = |stage: &Stage<'_, H>| {
        let (tell, told) = unbounded();
        let undoes = move |cx: &mut dyn Context| -> Result<Box<dyn Actor>, Failure> {
            cx.set_trap_links(true);
            Ok(Box::new(Undoes {
                relation,
                place: None,
                left: RACES,
                unanswered: 0,
                related: Vec::new(),
                undone: HashSet::new(),
                seen: HashMap::new(),
                late: 0,
                tell,
            }))
        };
        (stage.scheduler.spawn(Spawn::new(stage.host, Box::new(undoes))).expect("an actor"), told)
    };
    here_and_elsewhere(harness, start, |stage, pid, told, about| {
        while report(stage, pid, &told).relations < RACES {}
        // Whatever is on its way arrives.
        stage.settle();
        assert_eq!(report(stage, pid, &told), Undone { relations: RACES, late: 0, doubled: 0 }, "{about}");
        assert_eq!(stage.find(pid).expect("a live actor").relations, (0, 0, 0));
    });
}

pub fn nothing_comes_after_unmonitor_however_close_the_end<H: Harness>(harness: &H) {
    nothing_comes_later(harness, Relation { monitored: true, linked: false });
}

pub fn nothing_comes_after_unlink_however_close_the_failure<H: Harness>(harness: &H) {
    nothing_comes_later(harness, Relation { monitored: false, linked: true });
}

/// Has one child after the other, all of the same name, and looks when it sees the end of one.
struct Survivor {
    place: Option<(HostId, Placement)>,
    left: usize,
    complete: usize,
    tell: Sender<usize>,
}

impl Survivor {
    const NAME: &str = "last words";

    fn start(&mut self, cx: &mut dyn Context) {
        let (Some((host, placement)), me) = (self.place, cx.pid()) else { return };
        if self.left == 0 {
            let _ = self.tell.send(self.complete);
            return;
        }
        self.left -= 1;
        let mut spawn = acting(host, move |cx| {
            cx.send(me, topic(Self::NAME), Value::Nil).expect("a live receiver");
            Step::Exit(ExitReason::Normal(None))
        })
        .0;
        spawn.name = Some(Self::NAME.into());
        spawn.relation.monitored = true;
        spawn.placement = Some(placement);
        if let Outcome::Done(child) = cx.spawn(spawn, Some(0)) {
            child.expect("a free name");
        }
    }
}

impl Actor for Survivor {
    fn step(&mut self, cx: &mut dyn Context) -> Step {
        if self.place.is_none()
            && let Some(message) = cx.mailbox().take_unlistened()
        {
            self.place = Some(place(&message));
            self.start(cx);
        }
        while let Some(event) = cx.mailbox().take_event() {
            let Event::Down { from, .. } = event else { panic!("{event:?}") };
            let words = cx.mailbox().take_unlistened().and_then(|message| message.from);
            let me = cx.pid();
            let named = cx.whereis(Self::NAME).is_none() && cx.register(Self::NAME, me).is_ok();
            let gone = !cx.is_alive(from) && cx.send(from, topic("late"), Value::Nil).is_err();
            self.complete += usize::from(words == Some(from) && named && gone);
            cx.unregister(Self::NAME);
            self.start(cx);
        }
        Step::Wait
    }

    fn notice(&mut self, notice: Notice, _: &mut dyn Context) {
        let Notice::Answer { answer: Answer::Spawned(child), .. } = notice else { panic!("not a child") };
        child.expect("a free name");
    }
}

pub fn name_and_last_message_are_there_when_the_end_is_seen<H: Harness>(harness: &H) {
    let start = |stage: &Stage<'_, H>| {
        let (tell, told) = unbounded();
        let survivor = move |_: &mut dyn Context| -> Result<Box<dyn Actor>, Failure> {
            Ok(Box::new(Survivor { place: None, left: RACES, complete: 0, tell }))
        };
        (stage.scheduler.spawn(Spawn::new(stage.host, Box::new(survivor))).expect("an actor"), told)
    };
    here_and_elsewhere(harness, start, |_, _, told, about| {
        assert_eq!(wait(&told, "the count of complete ends"), RACES, "{about}");
    });
}

pub fn ring_of_a_thousand_linked_actors_ends_and_leaves_nothing<H: Harness>(harness: &H) {
    const RING: usize = 1000;

    let stage = Stage::new(harness);
    let outsider = stage.probe_with(Plan::trapping());
    let ring: Vec<_> = (0..RING)
        .map(|i| stage.probe_with(Plan { name: Some(format!("ring {i}").into()), ..Plan::default() }))
        .collect();
    for (i, probe) in ring.iter().enumerate() {
        let next = ring[(i + 1) % RING].pid();
        probe.link(next).expect("a live target");
        probe.monitor(next).expect("a live target");
        probe.run(move |cx| {
            cx.start_timer(std::time::Duration::from_secs(3600), 1);
            cx.cancel(next, Some(std::time::Duration::from_secs(3600))).expect("a live target");
        });
    }
    outsider.link(ring[RING / 3].pid()).expect("a live target");
    ring[0].fail();
    assert_eq!(ring[0].ended(), ExitReason::failed(failure()));
    for probe in &ring[1..] {
        let reason = probe.ended();
        let failure = reason.failure().expect("a failure");
        assert_eq!(failure.kind, ErrorKind::Internal);
        assert!(failure.message.starts_with("linked process failed: "), "{failure}");
        assert!(failure.is(&crate::probe::failure().kind), "the first cause is lost");
    }
    assert_eq!(outsider.link_down().0, ring[RING / 3].pid());
    stage.settle();
    outsider.is_quiet();
    assert_eq!(stage.find(outsider.pid()).expect("a live actor").relations, (0, 0, 0));
    assert!((0..RING).all(|i| stage.scheduler.names().whereis(&format!("ring {i}")).is_none()));
    outsider.finish();
    outsider.ended();
    stage.settle();
    stage.is_empty();
}
