use std::sync::Arc;
use std::time::Duration;

use perilune_exec_api::{ExecError, OsSignal};

use super::Inner;

/// Signals and ends a process while others wait for it.
///
/// Works on any thread, without a runtime and while one shuts down. Nothing here waits: what is begun goes on by itself,
/// and [`Child::finished`](super::Child::finished) tells when it is done. Once the process has ended, every call fails
/// with [`ExecError::AlreadyFinished`] and nobody is signalled.
#[derive(Clone, Debug)]
pub struct ChildControl {
    inner: Arc<Inner>,
}

impl ChildControl {
    pub(super) fn new(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    /// Asks for the end by `signal`, to whom the scope says, and sends SIGCONT behind it so that it is seen by who is
    /// suspended. Nobody is forced, however long it takes. The same signal is sent once, whether by this or by
    /// [`stop`](Self::stop).
    pub fn ask(&self, signal: OsSignal) -> Result<(), ExecError> {
        self.inner.ask(signal)
    }

    /// [`ask`](Self::ask), and SIGKILL to the tree once `grace` is over, unless `force` is off. Without any grace that
    /// is at once. What is left when the leader has gone is asked by SIGTERM, and forced at the end of the leftover grace
    /// or of `grace`, whichever comes first. A second call can only bring the end forward.
    pub fn stop(&self, signal: OsSignal, grace: Duration, force: bool) -> Result<(), ExecError> {
        self.inner.stop(signal, grace, force)
    }

    /// SIGKILL to the tree, now.
    pub fn kill(&self) -> Result<(), ExecError> {
        self.inner.kill()
    }

    /// Sends a signal that has nothing to do with the end, to whom the scope says.
    pub fn signal(&self, signal: OsSignal) -> Result<(), ExecError> {
        self.inner.signal(signal)
    }

    /// [`signal`](Self::signal), to the leader alone whatever the scope.
    pub fn signal_leader(&self, signal: OsSignal) -> Result<(), ExecError> {
        self.inner.tree.deliver_to_leader(signal)
    }

    /// Whether the process has ended.
    pub fn has_ended(&self) -> bool {
        self.inner.tree.peek().is_some()
    }
}
