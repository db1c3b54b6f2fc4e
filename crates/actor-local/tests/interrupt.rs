//! Whatever code of an actor runs, and however long all workers slept before: it is interrupted when it takes long.

use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use perilune_actor_core::{Actor, Context, ExitReason, Failure, HostId, HostSpec, Notice, Scheduler, Spawn, Step};
use perilune_actor_local::{LocalScheduler, WorkerLocal};

/// Where an actor runs until it is interrupted.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Factory,
    Step,
    Notice,
}

struct Busy {
    place: Place,
    done: bool,
    interrupts: Arc<AtomicUsize>,
}

/// Returns with the next interrupt.
fn run_long(interrupts: &AtomicUsize) {
    let before = interrupts.load(Ordering::Acquire);
    while interrupts.load(Ordering::Acquire) == before {
        spin_loop();
    }
}

impl Actor for Busy {
    fn step(&mut self, _: &mut dyn Context) -> Step {
        if self.place == Place::Step {
            run_long(&self.interrupts);
            self.done = true;
        }
        if self.done { Step::Exit(ExitReason::Normal(None)) } else { Step::Wait }
    }

    fn notice(&mut self, _: Notice, _: &mut dyn Context) {
        run_long(&self.interrupts);
        self.done = true;
    }
}

fn check(workers: usize, place: Place, rounds: u64) {
    let interrupts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&interrupts);
    let local = move |_| {
        let counted = Arc::clone(&counted);
        let interrupt = Arc::new(move || {
            counted.fetch_add(1, Ordering::AcqRel);
        });
        Ok(WorkerLocal { local: Box::new(()), interrupt })
    };
    // Short slices: the ticker falls asleep after some dozens of them.
    let slice = Duration::from_micros(40);
    let scheduler = LocalScheduler::builder().workers(workers).slice(slice).local(local).start().expect("a scheduler");
    let host = HostId::new("interrupt");
    scheduler.add_host(HostSpec::new(host));
    for round in 0..rounds {
        // All workers rest for a while, each time a little longer, up to and beyond the ticker's falling asleep.
        for _ in 0..round * 750 {
            spin_loop();
        }
        let interrupts = Arc::clone(&interrupts);
        let factory = move |cx: &mut dyn Context| -> Result<Box<dyn Actor>, Failure> {
            match place {
                Place::Factory => run_long(&interrupts),
                Place::Notice => drop(cx.start_timer(Duration::ZERO, 1)),
                Place::Step => {}
            }
            Ok(Box::new(Busy { place, done: place == Place::Factory, interrupts }))
        };
        let (tell, told) = std::sync::mpsc::channel();
        let mut spawn = Spawn::new(host, Box::new(factory));
        spawn.on_exit = Some(Box::new(move |reason| drop(tell.send(reason.clone()))));
        scheduler.spawn(spawn).expect("an actor");
        let ended = told.recv_timeout(Duration::from_secs(60));
        if ended.is_err() {
            // The worker is lost in that actor; nobody may wait for it.
            std::mem::forget(scheduler);
            panic!("no interrupt in round {round}");
        }
    }
}

#[test]
fn long_step_is_interrupted() {
    check(1, Place::Step, 200);
    check(2, Place::Step, 200);
}

#[test]
fn long_notice_is_interrupted() {
    check(1, Place::Notice, 200);
}

#[test]
fn long_factory_is_interrupted() {
    // The spawning thread waits for the factory: when no interrupt comes this test does not end.
    check(1, Place::Factory, 200);
}
