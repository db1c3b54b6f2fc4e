//! The one way an actor ends.

use super::*;

impl FakeWorker {
    /// The order is the promise: the address and the names go first, then the actor's own things, and only then does
    /// anybody learn of it.
    pub(super) fn finish(&mut self, pid: Pid, reason: ExitReason) {
        self.settle_all(pid);
        self.node.close(pid);
        let Some(Place { actor, relations, on_exit, .. }) = self.remove(pid) else { return };
        let _ = catch_unwind(AssertUnwindSafe(|| drop(actor)));
        if let Some(hook) = on_exit {
            let _ = catch_unwind(AssertUnwindSafe(|| hook(&reason)));
        }
        self.node.leave(pid.host());
        relations.exit(pid, &reason, |tell| self.untold.push_back(tell));
        if self.recording {
            self.ended.insert(pid, reason);
        }
        self.tell();
    }

    /// Takes back an actor that could not be made. Its parent may not learn of an actor that never was.
    pub(super) fn abandon(&mut self, pid: Pid, parent: Option<Pid>) {
        if let Some(parent) = parent {
            self.signal(parent, Signal::Unlinked(pid));
            if let Some(parent) = self.places.get_mut(&parent) {
                parent.relations.unwatch(pid);
            }
        }
        self.settle_all(pid);
        self.node.close(pid);
        let Some(Place { relations, .. }) = self.remove(pid) else { return };
        self.node.leave(pid.host());
        let gone = ExitReason::failed(self.node.not_found(pid).into());
        relations.exit(pid, &ExitReason::Normal(None), |mut tell| {
            // Whoever monitors it already, because its factory started others, gets what comes of coming too late.
            if let Signal::Down { reason, .. } = &mut tell.signal {
                reason.clone_from(&gone);
            }
            self.untold.push_back(tell);
        });
        self.tell();
    }

    fn remove(&mut self, pid: Pid) -> Option<Place> {
        self.timers.retain(|_, (owner, _)| *owner != pid);
        self.places.remove(&pid)
    }

    /// Tells one after the other, so that a long chain of links needs no deep stack.
    fn tell(&mut self) {
        if std::mem::replace(&mut self.telling, true) {
            return;
        }
        while let Some(Tell { to, signal }) = self.untold.pop_front() {
            self.signal(to, signal);
        }
        self.telling = false;
    }

    /// Ends an actor from outside; one that is in the middle of a step when that returns.
    pub(super) fn end(&mut self, pid: Pid, failure: Arc<Failure>) {
        let place = self.place(pid);
        if place.actor.is_some() {
            self.finish(pid, ExitReason::Failed(failure));
        } else {
            place.doomed.get_or_insert(failure);
        }
    }

    pub(super) fn cancelled(&mut self, pid: Pid, from: Option<Pid>, due: Option<Instant>, reason: Option<Arc<str>>) {
        let (now, at) = (self.clock.now(), self.clock.wall());
        let sooner = |due: &Instant| {
            self.places.get(&pid).and_then(|place| place.deadline.as_ref()).is_none_or(|(timer, _)| *due < timer.due)
        };
        if let Some(due) = due.filter(sooner) {
            let failure = Arc::new(match &reason {
                Some(reason) => {
                    let text = format!("{reason}: process did not end in time");
                    Failure::new(ErrorKind::Unavailable, text).retryable()
                }
                None => Failure::new(ErrorKind::Timeout, "cancel deadline exceeded"),
            });
            let timer = self.start_timer(pid, due, Due::CancelDeadline);
            if let Some((old, _)) = self.place(pid).deadline.replace((timer, failure)) {
                self.timers.remove(&old);
            }
        }
        let deadline = due.and_then(|due| at.checked_add(due.since(now)));
        self.event(pid, Event::Cancel { from, deadline, reason, at });
    }

    /// Ends everything, without telling anybody but those outside.
    pub(super) fn stop(&mut self) {
        let failure = Arc::new(Failure::new(ErrorKind::Unavailable, "runtime is shutting down"));
        self.node.stop();
        self.telling = true;
        while let Some(pid) = self.places.keys().next().copied() {
            self.finish(pid, ExitReason::Failed(Arc::clone(&failure)));
        }
        self.untold.clear();
        self.telling = false;
    }
}
