//! What arrives: messages, signals, notices and timers.

use super::*;

impl Core {
    #[inline]
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

    /// Whether that actor is here and understands values that stay on their worker.
    pub(crate) fn shares_local(&self, to: Pid) -> bool {
        self.local_slot(to).is_some_and(|slot| self.slots[slot as usize].mailbox.accepts_local())
    }

    /// Queues a message whose room is reserved.
    #[inline(always)]
    pub(super) fn push(&mut self, slot: u32, envelope: Envelope) {
        let place = &mut self.slots[slot as usize];
        // It has no limit of its own.
        let _ = place.mailbox.push(envelope);
        if place.wake() {
            self.queue.push(slot);
        }
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

    /// When an actor learns of an end: all who are told one after the other learn of it at the same time.
    fn learnt_at(&mut self) -> SystemTime {
        if !self.telling {
            return self.shared.clock.wall();
        }
        *self.learnt_at.get_or_insert_with(|| self.shared.clock.wall())
    }

    fn down(&mut self, slot: u32, from: Pid, reason: ExitReason) {
        if self.extra(slot).relations.down(from) {
            let at = self.learnt_at();
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

    pub(super) fn cancelled(
        &mut self,
        slot: u32,
        from: Option<Pid>,
        deadline: Option<Instant>,
        reason: Option<Arc<str>>,
    ) {
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

    pub(crate) fn notice(&mut self, to: Pid, era: u32, notice: Notice) {
        let Some(index) = self.local_slot(to).filter(|slot| self.slots[*slot as usize].era == era) else { return };
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
                    let era = self.slots[target.slot as usize].era;
                    self.notice(self.pid(target.slot), era, Notice::Timer { token });
                }
                Due::CancelDeadline => {
                    if let Some(deadline) = self.extra(target.slot).deadline.take() {
                        self.end(target.slot, deadline.failure);
                    }
                }
            }
        }
    }
}
