#![doc = include_str!("../README.md")]
#![cfg(target_os = "linux")]

pub mod process;

pub mod adapter;
pub mod config;
pub mod credentials;
pub mod health;
pub mod log;
pub mod shutdown;

pub use perilune_restart as restart;

mod supervisor;

pub use supervisor::{
    Condition, Dependency, Desired, EventKind, ExitClassification, InstanceStatus, LastExit, OnExceeded, Phase,
    Readiness, SupervisionOptions, SupervisorConfig, SupervisorError, SupervisorEvent,
};
