#![doc = include_str!("../README.md")]

mod command;
mod config;
mod environment;
mod event_bus;
mod executors;
mod guard;
mod hosts;
mod policies;
mod policy_book;
mod policy_question;
mod policy_report;
mod policy_test;
mod programs;
mod registry;
mod report;
mod runtime;
mod services;
mod supervision;
mod support;
mod terminal;
#[cfg_attr(not(unix), path = "volume/none.rs")]
mod volume;

pub mod application;

pub use command::{CommandInfo, Exit, Foreground};
pub use config::{Config, ConfigError};
pub use perilune_lua_bindings::keep_freed_memory;
pub use policy_book::PolicyBook;
pub use policy_question::{PolicyQuestion, PolicyQuestionError};
pub use policy_report::PolicyReport;
pub use policy_test::PolicyTests;
pub use report::script_error;
pub use runtime::{Runtime, RuntimeBuilder, StartError, check};
pub use supervision::{ServiceInfo, ServiceState};
