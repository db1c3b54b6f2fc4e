/// How long those who can run have to wait for their turn.
///
/// Actors that talk to each other keep a worker busy without making anybody wait: each is done after some microseconds.
/// So the length of the run queue says little; how long the queue takes to come around says it.
#[derive(Default)]
pub(super) struct Lap {
    /// Turns taken.
    pub(super) turns: u64,
    /// The turn after which everybody has had one who waited when the lap began.
    pub(super) end: Option<u64>,
    /// Ticks since then.
    ticks: u32,
}

/// A lap of more ticks than this is a long one: four slices.
const LONG: u32 = 8;

impl Lap {
    /// A tick has passed, and that many wait. Says so when it is known whether laps are long.
    pub(super) fn tick(&mut self, waiting: usize) -> Option<bool> {
        match self.end {
            Some(end) if self.turns < end => {
                self.ticks += 1;
                (self.ticks > LONG).then_some(true)
            }
            end => {
                let was_long = self.ticks > LONG;
                self.end = Some(self.turns + waiting as u64);
                self.ticks = 0;
                // After a long lap the next one tells, or the queue is empty before.
                end.filter(|_| !was_long).map(|_| false)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a lap says over ticks, each with so many turns before it and so many that wait.
    fn said(ticks: impl IntoIterator<Item = (u64, usize)>) -> Vec<Option<bool>> {
        let mut lap = Lap::default();
        let tick = |(turns, waiting)| {
            lap.turns += turns;
            lap.tick(waiting)
        };
        ticks.into_iter().map(tick).collect()
    }

    #[test]
    fn many_short_turns_are_no_crowd() {
        let said = said(std::iter::repeat_n((10_000, 1000), 100));
        assert!(said.iter().all(|said| *said != Some(true)), "{said:?}");
    }

    #[test]
    fn one_that_computes_is_no_crowd() {
        // Each turn takes two ticks, and nobody else waits.
        let said = said([(1, 0), (0, 0)].into_iter().cycle().take(100));
        assert!(said.iter().all(|said| *said != Some(true)), "{said:?}");
    }

    #[test]
    fn several_that_compute_are_a_crowd_after_four_slices() {
        let said = said([(1, 9), (0, 9)].into_iter().cycle().take(100));
        let first = said.iter().position(|said| *said == Some(true));
        assert_eq!(first, Some(LONG as usize + 1));
        assert!(said[LONG as usize..].iter().all(|said| *said != Some(false)), "{said:?}");
    }

    #[test]
    fn crowd_is_over_with_the_first_short_lap() {
        let long = [(1, 9), (0, 9)].into_iter().cycle().take(40);
        let said = said(long.chain([(100, 3), (100, 3), (100, 3)]));
        assert_eq!(said.last(), Some(&Some(false)));
    }
}
