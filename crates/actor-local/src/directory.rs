use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use perilune_actor_core::{Gauge, HostId, NodeId, Pid};

const CHUNK: usize = 4096;
const CHUNKS: usize = 4096;

/// How many workers a pid can tell apart.
pub(crate) const MAX_WORKERS: usize = 256;

/// How many actors one worker can have.
pub(crate) const MAX_SLOTS: u32 = (CHUNK * CHUNKS) as u32 - 1;

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
            count.store(u64::from(address.generation) << 32, Ordering::Relaxed);
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
mod tests {
    use super::*;

    fn address(slot: u32, generation: u32) -> Address {
        Address { worker: 0, slot, generation, host: HostId::new("directory") }
    }

    #[test]
    fn address_survives_the_pid() {
        for (worker, slot, generation) in [(0, 0, 0), (255, MAX_SLOTS - 1, u32::MAX), (1, 77, 3)] {
            let address = Address { worker, ..address(slot, generation) };
            assert_eq!(Address::of(Pid::local(address.host, address.unique())), Some(address));
        }
    }

    #[test]
    fn closed_actor_is_gone_and_its_slot_tells_generations_apart() {
        let directory = Directory::new(1, None);
        let first = address(5, 0);
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

    #[test]
    fn right_number_with_the_wrong_host_reaches_nobody() {
        let directory = Directory::new(1, None);
        let real = address(0, 0);
        let forged = Address { host: HostId::new("elsewhere"), ..real };
        directory.open(real);
        assert!(!directory.is_live(forged) && !directory.mark_doomed(forged) && !directory.mark_named(forged));
        assert!(directory.is_live(real) && !directory.is_doomed(real));
    }

    #[test]
    fn late_sender_takes_no_room_from_the_next_actor_of_the_slot() {
        let directory = Directory::new(1, Some(1));
        let (first, second) = (address(0, 0), address(0, 1));
        assert_eq!(directory.reserve(first), Err(Refused::Gone));
        directory.open(first);
        assert_eq!(directory.reserve(first), Ok(()));
        assert_eq!(directory.reserve(first), Err(Refused::Full { limit: 1 }));
        directory.taken(first);
        assert_eq!(directory.reserve(first), Ok(()));
        directory.close(first);
        directory.open(second);
        assert_eq!(directory.reserve(first), Err(Refused::Gone));
        directory.taken(first);
        assert_eq!(directory.reserve(second), Ok(()));
        assert_eq!(directory.reserve(second), Err(Refused::Full { limit: 1 }));
    }
}
