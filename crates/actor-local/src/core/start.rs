//! From a spawn to an actor that can run.

use super::*;

impl Core {
    /// The worker a new actor is put on.
    fn place(&mut self, spawn: &Spawn, may_leave: bool) -> usize {
        if !may_leave || self.shared.worker_count() == 1 {
            return self.worker;
        }
        let Spawn { placement: wish, beside, .. } = *spawn;
        // That there is no such host is said where the actor would be made.
        let Some(spec) = self.host(spawn.host).map(Host::spec) else { return self.worker };
        let workers = self.shared.workers_of(&spec);
        match wish.unwrap_or(spec.placement) {
            Placement::Spread => self.known_host(spec.id).map_or(self.worker, |host| host.turn(workers)),
            Placement::Local if self.worker < workers => self.worker,
            _ => self.shared.worker_beside(beside, workers).unwrap_or_else(|| {
                let here = self.queue.len() + usize::from(self.running);
                let (best, load) = self.shared.least_loaded(workers);
                if self.worker < workers && here < load + 2 { self.worker } else { best }
            }),
        }
    }

    pub(crate) fn spawn(&mut self, parent: u32, spawn: Spawn, token: Option<u64>) -> Spawned {
        let worker = self.place(&spawn, token.is_some());
        let pid = self.pid(parent);
        match token {
            Some(token) if worker != self.worker => {
                let ticket = self.ticket(parent, token);
                let reply = Reply::Actor { pid, ticket };
                if spawn.relation.linked {
                    self.extra(parent).spawning.push(ticket);
                }
                self.shared.loads[worker].coming.fetch_add(1, Ordering::Relaxed);
                self.shared.inject(worker, Inject::Spawn { spawn: Box::new(spawn), parent: Some(pid), reply });
                Spawned::Pending
            }
            _ => Spawned::Done(self.spawn_here(spawn, Some(pid))),
        }
    }

    pub(super) fn spawn_here(&mut self, spawn: Spawn, parent: Option<Pid>) -> Result<Pid, ActorError> {
        let id = spawn.host;
        let Some(host) = self.host(id) else { return Err(ActorError::HostNotFound(id.as_str().into())) };
        host.enter()?;
        let Some(slot) = self.allocate(id) else {
            if let Some(host) = self.known_host(id) {
                host.leave();
            }
            return Err(ActorError::HostFull { host: id, limit: MAX_SLOTS as usize });
        };
        let pid = self.pid(slot);
        let created = self.prepare(slot, pid, parent, spawn);
        let created =
            created.and_then(|factory| match self.guarded(|core| factory.create(&mut LocalContext { core, slot })) {
                Ok(created) => created.map_err(ActorError::Create),
                Err(panic) => Err(ActorError::Create(panic_failure(&*panic))),
            });
        match (created, self.slots[slot as usize].doomed.take()) {
            (Ok(actor), None) => {
                self.slots[slot as usize].actor = Some(actor);
                self.enqueue_born(slot);
                Ok(pid)
            }
            (Ok(actor), Some(failure)) => {
                let _ = catch_unwind(AssertUnwindSafe(|| drop(actor)));
                self.abandon(slot, parent);
                Err(ActorError::Create(Failure::clone(&failure)))
            }
            (Err(error), _) => {
                self.abandon(slot, parent);
                Err(error)
            }
        }
    }

    /// Puts other code behind a pid. What the pid stands for in the eyes of others stays as it is.
    pub(super) fn transform(&mut self, index: u32, factory: Box<dyn ActorFactory>) {
        let slot = &mut self.slots[index as usize];
        let former = slot.actor.take();
        // Nobody waits for an answer through as many lives as it takes to come around.
        slot.era = slot.era.wrapping_add(1);
        slot.trap_links = false;
        slot.mailbox.unlisten_all();
        let timers = slot.extra.as_mut().map(|extra| std::mem::take(&mut extra.timers));
        for timer in timers.into_iter().flatten() {
            self.timers.stop(timer);
        }
        // A script engine may run code of ours while it drops an actor.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(former)));
        let created = self.guarded(|core| factory.create(&mut LocalContext { core, slot: index }));
        let slot = &mut self.slots[index as usize];
        let failure = match (created, slot.doomed.clone()) {
            (Ok(Ok(actor)), None) => {
                slot.actor = Some(actor);
                return self.enqueue(index);
            }
            (_, Some(failure)) => failure,
            (Ok(Err(failure)), None) => failure.into(),
            (Err(panic), None) => panic_failure(&*panic).into(),
        };
        self.finish(index, ExitReason::Failed(failure));
    }

    /// Takes back an actor that could not be made. Its parent may not learn of an actor that never was, and nothing it
    /// asked for may outlive it: the slot's next actor must not meet its timers.
    fn abandon(&mut self, slot: u32, parent: Option<Pid>) {
        let pid = self.pid(slot);
        if let Some(parent) = parent.and_then(|parent| self.local_slot(parent)) {
            let relations = &mut self.extra(parent).relations;
            relations.unwatch(pid);
            relations.unlink(pid);
        }
        let extra = self.slots[slot as usize].extra.take();
        self.close(slot, pid);
        self.leave(slot);
        if let Some(extra) = extra {
            let relations = self.settle(pid, *extra, None).0;
            // Whoever monitors it already, because its factory started others, gets what comes of coming too late.
            let gone = ExitReason::failed(self.shared.not_found(pid).into());
            relations.exit(pid, &ExitReason::Normal(None), |mut tell| {
                if let Signal::Down { reason, .. } = &mut tell.signal {
                    reason.clone_from(&gone);
                }
                self.untold.push_back(tell);
            });
        }
        self.tell();
    }

    /// Everything that must be in place before the first instruction.
    fn prepare(
        &mut self,
        slot: u32,
        pid: Pid,
        parent: Option<Pid>,
        spawn: Spawn,
    ) -> Result<Box<dyn ActorFactory>, ActorError> {
        // Before the name: whoever finds it may send, and must neither be first nor take the room.
        for (topic, payload) in spawn.messages {
            if self.shared.directory.counts_messages() {
                self.shared.reserve(pid)?;
            }
            self.push(slot, Envelope { from: parent, topic, payload });
        }
        if let Some(name) = &spawn.name {
            self.shared.names.register(name, pid)?;
        }
        if let Some(hook) = spawn.on_exit {
            self.extra(slot).on_exit = Some(hook);
        }
        if let Some(parent) = parent {
            if spawn.relation.monitored {
                self.extra(slot).relations.add_watcher(parent);
            }
            if spawn.relation.linked {
                self.extra(slot).relations.link(parent);
            }
            if let Some(parent) = self.local_slot(parent) {
                self.adopt(parent, pid, spawn.relation);
            }
        }
        Ok(spawn.factory)
    }

    /// The parent's half of a spawn's relations.
    pub(super) fn adopt(&mut self, parent: u32, child: Pid, relation: Relation) {
        if relation.monitored {
            self.extra(parent).relations.watch(child);
        }
        if relation.linked {
            self.extra(parent).relations.link(child);
        }
    }

    fn allocate(&mut self, host: HostId) -> Option<u32> {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                let slot = u32::try_from(self.slots.len()).ok().filter(|slot| *slot < MAX_SLOTS)?;
                self.slots.push(Slot {
                    generation: 0,
                    era: 0,
                    state: State::Free,
                    queued: false,
                    trap_links: false,
                    host,
                    actor: None,
                    mailbox: Mailbox::default(),
                    doomed: None,
                    extra: None,
                });
                slot
            }
        };
        let place = &mut self.slots[slot as usize];
        place.state = State::Creating;
        place.host = host;
        place.trap_links = false;
        place.era = 0;
        self.live += 1;
        let address = self.address(slot);
        let directory = &self.shared.directory;
        directory.open(address);
        if directory.counts_messages() {
            let gauge = Counted { directory: Arc::clone(directory), address };
            self.slots[slot as usize].mailbox = Mailbox::with_gauge(Box::new(gauge));
        }
        Some(slot)
    }
}
