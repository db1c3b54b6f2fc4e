use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use perilune_actor_core::{
    ActorError, Context, Envelope, Failure, Instant, Mailbox, NameRegistry, Notice, Outcome, Pid, Signal, Spawn,
    TimerId, Topic, Value, Waker,
};

use crate::core::{Core, Relate, Spawned};
use crate::inject::{Inject, Kind};
use crate::scheduler::Shared;

/// A worker, speaking for the actor it runs.
pub(crate) struct LocalContext<'a> {
    pub(crate) core: &'a mut Core,
    pub(crate) slot: u32,
}

/// Counts a promise until it is kept or forgotten.
struct Pending {
    shared: Arc<Shared>,
    worker: usize,
}

impl Pending {
    fn new(shared: Arc<Shared>, worker: usize) -> Self {
        shared.loads[worker].pending.fetch_add(1, Ordering::AcqRel);
        Self { shared, worker }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.shared.loads[self.worker].pending.fetch_sub(1, Ordering::AcqRel);
    }
}

impl From<Relate> for Outcome<()> {
    fn from(relate: Relate) -> Self {
        match relate {
            Relate::Done(result) => Self::Done(result),
            Relate::Pending => Self::Pending,
        }
    }
}

impl Context for LocalContext<'_> {
    fn pid(&self) -> Pid {
        self.core.pid(self.slot)
    }

    fn now(&self) -> Instant {
        self.core.shared.clock.now()
    }

    fn wall(&self) -> SystemTime {
        self.core.shared.clock.wall()
    }

    fn mailbox(&mut self) -> &mut Mailbox {
        self.core.mailbox(self.slot)
    }

    fn local(&mut self) -> &mut dyn Any {
        &mut *self.core.local
    }

    fn send(&mut self, to: Pid, topic: Topic, payload: Value) -> Result<(), ActorError> {
        let from = Some(self.pid());
        self.core.send(to, Envelope { from, topic, payload })
    }

    fn shares_local(&self, to: Pid) -> bool {
        self.core.shares_local(to)
    }

    fn spawn(&mut self, spawn: Spawn, token: Option<u64>) -> Outcome<Pid> {
        match self.core.spawn(self.slot, spawn, token) {
            Spawned::Done(result) => Outcome::Done(result),
            Spawned::Pending => Outcome::Pending,
        }
    }

    fn monitor(&mut self, target: Pid, token: Option<u64>) -> Outcome<()> {
        self.core.relate(self.slot, target, Kind::Monitor, token).into()
    }

    fn unmonitor(&mut self, target: Pid) {
        self.core.unrelate(self.slot, target, Kind::Monitor);
    }

    fn link(&mut self, target: Pid, token: Option<u64>) -> Outcome<()> {
        self.core.relate(self.slot, target, Kind::Link, token).into()
    }

    fn unlink(&mut self, target: Pid) {
        self.core.unrelate(self.slot, target, Kind::Link);
    }

    fn trap_links(&self) -> bool {
        self.core.traps(self.slot)
    }

    fn set_trap_links(&mut self, trap: bool) {
        *self.core.trap_links(self.slot) = trap;
    }

    fn cancel(&mut self, target: Pid, deadline: Option<Duration>) -> Result<(), ActorError> {
        let from = Some(self.pid());
        let deadline = deadline.map(|delay| self.now().after(delay));
        self.core.signal(target, Signal::Cancel { from, deadline, reason: None })
    }

    fn terminate(&mut self, target: Pid, failure: Failure) -> Result<(), ActorError> {
        self.core.shared.doom(target);
        self.core.signal(target, Signal::Terminate(failure.into()))
    }

    fn register(&mut self, name: &str, pid: Pid) -> Result<(), ActorError> {
        self.core.shared.names.register(name, pid)
    }

    fn unregister(&mut self, name: &str) -> bool {
        self.core.shared.names.unregister(name)
    }

    fn whereis(&self, name: &str) -> Option<Pid> {
        self.core.shared.names.whereis(name)
    }

    fn names_version(&self) -> Option<u64> {
        Some(self.core.shared.names.version())
    }

    fn is_alive(&self, pid: Pid) -> bool {
        self.core.is_alive(pid)
    }

    fn start_timer(&mut self, delay: Duration, token: u64) -> TimerId {
        self.core.start_timer(self.slot, delay, token)
    }

    fn stop_timer(&mut self, timer: TimerId) -> bool {
        self.core.stop_timer(self.slot, timer)
    }

    fn completion(&mut self, token: u64) -> Box<dyn FnOnce(Box<dyn Any + Send>) + Send> {
        let to = self.pid();
        let era = self.core.ticket(self.slot, token).era;
        let pending = Pending::new(Arc::clone(&self.core.shared), self.core.worker);
        Box::new(move |result| {
            let inject = Inject::Notice { to, era, notice: Notice::Completion { token, result } };
            pending.shared.inject(pending.worker, inject);
        })
    }

    fn waker(&mut self) -> Waker {
        let (to, worker) = (self.pid(), self.core.worker);
        let shared = Arc::clone(&self.core.shared);
        Arc::new(move || shared.inject(worker, Inject::Wake { to }))
    }

    fn has_company(&self) -> bool {
        !self.core.is_idle()
    }

    fn is_doomed(&self) -> bool {
        self.core.is_doomed(self.slot)
    }
}
