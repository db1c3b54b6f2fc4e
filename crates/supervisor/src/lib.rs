#![doc = include_str!("../README.md")]
#![cfg(any(target_os = "linux", target_os = "macos"))]

pub mod process;

pub mod adapter;
pub mod config;
pub mod credentials;
pub mod health;
pub mod log;
pub mod shutdown;
pub mod state;

mod atomic_file;
mod beside;
mod readiness;

pub use perilune_restart as restart;

mod supervisor;

pub use beside::Surroundings;
pub use readiness::{LineMatcher, NotifyPipe};
pub use supervisor::{
    Condition, Dependency, Desired, EventKind, EventReceiver, ExitClassification, InstanceShutdown, InstanceStatus,
    LastExit, OnExceeded, Phase, Readiness, Received, ShutdownOptions, ShutdownReport, StatusWatch, SupervisionOptions,
    Supervisor, SupervisorConfig, SupervisorError, SupervisorEvent, Updated,
};
