//! What a program writes, as a stream.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use perilune_exec_api::{ByteStream, ExecErrorKind};

use crate::services::{ReadDone, Services, Stream};

/// The output of one program.
pub(super) struct Output {
    bytes: Arc<dyn ByteStream>,
    services: Arc<dyn Services>,
    process: u32,
    ended: Arc<AtomicBool>,
}

impl Output {
    pub(super) fn new(bytes: Arc<dyn ByteStream>, services: Arc<dyn Services>, process: u32) -> Self {
        Self { bytes, services, process, ended: Arc::default() }
    }
}

impl Stream for Output {
    fn read(&self, most: usize, done: ReadDone) {
        let (bytes, ended) = (Arc::clone(&self.bytes), Arc::clone(&self.ended));
        self.services.drive(Box::pin(async move {
            let read = bytes.read(most).await;
            if !matches!(read, Ok(Some(_))) {
                ended.store(true, Ordering::Release);
            }
            done(read.map_err(|error| {
                let kind = match error.kind() {
                    ExecErrorKind::Closed => io::ErrorKind::InvalidInput,
                    _ => io::ErrorKind::Other,
                };
                io::Error::new(kind, error.to_string())
            }));
        }));
    }

    fn close(&self) {
        self.bytes.close();
    }

    /// Whoever reads past the end waits for nothing.
    fn process(&self) -> Option<u32> {
        (!self.ended.load(Ordering::Acquire)).then_some(self.process)
    }
}
