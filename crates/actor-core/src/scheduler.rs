use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::actor::Spawn;
use crate::error::ActorError;
use crate::exit::ExitReason;
use crate::host::{HostId, HostSpec};
use crate::message::Envelope;
use crate::name::{Name, NameRegistry};
use crate::pid::Pid;
use crate::signal::Signal;

/// Called with the reason of an actor's end.
pub type ExitHook = Box<dyn FnOnce(&ExitReason) + Send>;

/// Runs actors. This is the side seen from outside; an actor sees its [`Context`](crate::Context).
///
/// ```
/// use perilune_actor_core::{ActorError, Envelope, Pid, Scheduler, Signal, Topic, Value};
///
/// fn greet(scheduler: &dyn Scheduler, who: Pid) -> Result<(), ActorError> {
///     let topic = Topic::new("greeting").expect("a constant");
///     scheduler.deliver(who, Signal::Message(Envelope { from: None, topic, payload: Value::from("hello") }))
/// }
/// ```
pub trait Scheduler: Send + Sync {
    /// Adds a host, or replaces the limits of one. A host that was stopped takes actors again.
    fn add_host(&self, host: HostSpec);

    /// Starts an actor and waits until it is runnable or has failed to become so.
    ///
    /// Must not be called from a worker: actors use their context.
    ///
    /// # Errors
    /// No such host, a host that is stopping or full, a name that is taken, or a factory that failed.
    fn spawn(&self, spawn: Spawn) -> Result<Pid, ActorError>;

    /// Queues a signal. Success means that the receiver was alive.
    ///
    /// # Errors
    /// The receiver is gone, or the signal is a message and the mailbox full.
    fn deliver(&self, to: Pid, signal: Signal) -> Result<(), ActorError>;

    /// The names of this node.
    fn names(&self) -> &dyn NameRegistry;

    /// The live actors, at about this moment.
    fn actors(&self) -> Vec<ActorInfo>;

    /// The workers, at about this moment.
    fn workers(&self) -> Vec<WorkerInfo>;

    /// Ends a host: no new actors, a cancel with that deadline to every actor, and force for what is left then. Returns
    /// when none is left.
    fn stop_host(&self, host: HostId, grace: Duration, reason: Arc<str>);

    /// Ends every actor at once and the threads that ran them. Idempotent.
    fn stop(&self);
}

/// What an actor is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ActorState {
    /// Nothing to do.
    Waiting,
    /// In the run queue.
    Ready,
    /// On the worker.
    Running,
}

/// One line of a live view.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ActorInfo {
    /// Its pid.
    pub pid: Pid,
    /// What it is doing.
    pub state: ActorState,
    /// The worker it lives on.
    pub worker: usize,
    /// Messages waiting.
    pub mailbox: usize,
    /// Events waiting.
    pub events: usize,
    /// How many it monitors, is monitored by, and is linked to.
    pub relations: (usize, usize, usize),
    /// Pending timers.
    pub timers: usize,
    /// Its names.
    pub names: Vec<Name>,
}

impl ActorInfo {
    /// A line about an actor that is doing nothing.
    pub fn new(pid: Pid, worker: usize) -> Self {
        Self {
            pid,
            state: ActorState::Waiting,
            worker,
            mailbox: 0,
            events: 0,
            relations: (0, 0, 0),
            timers: 0,
            names: Vec::new(),
        }
    }
}

/// One worker of a live view.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct WorkerInfo {
    /// Live actors.
    pub actors: usize,
    /// Actors that could run now.
    pub runnable: usize,
    /// Pending timers that actors started.
    pub timers: usize,
    /// Work outside the scheduler that actors were promised the end of.
    pub pending: usize,
    /// Slices run so far.
    pub slices: u64,
}

impl fmt::Debug for dyn Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scheduler")
    }
}

/// A message nobody sent, for programs that talk to actors.
impl From<Envelope> for Signal {
    fn from(envelope: Envelope) -> Self {
        Self::Message(envelope)
    }
}
