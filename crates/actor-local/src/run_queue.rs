use std::collections::VecDeque;

/// Who is ready to run, each once, in the order of their turns.
///
/// Turns go around, but for actors that have just been started: they come before all others, in the order in which they
/// were started. What they work on is still in the processor's caches, and a tree of actors is walked in depth: it
/// exists as one path at a time, not all at once.
///
/// What was started may start others, so this must end: after a tick, or after a thousand turns, all that were not
/// reached wait behind the others. So an actor waits for at most that much more for each of those before it. A crowd
/// that is started at once goes there right away.
#[derive(Default)]
pub(crate) struct RunQueue {
    ready: VecDeque<u32>,
    /// Started by the slice that runs, or from outside.
    born: Vec<u32>,
    /// Started before; the last comes first.
    fresh: Vec<u32>,
    /// Turns of new ones since one of the others had its turn.
    favours: u32,
}

/// Most that one slice may start and put before others.
const CROWD: usize = 64;

/// Most turns of new actors for one of the others.
const FAVOURS: u32 = 1024;

impl RunQueue {
    pub(crate) fn len(&self) -> usize {
        self.ready.len() + self.born.len() + self.fresh.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// It wants a turn, like everybody who is in the queue.
    pub(crate) fn push(&mut self, index: u32) {
        self.ready.push_back(index);
    }

    /// It was started and has never had a turn.
    pub(crate) fn push_born(&mut self, index: u32) {
        self.born.push(index);
    }

    /// Those who were started have their places from now on; to be called before whoever started them has one.
    pub(crate) fn settle(&mut self) {
        match self.born.len() {
            0 => {}
            1..=CROWD if self.favours < FAVOURS => self.fresh.extend(self.born.drain(..).rev()),
            _ => self.ready.extend(self.born.drain(..)),
        }
    }

    /// Takes out whose turn it is.
    pub(crate) fn pop(&mut self) -> Option<u32> {
        self.settle();
        if let Some(index) = self.fresh.pop() {
            self.favours += 1;
            if self.favours >= FAVOURS {
                self.end_favours();
            }
            return Some(index);
        }
        self.favours = 0;
        self.ready.pop_front()
    }

    /// New actors have come first for long enough.
    pub(crate) fn end_favours(&mut self) {
        self.ready.extend(self.fresh.drain(..).rev());
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rest(queue: &mut RunQueue) -> Vec<u32> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn new_ones_come_first_in_the_order_of_their_start() {
        let mut queue = RunQueue::default();
        queue.push(1);
        queue.push(2);
        (10..13).for_each(|index| queue.push_born(index));
        queue.settle();
        queue.push(3);
        assert_eq!(queue.len(), 6);
        assert_eq!(queue.pop(), Some(10));
        // What 10 starts comes before those who were started with it.
        queue.push_born(20);
        queue.push_born(21);
        assert_eq!(rest(&mut queue), [20, 21, 11, 12, 1, 2, 3]);
        assert!(queue.is_empty());
    }

    #[test]
    fn crowd_waits_behind_others_and_before_its_parent() {
        let mut queue = RunQueue::default();
        queue.push(1);
        let crowd: Vec<u32> = (100..101 + CROWD as u32).collect();
        crowd.iter().for_each(|index| queue.push_born(*index));
        queue.settle();
        queue.push(2);
        let order = rest(&mut queue);
        assert_eq!((order[0], &order[1..=crowd.len()], order.last()), (1, &crowd[..], Some(&2)));
    }

    #[test]
    fn end_of_favours_keeps_the_order() {
        let mut queue = RunQueue::default();
        queue.push(1);
        queue.push_born(10);
        queue.push_born(11);
        queue.settle();
        queue.push_born(20);
        queue.settle();
        queue.end_favours();
        assert_eq!(rest(&mut queue), [1, 20, 10, 11]);
    }

    #[test]
    fn whoever_starts_others_for_ever_holds_up_nobody() {
        let mut queue = RunQueue::default();
        // 1 to 3 are there already; 50 was started with whoever goes on starting.
        (1..4).for_each(|index| queue.push(index));
        queue.push_born(100);
        queue.push_born(50);
        let mut seen = Vec::new();
        for turn in 0..10 * FAVOURS {
            match queue.pop().unwrap() {
                100 => queue.push_born(100),
                other => {
                    seen.push((other, turn));
                    queue.settle();
                }
            }
        }
        let order: Vec<u32> = seen.iter().map(|(index, _)| *index).collect();
        assert_eq!(order, [1, 2, 3, 50]);
        assert!(seen.last().unwrap().1 < 5 * FAVOURS);
    }
}
