#![doc = include_str!("../README.md")]

mod command;
mod error;
mod executor;
mod exit;
mod process;
mod request;
mod settings;
mod signal;
mod stream;

pub use command::{CommandLine, ShellMode};
pub use error::{BoxError, ExecError, ExecErrorKind};
pub use executor::{ExecCapabilities, Executor, ExecutorExt, ExecutorFactory, Finished};
pub use exit::{EndReason, ExitInfo};
pub use process::{ExecId, ExecState, Process, Stop};
pub use request::{Containment, EnvMode, ExecRequest, Identity, Limits, StdinEof, StdinMode};
pub use settings::{Setting, Settings};
pub use signal::OsSignal;
pub use stream::ByteStream;
