use std::sync::Arc;

use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;

use crate::exit::ExitReason;
use crate::pid::Pid;
use crate::signal::Signal;

type PidSet = IndexSet<Pid, FxBuildHasher>;

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
        self.watching.swap_remove(&target)
    }

    /// Whether this actor watches `target`.
    pub fn is_watching(&self, target: Pid) -> bool {
        self.watching.contains(&target)
    }

    /// `observer` wants to know of this actor's end.
    pub fn add_watcher(&mut self, observer: Pid) {
        self.watchers.insert(observer);
    }

    /// `observer` no longer does.
    pub fn remove_watcher(&mut self, observer: Pid) {
        self.watchers.swap_remove(&observer);
    }

    /// This half of a link. False when it was there.
    pub fn link(&mut self, peer: Pid) -> bool {
        self.links.insert(peer)
    }

    /// Removes this half of a link. False when there was none.
    pub fn unlink(&mut self, peer: Pid) -> bool {
        self.links.swap_remove(&peer)
    }

    /// Whether a link to `peer` is in place.
    pub fn is_linked(&self, peer: Pid) -> bool {
        self.links.contains(&peer)
    }

    /// `from` ended. True when this actor watched it and so must get the event, exactly once.
    pub fn down(&mut self, from: Pid) -> bool {
        self.watching.swap_remove(&from)
    }

    /// The linked `from` failed.
    pub fn link_down(&mut self, from: Pid, trap_links: bool) -> LinkDown {
        if !self.links.swap_remove(&from) {
            LinkDown::Ignore
        } else if trap_links {
            LinkDown::Deliver
        } else {
            LinkDown::Fail
        }
    }

    /// This actor, `me`, ended. Whoever is both watcher and link hears of the end before the link's failure.
    pub fn exit(self, me: Pid, reason: &ExitReason) -> impl Iterator<Item = Tell> {
        let failure = reason.failure().cloned();
        let down = reason.clone();
        let watchers = self.watchers.into_iter();
        let watched = self.watching.into_iter();
        let links = self.links.into_iter();
        watchers
            .map(move |to| Tell { to, signal: Signal::Down { from: me, reason: down.clone() } })
            .chain(links.map(move |to| Tell {
                to,
                signal: match &failure {
                    Some(failure) => Signal::LinkDown { from: me, failure: Arc::clone(failure) },
                    None => Signal::Unlinked(me),
                },
            }))
            .chain(watched.map(move |to| Tell { to, signal: Signal::Unmonitor(me) }))
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
