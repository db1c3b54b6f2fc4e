use std::num::NonZeroU64;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use perilune_actor_core::{NodeId, Pid};

const CHUNK: usize = 4096;
const CHUNKS: usize = 4096;

/// How many workers a pid can tell apart.
pub(crate) const MAX_WORKERS: usize = 256;

/// How many actors one worker can have.
pub(crate) const MAX_SLOTS: u32 = (CHUNK * CHUNKS) as u32 - 1;

const LIVE: u64 = 1;
const NAMED: u64 = 2;
const DOOMED: u64 = 4;
const GENERATION: u32 = 8;

/// Where a pid's actor lives, hidden in the pid's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) worker: u8,
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

impl Address {
    pub(crate) fn of(pid: Pid) -> Option<Self> {
        if pid.node() != NodeId::LOCAL {
            return None;
        }
        let unique = pid.unique().get();
        Some(Self {
            worker: unique as u8,
            slot: (((unique >> 8) & 0xff_ffff) as u32).checked_sub(1)?,
            generation: (unique >> 32) as u32,
        })
    }

    pub(crate) fn unique(self) -> NonZeroU64 {
        let unique = u64::from(self.generation) << 32 | u64::from(self.slot + 1) << 8 | u64::from(self.worker);
        NonZeroU64::new(unique).unwrap_or(NonZeroU64::MIN)
    }
}

/// What workers know of each other's actors: one word per slot, readable by all, so that asking whether an actor lives
/// takes no lock and no hashing.
pub(crate) struct Directory {
    workers: Box<[Chunks]>,
}

type Chunks = Box<[OnceLock<Box<[AtomicU64]>>]>;

/// What a word said about an actor that ended.
#[derive(Clone, Copy)]
pub(crate) struct Last {
    pub(crate) named: bool,
}

impl Directory {
    pub(crate) fn new(workers: usize) -> Self {
        let chunks = || (0..CHUNKS).map(|_| OnceLock::new()).collect();
        Self { workers: (0..workers).map(|_| chunks()).collect() }
    }

    fn word(&self, address: Address) -> Option<&AtomicU64> {
        let chunk = self.workers.get(usize::from(address.worker))?.get(address.slot as usize / CHUNK)?.get()?;
        chunk.get(address.slot as usize % CHUNK)
    }

    /// The actor is there from now on. Only its own worker calls this.
    pub(crate) fn open(&self, address: Address) {
        let chunk = &self.workers[usize::from(address.worker)][address.slot as usize / CHUNK];
        let words = chunk.get_or_init(|| (0..CHUNK).map(|_| AtomicU64::new(0)).collect());
        let word = u64::from(address.generation) << GENERATION | LIVE;
        words[address.slot as usize % CHUNK].store(word, Ordering::Release);
    }

    /// The actor is gone from now on. Only its own worker calls this.
    pub(crate) fn close(&self, address: Address) -> Last {
        let old = self.word(address).map_or(0, |word| word.swap(0, Ordering::AcqRel));
        Last { named: old & NAMED != 0 }
    }

    pub(crate) fn is_live(&self, address: Address) -> bool {
        self.flags(address).is_some()
    }

    pub(crate) fn is_doomed(&self, address: Address) -> bool {
        self.flags(address).is_some_and(|flags| flags & DOOMED != 0)
    }

    fn flags(&self, address: Address) -> Option<u64> {
        let word = self.word(address)?.load(Ordering::Acquire);
        (word >> GENERATION == u64::from(address.generation) && word & LIVE != 0).then_some(word)
    }

    /// The actor has names to release when it ends. False when it is gone.
    pub(crate) fn mark_named(&self, address: Address) -> bool {
        self.mark(address, NAMED)
    }

    /// The actor shall not go on, whatever it is doing. False when it is gone.
    pub(crate) fn mark_doomed(&self, address: Address) -> bool {
        self.mark(address, DOOMED)
    }

    fn mark(&self, address: Address, flag: u64) -> bool {
        let live = |word: u64| word >> GENERATION == u64::from(address.generation) && word & LIVE != 0;
        self.word(address).is_some_and(|word| {
            word.fetch_update(Ordering::AcqRel, Ordering::Acquire, |old| live(old).then_some(old | flag)).is_ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use perilune_actor_core::HostId;

    use super::*;

    #[test]
    fn address_survives_the_pid() {
        for (worker, slot, generation) in [(0, 0, 0), (255, MAX_SLOTS - 1, u32::MAX), (1, 77, 3)] {
            let address = Address { worker, slot, generation };
            assert_eq!(Address::of(Pid::local(HostId::new("h"), address.unique())), Some(address));
        }
    }

    #[test]
    fn closed_actor_is_gone_and_its_slot_tells_generations_apart() {
        let directory = Directory::new(1);
        let first = Address { worker: 0, slot: 5, generation: 0 };
        let second = Address { generation: 1, ..first };
        assert!(!directory.is_live(first));
        directory.open(first);
        assert!(directory.is_live(first) && !directory.is_live(second));
        assert!(directory.mark_named(first) && !directory.mark_named(second));
        assert!(directory.close(first).named);
        assert!(!directory.is_live(first) && !directory.mark_doomed(first));
        directory.open(second);
        assert!(directory.is_live(second) && !directory.is_live(first));
        assert!(!directory.close(second).named);
    }
}
