use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use perilune_actor_core::Relation;

/// Number of an actor, in order of start.
pub(super) type Id = usize;

/// What a scheduler must make of the operations, as plain sets: the rules without pids, threads and signals.
#[derive(Default)]
pub(super) struct Model {
    pub(super) actors: Vec<Person>,
    pub(super) names: BTreeMap<u8, Id>,
    pub(super) now: Duration,
}

/// One actor, living or not.
#[derive(Default)]
pub(super) struct Person {
    pub(super) alive: bool,
    pub(super) trap: bool,
    pub(super) watching: BTreeSet<Id>,
    pub(super) links: BTreeSet<Id>,
    pub(super) messages: Vec<Message>,
    /// What happened in one operation is in no order, but for what came from one actor.
    pub(super) events: Vec<Vec<Expected>>,
    deadline: Option<Duration>,
}

/// A message is known by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) from: Option<Id>,
    pub(super) number: i64,
}

/// An event that an actor must see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    Down { from: Id, at: Duration },
    LinkDown { from: Id, at: Duration },
    Cancel { from: Option<Id>, deadline: Option<Duration>, at: Duration },
}

/// Why an actor ended without another one's failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    Returned,
    Failed,
    Terminated,
    Deadline,
}

/// How an actor may have ended.
#[derive(Debug, Default)]
pub(super) struct End {
    /// Because of this, ...
    pub(super) cause: Option<Cause>,
    /// ... or because one of these failed, to which it was linked.
    pub(super) linked: BTreeSet<Id>,
}

/// Who ended in an operation.
pub(super) type Ends = BTreeMap<Id, End>;

/// What came of asking for a relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Related {
    Done,
    Already,
    Gone,
}

impl Model {
    pub(super) fn spawn(&mut self, parent: Option<Id>, relation: Relation, trap: bool, name: Option<u8>) -> Option<Id> {
        if name.is_some_and(|name| self.names.contains_key(&name)) {
            return None;
        }
        let id = self.actors.len();
        self.actors.push(Person { alive: true, trap, ..Person::default() });
        self.names.extend(name.map(|name| (name, id)));
        if let Some(parent) = parent {
            if relation.monitored {
                self.monitor(parent, id);
            }
            if relation.linked {
                self.link(parent, id);
            }
        }
        Some(id)
    }

    pub(super) fn is_alive(&self, id: Id) -> bool {
        self.actors[id].alive
    }

    pub(super) fn alive(&self) -> impl Iterator<Item = Id> {
        (0..self.actors.len()).filter(|id| self.is_alive(*id))
    }

    pub(super) fn monitor(&mut self, observer: Id, target: Id) -> Related {
        if observer == target {
            Related::Done
        } else if !self.is_alive(target) {
            Related::Gone
        } else if self.actors[observer].watching.insert(target) {
            Related::Done
        } else {
            Related::Already
        }
    }

    pub(super) fn unmonitor(&mut self, observer: Id, target: Id) {
        self.actors[observer].watching.remove(&target);
        self.forget(observer, |event| matches!(event, Expected::Down { from, .. } if *from == target));
    }

    pub(super) fn link(&mut self, a: Id, b: Id) -> Related {
        if a == b {
            return Related::Done;
        }
        if !self.is_alive(b) {
            return Related::Gone;
        }
        self.actors[a].links.insert(b);
        self.actors[b].links.insert(a);
        Related::Done
    }

    pub(super) fn unlink(&mut self, a: Id, b: Id) {
        self.actors[a].links.remove(&b);
        self.actors[b].links.remove(&a);
        self.forget(a, |event| matches!(event, Expected::LinkDown { from, .. } if *from == b));
    }

    fn forget(&mut self, id: Id, which: impl Fn(&Expected) -> bool) {
        for group in &mut self.actors[id].events {
            group.retain(|event| !which(event));
        }
    }

    pub(super) fn transform(&mut self, id: Id) {
        self.actors[id].trap = false;
    }

    /// The deadline that the event carries.
    pub(super) fn cancel(&mut self, from: Option<Id>, target: Id, delay: Option<Duration>) {
        let deadline = delay.map(|delay| self.now + delay);
        let event = Expected::Cancel { from, deadline, at: self.now };
        let target = &mut self.actors[target];
        target.events.push(vec![event]);
        target.deadline = target.deadline.into_iter().chain(deadline).min();
    }

    /// Lets time pass; ends whoever has not ended by its deadline.
    pub(super) fn advance(&mut self, by: Duration) -> Ends {
        self.now += by;
        let due = |id: &Id| self.actors[*id].deadline.is_some_and(|deadline| deadline <= self.now);
        let late: Vec<Id> = self.alive().filter(due).collect();
        self.end(late, Cause::Deadline)
    }

    /// Ends actors, and whoever goes with them.
    pub(super) fn end(&mut self, first: Vec<Id>, cause: Cause) -> Ends {
        let mut ends: Ends = first.iter().map(|id| (*id, End { cause: Some(cause), ..End::default() })).collect();
        let mut failing = if cause == Cause::Returned { Vec::new() } else { first };
        while let Some(failed) = failing.pop() {
            for &linked in self.actors[failed].links.iter().filter(|linked| !self.actors[**linked].trap) {
                if !ends.contains_key(&linked) {
                    failing.push(linked);
                }
                ends.entry(linked).or_default().linked.insert(failed);
            }
        }
        for id in ends.keys() {
            self.actors[*id].alive = false;
        }
        self.names.retain(|_, holder| !ends.contains_key(holder));
        for person in self.actors.iter_mut().filter(|person| person.alive) {
            let mut group = Vec::new();
            for &from in ends.keys() {
                if person.watching.remove(&from) {
                    group.push(Expected::Down { from, at: self.now });
                }
                // Whoever lives on although a linked actor failed has trapped it.
                if person.links.remove(&from) && cause != Cause::Returned {
                    group.push(Expected::LinkDown { from, at: self.now });
                }
            }
            person.events.push(group);
        }
        ends
    }

    /// How many an actor watches, is watched by, and is linked to.
    pub(super) fn relations(&self, id: Id) -> (usize, usize, usize) {
        let watchers = self.alive().filter(|other| self.actors[*other].watching.contains(&id)).count();
        (self.actors[id].watching.len(), watchers, self.actors[id].links.len())
    }
}
