mod end;
mod lap;
mod outside;
mod queue;
mod relate;
mod signals;
mod start;

use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use indexmap::IndexSet;
use perilune_actor_core::{
    Actor, ActorError, ActorFactory, ActorInfo, ActorState, Answer, Envelope, ErrorKind, Event, ExitHook, ExitReason,
    Failure, HostId, Instant, LinkDown, Mailbox, NameRegistry, Notice, Pid, Placement, Relation, Relations, Signal,
    Spawn, Step, Tell, TimerId, WorkerInfo,
};
use rustc_hash::FxBuildHasher;

use crate::context::LocalContext;
use crate::directory::{Address, Counted, MAX_SLOTS};
use crate::host::Host;
use crate::inject::{Inject, Kind, Reply, Ticket};
use crate::scheduler::Shared;
use crate::timers::{Due, Target, Timers};
use lap::Lap;
use queue::RunQueue;

/// Everything one worker owns: its actors, their mailboxes and relations, the run queue and the timers.
///
/// Time and other workers are reached through `shared`. Only the worker's thread touches it.
pub(crate) struct Core {
    pub(crate) shared: Arc<Shared>,
    pub(crate) worker: usize,
    pub(crate) timers: Timers,
    queue: RunQueue,
    slots: Vec<Slot>,
    free: Vec<u32>,
    live: usize,
    slices: u64,
    running: bool,
    lap: Lap,
    hosts: Vec<Option<Arc<Host>>>,
    untold: VecDeque<Tell>,
    telling: bool,
    /// When those learn of an end who are being told.
    learnt_at: Option<SystemTime>,
    /// Failures of actors that had asked other workers for linked ones, until those are there and can be told.
    late: HashMap<(Pid, Ticket), Arc<Failure>, FxBuildHasher>,
    // Dropped after the actors, which may use it while they are dropped.
    pub(crate) local: Box<dyn Any>,
}

/// Room for one actor after the other.
struct Slot {
    generation: u32,
    /// How often the actor has become something else.
    era: u32,
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

impl Slot {
    /// It shall have a turn. Says whether the run queue does not name it yet, and must.
    #[inline]
    fn make_ready(&mut self) -> bool {
        self.state = State::Ready;
        !std::mem::replace(&mut self.queued, true)
    }

    /// Something has come for it. Says the same.
    #[inline]
    fn wake(&mut self) -> bool {
        match self.state {
            State::Waiting => self.make_ready(),
            State::Running => {
                self.state = State::Ready;
                false
            }
            State::Free | State::Creating | State::Ready => false,
        }
    }
}

/// What most actors never need.
#[derive(Default)]
struct Extra {
    relations: Relations,
    timers: IndexSet<TimerId, FxBuildHasher>,
    on_exit: Option<ExitHook>,
    deadline: Option<Deadline>,
    asked: Vec<Asked>,
    spawning: Vec<Ticket>,
}

/// A relation that another worker has not confirmed yet.
struct Asked {
    target: Pid,
    kind: Kind,
    ticket: Option<Ticket>,
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
            queue: RunQueue::default(),
            slots: Vec::new(),
            free: Vec::new(),
            live: 0,
            slices: 0,
            running: false,
            lap: Lap::default(),
            hosts: Vec::new(),
            untold: VecDeque::new(),
            telling: false,
            learnt_at: None,
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

    pub(crate) fn ticket(&self, slot: u32, token: u64) -> Ticket {
        Ticket { token, era: self.slots[slot as usize].era }
    }

    pub(crate) fn traps(&self, slot: u32) -> bool {
        self.slots[slot as usize].trap_links
    }

    fn extra(&mut self, slot: u32) -> &mut Extra {
        self.slots[slot as usize].extra.get_or_insert_default()
    }

    /// A host, once it was looked up.
    fn known_host(&self, id: HostId) -> Option<&Host> {
        self.hosts.get(id.index())?.as_deref()
    }

    fn host(&mut self, id: HostId) -> Option<&Host> {
        if self.known_host(id).is_none() {
            let host = self.shared.host(id)?;
            if self.hosts.len() <= id.index() {
                self.hosts.resize_with(id.index() + 1, || None);
            }
            self.hosts[id.index()] = Some(host);
        }
        self.known_host(id)
    }

    // --- running

    /// Runs the next slice. False when nobody is ready.
    pub(crate) fn run_one(&mut self) -> bool {
        let Some(index) = self.queue.pop() else { return false };
        let slot = &mut self.slots[index as usize];
        slot.queued = false;
        if slot.state != State::Ready {
            return true;
        }
        let Some(mut actor) = slot.actor.take() else { return true };
        slot.state = State::Running;
        self.slices += 1;
        let step = self.guarded(|core| actor.step(&mut LocalContext { core, slot: index }));
        self.queue.settle();
        let slot = &mut self.slots[index as usize];
        slot.actor = Some(actor);
        let step = match step {
            Ok(step) if slot.doomed.is_none() => step,
            step => Step::Exit(reason_to_end(step, slot.doomed.as_ref())),
        };
        match step {
            Step::Wait if slot.state == State::Running => slot.state = State::Waiting,
            // Something arrived during the step that the actor may not have looked at.
            Step::Wait => self.enqueue(index),
            Step::Yield => {
                slot.state = State::Ready;
                // Not queued: it has been running.
                slot.queued = true;
                self.queue.push_spent(index);
            }
            Step::Become(factory) => self.transform(index, factory),
            Step::Exit(reason) => self.finish(index, reason),
        }
        true
    }

    fn enqueue(&mut self, index: u32) {
        if self.slots[index as usize].make_ready() {
            self.queue.push(index);
        }
    }

    /// The same for an actor that was just made.
    fn enqueue_born(&mut self, index: u32) {
        if self.slots[index as usize].make_ready() {
            self.queue.push_born(index);
        }
    }

    /// Runs code of an actor, so that a panic ends the actor alone, and the ticker interrupts it when it takes long.
    fn guarded<R>(&mut self, run: impl FnOnce(&mut Self) -> R) -> std::thread::Result<R> {
        // An actor that starts another one is part of a slice already.
        if std::mem::replace(&mut self.running, true) {
            return catch_unwind(AssertUnwindSafe(|| run(self)));
        }
        self.shared.ticker.begin(self.worker);
        let result = catch_unwind(AssertUnwindSafe(|| run(self)));
        self.shared.ticker.end(self.worker);
        self.running = false;
        result
    }

    fn wake(&mut self, index: u32) {
        if self.slots[index as usize].wake() {
            self.queue.push(index);
        }
    }

    /// At least one tick has passed while actors ran.
    pub(crate) fn tick(&mut self) {
        self.queue.tick();
        if let Some(crowded) = self.lap.look(std::time::Instant::now(), &self.queue) {
            self.shared.loads[self.worker].crowded.store(crowded, Ordering::Relaxed);
        }
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.queue.is_empty()
    }

    /// Nobody waits for a turn.
    pub(crate) fn drained(&mut self) {
        self.lap.stop();
        let crowded = &self.shared.loads[self.worker].crowded;
        if crowded.load(Ordering::Relaxed) {
            crowded.store(false, Ordering::Relaxed);
        }
    }

    pub(crate) fn publish_load(&self) {
        let load = self.queue.len() + usize::from(self.running);
        self.shared.loads[self.worker].runnable.store(load, Ordering::Relaxed);
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

/// Why an actor ends that is doomed or has panicked.
#[cold]
fn reason_to_end(step: std::thread::Result<Step>, doomed: Option<&Arc<Failure>>) -> ExitReason {
    match (step, doomed) {
        (_, Some(failure)) => ExitReason::Failed(Arc::clone(failure)),
        (Err(panic), None) => ExitReason::failed(panic_failure(&*panic)),
        (Ok(_), None) => ExitReason::Normal(None),
    }
}

fn panic_failure(panic: &(dyn Any + Send)) -> Failure {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("unknown");
    Failure::new(ErrorKind::Internal, format!("panic in the runtime: {text}"))
}
