use std::collections::HashSet;
use std::sync::Arc;

use perilune_actor_core::{ErrorKind, Failure, Table, Value};
use perilune_lua_bindings::KNOWN_MODULES;

use super::step::{difference, steps};
use super::{Listener, Registry, Snapshot, Transition, Version, inherit, invalid, link};
use crate::application::{Entry, EntryId, Severity, misspelt, problems};
use crate::support::unsupported;

/// One operation of a change set.
pub(crate) enum Operation {
    Create(Entry),
    Update(Entry),
    Delete(EntryId),
}

impl Operation {
    fn id(&self) -> &EntryId {
        match self {
            Self::Create(entry) | Self::Update(entry) => &entry.id,
            Self::Delete(id) => id,
        }
    }
}

impl Registry {
    /// Makes a new version out of the current one, whichever that is by now. Returns its number when all of it is in
    /// force.
    ///
    /// # Errors
    /// Nothing has changed: an id is taken or not there, something does not fit or compile, or somebody refuses.
    pub(crate) fn apply(&self, operations: Vec<Operation>) -> Result<u64, Failure> {
        if operations.is_empty() {
            return Err(invalid("the change set is empty"));
        }
        let listeners = self.changing.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let old = self.open()?;
        let mut entries = old.version.entries.clone();
        let mut changed = Vec::with_capacity(operations.len());
        let mut known = HashSet::with_capacity(operations.len());
        for operation in operations {
            let id = operation.id().clone();
            if !known.insert(id.clone()) {
                return Err(invalid(format!("the change set has several operations on `{id}`")));
            }
            let before = old.entry(id.as_str());
            match (operation, before) {
                (Operation::Create(_), Some(_)) => {
                    return Err(Failure::new(ErrorKind::AlreadyExists, format!("entry already exists: {id}")));
                }
                (Operation::Update(_) | Operation::Delete(_), None) => {
                    return Err(Failure::new(ErrorKind::NotFound, format!("entry not found: {id}")));
                }
                (Operation::Create(entry), None) => entries.insert(id.clone(), Arc::new(entry)),
                (Operation::Update(mut entry), Some(before)) => {
                    inherit(&mut entry, before);
                    entries.insert(id.clone(), Arc::new(entry));
                }
                (Operation::Delete(_), Some(_)) => drop(entries.remove(id.as_str())),
            }
            changed.push(id);
        }
        let highest = self.read().highest;
        let new = Arc::new(Version { id: highest + 1, entries });
        self.change(&listeners, &old, new, &changed, true)
    }

    /// Makes a version current that was there before.
    ///
    /// # Errors
    /// Nothing has changed: there is no such version, or somebody refuses.
    pub(crate) fn apply_version(&self, id: u64) -> Result<u64, Failure> {
        let listeners = self.changing.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let old = self.open()?;
        let new = self.version_at(id)?;
        let changed = difference(&old.version.entries, &new.entries);
        self.change(&listeners, &old, new, &changed, false)
    }

    fn open(&self) -> Result<Snapshot, Failure> {
        let state = self.read();
        match state.closed {
            true => Err(Failure::new(ErrorKind::Unavailable, "the application is stopping")),
            false => Ok(state.current.clone()),
        }
    }

    /// `is_first` says that nobody has looked at the version before.
    fn change(
        &self,
        listeners: &[Arc<dyn Listener>],
        old: &Snapshot,
        version: Arc<Version>,
        changed: &[EntryId],
        is_first: bool,
    ) -> Result<u64, Failure> {
        let affected = link::affected(changed, &old.version, &version);
        if is_first {
            look_at(&version, &affected, changed)?;
        }
        let new = Snapshot { definitions: link::link(&version, &affected, &old.definitions), version };
        compile(&new, changed, is_first)?;
        let steps = steps(changed, &old.version, &new.version);
        let transition = Transition { new: &new.version, steps: &steps };
        let prepared: Result<Vec<_>, _> = listeners.iter().map(|listener| listener.prepare(&transition)).collect();
        let mut prepared = prepared?;
        let id = new.version.id;
        {
            let mut state = self.write();
            if state.closed {
                return Err(Failure::new(ErrorKind::Unavailable, "the application is stopping"));
            }
            prepared.iter_mut().for_each(|prepared| prepared.run_publish());
            if !self.keeps_history {
                state.versions = vec![Arc::clone(&new.version)];
            } else if is_first {
                state.versions.push(Arc::clone(&new.version));
            }
            state.highest = state.highest.max(id);
            state.current = new;
            self.edition.end();
        }
        prepared.into_iter().for_each(|prepared| prepared.run_finish());
        Ok(id)
    }
}

/// What is wrong with a new version, as far as it can differ from what was there before.
fn look_at(version: &Version, affected: &[EntryId], changed: &[EntryId]) -> Result<(), Failure> {
    let new: HashSet<_> = changed.iter().collect();
    let entry = |id: &EntryId| version.entry(id.as_str()).map(|entry| &**entry);
    let mut errors = Vec::new();
    let mut tell = |severity, text: String| match severity {
        Severity::Error => errors.push(text),
        Severity::Warning => tracing::warn!(target: "perilune::registry", version = version.id, "{text}"),
    };
    for problem in problems(version, affected.iter().filter_map(entry), KNOWN_MODULES) {
        // What was there before was told of then.
        if problem.severity == Severity::Error || new.contains(&problem.entry.id) {
            let help = problem.help.map(|help| format!("; {help}")).unwrap_or_default();
            tell(problem.severity, problem.message + &help);
        }
    }
    for entry in changed.iter().filter_map(entry) {
        for problem in unsupported(entry) {
            tell(problem.severity, problem.message);
        }
        for problem in misspelt(entry).into_iter() {
            let help = problem.help.map(|help| format!("; {help}")).unwrap_or_default();
            tell(problem.severity, problem.message + &help);
        }
    }
    refuse(errors)
}

/// Compiles what is new, so that nobody who spawns has to wait for it.
fn compile(snapshot: &Snapshot, changed: &[EntryId], is_first: bool) -> Result<(), Failure> {
    let definitions = changed.iter().filter_map(|id| snapshot.definitions.get(id.as_str()));
    let errors = definitions.filter_map(|definition| definition.compile().err());
    let errors: Vec<_> = errors.map(|failure| format!("script does not compile: {}", failure.message)).collect();
    // A version that was current once may have scripts that never did.
    if is_first { refuse(errors) } else { Ok(()) }
}

fn refuse(errors: Vec<String>) -> Result<(), Failure> {
    if errors.is_empty() { Ok(()) } else { Err(refusal(errors)) }
}

/// An error that says the first of several things, and has all of them as its details.
pub(crate) fn refusal(errors: Vec<String>) -> Failure {
    let first = errors.first().cloned().unwrap_or_default();
    let more = if errors.len() > 1 { format!(" (and {} more)", errors.len() - 1) } else { String::new() };
    let all = errors.iter().map(|error| Value::from(error.as_str())).collect::<Vec<_>>();
    let details = Table { array: Vec::new(), pairs: vec![(Value::from("problems"), all.into())] };
    Failure { details: Some(Box::new(details)), ..invalid(first + &more) }
}
