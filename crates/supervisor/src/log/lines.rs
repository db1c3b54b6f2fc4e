use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use chrono::{DateTime, Utc};
use regex::Regex;
use tokio::sync::{Notify, oneshot};

use super::split::Splitter;
use super::tail::Tail;
use super::{LogLine, LogQuery, LogReceiver, LogStream};

/// So much waits for a receiver that is slow.
const WAITING: usize = 256 << 10;

/// What a line takes in memory beside its text.
const LINE: usize = 128;

/// What an instance writes, for those who want to look: the end of it, and lines as they come.
///
/// Everything is redacted as in the files. Nobody who looks ever slows the process down. Clones are the same.
#[derive(Debug, Clone)]
pub struct OutputLines {
    state: Arc<Mutex<State>>,
}

/// What a receiver gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// A line.
    Line(Arc<LogLine>),
    /// The receiver was too slow: before the next line so many bytes are missing.
    Lost(u64),
    /// All outputs of a run have ended. There may be another run.
    Ended,
}

#[derive(Debug)]
struct State {
    name: String,
    instance: u32,
    longest_line: usize,
    stdout: Stream,
    stderr: Stream,
    receivers: Vec<Weak<Queue>>,
    matchers: Vec<Matcher>,
}

#[derive(Debug)]
struct Stream {
    tail: Tail,
    /// Where in the tail the newest run began.
    run: u64,
    /// Only while somebody wants lines.
    splitter: Option<Splitter>,
    /// Whether somebody writes.
    is_open: bool,
}

#[derive(Debug)]
struct Matcher {
    regex: Regex,
    found: oneshot::Sender<()>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    items: VecDeque<Received>,
    size: usize,
    lost: u64,
    is_closed: bool,
}

impl OutputLines {
    pub(crate) fn new() -> Self {
        let stream = || Stream { tail: Tail::new(0), run: 0, splitter: None, is_open: false };
        let state = State {
            name: String::new(),
            instance: 0,
            longest_line: 1,
            stdout: stream(),
            stderr: stream(),
            receivers: Vec::new(),
            matchers: Vec::new(),
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// A run begins.
    pub(super) fn begin(&self, name: &str, instance: u32, tail: usize, longest_line: usize, streams: &[LogStream]) {
        let mut state = self.lock();
        name.clone_into(&mut state.name);
        state.instance = instance;
        state.longest_line = longest_line;
        let listened = state.is_listened();
        for which in [LogStream::Stdout, LogStream::Stderr] {
            let stream = state.stream(which);
            stream.tail.resize(tail);
            stream.run = stream.tail.end();
            stream.is_open = streams.contains(&which);
            stream.splitter = listened.then(|| Splitter::new(longest_line, b""));
        }
    }

    /// The last lines of this run, both outputs together, oldest first; the last may be unfinished.
    #[must_use]
    pub fn tail(&self, count: usize) -> Vec<LogLine> {
        self.lock().kept(count, true, true)
    }

    /// Lines from now on. The first may lack its beginning, if that is not kept any more.
    #[must_use]
    pub fn subscribe(&self) -> LineReceiver {
        self.lock().subscribe()
    }

    /// Lines that are kept, of former runs too, and if wanted those from now on, without a gap between.
    #[must_use]
    pub fn query(&self, query: LogQuery) -> LogReceiver {
        let mut state = self.lock();
        let kept = state.kept(query.tail, !query.follow, false).into_iter().map(Arc::new).collect();
        LogReceiver { kept, live: query.follow.then(|| state.subscribe()) }
    }

    /// Waits for a line of this run that matches. Every line from now on is looked at, however many there are.
    #[must_use]
    pub fn matching(&self, regex: Regex) -> LineMatch {
        let (found, receiver) = oneshot::channel();
        let mut state = self.lock();
        state.listen();
        state.matchers.push(Matcher { regex, found });
        LineMatch { receiver }
    }

    pub(super) fn push(&self, stream: LogStream, bytes: &[u8], at: DateTime<Utc>) {
        if bytes.is_empty() {
            return;
        }
        let mut state = self.lock();
        state.stream(stream).tail.push(bytes, at);
        state.forget();
        if let Some(mut splitter) = state.stream(stream).splitter.take() {
            splitter.push(bytes, |line| state.line(stream, line, at));
            state.stream(stream).splitter = Some(splitter);
        }
    }

    pub(super) fn end(&self, stream: LogStream, at: DateTime<Utc>) {
        let mut state = self.lock();
        if let Some(mut splitter) = state.stream(stream).splitter.take() {
            splitter.finish(|line| state.line(stream, line, at));
        }
        state.stream(stream).is_open = false;
        if !state.stdout.is_open && !state.stderr.is_open {
            state.matchers.clear();
            for receiver in state.receivers.iter().filter_map(Weak::upgrade) {
                receiver.put(Received::Ended, 0);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn stream(&mut self, stream: LogStream) -> &mut Stream {
        match stream {
            LogStream::Stdout => &mut self.stdout,
            LogStream::Stderr => &mut self.stderr,
        }
    }

    fn is_listened(&self) -> bool {
        !self.receivers.is_empty() || !self.matchers.is_empty()
    }

    fn listen(&mut self) {
        let longest = self.longest_line;
        for stream in [&mut self.stdout, &mut self.stderr] {
            if stream.splitter.is_none() && stream.is_open {
                stream.splitter = Some(Splitter::new(longest, &stream.tail.unfinished(stream.run)));
            }
        }
    }

    /// Cuts no more lines when nobody wants them.
    fn forget(&mut self) {
        self.receivers.retain(|receiver| receiver.strong_count() > 0);
        self.matchers.retain(|matcher| !matcher.found.is_closed());
        if !self.is_listened() {
            self.stdout.splitter = None;
            self.stderr.splitter = None;
        }
    }

    fn subscribe(&mut self) -> LineReceiver {
        self.listen();
        let queue = Arc::new(Queue::default());
        self.receivers.push(Arc::downgrade(&queue));
        LineReceiver { queue }
    }

    fn line(&mut self, stream: LogStream, content: &[u8], at: DateTime<Utc>) {
        let content = String::from_utf8_lossy(content);
        let mut index = 0;
        while let Some(matcher) = self.matchers.get(index) {
            if matcher.regex.is_match(&content) {
                // Whoever asked may not be there any more.
                let _ = self.matchers.swap_remove(index).found.send(());
            } else {
                index += 1;
            }
        }
        if self.receivers.is_empty() {
            return;
        }
        let line = Arc::new(LogLine {
            timestamp: at,
            stream,
            process_name: self.name.clone(),
            instance: self.instance,
            content: content.into_owned(),
        });
        for receiver in self.receivers.iter().filter_map(Weak::upgrade) {
            receiver.put(Received::Line(Arc::clone(&line)), line.content.len());
        }
    }

    fn kept(&self, count: usize, with_unfinished: bool, of_run: bool) -> Vec<LogLine> {
        let of = |stream: &Stream, which| {
            let from = if of_run { stream.run } else { 0 };
            let lines = stream.tail.lines(count, from, with_unfinished).into_iter();
            lines.map(move |(at, line)| (at, which, line)).collect::<Vec<_>>()
        };
        let mut lines = of(&self.stdout, LogStream::Stdout);
        lines.extend(of(&self.stderr, LogStream::Stderr));
        lines.sort_by_key(|(at, ..)| *at);
        lines.drain(..lines.len().saturating_sub(count));
        let line = |(timestamp, stream, content): (_, _, Vec<u8>)| LogLine {
            timestamp,
            stream,
            process_name: self.name.clone(),
            instance: self.instance,
            content: String::from_utf8_lossy(&content).into_owned(),
        };
        lines.into_iter().map(line).collect()
    }
}

impl Drop for State {
    fn drop(&mut self) {
        for receiver in self.receivers.iter().filter_map(Weak::upgrade) {
            receiver.lock().is_closed = true;
            receiver.wake.notify_one();
        }
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The oldest lines give way to the newest.
    fn put(&self, item: Received, length: usize) {
        let mut waiting = self.lock();
        waiting.size += length + LINE;
        waiting.items.push_back(item);
        while waiting.size > WAITING && waiting.items.len() > 1 {
            let Some(oldest) = waiting.items.pop_front() else { break };
            waiting.size = waiting.size.saturating_sub(LINE);
            if let Received::Line(line) = oldest {
                waiting.size = waiting.size.saturating_sub(line.content.len());
                waiting.lost += line.content.len() as u64 + 1;
            }
        }
        drop(waiting);
        self.wake.notify_one();
    }
}

/// Gets lines as they come. What it does not take in time is lost, the oldest first.
#[derive(Debug)]
pub struct LineReceiver {
    queue: Arc<Queue>,
}

impl LineReceiver {
    /// The next line, how much is missing before it, or that a run has ended. `None` when there can be no more. Cancelling
    /// loses nothing.
    pub async fn next(&mut self) -> Option<Received> {
        loop {
            {
                let mut waiting = self.queue.lock();
                let lost = std::mem::take(&mut waiting.lost);
                if lost > 0 {
                    return Some(Received::Lost(lost));
                }
                if let Some(item) = waiting.items.pop_front() {
                    let length = if let Received::Line(line) = &item { line.content.len() } else { 0 };
                    waiting.size = waiting.size.saturating_sub(length + LINE);
                    return Some(item);
                }
                if waiting.is_closed {
                    return None;
                }
            }
            self.queue.wake.notified().await;
        }
    }
}

/// Waits for a line. Made by [`OutputLines::matching`].
#[derive(Debug)]
pub struct LineMatch {
    receiver: oneshot::Receiver<()>,
}

impl LineMatch {
    /// True when there was such a line; false when the run ended without one. Cancelling loses nothing.
    pub async fn found(&mut self) -> bool {
        (&mut self.receiver).await.is_ok()
    }
}
