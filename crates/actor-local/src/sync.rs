//! Atomics, locks and parking of whatever threads share without owning it: the real ones, and in this crate's own tests
//! those of loom, which tries every order in which threads can meet, and every value that a weak order lets them see.

#[cfg(test)]
mod map;
#[cfg(test)]
mod strict;

#[cfg(not(test))]
pub(crate) use std::{
    sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence},
    sync::{Condvar, Mutex},
    thread::{Thread, current, park},
};

#[cfg(not(test))]
pub(crate) use dashmap::mapref::entry::Entry;

#[cfg(test)]
pub(crate) use loom::{
    sync::atomic::{AtomicU64, Ordering, fence},
    sync::{Condvar, Mutex},
    thread::{Thread, current, park},
};

#[cfg(test)]
pub(crate) use {
    map::{Entry, Map},
    strict::{AtomicBool, AtomicUsize},
};

/// A map with a lock for each of its parts.
#[cfg(not(test))]
pub(crate) type Map<K, V> = dashmap::DashMap<K, V, rustc_hash::FxBuildHasher>;
