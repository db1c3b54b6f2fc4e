use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;

/// Work that may block.
pub(super) type Work = Box<dyn FnOnce() + Send>;

/// Does work that blocks, a certain amount at a time and in the order in which it came.
pub(super) struct Pool {
    io: Handle,
    at_once: usize,
    line: Mutex<Line>,
}

#[derive(Default)]
struct Line {
    running: usize,
    waiting: VecDeque<Work>,
}

impl Pool {
    pub(super) fn new(io: Handle, at_once: usize) -> Arc<Self> {
        Arc::new(Self { io, at_once, line: Mutex::default() })
    }

    /// Queues work; from any thread.
    pub(super) fn run(self: &Arc<Self>, work: Work) {
        {
            let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
            if line.running == self.at_once {
                return line.waiting.push_back(work);
            }
            line.running += 1;
        }
        let pool = Arc::clone(self);
        self.io.spawn_blocking(move || {
            let mut next = Some(work);
            while let Some(work) = next {
                // The thread's place in the line must not be lost with it.
                let _ = catch_unwind(AssertUnwindSafe(work));
                next = pool.next();
            }
        });
    }

    fn next(&self) -> Option<Work> {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        let next = line.waiting.pop_front();
        if next.is_none() {
            line.running -= 1;
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn so_much_runs_at_once_and_a_panic_takes_no_place() {
        let io = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let pool = Pool::new(io.handle().clone(), 3);
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (tell, told) = channel();
        for number in 0..300 {
            let (running, most, tell) = (Arc::clone(&running), Arc::clone(&most), tell.clone());
            pool.run(Box::new(move || {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::yield_now();
                running.fetch_sub(1, Ordering::SeqCst);
                tell.send(number).unwrap();
                // Without a message on the terminal.
                std::panic::resume_unwind(Box::new(()));
            }));
        }
        let mut numbers: Vec<i32> = told.iter().take(300).collect();
        assert!(most.load(Ordering::SeqCst) <= 3);
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..300));
    }
}
