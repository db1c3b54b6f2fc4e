use std::time::Duration;

use crossbeam_channel::unbounded;
use perilune_actor_core::{
    ActorError, ErrorKind, Event, ExitReason, Failure, HostId, HostSpec, Outcome, Placement, Relation, Scheduler, Step,
};

use crate::cases::ROUNDS;
use crate::harness::Harness;
use crate::probe::Plan;
use crate::stage::{Stage, acting, wait};

fn narrow<H: Harness>(stage: &Stage<'_, H>, max_actors: usize) -> HostId {
    let host = HostId::new("testkit narrow");
    stage.scheduler.add_host(HostSpec { max_actors, placement: Placement::Spread, ..HostSpec::new(host) });
    host
}

pub fn host_takes_no_more_than_its_limit<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let host = narrow(&stage, 3);
    let parent = stage.probe();
    let spawn = move || acting(host, |_| Step::Wait).0;
    for _ in 0..3 {
        stage.scheduler.spawn(spawn()).expect("room");
    }
    let full = ActorError::HostFull { host, limit: 3 };
    assert_eq!((stage.scheduler.spawn(spawn()), full.kind()), (Err(full.clone()), ErrorKind::RateLimited));
    assert_eq!(parent.run(move |cx| cx.spawn(spawn(), None)), Outcome::Done(Err(full.clone())));
    assert_eq!(Failure::from(full).retryable, Some(true));
    // Others are not concerned.
    stage.probe();
    assert_eq!(stage.scheduler.actors().iter().filter(|info| info.pid.host() == host).count(), 3);
}

pub fn room_on_the_host_is_free_before_the_exit_is_seen<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let host = narrow(&stage, 1);
    let observer = stage.probe();
    for round in 0..ROUNDS / 10 {
        let mut spawn = acting(host, |_| Step::Exit(ExitReason::Normal(None))).0;
        spawn.relation = Relation { monitored: true, linked: false };
        let token = (round % 2 == 0).then_some(1);
        match observer.run(move |cx| cx.spawn(spawn, token)) {
            Outcome::Done(child) => drop(child.expect("room")),
            Outcome::Pending => drop(observer.answer()),
        }
        observer.down();
    }
}

pub fn refused_actors_keep_nobody_out<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let host = narrow(&stage, 2);
    let spawn = move || acting(host, |_| Step::Wait).0;
    stage.scheduler.spawn(spawn()).expect("room");
    // Four actors fight over the room that is left, and give it back at once: one always gets it.
    let (tell, told) = unbounded();
    let fighters: Vec<_> = (0..4).map(|_| stage.probe()).collect();
    for fighter in &fighters {
        let tell = tell.clone();
        fighter.cast(move |cx| {
            let mut won = 0;
            for _ in 0..ROUNDS {
                if let Outcome::Done(Ok(child)) = cx.spawn(spawn(), None) {
                    won += 1;
                    cx.terminate(child, Failure::default()).expect("a live child");
                }
            }
            let _ = tell.send(won);
        });
    }
    let won: usize = fighters.iter().map(|_| wait(&told, "the count of a fighter")).sum();
    assert!(won > 0);
    stage.settle();
    stage.scheduler.spawn(spawn()).expect("room");
    assert_eq!(stage.scheduler.spawn(spawn()), Err(ActorError::HostFull { host, limit: 2 }));
}

pub fn other_limits_hold_for_actors_to_come<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let spawn = move |host| acting(host, |_| Step::Exit(ExitReason::Normal(None)));
    let idle = move |host| acting(host, |_| Step::Wait).0;
    let host = narrow(&stage, 1);
    let first = stage.scheduler.spawn(idle(host)).expect("room");
    assert!(stage.scheduler.spawn(idle(host)).is_err());
    narrow(&stage, 3);
    for _ in 0..2 {
        stage.scheduler.spawn(idle(host)).expect("room");
    }
    assert!(stage.scheduler.spawn(idle(host)).is_err());
    // Whoever was there before counts, and stays although there are too many now.
    narrow(&stage, 1);
    assert_eq!(stage.scheduler.actors().len(), 3);
    let observer = stage.probe();
    observer.monitor(first).expect("a live target");
    observer.run(move |cx| cx.terminate(first, Failure::default())).expect("a live target");
    observer.down();
    assert_eq!(stage.scheduler.spawn(idle(host)), Err(ActorError::HostFull { host, limit: 1 }));
    narrow(&stage, 0);
    for _ in 0..20 {
        let (spawn, ended) = spawn(host);
        stage.scheduler.spawn(spawn).expect("room");
        wait(&ended, "the end of an actor");
    }
}

/// Lets time pass when a case fails, for whoever waits for it.
struct Rescue<'a, H: Harness>(&'a Stage<'a, H>);

impl<H: Harness> Drop for Rescue<'_, H> {
    fn drop(&mut self) {
        self.0.advance(Duration::from_secs(3600));
    }
}

pub fn stopped_host_cancels_and_then_forces<H: Harness>(harness: &H) {
    let Some(stage) = Stage::with_clock(harness) else { return };
    let host = narrow(&stage, 0);
    let observer = stage.probe();
    let probes: Vec<_> = (0..4)
        .map(|_| {
            let (tell, told) = unbounded();
            let (spawn, ended) = acting(host, move |cx| {
                while let Some(event) = cx.mailbox().take_event() {
                    let _ = tell.send(event);
                }
                Step::Wait
            });
            let pid = stage.scheduler.spawn(spawn).expect("an actor");
            observer.monitor(pid).expect("a live target");
            (told, ended)
        })
        .collect();
    std::thread::scope(|scope| {
        let _rescue = Rescue(&stage);
        let stopping = scope.spawn(|| stage.scheduler.stop_host(host, Duration::from_secs(10), "host shutdown".into()));
        for (told, _) in &probes {
            let event = wait(told, "a cancel");
            let Event::Cancel { from: None, deadline: Some(deadline), reason: Some(reason), at } = event else {
                panic!("unexpected: {event:?}")
            };
            assert_eq!((deadline, &*reason), (at + Duration::from_secs(10), "host shutdown"));
        }
        assert_eq!(stage.try_probe_on(host, Plan::default()).err(), Some(ActorError::HostStopping(host)));
        stage.advance(Duration::from_secs(9));
        stage.settle();
        assert!(!stopping.is_finished());
        stage.advance(Duration::from_secs(1));
        for (_, ended) in &probes {
            let reason = wait(ended, "a forced end");
            let failure = reason.failure().expect("a failure");
            let told = (failure.kind.clone(), failure.message.as_str());
            assert_eq!(told, (ErrorKind::Unavailable, "host shutdown: process did not end in time"));
        }
        stopping.join().expect("no panic");
    });
    for _ in &probes {
        observer.down();
    }
    assert_eq!(stage.scheduler.actors().len(), 1);
    observer.is_quiet();
}

pub fn stopped_host_waits_for_actors_that_end_in_time<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let host = narrow(&stage, 0);
    let ends: Vec<_> = (0..20)
        .map(|_| {
            let (spawn, ended) = acting(host, |cx| match cx.mailbox().take_event() {
                Some(Event::Cancel { .. }) => Step::Exit(ExitReason::Normal(None)),
                _ => Step::Wait,
            });
            stage.scheduler.spawn(spawn).expect("an actor");
            ended
        })
        .collect();
    stage.scheduler.stop_host(host, Duration::MAX, "host shutdown".into());
    // All hooks have been called by now.
    for ended in ends {
        assert_eq!(ended.try_recv(), Ok(ExitReason::Normal(None)));
    }
    stage.is_empty();
}

pub fn stopped_host_refuses_until_it_is_added_again<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let host = narrow(&stage, 5);
    let parent = stage.probe();
    let spawn = move || acting(host, |_| Step::Wait).0;
    stage.scheduler.spawn(spawn()).expect("room");
    stage.scheduler.stop_host(host, Duration::ZERO, "host shutdown".into());
    let stopping = ActorError::HostStopping(host);
    assert_eq!((stage.scheduler.spawn(spawn()), stopping.kind()), (Err(stopping.clone()), ErrorKind::Unavailable));
    assert_eq!(parent.run(move |cx| cx.spawn(spawn(), None)), Outcome::Done(Err(stopping)));
    // Once more, and of one nobody knows: nothing to wait for.
    stage.scheduler.stop_host(host, Duration::MAX, "host shutdown".into());
    stage.scheduler.stop_host(HostId::new("testkit nowhere"), Duration::MAX, "host shutdown".into());
    narrow(&stage, 5);
    stage.scheduler.spawn(spawn()).expect("room");
    parent.is_quiet();
}

pub fn stop_ends_everything_with_a_reason<H: Harness>(harness: &H) {
    let stage = Stage::new(harness);
    let probes: Vec<_> = (0..20).map(|_| stage.probe()).collect();
    for pair in probes.windows(2) {
        pair[0].link(pair[1].pid()).expect("a live target");
    }
    stage.scheduler.stop();
    for probe in &probes {
        assert!(probe.has_ended());
        assert_eq!(probe.ended().failure().expect("a failure").kind, ErrorKind::Unavailable);
        let late =
            stage.scheduler.deliver(probe.pid(), perilune_actor_core::Signal::Terminate(Failure::default().into()));
        assert_eq!(late, Err(ActorError::NotFound(probe.pid())));
    }
    assert!(stage.try_probe(Plan::default()).is_err());
    assert!(stage.scheduler.actors().is_empty());
    stage.scheduler.stop();
}
