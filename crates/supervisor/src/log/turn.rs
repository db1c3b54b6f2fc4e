use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::LogError;
use super::compress::{Compressor, Job};
use super::event::{LogEvent, QUIET};
use super::file::LogFile;
use super::format::{Formatted, Formatter};
use super::lane::TICK;
use super::writer::{Chunk, Source, Writer};

/// After a failure, how long until writing is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// What the lane knows of a file: what is to be written, and how that went.
pub(super) struct Turn {
    file: LogFile,
    /// Where old files are compressed, if they are, and how many there are.
    compressor: Option<(Arc<Compressor>, Job)>,
    /// Those that write to it, with the form of what they write.
    sources: Vec<(Arc<Source>, Formatter)>,
    pieces: VecDeque<Piece>,
    /// After a failure, when to try again.
    retry_at: Option<Instant>,
    /// When somebody was told of a failure.
    told_at: Option<Instant>,
    checked_at: Instant,
}

/// Bytes as they go into the file.
struct Piece {
    source: Arc<Source>,
    formatted: Formatted,
    /// So much of it is written.
    done: usize,
    /// So much of what came this stands for.
    raw: usize,
    cost: usize,
    at: DateTime<Utc>,
    end: bool,
}

impl Turn {
    pub(super) fn new(file: LogFile, compressor: Option<(Arc<Compressor>, Job)>) -> Self {
        if let Some((compressor, job)) = &compressor {
            // A run before this one may have left some as they were.
            compressor.submit(job.clone(), &[]);
        }
        Self {
            file,
            compressor,
            sources: Vec::new(),
            pieces: VecDeque::new(),
            retry_at: None,
            told_at: None,
            checked_at: Instant::now(),
        }
    }

    pub(super) fn reopen(&mut self, now: DateTime<Utc>) -> Result<(), LogError> {
        self.file.reopen(now)
    }

    /// Takes what came, writes what it can, and says when there is more to do.
    pub(super) fn run(&mut self, writer: &Writer, chunks: VecDeque<Chunk>) -> Option<Instant> {
        let now = Instant::now();
        let is_shared = writer.is_shared();
        for chunk in chunks {
            self.accept(chunk, now, is_shared);
        }
        self.flush(now, (writer.clock)());
        if now.saturating_duration_since(self.checked_at) >= TICK {
            self.checked_at = now;
            if let Err(error) = self.file.check((writer.clock)()) {
                self.fail(writer, &error, now);
            }
        }
        // Whoever waits for the end of a process does not wait for a disk to be emptied.
        let somebody_ends = self.pieces.iter().any(|piece| piece.end);
        if self.retry_at.is_none_or(|at| at <= now) || somebody_ends {
            self.write(writer, now);
        }
        let held = self.sources.iter().filter_map(|(_, formatter)| formatter.deadline()).min();
        [held, self.retry_at].into_iter().flatten().min()
    }

    fn accept(&mut self, chunk: Chunk, now: Instant, is_shared: bool) {
        let Chunk { source, bytes, at, cost, end } = chunk;
        let mut raw = bytes.len();
        let index = match self.sources.iter().position(|(known, _)| Arc::ptr_eq(known, &source)) {
            Some(index) => index,
            None => {
                let Some(formatter) = source.formatter().take() else { return source.release(cost) };
                self.sources.push((Arc::clone(&source), formatter));
                self.sources.len() - 1
            }
        };
        let Some((_, formatter)) = self.sources.get_mut(index) else { return source.release(cost) };
        raw += formatter.kept();
        let mut formatted = formatter.push(bytes, at, now, is_shared);
        if end {
            let rest = formatter.finish();
            if formatted.bytes.is_empty() {
                formatted = rest;
            } else {
                formatted.bytes.extend_from_slice(&rest.bytes);
            }
        }
        raw -= formatter.kept().min(raw);
        self.put(Piece { source, formatted, done: 0, raw, cost, at, end });
    }

    fn flush(&mut self, now: Instant, at: DateTime<Utc>) {
        for index in 0..self.sources.len() {
            let Some((source, formatter)) = self.sources.get_mut(index) else { return };
            if formatter.deadline().is_some_and(|deadline| deadline <= now) {
                let source = Arc::clone(source);
                let raw = formatter.kept();
                let formatted = formatter.flush();
                self.put(Piece { source, formatted, done: 0, raw, cost: 0, at, end: false });
            }
        }
    }

    fn put(&mut self, piece: Piece) {
        if piece.formatted.bytes.is_empty() && !piece.end {
            return piece.source.release(piece.cost);
        }
        if !piece.formatted.bytes.is_empty() {
            for (other, formatter) in &mut self.sources {
                if !Arc::ptr_eq(other, &piece.source) && formatter.is_open() {
                    formatter.interrupted();
                }
            }
        }
        self.pieces.push_back(piece);
    }

    fn write(&mut self, writer: &Writer, now: Instant) {
        while let Some(piece) = self.pieces.front_mut() {
            if piece.done == 0 && piece.formatted.fresh && !piece.formatted.bytes.is_empty() && !self.file.line_start()
            {
                // Behind the beginning of a line that nobody will end.
                piece.formatted.bytes.insert(0, b'\n');
                piece.formatted.fresh = false;
            }
            let rest = piece.formatted.bytes.get(piece.done..).unwrap_or_default();
            let written = self.file.write(rest, piece.at);
            piece.done += written.count;
            if written.rotated > 0 {
                self.rotated(writer, written.rotated);
            }
            if let Some(error) = written.not_rotated {
                self.tell_failure(&error, writer, now);
            }
            if let Some(error) = written.error {
                return self.fail(writer, &error, now);
            }
            if let Some(piece) = self.pieces.pop_front() {
                piece.source.release(piece.cost);
                if piece.end {
                    self.finish(&piece.source, now);
                }
            }
        }
        if self.retry_at.take().is_some() {
            writer.set_failing(false);
            for (source, _) in &self.sources {
                source.reporter.tell_lost(now, true);
            }
        }
    }

    /// Nothing can be written: nobody waits for room any more, and what has ended is lost.
    fn fail(&mut self, writer: &Writer, error: &LogError, now: Instant) {
        self.retry_at = now.checked_add(RETRY);
        writer.set_failing(true);
        self.tell_failure(error, writer, now);
        let ended: Vec<Arc<Source>> =
            self.pieces.iter().filter(|piece| piece.end).map(|piece| Arc::clone(&piece.source)).collect();
        self.pieces.retain(|piece| {
            let stays = !ended.iter().any(|source| Arc::ptr_eq(source, &piece.source));
            if !stays {
                piece.source.reporter.lost(piece.lost());
                piece.source.release(piece.cost);
            }
            stays
        });
        for source in &ended {
            self.finish(source, now);
        }
        for (source, _) in &self.sources {
            source.reporter.tell_lost(now, false);
            source.wake();
        }
    }

    fn finish(&mut self, source: &Arc<Source>, now: Instant) {
        self.sources.retain(|(known, _)| !Arc::ptr_eq(known, source));
        source.reporter.tell_lost(now, true);
        source.finish();
    }

    fn tell_failure(&mut self, error: &LogError, writer: &Writer, now: Instant) {
        if self.told_at.is_some_and(|at| now.saturating_duration_since(at) < QUIET) {
            return;
        }
        self.told_at = Some(now);
        let cause = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
        tracing::warn!(path = %writer.path.display(), error = %cause, "{error}");
        self.tell(&LogEvent::WriteFailed { path: writer.path.clone(), error: cause });
    }

    fn rotated(&mut self, writer: &Writer, times: u32) {
        for _ in 0..times {
            self.tell(&LogEvent::Rotated { path: writer.path.clone() });
        }
        if let Some((compressor, job)) = &self.compressor {
            let reporters: Vec<_> = self.sources.iter().map(|(source, _)| Arc::clone(&source.reporter)).collect();
            compressor.submit(job.clone(), &reporters);
        }
    }

    /// Tells every instance once, whether it has one output here or both.
    fn tell(&self, event: &LogEvent) {
        for (index, (source, _)) in self.sources.iter().enumerate() {
            let is_first =
                !self.sources.iter().take(index).any(|(known, _)| Arc::ptr_eq(&known.reporter, &source.reporter));
            if is_first {
                source.reporter.tell(event.clone());
            }
        }
    }
}

impl Piece {
    /// How much of what came is not in the file.
    fn lost(&self) -> u64 {
        let whole = self.formatted.bytes.len().max(1);
        let rest = whole - self.done.min(whole);
        (self.raw as u64).saturating_mul(rest as u64).div_ceil(whole as u64)
    }
}
