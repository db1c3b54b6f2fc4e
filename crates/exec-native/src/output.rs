//! What a process writes.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use perilune_exec_api::{ByteStream, ExecError};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::race::{First, race};
use crate::ring::TailRing;
use crate::source::{Attempt, Pipe, Readable};

/// As much as a pipe holds, so one read empties it.
const CHUNK: usize = 64 << 10;

/// Who has read, and has not for so long, counts as somebody who does not read.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who has just read is about to read again, and goes first.
const TURN: Duration = Duration::from_millis(5);

/// How much is kept of what nobody reads while somebody waits for the end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keep {
    /// The newest, of a stream that nobody took.
    pub(crate) tail: usize,
    /// The oldest, of one that somebody took.
    pub(crate) unread: usize,
}

/// One of the output streams of a process. Nobody reads it before somebody wants it read: the pipe holds what comes, and
/// then the process.
pub(crate) struct Output {
    state: Mutex<State>,
    keep: Keep,
    /// The state is another, or somebody has stopped reading.
    changed: Notify,
    /// Reads under way. What takes output away unread lets them go first.
    readers: AtomicUsize,
    drains: AtomicUsize,
}

struct State {
    source: Source,
    taken: bool,
    /// Read and not yet asked for, oldest first.
    kept: VecDeque<Vec<u8>>,
    kept_bytes: usize,
    tail: TailRing,
    /// Missing behind `kept`.
    lost: u64,
    /// Missing before `kept`.
    lost_before: u64,
    total: u64,
    last_read: Option<Instant>,
    /// Nothing that comes from now on belongs to the process.
    no_more: bool,
}

enum Source {
    NotYet,
    Open(Pipe),
    End,
    Closed,
}

impl Output {
    pub(crate) fn new(keep: Keep) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                source: Source::NotYet,
                taken: false,
                kept: VecDeque::new(),
                kept_bytes: 0,
                tail: TailRing::new(keep.tail),
                lost: 0,
                lost_before: 0,
                total: 0,
                last_read: None,
                no_more: false,
            }),
            keep,
            changed: Notify::new(),
            readers: AtomicUsize::new(0),
            drains: AtomicUsize::new(0),
        })
    }

    /// Gives it the pipe.
    pub(crate) fn attach(&self, pipe: OwnedFd) {
        let mut state = self.state();
        if matches!(state.source, Source::NotYet) {
            state.source = Source::Open(Pipe::new(pipe));
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Somebody has it now. What was dropped before that is missing at its beginning.
    pub(crate) fn take(&self) {
        let mut state = self.state();
        if !state.taken {
            state.taken = true;
            let tail = std::mem::replace(&mut state.tail, TailRing::new(0));
            state.lost_before = tail.dropped();
            let bytes = tail.to_vec();
            if !bytes.is_empty() {
                state.kept_bytes = bytes.len();
                state.kept.push_back(bytes);
            }
        }
    }

    pub(crate) fn is_taken(&self) -> bool {
        self.state().taken
    }

    /// There is nothing to read, and there never will be.
    pub(crate) fn end(&self) {
        let mut state = self.state();
        if !matches!(state.source, Source::Closed) {
            state.source = Source::End;
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// What is in the pipe now is the last of it.
    pub(crate) fn no_more(&self) {
        self.state().no_more = true;
        self.changed.notify_waiters();
    }

    /// How much came so far, read or not.
    pub(crate) fn seen(&self) -> u64 {
        let state = self.state();
        let waiting = match &state.source {
            Source::Open(pipe) => pipe.waiting(),
            _ => 0,
        };
        state.total + waiting
    }

    /// Waits until there is nothing in the pipe any more and nobody who could write to it.
    pub(crate) async fn ended(&self) {
        loop {
            let changed = self.changed.notified();
            if !matches!(self.state().source, Source::NotYet | Source::Open(_)) {
                return;
            }
            changed.await;
        }
    }

    /// Reads to the end, keeps what it may and drops the rest.
    pub(crate) async fn drain(&self) {
        let _here = Count::new(&self.drains, None);
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            let (readable, no_more, patience) = {
                let state = self.state();
                let readable = match &state.source {
                    Source::Open(pipe) => Some(state.readable(pipe)),
                    Source::NotYet => None,
                    Source::End | Source::Closed => return,
                };
                (readable, state.no_more, state.patience(self.keep.unread))
            };
            if let Some(until) = patience {
                race(changed, tokio::time::sleep_until(until)).await;
                continue;
            }
            let busy = self.readers.load(Ordering::Acquire) > 0;
            let Some(readable) = readable.filter(|_| !busy) else {
                changed.await;
                continue;
            };
            let ready = match race(changed, readable.wait()).await {
                First::Left(()) => continue,
                First::Right(Err(_)) => return self.end(),
                First::Right(Ok(ready)) => ready,
            };
            let turn = self.state().turn();
            if let Some(until) = turn {
                tokio::time::sleep_until(until).await;
                continue;
            }
            let mut state = self.state();
            let Source::Open(pipe) = &mut state.source else { continue };
            let mut bytes = Vec::with_capacity(CHUNK);
            match pipe.read(&mut bytes, ready) {
                Attempt::Bytes(_) => {
                    state.keep(fitted(bytes), self.keep.unread);
                    drop(state);
                    self.changed.notify_waiters();
                }
                Attempt::Later if !no_more => {}
                Attempt::Later | Attempt::End | Attempt::Failed(_) => {
                    state.source = Source::End;
                    drop(state);
                    return self.changed.notify_waiters();
                }
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl ByteStream for Output {
    async fn read(&self, max: usize) -> Result<Option<Vec<u8>>, ExecError> {
        if max == 0 {
            return Err(ExecError::Invalid("a read of nothing".to_owned()));
        }
        let _here = Count::new(&self.readers, Some(self));
        self.state().last_read = Some(Instant::now());
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            let (readable, no_more) = {
                let mut state = self.state();
                if let Some(bytes) = state.next(max)? {
                    return Ok(Some(bytes));
                }
                match &state.source {
                    Source::Open(pipe) => (Some(state.readable(pipe)), state.no_more),
                    Source::NotYet => (None, false),
                    Source::End => return Ok(None),
                    Source::Closed => return Err(ExecError::StreamClosed),
                }
            };
            let Some(readable) = readable else {
                changed.await;
                continue;
            };
            // The pipe first: it is ready far more often than anything else happens.
            let ready = match race(readable.wait(), changed).await {
                First::Right(()) => continue,
                First::Left(ready) => ready.map_err(failed)?,
            };
            let mut state = self.state();
            // Somebody may have put something aside, which comes first, or closed it.
            if !state.kept.is_empty() || state.lost > 0 {
                continue;
            }
            let Source::Open(pipe) = &mut state.source else { continue };
            let mut bytes = Vec::with_capacity(max.min(CHUNK));
            match pipe.read(&mut bytes, ready) {
                Attempt::Bytes(count) => {
                    state.total += count as u64;
                    return Ok(Some(fitted(bytes)));
                }
                Attempt::Later if !no_more => {}
                Attempt::Later | Attempt::End => {
                    state.source = Source::End;
                    drop(state);
                    self.changed.notify_waiters();
                    return Ok(None);
                }
                Attempt::Failed(error) => return Err(failed(error)),
            }
        }
    }

    fn try_read(&self, into: &mut [u8]) -> Option<Result<usize, ExecError>> {
        if into.is_empty() {
            return Some(Err(ExecError::Invalid("a read of nothing".to_owned())));
        }
        let mut state = self.state();
        state.last_read = Some(Instant::now());
        match state.next(into.len()) {
            Ok(None) => {}
            Ok(Some(bytes)) => {
                into[..bytes.len()].copy_from_slice(&bytes);
                return Some(Ok(bytes.len()));
            }
            Err(error) => return Some(Err(error)),
        }
        let attempt = match &mut state.source {
            Source::Open(pipe) => pipe.read_now(into),
            Source::NotYet => return None,
            Source::End => Attempt::End,
            Source::Closed => return Some(Err(ExecError::StreamClosed)),
        };
        match attempt {
            Attempt::Bytes(count) => {
                state.total += count as u64;
                Some(Ok(count))
            }
            Attempt::Later if !state.no_more => None,
            Attempt::Later | Attempt::End => {
                state.source = Source::End;
                drop(state);
                self.changed.notify_waiters();
                Some(Ok(0))
            }
            Attempt::Failed(error) => Some(Err(failed(error))),
        }
    }

    fn close(&self) {
        let mut state = self.state();
        state.source = Source::Closed;
        state.kept.clear();
        (state.kept_bytes, state.lost, state.lost_before) = (0, 0, 0);
        drop(state);
        self.changed.notify_waiters();
    }
}

impl State {
    /// How to wait for more. Once nothing is waited for any more, whoever tries knows.
    fn readable(&self, pipe: &Pipe) -> Readable {
        if self.no_more { Readable::Unknown } else { pipe.readable() }
    }

    /// The next bytes that were put aside.
    fn next(&mut self, max: usize) -> Result<Option<Vec<u8>>, ExecError> {
        if self.lost_before > 0 {
            return Err(ExecError::OutputLost { bytes: std::mem::take(&mut self.lost_before) });
        }
        let Some(mut first) = self.kept.pop_front() else {
            if self.lost > 0 {
                return Err(ExecError::OutputLost { bytes: std::mem::take(&mut self.lost) });
            }
            return Ok(None);
        };
        if first.len() > max {
            let rest = first.split_off(max);
            self.kept.push_front(rest);
        }
        self.kept_bytes -= first.len();
        Ok(Some(first))
    }

    /// Until when somebody who reads slowly is waited for, because there is no room for more.
    fn patience(&self, limit: usize) -> Option<Instant> {
        let until = self.last_read.filter(|_| self.kept_bytes + CHUNK > limit)? + PATIENCE;
        (until > Instant::now()).then_some(until)
    }

    /// Until when what is there is left to somebody who has just read. The end need not be left to anybody.
    fn turn(&self) -> Option<Instant> {
        let until = self.last_read? + TURN;
        let Source::Open(pipe) = &self.source else { return None };
        (until > Instant::now() && pipe.waiting() > 0).then_some(until)
    }

    fn keep(&mut self, mut bytes: Vec<u8>, limit: usize) {
        self.total += bytes.len() as u64;
        if !self.taken {
            return self.tail.push(&bytes);
        }
        // After a gap nothing is kept until somebody has been told of it.
        let room = if self.lost > 0 { 0 } else { limit.saturating_sub(self.kept_bytes) };
        self.lost += bytes.len().saturating_sub(room) as u64;
        bytes.truncate(room);
        if !bytes.is_empty() {
            self.kept_bytes += bytes.len();
            self.kept.push_back(bytes);
        }
    }
}

/// Without most of the room that was not used: a short piece may lie around for long.
fn fitted(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.len() < bytes.capacity() / 2 {
        bytes.shrink_to_fit();
    }
    bytes
}

fn failed(source: io::Error) -> ExecError {
    ExecError::Backend { operation: "read the output", source: source.into() }
}

/// Counts something while it lives.
struct Count<'a>(&'a AtomicUsize, Option<&'a Output>);

impl<'a> Count<'a> {
    fn new(count: &'a AtomicUsize, tell: Option<&'a Output>) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(count, tell)
    }
}

impl Drop for Count<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
        if let Some(output) = self.1
            && output.drains.load(Ordering::Acquire) > 0
        {
            output.changed.notify_waiters();
        }
    }
}
