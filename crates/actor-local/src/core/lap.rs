use std::time::{Duration, Instant};

use super::queue::{Mark, RunQueue};

/// How long those who can run have to wait for their turn.
///
/// Actors that talk to each other keep a worker busy without making anybody wait: each is done after some microseconds.
/// So the length of the run queue says little; how long it takes to come around says it.
#[derive(Default)]
pub(super) struct Lap(Option<Running>);

struct Running {
    since: Instant,
    /// When everybody has had a turn who waited then.
    end: Mark,
    looks: u32,
}

/// A lap that takes more than four slices is a long one,
const LONG: Duration = Duration::from_millis(8);

/// if that was seen more than once or twice: the worker itself may have had to wait for a processor.
const LOOKS: u32 = 3;

impl Lap {
    /// Looks at the queue. Says whether laps are long, when that is known.
    pub(super) fn look(&mut self, now: Instant, queue: &RunQueue) -> Option<bool> {
        let said = match &mut self.0 {
            Some(lap) => {
                lap.looks += 1;
                let is_long = now.duration_since(lap.since) > LONG && lap.looks >= LOOKS;
                if !queue.has_passed(lap.end) {
                    return is_long.then_some(true);
                }
                // After a long lap the next one tells, or the queue is empty before.
                (!is_long).then_some(false)
            }
            None => None,
        };
        self.0 = Some(Running { since: now, end: queue.mark(), looks: 0 });
        said
    }

    /// Nobody waits.
    pub(super) fn stop(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said when those in the queue compute, or talk, for so long each turn; looks a millisecond apart at least.
    fn said(computing: u32, talking: u32, turn: Duration, turns: u32) -> Vec<bool> {
        let (mut queue, mut lap) = (RunQueue::default(), Lap::default());
        (0..computing).for_each(|slot| queue.push_spent(slot));
        (computing..computing + talking).for_each(|slot| queue.push(slot));
        let mut now = Instant::now();
        let mut looked = now;
        let mut said = Vec::new();
        for _ in 0..turns {
            let slot = queue.pop().expect("somebody");
            let computes = slot < computing;
            now += if computes { Duration::from_micros(2500) } else { turn };
            if computes {
                queue.push_spent(slot)
            } else {
                queue.push(slot)
            }
            if now.duration_since(looked) >= Duration::from_millis(1) {
                looked = now;
                queue.tick();
                said.extend(lap.look(now, &queue));
            }
        }
        said
    }

    #[test]
    fn many_who_talk_are_no_crowd() {
        let said = said(0, 1000, Duration::from_micros(2), 100_000);
        assert!(!said.is_empty() && !said.contains(&true), "{said:?}");
    }

    #[test]
    fn one_that_computes_is_no_crowd_with_or_without_company() {
        for talking in [0, 2] {
            let said = said(1, talking, Duration::from_micros(10), 10_000);
            assert!(!said.is_empty() && !said.contains(&true), "{said:?}");
        }
    }

    #[test]
    fn several_that_compute_are_a_crowd_with_or_without_company() {
        for talking in [0, 2] {
            let said = said(8, talking, Duration::from_micros(10), 10_000);
            assert!(!said.is_empty() && !said.contains(&false), "{said:?}");
        }
    }

    #[test]
    fn so_many_that_their_short_turns_take_long_are_a_crowd() {
        let said = said(0, 10_000, Duration::from_micros(20), 100_000);
        assert!(!said.is_empty() && !said.contains(&false), "{said:?}");
    }

    #[test]
    fn crowd_is_over_with_the_first_short_lap() {
        let (mut queue, mut lap) = (RunQueue::default(), Lap::default());
        let mut now = Instant::now();
        queue.push(1);
        let said: Vec<_> = (0..10)
            .map(|_| {
                now += Duration::from_millis(3);
                lap.look(now, &queue)
            })
            .collect();
        assert_eq!(said[..4], [None, None, None, Some(true)]);
        queue.pop();
        queue.push(1);
        assert_eq!(lap.look(now, &queue), None, "the end of a long lap");
        queue.pop();
        queue.push(1);
        assert_eq!(lap.look(now, &queue), Some(false));
    }

    #[test]
    fn worker_that_waited_for_a_processor_once_is_no_crowd() {
        let (mut queue, mut lap) = (RunQueue::default(), Lap::default());
        let mut now = Instant::now();
        for _ in 0..10 {
            queue.push(1);
            assert!(lap.look(now, &queue) != Some(true));
            now += Duration::from_millis(100);
            assert!(lap.look(now, &queue) != Some(true));
            queue.pop();
            lap.look(now, &queue);
        }
    }
}
