use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::{Notify, watch};

use super::event::Reporter;
use super::format::Formatter;
use super::lane::Lane;
use super::turn::Turn;
use super::{Clock, LogError};
use crate::process::ProcessId;

/// Small chunks are joined up to this, if they came within a moment.
const JOINED: usize = 64 << 10;
const MOMENT: TimeDelta = TimeDelta::milliseconds(1);

/// What a chunk takes in memory beside its bytes, at most.
const CHUNK: usize = 128;

/// One log file and all that is to be written to it. Everybody with the same path has the same one.
pub(super) struct Writer {
    pub(super) path: PathBuf,
    pub(super) owner: ProcessId,
    pub(super) clock: Clock,
    lane: Arc<Lane>,
    inbox: Mutex<Inbox>,
    /// Held while the disk works; only the lane waits for it.
    turn: Mutex<Turn>,
    /// Whether nothing can be written. Then nobody waits for room.
    failing: AtomicBool,
    /// How many write to it.
    open: AtomicUsize,
    /// How often somebody wanted it opened again, and how often that was done, with what came of it.
    reopen_asked: AtomicU64,
    reopen_done: watch::Sender<(u64, Option<Arc<LogError>>)>,
}

#[derive(Default)]
struct Inbox {
    chunks: VecDeque<Chunk>,
    /// Whether the lane knows.
    is_scheduled: bool,
}

/// What came at one moment from one output.
pub(super) struct Chunk {
    pub(super) source: Arc<Source>,
    pub(super) bytes: Vec<u8>,
    pub(super) at: DateTime<Utc>,
    /// How much of what may be queued this takes.
    pub(super) cost: usize,
    /// Whether it is the last.
    pub(super) end: bool,
}

impl Writer {
    pub(super) fn new(path: PathBuf, owner: ProcessId, clock: Clock, lane: Arc<Lane>, turn: Turn) -> Self {
        Self {
            path,
            owner,
            clock,
            lane,
            inbox: Mutex::default(),
            turn: Mutex::new(turn),
            failing: AtomicBool::new(false),
            open: AtomicUsize::new(0),
            reopen_asked: AtomicU64::new(0),
            reopen_done: watch::channel((0, None)).0,
        }
    }

    /// Writes what is there, as far as that goes. When there is something to do later, returns when.
    pub(super) fn turn(&self) -> Option<Instant> {
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = self.reopen_asked.load(Ordering::Acquire);
        if asked > self.reopen_done.borrow().0 {
            let error = turn.reopen((self.clock)()).err().map(Arc::new);
            self.reopen_done.send_replace((asked, error));
        }
        let chunks = {
            let mut inbox = self.inbox();
            inbox.is_scheduled = false;
            std::mem::take(&mut inbox.chunks)
        };
        turn.run(self, chunks)
    }

    /// Opens the file again, and returns when that is done.
    pub(super) async fn reopen(self: &Arc<Self>) -> Result<(), Arc<LogError>> {
        let mine = self.reopen_asked.fetch_add(1, Ordering::AcqRel).wrapping_add(1);
        let mut done = self.reopen_done.subscribe();
        self.lane.submit(Arc::clone(self));
        match done.wait_for(|(done, _)| *done >= mine).await {
            Ok(state) => state.1.clone().map_or(Ok(()), Err),
            // The sender is in this very value.
            Err(_) => Ok(()),
        }
    }

    /// Takes a place among those that write to it.
    pub(super) fn claim(self: &Arc<Self>) -> Claim {
        self.open.fetch_add(1, Ordering::AcqRel);
        Claim { writer: Arc::clone(self) }
    }

    /// Whether nobody writes to it, nor is about to.
    pub(super) fn is_unused(&self) -> bool {
        self.open.load(Ordering::Acquire) == 0
    }

    pub(super) fn is_shared(&self) -> bool {
        self.open.load(Ordering::Acquire) > 1
    }

    pub(super) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Acquire)
    }

    pub(super) fn set_failing(&self, failing: bool) {
        self.failing.store(failing, Ordering::Release);
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(self: &Arc<Self>, source: &Arc<Source>, bytes: &[u8], at: DateTime<Utc>, end: bool) {
        let mut inbox = self.inbox();
        let can_join = |last: &&mut Chunk| {
            let passed = at.signed_duration_since(last.at);
            Arc::ptr_eq(&last.source, source)
                && (TimeDelta::zero()..MOMENT).contains(&passed)
                && last.bytes.len().saturating_add(bytes.len()) <= JOINED
        };
        let cost = match inbox.chunks.back_mut().filter(can_join) {
            Some(last) => {
                last.bytes.extend_from_slice(bytes);
                last.end |= end;
                last.cost += bytes.len();
                bytes.len()
            }
            None => {
                let cost = bytes.len().saturating_add(CHUNK);
                inbox.chunks.push_back(Chunk { source: Arc::clone(source), bytes: bytes.to_vec(), at, cost, end });
                cost
            }
        };
        source.queued.fetch_add(cost, Ordering::AcqRel);
        if !std::mem::replace(&mut inbox.is_scheduled, true) {
            drop(inbox);
            self.lane.submit(Arc::clone(self));
        }
    }
}

/// A place among those that write to a file, given back when it is dropped.
pub(super) struct Claim {
    pub(super) writer: Arc<Writer>,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.writer.open.fetch_sub(1, Ordering::AcqRel);
    }
}

/// One output on its way to one file.
pub(super) struct Source {
    pub(super) writer: Arc<Writer>,
    /// Until the end was written.
    claim: Mutex<Option<Claim>>,
    pub(super) reporter: Arc<Reporter>,
    /// What has come and is not written.
    queued: AtomicUsize,
    limit: usize,
    room: Notify,
    /// Whether the end was written.
    ended: watch::Sender<bool>,
    formatter: Mutex<Option<Formatter>>,
}

impl Source {
    pub(super) fn new(claim: Claim, reporter: &Arc<Reporter>, formatter: Formatter, limit: usize) -> Self {
        Self {
            writer: Arc::clone(&claim.writer),
            claim: Mutex::new(Some(claim)),
            reporter: Arc::clone(reporter),
            queued: AtomicUsize::new(0),
            limit,
            room: Notify::new(),
            ended: watch::channel(false).0,
            formatter: Mutex::new(Some(formatter)),
        }
    }

    /// Queues bytes, when there is room for them. While the file cannot be written and there is no room, they are lost.
    ///
    /// Cancelled, it has queued nothing.
    pub(super) async fn push(self: &Arc<Self>, bytes: &[u8], at: DateTime<Utc>) {
        loop {
            let queued = self.queued.load(Ordering::Acquire);
            if queued == 0 || queued.saturating_add(bytes.len()).saturating_add(CHUNK) <= self.limit {
                return self.writer.put(self, bytes, at, false);
            }
            if self.writer.is_failing() {
                return self.reporter.lost(bytes.len() as u64);
            }
            self.room.notified().await;
        }
    }

    /// Queues the last bytes, whether there is room or not.
    pub(super) fn close(self: &Arc<Self>, bytes: &[u8], at: DateTime<Utc>) {
        self.writer.put(self, bytes, at, true);
    }

    /// Returns when everything is written or lost.
    pub(super) async fn ended(&self) {
        // The sender is in this very value.
        let _ = self.ended.subscribe().wait_for(|ended| *ended).await;
    }

    /// For the lane: takes over what is known of the form.
    pub(super) fn formatter(&self) -> MutexGuard<'_, Option<Formatter>> {
        self.formatter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For the lane: so much is not queued any more.
    pub(super) fn release(&self, cost: usize) {
        self.queued.fetch_sub(cost, Ordering::AcqRel);
        self.wake();
    }

    pub(super) fn wake(&self) {
        self.room.notify_one();
    }

    /// For the lane: that was all.
    pub(super) fn finish(&self) {
        drop(self.claim.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.ended.send_replace(true);
    }

    #[cfg(test)]
    pub(super) fn queued(&self) -> usize {
        self.queued.load(Ordering::Acquire)
    }
}
