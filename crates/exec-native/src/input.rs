//! What a process reads.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use perilune_exec_api::ExecError;
use rustix::io::Errno;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;

use crate::launch::register;
use crate::race::{First, race};

/// The input of a process. Writes take turns, each writes all or fails.
pub(crate) struct Input {
    pipe: Mutex<Option<Arc<AsyncFd<OwnedFd>>>>,
    turn: tokio::sync::Mutex<()>,
    closed: Notify,
    written: AtomicU64,
}

impl Input {
    pub(crate) fn new() -> Self {
        Self {
            pipe: Mutex::new(None),
            turn: tokio::sync::Mutex::new(()),
            closed: Notify::new(),
            written: AtomicU64::new(0),
        }
    }

    /// Gives it the pipe. Needs a Tokio runtime.
    pub(crate) fn attach(&self, pipe: OwnedFd) -> io::Result<()> {
        let pipe = register(pipe, Interest::WRITABLE)?;
        *self.pipe() = Some(Arc::new(pipe));
        Ok(())
    }

    pub(crate) async fn write(&self, data: &[u8]) -> Result<(), ExecError> {
        let _turn = self.turn.lock().await;
        let mut rest = data;
        while !rest.is_empty() {
            let mut closed = std::pin::pin!(self.closed.notified());
            closed.as_mut().enable();
            let Some(pipe) = self.pipe().clone() else { return Err(ExecError::StdinClosed) };
            let mut guard = match race(closed, pipe.writable()).await {
                First::Left(()) => return Err(ExecError::StdinClosed),
                First::Right(guard) => guard.map_err(failed)?,
            };
            match rustix::io::write(pipe.get_ref(), rest) {
                Ok(count) => {
                    rest = &rest[count..];
                    self.written.fetch_add(count as u64, Ordering::AcqRel);
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => guard.clear_ready(),
                Err(Errno::PIPE) => {
                    self.end();
                    return Err(ExecError::StdinClosed);
                }
                Err(error) => return Err(failed(error.into())),
            }
        }
        Ok(())
    }

    /// Closes it behind everything that is being written.
    pub(crate) async fn close(&self) {
        let _turn = self.turn.lock().await;
        self.end();
    }

    /// Closes it now, and tells those who write.
    pub(crate) fn end(&self) {
        drop(self.pipe().take());
        self.closed.notify_waiters();
    }

    /// How much was written so far, and how much of that the process has not read if the system tells; `None` when it is
    /// closed.
    pub(crate) fn progress(&self) -> Option<(u64, Option<usize>)> {
        let pipe = self.pipe().clone()?;
        // Elsewhere the question is only answered at the end that reads.
        let waiting = cfg!(target_os = "linux").then(|| rustix::io::ioctl_fionread(pipe.get_ref()).unwrap_or(0));
        let waiting = waiting.map(|waiting| usize::try_from(waiting).unwrap_or(usize::MAX));
        Some((self.written.load(Ordering::Acquire), waiting))
    }

    fn pipe(&self) -> MutexGuard<'_, Option<Arc<AsyncFd<OwnedFd>>>> {
        self.pipe.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failed(source: io::Error) -> ExecError {
    ExecError::Backend { operation: "write to stdin", source: source.into() }
}
