use std::pin::Pin;
use std::sync::Arc;

use perilune_actor_core::{Failure, Value, Waker};

/// The programs that one actor keeps alive. Scripts see them as module `supervise`.
///
/// Called from worker threads, so nothing in here may wait; what takes time is done by whoever drives a [`Pending`]. That is
/// begun when it is first polled, and is done to its end even if nobody waits for it any more.
///
/// Names are those of this actor alone: another one can use the same.
pub trait Supervision: Send + Sync {
    /// Makes a program known by its spec, a table; starts nothing. Gives its name.
    fn add(&self, spec: Value) -> Pending;

    /// Does something to a program that is known, or to one instance of it. Gives true.
    fn order(&self, order: Order, name: &str, instance: Option<u32>) -> Pending;

    /// The last lines that an instance has written, oldest first, as tables.
    fn logs(&self, name: &str, instance: u32, lines: usize) -> Pending;

    /// What all instances of all programs, or of one, are at, as tables.
    ///
    /// # Errors
    /// `NotFound` for a name that is not known.
    fn status(&self, name: Option<&str>) -> Result<Vec<Value>, Failure>;

    /// All names, in the order in which they were added.
    fn names(&self) -> Vec<String>;

    /// Everything that happens from now on, as tables. `waker` is called when there is something to take.
    ///
    /// # Errors
    /// `Unavailable` if nothing can happen any more.
    fn events(&self, waker: Waker) -> Result<Arc<dyn Reports>, Failure>;

    /// Everything that a program writes from now on, line by line, as tables.
    ///
    /// # Errors
    /// `NotFound` for a name that is not known.
    fn output(&self, name: &str, waker: Waker) -> Result<Arc<dyn Reports>, Failure>;

    /// The actor is gone: stops everything, each program in its own way, and starts nothing more. Does not wait.
    fn close(&self);
}

/// What will have come of it.
pub type Pending = Pin<Box<dyn Future<Output = Result<Value, Failure>> + Send>>;

/// What can be done to a program.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Order {
    /// It shall run. Done when it does, or waits for another.
    Start,
    /// It shall not. Done when nothing is left of it.
    Stop,
    /// It is stopped, and started.
    Restart,
    /// It is killed, and shall not run. Done when nothing is left of it.
    Kill,
    /// It is not known any more. Refused while it runs or shall run.
    Remove,
    /// It gets that signal, a name or a number.
    Signal(String),
    /// It has so many instances.
    Scale(u32),
}

/// Values on their way to one actor. Dropping it ends them.
pub trait Reports: Send + Sync {
    /// The oldest that was not taken.
    fn take(&self) -> Option<Value>;

    /// Whether there will never be one again, and all were taken. `waker` is called when this becomes true without.
    fn is_over(&self) -> bool;
}
