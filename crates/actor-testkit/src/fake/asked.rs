use std::sync::Arc;
use std::time::Duration;

use perilune_actor_core::{Failure, HostId, Name, Pid, Placement, Relation, Signal, TimerId, Topic, Value};

/// Something that an actor asked of its context, or somebody outside of the scheduler.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Asked {
    /// To send a message.
    Send {
        /// The receiver.
        to: Pid,
        /// What it is about.
        topic: Topic,
        /// What it says.
        payload: Value,
    },
    /// To start an actor.
    Spawn {
        /// Where.
        host: HostId,
        /// Under which name.
        name: Option<Name>,
        /// With which relations to the one that asked.
        relation: Relation,
        /// With which messages.
        messages: Vec<(Topic, Value)>,
        /// At which place.
        placement: Option<Placement>,
        /// Whether the answer may come later.
        token: Option<u64>,
        /// Who was started; `None` when the answer is pending, or was an error.
        child: Option<Pid>,
    },
    /// To hear of somebody's end.
    Monitor {
        /// Whose.
        target: Pid,
        /// Whether the answer may come later.
        token: Option<u64>,
    },
    /// To hear of it no more.
    Unmonitor(Pid),
    /// To be linked.
    Link {
        /// To whom.
        target: Pid,
        /// Whether the answer may come later.
        token: Option<u64>,
    },
    /// To be linked no more.
    Unlink(Pid),
    /// That failures of linked actors be events, or no longer.
    TrapLinks(bool),
    /// That somebody end.
    Cancel {
        /// Who.
        target: Pid,
        /// By force after that time.
        deadline: Option<Duration>,
    },
    /// To end somebody.
    Terminate {
        /// Whom.
        target: Pid,
        /// With what.
        failure: Failure,
    },
    /// To give a name.
    Register {
        /// Which.
        name: String,
        /// To whom.
        pid: Pid,
    },
    /// To take a name away.
    Unregister(String),
    /// To start a timer.
    StartTimer {
        /// How long it runs.
        delay: Duration,
        /// What its notice carries.
        token: u64,
    },
    /// To stop one.
    StopTimer(TimerId),
    /// For something to call when work outside is done.
    Completion(u64),
    /// For something that makes it take a step.
    Waker,
    /// To go on as something else.
    Become,
    /// To deliver a signal, from outside.
    Deliver {
        /// To whom.
        to: Pid,
        /// What.
        signal: Signal,
    },
    /// To stop a host.
    StopHost {
        /// Which.
        host: HostId,
        /// By force after that time.
        grace: Duration,
        /// Why.
        reason: Arc<str>,
    },
}
