use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use indexmap::IndexSet;
use perilune_actor_core::{
    Actor, ActorError, ActorInfo, ActorState, Answer, Envelope, ErrorKind, Event, ExitHook, ExitReason, Failure,
    HostId, Instant, LinkDown, Mailbox, NameRegistry, Notice, Pid, Placement, Relation, Relations, Signal, Spawn, Step,
    Tell, TimerId, WorkerInfo,
};
use rustc_hash::FxBuildHasher;

use crate::context::LocalContext;
use crate::directory::{Address, Counted, MAX_SLOTS};
use crate::host::Host;
use crate::inject::{Inject, Kind, Reply};
use crate::scheduler::Shared;
use crate::timers::{Due, Target, Timers};

/// Everything one worker owns: its actors, their mailboxes and relations, the run queue and the timers.
///
/// Time and other workers are reached through `shared`. Only the worker's thread touches it.
pub(crate) struct Core {
    pub(crate) shared: Arc<Shared>,
    pub(crate) worker: usize,
    pub(crate) timers: Timers,
    pub(crate) queue: VecDeque<u32>,
    slots: Vec<Slot>,
    free: Vec<u32>,
    live: usize,
    slices: u64,
    running: bool,
    hosts: Vec<Option<Arc<Host>>>,
    untold: VecDeque<Tell>,
    telling: bool,
    /// Failures of actors that had asked other workers for linked ones, until those are there and can be told.
    late: HashMap<(Pid, u64), Arc<Failure>, FxBuildHasher>,
    // Dropped after the actors, which may use it while they are dropped.
    pub(crate) local: Box<dyn Any>,
}

/// Room for one actor after the other.
struct Slot {
    generation: u32,
    state: State,
    /// Whether the run queue names it. Never twice, or the slot's next actor would run twice as often as others.
    queued: bool,
    trap_links: bool,
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
    asked: Vec<Asked>,
    spawning: Vec<u64>,
}

/// A relation that another worker has not confirmed yet.
struct Asked {
    target: Pid,
    kind: Kind,
    token: Option<u64>,
    /// Meanwhile the actor has changed its mind.
    undone: bool,
}

impl Extra {
    fn asks(&self, target: Pid, kind: Kind) -> bool {
        self.asked.iter().any(|asked| (asked.target, asked.kind, asked.undone) == (target, kind, false))
    }

    fn own_half(&mut self, target: Pid, kind: Kind) {
        match kind {
            Kind::Monitor => self.relations.watch(target),
            Kind::Link => self.relations.link(target),
        };
    }
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
        Self {
            shared,
            worker,
            timers: Timers::default(),
            queue: VecDeque::new(),
            slots: Vec::new(),
            free: Vec::new(),
            live: 0,
            slices: 0,
            running: false,
            hosts: Vec::new(),
            untold: VecDeque::new(),
            telling: false,
            late: HashMap::default(),
            local,
        }
    }

    // --- addresses

    fn address(&self, slot: u32) -> Address {
        let Slot { generation, host, .. } = self.slots[slot as usize];
        Address { worker: self.worker as u8, slot, generation, host }
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
        slot.queued = false;
        if slot.state != State::Ready {
            return true;
        }
        let Some(mut actor) = slot.actor.take() else { return true };
        slot.state = State::Running;
        self.slices += 1;
        let step = self.guarded(|core| actor.step(&mut LocalContext { core, slot: index }));
        let slot = &mut self.slots[index as usize];
        slot.actor = Some(actor);
        let step = match (step, &slot.doomed) {
            (_, Some(failure)) => Step::Exit(ExitReason::Failed(Arc::clone(failure))),
            (Ok(step), None) => step,
            (Err(panic), None) => Step::Exit(ExitReason::failed(panic_failure(&*panic))),
        };
        match step {
            Step::Wait if slot.state == State::Running => slot.state = State::Waiting,
            // There is more to do, or something arrived during the step that the actor may not have looked at.
            Step::Yield | Step::Wait => self.enqueue(index),
            Step::Exit(reason) => self.finish(index, reason),
        }
        true
    }

    fn enqueue(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        slot.state = State::Ready;
        if !std::mem::replace(&mut slot.queued, true) {
            self.queue.push_back(index);
        }
    }

    /// Runs code of an actor, so that a panic ends the actor alone, and the ticker interrupts it when it takes long.
    fn guarded<R>(&mut self, run: impl FnOnce(&mut Self) -> R) -> std::thread::Result<R> {
        // An actor that starts another one is part of a slice already.
        if std::mem::replace(&mut self.running, true) {
            return catch_unwind(AssertUnwindSafe(|| run(self)));
        }
        self.publish_load();
        self.shared.ticker.begin(self.worker);
        let result = catch_unwind(AssertUnwindSafe(|| run(self)));
        self.shared.ticker.end(self.worker);
        self.running = false;
        result
    }

    fn wake(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        match slot.state {
            State::Waiting => self.enqueue(index),
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
        match self.local_slot(to) {
            Some(slot) => {
                if self.shared.directory.counts_messages() {
                    self.shared.reserve(to)?;
                }
                self.push(slot, envelope);
                Ok(())
            }
            None => self.send_away(to, Signal::Message(envelope)),
        }
    }

    /// Queues a message whose room is reserved.
    fn push(&mut self, slot: u32, envelope: Envelope) {
        // It has no limit of its own.
        let _ = self.slots[slot as usize].mailbox.push(envelope);
        self.wake(slot);
    }

    fn send_away(&self, to: Pid, signal: Signal) -> Result<(), ActorError> {
        if self.other_worker(to).is_none() {
            return Err(self.shared.not_found(to));
        }
        self.shared.send(to, signal)
    }

    /// Delivers a signal here, or hands it to the worker that can.
    ///
    /// # Errors
    /// The receiver is gone.
    pub(crate) fn signal(&mut self, to: Pid, signal: Signal) -> Result<(), ActorError> {
        let Some(slot) = self.local_slot(to) else { return self.send_away(to, signal) };
        match signal {
            Signal::Message(envelope) => self.push(slot, envelope),
            Signal::Down { from, reason } => self.down(slot, from, reason),
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

    fn down(&mut self, slot: u32, from: Pid, reason: ExitReason) {
        if self.extra(slot).relations.down(from) {
            let at = self.shared.clock.wall();
            self.event(slot, Event::Down { from, reason, at });
        }
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
        // Not the time of some earlier look: the moment that people read must be that of the timer.
        let now = self.shared.clock.now();
        if let Some(due) = deadline {
            let sooner = self.extra(slot).deadline.as_ref().is_none_or(|old| due < old.timer.due);
            if sooner {
                let timer = self.timers.start(due, Target { slot, what: Due::CancelDeadline });
                let failure = Arc::new(match &reason {
                    Some(reason) => {
                        let text = format!("{reason}: process did not end in time");
                        Failure::new(ErrorKind::Unavailable, text).retryable()
                    }
                    None => Failure::new(ErrorKind::Timeout, "cancel deadline exceeded"),
                });
                if let Some(old) = self.extra(slot).deadline.replace(Deadline { timer, failure }) {
                    self.timers.stop(old.timer);
                }
            }
        }
        let deadline = deadline.and_then(|due| wall.checked_add(due.since(now)));
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
        let extra = self.extra(slot);
        if kind == Kind::Monitor && (extra.relations.is_watching(target) || extra.asks(target, kind)) {
            return Relate::Done(Err(ActorError::AlreadyMonitoring(target)));
        }
        if kind == Kind::Link && extra.relations.is_linked(target) {
            return Relate::Done(Ok(()));
        }
        if !self.is_alive(target) {
            return Relate::Done(Err(self.shared.not_found(target)));
        }
        let Some(worker) = self.other_worker(target) else {
            self.extra(slot).own_half(target, kind);
            let signal = match kind {
                Kind::Monitor => Signal::Monitor(me),
                Kind::Link => Signal::Linked(me),
            };
            return Relate::Done(self.signal(target, signal));
        };
        let extra = self.extra(slot);
        extra.asked.push(Asked { target, kind, token, undone: false });
        if token.is_none() {
            extra.own_half(target, kind);
        }
        self.shared.inject(worker, Inject::Relate { target, from: me, kind, token });
        if token.is_some() { Relate::Pending } else { Relate::Done(Ok(())) }
    }

    pub(crate) fn unrelate(&mut self, slot: u32, target: Pid, kind: Kind) {
        let me = self.pid(slot);
        let extra = self.extra(slot);
        let asked = extra.asks(target, kind);
        for asked in extra.asked.iter_mut().filter(|asked| (asked.target, asked.kind) == (target, kind)) {
            asked.undone = true;
        }
        let (known, signal) = match kind {
            Kind::Monitor => (extra.relations.unwatch(target), Signal::Unmonitor(me)),
            Kind::Link => (extra.relations.unlink(target), Signal::Unlinked(me)),
        };
        match kind {
            Kind::Monitor => self.mailbox(slot).forget_down(target),
            Kind::Link => self.mailbox(slot).forget_link_down(target),
        }
        // Undoing what is not there must not undo what the other one asks for at this moment: it would keep its half.
        if known || asked {
            // An actor that is gone needs no telling.
            let _ = self.signal(target, signal);
        }
    }

    /// The other half of a relation that a remote actor asked for.
    fn related_from(&mut self, target: Pid, from: Pid, kind: Kind, token: Option<u64>) {
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

    /// What came of a relation that an actor here asked for. If it has ended since, it has told the target so.
    ///
    /// The answer comes before anything that the relation brings about. So an end that arrived earlier, or a link that
    /// was undone, belonged to an older relation, and the half goes in place (again) only now.
    fn related(&mut self, to: Pid, target: Pid, kind: Kind, token: Option<u64>, result: Result<(), ActorError>) {
        let Some(slot) = self.local_slot(to) else { return };
        let extra = self.extra(slot);
        let which =
            extra.asked.iter().position(|asked| (asked.target, asked.kind, asked.token) == (target, kind, token));
        let undone = which.is_none_or(|which| extra.asked.remove(which).undone);
        match (&result, token) {
            (Ok(()), _) if !undone => extra.own_half(target, kind),
            (Ok(()), _) | (Err(_), Some(_)) => {}
            // Nobody waited for the answer, so the end becomes an ordinary one.
            (Err(error), None) => {
                let failure = Arc::new(Failure::from(error.clone()));
                let _ = match kind {
                    Kind::Monitor => {
                        self.signal(to, Signal::Down { from: target, reason: ExitReason::Failed(failure) })
                    }
                    Kind::Link => self.signal(to, Signal::LinkDown { from: target, failure }),
                };
            }
        }
        if let Some(token) = token {
            self.notice(to, Notice::Answer { token, answer: Answer::Related(result) });
        }
    }

    // --- notices and timers

    pub(crate) fn notice(&mut self, to: Pid, notice: Notice) {
        let Some(index) = self.local_slot(to) else { return };
        let Some(mut actor) = self.slots[index as usize].actor.take() else { return };
        let noticed = self.guarded(|core| actor.notice(notice, &mut LocalContext { core, slot: index }));
        let slot = &mut self.slots[index as usize];
        slot.actor = Some(actor);
        match (noticed, slot.doomed.clone()) {
            (_, Some(failure)) => self.finish(index, ExitReason::Failed(failure)),
            (Err(panic), None) => self.finish(index, ExitReason::failed(panic_failure(&*panic))),
            (Ok(()), None) => self.wake(index),
        }
    }

    pub(crate) fn start_timer(&mut self, slot: u32, delay: Duration, token: u64) -> TimerId {
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
        let now = self.shared.clock.now();
        // Timers started from here on wait, or an actor that always starts another one would hold up the worker.
        let last = self.timers.last();
        while let Some((timer, target)) = self.timers.pop(now, last) {
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
        if !may_leave || self.shared.worker_count() == 1 {
            return self.worker;
        }
        let spec = host.spec();
        let workers = self.shared.workers_of(&spec);
        match wish.unwrap_or(spec.placement) {
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
                if spawn.relation.linked {
                    self.extra(parent).spawning.push(token);
                }
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
        let created =
            created.and_then(|factory| match self.guarded(|core| factory.create(&mut LocalContext { core, slot })) {
                Ok(created) => created.map_err(ActorError::Create),
                Err(panic) => Err(ActorError::Create(panic_failure(&*panic))),
            });
        match (created, self.slots[slot as usize].doomed.take()) {
            (Ok(actor), None) => {
                self.slots[slot as usize].actor = Some(actor);
                self.enqueue(slot);
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

    /// Takes back an actor that could not be made. Nobody may learn of an actor that never was, and nothing it asked
    /// for may outlive it: the slot's next actor must not meet its timers.
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
            let tells = relations.exit(pid, &ExitReason::Normal(None));
            self.untold.extend(tells.filter(|tell| !matches!(tell.signal, Signal::Down { .. })));
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
            if self.shared.directory.counts_messages() {
                self.shared.reserve(pid)?;
            }
            self.push(slot, Envelope { from: parent, topic, payload });
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
        let (relations, on_exit) = match extra {
            Some(extra) => self.settle(pid, *extra, reason.failure()),
            None => Default::default(),
        };
        if let Some(hook) = on_exit {
            let _ = catch_unwind(AssertUnwindSafe(|| hook(&reason)));
        }
        self.leave(index);
        if !relations.is_empty() {
            self.untold.extend(relations.exit(pid, &reason));
        }
        self.tell();
    }

    /// Ends what an actor had begun: its timers, and what it asked of other workers. Gives back what is left.
    fn settle(&mut self, pid: Pid, extra: Extra, failure: Option<&Arc<Failure>>) -> (Relations, Option<ExitHook>) {
        let Extra { mut relations, timers, on_exit, deadline, asked, spawning } = extra;
        for timer in timers.into_iter().chain(deadline.map(|deadline| deadline.timer)) {
            self.timers.stop(timer);
        }
        // The target has the question by the time it hears of this end, and so the other half of the relation.
        for asked in asked.into_iter().filter(|asked| !asked.undone) {
            match asked.kind {
                Kind::Monitor => relations.watch(asked.target),
                Kind::Link => relations.link(asked.target),
            };
        }
        if let Some(failure) = failure {
            self.late.extend(spawning.into_iter().map(|token| ((pid, token), Arc::clone(failure))));
        }
        (relations, on_exit)
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

    /// Makes room for the slot's next actor, and for one more on the host.
    fn leave(&mut self, index: u32) {
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

    /// What came of a spawn elsewhere. Whatever the new actor does in its steps, its end included, comes after this.
    fn spawned(&mut self, to: Pid, token: u64, relation: Relation, result: Result<Pid, ActorError>) {
        let parent = self.local_slot(to);
        let failure = self.late.remove(&(to, token));
        if let Some(parent) = parent {
            let spawning = &mut self.extra(parent).spawning;
            if let Some(which) = spawning.iter().position(|other| *other == token) {
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
        self.notice(to, Notice::Answer { token, answer: Answer::Spawned(result) });
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
