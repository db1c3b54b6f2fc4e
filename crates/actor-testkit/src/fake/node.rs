use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use perilune_actor_core::{ActorError, Gauge, HostId, HostSpec, Mailbox, Name, NameRegistry, Pid, Signal};

/// What threads beside the worker's may know: who lives, how full mailboxes are, names and hosts. One lock for all.
pub(super) struct Node {
    limit: Option<usize>,
    known: Mutex<Known>,
    /// Somebody left a host.
    left: Condvar,
}

#[derive(Default)]
struct Known {
    live: HashMap<Pid, Live>,
    hosts: HashMap<HostId, Host>,
    names: HashMap<Name, Pid>,
    pids: u64,
    stopped: bool,
}

#[derive(Default)]
struct Live {
    /// Messages in the mailbox or on their way there.
    queued: usize,
    doomed: bool,
}

struct Host {
    spec: HostSpec,
    live: usize,
    stopping: bool,
}

impl Node {
    pub(super) fn new(limit: Option<usize>) -> Self {
        Self { limit, known: Mutex::default(), left: Condvar::new() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    // --- hosts

    pub(super) fn add_host(&self, spec: HostSpec) {
        let mut known = self.known();
        let live = known.hosts.get(&spec.id).map_or(0, |host| host.live);
        known.hosts.insert(spec.id, Host { spec, live, stopping: false });
    }

    pub(super) fn knows(&self, host: HostId) -> bool {
        self.known().hosts.contains_key(&host)
    }

    /// Takes no more actors there. False when nobody knows the host.
    pub(super) fn close_host(&self, host: HostId) -> bool {
        self.known().hosts.get_mut(&host).is_some_and(|host| {
            host.stopping = true;
            true
        })
    }

    /// Waits until nobody is there.
    pub(super) fn wait_empty(&self, host: HostId) {
        let mut known = self.known();
        while known.hosts.get(&host).is_some_and(|host| host.live > 0) {
            known = self.left.wait(known).unwrap_or_else(|poisoned| poisoned.into_inner());
        }
    }

    // --- actors

    /// The pid of a new actor, who lives from now on.
    pub(super) fn enter(&self, host: HostId) -> Result<Pid, ActorError> {
        let mut known = self.known();
        let known = &mut *known;
        let place = known.hosts.get_mut(&host).ok_or_else(|| ActorError::HostNotFound(host.as_str().into()))?;
        if place.stopping || known.stopped {
            return Err(ActorError::HostStopping(host));
        }
        let limit = place.spec.max_actors;
        if limit > 0 && place.live >= limit {
            return Err(ActorError::HostFull { host, limit });
        }
        place.live += 1;
        known.pids += 1;
        let pid = Pid::local(host, NonZeroU64::MIN.saturating_add(known.pids - 1));
        known.live.insert(pid, Live::default());
        Ok(pid)
    }

    /// The actor is gone from now on, and so are its names.
    pub(super) fn close(&self, pid: Pid) {
        let mut known = self.known();
        known.live.remove(&pid);
        known.names.retain(|_, holder| *holder != pid);
    }

    /// There is room for another one.
    pub(super) fn leave(&self, host: HostId) {
        if let Some(host) = self.known().hosts.get_mut(&host) {
            host.live -= 1;
        }
        self.left.notify_all();
    }

    /// Nobody is started any more.
    pub(super) fn stop(&self) {
        self.known().stopped = true;
    }

    pub(super) fn is_live(&self, pid: Pid) -> bool {
        self.known().live.contains_key(&pid)
    }

    pub(super) fn is_doomed(&self, pid: Pid) -> bool {
        self.known().live.get(&pid).is_some_and(|live| live.doomed)
    }

    pub(super) fn not_found(&self, pid: Pid) -> ActorError {
        self.known().not_found(pid)
    }

    /// Whether the signal may be delivered. Reserves the room of a message, and marks whom it will end.
    pub(super) fn admit(&self, to: Pid, signal: &Signal) -> Result<(), ActorError> {
        let mut known = self.known();
        let Some(live) = known.live.get_mut(&to) else { return Err(known.not_found(to)) };
        match signal {
            Signal::Message(_) => {
                if let Some(limit) = self.limit.filter(|limit| live.queued >= *limit) {
                    return Err(ActorError::MailboxFull { pid: to, limit });
                }
                live.queued += 1;
            }
            Signal::Terminate(_) => live.doomed = true,
            _ => {}
        }
        Ok(())
    }

    pub(super) fn mailbox(self: &Arc<Self>, pid: Pid) -> Mailbox {
        match self.limit {
            Some(_) => Mailbox::with_gauge(Box::new(Counted { node: Arc::clone(self), pid })),
            None => Mailbox::default(),
        }
    }

    pub(super) fn names_of(&self, pid: Pid) -> Vec<Name> {
        let known = self.known();
        known.names.iter().filter(|(_, holder)| **holder == pid).map(|(name, _)| name.clone()).collect()
    }
}

impl Known {
    fn not_found(&self, pid: Pid) -> ActorError {
        if self.hosts.contains_key(&pid.host()) {
            ActorError::NotFound(pid)
        } else {
            ActorError::HostNotFound(pid.host().as_str().into())
        }
    }
}

impl NameRegistry for Node {
    fn register(&self, name: &str, pid: Pid) -> Result<(), ActorError> {
        let name = <dyn NameRegistry>::check(name)?;
        let mut known = self.known();
        if !known.live.contains_key(&pid) {
            return Err(ActorError::NotFound(pid));
        }
        match known.names.get(&name) {
            Some(holder) if *holder != pid => Err(ActorError::NameTaken(name)),
            _ => {
                known.names.insert(name, pid);
                Ok(())
            }
        }
    }

    fn whereis(&self, name: &str) -> Option<Pid> {
        self.known().names.get(name).copied()
    }

    fn unregister(&self, name: &str) -> bool {
        self.known().names.remove(name).is_some()
    }
}

/// Gives back the room of messages that their actor receives.
struct Counted {
    node: Arc<Node>,
    pid: Pid,
}

impl Gauge for Counted {
    fn taken(&self) {
        if let Some(live) = self.node.known().live.get_mut(&self.pid) {
            live.queued = live.queued.saturating_sub(1);
        }
    }
}
