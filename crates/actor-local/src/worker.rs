use crossbeam_channel::Receiver;

use crate::core::Core;
use crate::inject::Inject;

/// Slices between two looks at other threads and timers, while the ticker does not ask for one.
const BATCH: usize = 64;

/// Drives a core until it is told to stop.
pub(crate) fn run(mut core: Core, inbox: &Receiver<Inject>) {
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
        if core.queue.is_empty() && taken < BATCH {
            // Whatever comes may run long: the ticker must be up before.
            let inject = core.shared.ticker.rest(core.worker, || park(&core, inbox));
            if inject.is_some_and(|inject| !core.handle(inject)) {
                break;
            }
            continue;
        }
        for _ in 0..BATCH {
            if !core.run_one() || core.shared.ticker.take_attention(core.worker) {
                break;
            }
        }
    }
    core.stop();
}

/// Sleeps until something is asked of this worker or a timer is due.
fn park(core: &Core, inbox: &Receiver<Inject>) -> Option<Inject> {
    let due = if core.shared.clock_moves { core.timers.next() } else { None };
    let Some(due) = due else { return inbox.recv().ok() };
    inbox.recv_timeout(due.since(core.shared.clock.now())).ok()
}
