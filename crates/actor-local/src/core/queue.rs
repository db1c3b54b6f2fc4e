use std::collections::VecDeque;

/// Who can run, in turn.
///
/// Whoever has used up a slice lets those go first who have not, for as long as a slice: so a message to an actor
/// that only waits for it waits for one slice, however many others compute. After that the first of them gets its turn.
#[derive(Default)]
pub(super) struct RunQueue {
    fresh: VecDeque<u32>,
    spent: VecDeque<u32>,
    /// Ticks since one of `spent` got its turn.
    ticks: u32,
    /// Turns given to either.
    turns: Mark,
}

/// A place in the queue, as the turns after which whoever was there has had one.
#[derive(Clone, Copy, Default)]
pub(super) struct Mark {
    fresh: u64,
    spent: u64,
}

/// A slice and the tick with which the last one ended.
const PATIENCE: u32 = 3;

impl RunQueue {
    pub(super) fn push(&mut self, slot: u32) {
        self.fresh.push_back(slot);
    }

    /// Queues one that has used up its slice.
    pub(super) fn push_spent(&mut self, slot: u32) {
        self.spent.push_back(slot);
    }

    pub(super) fn pop(&mut self) -> Option<u32> {
        if (self.ticks < PATIENCE || self.spent.is_empty())
            && let Some(slot) = self.fresh.pop_front()
        {
            self.turns.fresh += 1;
            return Some(slot);
        }
        let slot = self.spent.pop_front()?;
        self.ticks = 0;
        self.turns.spent += 1;
        Some(slot)
    }

    /// The end of the queue.
    pub(super) fn mark(&self) -> Mark {
        let Mark { fresh, spent } = self.turns;
        Mark { fresh: fresh + self.fresh.len() as u64, spent: spent + self.spent.len() as u64 }
    }

    /// Whether everybody has had a turn who was there before that end.
    pub(super) fn has_passed(&self, mark: Mark) -> bool {
        self.turns.fresh >= mark.fresh && self.turns.spent >= mark.spent
    }

    /// At least one tick has passed while actors ran.
    pub(super) fn tick(&mut self) {
        self.ticks = if self.spent.is_empty() { 0 } else { self.ticks + 1 };
    }

    pub(super) fn len(&self) -> usize {
        self.fresh.len() + self.spent.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.fresh.is_empty() && self.spent.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.fresh.clear();
        self.spent.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
