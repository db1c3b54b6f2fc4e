#![doc = include_str!("../README.md")]

mod actor;
mod copy;
mod definition;
mod modules;
mod services;
mod task;
#[allow(unreachable_pub, dead_code)] // The scripts' `time` uses a part; the whole is what the notation promises.
mod time;
mod vm;

pub use actor::LuaFactory;
pub use definition::{Definition, DefinitionKind, compile_error_line};
pub use modules::KNOWN_MODULES;
pub use services::{Level, Origin, Read, Services, Terminal};
pub use vm::{Alarm, Limits, Settings, Vm};
