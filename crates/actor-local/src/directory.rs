use std::num::NonZeroU64;
use std::sync::{Arc, OnceLock};

use perilune_actor_core::{Gauge, HostId, NodeId, Pid};

use crate::sync::{AtomicU64, Ordering};

// A loom test starts anew for every order that it tries, and makes all words of a chunk each time.
const CHUNK: usize = if cfg!(test) { 2 } else { 4096 };
const CHUNKS: usize = if cfg!(test) { 4 } else { 4096 };

/// How many workers a pid can tell apart.
pub(crate) const MAX_WORKERS: usize = 256;

/// How many actors one worker can have.
pub(crate) const MAX_SLOTS: u32 = 0xff_ffff;

const _: () = assert!(cfg!(test) || CHUNK * CHUNKS > MAX_SLOTS as usize);

// A word: flags, generation, host. The host is compared too, or a made-up pid that only gets the number right would
// reach an actor of a host that its maker has no business with.
const LIVE: u64 = 1;
const NAMED: u64 = 2;
const DOOMED: u64 = 4;
const GENERATION: u32 = 8;
const HOST: u32 = 40;

/// Where a pid's actor lives, hidden in the pid's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) worker: u8,
    pub(crate) slot: u32,
    pub(crate) generation: u32,
    pub(crate) host: HostId,
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
            host: pid.host(),
        })
    }

    pub(crate) fn unique(self) -> NonZeroU64 {
        let unique = u64::from(self.generation) << 32 | u64::from(self.slot + 1) << 8 | u64::from(self.worker);
        NonZeroU64::new(unique).unwrap_or(NonZeroU64::MIN)
    }

    /// What its word says without flags.
    fn key(self) -> u64 {
        (self.host.index() as u64) << HOST | u64::from(self.generation) << GENERATION
    }
}

/// What workers know of each other's actors: one word per slot, readable by all, so that asking whether an actor lives
/// takes no lock and no hashing. A second word counts messages where mailboxes are limited.
pub(crate) struct Directory {
    workers: Box<[Words]>,
    queued: Option<Queued>,
}

/// How many messages of each slot are in its mailbox or on their way there: the generation, then the count.
struct Queued {
    limit: u32,
    workers: Box<[Words]>,
}

/// One word per slot, in chunks that appear with the first slot that needs them.
struct Words(Box<[OnceLock<Box<[AtomicU64]>>]>);

impl Words {
    fn new() -> Self {
        Self((0..CHUNKS).map(|_| OnceLock::new()).collect())
    }

    fn get(&self, slot: u32) -> Option<&AtomicU64> {
        self.0.get(slot as usize / CHUNK)?.get()?.get(slot as usize % CHUNK)
    }

    fn open(&self, slot: u32) -> &AtomicU64 {
        let words = self.0[slot as usize / CHUNK].get_or_init(|| (0..CHUNK).map(|_| AtomicU64::new(0)).collect());
        &words[slot as usize % CHUNK]
    }
}

/// What a word said about an actor that ended.
#[derive(Clone, Copy)]
pub(crate) struct Last {
    pub(crate) named: bool,
}

/// Why a message may not be queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Gone,
    Full { limit: usize },
}

impl Directory {
    pub(crate) fn new(workers: usize, mailbox_limit: Option<usize>) -> Self {
        let words = || (0..workers).map(|_| Words::new()).collect();
        let queued =
            mailbox_limit.map(|limit| Queued { limit: u32::try_from(limit).unwrap_or(u32::MAX), workers: words() });
        Self { workers: words(), queued }
    }

    fn word(&self, address: Address) -> Option<&AtomicU64> {
        self.workers.get(usize::from(address.worker))?.get(address.slot)
    }

    /// The actor is there from now on. Only its own worker calls this.
    pub(crate) fn open(&self, address: Address) {
        if let Some(queued) = &self.queued {
            let count = queued.workers[usize::from(address.worker)].open(address.slot);
            // Not stored but swapped: so it has a place among the changes that late senders make to the word.
            count.swap(u64::from(address.generation) << 32, Ordering::Relaxed);
        }
        let word = self.workers[usize::from(address.worker)].open(address.slot);
        word.store(address.key() | LIVE, Ordering::Release);
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
        flags(address, self.word(address)?.load(Ordering::Acquire))
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
        self.word(address).is_some_and(|word| {
            let mark = |old| flags(address, old).map(|_| old | flag);
            word.fetch_update(Ordering::AcqRel, Ordering::Acquire, mark).is_ok()
        })
    }

    /// Whether mailboxes are limited, and so every message must be [reserved](Self::reserve).
    pub(crate) fn counts_messages(&self) -> bool {
        self.queued.is_some()
    }

    /// Makes room for one message, from any thread. The room is taken until [`taken`](Self::taken), or the actor's end.
    pub(crate) fn reserve(&self, address: Address) -> Result<(), Refused> {
        if !self.is_live(address) {
            return Err(Refused::Gone);
        }
        let Some(queued) = &self.queued else { return Ok(()) };
        let word = queued.workers[usize::from(address.worker)].get(address.slot).ok_or(Refused::Gone)?;
        let mut refused = Refused::Gone;
        // A sender may be so slow that the slot has another actor by now, whose room it must not take.
        let more = |old: u64| {
            if (old >> 32) as u32 != address.generation {
                refused = Refused::Gone;
                return None;
            }
            refused = Refused::Full { limit: queued.limit as usize };
            ((old as u32) < queued.limit).then_some(old + 1)
        };
        word.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).map(drop).map_err(|_| refused)
    }

    /// Gives back the room of one message.
    pub(crate) fn taken(&self, address: Address) {
        let Some(queued) = &self.queued else { return };
        let Some(word) = queued.workers[usize::from(address.worker)].get(address.slot) else { return };
        let less = |old: u64| ((old >> 32) as u32 == address.generation && old as u32 > 0).then(|| old - 1);
        let _ = word.fetch_update(Ordering::AcqRel, Ordering::Acquire, less);
    }
}

/// The word, if it is about that very actor and the actor is alive.
fn flags(address: Address, word: u64) -> Option<u64> {
    let of_host = address.key() | LIVE;
    (word & !(NAMED | DOOMED) == of_host).then_some(word)
}

/// Gives back the room of messages that their actor receives.
pub(crate) struct Counted {
    pub(crate) directory: Arc<Directory>,
    pub(crate) address: Address,
}

impl Gauge for Counted {
    fn taken(&self) {
        self.directory.taken(self.address);
    }
}

#[cfg(test)]
mod tests;
