use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::sync::{AtomicBool, AtomicU64, Mutex, Ordering, Thread, current, fence, park};

/// Ends slices that are used up.
///
/// A worker only counts its slices; one thread looks at the counts every half budget and interrupts a worker that is
/// still at the same slice after a whole one. So a short slice costs two plain stores. Once all workers have slept for
/// a while the thread sleeps too, and the first of them to go to work wakes it.
pub(crate) struct Ticker {
    slices: Vec<Slice>,
    asleep: AtomicBool,
    stop: AtomicBool,
    /// Locked by the thread before it first looks whether to sleep or to stop, so that whoever does not find it here
    /// need not wake it.
    thread: Mutex<Option<Thread>>,
}

#[repr(align(64))]
struct Slice {
    /// Odd while an actor runs.
    count: AtomicU64,
    attention: AtomicBool,
    /// Whether the worker is about to run actors, or running one.
    awake: AtomicBool,
}

impl Default for Slice {
    fn default() -> Self {
        Self { count: AtomicU64::new(0), attention: AtomicBool::new(false), awake: AtomicBool::new(true) }
    }
}

/// Interrupts whatever a worker is running.
pub(crate) type Interrupt = Arc<dyn Fn() + Send + Sync>;

const IDLE_TICKS: u32 = 32;

impl Ticker {
    pub(crate) fn new(workers: usize) -> Arc<Self> {
        Arc::new(Self {
            slices: (0..workers).map(|_| Slice::default()).collect(),
            asleep: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            thread: Mutex::new(None),
        })
    }

    pub(crate) fn start(
        self: &Arc<Self>,
        budget: Duration,
        interrupts: Vec<Interrupt>,
    ) -> std::io::Result<JoinHandle<()>> {
        let ticker = Arc::clone(self);
        std::thread::Builder::new().name("perilune-tick".into()).spawn(move || ticker.run(budget, &interrupts))
    }

    pub(crate) fn begin(&self, worker: usize) {
        let count = &self.slices[worker].count;
        count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    pub(crate) fn end(&self, worker: usize) {
        self.begin(worker);
    }

    /// Whether a tick has passed while this worker was busy, so that it should look after timers and other threads.
    pub(crate) fn take_attention(&self, worker: usize) -> bool {
        let attention = &self.slices[worker].attention;
        attention.load(Ordering::Relaxed) && attention.swap(false, Ordering::Relaxed)
    }

    /// A worker sleeps while `sleep` lasts. The ticker is up before it gets to work.
    pub(crate) fn rest<R>(&self, worker: usize, sleep: impl FnOnce() -> R) -> R {
        let awake = &self.slices[worker].awake;
        awake.store(false, Ordering::Relaxed);
        let result = sleep();
        awake.store(true, Ordering::Relaxed);
        // Pairs with the fence in `doze`: either this sees the ticker asleep, or the ticker sees the worker awake.
        fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::Relaxed) {
            self.unpark();
        }
        result
    }

    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.unpark();
    }

    fn unpark(&self) {
        if let Some(thread) = &*self.thread.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) {
            thread.unpark();
        }
    }

    /// The calling thread is the one to wake. Not known by whoever started it before its first sleep.
    fn enlist(&self) {
        *self.thread.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(current());
    }

    fn run(&self, budget: Duration, interrupts: &[Interrupt]) {
        self.enlist();
        let period = budget / 2;
        let mut seen = vec![(0, Instant::now()); self.slices.len()];
        let mut idle_ticks = 0;
        while !self.stop.load(Ordering::Acquire) {
            let now = Instant::now();
            for ((slice, seen), interrupt) in self.slices.iter().zip(&mut seen).zip(interrupts) {
                let count = slice.count.load(Ordering::Relaxed);
                if count != seen.0 {
                    *seen = (count, now);
                    slice.attention.store(true, Ordering::Relaxed);
                } else if count % 2 == 1 && now.duration_since(seen.1) >= budget {
                    slice.attention.store(true, Ordering::Relaxed);
                    interrupt();
                }
            }
            idle_ticks = if self.all_rest() { idle_ticks + 1 } else { 0 };
            if idle_ticks < IDLE_TICKS {
                std::thread::park_timeout(period);
                continue;
            }
            self.doze();
            idle_ticks = 0;
        }
    }

    /// Sleeps until a worker goes to work or the end comes. Whoever tells of the end wakes this thread, now or before.
    fn doze(&self) {
        self.asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if self.all_rest() {
            park();
        }
        self.asleep.store(false, Ordering::Relaxed);
    }

    fn all_rest(&self) -> bool {
        self.slices.iter().all(|slice| !slice.awake.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests;
