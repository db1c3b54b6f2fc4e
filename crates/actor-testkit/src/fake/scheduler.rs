use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use perilune_actor_core::{
    ActorError, ActorInfo, Clock, HostId, HostSpec, Instant, NameRegistry, Pid, Scheduler, Signal, Spawn, WorkerInfo,
};

use super::node::Node;
use super::outside::Outside;
use super::{Asked, FakeWorker};
use crate::harness::Setup;

/// A [`FakeWorker`] on a thread of its own: a scheduler for tests of whatever needs one.
///
/// It keeps every promise and hurries with none. Dropping it ends its actors and its thread.
///
/// ```
/// use perilune_actor_core::{HostId, HostSpec, Scheduler, Spawn, Step};
/// use perilune_actor_testkit::{FakeScheduler, Setup, acting};
///
/// let scheduler = FakeScheduler::start(Setup::default(), |_| ());
/// let host = HostId::new("example");
/// scheduler.add_host(HostSpec::new(host));
/// let (spawn, ended) = acting(host, |_| Step::Wait);
/// let pid = scheduler.spawn(spawn).unwrap();
/// assert_eq!(scheduler.actors()[0].pid, pid);
/// scheduler.stop();
/// assert!(ended.recv().unwrap().failure().is_some());
/// ```
pub struct FakeScheduler {
    node: Arc<Node>,
    inbox: Sender<Outside>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// The machine's clocks.
struct Machine(std::time::Instant);

impl Clock for Machine {
    fn now(&self) -> Instant {
        Instant::from_start(self.0.elapsed())
    }

    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }
}

impl FakeScheduler {
    /// Starts it; without a clock, it goes by the machine's. `prepare` is called on its thread with the worker: to
    /// answer later, to record, or to give actors something local.
    ///
    /// # Panics
    /// There is no thread to be had, or `prepare` panics.
    pub fn start(setup: Setup, prepare: impl FnOnce(&mut FakeWorker) + Send + 'static) -> Self {
        let node = Arc::new(Node::new(setup.mailbox_limit));
        let moves = setup.clock.is_none();
        let clock: Arc<dyn Clock> = match setup.clock {
            Some(clock) => clock,
            None => Arc::new(Machine(std::time::Instant::now())),
        };
        let (inbox, outside) = unbounded();
        let (ready, prepared) = bounded(1);
        let (known, sender) = (Arc::clone(&node), inbox.clone());
        let run = move || {
            let mut worker = FakeWorker::with(known, clock, (sender, outside.clone()));
            prepare(&mut worker);
            let _ = ready.send(());
            drive(&mut worker, &outside, moves);
            worker.stop();
        };
        let thread = std::thread::Builder::new().name("perilune-fake".into()).spawn(run).expect("a thread");
        prepared.recv().expect("a worker that is prepared");
        Self { node, inbox, thread: Mutex::new(Some(thread)) }
    }

    /// Makes it look at the virtual clock of its [`Setup`].
    pub fn clock_moved(&self) {
        self.ask(Outside::Look);
    }

    /// What actors, and others from outside, asked for since the last look, with those who asked; nothing unless it
    /// [records](FakeWorker::record).
    pub fn asked(&self) -> Vec<(Option<Pid>, Asked)> {
        let (reply, answer) = bounded(1);
        self.ask(Outside::Asked(reply));
        answer.recv().unwrap_or_default()
    }

    fn ask(&self, outside: Outside) {
        // A worker that has left needs nothing any more.
        let _ = self.inbox.send(outside);
    }

    fn inspect(&self) -> Option<(WorkerInfo, Vec<ActorInfo>)> {
        let (reply, answer) = bounded(1);
        self.ask(Outside::Inspect(reply));
        answer.recv().ok()
    }
}

/// Runs the worker until it is told to stop.
fn drive(worker: &mut FakeWorker, outside: &Receiver<Outside>, clock_moves: bool) {
    while worker.take_outside() {
        worker.fire_timers();
        let ran = worker.run_ready();
        // Now and then even if somebody always has something to do.
        let answered = (!ran || worker.slices.is_multiple_of(8)) && worker.answer_one();
        if ran || answered {
            continue;
        }
        let due = worker.timers.keys().next().filter(|_| clock_moves);
        let next = match due {
            Some(timer) => outside.recv_timeout(timer.due.since(worker.clock.now())).ok(),
            None => outside.recv().ok(),
        };
        if next.is_some_and(|next| !worker.handle(next)) {
            return;
        }
    }
}

impl Scheduler for FakeScheduler {
    fn add_host(&self, host: HostSpec) {
        self.node.add_host(host);
    }

    fn spawn(&self, spawn: Spawn) -> Result<Pid, ActorError> {
        let host = spawn.host;
        let (reply, answer) = bounded(1);
        self.ask(Outside::Spawn { spawn: Box::new(spawn), reply });
        answer.recv().unwrap_or(Err(ActorError::HostStopping(host)))
    }

    fn deliver(&self, to: Pid, signal: Signal) -> Result<(), ActorError> {
        self.node.admit(to, &signal)?;
        self.ask(Outside::Signal { to, signal });
        Ok(())
    }

    fn names(&self) -> &dyn NameRegistry {
        &*self.node
    }

    fn actors(&self) -> Vec<ActorInfo> {
        self.inspect().map(|(_, actors)| actors).unwrap_or_default()
    }

    fn workers(&self) -> Vec<WorkerInfo> {
        self.inspect().map(|(worker, _)| worker).into_iter().collect()
    }

    fn stop_host(&self, host: HostId, grace: Duration, reason: Arc<str>) {
        // Nobody comes any more, so those that are told are all.
        if self.node.close_host(host) {
            self.ask(Outside::StopHost { host, grace, reason });
            self.node.wait_empty(host);
        }
    }

    fn stop(&self) {
        self.ask(Outside::Stop);
        let thread = self.thread.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Drop for FakeScheduler {
    fn drop(&mut self) {
        self.stop();
    }
}
