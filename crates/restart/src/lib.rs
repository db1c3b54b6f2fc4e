#![doc = include_str!("../README.md")]

mod backoff;
mod config;
pub mod duration;
mod entry;
mod error;
mod group;
mod intensity;
mod jitter;
mod manager;
mod order;
mod policy;
mod strategy;

pub use backoff::BackoffConfig;
pub use config::RestartConfig;
pub use entry::{Ended, RestartDecision, RestartEntry, StayReason};
pub use error::{ConfigError, OrderError};
pub use group::{Child, GroupRestart, Step};
pub use intensity::Intensity;
pub use manager::RestartManager;
pub use order::StartOrder;
pub use policy::RestartPolicy;
pub use strategy::RestartStrategy;
