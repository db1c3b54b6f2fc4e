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
    /// The serial of the definition whose names are found through them.
    pub(crate) of: u64,
    /// Its main function with these globals, if somebody has needed it on this thread.
    pub(crate) main: Ref,
    /// An actor has had it before.
    pub(crate) is_used: bool,
}

/// So many are kept. Each takes about a kilobyte, and more of them push what is used all the time out of the caches.
const MOST: usize = 256;

impl Vm {
    /// A thread with globals for an actor of that definition. Inside a protected call.
    pub(crate) fn take_thread(&self, main: Stack, loaded: &Loaded) -> Thread {
        let spare = self.spare.0.borrow_mut().pop();
        let mut thread = spare.unwrap_or_else(|| {
            let stack = main.push_thread();
            Thread { stack, held: main.pop_ref(), has_globals: false, of: 0, main: Ref::NONE, is_used: false }
        });
        if thread.has_globals {
            self.adopt(&mut thread, loaded);
        } else {
            loaded.push_globals(thread.stack);
            thread.stack.set_globals();
            (thread.has_globals, thread.of) = (true, loaded.serial());
        }
        thread
    }

    /// The same when that takes no memory, and so need not be protected.
    pub(crate) fn take_ready_thread(&self, loaded: &Loaded) -> Option<Thread> {
        let mut thread = self.spare.0.borrow_mut().pop_if(|thread| thread.has_globals)?;
        self.adopt(&mut thread, loaded);
        Some(thread)
    }

    /// Gives a thread whose globals nobody has touched or seen to an actor of that definition.
    fn adopt(&self, thread: &mut Thread, loaded: &Loaded) {
        if thread.of != loaded.serial() {
            self.forget_main(thread);
            loaded.adopt_globals(thread.stack);
            thread.of = loaded.serial();
        }
    }

    fn forget_main(&self, thread: &mut Thread) {
        let main = std::mem::replace(&mut thread.main, Ref::NONE);
        if !main.is_none() {
            self.main.unref(main);
        }
    }

    /// Takes back the thread of an actor that has ended: nobody will run it.
    pub(crate) fn give_back_thread(&self, mut thread: Thread) {
        if !thread.has_globals {
            self.forget_main(&mut thread);
        }
        if self.spare.0.borrow().len() < MOST && self.clear(thread) {
            self.spare.0.borrow_mut().push(Thread { is_used: true, ..thread });
        } else {
            self.forget_main(&mut thread);
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
