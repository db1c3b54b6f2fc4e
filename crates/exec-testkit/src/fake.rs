mod pipe;
mod process;

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use perilune_exec_api::{ExecCapabilities, ExecError, ExecId, ExecRequest, Executor, Process, ShellMode, Stop};

use crate::script::Script;
use process::{FakeProcess, Inner};

/// An executor whose processes are scripts: deterministic, and going by Tokio's clock, so that under paused time an hour
/// takes no time at all.
///
/// ```
/// use perilune_exec_api::{CommandLine, ExecutorExt};
/// use perilune_exec_testkit::{FakeExecutor, Script};
///
/// # let tokio = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
/// # tokio.block_on(async {
/// let executor = FakeExecutor::new(|argv| {
///     let hour = std::time::Duration::from_secs(3600);
///     (argv[0] == "make").then(|| Script::new().print("done\n").sleep(hour).exit(2))
/// });
/// let make = executor.run(CommandLine::Auto("make all".to_owned())).await?;
/// assert_eq!((make.exit.exit_code(), &make.stdout[..]), (2, &b"done\n"[..]));
/// assert!(executor.run(CommandLine::Auto("ninja".to_owned())).await.is_err());
/// # Ok::<(), perilune_exec_api::ExecError>(())
/// # }).unwrap();
/// ```
pub struct FakeExecutor {
    scripts: Box<Scripts>,
    shared: Arc<Shared>,
}

type Scripts = dyn Fn(&[String]) -> Option<Script> + Send + Sync;

#[derive(Default)]
pub(crate) struct Shared {
    active: AtomicUsize,
    closed: AtomicBool,
    created: AtomicU64,
    processes: Mutex<Vec<Weak<Inner>>>,
}

impl FakeExecutor {
    /// One that knows the programs that `scripts` has for their words.
    pub fn new(scripts: impl Fn(&[String]) -> Option<Script> + Send + Sync + 'static) -> Self {
        Self { scripts: Box::new(scripts), shared: Arc::default() }
    }
}

#[async_trait]
impl Executor for FakeExecutor {
    fn capabilities(&self) -> ExecCapabilities {
        let mut some = ExecCapabilities::NONE;
        (some.signals, some.stdin_idle) = (true, true);
        some
    }

    fn create(&self, request: ExecRequest) -> Result<Arc<dyn Process>, ExecError> {
        let argv = request.command.resolve(ShellMode::Auto, |_| true)?;
        let script = (self.scripts)(&argv);
        let number = self.shared.created.fetch_add(1, Ordering::Relaxed) + 1;
        let program = argv.into_iter().next().unwrap_or_default();
        let process = FakeProcess::new(ExecId::new(number.into()), program, script, request, self.shared.clone());
        self.shared.list().push(process.weak());
        Ok(Arc::new(process))
    }

    fn active(&self) -> usize {
        self.shared.active.load(Ordering::Acquire)
    }

    async fn shutdown(&self, grace: Duration) {
        self.shared.closed.store(true, Ordering::Release);
        let all: Vec<Arc<Inner>> = self.shared.list().iter().filter_map(Weak::upgrade).collect();
        for process in &all {
            process.stop(Stop::Graceful, Some(grace));
        }
        for process in &all {
            process.ended().await;
        }
    }
}

impl Shared {
    /// One more starts.
    pub(crate) fn enter(&self) -> Result<(), ExecError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(ExecError::Closed);
        }
        self.active.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    /// One has ended.
    pub(crate) fn leave(&self) {
        self.active.fetch_sub(1, Ordering::AcqRel);
        self.list().retain(|process| process.strong_count() > 0);
    }

    fn list(&self) -> std::sync::MutexGuard<'_, Vec<Weak<Inner>>> {
        self.processes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
