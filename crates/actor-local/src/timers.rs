use std::collections::BTreeMap;

use perilune_actor_core::{Instant, TimerId};

/// Pending timers of one worker, in firing order: by time, then by start.
#[derive(Default)]
pub(crate) struct Timers {
    pending: BTreeMap<TimerId, Target>,
    /// How many of them are deadlines of cancels.
    deadlines: usize,
    serial: u64,
}

/// What a timer does when due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) slot: u32,
    pub(crate) what: Due,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Notice(u64),
    CancelDeadline,
}

impl Timers {
    pub(crate) fn start(&mut self, due: Instant, target: Target) -> TimerId {
        self.serial += 1;
        let timer = TimerId { due, serial: self.serial };
        self.pending.insert(timer, target);
        self.deadlines += usize::from(target.what == Due::CancelDeadline);
        timer
    }

    pub(crate) fn stop(&mut self, timer: TimerId) -> bool {
        let target = self.pending.remove(&timer);
        self.deadlines -= usize::from(target.is_some_and(|target| target.what == Due::CancelDeadline));
        target.is_some()
    }

    /// Takes the first timer that is due, unless it was started after [`last`](Self::last) gave `last`.
    pub(crate) fn pop(&mut self, now: Instant, last: u64) -> Option<(TimerId, Target)> {
        let first = self.pending.first_entry()?;
        if first.key().due > now || first.key().serial > last {
            return None;
        }
        let (timer, target) = first.remove_entry();
        self.deadlines -= usize::from(target.what == Due::CancelDeadline);
        Some((timer, target))
    }

    /// Pending timers that actors started.
    pub(crate) fn notices(&self) -> usize {
        self.pending.len() - self.deadlines
    }

    /// The serial of the youngest timer ever started.
    pub(crate) fn last(&self) -> u64 {
        self.serial
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.pending.first_key_value().map(|(timer, _)| timer.due)
    }

    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn timers_fire_by_time_and_then_by_start() {
        let at = |ms| Instant::from_start(Duration::from_millis(ms));
        let mut timers = Timers::default();
        let target = |token| Target { slot: 0, what: Due::Notice(token) };
        timers.start(at(20), target(1));
        timers.start(at(10), target(2));
        let stopped = timers.start(at(10), target(3));
        timers.start(at(10), target(4));
        assert!(timers.stop(stopped) && !timers.stop(stopped));
        let last = timers.last();
        assert_eq!(timers.pop(at(9), last), None);
        let fired: Vec<_> = std::iter::from_fn(|| timers.pop(at(20), last).map(|(_, target)| target.what)).collect();
        assert_eq!(fired, [Due::Notice(2), Due::Notice(4), Due::Notice(1)]);
        assert_eq!((timers.len(), timers.next()), (0, None));
    }

    #[test]
    fn timer_started_by_a_timer_waits_for_the_next_look() {
        let now = Instant::default();
        let mut timers = Timers::default();
        let target = Target { slot: 0, what: Due::Notice(1) };
        timers.start(now, target);
        let last = timers.last();
        assert!(timers.pop(now, last).is_some());
        timers.start(now, target);
        assert!(timers.pop(now, last).is_none() && timers.pop(now, timers.last()).is_some());
    }
}
