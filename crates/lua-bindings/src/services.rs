mod environment;
pub(crate) mod registry;
mod supervision;
mod volume;

use std::pin::Pin;
use std::sync::Arc;

pub use environment::Environment;
use perilune_actor_core::{ErrorKind, Failure, HostId, Pid, Relation, Value, Waker};
use perilune_exec_api::{Executor, StdinEof};
use perilune_policy::{PolicyEngine, Subject};

use self::registry::EntryRegistry;
pub use self::supervision::{Order, Pending, Reports, Supervision};
pub use self::volume::{FileInfo, FileKind, IoDone, Listed, OpenMode, Stream, StreamInfo, Volume};
use crate::access::Access;
use crate::definition::Definition;
use crate::inherited::Inherited;

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

    /// Whether `origin` may do that. Asked before anything is looked up but names, so that a refusal tells nothing.
    ///
    /// # Errors
    /// It may not: [`Access::refused`].
    fn authorize(&self, origin: &Origin<'_>, access: &Access<'_>) -> Result<(), Failure> {
        let _ = (origin, access);
        Ok(())
    }

    /// Whether [`authorize`](Self::authorize) allows `origin` everything, for as long as it lives: then it need not be
    /// asked.
    fn allows_everything(&self, origin: &Origin<'_>) -> bool {
        let _ = origin;
        false
    }

    /// The executor of that id.
    ///
    /// # Errors
    /// `NotFound` for no entry, `Invalid` for one that is no executor, `Unavailable` for one that cannot be had.
    fn executor(&self, origin: &Origin<'_>, id: &str) -> Result<ExecutorHandle, Failure> {
        let _ = origin;
        Err(Failure::new(ErrorKind::NotFound, format!("resource not found: {id}")))
    }

    /// Drives work beside the workers, to its end. Whoever gives out executors must do so.
    fn drive(&self, work: Pin<Box<dyn Future<Output = ()> + Send>>) {
        drop(work);
    }

    /// The policies of the application.
    fn policies(&self) -> Option<Arc<dyn PolicyEngine>> {
        None
    }

    /// What a spawn or call by `origin` starts, and where. Whether it may is asked before whether there is such an entry.
    ///
    /// # Errors
    /// Those of [`process`](Self::process) and [`host`](Self::host).
    fn start(&self, origin: &Origin<'_>, start: &Start<'_>) -> Result<Started, Failure> {
        let _ = origin;
        Ok(Started { definition: self.process(start.id)?, host: self.host(start.host)?, subject: None })
    }

    /// What a function call by `origin` runs.
    ///
    /// # Errors
    /// No such entry, or one that cannot be called.
    fn function(&self, origin: &Origin<'_>, id: &str) -> Result<Callable, Failure>;

    /// Tells everybody who has subscribed to such events.
    ///
    /// # Errors
    /// The origin may not.
    fn publish(&self, origin: &Origin<'_>, event: Published) -> Result<(), Failure> {
        let _ = (origin, event);
        Err(no_events())
    }

    /// Subscribes to events whose system and kind match those patterns: segments between dots, where `*` is any one,
    /// `**` any number, and `(a|b)` one of several. `waker` is called when there is something to take.
    ///
    /// # Errors
    /// Text that is no pattern, or the origin may not.
    fn subscribe(
        &self,
        origin: &Origin<'_>,
        system: &str,
        kind: Option<&str>,
        waker: Waker,
    ) -> Result<Arc<dyn Subscription>, Failure> {
        let _ = (origin, system, kind, waker);
        Err(no_events())
    }

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

    /// The variables that scripts may read and set.
    fn environment(&self) -> Option<&dyn Environment> {
        None
    }

    /// Programs that the origin will keep alive, none yet. Whoever gives them out must [`drive`](Self::drive).
    ///
    /// # Errors
    /// `Unavailable` if none can be kept here.
    fn supervision(&self, origin: &Origin<'_>) -> Result<Arc<dyn Supervision>, Failure> {
        let _ = origin;
        Err(Failure::new(ErrorKind::Unavailable, "programs cannot be supervised here"))
    }

    /// A folder that scripts may use.
    ///
    /// # Errors
    /// `NotFound` for no entry, `Invalid` for one that is no folder.
    fn volume(&self, _origin: &Origin<'_>, id: &str) -> Result<Arc<dyn Volume>, Failure> {
        Err(Failure::new(ErrorKind::NotFound, format!("volume not found: {id}")))
    }
}

fn no_events() -> Failure {
    Failure::new(ErrorKind::Unavailable, "there are no events here")
}

/// Who speaks.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Origin<'a> {
    /// The actor.
    pub pid: Pid,
    /// What it runs.
    pub definition: &'a Definition,
    /// What it has from who started it; `None` is nothing.
    pub inherited: Option<&'a Inherited>,
}

impl<'a> Origin<'a> {
    /// An actor and what it runs.
    pub fn new(pid: Pid, definition: &'a Definition) -> Self {
        Self { pid, definition, inherited: None }
    }
}

/// An executor, and what its entry says beyond that.
#[derive(Clone)]
pub struct ExecutorHandle {
    /// Makes processes.
    pub executor: Arc<dyn Executor>,
    /// When the input of a process ends without being closed.
    pub stdin_eof: StdinEof,
}

/// A process that somebody wants to start.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// The entry.
    pub id: &'a str,
    /// Where it shall run.
    pub host: &'a str,
    /// What for.
    pub purpose: Purpose,
}

/// What a process is started for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To live beside the one who starts it.
    Spawn(Relation),
    /// For its result.
    Call,
}

/// What there is to start.
#[derive(Clone, Debug)]
pub struct Started {
    /// What runs: a process, or a function if it is called.
    pub definition: Arc<Definition>,
    /// Where it runs.
    pub host: HostId,
    /// For whom it acts if whoever starts it acts for nobody.
    pub subject: Option<Subject>,
}

/// What can be called for a result: a function, or a process that has a host for calls.
pub type Callable = Started;

/// An event of the whole node.
#[derive(Clone, Debug, PartialEq)]
pub struct Published {
    /// The part of the application that speaks.
    pub system: String,
    /// What sort of thing happened.
    pub kind: String,
    /// To what it happened.
    pub path: String,
    /// Whatever else there is to say.
    pub data: Value,
}

/// Events on their way to one subscriber, in the order in which each publisher sent them. Dropping it unsubscribes.
pub trait Subscription: Send + Sync {
    /// The oldest event that was not taken.
    fn take(&self) -> Option<Arc<Published>>;

    /// How many events were lost because too many waited.
    fn missed(&self) -> u64;
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
