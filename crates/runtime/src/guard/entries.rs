use std::sync::Arc;

use perilune_actor_core::Failure;
use perilune_lua_bindings::{
    Access, ApplyDone, Change, Effort, EntryRegistry, EntrySnapshot, EntryValue, Filter, Origin,
};

use super::Guard;

/// Entries of which a script sees and changes only what its policies allow.
struct GuardedEntries<T: ?Sized> {
    inner: Arc<T>,
    guard: Guard,
}

impl Guard {
    pub(super) fn entries(&self, inner: Arc<dyn EntryRegistry>) -> Arc<dyn EntryRegistry> {
        Arc::new(GuardedEntries { inner, guard: self.clone() })
    }

    fn snapshot(&self, inner: Arc<dyn EntrySnapshot>) -> Arc<dyn EntrySnapshot> {
        Arc::new(GuardedEntries { inner, guard: self.clone() })
    }
}

impl EntryRegistry for GuardedEntries<dyn EntryRegistry> {
    fn current(&self) -> Arc<dyn EntrySnapshot> {
        self.guard.snapshot(self.inner.current())
    }

    fn at(&self, version: u64) -> Result<Arc<dyn EntrySnapshot>, Failure> {
        Ok(self.guard.snapshot(self.inner.at(version)?))
    }

    fn versions(&self) -> Vec<u64> {
        self.inner.versions()
    }

    fn check(&self, entry: &EntryValue) -> Result<(), Failure> {
        self.inner.check(entry)
    }

    fn check_id(&self, id: &str) -> Result<(), Failure> {
        self.inner.check_id(id)
    }

    fn delta(&self, from: &[EntryValue], to: &[EntryValue]) -> Result<Vec<Change>, Failure> {
        self.inner.delta(from, to)
    }

    fn apply(&self, origin: &Origin<'_>, changes: Vec<Change>, done: ApplyDone) {
        let may = |change: &Change| {
            self.guard.check(origin, &Access::to("registry.apply", change.id(), "not allowed to change entry"))
        };
        match changes.iter().try_for_each(may) {
            Ok(()) => self.inner.apply(origin, changes, done),
            Err(failure) => done(Err(failure)),
        }
    }

    fn apply_version(&self, origin: &Origin<'_>, version: u64, done: ApplyDone) {
        let text = version.to_string();
        match self.guard.check(origin, &Access::to("registry.apply_version", &text, "not allowed to apply version")) {
            Ok(()) => self.inner.apply_version(origin, version, done),
            Err(failure) => done(Err(failure)),
        }
    }

    fn later(&self, work: Box<dyn FnOnce() + Send>) {
        self.inner.later(work);
    }
}

impl EntrySnapshot for GuardedEntries<dyn EntrySnapshot> {
    fn version(&self) -> u64 {
        self.inner.version()
    }

    fn effort(&self, filter: &Filter) -> Effort {
        self.inner.effort(filter)
    }

    fn find(&self, filter: &Filter) -> Result<Vec<Arc<str>>, Failure> {
        self.inner.find(filter)
    }

    fn get(&self, origin: &Origin<'_>, id: &str) -> Result<EntryValue, Failure> {
        self.guard.check(origin, &Access::to("registry.get", id, "not allowed to read entry"))?;
        self.inner.get(origin, id)
    }
}
