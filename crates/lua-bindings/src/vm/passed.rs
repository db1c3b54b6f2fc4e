use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Arc, Mutex};

use perilune_actor_core::{Local, Value};

use super::Vm;
use super::stack::{Kind, Ref, Stack};
use crate::copy;

thread_local! {
    /// Its address tells threads apart, for less than asking which one it is.
    static MARK: Cell<u8> = const { Cell::new(0) };
}

fn mark() -> usize {
    MARK.with(|mark| std::ptr::from_ref(mark) as usize)
}

/// A VM, as far as messages know it that may be dropped anywhere and outlive it.
pub(super) struct Home {
    thread: usize,
    /// Null before the VM is all there, and when it is gone.
    vm: AtomicPtr<Vm>,
    /// What was dropped on other threads, and whether there is any.
    strays: Mutex<Vec<Ref>>,
    has_strays: AtomicBool,
}

impl Home {
    /// For a VM of the calling thread.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            thread: mark(),
            vm: AtomicPtr::default(),
            strays: Mutex::default(),
            has_strays: AtomicBool::new(false),
        })
    }

    /// The VM is there, and stays where it is until it leaves. Both are called on its thread.
    pub(super) fn arrive(&self, vm: &Vm) {
        self.vm.store(std::ptr::from_ref(vm).cast_mut(), Ordering::Relaxed);
    }

    pub(super) fn leave(&self) {
        self.vm.store(std::ptr::null_mut(), Ordering::Relaxed);
    }

    /// The VM, for its own thread.
    fn vm(&self) -> Option<&Vm> {
        if self.thread != mark() {
            return None;
        }
        // SAFETY: the VM leaves on this very thread before it is gone, and nobody has it mutably before.
        unsafe { self.vm.load(Ordering::Relaxed).as_ref() }
    }

    fn let_go(&self, value: Ref) {
        if self.thread != mark() {
            self.strays.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(value);
            self.has_strays.store(true, Ordering::Release);
            return;
        }
        if let Some(vm) = self.vm() {
            vm.main.unref(value);
            vm.others.chores.note_garbage();
        }
    }

    fn collect_strays(&self, main: Stack) {
        if self.has_strays.load(Ordering::Relaxed) && self.has_strays.swap(false, Ordering::Acquire) {
            let strays = std::mem::take(&mut *self.strays.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
            strays.into_iter().for_each(|stray| main.unref(stray));
        }
    }
}

/// A string or a flat table on its way between two actors of one VM: nobody else has the table, and it has no metatable.
struct Passed {
    home: Arc<Home>,
    value: Ref,
}

impl Drop for Passed {
    fn drop(&mut self) {
        self.home.let_go(self.value);
    }
}

impl Vm {
    /// Pops a string, or a table that nobody else has, for an actor of this VM.
    pub(crate) fn pass(&self, stack: Stack) -> Value {
        self.home.collect_strays(self.main);
        let value = stack.pop_ref();
        Value::Local(Local::new(Passed { home: Arc::clone(&self.home), value }))
    }

    /// Pushes what was passed. False when it is of another VM. A table that somebody else may push again is copied.
    pub(crate) fn push_passed(&self, stack: Stack, local: &Local, is_last: bool) -> bool {
        let Some(passed) = local.get::<Passed>().filter(|passed| Arc::ptr_eq(&passed.home, &self.home)) else {
            return false;
        };
        stack.push_ref(passed.value);
        if stack.kind(stack.top()) == Kind::Table && !(is_last && local.is_unique()) {
            let original = stack.top();
            stack.clone_table(original);
            stack.remove(original);
        }
        true
    }

    /// What was passed, out of the other VM of this thread that has it. `None` when that one is gone.
    pub(crate) fn read_passed(local: &Local) -> Option<Value> {
        let passed = local.get::<Passed>()?;
        let other = passed.home.vm()?;
        let _current = other.make_current();
        let value = other.protect(|_, main| {
            main.push_ref(passed.value);
            copy::send(main, main.top(), 0)
        });
        value.ok()?.ok()
    }
}

#[cfg(test)]
mod tests;
