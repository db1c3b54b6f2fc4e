//! What arrives: messages, signals and timers.

use super::*;

impl FakeWorker {
    /// What arrives at a live actor. Room for a message is reserved.
    pub(super) fn signal(&mut self, to: Pid, signal: Signal) {
        let at = self.clock.wall();
        let Some(place) = self.places.get_mut(&to) else { return };
        match signal {
            Signal::Message(envelope) => {
                // It has no limit of its own.
                let _ = place.mailbox.push(envelope);
                self.wake(to);
            }
            Signal::Down { from, reason } => {
                let watched = place.relations.down(from);
                if watched {
                    self.event(to, Event::Down { from, reason, at });
                }
            }
            Signal::LinkDown { from, failure } => match place.relations.link_down(from, place.trap_links) {
                LinkDown::Ignore => {}
                LinkDown::Deliver => self.event(to, Event::LinkDown { from, failure, at }),
                LinkDown::Fail => {
                    let message = format!("linked process failed: {from}");
                    let cause = Some(failure);
                    self.end(to, Arc::new(Failure { cause, ..Failure::new(ErrorKind::Internal, message) }));
                }
            },
            Signal::Linked(from) => drop(place.relations.link(from)),
            Signal::Unlinked(from) => drop(place.relations.unlink(from)),
            Signal::Monitor(from) => place.relations.add_watcher(from),
            Signal::Unmonitor(from) => place.relations.remove_watcher(from),
            Signal::Cancel { from, deadline, reason } => self.cancelled(to, from, deadline, reason),
            Signal::Terminate(failure) => self.end(to, failure),
            _ => {}
        }
    }

    /// A notice for the actor as it was in that era.
    pub(super) fn notice_of(&mut self, era: u64, to: Pid, notice: Notice) {
        if self.places.get(&to).is_some_and(|place| place.era == era) {
            self.notice(to, notice);
        }
    }

    pub(super) fn start_timer(&mut self, pid: Pid, due: Instant, what: Due) -> TimerId {
        self.timer_serial += 1;
        let timer = TimerId { due, serial: self.timer_serial };
        self.timers.insert(timer, (pid, what));
        timer
    }

    pub(super) fn fire_timers(&mut self) {
        let (now, last) = (self.clock.now(), self.timer_serial);
        // Timers started from here on wait for the next look, or one that always starts another would go on for ever.
        loop {
            let mut due = self.timers.keys().take_while(|timer| timer.due <= now);
            let Some(timer) = due.find(|timer| timer.serial <= last).copied() else { return };
            let Some((pid, what)) = self.timers.remove(&timer) else { return };
            match what {
                Due::Notice(token) => self.notice(pid, Notice::Timer { token }),
                Due::CancelDeadline => {
                    if let Some((_, failure)) = self.place(pid).deadline.take() {
                        self.end(pid, failure);
                    }
                }
            }
        }
    }
}
