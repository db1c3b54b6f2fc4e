use std::collections::BTreeMap;
use std::sync::Arc;

use perilune_actor_core::{ErrorKind, Failure};
use perilune_lua_bindings::{ApplyDone, Change, Effort, EntryRegistry, EntrySnapshot, EntryValue, Filter, Origin};

use tokio::runtime::Handle;

use super::apply::Operation;
use super::step::{Step, in_order};
use super::value::{read_entry, read_id, show_entry};
use super::{Queue, Registry, Version, filter, invalid};
use crate::application::{Entry, EntryId};

/// The registry as scripts reach it.
pub(crate) struct AppRegistry {
    registry: Arc<Registry>,
    queue: Queue,
}

impl AppRegistry {
    pub(crate) fn new(registry: Arc<Registry>, io: Handle) -> Self {
        Self { registry, queue: Queue::new(io) }
    }

    fn change(
        &self,
        origin: &Origin<'_>,
        done: ApplyDone,
        change: impl FnOnce(&Registry) -> Result<u64, Failure> + Send + 'static,
    ) {
        let registry = Arc::clone(&self.registry);
        let answer = Answer(Some(done));
        let (pid, entry) = (origin.pid, origin.definition.id.clone());
        self.queue.push(move || {
            let result = change(&registry);
            match &result {
                Ok(version) => {
                    tracing::info!(target: "perilune::registry", %pid, entry, version, "entries changed");
                }
                Err(failure) => {
                    tracing::debug!(target: "perilune::registry", %pid, entry, "entries not changed: {failure}");
                }
            }
            answer.give(result);
        });
    }
}

/// Says to whoever waits how it went, whatever happens.
struct Answer(Option<ApplyDone>);

impl Answer {
    fn give(mut self, result: Result<u64, Failure>) {
        if let Some(done) = self.0.take() {
            done(result);
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Some(done) = self.0.take() {
            done(Err(Failure::new(ErrorKind::Internal, "the change was given up")));
        }
    }
}

impl EntryRegistry for AppRegistry {
    fn current(&self) -> Arc<dyn EntrySnapshot> {
        self.registry.version() as _
    }

    fn at(&self, version: u64) -> Result<Arc<dyn EntrySnapshot>, Failure> {
        Ok(self.registry.version_at(version)? as _)
    }

    fn versions(&self) -> Vec<u64> {
        self.registry.versions()
    }

    fn check(&self, entry: &EntryValue) -> Result<(), Failure> {
        read_entry(entry).map(drop)
    }

    fn check_id(&self, id: &str) -> Result<(), Failure> {
        read_id(id).map(drop)
    }

    fn delta(&self, from: &[EntryValue], to: &[EntryValue]) -> Result<Vec<Change>, Failure> {
        let (mut from, to) = (by_id(from)?, by_id(to)?);
        let mut steps = Vec::new();
        for (id, after) in to {
            let before = from.remove(&id);
            let is_same = before.as_ref().is_some_and(|before| {
                before.kind == after.kind && before.meta == after.meta && before.data == after.data
            });
            if !is_same {
                steps.push(Step { before, after: Some(after) });
            }
        }
        steps.extend(from.into_values().map(|before| Step { before: Some(before), after: None }));
        let change = |step: Step| match (step.before, step.after) {
            (None, Some(entry)) => Some(Change::Create(show_entry(&entry))),
            (Some(_), Some(entry)) => Some(Change::Update(show_entry(&entry))),
            (before, None) => Some(Change::Delete(before?.id.to_string())),
        };
        Ok(in_order(steps).into_iter().filter_map(change).collect())
    }

    fn apply(&self, origin: &Origin<'_>, changes: Vec<Change>, done: ApplyDone) {
        self.change(origin, done, |registry| {
            let operations: Result<Vec<_>, Failure> = changes
                .into_iter()
                .map(|change| {
                    Ok(match change {
                        Change::Create(entry) => Operation::Create(read_entry(&entry)?),
                        Change::Update(entry) => Operation::Update(read_entry(&entry)?),
                        Change::Delete(id) => Operation::Delete(read_id(&id)?),
                    })
                })
                .collect();
            registry.apply(operations?)
        });
    }

    fn apply_version(&self, origin: &Origin<'_>, version: u64, done: ApplyDone) {
        self.change(origin, done, move |registry| registry.apply_version(version));
    }

    fn later(&self, work: Box<dyn FnOnce() + Send>) {
        self.queue.aside(work);
    }
}

fn by_id(entries: &[EntryValue]) -> Result<BTreeMap<EntryId, Arc<Entry>>, Failure> {
    let mut known = BTreeMap::new();
    for entry in entries {
        let entry = read_entry(entry)?;
        if let Some(twice) = known.insert(entry.id.clone(), Arc::new(entry)) {
            return Err(invalid(format!("the list has `{}` twice", twice.id)));
        }
    }
    Ok(known)
}

impl EntrySnapshot for Version {
    fn version(&self) -> u64 {
        self.id
    }

    fn effort(&self, filter: &Filter) -> Effort {
        filter::effort(self, filter)
    }

    fn find(&self, filter: &Filter) -> Result<Vec<Arc<str>>, Failure> {
        filter::find(self, filter)
    }

    fn get(&self, _: &Origin<'_>, id: &str) -> Result<EntryValue, Failure> {
        match self.entry(id) {
            Some(entry) => Ok(show_entry(entry)),
            None => Err(Failure::new(ErrorKind::NotFound, format!("entry not found: {id}"))),
        }
    }
}
