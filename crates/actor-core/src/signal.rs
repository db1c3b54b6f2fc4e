use std::sync::Arc;
use std::time::SystemTime;

use crate::clock::Instant;
use crate::exit::ExitReason;
use crate::failure::Failure;
use crate::message::Envelope;
use crate::pid::Pid;

/// What a runtime carries from one actor to another. Signals between the same two actors keep their order.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Signal {
    /// A message.
    Message(Envelope),
    /// `from` ended, and the receiver monitored it.
    Down {
        /// Who ended.
        from: Pid,
        /// Why.
        reason: ExitReason,
    },
    /// `from` failed, and was linked to the receiver.
    LinkDown {
        /// Who failed.
        from: Pid,
        /// Why.
        failure: Arc<Failure>,
    },
    /// `from` linked itself to the receiver.
    Linked(Pid),
    /// The link to `from` is gone: undone, or `from` ended normally.
    Unlinked(Pid),
    /// `from` wants to know of the receiver's end.
    Monitor(Pid),
    /// `from` no longer does.
    Unmonitor(Pid),
    /// Somebody asks the receiver to end.
    Cancel {
        /// Who asks; `None` for the runtime.
        from: Option<Pid>,
        /// When it is ended by force.
        deadline: Option<Instant>,
        /// Why, when the runtime asks.
        reason: Option<Arc<str>>,
    },
    /// The receiver ends now, with that failure.
    Terminate(Arc<Failure>),
}

/// What an actor learns about others, in the order in which it happened.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A monitored actor ended.
    Down {
        /// Who.
        from: Pid,
        /// Why.
        reason: ExitReason,
        /// When the observer's runtime learnt it.
        at: SystemTime,
    },
    /// A linked actor failed, and links are trapped.
    LinkDown {
        /// Who.
        from: Pid,
        /// Why.
        failure: Arc<Failure>,
        /// When the observer's runtime learnt it.
        at: SystemTime,
    },
    /// Somebody asks this actor to end.
    Cancel {
        /// Who; `None` for the runtime.
        from: Option<Pid>,
        /// When it is ended by force, for people.
        deadline: Option<SystemTime>,
        /// Why, when the runtime asks.
        reason: Option<Arc<str>>,
        /// When it was asked.
        at: SystemTime,
    },
}
