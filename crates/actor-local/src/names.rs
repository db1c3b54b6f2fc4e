use std::sync::Arc;

use perilune_actor_core::{ActorError, Name, NameRegistry, Pid};
use rustc_hash::FxHashMap;

use crate::directory::{Address, Directory};
use crate::sync::{AtomicU64, Entry, Map, Ordering};

/// Names of this node. No guard of the tables leaves a method.
// INVARIANT: `names` may be locked while an entry of `holders` is, never the other way round. Both change together under
// the name's entry, or a name could be left without its holder's list knowing of it.
pub(crate) struct LocalNames {
    directory: Arc<Directory>,
    holders: Map<Name, Pid>,
    names: Map<Pid, Held>,
    /// How often `holders` has changed.
    // INVARIANT: counted after the change and before its maker goes on, so that whoever reads it before asking for a
    // name and finds it the same later was told what holds then, or what is about to change at that very moment.
    version: AtomicU64,
}

/// The names of one actor, which may be many: each with a number that tells the order of registration.
#[derive(Default)]
struct Held {
    names: FxHashMap<Name, u64>,
    next: u64,
}

impl Held {
    fn push(&mut self, name: Name) {
        self.names.insert(name, self.next);
        self.next += 1;
    }

    /// The names, oldest first.
    fn in_order(&self) -> Vec<Name> {
        let mut numbered: Vec<_> = self.names.iter().collect();
        numbered.sort_unstable_by_key(|(_, number)| **number);
        numbered.into_iter().map(|(name, _)| name.clone()).collect()
    }
}

impl LocalNames {
    pub(crate) fn new(directory: Arc<Directory>) -> Self {
        Self { directory, holders: Map::default(), names: Map::default(), version: AtomicU64::new(0) }
    }

    /// Frees what an ended actor had. Its directory entry is closed already, so no new name can appear.
    pub(crate) fn release(&self, pid: Pid) {
        let held = self.names.remove(&pid).map(|(_, held)| held.names).unwrap_or_default();
        for name in held.into_keys() {
            self.holders.remove_if(&name, |_, holder| *holder == pid);
        }
        self.changed();
    }

    /// Another number whenever a name may have come to mean somebody else.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    fn changed(&self) {
        self.version.fetch_add(1, Ordering::Release);
    }

    fn is_live(&self, pid: Pid) -> bool {
        Address::of(pid).is_some_and(|address| self.directory.is_live(address))
    }

    pub(crate) fn of(&self, pid: Pid) -> Vec<Name> {
        self.names.get(&pid).map(|held| held.in_order()).unwrap_or_default()
    }

    /// Gives up a name that `pid` was given although it has ended.
    fn take_back(&self, name: &Name, pid: Pid) {
        self.holders.remove_if(name, |_, holder| *holder == pid);
        self.forget(name, pid);
        self.changed();
    }

    fn forget(&self, name: &Name, pid: Pid) {
        if let Some(mut held) = self.names.get_mut(&pid) {
            held.names.remove(name);
        }
        self.names.remove_if(&pid, |_, held| held.names.is_empty());
    }
}

impl NameRegistry for LocalNames {
    fn register(&self, name: &str, pid: Pid) -> Result<(), ActorError> {
        let name = <dyn NameRegistry>::check(name)?;
        let address = Address::of(pid).ok_or(ActorError::NotFound(pid))?;
        if !self.directory.mark_named(address) {
            return Err(ActorError::NotFound(pid));
        }
        match self.holders.entry(name.clone()) {
            Entry::Occupied(held) if *held.get() == pid => {}
            // A holder that is gone is about to release the name; its end need not be waited for.
            Entry::Occupied(held) if self.is_live(*held.get()) => return Err(ActorError::NameTaken(name)),
            Entry::Occupied(mut held) => {
                held.insert(pid);
                self.names.entry(pid).or_default().push(name.clone());
            }
            Entry::Vacant(free) => {
                let _held = free.insert(pid);
                self.names.entry(pid).or_default().push(name.clone());
            }
        }
        self.changed();
        // The actor may have ended, and released what it had, between the mark and the entries.
        if !self.directory.is_live(address) {
            self.take_back(&name, pid);
            return Err(ActorError::NotFound(pid));
        }
        Ok(())
    }

    fn whereis(&self, name: &str) -> Option<Pid> {
        // Its end may have overtaken a registration that is not yet taken back.
        self.holders.get(name).map(|pid| *pid).filter(|pid| self.is_live(*pid))
    }

    fn unregister(&self, name: &str) -> bool {
        let removed = self.holders.remove_if(name, |name, pid| {
            self.forget(name, *pid);
            true
        });
        self.changed();
        removed.is_some_and(|(_, pid)| self.is_live(pid))
    }
}

#[cfg(test)]
mod tests;
