#![doc = include_str!("../README.md")]

mod clock;
mod context;
mod core;
mod directory;
mod host;
mod inject;
mod names;
mod scheduler;
mod sync;
mod ticker;
mod timers;
mod worker;

pub use clock::SystemClock;
pub use scheduler::{Builder, LocalScheduler, StartError, WorkerLocal};
