use std::cell::RefCell;

use super::Vm;
use super::stack::{Ref, Stack};

/// Threads of actors that have ended, for actors to come: making and collecting one costs several times as much as
/// clearing one.
#[derive(Default)]
pub(super) struct Spare(RefCell<Vec<(Stack, Ref)>>);

/// So many are kept. Each takes about a kilobyte.
const MOST: usize = 256;

impl Vm {
    /// A thread on which nothing has run, or whose former actor has left nothing. Its globals are to be set. Inside a
    /// protected call.
    pub(crate) fn take_thread(&self, main: Stack) -> (Stack, Ref) {
        if let Some(spare) = self.spare.0.borrow_mut().pop() {
            return spare;
        }
        let thread = main.push_thread();
        (thread, main.pop_ref())
    }

    /// Takes back the thread of an actor that has ended: nobody will run it.
    pub(crate) fn give_back_thread(&self, thread: Stack, thread_ref: Ref) {
        let is_welcome = self.spare.0.borrow().len() < MOST && thread.is_at_rest(self.main);
        // Clearing may make the thread's memory smaller, which can fail.
        let is_clear = is_welcome && self.protect(|vm, _| thread.clear(vm.base.get())).is_ok();
        if is_clear {
            self.spare.0.borrow_mut().push((thread, thread_ref));
        } else {
            self.main.unref(thread_ref);
        }
    }
}

#[cfg(test)]
mod tests;
