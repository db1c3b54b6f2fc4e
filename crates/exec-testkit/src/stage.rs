use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use perilune_exec_api::{
    ByteStream, CommandLine, ExecCapabilities, ExecError, ExecErrorKind, ExecRequest, Executor, ExecutorExt, Process,
};

use crate::harness::Harness;
use crate::program::Program;

/// How long a case may take before it counts as hanging.
const LIMIT: Duration = Duration::from_secs(60);

/// A fresh executor, and what the cases do with it.
pub struct Stage<'a> {
    /// The executor itself.
    pub executor: Arc<dyn Executor>,
    name: &'a str,
    commands: &'a dyn Fn(&Program) -> CommandLine,
}

impl Stage<'_> {
    /// Runs one case in a runtime of its own, and then sees that nothing is left of it.
    pub fn run<H: Harness>(harness: &H, name: &str, case: impl AsyncFnOnce(&Stage<'_>)) {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let tokio = builder.enable_all().start_paused(harness.virtual_time()).build().expect("a Tokio runtime");
        tokio.block_on(async {
            let commands = |program: &Program| harness.command(program);
            let stage = Stage { executor: Arc::new(harness.executor()), name, commands: &commands };
            let result = tokio::time::timeout(LIMIT, case(&stage)).await;
            assert!(result.is_ok(), "{name} hangs");
            let result = tokio::time::timeout(LIMIT, stage.executor.shutdown(Duration::ZERO)).await;
            assert!(result.is_ok(), "the shutdown after {name} hangs");
            assert_eq!(stage.executor.active(), 0, "processes after the shutdown");
        });
    }

    /// Whether the executor can do what the case is about. If not, the case is skipped, and says so.
    pub fn can(&self, what: &str, has: impl Fn(&ExecCapabilities) -> bool) -> bool {
        let can = has(&self.executor.capabilities());
        if !can {
            println!("{}: skipped, the executor is without {what}", self.name);
        }
        can
    }

    /// A request for one of the programs.
    pub fn request(&self, program: &Program) -> ExecRequest {
        ExecRequest::new((self.commands)(program))
    }

    /// That program, not started.
    pub fn create(&self, program: &Program) -> Arc<dyn Process> {
        self.executor.create(self.request(program)).expect("a process")
    }

    /// That program, started.
    pub async fn start(&self, program: &Program) -> Arc<dyn Process> {
        self.start_request(self.request(program)).await
    }

    /// Likewise, from a request.
    pub async fn start_request(&self, request: ExecRequest) -> Arc<dyn Process> {
        self.executor.start(request).await.expect("a process that runs")
    }
}

/// Everything up to the end of a stream.
pub(crate) async fn read_all(stream: &dyn ByteStream) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(chunk) = stream.read(64 << 10).await.expect("output") {
        assert!(!chunk.is_empty(), "an empty chunk that is not the end");
        all.extend(chunk);
    }
    all
}

/// The kind of the error that there must be.
pub(crate) fn kind<T>(result: Result<T, ExecError>) -> ExecErrorKind {
    match result {
        Ok(_) => panic!("must fail"),
        Err(error) => error.kind(),
    }
}

/// Does something beside the case.
pub(crate) fn beside<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> tokio::task::JoinHandle<T> {
    tokio::spawn(task)
}
