//! An executor in front of another keeps the contract without knowing much of it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use perilune_exec_api::{ExecCapabilities, ExecError, ExecRequest, Executor, Process};
use perilune_exec_native::NativeExecutor;

/// Tells each process who asked for it.
struct Attributed<E>(E);

#[async_trait]
impl<E: Executor> Executor for Attributed<E> {
    fn capabilities(&self) -> ExecCapabilities {
        self.0.capabilities()
    }

    fn create(&self, mut request: ExecRequest) -> Result<Arc<dyn Process>, ExecError> {
        request.env.insert("ASKED_BY".to_owned(), "a test".to_owned());
        self.0.create(request)
    }

    fn active(&self) -> usize {
        self.0.active()
    }

    async fn shutdown(&self, grace: Duration) {
        self.0.shutdown(grace).await;
    }
}

struct Wrapped;

impl perilune_exec_testkit::Harness for Wrapped {
    type Executor = Attributed<NativeExecutor>;

    fn executor(&self) -> Attributed<NativeExecutor> {
        Attributed(NativeExecutor::new())
    }
}

perilune_exec_testkit::conformance!(Wrapped);
