//! A second process that ends all trees when this one is killed.
//!
//! Linux ends leaders with the runtime, and nobody else; other systems end nobody. The guardian is told of every tree that
//! begins and that nothing is left of; it learns of the end of the runtime because a pipe closes, and if nobody has said
//! goodbye it ends what is there: SIGTERM, two seconds, SIGKILL.
//!
//! ```no_run
//! use perilune_exec_native::{Launch, guardian};
//!
//! # fn main() -> Result<(), perilune_exec_api::ExecError> {
//! // The program is its own guardian, if it is called that way.
//! if std::env::args().nth(1).as_deref() == Some("--guardian") {
//!     return guardian::serve(std::io::stdin());
//! }
//! let mut helper = Launch::new(std::env::current_exe().unwrap());
//! helper.args = vec!["--guardian".into()];
//! guardian::arm(helper);
//! // Everything else, and at its end:
//! guardian::goodbye();
//! # Ok(())
//! # }
//! ```

mod end;
mod link;
mod record;

use std::ffi::OsString;
use std::io::Read;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::Arc;

use perilune_exec_api::ExecError;

use crate::launch::{Launch, stay};
use crate::table::{self, MARK};
use crate::tree::{KillScope, Tree};

use record::{Ledger, Target};

/// From now on there is a guardian, started by `helper` right before the first process is.
///
/// Its streams, its tie to the runtime, its working directory unless it has one, and the mark of the run that this program
/// belongs to are set here. What it runs must soon call [`serve`] with its input. Should it not start, or end early, there
/// is a warning and everything goes on without. Only the first call means anything, and there is one guardian at most.
pub fn arm(mut helper: Launch) {
    helper.options.die_with_runtime = false;
    helper.work_dir.get_or_insert_with(|| PathBuf::from("/"));
    // Whoever ends the run that this program is part of finds it, too.
    if let Some(mark) = std::env::var_os(MARK) {
        helper.env.insert(OsString::from(MARK), mark);
    }
    link::arm(helper);
}

/// Whether there is a guardian and it has been told of every tree: it would end them all if this program ended now.
///
/// It is told right when a tree begins, so this is false only before the first one, while the guardian leaves what it is
/// told unread, and once it has gone.
pub fn is_informed() -> bool {
    link::is_informed()
}

/// Sends the guardian away: it ends nothing any more. Blocks until it has gone, for a second at most.
///
/// Processes that are still there, or that are started later, are not guarded. To be called when everything has ended, or
/// should live on.
pub fn goodbye() {
    link::goodbye();
}

/// Is the guardian. `input` is the input that the program was started with; returns when there is nothing left to guard.
///
/// Requests to end, from a terminal say, mean nothing to this process from the call on.
///
/// # Errors
/// If the input cannot be read. What was known of by then has been ended.
pub fn serve(input: impl AsFd) -> Result<(), ExecError> {
    stay();
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::set_name(c"perilune-guard");
    let failed =
        |source: std::io::Error| ExecError::Backend { operation: "read from the runtime", source: source.into() };
    let input = input.as_fd().try_clone_to_owned().map_err(failed)?;
    let (mut input, mut ledger) = (std::fs::File::from(input), Ledger::default());
    let mut bytes = vec![0; 16 << 10];
    let read = loop {
        match input.read(&mut bytes) {
            Ok(0) => break Ok(()),
            Ok(count) => ledger.read(bytes.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => break Err(failed(error)),
        }
        if ledger.is_released() {
            return Ok(());
        }
    };
    end::end_all(ledger.into_targets());
    read
}

/// Sees to it that there is a guardian before there is anything to guard.
pub(crate) fn ready() {
    link::ready();
}

/// A tree has begun. Called under the lock of the roll, from the thread that starts processes: nothing here waits.
pub(crate) fn enter(tree: &Arc<Tree>) {
    if is_guarded(tree) && link::is_up() {
        // Its number is its own so long as it has not been reaped, so this is the start of nobody else.
        if let Some(entry) = table::entry(tree.leader()) {
            link::send(&Target::of(tree, entry.started).to_record());
        }
    }
}

/// Nothing is left of a tree, or nobody wants its end.
pub(crate) fn leave(tree: &Tree) {
    if is_guarded(tree) && link::is_up() {
        link::send(&record::removal(tree.leader()));
    }
}

/// Whether others than the leader are to end with this program.
fn is_guarded(tree: &Tree) -> bool {
    tree.is_tied && tree.conduct().scope != KillScope::Leader
}
