use std::any::Any;
use std::time::{Duration, SystemTime};

use perilune_actor_core::{
    ActorError, Context, Envelope, Failure, Instant, Mailbox, NameRegistry, Outcome, Pid, Signal, Spawn, TimerId,
    Topic, Value, Waker,
};

use super::relate::Kind;
use super::{Asked, Due, FakeWorker};

/// A [`FakeWorker`], speaking for one of its actors.
pub struct FakeContext<'a> {
    pub(super) worker: &'a mut FakeWorker,
    pub(super) pid: Pid,
}

impl FakeContext<'_> {
    fn note(&mut self, asked: impl FnOnce() -> Asked) {
        self.worker.note(Some(self.pid), asked);
    }
}

impl Context for FakeContext<'_> {
    fn pid(&self) -> Pid {
        self.pid
    }

    fn now(&self) -> Instant {
        self.worker.clock.now()
    }

    fn wall(&self) -> SystemTime {
        self.worker.clock.wall()
    }

    fn mailbox(&mut self) -> &mut Mailbox {
        self.worker.mailbox(self.pid)
    }

    fn local(&mut self) -> &mut dyn Any {
        &mut *self.worker.local
    }

    fn send(&mut self, to: Pid, topic: Topic, payload: Value) -> Result<(), ActorError> {
        self.note(|| Asked::Send { to, topic: topic.clone(), payload: payload.clone() });
        let from = Some(self.pid);
        self.worker.deliver(to, Signal::Message(Envelope { from, topic, payload }))
    }

    fn spawn(&mut self, spawn: Spawn, token: Option<u64>) -> Outcome<Pid> {
        self.worker.spawn_for(Some(self.pid), spawn, token)
    }

    fn monitor(&mut self, target: Pid, token: Option<u64>) -> Outcome<()> {
        self.note(|| Asked::Monitor { target, token });
        self.worker.relate(self.pid, target, Kind::Monitor, token)
    }

    fn unmonitor(&mut self, target: Pid) {
        self.note(|| Asked::Unmonitor(target));
        self.worker.unrelate(self.pid, target, Kind::Monitor);
    }

    fn link(&mut self, target: Pid, token: Option<u64>) -> Outcome<()> {
        self.note(|| Asked::Link { target, token });
        self.worker.relate(self.pid, target, Kind::Link, token)
    }

    fn unlink(&mut self, target: Pid) {
        self.note(|| Asked::Unlink(target));
        self.worker.unrelate(self.pid, target, Kind::Link);
    }

    fn trap_links(&self) -> bool {
        self.worker.places.get(&self.pid).is_some_and(|place| place.trap_links)
    }

    fn set_trap_links(&mut self, trap: bool) {
        self.note(|| Asked::TrapLinks(trap));
        self.worker.place(self.pid).trap_links = trap;
    }

    fn cancel(&mut self, target: Pid, deadline: Option<Duration>) -> Result<(), ActorError> {
        self.note(|| Asked::Cancel { target, deadline });
        let deadline = deadline.map(|delay| self.now().after(delay));
        self.worker.deliver(target, Signal::Cancel { from: Some(self.pid), deadline, reason: None })
    }

    fn terminate(&mut self, target: Pid, failure: Failure) -> Result<(), ActorError> {
        self.note(|| Asked::Terminate { target, failure: failure.clone() });
        self.worker.deliver(target, Signal::Terminate(failure.into()))
    }

    fn register(&mut self, name: &str, pid: Pid) -> Result<(), ActorError> {
        self.note(|| Asked::Register { name: name.into(), pid });
        self.worker.node.register(name, pid)
    }

    fn unregister(&mut self, name: &str) -> bool {
        self.note(|| Asked::Unregister(name.into()));
        self.worker.node.unregister(name)
    }

    fn whereis(&self, name: &str) -> Option<Pid> {
        self.worker.node.whereis(name)
    }

    fn is_alive(&self, pid: Pid) -> bool {
        self.worker.node.is_live(pid)
    }

    fn start_timer(&mut self, delay: Duration, token: u64) -> TimerId {
        self.note(|| Asked::StartTimer { delay, token });
        let due = self.now().after(delay);
        self.worker.start_timer(self.pid, due, Due::Notice(token))
    }

    fn stop_timer(&mut self, timer: TimerId) -> bool {
        self.note(|| Asked::StopTimer(timer));
        let mine = self.worker.timers.get(&timer).is_some_and(|(pid, what)| {
            // The deadline of a cancel is not for the actor to stop.
            *pid == self.pid && *what != Due::CancelDeadline
        });
        mine && self.worker.timers.remove(&timer).is_some()
    }

    fn completion(&mut self, token: u64) -> Box<dyn FnOnce(Box<dyn Any + Send>) + Send> {
        self.note(|| Asked::Completion(token));
        self.worker.promise(self.pid, token)
    }

    fn waker(&mut self) -> Waker {
        self.note(|| Asked::Waker);
        self.worker.waker(self.pid)
    }

    fn is_doomed(&self) -> bool {
        self.worker.places.get(&self.pid).is_some_and(|place| place.doomed.is_some())
            || self.worker.node.is_doomed(self.pid)
    }
}
