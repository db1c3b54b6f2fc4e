//! What becomes dearer when there is more of it: messages and spawns among a million processes, a mailbox of a million
//! messages, a million timers, a million names? Prints ratios of the cost of one operation: processor time of the busiest
//! thread, best of interleaved runs. Time on the clock would make long runs dearer wherever other programs run too.

use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use perilune_actor_core::{
    Actor, Context, ExitReason, Failure, HostId, HostSpec, Notice, Scheduler, Spawn, Step, TimerId,
};
use perilune_actor_local::LocalScheduler;
use perilune_benches::{App, busiest};

/// Prints what one operation costs with much in relation to with little.
fn compare(title: &str, runs: usize, mut little: impl FnMut() -> f64, mut much: impl FnMut() -> f64) {
    let (mut least, mut most) = (f64::MAX, f64::MAX);
    for _ in 0..runs {
        least = least.min(little());
        most = most.min(much());
    }
    println!("{title}: {:.2} ({:.0} ns to {:.0} ns)", most / least, least * 1e9, most * 1e9);
}

/// An application with that many idle processes in it.
fn crowded(count: u64) -> App {
    let app = App::start(1);
    let crowd = app.runtime().run_command("bench:crowd", None, vec![count.to_string()]);
    let crowd = crowd.unwrap_or_else(|error| panic!("{error}"));
    while app.runtime().whereis("crowd").is_none() {
        assert!(crowd.try_wait().is_none(), "the crowd ended early");
        std::thread::sleep(Duration::from_millis(1));
    }
    app
}

/// Starts timers in no order and looks at the order in which they fire.
struct Timed {
    count: u64,
    last: Option<TimerId>,
    due: Vec<TimerId>,
    fired: u64,
    tell: Sender<()>,
}

impl Actor for Timed {
    fn step(&mut self, cx: &mut dyn Context) -> Step {
        if self.due.is_empty() {
            let mut random = 1_u64;
            for token in 0..self.count {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                // All are due by the time the last one is started, or nearly so.
                self.due.push(cx.start_timer(Duration::from_nanos((random >> 33) % 10_000_000), token));
            }
        }
        if self.fired < self.count {
            return Step::Wait;
        }
        let _ = self.tell.send(());
        Step::Exit(ExitReason::Normal(None))
    }

    fn notice(&mut self, notice: Notice, _: &mut dyn Context) {
        let Notice::Timer { token } = notice else { return };
        let timer = self.due[usize::try_from(token).unwrap_or(usize::MAX)];
        assert!(self.last < Some(timer), "{timer:?} fired after {:?}", self.last);
        self.last = Some(timer);
        self.fired += 1;
    }
}

/// Seconds that a timer takes from its start to its end, of that many at the same time.
fn timers(count: u64) -> f64 {
    let scheduler = LocalScheduler::builder().workers(1).start().unwrap_or_else(|error| panic!("{error}"));
    let host = HostId::new("growth");
    scheduler.add_host(HostSpec::new(host));
    let (tell, told) = channel();
    let actor = Timed { count, last: None, due: Vec::new(), fired: 0, tell };
    let factory = move |_: &mut dyn Context| -> Result<Box<dyn Actor>, Failure> { Ok(Box::new(actor)) };
    let fired = || {
        let start = std::time::Instant::now();
        scheduler.spawn(Spawn::new(host, Box::new(factory))).unwrap_or_else(|error| panic!("{error}"));
        told.recv().unwrap_or_else(|_| panic!("timers fired out of order"));
        start.elapsed()
    };
    busiest(fired).1.as_secs_f64() / count as f64
}

fn main() {
    // Criterion's flag for a run that only shows that everything works.
    let quick = std::env::args().any(|arg| arg == "--test");
    let (runs, little, much, count) = if quick { (1, 10, 20, 10) } else { (5, 100_000, 1_000_000, 200_000) };
    let each = |app: &App, name: &str, count: u64, extra: &str| {
        busiest(|| app.time(name, count, extra)).1.as_secs_f64() / count as f64
    };
    {
        let (few, many) = (crowded(10), crowded(much));
        for (title, name, count) in [("round trip", "ping_pong", count), ("spawn and exit", "spawn_exit", count)] {
            compare(
                &format!("{title} among {much} processes, to one among 10"),
                runs,
                || each(&few, name, count, "bench:processes"),
                || each(&many, name, count, "bench:processes"),
            );
        }
    }
    for (title, name) in
        [("message put into and taken from a mailbox", "backlog"), ("name registered, found and given up", "names")]
    {
        compare(
            &format!("{title} of {much}, to one of {little}"),
            runs,
            || each(&App::start(1), name, little, ""),
            || each(&App::start(1), name, much, ""),
        );
    }
    compare(&format!("timer of {much}, to one of {little}"), runs, || timers(little), || timers(much));
}
