use std::sync::Arc;

use perilune_exec_native::{OutputSink, OutputStream};

use crate::log::LogStream;
use crate::process::ProcessSpec;

/// Receives what a process writes, as far as it keeps up. The process is never slowed down.
#[derive(Debug)]
pub struct OutputReceiver(perilune_exec_native::OutputReceiver);

/// A piece of what a process wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutputChunk {
    /// Where it was written to; the standard output, if the spec merges both.
    pub stream: LogStream,
    /// As it was written; neither whole lines nor whole characters.
    pub bytes: Arc<[u8]>,
    /// How many bytes, of either stream, are missing before these.
    pub lost: u64,
}

impl OutputReceiver {
    pub(super) fn new(receiver: perilune_exec_native::OutputReceiver) -> Self {
        Self(receiver)
    }

    /// The next piece; `None` when the run is over and all has been received. A call that is given up loses nothing.
    pub async fn recv(&mut self) -> Option<OutputChunk> {
        self.0.recv().await.map(chunk)
    }

    /// The next piece, if there is one now.
    pub fn try_recv(&mut self) -> Option<OutputChunk> {
        self.0.try_recv().map(chunk)
    }

    /// How many bytes were missed so far.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.0.missed()
    }
}

fn chunk(chunk: perilune_exec_native::OutputChunk) -> OutputChunk {
    let stream = match chunk.stream {
        OutputStream::Stdout => LogStream::Stdout,
        OutputStream::Stderr => LogStream::Stderr,
    };
    OutputChunk { stream, bytes: chunk.bytes, lost: chunk.lost }
}

impl From<LogStream> for OutputStream {
    fn from(stream: LogStream) -> Self {
        match stream {
            LogStream::Stdout => Self::Stdout,
            LogStream::Stderr => Self::Stderr,
        }
    }
}

/// Those who get all of the standard output, and of the standard error output.
pub(crate) type Sinks = (Vec<Box<dyn OutputSink>>, Vec<Box<dyn OutputSink>>);

/// What keeps the output of an instance, as its spec says.
pub(crate) fn sinks(spec: &ProcessSpec, _instance: u32) -> Result<Sinks, String> {
    let log = &spec.log;
    match [&log.out_file, &log.err_file, &log.combined_file].into_iter().flatten().next() {
        None => Ok((Vec::new(), Vec::new())),
        Some(path) => Err(format!("log file `{}` cannot be kept by this runner", path.display())),
    }
}
