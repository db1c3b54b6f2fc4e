use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::command::CommandLine;
use crate::error::ExecError;
use crate::exit::ExitInfo;
use crate::process::Process;
use crate::request::{Containment, ExecRequest};
use crate::settings::Settings;
use crate::stream::ByteStream;

/// Makes executors of one kind from the settings of a configuration.
///
/// ```
/// use std::sync::Arc;
///
/// use perilune_exec_api::{ExecError, Executor, ExecutorFactory, Settings};
///
/// /// Gives the same executor to whoever asks.
/// struct Shared(Arc<dyn Executor>);
///
/// impl ExecutorFactory for Shared {
///     fn kind(&self) -> &str {
///         "exec.shared"
///     }
///
///     fn build(&self, settings: &Settings) -> Result<Arc<dyn Executor>, ExecError> {
///         settings.expect_only(&[])?;
///         Ok(self.0.clone())
///     }
/// }
/// ```
pub trait ExecutorFactory: Send + Sync {
    /// The name under which a configuration asks for it, like `exec.native`.
    fn kind(&self) -> &str;

    /// An executor with these settings. It starts nothing.
    fn build(&self, settings: &Settings) -> Result<Arc<dyn Executor>, ExecError>;
}

/// Starts processes.
///
/// Limits, audit and permissions are executors around executors:
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use async_trait::async_trait;
/// use perilune_exec_api::{ExecCapabilities, ExecError, ExecRequest, Executor, Process};
///
/// /// Lets nothing run for longer than that.
/// struct Timed<E>(E, Duration);
///
/// #[async_trait]
/// impl<E: Executor> Executor for Timed<E> {
///     fn capabilities(&self) -> ExecCapabilities {
///         self.0.capabilities()
///     }
///     fn create(&self, mut request: ExecRequest) -> Result<Arc<dyn Process>, ExecError> {
///         request.timeout = Some(request.timeout.map_or(self.1, |asked| asked.min(self.1)));
///         self.0.create(request)
///     }
///     fn active(&self) -> usize {
///         self.0.active()
///     }
///     async fn shutdown(&self, grace: Duration) {
///         self.0.shutdown(grace).await;
///     }
/// }
/// ```
#[async_trait]
pub trait Executor: Send + Sync {
    /// What it can do beyond what all must.
    fn capabilities(&self) -> ExecCapabilities;

    /// A process as requested. Everything that can be checked without starting it is; nothing is started, and nothing
    /// blocks.
    fn create(&self, request: ExecRequest) -> Result<Arc<dyn Process>, ExecError>;

    /// How many processes have been started and have not ended.
    fn active(&self) -> usize;

    /// Ends all processes it created, those that do not obey within `grace` by force, and starts no more. Returns when
    /// nothing of them is left.
    async fn shutdown(&self, grace: Duration);
}

/// What an executor can do beyond what all must.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExecCapabilities {
    /// [`Process::signal`] with any signal.
    pub signals: bool,
    /// [`Process::stdin_pending`] and [`Process::stdin_idle`].
    pub stdin_idle: bool,
    /// [`ExecRequest::limits`].
    pub limits: bool,
    /// [`ExecRequest::identity`], if the runtime itself is permitted to.
    pub identity: bool,
    /// The best level it keeps, if any.
    pub containment: Option<Containment>,
}

impl ExecCapabilities {
    /// Everything.
    pub const ALL: Self =
        Self { signals: true, stdin_idle: true, limits: true, identity: true, containment: Some(Containment::Cgroup) };

    /// Nothing but starting, streams, waiting and closing.
    pub const NONE: Self =
        Self { signals: false, stdin_idle: false, limits: false, identity: false, containment: None };
}

/// A process that was run to its end, see [`ExecutorExt::run`].
#[derive(Clone, Debug)]
pub struct Finished {
    /// How it ended.
    pub exit: ExitInfo,
    /// Everything it wrote to its standard output.
    pub stdout: Vec<u8>,
    /// Everything it wrote to its standard error.
    pub stderr: Vec<u8>,
}

/// What can be done with any executor.
#[async_trait]
pub trait ExecutorExt: Executor {
    /// Creates and starts in one go.
    async fn start(&self, request: ExecRequest) -> Result<Arc<dyn Process>, ExecError> {
        let process = self.create(request)?;
        process.start().await?;
        Ok(process)
    }

    /// Runs a command to its end, without input. Output beyond what a stream keeps for an absent reader is lost, which
    /// is an error.
    async fn run(&self, command: CommandLine) -> Result<Finished, ExecError> {
        let mut request = ExecRequest::new(command);
        request.stdin = crate::request::StdinMode::Null;
        let process = self.create(request)?;
        let (stdout, stderr) = (process.stdout()?, process.stderr()?);
        process.start().await?;
        let exit = process.wait().await?;
        Ok(Finished { exit, stdout: read_all(&*stdout).await?, stderr: read_all(&*stderr).await? })
    }
}

impl<E: Executor + ?Sized> ExecutorExt for E {}

async fn read_all(stream: &dyn ByteStream) -> Result<Vec<u8>, ExecError> {
    let mut all = Vec::new();
    while let Some(chunk) = stream.read(64 << 10).await? {
        all.extend(chunk);
    }
    Ok(all)
}
