use std::sync::Arc;

use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;

use crate::exit::ExitReason;
use crate::pid::Pid;
use crate::signal::Signal;

/// Some pids. Most actors have one relation of a kind, or none, so the first takes no memory of its own.
#[derive(Debug, Default)]
struct PidSet {
    // INVARIANT: without a first there are no others, and the first is not among them.
    first: Option<Pid>,
    others: Option<Box<IndexSet<Pid, FxBuildHasher>>>,
}

impl PidSet {
    fn insert(&mut self, pid: Pid) -> bool {
        match self.first {
            None => {
                self.first = Some(pid);
                true
            }
            Some(first) => first != pid && self.others.get_or_insert_default().insert(pid),
        }
    }

    fn remove(&mut self, pid: Pid) -> bool {
        if self.first == Some(pid) {
            self.first = self.others.as_mut().and_then(|others| others.swap_remove_index(0));
            return true;
        }
        self.others.as_mut().is_some_and(|others| others.swap_remove(&pid))
    }

    fn contains(&self, pid: Pid) -> bool {
        self.first == Some(pid) || self.others.as_ref().is_some_and(|others| others.contains(&pid))
    }

    fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.others.as_ref().map_or(0, |others| others.len())
    }

    /// Gives all to `take`, those first that were first.
    fn drain(self, mut take: impl FnMut(Pid)) {
        if let Some(first) = self.first {
            take(first);
        }
        if let Some(others) = self.others {
            others.into_iter().for_each(take);
        }
    }
}

/// Who watches whom, seen from one actor. No operation of it touches another actor: what others must learn comes back
/// as [`Tell`].
///
/// Both ends keep their half of a relation, and each end believes only itself: an end that arrives although this actor
/// no longer watches is dropped. That is what makes "never after `unmonitor` returned" true, however late a signal is.
#[derive(Debug, Default)]
pub struct Relations {
    watching: PidSet,
    watchers: PidSet,
    links: PidSet,
}

/// A signal for somebody.
#[derive(Debug, PartialEq)]
pub struct Tell {
    /// The receiver.
    pub to: Pid,
    /// What it is told.
    pub signal: Signal,
}

/// What the failure of a linked actor does to this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkDown {
    /// There is no such link any more.
    Ignore,
    /// Links are trapped: it becomes an event.
    Deliver,
    /// This actor fails too.
    Fail,
}

impl Relations {
    /// This actor wants to know of the end of `target`. False when it already does.
    pub fn watch(&mut self, target: Pid) -> bool {
        self.watching.insert(target)
    }

    /// It no longer does. False when it did not.
    pub fn unwatch(&mut self, target: Pid) -> bool {
        self.watching.remove(target)
    }

    /// Whether this actor watches `target`.
    pub fn is_watching(&self, target: Pid) -> bool {
        self.watching.contains(target)
    }

    /// `observer` wants to know of this actor's end.
    pub fn add_watcher(&mut self, observer: Pid) {
        self.watchers.insert(observer);
    }

    /// `observer` no longer does.
    pub fn remove_watcher(&mut self, observer: Pid) {
        self.watchers.remove(observer);
    }

    /// This half of a link. False when it was there.
    pub fn link(&mut self, peer: Pid) -> bool {
        self.links.insert(peer)
    }

    /// Removes this half of a link. False when there was none.
    pub fn unlink(&mut self, peer: Pid) -> bool {
        self.links.remove(peer)
    }

    /// Whether a link to `peer` is in place.
    pub fn is_linked(&self, peer: Pid) -> bool {
        self.links.contains(peer)
    }

    /// `from` ended. True when this actor watched it and so must get the event, exactly once.
    pub fn down(&mut self, from: Pid) -> bool {
        self.watching.remove(from)
    }

    /// The linked `from` failed.
    pub fn link_down(&mut self, from: Pid, trap_links: bool) -> LinkDown {
        if !self.links.remove(from) {
            LinkDown::Ignore
        } else if trap_links {
            LinkDown::Deliver
        } else {
            LinkDown::Fail
        }
    }

    /// This actor, `me`, ended: gives `tell` what others must learn. Whoever is both watcher and link hears of the end
    /// before the link's failure.
    pub fn exit(self, me: Pid, reason: &ExitReason, mut tell: impl FnMut(Tell)) {
        self.watchers.drain(|to| tell(Tell { to, signal: Signal::Down { from: me, reason: reason.clone() } }));
        self.links.drain(|to| {
            let signal = match reason.failure() {
                Some(failure) => Signal::LinkDown { from: me, failure: Arc::clone(failure) },
                None => Signal::Unlinked(me),
            };
            tell(Tell { to, signal });
        });
        self.watching.drain(|to| tell(Tell { to, signal: Signal::Unmonitor(me) }));
    }

    /// How many this actor watches, is watched by, and is linked to.
    pub fn counts(&self) -> (usize, usize, usize) {
        (self.watching.len(), self.watchers.len(), self.links.len())
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.counts() == (0, 0, 0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::num::NonZeroU64;

    use super::*;
    use crate::host::HostId;

    #[test]
    fn set_behaves_as_any_other() {
        let pid = |n: u64| Pid::local(HostId::new("h"), NonZeroU64::MIN.saturating_add(n));
        let (mut set, mut model) = (PidSet::default(), HashSet::new());
        for step in 0..2000_u64 {
            let which = pid(step * 7919 % 101 % 5);
            match step * 31 % 17 % 3 {
                0 => assert_eq!(set.insert(which), model.insert(which)),
                1 => assert_eq!(set.remove(which), model.remove(&which)),
                _ => assert_eq!(set.contains(which), model.contains(&which)),
            }
            assert_eq!(set.len(), model.len());
        }
        let mut left = HashSet::new();
        set.drain(|pid| assert!(left.insert(pid)));
        assert_eq!(left, model);
    }

    #[test]
    fn set_of_few_keeps_its_order() {
        let pid = |n: u64| Pid::local(HostId::new("h"), NonZeroU64::MIN.saturating_add(n));
        let mut set = PidSet::default();
        (0..4).for_each(|n| assert!(set.insert(pid(n))));
        let mut left = Vec::new();
        set.drain(|pid| left.push(pid));
        assert!(left.into_iter().eq((0..4).map(pid)));
    }
}
