use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use indexmap::IndexSet;
use perilune_actor_core::{
    Actor, ActorError, ActorInfo, ActorState, Answer, Envelope, ErrorKind, Event, ExitHook, ExitReason, Failure, HostId,
    Instant, LinkDown, Mailbox, NameRegistry, Notice, Pid, Placement, Relation, Relations, Signal, Spawn, Step, Tell, TimerId,
    WorkerInfo,
};
use rustc_hash::FxBuildHasher;

use crate::context::LocalContext;
use crate::directory::{Address, MAX_SLOTS};
use crate::host::Host;
use crate::inject::{Inject, Kind, Reply};
use crate::scheduler::Shared;
use crate::timers::{Due, Target, Timers};

/// Everything one worker owns: its actors, their mailboxes and relations, the run queue and the timers.
///
/// Time is handed in through `now`; other workers are reached through `shared`. Only the worker's thread touches it.
pub(crate) struct Core {
    pub(crate) shared: Arc<Shared>,
    pub(crate) worker: usize,
    pub(crate) now: Instant,
    pub(crate) timers: Timers,
    pub(crate) queue: VecDeque<u32>,
    slots: Vec<Slot>,
    free: Vec<u32>,
    live: usize,
    running: bool,
    hosts: Vec<Option<Arc<Host>>>,
    untold: VecDeque<Tell>,
    telling: bool,
    // Dropped after the actors, which may use it while they are dropped.
    pub(crate) local: Box<dyn Any>,
}

/// Room for one actor after the other.
struct Slot {
    generation: u32,
    state: State,
    pub(crate) trap_links: bool,
    host: HostId,
    actor: Option<Box<dyn Actor>>,
    mailbox: Mailbox,
    doomed: Option<Arc<Failure>>,
    extra: Option<Box<Extra>>,
}

/// What most actors never need.
#[derive(Default)]
struct Extra {
    relations: Relations,
    timers: IndexSet<TimerId, FxBuildHasher>,
    on_exit: Option<ExitHook>,
    deadline: Option<Deadline>,
}

struct Deadline {
    timer: TimerId,
    failure: Arc<Failure>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Free,
    /// Its factory runs.
    Creating,
    Waiting,
    Ready,
    Running,
}

impl Core {
    pub(crate) fn new(shared: Arc<Shared>, worker: usize, local: Box<dyn Any>) -> Self {
        let now = shared.clock.now();
        Self {
            shared,
            worker,
            now,
            timers: Timers::default(),
            queue: VecDeque::new(),
            slots: Vec::new(),
            free: Vec::new(),
            live: 0,
            running: false,
            hosts: Vec::new(),
            untold: VecDeque::new(),
            telling: false,
            local,
        }
    }

    // --- addresses

    fn address(&self, slot: u32) -> Address {
        Address { worker: self.worker as u8, slot, generation: self.slots[slot as usize].generation }
    }

    pub(crate) fn pid(&self, slot: u32) -> Pid {
        Pid::local(self.slots[slot as usize].host, self.address(slot).unique())
    }

    /// The slot of a live actor of this worker.
    fn local_slot(&self, pid: Pid) -> Option<u32> {
        let address = Address::of(pid)?;
        if usize::from(address.worker) != self.worker {
            return None;
        }
        let slot = self.slots.get(address.slot as usize)?;
        (slot.generation == address.generation && slot.state != State::Free && slot.host == pid.host())
            .then_some(address.slot)
    }

    /// The worker of a pid that is not this one.
    fn other_worker(&self, pid: Pid) -> Option<usize> {
        let worker = usize::from(Address::of(pid)?.worker);
        (worker != self.worker && worker < self.shared.worker_count()).then_some(worker)
    }

    pub(crate) fn is_alive(&self, pid: Pid) -> bool {
        self.local_slot(pid).is_some() || (self.other_worker(pid).is_some() && self.shared.is_alive(pid))
    }

    pub(crate) fn mailbox(&mut self, slot: u32) -> &mut Mailbox {
        &mut self.slots[slot as usize].mailbox
    }

    pub(crate) fn trap_links(&mut self, slot: u32) -> &mut bool {
        &mut self.slots[slot as usize].trap_links
    }

    pub(crate) fn traps(&self, slot: u32) -> bool {
        self.slots[slot as usize].trap_links
    }

    fn extra(&mut self, slot: u32) -> &mut Extra {
        self.slots[slot as usize].extra.get_or_insert_default()
    }

    fn host(&mut self, id: HostId) -> Option<Arc<Host>> {
        let known = self.hosts.get(id.index()).and_then(Option::as_ref);
        if let Some(host) = known {
            return Some(Arc::clone(host));
        }
        let host = self.shared.host(id)?;
        if self.hosts.len() <= id.index() {
            self.hosts.resize_with(id.index() + 1, || None);
        }
        self.hosts[id.index()] = Some(Arc::clone(&host));
        Some(host)
    }

    // --- running

    /// Runs the next slice. False when nobody is ready.
    pub(crate) fn run_one(&mut self) -> bool {
        let Some(index) = self.queue.pop_front() else { return false };
        let slot = &mut self.slots[index as usize];
        if slot.state != State::Ready {
            return true;
        }
        let Some(mut actor) = slot.actor.take() else { return true };
        slot.state = State::Running;
        self.running = true;
        self.publish_load();
        let shared = Arc::clone(&self.shared);
        shared.ticker.begin(self.worker);
        let step = catch_unwind(AssertUnwindSafe(|| actor.step(&mut LocalContext { core: self, slot: index })));
        shared.ticker.end(self.worker);
        self.running = false;
        let slot = &mut self.slots[index as usize];
        slot.actor = Some(actor);
        let step = match (step, &slot.doomed) {
            (_, Some(failure)) => Step::Exit(ExitReason::Failed(Arc::clone(failure))),
            (Ok(step), None) => step,
            (Err(panic), None) => Step::Exit(ExitReason::failed(panic_failure(&*panic))),
        };
        match step {
            Step::Yield => {
                slot.state = State::Ready;
                self.queue.push_back(index);
            }
            Step::Wait if slot.state == State::Running => slot.state = State::Waiting,
            // Something arrived during the step that the actor may not have looked at.
            Step::Wait => {
                slot.state = State::Ready;
                self.queue.push_back(index);
            }
            Step::Exit(reason) => self.finish(index, reason),
        }
        true
    }

    fn wake(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        match slot.state {
            State::Waiting => {
                slot.state = State::Ready;
                self.queue.push_back(index);
            }
            State::Running => slot.state = State::Ready,
            State::Free | State::Creating | State::Ready => {}
        }
    }

    pub(crate) fn publish_load(&self) {
        let load = self.queue.len() + usize::from(self.running);
        self.shared.loads[self.worker].runnable.store(load, Ordering::Relaxed);
    }

    // --- messages and signals

    pub(crate) fn send(&mut self, to: Pid, envelope: Envelope) -> Result<(), ActorError> {
        if let Some(slot) = self.local_slot(to) {
            return self.push(slot, to, envelope);
        }
        self.send_away(to, Signal::Message(envelope))
    }

    fn push(&mut self, slot: u32, to: Pid, envelope: Envelope) -> Result<(), ActorError> {
        match self.slots[slot as usize].mailbox.push(envelope) {
            Ok(()) => {
                self.wake(slot);
                Ok(())
            }
            Err(full) => Err(ActorError::MailboxFull { pid: to, limit: full.limit }),
        }
    }

    fn send_away(&self, to: Pid, signal: Signal) -> Result<(), ActorError> {
        match self.other_worker(to) {
            Some(worker) if self.shared.is_alive(to) => {
                self.shared.inject(worker, Inject::Signal { to, signal });
                Ok(())
            }
            _ => Err(self.shared.not_found(to)),
        }
    }

    /// Delivers a signal here, or hands it to the worker that can.
    ///
    /// # Errors
    /// The receiver is gone.
    pub(crate) fn signal(&mut self, to: Pid, signal: Signal) -> Result<(), ActorError> {
        let Some(slot) = self.local_slot(to) else { return self.send_away(to, signal) };
        match signal {
            Signal::Message(envelope) => return self.push(slot, to, envelope),
            Signal::Down { from, reason } => {
                if self.extra(slot).relations.down(from) {
                    let at = self.shared.clock.wall();
                    self.event(slot, Event::Down { from, reason, at });
                }
            }
            Signal::LinkDown { from, failure } => self.link_down(slot, from, failure),
            Signal::Linked(from) => {
                self.extra(slot).relations.link(from);
            }
            Signal::Unlinked(from) => {
                self.extra(slot).relations.unlink(from);
            }
            Signal::Monitor(from) => self.extra(slot).relations.add_watcher(from),
            Signal::Unmonitor(from) => self.extra(slot).relations.remove_watcher(from),
            Signal::Cancel { from, deadline, reason } => self.cancelled(slot, from, deadline, reason),
            Signal::Terminate(failure) => self.end(slot, failure),
            _ => {}
        }
        Ok(())
    }

    fn event(&mut self, slot: u32, event: Event) {
        self.mailbox(slot).push_event(event);
        self.wake(slot);
    }

    fn link_down(&mut self, slot: u32, from: Pid, failure: Arc<Failure>) {
        let trap = self.slots[slot as usize].trap_links;
        match self.extra(slot).relations.link_down(from, trap) {
            LinkDown::Ignore => {}
            LinkDown::Deliver => {
                let at = self.shared.clock.wall();
                self.event(slot, Event::LinkDown { from, failure, at });
            }
            LinkDown::Fail => {
                let message = format!("linked process failed: {from}");
                let cause = Some(failure);
                self.end(slot, Arc::new(Failure { cause, ..Failure::new(ErrorKind::Internal, message) }));
            }
        }
    }

    fn cancelled(&mut self, slot: u32, from: Option<Pid>, deadline: Option<Instant>, reason: Option<Arc<str>>) {
        let wall = self.shared.clock.wall();
        let now = self.now;
        if let Some(due) = deadline {
            let sooner = self.extra(slot).deadline.as_ref().is_none_or(|old| due < old.timer.due);
            if sooner {
                let timer = self.timers.start(due, Target { slot, what: Due::CancelDeadline });
                let failure = Arc::new(match &reason {
                    Some(reason) => Failure::new(ErrorKind::Unavailable, reason.to_string()).retryable(),
                    None => Failure::new(ErrorKind::Timeout, "cancel deadline exceeded"),
                });
                if let Some(old) = self.extra(slot).deadline.replace(Deadline { timer, failure }) {
                    self.timers.stop(old.timer);
                }
            }
        }
        let deadline = deadline.map(|due| wall + due.since(now));
        self.event(slot, Event::Cancel { from, deadline, reason, at: wall });
    }

    /// Ends an actor from outside; one that is in the middle of a step when that returns.
    fn end(&mut self, slot: u32, failure: Arc<Failure>) {
        let place = &mut self.slots[slot as usize];
        if place.actor.is_some() {
            self.finish(slot, ExitReason::Failed(failure));
        } else {
            place.doomed.get_or_insert(failure);
        }
    }

    pub(crate) fn is_doomed(&self, slot: u32) -> bool {
        self.slots[slot as usize].doomed.is_some() || self.shared.directory.is_doomed(self.address(slot))
    }

    // --- relations

    pub(crate) fn relate(&mut self, slot: u32, target: Pid, kind: Kind, token: Option<u64>) -> Relate {
        let me = self.pid(slot);
        if target == me {
            return Relate::Done(Ok(()));
        }
        let relations = &mut self.extra(slot).relations;
        if kind == Kind::Monitor && relations.is_watching(target) {
            return Relate::Done(Err(ActorError::AlreadyMonitoring(target)));
        }
        if kind == Kind::Link && relations.is_linked(target) {
            return Relate::Done(Ok(()));
        }
        if !self.is_alive(target) {
            return Relate::Done(Err(self.shared.not_found(target)));
        }
        if let Some(worker) = self.other_worker(target) {
            if let Some(token) = token {
                self.shared.inject(worker, Inject::Relate { target, from: me, kind, token });
                return Relate::Pending;
            }
            self.own_half(slot, target, kind);
            let token = u64::MAX;
            self.shared.inject(worker, Inject::Relate { target, from: me, kind, token });
            return Relate::Done(Ok(()));
        }
        self.own_half(slot, target, kind);
        let signal = match kind {
            Kind::Monitor => Signal::Monitor(me),
            Kind::Link => Signal::Linked(me),
        };
        Relate::Done(self.signal(target, signal))
    }

    fn own_half(&mut self, slot: u32, target: Pid, kind: Kind) {
        let relations = &mut self.extra(slot).relations;
        match kind {
            Kind::Monitor => relations.watch(target),
            Kind::Link => relations.link(target),
        };
    }

    pub(crate) fn unrelate(&mut self, slot: u32, target: Pid, kind: Kind) {
        let me = self.pid(slot);
        let relations = &mut self.extra(slot).relations;
        let signal = match kind {
            Kind::Monitor => {
                relations.unwatch(target);
                self.mailbox(slot).forget_down(target);
                Signal::Unmonitor(me)
            }
            Kind::Link => {
                relations.unlink(target);
                self.mailbox(slot).forget_link_down(target);
                Signal::Unlinked(me)
            }
        };
        // An actor that is gone needs no telling.
        let _ = self.signal(target, signal);
    }

    /// The other half of a relation that a remote actor asked for.
    fn related_from(&mut self, target: Pid, from: Pid, kind: Kind, token: u64) {
        let signal = match kind {
            Kind::Monitor => Signal::Monitor(from),
            Kind::Link => Signal::Linked(from),
        };
        let result = match self.local_slot(target) {
            Some(_) => self.signal(target, signal),
            None => Err(self.shared.not_found(target)),
        };
        if let Some(worker) = self.other_worker(from) {
            self.shared.inject(worker, Inject::Related { to: from, target, kind, token, result });
        }
    }

    /// What came of a relation that an actor here asked for.
    fn related(&mut self, to: Pid, target: Pid, kind: Kind, token: u64, result: Result<(), ActorError>) {
        let waited = token != u64::MAX;
        let Some(slot) = self.local_slot(to) else {
            if result.is_ok() {
                let signal = match kind {
                    Kind::Monitor => Signal::Unmonitor(to),
                    Kind::Link => Signal::Unlinked(to),
                };
                let _ = self.signal(target, signal);
            }
            return;
        };
        match (waited, &result) {
            (true, Ok(())) => self.own_half(slot, target, kind),
            (true, Err(_)) | (false, Ok(())) => {}
            // Nobody waited for the answer, so the end becomes an ordinary one.
            (false, Err(error)) => {
                let failure = Arc::new(Failure::from(error.clone()));
                let _ = match kind {
                    Kind::Monitor => self.signal(to, Signal::Down { from: target, reason: ExitReason::Failed(failure) }),
                    Kind::Link => self.signal(to, Signal::LinkDown { from: target, failure }),
                };
            }
        }
        if waited {
            self.notice(to, Notice::Answer { token, answer: Answer::Related(result) });
        }
    }

    // --- notices and timers

    pub(crate) fn notice(&mut self, to: Pid, notice: Notice) {
        let Some(index) = self.local_slot(to) else { return };
        let Some(mut actor) = self.slots[index as usize].actor.take() else { return };
        let cx = &mut LocalContext { core: self, slot: index };
        let noticed = catch_unwind(AssertUnwindSafe(|| actor.notice(notice, cx)));
        self.slots[index as usize].actor = Some(actor);
        if let Err(panic) = noticed {
            return self.finish(index, ExitReason::failed(panic_failure(&*panic)));
        }
        self.wake(index);
    }

    pub(crate) fn start_timer(&mut self, slot: u32, delay: Duration, token: u64) -> TimerId {
        // Not `self.now`, which may be as old as the slice: a timer must never be early.
        let due = self.shared.clock.now().after(delay);
        let timer = self.timers.start(due, Target { slot, what: Due::Notice(token) });
        self.extra(slot).timers.insert(timer);
        timer
    }

    pub(crate) fn stop_timer(&mut self, slot: u32, timer: TimerId) -> bool {
        self.extra(slot).timers.swap_remove(&timer) && self.timers.stop(timer)
    }

    pub(crate) fn fire_timers(&mut self) {
        if self.timers.len() == 0 {
            return;
        }
        self.now = self.shared.clock.now();
        while let Some((timer, target)) = self.timers.pop(self.now) {
            match target.what {
                Due::Notice(token) => {
                    self.extra(target.slot).timers.swap_remove(&timer);
                    self.notice(self.pid(target.slot), Notice::Timer { token });
                }
                Due::CancelDeadline => {
                    if let Some(deadline) = self.extra(target.slot).deadline.take() {
                        self.end(target.slot, deadline.failure);
                    }
                }
            }
        }
    }

    // --- starting

    /// The worker a new actor is put on.
    pub(crate) fn place(&self, host: &Host, wish: Option<Placement>, may_leave: bool) -> usize {
        let workers = self.shared.workers_of(host);
        if !may_leave || workers == 1 && self.worker == 0 {
            return self.worker;
        }
        match wish.unwrap_or(host.spec.placement) {
            Placement::Spread => host.turn(workers),
            Placement::Local if self.worker < workers => self.worker,
            _ => {
                let here = self.queue.len() + usize::from(self.running);
                let (best, load) = self.shared.least_loaded(workers);
                if self.worker < workers && here < load + 2 { self.worker } else { best }
            }
        }
    }

    pub(crate) fn spawn(&mut self, parent: u32, spawn: Spawn, token: Option<u64>) -> Spawned {
        let Some(host) = self.host(spawn.host) else {
            return Spawned::Done(Err(ActorError::HostNotFound(spawn.host.as_str().into())));
        };
        let worker = self.place(&host, spawn.placement, token.is_some());
        let pid = self.pid(parent);
        match token {
            Some(token) if worker != self.worker => {
                let reply = Reply::Actor { pid, token };
                self.shared.loads[worker].coming.fetch_add(1, Ordering::Relaxed);
                self.shared.inject(worker, Inject::Spawn { spawn: Box::new(spawn), parent: Some(pid), reply });
                Spawned::Pending
            }
            _ => Spawned::Done(self.spawn_here(&host, spawn, Some(pid))),
        }
    }

    fn spawn_here(&mut self, host: &Host, spawn: Spawn, parent: Option<Pid>) -> Result<Pid, ActorError> {
        host.enter()?;
        let Some(slot) = self.allocate(host.id()) else {
            host.leave();
            return Err(ActorError::HostFull { host: host.id(), limit: MAX_SLOTS as usize });
        };
        let pid = self.pid(slot);
        let created = self.prepare(slot, pid, parent, spawn);
        let created = created.and_then(|factory| {
            let cx = &mut LocalContext { core: self, slot };
            match catch_unwind(AssertUnwindSafe(|| factory.create(cx))) {
                Ok(created) => created.map_err(ActorError::Create),
                Err(panic) => Err(ActorError::Create(panic_failure(&*panic))),
            }
        });
        let place = &mut self.slots[slot as usize];
        match (created, place.doomed.take()) {
            (Ok(actor), None) => {
                place.actor = Some(actor);
                place.state = State::Ready;
                self.queue.push_back(slot);
                Ok(pid)
            }
            (result, doomed) => {
                // Nobody may learn of an actor that never was.
                self.slots[slot as usize].extra = None;
                if let Some(parent) = parent.and_then(|parent| self.local_slot(parent)) {
                    let relations = &mut self.extra(parent).relations;
                    relations.unwatch(pid);
                    relations.unlink(pid);
                }
                self.release(slot);
                let failure = doomed.map(|failure| ActorError::Create(Failure::clone(&failure)));
                Err(result.err().or(failure).unwrap_or(ActorError::NotFound(pid)))
            }
        }
    }

    /// Everything that must be in place before the first instruction.
    fn prepare(
        &mut self,
        slot: u32,
        pid: Pid,
        parent: Option<Pid>,
        spawn: Spawn,
    ) -> Result<Box<dyn perilune_actor_core::ActorFactory>, ActorError> {
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
        for (topic, payload) in spawn.messages {
            self.push(slot, pid, Envelope { from: parent, topic, payload })?;
        }
        Ok(spawn.factory)
    }

    /// The parent's half of a spawn's relations.
    fn adopt(&mut self, parent: u32, child: Pid, relation: Relation) {
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
                    state: State::Free,
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
        let limit = self.shared.mailbox_limit;
        let place = &mut self.slots[slot as usize];
        place.state = State::Creating;
        place.host = host;
        place.trap_links = false;
        place.mailbox = Mailbox::with_limit(limit);
        self.live += 1;
        self.shared.directory.open(self.address(slot));
        Some(slot)
    }

    // --- ending

    /// The one way an actor ends. The order is the promise: the address and the names go first, then the actor's own
    /// things, and only then does anybody learn of it.
    fn finish(&mut self, index: u32, reason: ExitReason) {
        let pid = self.pid(index);
        self.close(index, pid);
        let slot = &mut self.slots[index as usize];
        let actor = slot.actor.take();
        let extra = slot.extra.take();
        // A script engine may run code of ours while it drops an actor.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(actor)));
        if let ExitReason::Failed(failure) = &reason {
            tracing::debug!(target: "perilune::actor", %pid, error = %failure, "process failed");
        }
        self.vacate(index);
        if let Some(extra) = extra {
            let Extra { relations, timers, on_exit, deadline } = *extra;
            for timer in timers.into_iter().chain(deadline.map(|deadline| deadline.timer)) {
                self.timers.stop(timer);
            }
            if let Some(hook) = on_exit {
                let _ = catch_unwind(AssertUnwindSafe(|| hook(&reason)));
            }
            if !relations.is_empty() {
                self.untold.extend(relations.exit(pid, &reason));
            }
        }
        self.tell();
    }

    /// Tells one after the other, so that a long chain of links needs no deep stack.
    fn tell(&mut self) {
        if std::mem::replace(&mut self.telling, true) {
            return;
        }
        while let Some(Tell { to, signal }) = self.untold.pop_front() {
            // Whoever is gone already need not know.
            let _ = self.signal(to, signal);
        }
        self.telling = false;
    }

    fn close(&mut self, slot: u32, pid: Pid) {
        if self.shared.directory.close(self.address(slot)).named {
            self.shared.names.release(pid);
        }
    }

    fn release(&mut self, slot: u32) {
        let pid = self.pid(slot);
        self.close(slot, pid);
        self.vacate(slot);
    }

    fn vacate(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        let host = slot.host;
        slot.state = State::Free;
        slot.mailbox = Mailbox::default();
        slot.doomed = None;
        slot.actor = None;
        // A slot that has used up its numbers stays empty: no pid is ever given twice.
        if let Some(next) = slot.generation.checked_add(1) {
            slot.generation = next;
            self.free.push(index);
        }
        self.live -= 1;
        if let Some(host) = self.host(host) {
            host.leave();
        }
    }

    /// Ends everything, without telling anybody but those outside.
    pub(crate) fn stop(&mut self) {
        let failure = Arc::new(Failure::new(ErrorKind::Unavailable, "runtime is shutting down"));
        self.telling = true;
        for index in 0..self.slots.len() as u32 {
            if self.slots[index as usize].actor.is_some() {
                self.finish(index, ExitReason::Failed(Arc::clone(&failure)));
            }
        }
        self.untold.clear();
        self.queue.clear();
    }

    // --- other threads

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
            Inject::Spawned { to, token, relation, result } => self.spawned(to, token, relation, result),
            Inject::Relate { target, from, kind, token } => self.related_from(target, from, kind, token),
            Inject::Related { to, target, kind, token, result } => self.related(to, target, kind, token, result),
            Inject::Notice { to, notice } => self.notice(to, notice),
            Inject::StopHost { host, grace, reason } => self.stop_host(host, grace, &reason),
            Inject::Inspect(reply) => {
                let _ = reply.send(self.inspect());
            }
            Inject::Look => {}
            Inject::Stop => return false,
        }
        true
    }

    fn spawn_for(&mut self, spawn: Spawn, parent: Option<Pid>, reply: Reply) {
        let relation = spawn.relation;
        let result = match self.host(spawn.host) {
            Some(host) => self.spawn_here(&host, spawn, parent),
            None => Err(ActorError::HostNotFound(spawn.host.as_str().into())),
        };
        match reply {
            Reply::Thread(sender) => {
                let _ = sender.send(result);
            }
            Reply::Actor { pid, token } => {
                if let Some(worker) = self.other_worker(pid) {
                    self.shared.inject(worker, Inject::Spawned { to: pid, token, relation, result });
                }
            }
        }
    }

    /// An actor asked for a spawn elsewhere. Whatever the new actor sends, its end included, comes after this.
    fn spawned(&mut self, to: Pid, token: u64, relation: Relation, result: Result<Pid, ActorError>) {
        match (self.local_slot(to), &result) {
            (Some(parent), Ok(child)) => self.adopt(parent, *child, relation),
            // The parent ended meanwhile: its links must still do what links do.
            (None, Ok(child)) if relation.linked => {
                let failure = Arc::new(Failure::new(ErrorKind::NotFound, format!("process {to} has ended")));
                let _ = self.signal(*child, Signal::LinkDown { from: to, failure });
            }
            _ => {}
        }
        self.notice(to, Notice::Answer { token, answer: Answer::Spawned(result) });
    }

    fn stop_host(&mut self, host: HostId, grace: Duration, reason: &Arc<str>) {
        self.now = self.shared.clock.now();
        let deadline = Some(self.now.after(grace));
        for slot in 0..self.slots.len() as u32 {
            let place = &self.slots[slot as usize];
            if place.host == host && !matches!(place.state, State::Free | State::Creating) {
                self.cancelled(slot, None, deadline, Some(Arc::clone(reason)));
            }
        }
    }

    fn inspect(&self) -> (WorkerInfo, Vec<ActorInfo>) {
        let mut info = WorkerInfo::default();
        info.actors = self.live;
        info.runnable = self.queue.len();
        info.timers = self.timers.len();
        let actors = (0..self.slots.len() as u32).filter_map(|slot| self.inspect_actor(slot)).collect();
        (info, actors)
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

/// What came of a relation.
pub(crate) enum Relate {
    Done(Result<(), ActorError>),
    Pending,
}

/// What came of a spawn.
pub(crate) enum Spawned {
    Done(Result<Pid, ActorError>),
    Pending,
}

fn panic_failure(panic: &(dyn Any + Send)) -> Failure {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("unknown");
    Failure::new(ErrorKind::Internal, format!("panic in the runtime: {text}"))
}
