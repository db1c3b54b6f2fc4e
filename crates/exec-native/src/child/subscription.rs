use std::collections::VecDeque;
use std::sync::{Arc, Mutex, Weak};

use tokio::sync::Notify;

use super::lock;
use super::output::OutputStream;

/// How many bytes wait for one that receives.
const ROOM: usize = 1 << 20;

/// Receives what a process writes, as far as it keeps up.
#[derive(Debug)]
pub struct OutputReceiver {
    queue: Arc<Queue>,
}

/// A piece of what a process wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutputChunk {
    /// Where it was written to.
    pub stream: OutputStream,
    /// As it was written; neither whole lines nor whole characters.
    pub bytes: Arc<[u8]>,
    /// How many bytes, of either stream, are missing before these.
    pub lost: u64,
}

impl OutputReceiver {
    /// The next piece; `None` when there will be no more. A call that is given up loses nothing.
    pub async fn recv(&mut self) -> Option<OutputChunk> {
        loop {
            let news = self.queue.news.notified();
            {
                let mut waiting = lock(&self.queue.waiting);
                if let Some(chunk) = waiting.next() {
                    return Some(chunk);
                }
                if waiting.ended {
                    return None;
                }
            }
            news.await;
        }
    }

    /// The next piece, if there is one now.
    pub fn try_recv(&mut self) -> Option<OutputChunk> {
        lock(&self.queue.waiting).next()
    }

    /// How many bytes were missed so far.
    pub fn missed(&self) -> u64 {
        lock(&self.queue.waiting).missed
    }
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    chunks: VecDeque<(OutputStream, Arc<[u8]>)>,
    bytes: usize,
    /// Missing before the first.
    lost: u64,
    missed: u64,
    ended: bool,
}

impl Waiting {
    fn next(&mut self) -> Option<OutputChunk> {
        let (stream, bytes) = self.chunks.pop_front()?;
        self.bytes -= bytes.len();
        Some(OutputChunk { stream, bytes, lost: std::mem::take(&mut self.lost) })
    }

    fn push(&mut self, stream: OutputStream, bytes: Arc<[u8]>) {
        self.bytes += bytes.len();
        self.chunks.push_back((stream, bytes));
        while self.bytes > ROOM
            && let Some((_, oldest)) = self.chunks.pop_front()
        {
            self.bytes -= oldest.len();
            self.lost += oldest.len() as u64;
            self.missed += oldest.len() as u64;
        }
    }
}

/// Those who look on.
#[derive(Debug, Default)]
pub(super) struct Subscribers {
    all: Mutex<All>,
}

#[derive(Debug, Default)]
struct All {
    queues: Vec<Weak<Queue>>,
    ended: bool,
}

impl Subscribers {
    pub(super) fn add(&self) -> OutputReceiver {
        let queue = Arc::new(Queue::default());
        let mut all = lock(&self.all);
        if all.ended {
            lock(&queue.waiting).ended = true;
        } else {
            all.queues.retain(|queue| queue.strong_count() > 0);
            all.queues.push(Arc::downgrade(&queue));
        }
        drop(all);
        OutputReceiver { queue }
    }

    pub(super) fn push(&self, stream: OutputStream, bytes: &[u8]) {
        let mut all = lock(&self.all);
        if all.queues.is_empty() {
            return;
        }
        let bytes: Arc<[u8]> = bytes.into();
        all.queues.retain(|queue| {
            let Some(queue) = queue.upgrade() else { return false };
            lock(&queue.waiting).push(stream, bytes.clone());
            queue.news.notify_one();
            true
        });
    }

    pub(super) fn end(&self) {
        let mut all = lock(&self.all);
        all.ended = true;
        for queue in std::mem::take(&mut all.queues).iter().filter_map(Weak::upgrade) {
            lock(&queue.waiting).ended = true;
            queue.news.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_receiver_misses_the_oldest_and_is_told() {
        let subscribers = Subscribers::default();
        let mut receiver = subscribers.add();
        let chunk = |byte: u8| vec![byte; ROOM / 4];
        (0..6).for_each(|byte| subscribers.push(OutputStream::Stdout, &chunk(byte)));
        subscribers.end();
        let first = receiver.try_recv().unwrap();
        assert_eq!((first.bytes[0], first.lost), (2, 2 * ROOM as u64 / 4));
        let rest: Vec<_> =
            std::iter::from_fn(|| receiver.try_recv()).map(|chunk| (chunk.bytes[0], chunk.lost)).collect();
        assert_eq!((rest, receiver.missed()), (vec![(3, 0), (4, 0), (5, 0)], 2 * ROOM as u64 / 4));
        assert_eq!(subscribers.add().try_recv(), None);
    }
}
