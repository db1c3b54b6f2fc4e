use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

/// How many calls of one function run at once, and how many wait for their turn.
///
/// Calls begin in the order in which they came. A function that calls itself takes a place for each level, so one that
/// goes deeper than the pool is wide waits for itself.
#[derive(Debug)]
pub struct Pool {
    size: usize,
    buffer: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: usize,
    waiting: VecDeque<Granted>,
}

type Granted = Box<dyn FnOnce(Permit) + Send>;

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("running", &self.running).field("waiting", &self.waiting.len()).finish()
    }
}

/// A place in a pool. Dropping it lets the next one in.
pub(crate) struct Permit(Arc<Pool>);

/// What came of asking for a place.
pub(crate) enum Entry {
    Entered(Permit),
    /// The function given is called later.
    Waits,
    /// Too many wait already.
    Full,
}

impl Pool {
    /// Places for `size` calls, at least one, and room for `buffer` that wait.
    pub fn new(size: usize, buffer: usize) -> Self {
        Self { size: size.max(1), buffer, state: Mutex::default() }
    }

    /// The two numbers it was made with.
    pub fn bounds(&self) -> (usize, usize) {
        (self.size, self.buffer)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Asks for a place. `granted` is called from whatever thread makes room, without a lock held.
    pub(crate) fn enter(self: &Arc<Self>, granted: impl FnOnce() -> Granted) -> Entry {
        let mut state = self.state();
        if state.running < self.size {
            state.running += 1;
            return Entry::Entered(Permit(Arc::clone(self)));
        }
        if state.waiting.len() >= self.buffer {
            return Entry::Full;
        }
        state.waiting.push_back(granted());
        Entry::Waits
    }
}

impl Default for Pool {
    /// A hundred at once; any number waits.
    fn default() -> Self {
        Self::new(100, usize::MAX)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.0.state();
        let next = state.waiting.pop_front();
        let Some(granted) = next else {
            state.running -= 1;
            return;
        };
        drop(state);
        granted(Permit(Arc::clone(&self.0)));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    fn tell(tell: &Sender<Permit>) -> Granted {
        let tell = tell.clone();
        Box::new(move |permit| drop(tell.send(permit)))
    }

    #[test]
    fn places_go_to_those_who_wait_in_order() {
        let pool = Arc::new(Pool::new(1, 2));
        let (first, firsts) = channel();
        let (second, seconds) = channel();
        let Entry::Entered(permit) = pool.enter(|| tell(&first)) else { panic!("a free place") };
        assert!(matches!(pool.enter(|| tell(&first)), Entry::Waits));
        assert!(matches!(pool.enter(|| tell(&second)), Entry::Waits));
        assert!(matches!(pool.enter(|| tell(&first)), Entry::Full));
        drop(permit);
        let permit = firsts.try_recv().unwrap();
        assert!(seconds.try_recv().is_err());
        // Whoever waited and is gone lets the next one in.
        drop((seconds, permit));
        assert!(matches!(pool.enter(|| tell(&first)), Entry::Entered(_)));
    }
}
