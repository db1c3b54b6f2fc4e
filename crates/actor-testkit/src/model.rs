use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use perilune_actor_core::{
    Envelope, ErrorKind, Event, ExitReason, Failure, Full, LinkDown, Mailbox, Pid, Relations, Signal, Tell, Value,
};

use crate::ops::{MailboxOp, RelationOp, pid};
use crate::probe::topic;

/// A mailbox as one list: what waits, in order of arrival. Routing is a search.
#[derive(Default)]
struct NaiveMailbox {
    waiting: Vec<(u8, Envelope)>,
    listened: BTreeSet<u8>,
    events: Vec<Event>,
}

impl NaiveMailbox {
    fn take(&mut self, wanted: impl Fn(&Self, u8) -> bool) -> Option<Envelope> {
        let first = self.waiting.iter().position(|(topic, _)| wanted(self, *topic))?;
        Some(self.waiting.remove(first).1)
    }
}

/// Does the operations on a [`Mailbox`] with that limit and on a list, and compares.
///
/// # Panics
/// The two disagree.
pub fn check_mailbox(ops: &[MailboxOp], limit: Option<usize>) {
    let mut mailbox = Mailbox::with_limit(limit);
    let mut model = NaiveMailbox::default();
    let named = |number: u8| topic(&format!("topic {number}"));
    let failure = Arc::new(Failure::default());
    let at = SystemTime::UNIX_EPOCH;
    for (step, &op) in ops.iter().enumerate() {
        match op {
            MailboxOp::Push(number) => {
                let envelope = Envelope { from: None, topic: named(number), payload: Value::Integer(step as i64) };
                let pushed = mailbox.push(envelope.clone());
                match limit.filter(|limit| model.waiting.len() >= *limit) {
                    Some(limit) => assert_eq!(pushed, Err(Full { envelope, limit }), "{step}: {op:?}"),
                    None => {
                        assert_eq!(pushed, Ok(()), "{step}: {op:?}");
                        model.waiting.push((number, envelope));
                    }
                }
            }
            MailboxOp::Listen(number) => {
                mailbox.listen(&named(number));
                model.listened.insert(number);
            }
            MailboxOp::Unlisten(number) => {
                assert_eq!(mailbox.unlisten(&named(number)), model.listened.remove(&number), "{step}: {op:?}");
            }
            MailboxOp::UnlistenAll => {
                mailbox.unlisten_all();
                model.listened.clear();
            }
            MailboxOp::Take(number) => {
                let expected = model.take(|model, topic| topic == number && model.listened.contains(&topic));
                assert_eq!(mailbox.take(&named(number)), expected, "{step}: {op:?}");
            }
            MailboxOp::TakeUnlistened => {
                let expected = model.take(|model, topic| !model.listened.contains(&topic));
                assert_eq!(mailbox.take_unlistened(), expected, "{step}: {op:?}");
            }
            MailboxOp::PushDown(number) => {
                let event = Event::Down { from: pid(number), reason: ExitReason::Normal(None), at };
                mailbox.push_event(event.clone());
                model.events.push(event);
            }
            MailboxOp::PushLinkDown(number) => {
                let event = Event::LinkDown { from: pid(number), failure: Arc::clone(&failure), at };
                mailbox.push_event(event.clone());
                model.events.push(event);
            }
            MailboxOp::TakeEvent => {
                let expected = (!model.events.is_empty()).then(|| model.events.remove(0));
                assert_eq!(mailbox.take_event(), expected, "{step}: {op:?}");
            }
            MailboxOp::ForgetDown(number) => {
                mailbox.forget_down(pid(number));
                model.events.retain(|event| !matches!(event, Event::Down { from, .. } if *from == pid(number)));
            }
            MailboxOp::ForgetLinkDown(number) => {
                mailbox.forget_link_down(pid(number));
                model.events.retain(|event| !matches!(event, Event::LinkDown { from, .. } if *from == pid(number)));
            }
        }
        assert_eq!(mailbox.len(), model.waiting.len(), "{step}: {op:?}");
        assert_eq!(mailbox.is_empty(), model.waiting.is_empty(), "{step}: {op:?}");
        assert_eq!(mailbox.events_len(), model.events.len(), "{step}: {op:?}");
    }
}

/// Relations as plain sets.
#[derive(Default)]
struct NaiveRelations {
    watching: BTreeSet<Pid>,
    watchers: BTreeSet<Pid>,
    links: BTreeSet<Pid>,
}

/// Does the operations on [`Relations`] and on plain sets, compares, and looks at what an end of that actor tells whom.
///
/// # Panics
/// The two disagree.
pub fn check_relations(ops: &[RelationOp], fails: bool) {
    let mut relations = Relations::default();
    let mut model = NaiveRelations::default();
    for (step, &op) in ops.iter().enumerate() {
        match op {
            RelationOp::Watch(n) => {
                assert_eq!(relations.watch(pid(n)), model.watching.insert(pid(n)), "{step}: {op:?}")
            }
            RelationOp::Unwatch(n) => {
                assert_eq!(relations.unwatch(pid(n)), model.watching.remove(&pid(n)), "{step}: {op:?}");
            }
            RelationOp::AddWatcher(n) => {
                relations.add_watcher(pid(n));
                model.watchers.insert(pid(n));
            }
            RelationOp::RemoveWatcher(n) => {
                relations.remove_watcher(pid(n));
                model.watchers.remove(&pid(n));
            }
            RelationOp::Link(n) => assert_eq!(relations.link(pid(n)), model.links.insert(pid(n)), "{step}: {op:?}"),
            RelationOp::Unlink(n) => {
                assert_eq!(relations.unlink(pid(n)), model.links.remove(&pid(n)), "{step}: {op:?}")
            }
            RelationOp::Down(n) => assert_eq!(relations.down(pid(n)), model.watching.remove(&pid(n)), "{step}: {op:?}"),
            RelationOp::LinkDownTrapped(n) => {
                let expected = if model.links.remove(&pid(n)) { LinkDown::Deliver } else { LinkDown::Ignore };
                assert_eq!(relations.link_down(pid(n), true), expected, "{step}: {op:?}");
            }
            RelationOp::LinkDown(n) => {
                let expected = if model.links.remove(&pid(n)) { LinkDown::Fail } else { LinkDown::Ignore };
                assert_eq!(relations.link_down(pid(n), false), expected, "{step}: {op:?}");
            }
        }
        let counts = (model.watching.len(), model.watchers.len(), model.links.len());
        assert_eq!(relations.counts(), counts, "{step}: {op:?}");
        assert_eq!(relations.is_empty(), counts == (0, 0, 0), "{step}: {op:?}");
        for other in 0..8 {
            assert_eq!(relations.is_watching(pid(other)), model.watching.contains(&pid(other)), "{step}: {op:?}");
            assert_eq!(relations.is_linked(pid(other)), model.links.contains(&pid(other)), "{step}: {op:?}");
        }
    }
    check_end(relations, &model, fails);
}

/// Everybody concerned is told once, and of the end before the link's failure.
fn check_end(relations: Relations, model: &NaiveRelations, fails: bool) {
    let me = pid(u8::MAX);
    let reason =
        if fails { ExitReason::failed(Failure::new(ErrorKind::Unknown, "model")) } else { ExitReason::Normal(None) };
    let mut told: Vec<Tell> = Vec::new();
    relations.exit(me, &reason, |tell| told.push(tell));
    for receiver in &model.links {
        let place =
            |wanted: fn(&Signal) -> bool| told.iter().position(|tell| tell.to == *receiver && wanted(&tell.signal));
        let down = place(|signal| matches!(signal, Signal::Down { .. }));
        let link = place(|signal| matches!(signal, Signal::LinkDown { .. } | Signal::Unlinked(_)));
        assert!(down <= link, "{receiver} hears of the link's failure before the end");
    }
    let mut owed: Vec<Tell> = Vec::new();
    for &to in &model.watchers {
        owed.push(Tell { to, signal: Signal::Down { from: me, reason: reason.clone() } });
    }
    for &to in &model.links {
        let signal = match reason.failure() {
            Some(failure) => Signal::LinkDown { from: me, failure: Arc::clone(failure) },
            None => Signal::Unlinked(me),
        };
        owed.push(Tell { to, signal });
    }
    for &to in &model.watching {
        owed.push(Tell { to, signal: Signal::Unmonitor(me) });
    }
    for tell in owed {
        let found = told.iter().position(|other| *other == tell);
        told.swap_remove(found.unwrap_or_else(|| panic!("nobody said {tell:?}")));
    }
    assert_eq!(told, [], "said too much");
}
