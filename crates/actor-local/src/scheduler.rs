use std::any::Any;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use perilune_actor_core::{
    ActorError, ActorInfo, Clock, HostId, HostSpec, Instant, NameRegistry, Pid, Placement, Scheduler, Signal, Spawn,
    WorkerInfo,
};
use rustc_hash::FxBuildHasher;

use crate::clock::SystemClock;
use crate::core::Core;
use crate::directory::{Address, Directory, MAX_WORKERS, Refused};
use crate::host::Host;
use crate::inject::{Inject, Reply};
use crate::names::LocalNames;
use crate::ticker::{Interrupt, Ticker};
use crate::worker;

/// What all workers and all handles see.
pub(crate) struct Shared {
    pub(crate) clock: Arc<dyn Clock>,
    /// Whether time passes by itself.
    pub(crate) clock_moves: bool,
    pub(crate) directory: Arc<Directory>,
    pub(crate) names: LocalNames,
    pub(crate) ticker: Arc<Ticker>,
    pub(crate) loads: Box<[Load]>,
    hosts: RwLock<HashMap<HostId, Arc<Host>, FxBuildHasher>>,
    inboxes: Box<[Sender<Inject>]>,
}

/// How busy a worker is. Only hints: placement may be wrong by a little.
#[derive(Default)]
#[repr(align(64))]
pub(crate) struct Load {
    pub(crate) runnable: AtomicUsize,
    pub(crate) coming: AtomicUsize,
    /// Whether those who can run have to wait long for their turn.
    pub(crate) crowded: AtomicBool,
    /// Work outside that actors were promised the end of.
    pub(crate) pending: AtomicUsize,
}

impl Shared {
    pub(crate) fn worker_count(&self) -> usize {
        self.inboxes.len()
    }

    pub(crate) fn workers_of(&self, spec: &HostSpec) -> usize {
        match spec.workers {
            0 => self.worker_count(),
            limit => limit.min(self.worker_count()),
        }
    }

    pub(crate) fn least_loaded(&self, workers: usize) -> (usize, usize) {
        let load = |load: &Load| load.runnable.load(Ordering::Relaxed) + load.coming.load(Ordering::Relaxed);
        let loads = self.loads[..workers].iter().map(load).enumerate();
        loads.min_by_key(|&(_, load)| load).unwrap_or((0, 0))
    }

    /// Which of the first `workers` gets an actor that is going to talk to `partner`; none if it cannot be beside it.
    pub(crate) fn worker_beside(&self, partner: Option<Pid>, workers: usize) -> Option<usize> {
        let near = usize::from(Address::of(partner?)?.worker);
        if near >= workers {
            return None;
        }
        let is_crowded = |worker: usize| self.loads[worker].crowded.load(Ordering::Relaxed);
        // Crossing threads costs every message, so it takes more than a moment of work to tear the two apart.
        let others = is_crowded(near).then(|| self.least_loaded(workers).0);
        Some(others.filter(|other| !is_crowded(*other)).unwrap_or(near))
    }

    pub(crate) fn host(&self, id: HostId) -> Option<Arc<Host>> {
        self.hosts.read().unwrap_or_else(|poisoned| poisoned.into_inner()).get(&id).cloned()
    }

    pub(crate) fn is_alive(&self, pid: Pid) -> bool {
        Address::of(pid).is_some_and(|address| self.directory.is_live(address))
    }

    pub(crate) fn doom(&self, pid: Pid) {
        if let Some(address) = Address::of(pid) {
            self.directory.mark_doomed(address);
        }
    }

    pub(crate) fn not_found(&self, pid: Pid) -> ActorError {
        if self.host(pid.host()).is_some() {
            ActorError::NotFound(pid)
        } else {
            ActorError::HostNotFound(pid.host().as_str().into())
        }
    }

    /// Makes room for a message. Needed only where mailboxes are limited.
    pub(crate) fn reserve(&self, to: Pid) -> Result<(), ActorError> {
        let refused = match Address::of(to) {
            Some(address) => self.directory.reserve(address),
            None => Err(Refused::Gone),
        };
        refused.map_err(|refused| match refused {
            Refused::Gone => self.not_found(to),
            Refused::Full { limit } => ActorError::MailboxFull { pid: to, limit },
        })
    }

    /// Hands a signal to the receiver's worker.
    pub(crate) fn send(&self, to: Pid, signal: Signal) -> Result<(), ActorError> {
        let address = Address::of(to).filter(|address| self.directory.is_live(*address));
        let address = address.ok_or_else(|| self.not_found(to))?;
        if self.directory.counts_messages() && matches!(signal, Signal::Message(_)) {
            self.reserve(to)?;
        }
        self.inject(usize::from(address.worker), Inject::Signal { to, signal });
        Ok(())
    }

    pub(crate) fn inject(&self, worker: usize, inject: Inject) {
        // A worker that has left needs nothing any more.
        let _ = self.inboxes[worker].send(inject);
    }
}

/// What a worker gives its actors through [`Context::local`](perilune_actor_core::Context::local).
pub struct WorkerLocal {
    /// The value.
    pub local: Box<dyn Any>,
    /// Makes the actor that runs at this moment give up its slice soon. Called from another thread, also when the
    /// slice is over by then.
    pub interrupt: Interrupt,
}

impl Default for WorkerLocal {
    fn default() -> Self {
        Self { local: Box::new(()), interrupt: Arc::new(|| {}) }
    }
}

/// Makes a worker's local value, on the worker's thread.
type Init = dyn Fn(usize) -> Result<WorkerLocal, String> + Send + Sync;

/// Settings of a [`LocalScheduler`].
pub struct Builder {
    workers: usize,
    budget: Duration,
    mailbox_limit: Option<usize>,
    clock: Option<Arc<dyn Clock>>,
    init: Arc<Init>,
}

/// Why a scheduler did not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// The operating system gave no thread.
    Thread(std::io::Error),
    /// A worker's local value could not be made.
    Init(String),
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Thread(_) => f.write_str("could not start a worker thread"),
            Self::Init(text) => write!(f, "could not set up a worker: {text}"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Thread(error) => Some(error),
            Self::Init(_) => None,
        }
    }
}

impl Builder {
    /// Worker threads; 0 = as many as the machine has processors. At most 256.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// How long an actor may run while others wait.
    #[must_use]
    pub fn slice(mut self, budget: Duration) -> Self {
        self.budget = budget;
        self
    }

    /// How many messages a mailbox holds.
    #[must_use]
    pub fn mailbox_limit(mut self, limit: Option<usize>) -> Self {
        self.mailbox_limit = limit;
        self
    }

    /// A clock that moves only when told to; call [`LocalScheduler::clock_moved`] afterwards.
    #[must_use]
    pub fn manual_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// What each worker, by number, gives its actors.
    #[must_use]
    pub fn local(mut self, init: impl Fn(usize) -> Result<WorkerLocal, String> + Send + Sync + 'static) -> Self {
        self.init = Arc::new(init);
        self
    }

    /// Starts the workers.
    ///
    /// # Errors
    /// A thread or a worker's local value could not be had; nothing is left running.
    pub fn start(self) -> Result<LocalScheduler, StartError> {
        let count = match self.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            count => count,
        }
        .clamp(1, MAX_WORKERS);
        let (inboxes, receivers): (Vec<_>, Vec<_>) = (0..count).map(|_| unbounded()).unzip();
        let directory = Arc::new(Directory::new(count, self.mailbox_limit));
        let clock_moves = self.clock.is_none();
        let shared = Arc::new(Shared {
            clock: self.clock.unwrap_or_else(|| Arc::new(SystemClock::default())),
            clock_moves,
            names: LocalNames::new(Arc::clone(&directory)),
            directory,
            ticker: Ticker::new(count),
            loads: (0..count).map(|_| Load::default()).collect(),
            hosts: RwLock::default(),
            inboxes: inboxes.into(),
        });
        let scheduler = LocalScheduler { shared: Arc::clone(&shared), threads: Mutex::default() };
        let mut interrupts = Vec::with_capacity(count);
        for (index, inbox) in receivers.into_iter().enumerate() {
            let (thread, interrupt) = start_worker(&shared, index, inbox, &self.init)?;
            scheduler.threads.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(thread);
            interrupts.push(interrupt);
        }
        let tick = shared.ticker.start(self.budget, interrupts).map_err(StartError::Thread)?;
        scheduler.threads.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(tick);
        Ok(scheduler)
    }
}

fn start_worker(
    shared: &Arc<Shared>,
    index: usize,
    inbox: Receiver<Inject>,
    init: &Arc<Init>,
) -> Result<(JoinHandle<()>, Interrupt), StartError> {
    let (ready, made) = bounded(1);
    let (shared, init) = (Arc::clone(shared), Arc::clone(init));
    let run = move || match init(index) {
        Ok(WorkerLocal { local, interrupt }) => {
            let core = Core::new(shared, index, local);
            let _ = ready.send(Ok(interrupt));
            worker::run(core, &inbox);
        }
        Err(text) => {
            let _ = ready.send(Err(text));
        }
    };
    let thread =
        std::thread::Builder::new().name(format!("perilune-{index}")).spawn(run).map_err(StartError::Thread)?;
    match made.recv() {
        Ok(Ok(interrupt)) => Ok((thread, interrupt)),
        Ok(Err(text)) => Err(StartError::Init(text)),
        Err(_) => Err(StartError::Init("the worker thread panicked".into())),
    }
}

/// Runs actors on threads of this process. Dropping it stops them.
pub struct LocalScheduler {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl LocalScheduler {
    /// One worker per processor, slices of 2 ms, mailboxes without limit.
    pub fn builder() -> Builder {
        Builder {
            workers: 0,
            budget: Duration::from_millis(2),
            mailbox_limit: None,
            clock: None,
            init: Arc::new(|_| Ok(WorkerLocal::default())),
        }
    }

    /// The present on its clock, for whoever gives deadlines.
    pub fn now(&self) -> Instant {
        self.shared.clock.now()
    }

    /// Makes every worker look at the clock.
    pub fn clock_moved(&self) {
        for worker in 0..self.shared.worker_count() {
            self.shared.inject(worker, Inject::Look);
        }
    }

    fn inspect(&self, with_actors: bool) -> Vec<(WorkerInfo, Vec<ActorInfo>)> {
        let answers = (0..self.shared.worker_count()).map(|worker| {
            let (reply, answer) = bounded(1);
            self.shared.inject(worker, Inject::Inspect { reply, with_actors });
            answer
        });
        answers.collect::<Vec<_>>().into_iter().map(|answer| answer.recv().unwrap_or_default()).collect()
    }
}

impl Scheduler for LocalScheduler {
    fn add_host(&self, spec: HostSpec) {
        let mut hosts = self.shared.hosts.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        match hosts.entry(spec.id) {
            Entry::Occupied(known) => known.get().renew(spec),
            Entry::Vacant(free) => {
                free.insert(Arc::new(Host::new(spec)));
            }
        }
    }

    fn spawn(&self, spawn: Spawn) -> Result<Pid, ActorError> {
        let host = self.shared.host(spawn.host).ok_or_else(|| ActorError::HostNotFound(spawn.host.as_str().into()))?;
        let spec = host.spec();
        let workers = self.shared.workers_of(&spec);
        let worker = match spawn.placement.unwrap_or(spec.placement) {
            Placement::Spread => host.turn(workers),
            Placement::Local => self.shared.least_loaded(workers).0,
            _ => {
                let beside = self.shared.worker_beside(spawn.beside, workers);
                beside.unwrap_or_else(|| self.shared.least_loaded(workers).0)
            }
        };
        let (reply, answer) = bounded(1);
        self.shared.loads[worker].coming.fetch_add(1, Ordering::Relaxed);
        let reply = Reply::Thread(reply);
        self.shared.inject(worker, Inject::Spawn { spawn: Box::new(spawn), parent: None, reply });
        answer.recv().unwrap_or(Err(ActorError::HostStopping(host.id())))
    }

    fn deliver(&self, to: Pid, signal: Signal) -> Result<(), ActorError> {
        if matches!(signal, Signal::Terminate(_)) {
            self.shared.doom(to);
        }
        self.shared.send(to, signal)
    }

    fn names(&self) -> &dyn NameRegistry {
        &self.shared.names
    }

    fn actors(&self) -> Vec<ActorInfo> {
        self.inspect(true).into_iter().flat_map(|(_, actors)| actors).collect()
    }

    fn workers(&self) -> Vec<WorkerInfo> {
        self.inspect(false).into_iter().map(|(info, _)| info).collect()
    }

    fn stop_host(&self, host: HostId, grace: Duration, reason: Arc<str>) {
        let Some(host) = self.shared.host(host) else { return };
        host.stop();
        for worker in 0..self.shared.worker_count() {
            let reason = Arc::clone(&reason);
            self.shared.inject(worker, Inject::StopHost { host: host.id(), grace, reason });
        }
        // Force ends every actor at the deadline; the rest is for workers that are in the middle of a slice. Of a clock
        // that is moved by hand nobody knows when the deadline is.
        let limit = self.shared.clock_moves.then(|| grace.saturating_add(Duration::from_secs(5)));
        host.wait_empty(limit);
    }

    fn stop(&self) {
        for worker in 0..self.shared.worker_count() {
            self.shared.inject(worker, Inject::Stop);
        }
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
        let (ticks, workers): (Vec<_>, Vec<_>) =
            threads.into_iter().partition(|thread| thread.thread().name() == Some("perilune-tick"));
        // Last, because a worker in the middle of a slice must still be interrupted.
        for thread in workers {
            let _ = thread.join();
        }
        self.shared.ticker.stop();
        for thread in ticks {
            let _ = thread.join();
        }
    }
}

impl Drop for LocalScheduler {
    fn drop(&mut self) {
        self.stop();
    }
}
