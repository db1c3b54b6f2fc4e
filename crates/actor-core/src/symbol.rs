//! Interned texts: hosts and nodes are few, pids are many.

use std::cell::Cell;
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::RwLock;

use rustc_hash::FxBuildHasher;

#[derive(Default)]
struct Interner {
    ids: HashMap<&'static str, Symbol, FxBuildHasher>,
    texts: Vec<&'static str>,
}

static INTERNER: RwLock<Option<Interner>> = RwLock::new(None);

thread_local! {
    /// What this thread asked for last, either way: pids in a row nearly always have one host.
    static LAST: Cell<Option<(Symbol, &'static str)>> = const { Cell::new(None) };
}

/// Text of a configured host or node, kept for the life of the program. Its place, counted from 1: pids are many, and
/// none of them is to grow because it may be of another node.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Symbol(NonZeroU32);

impl Symbol {
    pub(crate) fn new(text: &str) -> Self {
        if let Some(known) = Self::find(text) {
            return known;
        }
        let mut guard = INTERNER.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        let interner = guard.get_or_insert_default();
        if let Some(&id) = interner.ids.get(text) {
            return id;
        }
        let text: &'static str = Box::leak(text.into());
        interner.texts.push(text);
        let id = u32::try_from(interner.texts.len()).ok().and_then(NonZeroU32::new);
        let id = Self(id.unwrap_or(NonZeroU32::MAX));
        interner.ids.insert(text, id);
        id
    }

    /// Never adds: text that comes from scripts must not grow the table.
    pub(crate) fn find(text: &str) -> Option<Self> {
        if let Some((last, known)) = LAST.get()
            && known == text
        {
            return Some(last);
        }
        let guard = INTERNER.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        let (&known, &id) = guard.as_ref()?.ids.get_key_value(text)?;
        LAST.set(Some((id, known)));
        Some(id)
    }

    pub(crate) fn text(self) -> &'static str {
        if let Some((last, known)) = LAST.get()
            && last == self
        {
            return known;
        }
        let guard = INTERNER.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        let known = guard.as_ref().and_then(|interner| interner.texts.get(self.index()).copied());
        LAST.set(known.map(|known| (self, known)));
        known.unwrap_or_default()
    }

    pub(crate) fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}
