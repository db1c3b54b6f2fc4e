use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossbeam_channel::unbounded;
use perilune_actor_core::{Actor, Context, Event, ExitReason, Failure, Instant, Notice, Scheduler, Spawn, Step, Value};

use crate::harness::Harness;
use crate::probe::{Plan, failure};
use crate::stage::{Stage, wait};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub fn timers_fire_in_order_and_never_early<H: Harness>(harness: &H) {
    let Some(stage) = Stage::with_clock(harness) else { return };
    let probe = stage.probe();
    probe.run(|cx| {
        for delay in [50, 20, 40, 10, 30] {
            cx.start_timer(ms(delay), delay);
        }
    });
    for due in [10, 20, 30, 40, 50] {
        stage.advance(ms(9));
        stage.settle();
        probe.is_quiet();
        stage.advance(ms(1));
        assert_eq!(probe.timer(), due);
    }
    assert_eq!(stage.find(probe.pid()).expect("a live actor").timers, 0);
}

pub fn timers_due_together_fire_in_order_of_start<H: Harness>(harness: &H) {
    let Some(stage) = Stage::with_clock(harness) else { return };
    let probe = stage.probe();
    let fired_at = probe.run(|cx| {
        for token in 0..100 {
            cx.start_timer(ms(5), token);
        }
        cx.start_timer(ms(3), 100).due
    });
    assert_eq!(fired_at, Instant::from_start(ms(3)));
    stage.advance(Duration::from_secs(3600));
    assert_eq!(probe.timer(), 100);
    for token in 0..100 {
        assert_eq!(probe.timer(), token);
    }
}

pub fn thousands_of_timers_fire_in_order<H: Harness>(harness: &H) {
    const COUNT: u64 = 10_000;
    let Some(stage) = Stage::with_clock(harness) else { return };
    let probe = stage.probe();
    let mut expected = probe.run(|cx| {
        let mut started = Vec::new();
        let mut random = 1_u64;
        for token in 0..COUNT {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Fewer times than timers, so that many are due together.
            started.push((cx.start_timer(ms((random >> 33) % 500), token), token));
        }
        started
    });
    expected.sort_by_key(|(timer, _)| (timer.due, timer.serial));
    stage.advance(Duration::from_secs(1));
    for (_, token) in expected {
        assert_eq!(probe.timer(), token);
    }
    assert_eq!(stage.find(probe.pid()).expect("a live actor").timers, 0);
}

pub fn stopped_timer_does_not_fire<H: Harness>(harness: &H) {
    let Some(stage) = Stage::with_clock(harness) else { return };
    let probe = stage.probe();
    let fired = probe.run(|cx| {
        let stopped = cx.start_timer(ms(10), 1);
        assert!(cx.stop_timer(stopped) && !cx.stop_timer(stopped));
        cx.start_timer(ms(10), 2)
    });
    stage.advance(ms(10));
    assert_eq!(probe.timer(), 2);
    assert!(!probe.run(move |cx| cx.stop_timer(fired)));
    let foreign = probe.run(|cx| cx.start_timer(ms(10), 3));
    let other = probe.spawn_here(Plan::default()).expect("a child");
    assert!(!other.run(move |cx| cx.stop_timer(foreign)));
    stage.advance(ms(10));
    assert_eq!(probe.timer(), 3);
    probe.is_quiet();
}

pub fn timer_of_an_ended_actor_is_gone<H: Harness>(harness: &H) {
    let Some(stage) = Stage::with_clock(harness) else { return };
    for _ in 0..10 {
        let probes = [stage.probe(), stage.probe(), stage.probe(), stage.probe()];
        for probe in &probes {
            probe.run(|cx| {
                cx.start_timer(ms(10), 1);
                let me = cx.pid();
                cx.cancel(me, Some(ms(10))).expect("a live target");
            });
            let info = stage.find(probe.pid()).expect("a live actor");
            assert_eq!(info.timers, 1);
        }
        assert!(stage.scheduler.workers().iter().map(|worker| worker.timers).sum::<usize>() >= 4);
        probes.iter().for_each(|probe| probe.exit(ExitReason::normal(Value::from(true))));
        probes.iter().for_each(|probe| drop(probe.ended()));
        stage.settle();
        stage.is_empty();
        // Whoever has the place now must not meet them.
        let next = [stage.probe(), stage.probe(), stage.probe(), stage.probe()];
        stage.advance(ms(20));
        stage.settle();
        for probe in &next {
            probe.is_quiet();
            probe.finish();
            probe.ended();
        }
    }
}

pub fn timer_of_a_failed_factory_is_gone<H: Harness>(harness: &H) {
    let Some(stage) = Stage::with_clock(harness) else { return };
    for _ in 0..4 {
        let factory = |cx: &mut dyn Context| -> Result<Box<dyn Actor>, Failure> {
            cx.start_timer(ms(10), 1);
            cx.cancel(cx.pid(), Some(ms(10))).expect("oneself");
            Err(failure())
        };
        assert!(stage.scheduler.spawn(Spawn::new(stage.host, Box::new(factory))).is_err());
    }
    stage.is_empty();
    let next = [stage.probe(), stage.probe(), stage.probe(), stage.probe()];
    stage.advance(ms(20));
    stage.settle();
    for probe in &next {
        probe.is_quiet();
    }
}

pub fn timer_that_restarts_itself_holds_up_nobody<H: Harness>(harness: &H) {
    struct Restarts(Arc<Mutex<u64>>);

    impl Actor for Restarts {
        fn step(&mut self, _: &mut dyn Context) -> Step {
            Step::Wait
        }
        fn notice(&mut self, _: Notice, cx: &mut dyn Context) {
            *self.0.lock().expect("no panic") += 1;
            cx.start_timer(Duration::ZERO, 1);
        }
    }

    let Some(stage) = Stage::with_clock(harness) else { return };
    let count = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&count);
    let factory = move |cx: &mut dyn Context| -> Result<Box<dyn Actor>, Failure> {
        cx.start_timer(Duration::ZERO, 1);
        Ok(Box::new(Restarts(counted)))
    };
    let pid = stage.scheduler.spawn(Spawn::new(stage.host, Box::new(factory))).expect("an actor");
    let observer = stage.probe();
    observer.monitor(pid).expect("a live target");
    stage.advance(ms(1));
    observer.run(move |cx| cx.terminate(pid, Failure::default())).expect("a live target");
    assert!(matches!(observer.event(), Event::Down { .. }));
    assert!(*count.lock().expect("no panic") > 0);
}

pub fn timer_of_the_machine_clock_is_never_early<H: Harness>(harness: &H) {
    struct Looks(Option<Instant>, crossbeam_channel::Sender<(Instant, Instant)>);

    impl Actor for Looks {
        fn step(&mut self, cx: &mut dyn Context) -> Step {
            if self.0.is_none() {
                let started = cx.now();
                let timer = cx.start_timer(ms(2), 1);
                assert!(timer.due >= started.after(ms(2)));
                self.0 = Some(timer.due);
            }
            Step::Wait
        }
        fn notice(&mut self, _: Notice, cx: &mut dyn Context) {
            let _ = self.1.send((self.0.expect("a timer"), cx.now()));
        }
    }

    let stage = Stage::new(harness);
    let (tell, told) = unbounded();
    for _ in 0..50 {
        let tell = tell.clone();
        let factory = move |_: &mut dyn Context| -> Result<Box<dyn Actor>, Failure> { Ok(Box::new(Looks(None, tell))) };
        stage.scheduler.spawn(Spawn::new(stage.host, Box::new(factory))).expect("an actor");
    }
    for _ in 0..50 {
        let (due, now) = wait(&told, "a timer");
        assert!(now >= due);
    }
}
