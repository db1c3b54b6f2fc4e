#![doc = include_str!("../README.md")]

mod command;
mod config;
mod environment;
mod event_bus;
mod guard;
mod hosts;
mod policies;
mod registry;
mod report;
mod runtime;
mod services;
mod support;
mod terminal;
#[cfg_attr(not(unix), path = "volume/none.rs")]
mod volume;

pub mod application;

pub use command::{CommandInfo, Exit, Foreground};
pub use config::{Config, ConfigError};
pub use report::script_error;
pub use runtime::{Runtime, StartError, check};
