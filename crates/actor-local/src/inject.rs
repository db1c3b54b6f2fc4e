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
    Spawned { to: Pid, token: u64, relation: Relation, result: Result<Pid, ActorError> },
    /// `from` monitors `target`, or links to it.
    Relate { target: Pid, from: Pid, kind: Kind, token: Option<u64> },
    /// What came of that.
    Related { to: Pid, target: Pid, kind: Kind, token: Option<u64>, result: Result<(), ActorError> },
    /// For an actor that asked.
    Notice { to: Pid, notice: Notice },
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

/// Who waits for a spawn.
pub(crate) enum Reply {
    Actor { pid: Pid, token: u64 },
    Thread(Sender<Result<Pid, ActorError>>),
}
