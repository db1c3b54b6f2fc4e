use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};

use perilune_actor_core::{ErrorKind, Failure};
use perilune_lua_bindings::{Environment, Origin};

use crate::application::{Definition, Entry, EntryId, EnvStorage, EnvVariable};

/// The variables that an application declares. What it does not declare scripts cannot see, least of all the rest of the
/// operating system's environment.
#[derive(Default)]
pub(crate) struct AppEnvironment {
    variables: Vec<Variable>,
    /// By the name that scripts use; of several with one name, that of the first entry.
    names: BTreeMap<Arc<str>, usize>,
    /// By entry.
    ids: HashMap<EntryId, usize>,
}

struct Variable {
    declared: EnvVariable,
    /// Where its value may be, the first place first.
    storages: Vec<Arc<Storage>>,
}

enum Storage {
    Memory(Mutex<HashMap<Arc<str>, Vec<u8>>>),
    /// Read when asked, and never written: other threads of this program may be reading it.
    Os,
}

impl AppEnvironment {
    /// Makes the storages. References that lead nowhere were refused by the check before.
    pub(crate) fn new(entries: &BTreeMap<EntryId, Entry>) -> Self {
        let storages = entries.values().filter_map(|entry| match &entry.definition {
            Definition::EnvStorage(EnvStorage::Memory) => {
                Some((&entry.id, Arc::new(Storage::Memory(Mutex::default()))))
            }
            Definition::EnvStorage(EnvStorage::Os) => Some((&entry.id, Arc::new(Storage::Os))),
            _ => None,
        });
        let storages: HashMap<_, _> = storages.collect();
        let mut environment = Self::default();
        for entry in entries.values() {
            let Definition::EnvVariable(declared) = &entry.definition else { continue };
            let number = environment.variables.len();
            environment.names.entry(Arc::clone(&declared.name)).or_insert(number);
            environment.ids.insert(entry.id.clone(), number);
            let reachable = reachable(entries, entry);
            let storages = reachable.iter().filter_map(|id| storages.get(id).cloned()).collect();
            environment.variables.push(Variable { declared: declared.clone(), storages });
        }
        environment
    }

    fn find(&self, name: &str) -> Result<&Variable, Failure> {
        let number = self.names.get(name).or_else(|| self.ids.get(&EntryId::parse(name)));
        number.and_then(|number| self.variables.get(*number)).ok_or_else(|| missing(name))
    }
}

/// The storages behind an entry in the order in which they are asked, each once: a router stands for its own.
fn reachable<'a>(entries: &'a BTreeMap<EntryId, Entry>, entry: &'a Entry) -> Vec<&'a EntryId> {
    let (mut found, mut seen) = (Vec::new(), HashSet::new());
    let mut next: Vec<_> = entry.definition.storages().iter().rev().map(|reference| &reference.target).collect();
    while let Some(id) = next.pop() {
        if seen.insert(id) {
            found.push(id);
            let inside = entries.get(id).map_or(&[][..], |entry| entry.definition.storages());
            next.extend(inside.iter().rev().map(|reference| &reference.target));
        }
    }
    found
}

fn missing(name: &str) -> Failure {
    Failure::new(ErrorKind::NotFound, format!("variable not found: {name}"))
}

impl Variable {
    fn value(&self) -> Option<Vec<u8>> {
        let stored = self.storages.iter().find_map(|storage| storage.get(&self.declared.name));
        stored.or_else(|| Some(self.declared.default.as_ref()?.as_bytes().to_vec()))
    }
}

impl Storage {
    fn get(&self, name: &str) -> Option<Vec<u8>> {
        match self {
            Self::Memory(values) => values.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).get(name).cloned(),
            Self::Os => Some(std::env::var_os(name)?.into_encoded_bytes()),
        }
    }
}

impl Environment for AppEnvironment {
    fn get(&self, _: &Origin<'_>, name: &str) -> Result<Vec<u8>, Failure> {
        self.find(name)?.value().ok_or_else(|| missing(name))
    }

    fn resolve<'a>(&'a self, name: &'a str) -> &'a str {
        self.find(name).map_or(name, |variable| &variable.declared.name)
    }

    fn set(&self, _: &Origin<'_>, name: &str, value: &[u8]) -> Result<(), Failure> {
        let variable = self.find(name)?;
        let denied = |why: &str| {
            Err(Failure::new(ErrorKind::PermissionDenied, format!("not allowed to set variable {name}: {why}")))
        };
        if variable.declared.read_only {
            return denied("it is read-only");
        }
        let writable = variable.storages.iter().find_map(|storage| match &**storage {
            Storage::Memory(values) => Some(values),
            Storage::Os => None,
        });
        let Some(values) = writable else { return denied("it has no storage that can be written") };
        let mut values = values.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        values.insert(Arc::clone(&variable.declared.name), value.to_vec());
        Ok(())
    }

    fn all(&self, _: &Origin<'_>) -> Result<Vec<(String, Vec<u8>)>, Failure> {
        let values = self.names.iter().filter_map(|(name, number)| {
            let value = self.variables.get(*number)?.value()?;
            Some((name.to_string(), value))
        });
        Ok(values.collect())
    }
}
