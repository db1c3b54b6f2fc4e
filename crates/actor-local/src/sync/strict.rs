//! Atomics with sequentially consistent accesses. Loom takes such an access for a weaker one and knows only fences of that
//! strength, so here a fence follows each one that writes: no more than what processors do for it.

use loom::sync::atomic::{Ordering, fence};

fn written<R>(order: Ordering, result: R) -> R {
    if order == Ordering::SeqCst {
        fence(Ordering::SeqCst);
    }
    result
}

pub(crate) struct AtomicBool(loom::sync::atomic::AtomicBool);

impl AtomicBool {
    pub(crate) fn new(value: bool) -> Self {
        Self(loom::sync::atomic::AtomicBool::new(value))
    }

    pub(crate) fn load(&self, order: Ordering) -> bool {
        self.0.load(order)
    }

    pub(crate) fn store(&self, value: bool, order: Ordering) {
        self.0.store(value, order);
        written(order, ());
    }

    pub(crate) fn swap(&self, value: bool, order: Ordering) -> bool {
        written(order, self.0.swap(value, order))
    }
}

pub(crate) struct AtomicUsize(loom::sync::atomic::AtomicUsize);

impl AtomicUsize {
    pub(crate) fn new(value: usize) -> Self {
        Self(loom::sync::atomic::AtomicUsize::new(value))
    }

    pub(crate) fn load(&self, order: Ordering) -> usize {
        self.0.load(order)
    }

    pub(crate) fn fetch_add(&self, value: usize, order: Ordering) -> usize {
        written(order, self.0.fetch_add(value, order))
    }

    pub(crate) fn fetch_sub(&self, value: usize, order: Ordering) -> usize {
        written(order, self.0.fetch_sub(value, order))
    }

    pub(crate) fn fetch_update(
        &self,
        set: Ordering,
        fetch: Ordering,
        change: impl FnMut(usize) -> Option<usize>,
    ) -> Result<usize, usize> {
        written(set, self.0.fetch_update(set, fetch, change))
    }
}
