use async_trait::async_trait;

use crate::error::ExecError;

/// Bytes that a process writes.
///
/// What is not read waits in the stream and, when that is full, holds up the process. The stream outlives its process:
/// what was written before the end can be read after it.
///
/// ```
/// use std::sync::Mutex;
///
/// use async_trait::async_trait;
/// use perilune_exec_api::{ByteStream, ExecError};
///
/// struct Canned(Mutex<Option<Vec<u8>>>);
///
/// #[async_trait]
/// impl ByteStream for Canned {
///     async fn read(&self, max: usize) -> Result<Option<Vec<u8>>, ExecError> {
///         if max == 0 {
///             return Err(ExecError::Invalid("a read of nothing".to_owned()));
///         }
///         let mut rest = self.0.lock().unwrap();
///         let Some(bytes) = rest.as_mut().filter(|bytes| !bytes.is_empty()) else { return Ok(None) };
///         let later = bytes.split_off(bytes.len().min(max));
///         Ok(Some(std::mem::replace(bytes, later)))
///     }
///
///     fn close(&self) {
///         *self.0.lock().unwrap() = None;
///     }
/// }
/// ```
#[async_trait]
pub trait ByteStream: Send + Sync {
    /// The next bytes, between one and `max` of them, as soon as there are any; `None` at the end, every time.
    ///
    /// Dropping the future loses nothing. Among several who read, each byte goes to one of them.
    async fn read(&self, max: usize) -> Result<Option<Vec<u8>>, ExecError>;

    /// The next bytes if they are there, at the beginning of `into`; their number, or zero at the end. `None` when
    /// only [`read`](Self::read) can tell, which is the answer of a stream that has nothing better.
    ///
    /// Waits for nothing and needs no async runtime. It does not know who waits in a `read`, and may overtake them: each
    /// byte still goes to one reader.
    fn try_read(&self, into: &mut [u8]) -> Option<Result<usize, ExecError>> {
        into.is_empty().then(|| Err(ExecError::Invalid("a read of nothing".to_owned())))
    }

    /// Reads no more: the process sees a broken pipe, and so do reads that wait, as [`ExecError::StreamClosed`].
    fn close(&self);
}
