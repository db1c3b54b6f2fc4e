//! Actors that come and go leave nothing behind. Alone in its process, whose memory it looks at.

use std::time::Duration;

use perilune_actor_core::{
    Actor, Context, Event, ExitReason, Failure, HostId, HostSpec, Notice, Outcome, Placement, Relation, Scheduler,
    Spawn, Step, Topic, Value,
};
use perilune_actor_local::LocalScheduler;

/// How many come and go before the first look: by then every table has the size it needs.
const WARM_UP: usize = 100_000;

/// How many come and go between the looks.
const CYCLES: usize = 1_000_000;

/// How many there are at a time.
const AT_A_TIME: usize = 256;

/// What may be more afterwards. A leak of eight bytes for each actor would be twice as much; what the allocator keeps for
/// a few more messages on their way at the same time is some hundred KiB.
const TOLERANCE_KIB: usize = 4096;

/// Uses some of everything that an actor can have, and returns.
struct Child;

impl Actor for Child {
    fn step(&mut self, cx: &mut dyn Context) -> Step {
        cx.start_timer(Duration::from_secs(3600), 1);
        let me = cx.pid();
        // A message and an event that nobody receives, and a deadline that is never reached.
        let _ = cx.send(me, Topic::new("unread").expect("a topic"), Value::from("text"));
        let _ = cx.cancel(me, Some(Duration::from_secs(3600)));
        Step::Exit(ExitReason::normal(Value::from(1.0)))
    }

    fn notice(&mut self, _: Notice, _: &mut dyn Context) {}
}

/// Starts children until told otherwise, and counts their ends.
struct Parent {
    host: HostId,
    wanted: usize,
    started: usize,
    ended: usize,
    tell: std::sync::mpsc::Sender<()>,
}

impl Parent {
    fn spawn(&mut self, cx: &mut dyn Context) {
        self.started += 1;
        let factory = |_: &mut dyn Context| -> Result<Box<dyn Actor>, Failure> { Ok(Box::new(Child)) };
        let mut spawn = Spawn::new(self.host, Box::new(factory));
        spawn.relation = Relation { monitored: true, linked: true };
        spawn.placement = Some(if self.started.is_multiple_of(2) { Placement::Local } else { Placement::Spread });
        spawn.name = self.started.is_multiple_of(5).then(|| format!("child {}", self.started).into());
        if let Outcome::Done(child) = cx.spawn(spawn, Some(0)) {
            child.expect("a child");
        }
    }
}

impl Actor for Parent {
    fn step(&mut self, cx: &mut dyn Context) -> Step {
        while let Some(event) = cx.mailbox().take_event() {
            assert!(matches!(event, Event::Down { reason: ExitReason::Normal(_), .. }), "{event:?}");
            self.ended += 1;
            if self.ended == self.wanted {
                let _ = self.tell.send(());
            }
        }
        if let Some(message) = cx.mailbox().take_unlistened() {
            self.wanted += message.payload.as_f64().expect("a number") as usize;
        }
        while self.started < self.wanted && self.started - self.ended < AT_A_TIME {
            self.spawn(cx);
        }
        Step::Wait
    }

    fn notice(&mut self, _: Notice, _: &mut dyn Context) {}
}

/// Memory of this process that is in RAM.
fn resident_kib() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix("kB")?.trim().parse().ok())
}

#[test]
fn million_actors_that_come_and_go_leave_nothing() {
    let scheduler = LocalScheduler::builder().workers(2).start().expect("a scheduler");
    let host = HostId::new("memory");
    scheduler.add_host(HostSpec::new(host));
    let (tell, told) = std::sync::mpsc::channel();
    let factory = move |_: &mut dyn Context| -> Result<Box<dyn Actor>, Failure> {
        Ok(Box::new(Parent { host, wanted: 0, started: 0, ended: 0, tell }))
    };
    let parent = scheduler.spawn(Spawn::new(host, Box::new(factory))).expect("an actor");
    let cycle = |count: usize| {
        let topic = Topic::new("more").expect("a topic");
        let message = perilune_actor_core::Envelope { from: None, topic, payload: Value::from(count as f64) };
        scheduler.deliver(parent, message.into()).expect("a live parent");
        told.recv_timeout(Duration::from_secs(600)).expect("the end of the last child");
        let left = scheduler.actors();
        assert_eq!(left.iter().map(|info| info.pid).collect::<Vec<_>>(), [parent]);
        assert_eq!((left[0].relations, left[0].timers, left[0].events), ((0, 0, 0), 0, 0));
        assert!(scheduler.workers().iter().all(|worker| worker.timers == 0 && worker.pending == 0));
        resident_kib()
    };
    let before = cycle(WARM_UP);
    let after = cycle(CYCLES);
    match (before, after) {
        (Some(before), Some(after)) => {
            assert!(after < before + TOLERANCE_KIB, "{before} KiB before, {after} KiB after {CYCLES} actors");
        }
        _ => eprintln!("skipped: resident memory, there is no /proc/self/status"),
    }
}
