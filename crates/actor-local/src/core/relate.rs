//! Monitors and links: this worker's halves, and what it takes to agree with another worker.

use super::*;

impl Core {
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
        let ticket = token.map(|token| self.ticket(slot, token));
        let extra = self.extra(slot);
        extra.asked.push(Asked { target, kind, ticket, undone: false });
        if token.is_none() {
            extra.own_half(target, kind);
        }
        self.shared.inject(worker, Inject::Relate { target, from: me, kind, ticket });
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
    pub(super) fn related_from(&mut self, target: Pid, from: Pid, kind: Kind, ticket: Option<Ticket>) {
        let signal = match kind {
            Kind::Monitor => Signal::Monitor(from),
            Kind::Link => Signal::Linked(from),
        };
        let result = match self.local_slot(target) {
            Some(_) => self.signal(target, signal),
            None => Err(self.shared.not_found(target)),
        };
        if let Some(worker) = self.other_worker(from) {
            self.shared.inject(worker, Inject::Related { to: from, target, kind, ticket, result });
        }
    }

    /// What came of a relation that an actor here asked for. If it has ended since, it has told the target so.
    ///
    /// The answer comes before anything that the relation brings about. So an end that arrived earlier, or a link that
    /// was undone, belonged to an older relation, and the half goes in place (again) only now.
    pub(super) fn related(
        &mut self,
        to: Pid,
        target: Pid,
        kind: Kind,
        ticket: Option<Ticket>,
        result: Result<(), ActorError>,
    ) {
        let Some(slot) = self.local_slot(to) else { return };
        let extra = self.extra(slot);
        let which =
            extra.asked.iter().position(|asked| (asked.target, asked.kind, asked.ticket) == (target, kind, ticket));
        let undone = which.is_none_or(|which| extra.asked.remove(which).undone);
        match (&result, ticket) {
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
        if let Some(Ticket { token, era }) = ticket {
            self.notice(to, era, Notice::Answer { token, answer: Answer::Related(result) });
        }
    }
}
