use std::collections::VecDeque;

/// Who can run, each once, in the order of their turns.
///
/// Turns go around, with two exceptions.
///
/// Actors that have just been started come before all others, in the order in which they were started. What they work on
/// is still in the processor's caches, and a tree of actors is walked in depth: it exists as one path at a time, not all
/// at once. What was started may start others, so this must end: after a tick, or after a thousand turns, everybody else
/// has a turn, and now and then whoever of the new ones has waited longest joins them. So an actor waits for a tick more
/// than it would in turn. A crowd that is started at once waits behind the others right away.
///
/// Whoever has used up a slice lets those go first who have not, for as long as a slice: so a message to an actor that
/// only waits for it waits for one slice, however many others compute. After that the first of them gets its turn.
#[derive(Default)]
pub(super) struct RunQueue {
    /// Started by the slice that runs, or from outside.
    born: Vec<u32>,
    /// Started before; the last comes first.
    new: VecDeque<u32>,
    ready: VecDeque<u32>,
    spent: VecDeque<u32>,
    /// How many of `ready` have their turn before anybody who is new.
    round: usize,
    /// Turns of new ones since the others had theirs.
    favours: u32,
    /// The same since one of the new ones joined the others; each round counts for several.
    age: u32,
    /// Ticks since one of `spent` got its turn.
    ticks: u32,
    passed: Mark,
}

/// A place in the queue, as what has to have been seen before everybody has had a turn who was there.
#[derive(Clone, Copy, Default)]
pub(super) struct Mark {
    /// How often nobody new was left.
    new: u64,
    /// Turns of the others.
    ready: u64,
    spent: u64,
}

/// Most that one slice may start and put before others.
const CROWD: usize = 64;

/// Most turns of new actors before the others have theirs.
const FAVOURS: u32 = 1024;

/// After so many turns of new ones, one in as many stops being new. Each of those makes the tree that is walked wider.
const LEAVE: u32 = 1024;

/// For how many turns a round counts: slices may be as long as the tick, and then a thousand would be too much.
const ROUND: u32 = 16;

/// A slice and the tick with which the last one ended.
const PATIENCE: u32 = 3;

impl RunQueue {
    /// It wants a turn, like everybody who is in the queue.
    pub(super) fn push(&mut self, slot: u32) {
        self.ready.push_back(slot);
    }

    /// The same of one that has used up its slice.
    pub(super) fn push_spent(&mut self, slot: u32) {
        self.spent.push_back(slot);
    }

    /// It was started and has never had a turn.
    pub(super) fn push_born(&mut self, slot: u32) {
        self.born.push(slot);
    }

    /// Those who were started have their places from now on; to be called before whoever started them has one.
    #[inline]
    pub(super) fn settle(&mut self) {
        if !self.born.is_empty() {
            self.place_born();
        }
    }

    fn place_born(&mut self) {
        match self.born.len() {
            ..=CROWD => self.new.extend(self.born.drain(..).rev()),
            _ => self.ready.extend(self.born.drain(..)),
        }
    }

    /// Takes out whose turn it is.
    pub(super) fn pop(&mut self) -> Option<u32> {
        self.settle();
        if self.ticks < PATIENCE || self.spent.is_empty() {
            if self.round == 0
                && let Some(slot) = self.pop_new()
            {
                return Some(slot);
            }
            self.round = self.round.saturating_sub(1);
            if let Some(slot) = self.ready.pop_front() {
                self.passed.ready += 1;
                return Some(slot);
            }
        }
        let slot = self.spent.pop_front()?;
        self.ticks = 0;
        self.passed.spent += 1;
        Some(slot)
    }

    fn pop_new(&mut self) -> Option<u32> {
        let slot = self.new.pop_back()?;
        self.passed.new += u64::from(self.new.is_empty());
        self.favours += 1;
        self.age += 1;
        if self.favours >= FAVOURS {
            self.begin_round();
        }
        Some(slot)
    }

    /// At least one tick has passed while actors ran.
    pub(super) fn tick(&mut self) {
        self.ticks = if self.spent.is_empty() { 0 } else { self.ticks + 1 };
        self.begin_round();
    }

    /// New actors have come first for long enough.
    fn begin_round(&mut self) {
        self.favours = 0;
        self.age += ROUND;
        if self.age >= LEAVE && !self.new.is_empty() {
            self.age = 0;
            let leaving = self.new.len().div_ceil(LEAVE as usize);
            self.ready.extend(self.new.drain(..leaving).rev());
            self.passed.new += u64::from(self.new.is_empty());
        }
        self.round = self.ready.len();
    }

    /// The end of the queue.
    pub(super) fn mark(&self) -> Mark {
        let Mark { new, ready, spent } = self.passed;
        Mark {
            new: new + u64::from(!self.new.is_empty()),
            ready: ready + self.ready.len() as u64,
            spent: spent + self.spent.len() as u64,
        }
    }

    /// Whether everybody has had a turn who was there before that end.
    pub(super) fn has_passed(&self, mark: Mark) -> bool {
        self.passed.new >= mark.new && self.passed.ready >= mark.ready && self.passed.spent >= mark.spent
    }

    pub(super) fn len(&self) -> usize {
        self.born.len() + self.new.len() + self.ready.len() + self.spent.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn clear(&mut self) {
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
        queue.tick();
        assert_eq!(queue.pop(), Some(1));
        // What comes now has its turn after the round.
        queue.push(1);
        queue.push_born(20);
        assert_eq!(rest(&mut queue), [2, 20, 11, 12, 1]);
    }

    #[test]
    fn round_of_nobody_ends() {
        let mut queue = RunQueue::default();
        queue.tick();
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
            queue.tick();
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
                queue.tick();
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

    #[test]
    fn everybody_new_has_passed_when_nobody_new_is_left() {
        let mut queue = RunQueue::default();
        assert!(queue.has_passed(queue.mark()));
        (1..4).for_each(|slot| queue.push_born(slot));
        queue.settle();
        let mark = queue.mark();
        assert_eq!(queue.pop(), Some(1));
        // Before those who have waited longest.
        queue.push_born(10);
        assert_eq!((queue.pop(), queue.pop()), (Some(10), Some(2)));
        assert!(!queue.has_passed(mark));
        assert_eq!(queue.pop(), Some(3));
        assert!(queue.has_passed(mark));
    }

    #[test]
    fn new_ones_hold_up_nobody_who_used_up_a_slice_for_ever() {
        let mut queue = RunQueue::default();
        queue.push_spent(1);
        queue.push_born(100);
        let ticks = (0..).find(|_| {
            let slot = queue.pop();
            queue.push_born(100);
            queue.tick();
            slot == Some(1)
        });
        assert!(ticks.is_some_and(|ticks| ticks <= PATIENCE));
    }

    #[test]
    fn those_who_used_up_a_slice_come_last_and_in_turn() {
        let mut queue = RunQueue::default();
        queue.push_spent(1);
        queue.push(2);
        queue.push_spent(3);
        queue.push(4);
        assert_eq!(queue.len(), 4);
        let order: Vec<u32> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(order, [2, 4, 1, 3]);
        assert!(queue.is_empty());
    }

    #[test]
    fn nobody_who_computes_waits_for_ever() {
        let mut queue = RunQueue::default();
        (1..=3).for_each(|slot| queue.push_spent(slot));
        let mut order = Vec::new();
        // Two that talk: one of them can always run.
        queue.push(0);
        for _ in 0..10 * PATIENCE {
            for _ in 0..5 {
                let slot = queue.pop().expect("somebody");
                order.push(slot);
                if slot == 0 { queue.push(0) } else { queue.push_spent(slot) }
            }
            queue.tick();
        }
        let computing: Vec<u32> = order.iter().copied().filter(|slot| *slot > 0).collect();
        assert_eq!(computing.len(), 9);
        assert!(computing.chunks(3).all(|lap| lap == [1, 2, 3]), "{computing:?}");
        // They wait for a slice at most, and nobody waits for more than one of theirs.
        assert!(order.chunks(5 * PATIENCE as usize).all(|part| part.iter().filter(|slot| **slot > 0).count() <= 1));
    }

    #[test]
    fn ticks_while_nobody_computes_do_not_count() {
        let mut queue = RunQueue::default();
        (0..10 * PATIENCE).for_each(|_| queue.tick());
        queue.push_spent(1);
        queue.push(2);
        assert_eq!(queue.pop(), Some(2));
    }
}
