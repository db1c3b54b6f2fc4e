use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use perilune_exec_api::{ByteStream, ExecError};
use tokio::sync::Notify;

/// As much as the pipes of a system hold.
const CAPACITY: usize = 64 << 10;

/// Bytes on their way from one side to the other.
#[derive(Default)]
pub(crate) struct Pipe {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    bytes: VecDeque<u8>,
    /// Nothing more is written.
    ended: bool,
    /// Nothing more is read.
    closed: bool,
    /// Holds however much comes.
    boundless: bool,
    /// What comes is dropped.
    dropping: bool,
    total: u64,
}

/// Nobody reads any more.
pub(crate) struct Broken;

impl Pipe {
    pub(crate) async fn write(&self, bytes: &[u8]) -> Result<(), Broken> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let changed = self.changed.notified();
            let written = {
                let mut state = self.state();
                if state.closed || state.ended {
                    return Err(Broken);
                }
                let room = if state.boundless || state.dropping {
                    rest.len()
                } else {
                    CAPACITY.saturating_sub(state.bytes.len()).min(rest.len())
                };
                if !state.dropping {
                    state.bytes.extend(&rest[..room]);
                }
                state.total += room as u64;
                room
            };
            rest = &rest[written..];
            if written > 0 {
                self.changed.notify_waiters();
            } else {
                changed.await;
            }
        }
        Ok(())
    }

    /// The end, behind everything written.
    pub(crate) fn end(&self) {
        self.state().ended = true;
        self.changed.notify_waiters();
    }

    /// As many bytes as `whole` says of those that are there, as soon as it says any; at the end, what is left.
    pub(crate) async fn take(&self, whole: impl Fn(&VecDeque<u8>) -> usize) -> Result<Option<Vec<u8>>, ExecError> {
        loop {
            let changed = self.changed.notified();
            if let Some(taken) = self.try_take(&whole) {
                return taken;
            }
            changed.await;
        }
    }

    /// Likewise, if that can be told at once.
    fn try_take(&self, whole: impl Fn(&VecDeque<u8>) -> usize) -> Option<Result<Option<Vec<u8>>, ExecError>> {
        let mut state = self.state();
        if state.closed {
            return Some(Err(ExecError::StreamClosed));
        }
        let count = match whole(&state.bytes) {
            0 if state.ended => state.bytes.len(),
            count => count,
        };
        if count == 0 {
            return state.ended.then_some(Ok(None));
        }
        let taken = state.bytes.drain(..count).collect();
        drop(state);
        self.changed.notify_waiters();
        Some(Ok(Some(taken)))
    }

    /// Holds nobody up: what comes is kept if that is wanted, else dropped. With `None` it holds them up again.
    pub(crate) fn relax(&self, wanted: Option<bool>) {
        let mut state = self.state();
        (state.boundless, state.dropping) = (wanted == Some(true), wanted == Some(false));
        drop(state);
        self.changed.notify_waiters();
    }

    /// How much was written and not read; `None` when there is nothing to write to.
    pub(crate) fn pending(&self) -> Option<usize> {
        let state = self.state();
        (!state.ended && !state.closed).then_some(state.bytes.len())
    }

    pub(crate) fn total(&self) -> u64 {
        self.state().total
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl ByteStream for Pipe {
    async fn read(&self, max: usize) -> Result<Option<Vec<u8>>, ExecError> {
        if max == 0 {
            return Err(ExecError::Invalid("a read of nothing".to_owned()));
        }
        self.take(|bytes| bytes.len().min(max)).await
    }

    fn try_read(&self, into: &mut [u8]) -> Option<Result<usize, ExecError>> {
        if into.is_empty() {
            return Some(Err(ExecError::Invalid("a read of nothing".to_owned())));
        }
        let taken = self.try_take(|bytes| bytes.len().min(into.len()))?;
        Some(taken.map(|bytes| {
            let bytes = bytes.unwrap_or_default();
            into[..bytes.len()].copy_from_slice(&bytes);
            bytes.len()
        }))
    }

    fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.bytes.clear();
        drop(state);
        self.changed.notify_waiters();
    }
}
