use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use tokio::sync::Notify;

use super::{AdapterEvent, AdapterPayload};

/// A queue for the events of one session, of which `capacity` wait at most.
///
/// Dropping the sender ends it.
#[must_use]
pub fn event_channel(session_id: impl Into<String>, capacity: usize) -> (AdapterEventSender, AdapterEventReceiver) {
    let nanos = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
    let queue = Arc::new(Queue {
        session_id: session_id.into(),
        capacity: capacity.max(1),
        wall: u64::try_from(nanos).unwrap_or(u64::MAX),
        began: Instant::now(),
        waiting: Mutex::default(),
        news: Notify::new(),
    });
    (AdapterEventSender(Arc::clone(&queue)), AdapterEventReceiver(queue))
}

/// Numbers and dates events, and never waits.
#[derive(Debug)]
pub struct AdapterEventSender(Arc<Queue>);

/// Receives the events of one session.
#[derive(Debug)]
pub struct AdapterEventReceiver(Arc<Queue>);

#[derive(Debug)]
struct Queue {
    session_id: String,
    capacity: usize,
    /// The time of the system at the beginning. Later ones are counted from there, so that they never go back.
    wall: u64,
    began: Instant,
    waiting: Mutex<Waiting>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<AdapterEvent>,
    next: u64,
    /// So many are missing after the last.
    lost: u64,
    ended: bool,
    abandoned: bool,
}

impl AdapterEventSender {
    /// Puts it behind everything that was sent before, unless there is no room; then what is received next is how many
    /// were lost. The start and the end of a program always have room. Without a receiver, nothing is kept.
    pub fn send(&self, payload: AdapterPayload) {
        let mut waiting = self.0.lock();
        if waiting.abandoned {
            return;
        }
        if !payload.is_essential() && waiting.events.len() >= self.0.capacity {
            waiting.lost = waiting.lost.saturating_add(1);
            return;
        }
        self.0.tell_lost(&mut waiting);
        self.0.push(&mut waiting, payload);
        drop(waiting);
        self.0.news.notify_one();
    }

    /// Whose events these are.
    #[must_use]
    pub fn session_id(&self) -> &str {
        &self.0.session_id
    }
}

impl AdapterEventReceiver {
    /// The next event; `None` after the last. A call that is given up loses nothing.
    pub async fn recv(&mut self) -> Option<AdapterEvent> {
        loop {
            let news = self.0.news.notified();
            if let Some(event) = self.0.next() {
                return Some(event);
            }
            if self.0.lock().is_over() {
                return None;
            }
            news.await;
        }
    }

    /// The next event, if there is one now.
    pub fn try_recv(&mut self) -> Option<AdapterEvent> {
        self.0.next()
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Option<AdapterEvent> {
        let mut waiting = self.lock();
        if waiting.events.is_empty() {
            self.tell_lost(&mut waiting);
        }
        waiting.events.pop_front()
    }

    fn tell_lost(&self, waiting: &mut Waiting) {
        let lost = std::mem::take(&mut waiting.lost);
        if lost > 0 {
            let message = format!("{lost} events were lost, because they were received too slowly");
            self.push(waiting, AdapterPayload::warning("events_lost", message, "count", lost));
        }
    }

    fn push(&self, waiting: &mut Waiting, payload: AdapterPayload) {
        let passed = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        waiting.events.push_back(AdapterEvent {
            sequence: waiting.next,
            timestamp_nanos: self.wall.saturating_add(passed),
            session_id: self.session_id.clone(),
            payload,
        });
        waiting.next = waiting.next.saturating_add(1);
    }
}

impl Waiting {
    fn is_over(&self) -> bool {
        self.ended && self.events.is_empty() && self.lost == 0
    }
}

impl Drop for AdapterEventSender {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.news.notify_one();
    }
}

impl Drop for AdapterEventReceiver {
    fn drop(&mut self) {
        let mut waiting = self.0.lock();
        waiting.abandoned = true;
        waiting.lost = 0;
        waiting.events = VecDeque::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::LogStream;

    fn line(number: usize) -> AdapterPayload {
        AdapterPayload::Output { stream: LogStream::Stdout, line: number.to_string() }
    }

    fn text(event: &AdapterEvent) -> String {
        match &event.payload {
            AdapterPayload::Output { line, .. } => line.clone(),
            AdapterPayload::Diagnostic { category, context, .. } => format!("{category} {}", context["count"]),
            other => format!("{other:?}"),
        }
    }

    fn received(receiver: &mut AdapterEventReceiver) -> Vec<String> {
        std::iter::from_fn(|| receiver.try_recv()).map(|event| text(&event)).collect()
    }

    #[test]
    fn slow_receiver_gets_the_oldest_and_how_many_are_missing() {
        let (sender, mut receiver) = event_channel("s", 2);
        (0..5).for_each(|number| sender.send(line(number)));
        assert_eq!(received(&mut receiver), ["0", "1", "events_lost 3"]);
        sender.send(line(5));
        assert_eq!(received(&mut receiver), ["5"]);
    }

    #[test]
    fn what_is_missing_is_told_where_it_is_missing() {
        let (sender, mut receiver) = event_channel("s", 2);
        (0..3).for_each(|number| sender.send(line(number)));
        assert_eq!(receiver.try_recv().map(|event| text(&event)).as_deref(), Some("0"));
        sender.send(line(3));
        assert_eq!(received(&mut receiver), ["1", "events_lost 1", "3"]);
    }

    #[test]
    fn numbers_have_no_gaps_and_times_never_go_back() {
        let (sender, mut receiver) = event_channel("s", 3);
        let mut all = Vec::new();
        for round in 0..10 {
            (0..round).for_each(|number| sender.send(line(number)));
            all.extend(std::iter::from_fn(|| receiver.try_recv()));
        }
        assert!(all.iter().enumerate().all(|(index, event)| event.sequence == index as u64));
        assert!(all.windows(2).all(|pair| pair[0].timestamp_nanos <= pair[1].timestamp_nanos));
        assert!(all.iter().all(|event| event.session_id == "s"));
    }

    #[tokio::test]
    async fn receiver_is_woken_and_learns_of_the_end() {
        let (sender, mut receiver) = event_channel("s", 1);
        let task = tokio::spawn(async move {
            let first = receiver.recv().await.map(|event| text(&event));
            let lost = receiver.recv().await.map(|event| text(&event));
            (first, lost, receiver.recv().await)
        });
        tokio::task::yield_now().await;
        sender.send(line(0));
        sender.send(line(1));
        drop(sender);
        assert_eq!(task.await.unwrap(), (Some("0".to_owned()), Some("events_lost 1".to_owned()), None));
    }

    #[test]
    fn nothing_is_kept_for_nobody() {
        let (sender, receiver) = event_channel("s", 2);
        drop(receiver);
        (0..5).for_each(|number| sender.send(line(number)));
        assert!(sender.0.lock().events.is_empty());
    }
}
