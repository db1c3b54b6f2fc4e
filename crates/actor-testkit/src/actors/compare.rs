//! What there is to see of the actors, and what the model says of it.

use perilune_actor_core::{ActorInfo, ErrorKind, Event};

use super::model::{Cause, End, Ends, Expected};
use super::*;

impl<H: Harness> Run<'_, H> {
    /// Waits for the ends that must come, and then compares what there is to see.
    pub(super) fn compare(&mut self, ends: &Ends, here: &str) {
        let reasons: BTreeMap<Id, ExitReason> = ends.keys().map(|id| (*id, self.probes[*id].ended())).collect();
        self.reasons.extend(reasons);
        for (id, end) in ends {
            self.check_end(*id, end, here);
        }
        self.stage.settle();
        let mut seen: BTreeMap<Pid, ActorInfo> =
            self.stage.scheduler.actors().into_iter().map(|info| (info.pid, info)).collect();
        for id in self.model.alive() {
            let person = &self.model.actors[id];
            let info = seen.remove(&self.pid(id)).unwrap_or_else(|| panic!("{here}: number {id} has ended"));
            assert_eq!(info.relations, self.model.relations(id), "{here}: relations of number {id}");
            let waiting = (person.messages.len(), person.events.iter().map(Vec::len).sum::<usize>());
            assert_eq!((info.mailbox, info.events), waiting, "{here}: mailbox of number {id}");
            let mut names = info.names;
            names.sort();
            let held = self.model.names.iter().filter(|(_, holder)| **holder == id);
            assert_eq!(
                names,
                held.map(|(number, _)| name(*number)).collect::<Vec<_>>(),
                "{here}: names of number {id}"
            );
        }
        assert!(seen.is_empty(), "{here}: should have ended: {seen:?}");
        for number in 0..NAMES {
            let holder = self.model.names.get(&number).map(|holder| self.pid(*holder));
            assert_eq!(self.stage.scheduler.names().whereis(&name(number)), holder, "{here}: {}", name(number));
        }
    }

    fn check_end(&self, id: Id, end: &End, here: &str) {
        let reason = &self.reasons[&id];
        let direct = end.cause.is_some_and(|cause| match cause {
            Cause::Returned => *reason == last_words(id),
            Cause::Failed => *reason == ExitReason::failed(failure()),
            Cause::Terminated => *reason == ExitReason::failed(terminated()),
            Cause::Deadline => reason.failure().is_some_and(|failure| failure.kind == ErrorKind::Timeout),
        });
        let linked = end.linked.iter().any(|other| {
            let message = format!("linked process failed: {}", self.pid(*other));
            reason.failure().is_some_and(|failure| {
                (&failure.kind, &failure.message, &failure.cause)
                    == (&ErrorKind::Internal, &message, &self.reasons[other].failure().cloned())
            })
        });
        assert!(direct || linked, "{here}: number {id} ended because of {reason:?}, not because of {end:?}");
    }

    /// Receives everything, and compares it.
    pub(super) fn look(&mut self, who: Id, here: &str) {
        let (messages, events) = self.probes[who].run(|cx| {
            let messages: Vec<_> = std::iter::from_fn(|| cx.mailbox().take_unlistened()).collect();
            let events: Vec<_> = std::iter::from_fn(|| cx.mailbox().take_event()).collect();
            (messages, events)
        });
        let wanted = std::mem::take(&mut self.model.actors[who].messages);
        let seen: Vec<_> = messages.iter().map(|message| (message.from, message.payload.clone())).collect();
        let wanted: Vec<_> = wanted
            .iter()
            .map(|message| (message.from.map(|id| self.pid(id)), Value::Integer(message.number)))
            .collect();
        assert_eq!(seen, wanted, "{here}: messages of number {who}");
        let mut rest = events.as_slice();
        for group in std::mem::take(&mut self.model.actors[who].events) {
            let (now, later) = rest.split_at_checked(group.len()).unwrap_or_else(|| {
                panic!("{here}: number {who} misses events: {group:?} and others, with {rest:?} left");
            });
            self.check_group(who, &group, now, here);
            rest = later;
        }
        assert_eq!(rest, [], "{here}: number {who} saw too much");
    }

    /// What one operation led to, seen by one actor.
    fn check_group(&self, who: Id, group: &[Expected], seen: &[Event], here: &str) {
        let mut owed = group.to_vec();
        for (place, event) in seen.iter().enumerate() {
            let which = owed.iter().position(|expected| self.is_the(*expected, event));
            let Some(which) = which else {
                panic!("{here}: number {who} saw {event:?} instead of one of {owed:?}");
            };
            owed.remove(which);
            // From one actor, its end comes first; on a single worker, so does the cause before what it led to.
            let earlier = &seen[..place];
            for later in &seen[place + 1..] {
                let same = matches!((event, later), (Event::LinkDown { from, .. }, Event::Down { from: other, .. }) if from == other);
                assert!(!same, "{here}: number {who} saw a link's failure before the end: {seen:?}");
                let caused = self.single && of(later).is_some_and(|later| is_because_of(event, later));
                let known = of(later).is_some_and(|later| earlier.iter().any(|event| of(event) == Some(later)));
                assert!(!caused || known, "{here}: number {who} saw the cause after what it led to: {seen:?}");
            }
        }
    }

    fn is_the(&self, expected: Expected, event: &Event) -> bool {
        let at = |since: Duration, at: &SystemTime| !self.clock || SystemTime::UNIX_EPOCH + since == *at;
        match (expected, event) {
            (Expected::Down { from, at: time }, Event::Down { from: other, reason, at: seen }) => {
                self.pid(from) == *other && *reason == self.reasons[&from] && at(time, seen)
            }
            (Expected::LinkDown { from, at: time }, Event::LinkDown { from: other, failure, at: seen }) => {
                self.pid(from) == *other && Some(failure) == self.reasons[&from].failure() && at(time, seen)
            }
            (
                Expected::Cancel { from, deadline, at: time },
                Event::Cancel { from: other, deadline: until, reason: None, at: seen },
            ) => {
                let until_wanted = deadline.map(|deadline| SystemTime::UNIX_EPOCH + deadline);
                (from.map(|id| self.pid(id)), until_wanted) == (*other, *until) && at(time, seen)
            }
            _ => false,
        }
    }

    /// Looks at everybody, ends everybody, and checks that nothing is left.
    pub(super) fn finish(&mut self) {
        let living: Vec<Id> = self.model.alive().collect();
        for id in living {
            self.look(id, "at last");
            self.probes[id].exit(last_words(id));
            let ends = self.model.end(vec![id], Cause::Returned);
            self.compare(&ends, "at last");
        }
        self.stage.is_empty();
    }
}

/// Who ended.
fn of(event: &Event) -> Option<Pid> {
    match event {
        Event::Down { from, .. } | Event::LinkDown { from, .. } => Some(*from),
        _ => None,
    }
}

/// Whether the event is of an actor that failed because `other`, to which it was linked, did.
fn is_because_of(event: &Event, other: Pid) -> bool {
    let failure = match event {
        Event::Down { reason, .. } => reason.failure(),
        Event::LinkDown { failure, .. } => Some(failure),
        _ => None,
    };
    failure.is_some_and(|failure| failure.message == format!("linked process failed: {other}"))
}
