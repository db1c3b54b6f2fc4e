#![doc = include_str!("../README.md")]

mod access;
mod actor;
mod copy;
mod definition;
mod inherited;
mod modules;
mod pool;
mod services;
mod splitter;
mod task;
mod time;
mod vm;

pub use access::{Access, Resource};
pub use actor::LuaFactory;
pub use definition::{Definition, DefinitionKind, compile_error_line};
pub use inherited::Inherited;
pub use modules::KNOWN_MODULES;
pub use pool::Pool;
pub use services::registry::{ApplyDone, Change, Effort, EntryRegistry, EntrySnapshot, EntryValue, Filter};
pub use services::{
    Callable, Environment, ExecutorHandle, FileInfo, FileKind, IoDone, Level, Listed, OpenMode, Order, Origin, Pending,
    Published, Purpose, Read, ReadDone, Reports, Services, Start, Started, Stream, StreamInfo, Subscription,
    Supervision, Terminal, Volume,
};
pub use vm::{Alarm, Limits, NativeCode, Settings, Vm, keep_freed_memory};

/// A duration as scripts write it, `1h30m` or `2ms`; `None` for other text and for negative ones.
pub fn parse_duration(text: &str) -> Option<std::time::Duration> {
    time::Span::parse(text).ok()?.to_std()
}
