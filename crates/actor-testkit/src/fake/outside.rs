//! What other threads ask of the worker.

use std::sync::atomic::Ordering;

use perilune_actor_core::{ActorInfo, ActorState, Spawn, Waker, WorkerInfo};

use super::*;

/// What another thread asks.
pub(super) enum Outside {
    /// Work that an actor was promised the end of is done.
    Completion { to: Pid, token: u64, era: u64, result: Box<dyn Any + Send> },
    /// An actor shall look at what there is.
    Wake(Pid),
    /// For an actor. It is admitted.
    Signal { to: Pid, signal: Signal },
    /// Start an actor.
    Spawn { spawn: Box<Spawn>, reply: Sender<Result<Pid, ActorError>> },
    /// Cancel every actor of a host that is closed.
    StopHost { host: HostId, grace: Duration, reason: Arc<str> },
    /// What is there?
    Inspect(Sender<(WorkerInfo, Vec<ActorInfo>)>),
    /// What was asked for?
    Asked(Sender<Vec<(Option<Pid>, Asked)>>),
    /// The clock was moved.
    Look,
    /// End all actors and leave.
    Stop,
}

/// Counts a promise until it is kept or forgotten.
struct Promise {
    promised: Arc<AtomicUsize>,
    inbox: Sender<Outside>,
}

impl Drop for Promise {
    fn drop(&mut self) {
        self.promised.fetch_sub(1, Ordering::AcqRel);
    }
}

impl FakeWorker {
    pub(super) fn promise(&mut self, to: Pid, token: u64) -> Box<dyn FnOnce(Box<dyn Any + Send>) + Send> {
        self.promised.fetch_add(1, Ordering::AcqRel);
        let era = self.place(to).era;
        let promise = Promise { promised: Arc::clone(&self.promised), inbox: self.inbox.clone() };
        Box::new(move |result| {
            // A worker that is gone needs nothing any more.
            let _ = promise.inbox.send(Outside::Completion { to, token, era, result });
        })
    }

    pub(super) fn waker(&mut self, to: Pid) -> Waker {
        let inbox = self.inbox.clone();
        Arc::new(move || drop(inbox.send(Outside::Wake(to))))
    }

    /// Does what other threads have asked for so far. False when the worker shall leave.
    pub(super) fn take_outside(&mut self) -> bool {
        while let Ok(outside) = self.outside.try_recv() {
            if !self.handle(outside) {
                return false;
            }
        }
        true
    }

    pub(super) fn handle(&mut self, outside: Outside) -> bool {
        match outside {
            Outside::Completion { to, token, era, result } => {
                self.notice_of(era, to, Notice::Completion { token, result });
            }
            Outside::Wake(to) if self.is_alive(to) => self.wake(to),
            Outside::Wake(_) => {}
            Outside::Signal { to, signal } => {
                self.note(None, || Asked::Deliver { to, signal: signal.clone() });
                self.signal(to, signal);
            }
            Outside::Spawn { spawn, reply } => drop(reply.send(self.spawn(*spawn))),
            Outside::StopHost { host, grace, reason } => {
                self.note(None, || Asked::StopHost { host, grace, reason: Arc::clone(&reason) });
                self.cancel_all(host, grace, &reason);
            }
            Outside::Inspect(reply) => drop(reply.send(self.inspect())),
            Outside::Asked(reply) => drop(reply.send(std::mem::take(&mut self.asked))),
            Outside::Look => {}
            Outside::Stop => return false,
        }
        true
    }

    /// Stops a host as a scheduler does: no new actors, and a cancel with that deadline to those that are there. It does
    /// not wait for them.
    pub fn stop_host(&mut self, host: HostId, grace: Duration, reason: &Arc<str>) {
        self.node.close_host(host);
        self.cancel_all(host, grace, reason);
    }

    fn cancel_all(&mut self, host: HostId, grace: Duration, reason: &Arc<str>) {
        let deadline = Some(self.clock.now().after(grace));
        let pids: Vec<_> = self.places.keys().copied().filter(|pid| pid.host() == host).collect();
        for pid in pids {
            self.signal(pid, Signal::Cancel { from: None, deadline, reason: Some(Arc::clone(reason)) });
        }
    }

    /// What there is to see of the live actors and the worker.
    pub fn inspect(&self) -> (WorkerInfo, Vec<ActorInfo>) {
        let mut info = WorkerInfo::default();
        info.actors = self.places.len();
        info.runnable = self.places.values().filter(|place| place.state == State::Ready).count();
        info.timers = self.timers.values().filter(|(_, what)| *what != Due::CancelDeadline).count();
        info.pending = self.promised.load(Ordering::Acquire);
        info.slices = self.slices;
        (info, self.places.iter().map(|(pid, place)| self.inspect_actor(*pid, place)).collect())
    }

    fn inspect_actor(&self, pid: Pid, place: &Place) -> ActorInfo {
        let mut info = ActorInfo::new(pid, 0);
        info.state = match place.state {
            State::Creating | State::Running => ActorState::Running,
            State::Waiting => ActorState::Waiting,
            State::Ready => ActorState::Ready,
        };
        info.mailbox = place.mailbox.len();
        info.events = place.mailbox.events_len();
        info.relations = place.relations.counts();
        let mine = |(owner, what): &&(Pid, Due)| *owner == pid && *what != Due::CancelDeadline;
        info.timers = self.timers.values().filter(mine).count();
        info.names = self.node.names_of(pid);
        info
    }
}
