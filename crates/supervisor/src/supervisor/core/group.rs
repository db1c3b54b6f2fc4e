use std::time::{Duration, Instant};

use perilune_restart::{Child, GroupRestart, Step};

use super::entry::{Pending, StopCause};
use super::{Core, InstanceKey};
use crate::process::ProcessState;
use crate::supervisor::{Desired, EventKind};

/// A restart of several children, under way.
#[derive(Debug)]
pub(super) struct Group {
    restart: GroupRestart,
    /// Their places are what the restart calls them; they stay while it lasts.
    children: Vec<InstanceKey>,
    /// Nobody is started before.
    pub(super) ready_at: Instant,
}

impl Group {
    pub(super) fn wake(&self, now: Instant) -> Option<Instant> {
        let waits = matches!(self.restart.next_step(), Step::Start(_)) && self.ready_at > now;
        waits.then_some(self.ready_at)
    }

    fn place(&self, key: InstanceKey) -> Option<usize> {
        self.children.iter().position(|child| *child == key)
    }
}

impl Core {
    /// A child failed, and with it those that its strategy says.
    pub(super) fn restart_group(&mut self, key: InstanceKey, delay: Duration) {
        let ready_at = self.later(delay);
        if let Some(instance) = self.instance(key) {
            instance.pending = Pending::Group;
        }
        let mut children = self.group.as_ref().map(|group| group.children.clone()).unwrap_or_default();
        // Whoever is new comes last until this is over: places must not move.
        children.extend(self.keys().into_iter().filter(|key| !children.contains(key)).collect::<Vec<_>>());
        let states: Vec<Child> = children.iter().map(|child| self.child(*child)).collect();
        let Some(place) = children.iter().position(|child| *child == key) else { return };
        let strategy = self.config.strategy;
        let group = match self.group.take() {
            Some(mut group) => {
                group.restart.join(&states, place);
                Group { ready_at: group.ready_at.max(ready_at), children, ..group }
            }
            None => Group { restart: GroupRestart::new(strategy, &states, place), children, ready_at },
        };
        let affected: Vec<InstanceKey> =
            group.restart.starts().filter_map(|place| group.children.get(place).copied()).collect();
        self.group = Some(group);
        let affected = affected.into_iter().map(|child| self.name(child)).collect();
        let cause = self.name(key);
        self.emit(key, EventKind::GroupRestart { strategy, cause, affected });
    }

    fn child(&self, key: InstanceKey) -> Child {
        let Some(instance) = self.look(key) else { return Child { desired: false, up: false, needs_restart: false } };
        Child {
            desired: instance.desired == Desired::Up && !instance.leaving,
            up: instance.run.is_some(),
            needs_restart: matches!(instance.pending, Pending::Group | Pending::Backoff { .. }),
        }
    }

    pub(super) fn in_group(&self, key: InstanceKey) -> bool {
        self.group.as_ref().is_some_and(|group| {
            let place = group.place(key);
            group.restart.stops().chain(group.restart.starts()).any(|member| Some(member) == place)
        })
    }

    pub(super) fn ended_in_group(&mut self, key: InstanceKey) {
        if let Some(group) = &mut self.group
            && let Some(place) = group.place(key)
        {
            group.restart.ended(place);
        }
    }

    pub(super) fn leave_group(&mut self, key: InstanceKey) {
        self.changes += 1;
        if let Some(group) = &mut self.group
            && let Some(place) = group.place(key)
        {
            group.restart.leave(place);
        }
    }

    /// Somebody wants a member now: nobody waits any longer.
    pub(super) fn hurry_group(&mut self) {
        let now = self.at.now;
        if let Some(group) = &mut self.group {
            group.ready_at = now;
        }
    }

    /// Gives up on a restart of a group. Its members are seen to elsewhere.
    pub(super) fn dissolve_group(&mut self) {
        self.group = None;
    }

    /// Takes the steps of a group restart that can be taken now.
    pub(super) fn regroup(&mut self) {
        while let Some(group) = &self.group {
            let (Step::Stop(place) | Step::Start(place)) = group.restart.next_step() else {
                self.group = None;
                return;
            };
            let stops = matches!(group.restart.next_step(), Step::Stop(_));
            let waits = group.ready_at > self.at.now;
            let Some(&key) = group.children.get(place) else { return };
            let moved = if stops { self.stop_member(key, place) } else { !waits && self.start_member(key, place) };
            if !moved {
                return;
            }
        }
    }

    /// Whether the next step can be taken.
    fn stop_member(&mut self, key: InstanceKey, place: usize) -> bool {
        let run = self.look(key).and_then(|instance| instance.run.as_ref());
        if run.is_some() {
            if run.is_some_and(|run| run.cause.is_none()) {
                self.end(key, StopCause::Group);
            }
            return false;
        }
        if let Some(group) = &mut self.group {
            group.restart.ended(place);
        }
        true
    }

    fn start_member(&mut self, key: InstanceKey, place: usize) -> bool {
        let wanted = self.child(key).desired;
        let Some(instance) = self.look(key).filter(|_| wanted) else {
            self.leave_group(key);
            return true;
        };
        match &instance.run {
            None if matches!(instance.pending, Pending::Dependency { .. }) => {
                self.leave_group(key);
                true
            }
            None => {
                self.launch(key, true);
                let launched = self.look(key).is_some_and(|instance| instance.run.is_some());
                if !launched {
                    // It has to wait for others.
                    self.leave_group(key);
                }
                !launched
            }
            Some(run) if !run.is_live() || instance.state == ProcessState::Starting => false,
            Some(_) => {
                if let Some(group) = &mut self.group {
                    group.restart.started(place);
                }
                true
            }
        }
    }
}
