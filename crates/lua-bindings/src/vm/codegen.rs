use std::cell::Cell;
use std::ffi::c_int;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use mlua::ffi;

use super::stack::{Object, Stack};
use crate::definition::Definition;

/// Which scripts are compiled to native code, where the machine and what is left of its memory mappings allow it.
///
/// It changes how fast a script computes, and nothing else that it sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NativeCode {
    /// None.
    Never,
    /// Those that say so: by `--!native` at the top, or by `@native` before single functions.
    #[default]
    Marked,
    /// All; of those with `@native` functions, these.
    Always,
}

/// How many chunks may have native code at once.
///
/// The pages of each take two memory mappings, those of code that has gone may lie between and take a third, and a
/// process that has used up its mappings cannot even allocate.
#[derive(Debug)]
pub(super) struct Budget {
    most: usize,
    live: AtomicUsize,
}

/// The part of a process's mappings that native code may take: one in four.
const PART: usize = 4;

/// What a chunk takes at most.
const MAPPINGS: usize = 3;

/// What Linux allows a process unless it is told otherwise. Other systems allow more.
const USUAL_MAPPINGS: usize = 65_530;

impl Budget {
    fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, live: AtomicUsize::new(0) })
    }

    /// The one that all VMs of the process share.
    pub(super) fn of_process() -> Arc<Self> {
        static SHARED: LazyLock<Arc<Budget>> = LazyLock::new(|| {
            let allowed = std::fs::read_to_string("/proc/sys/vm/max_map_count").ok();
            let allowed = allowed.and_then(|text| text.trim().parse().ok()).unwrap_or(USUAL_MAPPINGS);
            // Where it was raised, there are other reasons than scripts.
            Budget::new(allowed.min(USUAL_MAPPINGS) / PART / MAPPINGS)
        });
        Arc::clone(&SHARED)
    }

    fn take(self: &Arc<Self>) -> Option<Place> {
        let more = |live| (live < self.most).then_some(live + 1);
        self.live.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Place(Arc::clone(self)))
    }
}

/// Room for the native code of one chunk, held by what all functions of the chunk lead to: the collector frees both
/// together.
pub(super) struct Place(Arc<Budget>);

impl Object for Place {
    const TAG: c_int = 14;
    const NAME: &'static str = "code";
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.live.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(super) fn register(stack: Stack) {
    stack.push_table(0, 0);
    stack.set_readonly(stack.top());
    stack.register::<Place>();
}

/// Compiles chunks of one VM to native code.
pub(super) struct Codegen {
    which: NativeCode,
    budget: Arc<Budget>,
    /// Made with the first chunk that needs it: it takes 4 MiB of addresses.
    is_made: Cell<bool>,
    /// Somebody has been told that there is no room.
    has_complained: Cell<bool>,
}

impl Codegen {
    pub(super) fn new(which: NativeCode, budget: Arc<Budget>) -> Self {
        // SAFETY: asks the processor.
        let which = if unsafe { ffi::luau_codegen_supported() } == 0 { NativeCode::Never } else { which };
        Self { which, budget, is_made: Cell::new(false), has_complained: Cell::new(false) }
    }

    /// What all VMs of the process share.
    pub(super) fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    /// Room for the code of a definition, if it shall be native and there is any.
    pub(super) fn place(&self, definition: &Definition) -> Option<Place> {
        let is_wanted = match self.which {
            NativeCode::Never => false,
            NativeCode::Marked => definition.is_marked_native(),
            NativeCode::Always => true,
        };
        if !is_wanted {
            return None;
        }
        let place = self.budget.take();
        if place.is_none() && !self.has_complained.replace(true) {
            let most = self.budget.most;
            tracing::debug!(id = definition.id, most, "no room for more native code: scripts are interpreted");
        }
        place
    }

    /// Compiles the functions of the chunk on top. What cannot be compiled is interpreted.
    pub(super) fn compile(&self, stack: Stack) {
        // SAFETY: the state is live and `new` found that this machine is supported; the generator is made once, and on
        // top is a Lua function.
        unsafe {
            if !self.is_made.replace(true) {
                ffi::luau_codegen_create(stack.raw());
            }
            ffi::luau_codegen_compile(stack.raw(), -1);
        }
    }
}

#[cfg(test)]
mod tests;
