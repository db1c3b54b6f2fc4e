use std::collections::VecDeque;
use std::fmt;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use crate::message::{Envelope, Topic};
use crate::pid::Pid;
use crate::signal::Event;

/// The queue an actor receives from: messages by topic, and events.
///
/// A message waits under its topic while somebody listens to it, and otherwise among the unlistened ones in order of
/// arrival. [`listen`](Self::listen) and [`unlisten`](Self::unlisten) move what was not received yet, so nothing is lost
/// or misrouted because it came too early. Every operation takes constant time, but for those two, which are linear in
/// what waits.
#[derive(Default)]
pub struct Mailbox {
    unlistened: VecDeque<Stored>,
    arrived: u64,
    len: u32,
    accepts_local: bool,
    rare: Option<Box<Rare>>,
    events: Option<Box<Events>>,
}

/// What an actor without listeners and limits does without: there may be a million mailboxes.
#[derive(Default)]
struct Rare {
    listened: Listened,
    limit: Option<usize>,
    gauge: Option<Box<dyn Gauge>>,
}

/// Events in order of arrival. Most who get one get no second before they have received it.
#[derive(Debug, Default)]
struct Events {
    // INVARIANT: without a first there are no others.
    first: Option<Event>,
    others: VecDeque<Event>,
}

impl Events {
    fn push(&mut self, event: Event) {
        match self.first {
            None => self.first = Some(event),
            Some(_) => self.others.push_back(event),
        }
    }

    fn pop(&mut self) -> Option<Event> {
        let event = self.first.take()?;
        self.first = self.others.pop_front();
        Some(event)
    }

    fn retain(&mut self, mut keep: impl FnMut(&Event) -> bool) {
        self.others.retain(&mut keep);
        if self.first.as_ref().is_some_and(|first| !keep(first)) {
            self.first = self.others.pop_front();
        }
    }

    fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.others.len()
    }
}

/// Learns of every message that leaves a mailbox.
///
/// For schedulers that must refuse a message on a thread which cannot see the mailbox: they count what they let in, and
/// hear from here when there is room again.
pub trait Gauge: Send + Sync {
    /// One message was received.
    fn taken(&self);
}

/// Topics somebody listens to, and what waits under each.
///
/// Most who listen at all listen to one topic. It has a place of its own, where comparing costs less than hashing, and
/// less memory has to be looked at.
#[derive(Debug, Default)]
struct Listened {
    one: Option<(Topic, VecDeque<Stored>)>,
    others: Option<Box<Others>>,
}

type Others = IndexMap<Topic, VecDeque<Stored>, FxBuildHasher>;

#[derive(Debug)]
struct Stored {
    arrival: u64,
    envelope: Envelope,
}

/// The mailbox is at its limit; the message comes back.
#[derive(Debug, PartialEq)]
pub struct Full {
    /// What could not be queued.
    pub envelope: Envelope,
    /// How many messages the mailbox may hold.
    pub limit: usize,
}

impl Mailbox {
    /// A mailbox that holds at most that many messages. Events are not counted: they always get through.
    pub fn with_limit(limit: Option<usize>) -> Self {
        Self { rare: limit.map(|limit| Box::new(Rare { limit: Some(limit), ..Rare::default() })), ..Self::default() }
    }

    /// A mailbox that takes whatever it is given, and tells `gauge` of what is received from it.
    pub fn with_gauge(gauge: Box<dyn Gauge>) -> Self {
        Self { rare: Some(Box::new(Rare { gauge: Some(gauge), ..Rare::default() })), ..Self::default() }
    }

    /// Queues a message behind everything its sender queued before.
    ///
    /// # Errors
    /// The limit is reached; nothing changed.
    #[inline]
    pub fn push(&mut self, envelope: Envelope) -> Result<(), Full> {
        if let Some(limit) = self.rare.as_ref().and_then(|rare| rare.limit)
            && self.len() >= limit
        {
            return Err(Full { envelope, limit });
        }
        let stored = Stored { arrival: self.arrived, envelope };
        self.arrived += 1;
        self.len += 1;
        match self.rare.as_mut().and_then(|rare| rare.listened.get_mut(&stored.envelope.topic)) {
            Some(queue) => queue.push_back(stored),
            None => self.unlistened.push_back(stored),
        }
        Ok(())
    }

    /// Keeps messages of that topic, waiting ones included, for [`take`](Self::take).
    pub fn listen(&mut self, topic: &Topic) {
        let listened = &mut self.rare.get_or_insert_default().listened;
        if listened.get(topic).is_some() {
            return;
        }
        let mut queue = VecDeque::new();
        if self.unlistened.iter().any(|stored| stored.envelope.topic == *topic) {
            let mut rest = VecDeque::with_capacity(self.unlistened.len());
            for stored in self.unlistened.drain(..) {
                if stored.envelope.topic == *topic { queue.push_back(stored) } else { rest.push_back(stored) }
            }
            self.unlistened = rest;
        }
        listened.insert(topic.clone(), queue);
    }

    /// Puts what waits under that topic back among the unlistened messages, each at its place. False when nobody
    /// listened.
    pub fn unlisten(&mut self, topic: &Topic) -> bool {
        let Some(queue) = self.rare.as_mut().and_then(|rare| rare.listened.remove(topic)) else {
            return false;
        };
        if !queue.is_empty() {
            let mut merged = VecDeque::with_capacity(queue.len() + self.unlistened.len());
            let mut left = queue.into_iter().peekable();
            let mut right = std::mem::take(&mut self.unlistened).into_iter().peekable();
            while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
                merged.extend(if a.arrival < b.arrival { left.next() } else { right.next() });
            }
            merged.extend(left);
            merged.extend(right);
            self.unlistened = merged;
        }
        true
    }

    /// Receives the oldest message of a topic somebody listens to.
    #[inline(always)]
    pub fn take(&mut self, topic: &Topic) -> Option<Envelope> {
        if self.len == 0 {
            return None;
        }
        let stored = pop(self.rare.as_mut()?.listened.get_mut(topic)?)?;
        Some(self.received(stored))
    }

    /// Receives the oldest message nobody listens to.
    #[inline]
    pub fn take_unlistened(&mut self) -> Option<Envelope> {
        let stored = pop(&mut self.unlistened)?;
        Some(self.received(stored))
    }

    #[inline]
    fn received(&mut self, stored: Stored) -> Envelope {
        self.len -= 1;
        if let Some(gauge) = self.rare.as_ref().and_then(|rare| rare.gauge.as_ref()) {
            gauge.taken();
        }
        stored.envelope
    }

    /// Ends every subscription; all messages wait as unlistened ones again, in order of arrival.
    pub fn unlisten_all(&mut self) {
        while let Some(topic) = self.rare.as_ref().and_then(|rare| rare.listened.any().cloned()) {
            self.unlisten(&topic);
        }
    }

    /// Queues an event, whatever the limit.
    pub fn push_event(&mut self, event: Event) {
        self.events.get_or_insert_default().push(event);
    }

    /// Receives the oldest event.
    pub fn take_event(&mut self) -> Option<Event> {
        self.events.as_mut()?.pop()
    }

    /// Takes back the queued end of `pid`: after a monitor was removed, its event must not be seen.
    pub fn forget_down(&mut self, pid: Pid) {
        self.retain_events(|event| !matches!(event, Event::Down { from, .. } if *from == pid));
    }

    /// Takes back the queued failure of the linked `pid`.
    pub fn forget_link_down(&mut self, pid: Pid) {
        self.retain_events(|event| !matches!(event, Event::LinkDown { from, .. } if *from == pid));
    }

    fn retain_events(&mut self, keep: impl FnMut(&Event) -> bool) {
        if let Some(events) = &mut self.events {
            events.retain(keep);
        }
    }

    /// From now on the actor understands [`Value::Local`](crate::Value::Local). Whatever it becomes must understand it
    /// too, since messages outlive the code.
    pub fn accept_local(&mut self) {
        self.accepts_local = true;
    }

    /// Whether the actor understands [`Value::Local`](crate::Value::Local).
    pub fn accepts_local(&self) -> bool {
        self.accepts_local
    }

    /// Messages waiting, events not counted.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Messages waiting that nobody listens to.
    pub fn unlistened_len(&self) -> usize {
        self.unlistened.len()
    }

    /// Messages waiting for the listener of that topic.
    pub fn topic_len(&self, topic: &Topic) -> usize {
        self.rare.as_ref().and_then(|rare| rare.listened.get(topic)).map_or(0, VecDeque::len)
    }

    /// Whether no message waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Events waiting.
    pub fn events_len(&self) -> usize {
        self.events.as_ref().map_or(0, |events| events.len())
    }
}

impl Listened {
    #[inline]
    fn get(&self, topic: &Topic) -> Option<&VecDeque<Stored>> {
        match &self.one {
            Some((one, queue)) if one == topic => Some(queue),
            _ => self.others.as_ref()?.get(topic),
        }
    }

    #[inline]
    fn get_mut(&mut self, topic: &Topic) -> Option<&mut VecDeque<Stored>> {
        match &mut self.one {
            Some((one, queue)) if one == topic => Some(queue),
            _ => get_other(self.others.as_mut()?, topic),
        }
    }

    /// Nobody listens to that topic yet.
    fn insert(&mut self, topic: Topic, queue: VecDeque<Stored>) {
        match &mut self.one {
            None => self.one = Some((topic, queue)),
            Some(_) => {
                self.others.get_or_insert_default().insert(topic, queue);
            }
        }
    }

    fn remove(&mut self, topic: &Topic) -> Option<VecDeque<Stored>> {
        match self.one.take_if(|(one, _)| one == topic) {
            Some((_, queue)) => Some(queue),
            None => self.others.as_mut()?.swap_remove(topic),
        }
    }

    fn any(&self) -> Option<&Topic> {
        let one = self.one.as_ref().map(|(topic, _)| topic);
        one.or_else(|| self.others.as_ref()?.keys().next())
    }
}

#[inline(never)]
fn get_other<'a>(others: &'a mut Others, topic: &Topic) -> Option<&'a mut VecDeque<Stored>> {
    others.get_mut(topic)
}

/// A queue with more room than this gives it back when it is empty: a burst must not cost memory for ever.
const MUCH_ROOM: usize = 1024;

#[inline]
fn pop(queue: &mut VecDeque<Stored>) -> Option<Stored> {
    let stored = queue.pop_front();
    if queue.is_empty() {
        // From its first place again, which is in the processor's caches; the others may not be.
        queue.clear();
        if queue.capacity() > MUCH_ROOM {
            *queue = VecDeque::new();
        }
    }
    stored
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox")
            .field("unlistened", &self.unlistened)
            .field("listened", &self.rare.as_ref().map(|rare| &rare.listened))
            .field("events", &self.events)
            .field("limit", &self.rare.as_ref().map(|rare| rare.limit))
            .finish_non_exhaustive()
    }
}
