//! Where actors are put that are going to talk to somebody, or to nobody known.

use std::hint::spin_loop;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use perilune_actor_core::{
    Actor, Context, ExitReason, Failure, HostId, HostSpec, Notice, Pid, Placement, Scheduler, Spawn, Step,
};
use perilune_actor_local::{LocalScheduler, WorkerLocal};

/// More than anybody would need.
const LONG: Duration = Duration::from_secs(60);

struct Idle;

impl Actor for Idle {
    fn step(&mut self, _: &mut dyn Context) -> Step {
        Step::Wait
    }

    fn notice(&mut self, _: Notice, _: &mut dyn Context) {}
}

/// Uses up slice after slice, until the end.
struct Computing {
    interrupts: Arc<AtomicUsize>,
    end: Arc<AtomicBool>,
}

impl Actor for Computing {
    fn step(&mut self, _: &mut dyn Context) -> Step {
        let before = self.interrupts.load(Ordering::Acquire);
        while self.interrupts.load(Ordering::Acquire) == before {
            if self.end.load(Ordering::Acquire) {
                return Step::Exit(ExitReason::Normal(None));
            }
            spin_loop();
        }
        Step::Yield
    }

    fn notice(&mut self, _: Notice, _: &mut dyn Context) {}
}

struct Place {
    scheduler: LocalScheduler,
    interrupts: Arc<AtomicUsize>,
    host: HostId,
    /// Only on the first worker.
    narrow: HostId,
}

impl Place {
    fn new(workers: usize) -> Self {
        let interrupts = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&interrupts);
        let local = move |_| {
            let counted = Arc::clone(&counted);
            let interrupt = Arc::new(move || {
                counted.fetch_add(1, Ordering::AcqRel);
            });
            Ok(WorkerLocal { local: Box::new(()), interrupt })
        };
        let scheduler = LocalScheduler::builder().workers(workers).local(local).start().expect("a scheduler");
        let (host, narrow) = (HostId::new("wide"), HostId::new("narrow"));
        scheduler.add_host(HostSpec::new(host));
        scheduler.add_host(HostSpec { workers: 1, ..HostSpec::new(narrow) });
        Self { scheduler, interrupts, host, narrow }
    }

    fn start(&self, host: HostId, placement: Option<Placement>, beside: Option<Pid>) -> Pid {
        let factory = |_: &mut dyn Context| -> Result<Box<dyn Actor>, Failure> { Ok(Box::new(Idle)) };
        let mut spawn = Spawn::new(host, Box::new(factory));
        (spawn.placement, spawn.beside) = (placement, beside);
        self.scheduler.spawn(spawn).expect("an actor")
    }

    fn compute(&self, end: &Arc<AtomicBool>) {
        let (interrupts, end) = (Arc::clone(&self.interrupts), Arc::clone(end));
        let factory = move |_: &mut dyn Context| -> Result<Box<dyn Actor>, Failure> {
            Ok(Box::new(Computing { interrupts, end }))
        };
        self.scheduler.spawn(Spawn::new(self.narrow, Box::new(factory))).expect("an actor");
    }

    fn worker(&self, pid: Pid) -> usize {
        self.scheduler.actors().into_iter().find(|info| info.pid == pid).expect("a live actor").worker
    }
}

#[test]
fn whoever_is_going_to_talk_to_somebody_is_put_beside() {
    let place = Place::new(3);
    for _ in 0..6 {
        let partner = place.start(place.host, Some(Placement::Spread), None);
        for _ in 0..10 {
            let pid = place.start(place.host, None, Some(partner));
            assert_eq!(place.worker(pid), place.worker(partner));
        }
    }
}

#[test]
fn placement_that_was_asked_for_and_limits_of_the_host_outweigh_a_partner() {
    let place = Place::new(2);
    let partners: Vec<Pid> = (0..2).map(|_| place.start(place.host, Some(Placement::Spread), None)).collect();
    for partner in partners {
        let spread: Vec<usize> =
            (0..2).map(|_| place.worker(place.start(place.host, Some(Placement::Spread), Some(partner)))).collect();
        assert_ne!(spread[0], spread[1]);
        assert_eq!(place.worker(place.start(place.narrow, None, Some(partner))), 0);
    }
}

#[test]
fn partner_that_never_was_is_no_partner() {
    let place = Place::new(2);
    // Of a worker that there is not.
    let partner = Pid::local(place.host, NonZeroU64::new(0x1ff).expect("not zero"));
    place.worker(place.start(place.host, None, Some(partner)));
}

#[test]
fn crowd_that_computes_keeps_others_away_until_it_is_gone() {
    let place = Place::new(2);
    let partner = place.start(place.narrow, None, None);
    let since = Instant::now();
    // Again and again: a crowd that was there once is not there for good.
    for _ in 0..3 {
        let end = Arc::new(AtomicBool::new(false));
        (0..8).for_each(|_| place.compute(&end));
        let until = |worker: usize| {
            while place.worker(place.start(place.host, None, Some(partner))) != worker {
                assert!(since.elapsed() < LONG, "nobody is put on worker {worker}");
            }
        };
        until(1);
        end.store(true, Ordering::Release);
        until(0);
    }
}

#[test]
fn whoever_runs_knows_whether_others_have_work() {
    let place = Place::new(1);
    let (tell, told) = std::sync::mpsc::channel();
    let host = place.host;
    let factory = move |cx: &mut dyn Context| -> Result<Box<dyn Actor>, Failure> {
        let alone = cx.has_company();
        let other = |_: &mut dyn Context| -> Result<Box<dyn Actor>, Failure> { Ok(Box::new(Idle)) };
        let _ = cx.spawn(Spawn::new(host, Box::new(other)), None);
        tell.send((alone, cx.has_company())).expect("somebody who wants to know");
        Ok(Box::new(Idle))
    };
    place.scheduler.spawn(Spawn::new(host, Box::new(factory))).expect("an actor");
    assert_eq!(told.recv_timeout(LONG), Ok((false, true)));
}
