use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use super::writer::Writer;

/// How often files are looked after when nothing is written.
pub(super) const TICK: Duration = Duration::from_secs(1);

/// One thread, and the files of one disk, which take turns.
///
/// The thread runs as long as there are files. A disk that is slow holds up its own files and no others.
pub(super) struct Lane {
    state: Mutex<State>,
    wake: Condvar,
}

struct State {
    /// Those that have something to write.
    ready: VecDeque<Arc<Writer>>,
    /// Those that have something to do later, with their addresses, which tell apart those of the same moment.
    timers: BTreeMap<(Instant, usize), Weak<Writer>>,
    /// All of them.
    writers: Vec<Weak<Writer>>,
    is_running: bool,
}

impl Lane {
    pub(super) fn new() -> Self {
        let state = State { ready: VecDeque::new(), timers: BTreeMap::new(), writers: Vec::new(), is_running: false };
        Self { state: Mutex::new(state), wake: Condvar::new() }
    }

    /// Takes a file in. Fails if there is no thread for it.
    pub(super) fn add(self: &Arc<Self>, writer: &Arc<Writer>) -> io::Result<()> {
        let mut state = self.lock();
        if !state.is_running {
            let lane = Arc::clone(self);
            thread::Builder::new().name("log".to_owned()).spawn(move || lane.run())?;
            state.is_running = true;
        }
        state.writers.push(Arc::downgrade(writer));
        Ok(())
    }

    /// Gives a file a turn.
    pub(super) fn submit(&self, writer: Arc<Writer>) {
        self.lock().ready.push_back(writer);
        self.wake.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut tick = Instant::now() + TICK;
        loop {
            let Some(batch) = self.next(&mut tick) else { return };
            for writer in batch {
                if let Some(at) = writer.turn() {
                    self.lock().timers.insert((at, address(&writer)), Arc::downgrade(&writer));
                }
            }
        }
    }

    /// Waits for something to do. `None` when there are no files any more.
    fn next(&self, tick: &mut Instant) -> Option<Vec<Arc<Writer>>> {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            let mut batch: Vec<Arc<Writer>> = state.ready.drain(..).collect();
            while let Some(entry) = state.timers.first_entry().filter(|entry| entry.key().0 <= now) {
                batch.extend(entry.remove().upgrade());
            }
            if now >= *tick {
                *tick = now + TICK;
                let writers = state.writers.len();
                state.writers.retain(|writer| writer.strong_count() > 0);
                if state.writers.is_empty() && batch.is_empty() {
                    state.is_running = false;
                    return None;
                }
                batch.reserve(writers);
                batch.extend(state.writers.iter().filter_map(Weak::upgrade));
            }
            if !batch.is_empty() {
                batch.sort_unstable_by_key(address);
                batch.dedup_by_key(|writer| address(writer));
                return Some(batch);
            }
            let next = state.timers.first_key_value().map_or(*tick, |((at, _), _)| (*at).min(*tick));
            let wait = next.saturating_duration_since(now);
            state = self.wake.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

fn address(writer: &Arc<Writer>) -> usize {
    Arc::as_ptr(writer).addr()
}
