use std::sync::RwLock;
use std::time::{Duration, Instant};

use perilune_actor_core::{ActorError, HostId, HostSpec};

use crate::sync::{AtomicBool, AtomicUsize, Condvar, Mutex, Ordering};

/// A host's limits and how many actors it has. There is one per name: workers keep it, so limits change inside it.
pub(crate) struct Host {
    id: HostId,
    spec: RwLock<HostSpec>,
    /// Its `max_actors`, for whoever starts one.
    limit: std::sync::atomic::AtomicUsize,
    live: AtomicUsize,
    stopping: AtomicBool,
    next: AtomicUsize,
    empty: (Mutex<()>, Condvar),
}

impl Host {
    pub(crate) fn new(spec: HostSpec) -> Self {
        Self {
            id: spec.id,
            limit: spec.max_actors.into(),
            spec: RwLock::new(spec),
            live: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
            next: AtomicUsize::new(0),
            empty: (Mutex::new(()), Condvar::new()),
        }
    }

    pub(crate) fn id(&self) -> HostId {
        self.id
    }

    pub(crate) fn spec(&self) -> HostSpec {
        self.spec.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// Other limits, for actors to come. A stopped host takes actors again.
    pub(crate) fn renew(&self, spec: HostSpec) {
        self.limit.store(spec.max_actors, Ordering::Relaxed);
        *self.spec.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = spec;
        self.stopping.store(false, Ordering::SeqCst);
    }

    /// Counts a new actor, unless there may be none.
    pub(crate) fn enter(&self) -> Result<(), ActorError> {
        let limit = self.limit.load(Ordering::Relaxed);
        // Counting first and looking afterwards would let a refused actor keep out another one for a moment.
        let room = |live: usize| (limit == 0 || live < limit).then_some(live + 1);
        if self.live.fetch_update(Ordering::SeqCst, Ordering::SeqCst, room).is_err() {
            return Err(match self.stopping.load(Ordering::SeqCst) {
                true => ActorError::HostStopping(self.id),
                false => ActorError::HostFull { host: self.id, limit },
            });
        }
        // Pairs with `stop`: either this sees the host stopping, or whoever stops it sees one actor more.
        if self.stopping.load(Ordering::SeqCst) {
            self.leave();
            return Err(ActorError::HostStopping(self.id));
        }
        Ok(())
    }

    pub(crate) fn leave(&self) {
        if self.live.fetch_sub(1, Ordering::SeqCst) == 1 && self.stopping.load(Ordering::SeqCst) {
            let _guard = self.empty.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            self.empty.1.notify_all();
        }
    }

    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    /// Waits until no actor is left; false when `limit` passed first.
    pub(crate) fn wait_empty(&self, limit: Option<Duration>) -> bool {
        let end = limit.and_then(|limit| Instant::now().checked_add(limit));
        let mut guard = self.empty.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        while self.live.load(Ordering::SeqCst) > 0 {
            let Some(end) = end else {
                guard = self.empty.1.wait(guard).unwrap_or_else(|poisoned| poisoned.into_inner());
                continue;
            };
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

#[cfg(test)]
mod tests;
