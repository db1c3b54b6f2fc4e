use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use perilune_actor_core::{ActorError, HostId, HostSpec};

/// A host's limits and how many actors it has.
pub(crate) struct Host {
    pub(crate) spec: HostSpec,
    live: AtomicUsize,
    stopping: AtomicBool,
    next: AtomicUsize,
    empty: (Mutex<()>, Condvar),
}

impl Host {
    pub(crate) fn new(spec: HostSpec) -> Self {
        Self {
            spec,
            live: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
            next: AtomicUsize::new(0),
            empty: (Mutex::new(()), Condvar::new()),
        }
    }

    pub(crate) fn id(&self) -> HostId {
        self.spec.id
    }

    /// Counts a new actor, unless there may be none.
    pub(crate) fn enter(&self) -> Result<(), ActorError> {
        let before = self.live.fetch_add(1, Ordering::AcqRel);
        if self.stopping.load(Ordering::Acquire) {
            self.leave();
            return Err(ActorError::HostStopping(self.spec.id));
        }
        let limit = self.spec.max_actors;
        if limit > 0 && before >= limit {
            self.leave();
            return Err(ActorError::HostFull { host: self.spec.id, limit });
        }
        Ok(())
    }

    pub(crate) fn leave(&self) {
        if self.live.fetch_sub(1, Ordering::AcqRel) == 1 && self.stopping.load(Ordering::Acquire) {
            let _guard = self.empty.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            self.empty.1.notify_all();
        }
    }

    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// Waits until no actor is left; false when `limit` passed first.
    pub(crate) fn wait_empty(&self, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        let mut guard = self.empty.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        while self.live.load(Ordering::Acquire) > 0 {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            guard = self.empty.1.wait_timeout(guard, left).unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
        true
    }

    /// The next worker in turn, of the first `workers`.
    pub(crate) fn turn(&self, workers: usize) -> usize {
        self.next.fetch_add(1, Ordering::Relaxed) % workers
    }
}
