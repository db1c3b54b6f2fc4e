//! The reading end of a pipe.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::io::Errno;
use tokio::io::Interest;
use tokio::io::unix::{AsyncFd, AsyncFdReadyGuard};

use crate::launch::register_shared;

/// After so many reads in a row that found something, nobody has to be told any more when there is something.
const UNWATCHED_AFTER: u32 = 4;

/// How long to wait where the system cannot tell when there is something.
const PAUSE: Duration = Duration::from_millis(20);

/// A pipe, watched by the async runtime only while that is of use: a pipe that is watched wakes a thread at every write,
/// which takes the processor from those who write and read.
pub(crate) struct Pipe {
    fd: Arc<OwnedFd>,
    watch: Option<Arc<Watch>>,
    /// The system could not watch it.
    refused: bool,
    /// Reads in a row, none of which had to wait.
    found: u32,
}

pub(crate) type Watch = AsyncFd<Arc<OwnedFd>>;

/// What came of an attempt to read.
pub(crate) enum Attempt {
    /// That many bytes.
    Bytes(usize),
    End,
    /// There is nothing now.
    Later,
    Failed(io::Error),
}

/// The way to wait until there may be something to read.
pub(crate) enum Readable {
    /// Whoever tries will know.
    Unknown,
    Watched(Arc<Watch>),
    /// The system has no room for one more that is watched: it is looked at now and then.
    Unwatchable,
}

/// There may be something; the runtime said so if it is watched.
pub(crate) struct Ready<'a>(Option<AsyncFdReadyGuard<'a, Arc<OwnedFd>>>);

impl Readable {
    pub(crate) async fn wait(&self) -> io::Result<Ready<'_>> {
        match self {
            Self::Unknown => Ok(Ready(None)),
            Self::Watched(watch) => watch.readable().await.map(|guard| Ready(Some(guard))),
            Self::Unwatchable => {
                tokio::time::sleep(PAUSE).await;
                Ok(Ready(None))
            }
        }
    }
}

impl Pipe {
    pub(crate) fn new(fd: OwnedFd) -> Self {
        Self { fd: Arc::new(fd), watch: None, refused: false, found: 0 }
    }

    /// How many bytes are in it.
    pub(crate) fn waiting(&self) -> u64 {
        rustix::io::ioctl_fionread(&self.fd).unwrap_or(0)
    }

    /// Reads what is there. Needs no async runtime.
    pub(crate) fn read_now(&mut self, into: &mut [u8]) -> Attempt {
        let attempt = attempt(|| rustix::io::read(&self.fd, &mut *into));
        if let Attempt::Bytes(_) = attempt {
            self.found = self.found.saturating_add(1);
        }
        // Not while somebody waits: a pipe cannot be watched twice.
        if self.found >= UNWATCHED_AFTER && self.watch.as_ref().is_some_and(|watch| Arc::strong_count(watch) == 1) {
            self.watch = None;
        }
        attempt
    }

    pub(crate) fn readable(&self) -> Readable {
        match &self.watch {
            Some(watch) => Readable::Watched(watch.clone()),
            None if self.refused => Readable::Unwatchable,
            None => Readable::Unknown,
        }
    }

    /// Appends to `bytes` what is there, as far as they have room. When there is nothing it is watched from then on, by
    /// the Tokio runtime around the call.
    pub(crate) fn read(&mut self, bytes: &mut Vec<u8>, ready: Ready<'_>) -> Attempt {
        self.found = 0;
        let attempt = attempt(|| rustix::io::read(&self.fd, spare_capacity(bytes)));
        if let Attempt::Later = attempt {
            match ready {
                Ready(Some(mut guard)) => guard.clear_ready(),
                Ready(None) if self.watch.is_none() => {
                    self.watch = register_shared(self.fd.clone(), Interest::READABLE).map(Arc::new).ok();
                    self.refused = self.watch.is_none();
                }
                Ready(None) => {}
            }
        }
        attempt
    }
}

fn attempt(mut read: impl FnMut() -> rustix::io::Result<usize>) -> Attempt {
    loop {
        return match read() {
            Ok(0) => Attempt::End,
            Ok(count) => Attempt::Bytes(count),
            Err(Errno::AGAIN) => Attempt::Later,
            Err(Errno::INTR) => continue,
            Err(error) => Attempt::Failed(error.into()),
        };
    }
}
