use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;

use crate::core::Core;
use crate::inject::Inject;

/// Slices between two looks at other threads and timers, while the ticker does not ask for one.
const BATCH: usize = 64;

/// How long a worker looks out for more before it sleeps, if its last sleep was too short to be worth it.
const LOOK_OUT: Duration = Duration::from_micros(50);

/// A sleep this short costs more than it saves: whoever ends it pays for the waking.
const SHORT_SLEEP: Duration = Duration::from_micros(100);

/// Looks between two at the clock.
const LOOKS: usize = 32;

/// Drives a core until it is told to stop.
pub(crate) fn run(mut core: Core, inbox: &Receiver<Inject>) {
    let mut rest = Rest::new(core.shared.worker_count());
    'work: loop {
        let mut taken = 0;
        while let Ok(inject) = inbox.try_recv() {
            if !core.handle(inject) {
                break 'work;
            }
            taken += 1;
            if taken == BATCH {
                break;
            }
        }
        core.fire_timers();
        core.publish_load();
        if core.is_idle() && taken < BATCH {
            core.drained();
            if rest.until_work(&core, inbox).is_some_and(|inject| !core.handle(inject)) {
                break;
            }
            continue;
        }
        for _ in 0..BATCH {
            if !core.run_one() {
                break;
            }
            if core.shared.ticker.take_attention(core.worker) {
                core.tick();
                break;
            }
        }
    }
    core.stop();
}

/// How a worker without work passes the time.
///
/// Two actors on different workers that talk to each other leave each worker idle for less than it takes to put a thread
/// to sleep and wake it. So after a short sleep the next one is put off; after a look-out in vain it is not. A worker
/// that nobody needs sleeps at once.
struct Rest {
    /// Whether looking out makes sense at all: nobody else could give work while it holds the only processor.
    has_peers: bool,
    looks_out: bool,
}

impl Rest {
    fn new(workers: usize) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self { has_peers: workers > 1 && processors > 1, looks_out: false }
    }

    /// Waits until something is asked of this worker or a timer is due.
    fn until_work(&mut self, core: &Core, inbox: &Receiver<Inject>) -> Option<Inject> {
        let due = if core.shared.clock_moves { core.timers.next() } else { None };
        let left = due.map(|due| due.since(core.shared.clock.now()));
        if self.looks_out && left.is_none_or(|left| left > LOOK_OUT) {
            if let Some(inject) = look_out(inbox) {
                return Some(inject);
            }
            self.looks_out = false;
        }
        let since = self.has_peers.then(Instant::now);
        // Whatever comes may run long: the ticker must be up before.
        let inject = core.shared.ticker.rest(core.worker, || match left {
            Some(_) => {
                // Not what was left before the look-out.
                let left = due.map_or(Duration::ZERO, |due| due.since(core.shared.clock.now()));
                inbox.recv_timeout(left).ok()
            }
            None => inbox.recv().ok(),
        });
        self.looks_out = since.is_some_and(|since| since.elapsed() < SHORT_SLEEP);
        inject
    }
}

fn look_out(inbox: &Receiver<Inject>) -> Option<Inject> {
    let since = Instant::now();
    loop {
        for _ in 0..LOOKS {
            if let Ok(inject) = inbox.try_recv() {
                return Some(inject);
            }
            std::hint::spin_loop();
        }
        // The one who is to give work may wait for this very processor.
        std::thread::yield_now();
        if since.elapsed() > LOOK_OUT {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::unbounded;

    use super::*;

    #[test]
    fn look_out_finds_what_comes_and_ends_without() {
        let (sender, inbox) = unbounded();
        assert!(look_out(&inbox).is_none());
        sender.send(Inject::Look).unwrap();
        assert!(matches!(look_out(&inbox), Some(Inject::Look)));
        assert!(inbox.is_empty());
    }
}
