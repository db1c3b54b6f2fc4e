use std::sync::Arc;

use perilune_exec_native::{OutputSink, OutputStream};

use crate::log::{self, LogError, LogStream, OutputOptions};
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

/// What keeps the output of an instance, as its spec says. Fails if a file cannot be opened. Blocks as long as disks do.
pub(crate) fn sinks(spec: &ProcessSpec, instance: u32) -> Result<Sinks, LogError> {
    let log = &spec.log;
    if log.out_file.is_none() && log.err_file.is_none() && log.combined_file.is_none() {
        return Ok((Vec::new(), Vec::new()));
    }
    let outputs = log::open(spec, instance, OutputOptions::default())?;
    let stdout: Box<dyn OutputSink> = Box::new(outputs.stdout);
    let stderr = outputs.stderr.map(|writer| Box::new(writer) as Box<dyn OutputSink>);
    Ok((vec![stdout], stderr.into_iter().collect()))
}
