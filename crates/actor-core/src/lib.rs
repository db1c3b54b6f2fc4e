#![doc = include_str!("../README.md")]

mod actor;
mod clock;
mod error;
mod exit;
mod failure;
mod host;
mod link;
mod mailbox;
mod message;
mod name;
mod pid;
mod scheduler;
mod signal;
mod symbol;
mod value;

pub use actor::{Actor, ActorFactory, Answer, Context, Notice, Outcome, Relation, Spawn, Step, TimerId, Waker};
pub use clock::{Clock, Instant};
pub use error::ActorError;
pub use exit::ExitReason;
pub use failure::{ErrorKind, Failure};
pub use host::{HostId, HostSpec, NodeId, Placement};
pub use link::{LinkDown, Relations, Tell};
pub use mailbox::{Full, Gauge, Mailbox};
pub use message::{Envelope, Topic, TopicError};
pub use name::{Name, NameError, NameRegistry};
pub use pid::{ParsePidError, Pid, PidText, PidWriter};
pub use scheduler::{ActorInfo, ActorState, ExitHook, Scheduler, WorkerInfo};
pub use signal::{Event, Signal};
pub use value::{Local, Table, Tagged, Value};
