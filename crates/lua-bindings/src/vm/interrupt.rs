use std::ffi::c_int;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use mlua::ffi;
use perilune_actor_core::{ErrorKind, Failure};

use super::stack::Stack;
use super::{Running, Vm};

/// Why a script was suspended.
#[derive(Clone, Debug)]
pub(crate) enum Break {
    /// It waits for something.
    Wait,
    /// Its slice is used up.
    Slice,
    /// Its actor goes on as something else.
    Become,
    /// It shall not go on.
    End(Box<Failure>),
}

type Hook = unsafe extern "C-unwind" fn(*mut ffi::lua_State, c_int);

/// Ends slices from another thread, whichever VM of the worker runs.
///
/// While it is silent a VM has no interrupt at all, so a script pays one load and one branch a loop.
pub struct Alarm(Mutex<Vec<Target>>);

struct Target(*mut ffi::lua_Callbacks);

// SAFETY: the callbacks live until `lose`, under the lock; the one field used is written atomically.
unsafe impl Send for Target {}

impl Alarm {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::default()))
    }

    /// Makes the running script look up at its next safepoint. What runs in another VM later begins with a new slice and
    /// hears nothing of it.
    pub fn ring(&self) {
        for target in &*self.targets() {
            set_hook(target.0, Some(interrupt));
        }
    }

    /// From now on it is heard in that VM too.
    pub(super) fn reach(&self, main: Stack) {
        // SAFETY: the state is live.
        self.targets().push(Target(unsafe { ffi::lua_callbacks(main.raw()) }));
    }

    /// That VM goes.
    pub(super) fn lose(&self, main: Stack) {
        // SAFETY: the state is live.
        let callbacks = unsafe { ffi::lua_callbacks(main.raw()) };
        self.targets().retain(|target| target.0 != callbacks);
    }

    fn targets(&self) -> MutexGuard<'_, Vec<Target>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

fn set_hook(callbacks: *mut ffi::lua_Callbacks, hook: Option<Hook>) {
    // SAFETY: the callbacks are live; an optional function pointer is as large as a pointer. The VM reads the field at
    // any time, so it is written in one piece.
    unsafe {
        let field = AtomicPtr::from_ptr((&raw mut (*callbacks).interrupt).cast());
        field.store(hook.map_or(std::ptr::null_mut(), |hook| hook as *mut ()), Ordering::Relaxed);
    }
}

pub(super) fn install(vm: &Vm) {
    // SAFETY: the state is live, and no script runs yet.
    unsafe {
        let callbacks = ffi::lua_callbacks(vm.main.raw());
        (*callbacks).preresume = Some(before_resume);
        (*callbacks).postresume = Some(after_resume);
        (*callbacks).debuginterrupt = Some(broke_through);
    }
}

unsafe extern "C-unwind" fn before_resume(state: *mut ffi::lua_State) {
    // SAFETY: Lua calls with a live state.
    Vm::current().resumed.borrow_mut().push(unsafe { Stack::new(state) });
}

unsafe extern "C-unwind" fn after_resume(_: *mut ffi::lua_State) {
    Vm::current().resumed.borrow_mut().pop();
}

/// A thread that another one resumed has been suspended by a break, and takes its resumer with it.
unsafe extern "C-unwind" fn broke_through(_: *mut ffi::lua_State, debug: *mut ffi::lua_Debug) {
    // SAFETY: Lua gives the suspended thread, which its resumer's stack keeps alive.
    let inner = unsafe { Stack::new((*debug).userdata.cast()) };
    Vm::current().broken.borrow_mut().push(inner);
}

unsafe extern "C-unwind" fn interrupt(state: *mut ffi::lua_State, gc: c_int) {
    // Called from inside the collector too, where nothing may be done.
    if gc >= 0 {
        return;
    }
    let vm = Vm::current();
    // SAFETY: Lua calls with a live state.
    let stack = unsafe { Stack::new(state) };
    let end = match vm.verdict(stack) {
        Verdict::GoOn => return,
        Verdict::Break(why) => {
            vm.why.set(Some(why));
            // SAFETY: `verdict` found that the thread may break here.
            unsafe { ffi::lua_break(state) };
            return;
        }
        Verdict::Raise(failure) => failure,
    };
    crate::modules::errors::push(stack, end);
    // SAFETY: the error is on top, and nothing is left to drop.
    unsafe { ffi::lua_error(state) }
}

enum Verdict {
    GoOn,
    Break(Break),
    Raise(Failure),
}

impl Vm {
    fn verdict(&self, stack: Stack) -> Verdict {
        let Some(running) = self.running() else { return Verdict::GoOn };
        // SAFETY: `enter` holds both for as long as they are here; the script that called us has no other use of them.
        let (actor, doomed) = unsafe { (&*running.actor, (*running.context).is_doomed()) };
        let can_break = self.can_break(stack, running);
        let end = match actor.ending() {
            Some(failure) => Some(failure),
            None if doomed => Some(Failure::new(ErrorKind::Canceled, "process terminated")),
            None => None,
        };
        if let Some(failure) = end {
            // Raised again at every safepoint until the thread is dead or can be suspended: `pcall` does not help.
            actor.set_ending(failure.clone());
            return if can_break { Verdict::Break(Break::End(Box::new(failure))) } else { Verdict::Raise(failure) };
        }
        if can_break {
            // A thread goes on with the very instruction before which it was suspended, so that safepoint comes twice.
            if self.settings.break_everywhere && self.resumes_here.replace(!self.resumes_here.get()) {
                return Verdict::GoOn;
            }
            return Verdict::Break(Break::Slice);
        }
        let budget = self.settings.limits.callback_budget;
        match self.stretch.get() {
            None => self.stretch.set(Some(Instant::now())),
            Some(since) if since.elapsed() > budget => {
                let failure = over_budget(budget);
                actor.set_ending(failure.clone());
                return Verdict::Raise(failure);
            }
            Some(_) => {}
        }
        // The alarm rings again; until then a comparison a loop is too much.
        self.hush();
        Verdict::GoOn
    }

    #[inline]
    fn can_break(&self, stack: Stack, running: &Running) -> bool {
        if running.loading || !stack.can_break() {
            return false;
        }
        match self.resumed.borrow().get(running.floor..) {
            Some([only]) if *only == stack => true,
            Some(resumed) => resumed.iter().all(|resumer| *resumer == stack || resumer.can_break()),
            None => true,
        }
    }

    /// Whether the running coroutine may be suspended here.
    #[inline]
    pub(crate) fn can_wait(&self, stack: Stack) -> bool {
        self.running().is_some_and(|running| self.can_break(stack, running))
    }

    pub(crate) fn is_loading(&self) -> bool {
        self.running().is_none_or(|running| running.loading)
    }

    /// A new slice begins.
    pub(crate) fn begin_slice(&self) {
        self.stretch.set(None);
        self.others.chores.note_garbage();
        self.hush();
    }

    fn hush(&self) {
        let hook: Option<Hook> = if self.settings.break_everywhere { Some(interrupt) } else { None };
        // SAFETY: the state is live.
        set_hook(unsafe { ffi::lua_callbacks(self.main.raw()) }, hook);
    }

    /// Keeps the alarm ringing until an actor that must end has ended.
    pub(crate) fn ring(&self) {
        // SAFETY: the state is live.
        set_hook(unsafe { ffi::lua_callbacks(self.main.raw()) }, Some(interrupt));
    }

    /// Whether the alarm has rung since the slice began.
    pub(crate) fn is_slice_over(&self) -> bool {
        // SAFETY: the state is live; the field is read in one piece.
        let hook = unsafe {
            let callbacks = ffi::lua_callbacks(self.main.raw());
            AtomicPtr::<()>::from_ptr((&raw mut (*callbacks).interrupt).cast()).load(Ordering::Relaxed)
        };
        !hook.is_null() && !self.settings.break_everywhere
    }

    /// Says why the thread is about to break.
    pub(crate) fn set_break(&self, why: Break) {
        self.why.set(Some(why));
    }

    /// Why the thread just resumed has broken.
    pub(crate) fn take_break(&self) -> Break {
        self.why.take().unwrap_or(Break::Slice)
    }

    /// The threads below it that the break went through, outermost first.
    pub(crate) fn take_broken(&self) -> Option<Vec<Stack>> {
        let mut broken = self.broken.borrow_mut();
        if broken.is_empty() {
            return None;
        }
        let mut broken = std::mem::take(&mut *broken);
        broken.reverse();
        Some(broken)
    }
}

pub(crate) fn over_budget(budget: std::time::Duration) -> Failure {
    let text = format!("callback ran longer than lua.limits.callback_budget allows ({budget:?})");
    Failure::new(ErrorKind::Internal, text)
}
