use loom::model;
use loom::sync::mpsc::channel;
use loom::thread::spawn;

use super::*;

/// The ticker's thread, as far as it sleeps, and never for the sake of time.
fn run(ticker: &Arc<Ticker>) -> loom::thread::JoinHandle<()> {
    let ticker = Arc::clone(ticker);
    spawn(move || {
        ticker.enlist();
        ticker.doze();
    })
}

#[test]
fn whoever_goes_to_work_wakes_the_ticker() {
    model(|| {
        let ticker = Ticker::new(1);
        ticker.slices[0].awake.store(false, Ordering::Relaxed);
        let thread = run(&ticker);
        ticker.rest(0, || ());
        // Loom fails when nobody can go on: when the ticker sleeps although the worker has gone to work.
        thread.join().expect("no panic");
    });
}

#[test]
fn any_worker_wakes_the_ticker() {
    model(|| {
        let ticker = Ticker::new(2);
        ticker.slices.iter().for_each(|slice| slice.awake.store(false, Ordering::Relaxed));
        let thread = run(&ticker);
        let beside = Arc::clone(&ticker);
        let other = spawn(move || beside.rest(1, || ()));
        ticker.rest(0, || ());
        other.join().expect("no panic");
        thread.join().expect("no panic");
    });
}

#[test]
fn ticker_stays_up_while_anybody_works() {
    model(|| {
        let ticker = Ticker::new(2);
        ticker.slices[0].awake.store(false, Ordering::Relaxed);
        run(&ticker).join().expect("no panic");
    });
}

#[test]
fn what_wakes_a_worker_wakes_the_ticker_before_it_is_begun() {
    model(|| {
        let ticker = Ticker::new(1);
        let (send, inbox) = channel();
        let worker = Arc::clone(&ticker);
        let worker = spawn(move || {
            let job = worker.rest(0, || inbox.recv().expect("a job"));
            worker.begin(0);
            job
        });
        let thread = run(&ticker);
        send.send(42).expect("a worker");
        assert_eq!(worker.join().expect("no panic"), 42);
        thread.join().expect("no panic");
    });
}

#[test]
fn ticker_that_is_told_to_stop_does_not_sleep() {
    model(|| {
        let ticker = Ticker::new(1);
        ticker.slices[0].awake.store(false, Ordering::Relaxed);
        let beside = Arc::clone(&ticker);
        let thread = spawn(move || {
            beside.enlist();
            while !beside.stop.load(Ordering::Acquire) {
                beside.doze();
            }
        });
        ticker.stop();
        thread.join().expect("no panic");
    });
}
