use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::error::ExecError;
use crate::exit::ExitInfo;
use crate::signal::OsSignal;
use crate::stream::ByteStream;

/// Names one process among all that ever were; shown as a UUID.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExecId(u128);

impl ExecId {
    /// The id of these random bits.
    pub const fn new(bits: u128) -> Self {
        Self(bits)
    }
}

impl fmt::Display for ExecId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.0;
        let (a, b, c, d) = (id >> 96, (id >> 80) & 0xffff, (id >> 64) & 0xffff, (id >> 48) & 0xffff);
        write!(f, "{a:08x}-{b:04x}-{c:04x}-{d:04x}-{:012x}", id & 0xffff_ffff_ffff)
    }
}

impl fmt::Debug for ExecId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where a process is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExecState {
    /// Nothing runs yet.
    Created,
    /// It runs.
    Running,
    /// It has ended, and nobody has waited for it or closed it.
    Exited,
    /// Nothing more can be asked of it but [`Process::wait`].
    Closed,
}

/// How much a process is asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stop {
    /// SIGTERM first, and SIGKILL when the grace of its request is over.
    Graceful,
    /// SIGKILL.
    Force,
}

/// One OS process with everything it starts itself: its tree.
///
/// All methods take `&self`, so one task may read while another writes and others wait. Dropping the last handle of a
/// process that nobody closed is [`Stop::Force`].
///
/// ```
/// use std::sync::Arc;
///
/// use perilune_exec_api::{ExecError, ExecErrorKind, Process};
///
/// /// Feeds a process and takes its answer.
/// async fn filter(process: Arc<dyn Process>, input: Vec<u8>) -> Result<Vec<u8>, ExecError> {
///     let stdout = process.stdout()?;
///     process.start().await?;
///     match process.write_stdin(input).await {
///         // It may have seen enough.
///         Err(error) if error.kind() != ExecErrorKind::StdinClosed => return Err(error),
///         _ => process.close_stdin().await?,
///     }
///     let mut output = Vec::new();
///     while let Some(chunk) = stdout.read(64 << 10).await? {
///         output.extend(chunk);
///     }
///     process.wait().await?;
///     Ok(output)
/// }
/// ```
#[async_trait]
pub trait Process: Send + Sync {
    /// Its name among all processes.
    fn id(&self) -> ExecId;

    /// The number its system knows it by, while it runs.
    fn os_pid(&self) -> Option<u32>;

    /// Where it is in its life.
    fn state(&self) -> ExecState;

    /// Starts the program. Success means that it runs, not merely that it will be tried.
    ///
    /// A process starts once. Whoever drops the future has a process that is started or failed, not one in between.
    async fn start(&self) -> Result<(), ExecError>;

    /// Sends a signal to the program and whatever it started in its group.
    fn signal(&self, signal: OsSignal) -> Result<(), ExecError>;

    /// Writes all of it, waiting while the process does not read; nothing at all means the end of input.
    ///
    /// Writes happen one after the other, in order of calling. Dropping the future may leave a part written. When the
    /// process has ended or reads no more, that is [`ExecError::StdinClosed`].
    async fn write_stdin(&self, data: Vec<u8>) -> Result<(), ExecError>;

    /// The end of input, behind everything written before. Again is no error.
    async fn close_stdin(&self) -> Result<(), ExecError>;

    /// How many bytes were written and not yet read by the process; `None` when there is no input to speak of,
    /// or the system does not tell.
    fn stdin_pending(&self) -> Option<usize>;

    /// Returns when something was written, all of it has been read by the process, and for `quiet` there was neither
    /// output nor another write: the moment at which one may guess that it waits for more.
    ///
    /// [`ExecError::StdinClosed`] when there is no input to close any more.
    async fn stdin_idle(&self, quiet: Duration) -> Result<(), ExecError>;

    /// What the program writes to its standard output, the same object every time; before or after the start.
    ///
    /// A stream that nobody took is read and dropped as soon as somebody waits for the process or closes it. One that
    /// was taken keeps a good part for later reads then, so that an unread stream never holds up the end.
    fn stdout(&self) -> Result<Arc<dyn ByteStream>, ExecError>;

    /// Likewise, its standard error.
    fn stderr(&self) -> Result<Arc<dyn ByteStream>, ExecError>;

    /// Waits for the end, and closes the process. Any number of tasks may wait, during and after its life.
    ///
    /// When it returns, no read of its streams waits any more: what was written is at hand, and then the end.
    async fn wait(&self) -> Result<ExitInfo, ExecError>;

    /// Ends the process with all it started and returns at once; what it takes happens in the background.
    ///
    /// Callable from any thread and as often as one likes: the harder of two requests counts.
    fn close(&self, stop: Stop);

    /// Waits until the process has ended and nothing it started is left, where the backend can see that; how many
    /// others had to be ended after the program itself. At once for a process that never ran.
    async fn swept(&self) -> u32;
}
