#![doc = include_str!("../README.md")]

mod actors;
mod clock;
mod fake;
mod harness;
mod model;
mod ops;
mod probe;
mod stage;

#[doc(hidden)]
pub mod cases;

pub use actors::{ActorOp, actor_ops, check_actors};
pub use clock::VirtualClock;
pub use fake::{Asked, FakeContext, FakeScheduler, FakeWorker};
pub use harness::{Capabilities, Harness, Setup};
pub use model::{check_mailbox, check_relations};
pub use ops::{MailboxOp, RelationOp, mailbox_ops, relation_ops};
pub use probe::{Plan, Probe, failure, topic};
pub use stage::{Acting, Stage, acting, wait};
