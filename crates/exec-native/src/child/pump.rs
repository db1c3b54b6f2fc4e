//! The task that reads one pipe to its end.

use std::io;
use std::os::fd::OwnedFd;

use async_trait::async_trait;
use rustix::buffer::spare_capacity;
use rustix::io::Errno;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::watch;

use super::output::{ChildOutput, OutputStream};
use crate::launch::register;
use crate::race::{First, race};

/// As much as is read at once.
const CHUNK: usize = 64 << 10;

/// Gets everything that a process writes to one of its outputs, in order and without gaps.
///
/// While it writes, nothing more is read: a slow one slows the process down, and one that never comes back keeps it, and
/// those who wait for the end of its output. What goes wrong is for the sink itself to deal with.
///
/// When the runtime shuts down, a sink is dropped without being told of the end.
#[async_trait]
pub trait OutputSink: Send {
    /// Takes the next bytes, which need not be whole lines.
    async fn write(&mut self, bytes: &[u8]);

    /// There is no more. Whoever waits for the end of the process waits for this, too.
    async fn end(&mut self) {}
}

/// Reads one pipe, and gives what comes to all that want it.
pub(super) struct Pump {
    pipe: AsyncFd<OwnedFd>,
    stream: OutputStream,
    sinks: Vec<Box<dyn OutputSink>>,
    output: ChildOutput,
    /// True when nobody wants to wait for more.
    cut: watch::Receiver<bool>,
    was_cut: bool,
}

impl Pump {
    pub(super) fn new(
        pipe: OwnedFd,
        stream: OutputStream,
        sinks: Vec<Box<dyn OutputSink>>,
        output: &ChildOutput,
        cut: &watch::Receiver<bool>,
    ) -> io::Result<Self> {
        let pipe = register(pipe, Interest::READABLE)?;
        output.opened();
        Ok(Self { pipe, stream, sinks, output: output.clone(), cut: cut.clone(), was_cut: false })
    }

    pub(super) async fn run(mut self) {
        let mut cut = self.cut.clone();
        // Nothing is held while nothing comes.
        let mut buffer = Vec::new();
        while !*cut.borrow() {
            let got = match race(cut.wait_for(|cut| *cut), self.pipe.readable()).await {
                // Without a sender the runtime is shutting down.
                First::Left(_) => break,
                First::Right(Err(error)) => Err(error),
                First::Right(Ok(mut guard)) => match read(&self.pipe, &mut buffer) {
                    Err(Errno::AGAIN) => {
                        guard.clear_ready();
                        buffer = Vec::new();
                        continue;
                    }
                    other => other.map_err(io::Error::from),
                },
            };
            match got {
                Ok(0) => return self.end().await,
                Ok(_) => self.give(&mut buffer).await,
                Err(error) => {
                    tracing::error!(%error, "the output of a process cannot be read");
                    break;
                }
            }
            tokio::task::consume_budget().await;
        }
        self.rest(&mut buffer).await;
        self.end().await;
    }

    /// Gives away what is in the pipe at this moment, and not much more, however fast that is written.
    async fn rest(&mut self, buffer: &mut Vec<u8>) {
        let waiting = rustix::io::ioctl_fionread(self.pipe.get_ref()).unwrap_or(0);
        let mut waiting = usize::try_from(waiting).unwrap_or(usize::MAX);
        self.was_cut = true;
        while waiting > 0 {
            match read(&self.pipe, buffer) {
                Ok(count @ 1..) => waiting = waiting.saturating_sub(count),
                Ok(0) | Err(_) => return,
            }
            self.give(buffer).await;
        }
    }

    async fn give(&mut self, buffer: &mut Vec<u8>) {
        self.output.push(self.stream, buffer);
        for sink in &mut self.sinks {
            sink.write(buffer).await;
        }
        buffer.clear();
    }

    async fn end(&mut self) {
        for sink in &mut self.sinks {
            sink.end().await;
        }
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        // Those who wait for the end find the sinks gone.
        self.sinks.clear();
        self.output.closed(self.was_cut);
    }
}

fn read(pipe: &AsyncFd<OwnedFd>, buffer: &mut Vec<u8>) -> Result<usize, Errno> {
    buffer.clear();
    buffer.reserve_exact(CHUNK);
    loop {
        match rustix::io::read(pipe.get_ref(), spare_capacity(buffer)) {
            Err(Errno::INTR) => {}
            other => return other,
        }
    }
}
