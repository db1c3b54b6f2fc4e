#![doc = include_str!("../README.md")]

mod actor;
mod copy;
mod definition;
mod modules;
mod services;
mod task;
mod time;
mod vm;

pub use actor::LuaFactory;
pub use definition::{Definition, DefinitionKind, compile_error_line};
pub use modules::KNOWN_MODULES;
pub use services::registry::{ApplyDone, Change, Effort, EntryRegistry, EntrySnapshot, EntryValue, Filter};
pub use services::{Level, Origin, Read, ReadDone, Services, Terminal};
pub use vm::{Alarm, Limits, Settings, Vm};

/// A duration as scripts write it, `1h30m` or `2ms`; `None` for other text and for negative ones.
pub fn parse_duration(text: &str) -> Option<std::time::Duration> {
    time::Span::parse(text).ok()?.to_std()
}
