//! The one way an actor ends.

use super::*;

impl Core {
    /// The one way an actor ends. The order is the promise: the address and the names go first, then the actor's own
    /// things, and only then does anybody learn of it.
    pub(super) fn finish(&mut self, index: u32, reason: ExitReason) {
        let pid = self.pid(index);
        // Code of others may run before the next one is told something.
        self.learnt_at = None;
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
        self.tell_all(relations, pid, &reason);
    }

    /// Tells everybody related to an actor that has ended of its end, unless somebody else is being told: then after them.
    fn tell_all(&mut self, relations: Relations, pid: Pid, reason: &ExitReason) {
        if relations.is_empty() {
            return self.tell();
        }
        if self.telling {
            return relations.exit(pid, reason, |tell| self.untold.push_back(tell));
        }
        self.telling = true;
        // What they learn may end them, but nobody is told of that before all know.
        relations.exit(pid, reason, |Tell { to, signal }| {
            let _ = self.signal(to, signal);
        });
        self.telling = false;
        self.tell();
    }

    /// Ends what an actor had begun: its timers, and what it asked of other workers. Gives back what is left.
    pub(super) fn settle(
        &mut self,
        pid: Pid,
        extra: Extra,
        failure: Option<&Arc<Failure>>,
    ) -> (Relations, Option<ExitHook>) {
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
            self.late.extend(spawning.into_iter().map(|ticket| ((pid, ticket), Arc::clone(failure))));
        }
        (relations, on_exit)
    }

    /// Tells one after the other, so that a long chain of links needs no deep stack.
    pub(super) fn tell(&mut self) {
        if std::mem::replace(&mut self.telling, true) {
            return;
        }
        while let Some(Tell { to, signal }) = self.untold.pop_front() {
            self.learnt_at = None;
            // Whoever is gone already need not know.
            let _ = self.signal(to, signal);
        }
        self.telling = false;
    }

    pub(super) fn close(&mut self, slot: u32, pid: Pid) {
        if self.shared.directory.close(self.address(slot)).named {
            self.shared.names.release(pid);
        }
    }

    /// Makes room for the slot's next actor, and for one more on the host.
    pub(super) fn leave(&mut self, index: u32) {
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
        if let Some(host) = self.known_host(host) {
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
}
