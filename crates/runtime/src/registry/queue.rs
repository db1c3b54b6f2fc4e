use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::runtime::Handle;

type Job = Box<dyn FnOnce() + Send>;

/// Runs jobs one after the other, beside the workers and on one thread at a time however many wait.
pub(crate) struct Queue {
    io: Handle,
    jobs: Arc<Mutex<Jobs>>,
}

#[derive(Default)]
struct Jobs {
    waiting: VecDeque<Job>,
    /// A thread is at it.
    running: bool,
}

impl Queue {
    pub(crate) fn new(io: Handle) -> Self {
        Self { io, jobs: Arc::default() }
    }

    /// Runs a job after all that were given before.
    pub(crate) fn push(&self, job: impl FnOnce() + Send + 'static) {
        let mut jobs = lock(&self.jobs);
        jobs.waiting.push_back(Box::new(job));
        if std::mem::replace(&mut jobs.running, true) {
            return;
        }
        let jobs = Arc::clone(&self.jobs);
        self.io.spawn_blocking(move || {
            loop {
                let job = {
                    let mut jobs = lock(&jobs);
                    let Some(job) = jobs.waiting.pop_front() else {
                        jobs.running = false;
                        return;
                    };
                    job
                };
                // A defect in one job must not keep the others waiting for ever.
                let _ = catch_unwind(AssertUnwindSafe(job));
            }
        });
    }

    /// Runs work that has nothing to do with the jobs.
    pub(crate) fn aside(&self, work: impl FnOnce() + Send + 'static) {
        self.io.spawn_blocking(work);
    }
}

fn lock(jobs: &Mutex<Jobs>) -> MutexGuard<'_, Jobs> {
    jobs.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
