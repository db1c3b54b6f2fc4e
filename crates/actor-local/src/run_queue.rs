use std::collections::VecDeque;

/// Who is ready to run, each once, in the order of their turns.
///
/// Turns go around, but for actors that have just been started: they come before all others, in the order in which they
/// were started. What they work on is still in the processor's caches, and a tree of actors is walked in depth: it
/// exists as one path at a time, not all at once.
///
/// What was started may start others, so this must end: after a tick, or after a thousand turns, everybody else has a
/// turn, and now and then whoever of the new ones has waited longest joins them. So an actor waits for a tick more than it
/// would in turn. A crowd that is started at once waits behind the others right away.
#[derive(Default)]
pub(crate) struct RunQueue {
    ready: VecDeque<u32>,
    /// How many of those have their turn before anybody who is new.
    round: usize,
    /// Started by the slice that runs, or from outside.
    born: Vec<u32>,
    /// Started before; the last comes first.
    fresh: VecDeque<u32>,
    /// Turns of new ones since the others had theirs.
    favours: u32,
    /// The same since one of the new ones joined the others; each round counts for several.
    age: u32,
}

/// Most that one slice may start and put before others.
const CROWD: usize = 64;

/// Most turns of new actors before the others have theirs.
const FAVOURS: u32 = 1024;

/// After so many turns of new ones, one in as many stops being new. Each of those makes the tree that is walked wider.
const LEAVE: u32 = 1024;

/// For how many turns a round counts: slices may be as long as the tick, and then a thousand would be too much.
const ROUND: u32 = 16;

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
            1..=CROWD => self.fresh.extend(self.born.drain(..).rev()),
            _ => self.ready.extend(self.born.drain(..)),
        }
    }

    /// Takes out whose turn it is.
    pub(crate) fn pop(&mut self) -> Option<u32> {
        self.settle();
        if self.round == 0
            && let Some(index) = self.fresh.pop_back()
        {
            self.favours += 1;
            self.age += 1;
            if self.favours >= FAVOURS {
                self.begin_round();
            }
            return Some(index);
        }
        self.round = self.round.saturating_sub(1);
        self.ready.pop_front()
    }

    /// New actors have come first for long enough.
    pub(crate) fn begin_round(&mut self) {
        self.favours = 0;
        self.age += ROUND;
        if self.age >= LEAVE {
            self.age = 0;
            let leaving = self.fresh.len().div_ceil(LEAVE as usize);
            self.ready.extend(self.fresh.drain(..leaving).rev());
        }
        self.round = self.ready.len();
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
    fn in_a_round_everybody_has_a_turn_before_the_new() {
        let mut queue = RunQueue::default();
        queue.push(1);
        queue.push(2);
        (10..13).for_each(|index| queue.push_born(index));
        assert_eq!(queue.pop(), Some(10));
        queue.begin_round();
        assert_eq!(queue.pop(), Some(1));
        // What comes now has its turn after the round.
        queue.push(1);
        queue.push_born(20);
        assert_eq!(rest(&mut queue), [2, 20, 11, 12, 1]);
    }

    #[test]
    fn round_of_nobody_ends() {
        let mut queue = RunQueue::default();
        queue.begin_round();
        assert_eq!(queue.pop(), None);
        queue.push_born(10);
        queue.push_born(11);
        assert_eq!(rest(&mut queue), [10, 11]);
    }

    #[test]
    fn whoever_starts_others_for_ever_holds_up_nobody() {
        let mut queue = RunQueue::default();
        // 1 to 3 are there already; 50 to 52 were started with whoever goes on starting.
        (1..4).for_each(|index| queue.push(index));
        [100, 50, 51, 52].iter().for_each(|index| queue.push_born(*index));
        let mut turns: Vec<(u32, u32)> = Vec::new();
        for turn in 0..10 * FAVOURS {
            match queue.pop().unwrap() {
                100 => queue.push_born(100),
                other => {
                    turns.push((other, turn));
                    queue.settle();
                    queue.push(other);
                }
            }
        }
        for index in [1, 2, 3, 50, 51, 52] {
            let mut own = turns.iter().filter(|(other, _)| *other == index).map(|(_, turn)| *turn);
            let first = own.next().unwrap();
            assert!(first < 5 * FAVOURS, "{index} had its first turn after {first}");
            own.fold(first, |before, turn| {
                assert!(turn - before < FAVOURS + 10, "{index} waited from {before} to {turn}");
                turn
            });
        }
    }

    #[test]
    fn whoever_waits_longest_has_a_turn_however_long_the_slices() {
        let mut queue = RunQueue::default();
        queue.push_born(100);
        queue.push_born(50);
        let turns = (1..).find(|_| {
            // Each slice is as long as the tick.
            queue.begin_round();
            let index = queue.pop();
            queue.push_born(100);
            queue.settle();
            index == Some(50)
        });
        assert!(turns.is_some_and(|turns| turns <= LEAVE / ROUND + 1));
    }

    #[test]
    fn tree_is_walked_in_depth() {
        let mut queue = RunQueue::default();
        let mut depths = std::collections::HashMap::from([(0, 0)]);
        queue.push_born(0);
        let (mut next, mut most, mut turns) = (1, 0, 0);
        while let Some(index) = queue.pop() {
            turns += 1;
            // A worker that waits for its processor has a tick after nearly every slice.
            if turns % 8 == 0 {
                queue.begin_round();
            }
            if depths[&index] < 5 {
                for _ in 0..10 {
                    depths.insert(next, depths[&index] + 1);
                    queue.push_born(next);
                    next += 1;
                }
            }
            most = most.max(queue.len());
        }
        assert_eq!(turns, 111_111);
        assert!(most < 2500, "{most} at once");
    }
}
