use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{bounded, unbounded};
use perilune_actor_core::{
    ActorState, Event, ExitReason, Failure, HostId, Outcome, Placement, Scheduler, Spawn, Step, Value,
};

use crate::harness::Harness;
use crate::probe::{Plan, topic};
use crate::stage::{Stage, acting, wait};

pub fn actor_that_always_yields_leaves_room_for_others<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let observer = stage.probe();
    let steps = Arc::new(());
    let busy: Vec<_> = (0..4)
        .map(|_| {
            let alive = Arc::clone(&steps);
            let (spawn, _) = acting(stage.host, move |_| {
                let _ = &alive;
                Step::Yield
            });
            let Outcome::Done(Ok(pid)) = observer.run(move |cx| cx.spawn(spawn, None)) else { panic!("no child") };
            pid
        })
        .collect();
    // Beside them commands, messages, timers, spawns and signals of others get through.
    let beside = observer.spawn_here(Plan::default()).expect("a child");
    let other = stage.probe();
    for round in 0..20 {
        other.send(beside.pid(), "hello", Value::Integer(round)).expect("a live receiver");
        assert_eq!(beside.message().payload, Value::Integer(round));
        beside.run(|cx| cx.start_timer(Duration::from_micros(10), 1));
        beside.timer();
    }
    for pid in busy {
        observer.monitor(pid).expect("a live target");
        other.run(move |cx| cx.terminate(pid, Failure::default())).expect("a live target");
        assert!(matches!(observer.event(), Event::Down { from, .. } if from == pid));
    }
    assert_eq!(Arc::strong_count(&steps), 1);
}

pub fn actor_whose_children_start_others_for_ever_leaves_room_for_others<H: Harness>(harness: &H) {
    /// An actor that starts another one like it and ends, until nobody cares.
    fn heir(host: HostId, alive: &Arc<AtomicBool>) -> Spawn {
        let next = Arc::clone(alive);
        let (mut spawn, _) = acting(host, move |cx| {
            if next.load(Ordering::Relaxed) {
                let _ = cx.spawn(heir(host, &next), None);
            }
            Step::Exit(ExitReason::Normal(None))
        });
        spawn.placement = Some(Placement::Local);
        spawn
    }
    /// A case that fails must not leave them.
    struct Stop(Arc<AtomicBool>);
    impl Drop for Stop {
        fn drop(&mut self) {
            self.0.store(false, Ordering::Relaxed);
        }
    }
    let stage = Stage::new(harness);
    let alive = Stop(Arc::new(AtomicBool::new(true)));
    let (host, next) = (stage.host, Arc::clone(&alive.0));
    let observer = stage.probe();
    let beside = observer.spawn_here(Plan::default()).expect("a child");
    // Started together: a line without end, and one who waits for a first turn behind it.
    let (spawn, begun) = {
        let (tell, begun) = bounded(1);
        let (spawn, _) = acting(host, move |_| {
            let _ = tell.send(());
            Step::Exit(ExitReason::Normal(None))
        });
        (spawn, begun)
    };
    observer.cast(move |cx| {
        let _ = cx.spawn(heir(host, &next), None);
        let _ = cx.spawn(spawn, None);
    });
    wait(&begun, "a first turn");
    for round in 0..20 {
        beside.send(beside.pid(), "hello", Value::Integer(round)).expect("a live receiver");
        assert_eq!(beside.message().payload, Value::Integer(round));
    }
}

pub fn busy_actor_finds_its_mail_afterwards<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let (started, has_started) = bounded(1);
    // Dropped before the stage, which waits for the actor.
    let go_on = Arc::new(AtomicBool::new(false));
    let busy = stage.probe();
    let waits = Arc::clone(&go_on);
    busy.cast(move |_| {
        let _ = started.send(());
        // A case that fails drops its half, and must not hang because of this actor.
        while !waits.load(Ordering::Acquire) && Arc::strong_count(&waits) > 1 {
            std::hint::spin_loop();
        }
    });
    wait(&has_started, "a busy actor");
    // Nobody needs the receiver to send to it, to name it or to cancel it.
    let pid = busy.pid();
    for round in 0..10 {
        let message =
            perilune_actor_core::Envelope { from: None, topic: topic("mail"), payload: Value::Integer(round) };
        stage.scheduler.deliver(pid, message.into()).expect("a live receiver");
    }
    stage.scheduler.names().register("busy", pid).expect("a free name");
    let cancel = perilune_actor_core::Signal::Cancel { from: None, deadline: None, reason: None };
    stage.scheduler.deliver(pid, cancel).expect("a live receiver");
    go_on.store(true, Ordering::Release);
    for round in 0..10 {
        assert_eq!(busy.message().payload, Value::Integer(round));
    }
    assert!(matches!(busy.event(), Event::Cancel { .. }));
}

pub fn live_view_shows_what_an_actor_has<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    assert!(stage.scheduler.actors().is_empty());
    let (holder, other) = (stage.probe_with(Plan::holding()), stage.probe());
    let (tell, told) = unbounded();
    let idle = stage.act(move |_| {
        let _ = tell.send(());
        Step::Wait
    });
    wait(&told, "a first step");
    holder.link(other.pid()).expect("a live target");
    other.monitor(holder.pid()).expect("a live target");
    other.send(holder.pid(), "hello", Value::Nil).expect("a live receiver");
    let pid = holder.pid();
    other.run(move |cx| cx.cancel(pid, None)).expect("a live target");
    holder.run(|cx| {
        cx.register("holder", cx.pid()).expect("a free name");
        cx.start_timer(Duration::from_secs(3600), 1);
    });
    stage.settle();
    let info = stage.find(pid).expect("a live actor");
    assert_eq!((info.mailbox, info.events, info.timers, info.relations), (1, 1, 1, (0, 1, 1)));
    assert_eq!(info.names, ["holder"]);
    assert_eq!(stage.find(other.pid()).expect("a live actor").relations, (1, 0, 1));
    assert_eq!(stage.find(idle.pid).expect("a live actor").state, ActorState::Waiting);
    let workers = stage.scheduler.workers();
    assert_eq!(workers.iter().map(|worker| worker.actors).sum::<usize>(), 3);
    assert_eq!(workers.iter().map(|worker| worker.timers).sum::<usize>(), 1);
    assert!(info.worker < workers.len());
}
