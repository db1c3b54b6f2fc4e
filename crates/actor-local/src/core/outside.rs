//! What other threads ask of this worker.

use super::*;

impl Core {
    /// Does what another thread asked. False when the worker shall leave.
    pub(crate) fn handle(&mut self, inject: Inject) -> bool {
        match inject {
            Inject::Signal { to, signal } => {
                // The receiver ended while the signal was on its way.
                let _ = self.signal(to, signal);
            }
            Inject::Spawn { spawn, parent, reply } => {
                self.shared.loads[self.worker].coming.fetch_sub(1, Ordering::Relaxed);
                self.spawn_for(*spawn, parent, reply);
            }
            Inject::Spawned { to, ticket, relation, result } => self.spawned(to, ticket, relation, result),
            Inject::Relate { target, from, kind, ticket } => self.related_from(target, from, kind, ticket),
            Inject::Related { to, target, kind, ticket, result } => self.related(to, target, kind, ticket, result),
            Inject::Notice { to, era, notice } => self.notice(to, era, notice),
            Inject::Wake { to } => {
                if let Some(slot) = self.local_slot(to) {
                    self.wake(slot);
                }
            }
            Inject::StopHost { host, grace, reason } => self.stop_host(host, grace, &reason),
            Inject::Inspect { reply, with_actors } => {
                let _ = reply.send(self.inspect(with_actors));
            }
            Inject::Look => {}
            Inject::Stop => return false,
        }
        true
    }

    fn spawn_for(&mut self, spawn: Spawn, parent: Option<Pid>, reply: Reply) {
        let relation = spawn.relation;
        let result = self.spawn_here(spawn, parent);
        match reply {
            Reply::Thread(sender) => {
                let _ = sender.send(result);
            }
            Reply::Actor { pid, ticket } => {
                if let Some(worker) = self.other_worker(pid) {
                    self.shared.inject(worker, Inject::Spawned { to: pid, ticket, relation, result });
                }
            }
        }
    }

    /// What came of a spawn elsewhere. Whatever the new actor does in its steps, its end included, comes after this.
    fn spawned(&mut self, to: Pid, ticket: Ticket, relation: Relation, result: Result<Pid, ActorError>) {
        let parent = self.local_slot(to);
        let failure = self.late.remove(&(to, ticket));
        if let Some(parent) = parent {
            let spawning = &mut self.extra(parent).spawning;
            if let Some(which) = spawning.iter().position(|other| *other == ticket) {
                spawning.swap_remove(which);
            }
        }
        match (parent, &result) {
            (Some(parent), Ok(child)) => self.adopt(parent, *child, relation),
            // The parent ended meanwhile: its relations must still do what relations do.
            (None, Ok(child)) => {
                if relation.monitored {
                    let _ = self.signal(*child, Signal::Unmonitor(to));
                }
                if relation.linked {
                    let end = failure.map_or(Signal::Unlinked(to), |failure| Signal::LinkDown { from: to, failure });
                    let _ = self.signal(*child, end);
                }
            }
            (_, Err(_)) => {}
        }
        self.notice(to, ticket.era, Notice::Answer { token: ticket.token, answer: Answer::Spawned(result) });
    }

    fn stop_host(&mut self, host: HostId, grace: Duration, reason: &Arc<str>) {
        let deadline = Some(self.shared.clock.now().after(grace));
        for slot in 0..self.slots.len() as u32 {
            let place = &self.slots[slot as usize];
            if place.host == host && !matches!(place.state, State::Free | State::Creating) {
                self.cancelled(slot, None, deadline, Some(Arc::clone(reason)));
            }
        }
    }

    fn inspect(&self, with_actors: bool) -> (WorkerInfo, Vec<ActorInfo>) {
        let mut info = WorkerInfo::default();
        info.actors = self.live;
        info.runnable = self.queue.len();
        info.timers = self.timers.notices();
        info.pending = self.shared.loads[self.worker].pending.load(Ordering::Acquire);
        info.slices = self.slices;
        let slots = if with_actors { self.slots.len() as u32 } else { 0 };
        (info, (0..slots).filter_map(|slot| self.inspect_actor(slot)).collect())
    }

    fn inspect_actor(&self, index: u32) -> Option<ActorInfo> {
        let slot = &self.slots[index as usize];
        let mut info = ActorInfo::new(self.pid(index), self.worker);
        info.state = match slot.state {
            State::Free | State::Creating => return None,
            State::Waiting => ActorState::Waiting,
            State::Ready => ActorState::Ready,
            State::Running => ActorState::Running,
        };
        info.mailbox = slot.mailbox.len();
        info.events = slot.mailbox.events_len();
        if let Some(extra) = &slot.extra {
            info.relations = extra.relations.counts();
            info.timers = extra.timers.len();
        }
        info.names = self.shared.names.of(info.pid);
        Some(info)
    }
}
