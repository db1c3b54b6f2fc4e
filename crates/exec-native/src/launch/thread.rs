//! The thread that all processes are started from. The system kills them when the thread that started them ends, so
//! there is one, and it never does.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, Sender, channel};

use perilune_exec_api::ExecError;

use super::fork::{Forker, watch_children};

type Work = Box<dyn FnOnce(&mut Forker) + Send>;

/// Has the thread do this, after everything submitted before.
pub(super) fn submit(work: Work) -> Result<(), ExecError> {
    static THREAD: OnceLock<Sender<Work>> = OnceLock::new();
    let thread = match THREAD.get() {
        Some(thread) => thread,
        None => {
            let (submit, submitted) = channel();
            std::thread::Builder::new()
                .name("perilune-launch".to_owned())
                .spawn(move || run(&submitted))
                .map_err(|source| ExecError::Exhausted { operation: "start the launcher", source: source.into() })?;
            // Whoever comes second has started a thread that ends at once, having launched nothing.
            THREAD.get_or_init(|| submit)
        }
    };
    thread.send(work).map_err(|_| gone())
}

/// There was no answer, which only a defect can bring about.
pub(super) fn gone() -> ExecError {
    ExecError::Backend { operation: "launch", source: "the launcher gave no answer".into() }
}

fn run(submitted: &Receiver<Work>) {
    if watch_children() {
        tracing::warn!("ends of processes were ignored by this program; they are not any more");
    }
    let mut forker = Forker::new();
    while let Ok(work) = submitted.recv() {
        // A defect in what is done with one process must not end all the others.
        if catch_unwind(AssertUnwindSafe(|| work(&mut forker))).is_err() {
            tracing::error!("a launch has panicked");
        }
    }
}
