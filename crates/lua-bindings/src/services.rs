pub(crate) mod registry;

use std::sync::Arc;

use perilune_actor_core::{Failure, HostId, Pid, Value};

use self::registry::EntryRegistry;
use crate::definition::Definition;

/// What scripts need from outside: definitions, logs, the terminal. The assembly implements it.
///
/// Called from worker threads, so nothing in here may wait.
pub trait Services: Send + Sync {
    /// The newest version of a process definition.
    ///
    /// # Errors
    /// No such entry, or one that is no process, or whose script cannot be loaded.
    fn process(&self, id: &str) -> Result<Arc<Definition>, Failure>;

    /// The host of that id.
    ///
    /// # Errors
    /// `NotFound` for no entry, `Invalid` for one that is no host, `Unavailable` for one that is not running.
    fn host(&self, id: &str) -> Result<HostId, Failure>;

    /// A script printed a line.
    fn print(&self, origin: &Origin<'_>, line: &[u8]);

    /// A script logged something.
    fn log(&self, origin: &Origin<'_>, level: Level, name: &str, message: &str, fields: &[(String, Value)]);

    /// An actor failed. `failure.stack` tells where.
    fn failed(&self, origin: &Origin<'_>, failure: &Failure);

    /// The terminal of actors on a terminal host.
    fn terminal(&self, host: HostId) -> Option<Arc<dyn Terminal>>;

    /// The application's entries, if scripts may see them.
    fn registry(&self) -> Option<Arc<dyn EntryRegistry>> {
        None
    }
}

/// Who speaks.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Origin<'a> {
    /// The actor.
    pub pid: Pid,
    /// What it runs.
    pub definition: &'a Definition,
}

impl<'a> Origin<'a> {
    /// An actor and what it runs.
    pub fn new(pid: Pid, definition: &'a Definition) -> Self {
        Self { pid, definition }
    }
}

/// How much a log line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// For whoever looks for a defect.
    Debug,
    /// For whoever wants to follow.
    Info,
    /// Something is not as it should be.
    Warn,
    /// Something failed.
    Error,
}

/// A person's terminal, or what stands for it.
pub trait Terminal: Send + Sync {
    /// Writes bytes to standard output.
    ///
    /// # Errors
    /// What the operating system says.
    fn write(&self, bytes: &[u8]) -> std::io::Result<()>;

    /// Writes bytes to standard error.
    ///
    /// # Errors
    /// What the operating system says.
    fn write_error(&self, bytes: &[u8]) -> std::io::Result<()>;

    /// Gives out what is buffered.
    ///
    /// # Errors
    /// What the operating system says.
    fn flush(&self) -> std::io::Result<()>;

    /// The command's arguments.
    fn args(&self) -> Vec<String>;

    /// Reads in the background; `done` gets the bytes, or `None` at the end of input.
    fn read(&self, what: Read, done: ReadDone);
}

/// Called with what was read; `None` at the end of input.
pub type ReadDone = Box<dyn FnOnce(std::io::Result<Option<Vec<u8>>>) + Send>;

/// How much to read from a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// Up to that many bytes, as soon as there are some.
    Bytes(usize),
    /// A line, without its end.
    Line,
}
