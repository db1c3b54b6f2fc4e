use std::sync::atomic::{AtomicU64, Ordering};

/// Which principal or scope it is: equal for clones, and never given twice in the life of the program.
///
/// An address would serve until its owner is dropped; then the next owner would be taken for the last one, and inherit
/// what was decided about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity(u64);

impl Identity {
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn number(self) -> u64 {
        self.0
    }
}
