use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use perilune_actor_core::{
    Actor, ActorError, ActorInfo, Context, ExitReason, Failure, HostId, HostSpec, Notice, Pid, Placement, Scheduler,
    Spawn, Step,
};

use crate::clock::VirtualClock;
use crate::harness::{Harness, Setup};
use crate::probe::{Plan, Probe};

/// How long a case waits for something that must come. Far more than any machine needs.
const PATIENCE: Duration = Duration::from_secs(120);

/// Receives, and fails the case when nothing comes.
///
/// # Panics
/// Nothing came, or the sender is gone.
pub fn wait<T>(from: &Receiver<T>, what: &str) -> T {
    match from.recv_timeout(PATIENCE) {
        Ok(value) => value,
        Err(RecvTimeoutError::Timeout) => panic!("waited in vain for {what}"),
        Err(RecvTimeoutError::Disconnected) => panic!("nobody is left to give {what}"),
    }
}

/// A scheduler with one host, and what cases do with them.
pub struct Stage<'a, H: Harness> {
    harness: &'a H,
    /// What is tried.
    pub scheduler: H::Scheduler,
    /// Where actors start unless a case says otherwise.
    pub host: HostId,
    clock: Option<Arc<VirtualClock>>,
}

impl<'a, H: Harness> Stage<'a, H> {
    /// Plain: the machine's clock, mailboxes without limit.
    pub fn new(harness: &'a H) -> Self {
        Self::with(harness, Setup::default())
    }

    /// With a virtual clock, or `None` (and a word about it) when the scheduler cannot.
    pub fn with_clock(harness: &'a H) -> Option<Self> {
        if !harness.capabilities().virtual_clock {
            eprintln!("skipped: needs a virtual clock");
            return None;
        }
        Some(Self::with(harness, Setup { clock: Some(Arc::default()), ..Setup::default() }))
    }

    /// With limited mailboxes, or `None` (and a word about it) when the scheduler cannot.
    pub fn with_limit(harness: &'a H, limit: usize) -> Option<Self> {
        if !harness.capabilities().mailbox_limit {
            eprintln!("skipped: needs limited mailboxes");
            return None;
        }
        Some(Self::with(harness, Setup { mailbox_limit: Some(limit), ..Setup::default() }))
    }

    fn with(harness: &'a H, setup: Setup) -> Self {
        let clock = setup.clock.clone();
        let scheduler = harness.start(setup);
        let host = HostId::new("testkit");
        scheduler.add_host(HostSpec { placement: Placement::Spread, ..HostSpec::new(host) });
        Self { harness, scheduler, host, clock }
    }

    /// Lets virtual time pass.
    ///
    /// # Panics
    /// The stage has no virtual clock.
    pub fn advance(&self, by: Duration) {
        self.clock.as_ref().expect("a stage with a clock").advance(by);
        self.harness.clock_moved(&self.scheduler);
    }

    /// Returns when what ended actors sent has arrived.
    pub fn settle(&self) {
        self.harness.settle(&self.scheduler);
    }

    /// A probe, on the next worker in turn.
    pub fn probe(&self) -> Probe {
        self.probe_with(Plan::default())
    }

    /// A probe as planned.
    ///
    /// # Panics
    /// The spawn fails.
    pub fn probe_with(&self, plan: Plan) -> Probe {
        self.try_probe(plan).expect("a probe")
    }

    /// A probe as planned.
    ///
    /// # Errors
    /// The spawn fails.
    pub fn try_probe(&self, plan: Plan) -> Result<Probe, ActorError> {
        self.try_probe_on(self.host, plan)
    }

    /// A probe as planned, on another host.
    ///
    /// # Errors
    /// The spawn fails.
    pub fn try_probe_on(&self, host: HostId, plan: Plan) -> Result<Probe, ActorError> {
        let (spawn, rehearsal) = Probe::rehearse(host, plan);
        self.scheduler.spawn(spawn).map(|pid| rehearsal.start(pid))
    }

    /// An actor that does whatever `step` does.
    ///
    /// # Panics
    /// The spawn fails.
    pub fn act(&self, step: impl FnMut(&mut dyn Context) -> Step + Send + 'static) -> Acting {
        let (spawn, ended) = acting(self.host, step);
        Acting { pid: self.scheduler.spawn(spawn).expect("an actor"), ended }
    }

    /// A host whose actors share one worker, and something that `start` started on another one, if there is another. What
    /// it started before that stays where it is.
    ///
    /// # Panics
    /// An actor has ended already.
    pub fn apart<A>(&self, start: impl Fn() -> A, pid: impl Fn(&A) -> Pid) -> (HostId, A) {
        let together = HostId::new("testkit together");
        self.scheduler.add_host(HostSpec { workers: 1, ..HostSpec::new(together) });
        let sample = self.try_probe_on(together, Plan::default()).expect("a probe");
        let worker = |pid| self.find(pid).expect("a live actor").worker;
        let (there, workers) = (worker(sample.pid()), self.scheduler.workers().len());
        sample.finish();
        sample.ended();
        let mut actor = start();
        // Spread in turn, so that the second is elsewhere.
        for _ in 0..workers {
            if worker(pid(&actor)) != there {
                break;
            }
            actor = start();
        }
        (together, actor)
    }

    /// What the live view says of an actor.
    pub fn find(&self, pid: Pid) -> Option<ActorInfo> {
        self.scheduler.actors().into_iter().find(|info| info.pid == pid)
    }

    /// Checks that no actor and no timer is left.
    ///
    /// # Panics
    /// Something is left.
    pub fn is_empty(&self) {
        let (actors, workers) = (self.scheduler.actors(), self.scheduler.workers());
        assert!(actors.is_empty(), "still alive: {actors:?}");
        assert!(
            workers.iter().all(|worker| worker.actors == 0 && worker.timers == 0),
            "something is left: {workers:?}"
        );
    }
}

/// An actor without a script.
pub struct Acting {
    /// Its pid.
    pub pid: Pid,
    /// Gives the reason of its end.
    pub ended: Receiver<ExitReason>,
}

/// A spawn of an actor that does whatever `step` does, and what tells of its end.
pub fn acting(
    host: HostId,
    step: impl FnMut(&mut dyn Context) -> Step + Send + 'static,
) -> (Spawn, Receiver<ExitReason>) {
    let mut spawn = Spawn::new(
        host,
        Box::new(|_: &mut dyn Context| -> Result<Box<dyn Actor>, Failure> { Ok(Box::new(Act(step))) }),
    );
    let (tell, ended) = bounded(1);
    spawn.on_exit = Some(Box::new(move |reason| {
        let _ = tell.send(reason.clone());
    }));
    (spawn, ended)
}

struct Act<F>(F);

impl<F: FnMut(&mut dyn Context) -> Step> Actor for Act<F> {
    fn step(&mut self, cx: &mut dyn Context) -> Step {
        (self.0)(cx)
    }

    fn notice(&mut self, _: Notice, _: &mut dyn Context) {}
}
