use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Sender;
use perilune_actor_core::{ActorError, ActorInfo, HostId, Notice, Pid, Relation, Signal, Spawn, WorkerInfo};

/// What one thread asks of a worker.
pub(crate) enum Inject {
    /// For an actor. Room for a message is reserved.
    Signal { to: Pid, signal: Signal },
    /// Start an actor here.
    Spawn { spawn: Box<Spawn>, parent: Option<Pid>, reply: Reply },
    /// What came of a spawn that this worker's `to` asked another for.
    Spawned { to: Pid, ticket: Ticket, relation: Relation, result: Result<Pid, ActorError> },
    /// `from` monitors `target`, or links to it.
    Relate { target: Pid, from: Pid, kind: Kind, ticket: Option<Ticket> },
    /// What came of that.
    Related { to: Pid, target: Pid, kind: Kind, ticket: Option<Ticket>, result: Result<(), ActorError> },
    /// For an actor that asked, in that era.
    Notice { to: Pid, era: u32, notice: Notice },
    /// For an actor that shall look at what there is.
    Wake { to: Pid },
    /// Cancel every actor of a host.
    StopHost { host: HostId, grace: Duration, reason: Arc<str> },
    /// What is there?
    Inspect { reply: Sender<(WorkerInfo, Vec<ActorInfo>)>, with_actors: bool },
    /// The clock was moved by hand.
    Look,
    /// End all actors and leave.
    Stop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Monitor,
    Link,
}

/// What an actor gave when it asked for something, and the era it was in: whoever has become something else since does
/// not know the token any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ticket {
    pub(crate) token: u64,
    pub(crate) era: u32,
}

/// Who waits for a spawn.
pub(crate) enum Reply {
    Actor { pid: Pid, ticket: Ticket },
    Thread(Sender<Result<Pid, ActorError>>),
}
