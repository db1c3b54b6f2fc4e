use std::cell::RefCell;

use super::Vm;
use super::environment::Loaded;
use super::stack::{Ref, Stack};

/// Threads of actors that have ended, for actors to come: making and collecting one costs several times as much as
/// clearing one.
#[derive(Default)]
pub(super) struct Spare(RefCell<Vec<Thread>>);

/// A thread of an actor.
#[derive(Clone, Copy)]
pub(crate) struct Thread {
    pub(crate) stack: Stack,
    pub(crate) held: Ref,
    /// Its globals are a table that is empty, and that no script has seen.
    pub(crate) has_globals: bool,
}

/// So many are kept. Each takes about a kilobyte.
const MOST: usize = 256;

impl Vm {
    /// A thread with globals for an actor of that definition. Inside a protected call.
    pub(crate) fn take_thread(&self, main: Stack, loaded: &Loaded) -> Thread {
        let spare = self.spare.0.borrow_mut().pop();
        let mut thread = spare.unwrap_or_else(|| {
            let stack = main.push_thread();
            Thread { stack, held: main.pop_ref(), has_globals: false }
        });
        if std::mem::replace(&mut thread.has_globals, true) {
            loaded.adopt_globals(thread.stack);
        } else {
            loaded.push_globals(thread.stack);
            thread.stack.set_globals();
        }
        thread
    }

    /// The same when that takes no memory, and so need not be protected.
    pub(crate) fn take_ready_thread(&self, loaded: &Loaded) -> Option<Thread> {
        let thread = self.spare.0.borrow_mut().pop_if(|thread| thread.has_globals)?;
        loaded.adopt_globals(thread.stack);
        Some(thread)
    }

    /// Takes back the thread of an actor that has ended: nobody will run it.
    pub(crate) fn give_back_thread(&self, thread: Thread) {
        if self.spare.0.borrow().len() < MOST && self.clear(thread) {
            self.spare.0.borrow_mut().push(thread);
        } else {
            self.main.unref(thread.held);
        }
    }

    /// Takes everything from a thread that the next actor must not have. False when that cannot be.
    fn clear(&self, thread: Thread) -> bool {
        let stack = thread.stack;
        // What has run to its end has left nothing but its results. Of a stack that has become large, the collector
        // takes half each time it comes by.
        if stack.has_ended(self.main) {
            stack.set_top(0);
        } else {
            // Clearing may make the thread's memory smaller, which can fail.
            let is_clear = stack.is_at_rest(self.main) && self.protect(|_, _| stack.clear()).is_ok();
            if !is_clear {
                return false;
            }
        }
        if !thread.has_globals {
            stack.push_ref(self.base.get());
            stack.set_globals();
        }
        true
    }
}

#[cfg(test)]
mod tests;
