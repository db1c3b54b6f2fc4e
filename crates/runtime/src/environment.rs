use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use perilune_actor_core::{ErrorKind, Failure};
use perilune_lua_bindings::{Environment, Origin};

use crate::application::{Definition, Entry, EntryId, EnvStorage, EnvVariable};
use crate::registry::{Listener, Prepared, Transition, Version};

/// The variables that an application declares. What it does not declare scripts cannot see, least of all the rest of the
/// operating system's environment.
pub(crate) struct AppEnvironment(Arc<RwLock<Arc<Variables>>>);

/// The variables of one version of the entries.
#[derive(Default)]
struct Variables {
    variables: Vec<Variable>,
    /// By the name that scripts use; of several with one name, that of the first entry.
    names: BTreeMap<Arc<str>, usize>,
    /// By entry.
    ids: HashMap<EntryId, usize>,
    storages: HashMap<EntryId, Arc<Storage>>,
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
    pub(crate) fn new(version: &Version) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(Variables::new(version, &Variables::default())))))
    }

    fn current(&self) -> Arc<Variables> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Listener for AppEnvironment {
    fn prepare(&self, change: &Transition<'_>) -> Result<Prepared, Failure> {
        let is_concerned =
            |entry: &Arc<Entry>| matches!(entry.definition, Definition::EnvStorage(_) | Definition::EnvVariable(_));
        if !change.steps.iter().any(|step| step.before.iter().chain(&step.after).any(is_concerned)) {
            return Ok(Prepared::default());
        }
        let (place, new) = (Arc::clone(&self.0), Arc::new(Variables::new(change.new, &self.current())));
        Ok(Prepared::default().publish(move || *place.write().unwrap_or_else(PoisonError::into_inner) = new))
    }
}

impl Variables {
    /// Makes the storages, or takes over those that are there already with what is in them. References that lead nowhere
    /// were refused by the check before.
    fn new(version: &Version, before: &Self) -> Self {
        let mut made = Self::default();
        for entry in version.entries() {
            let storage = match &entry.definition {
                Definition::EnvStorage(EnvStorage::Memory) => {
                    let known =
                        before.storages.get(&entry.id).filter(|storage| matches!(***storage, Storage::Memory(_)));
                    known.map_or_else(|| Arc::new(Storage::Memory(Mutex::default())), Arc::clone)
                }
                Definition::EnvStorage(EnvStorage::Os) => Arc::new(Storage::Os),
                _ => continue,
            };
            made.storages.insert(entry.id.clone(), storage);
        }
        for entry in version.entries() {
            let Definition::EnvVariable(declared) = &entry.definition else { continue };
            let number = made.variables.len();
            made.names.entry(Arc::clone(&declared.name)).or_insert(number);
            made.ids.insert(entry.id.clone(), number);
            let reachable = reachable(version, entry);
            let storages = reachable.iter().filter_map(|id| made.storages.get(id).cloned()).collect();
            made.variables.push(Variable { declared: declared.clone(), storages });
        }
        made
    }

    fn find(&self, name: &str) -> Result<&Variable, Failure> {
        let number = self.names.get(name).or_else(|| self.ids.get(&EntryId::parse(name)));
        number.and_then(|number| self.variables.get(*number)).ok_or_else(|| missing(name))
    }
}

/// The storages behind an entry in the order in which they are asked, each once: a router stands for its own.
fn reachable<'a>(version: &'a Version, entry: &'a Entry) -> Vec<&'a EntryId> {
    let (mut found, mut seen) = (Vec::new(), HashSet::new());
    let mut next: Vec<_> = entry.definition.storages().iter().rev().map(|reference| &reference.target).collect();
    while let Some(id) = next.pop() {
        if seen.insert(id) {
            found.push(id);
            let inside = version.entry(id.as_str()).map_or(&[][..], |entry| entry.definition.storages());
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
        self.current().find(name)?.value().ok_or_else(|| missing(name))
    }

    fn resolve<'a>(&self, name: &'a str) -> Cow<'a, str> {
        self.current().find(name).map_or(name.into(), |variable| variable.declared.name.to_string().into())
    }

    fn set(&self, _: &Origin<'_>, name: &str, value: &[u8]) -> Result<(), Failure> {
        let current = self.current();
        let variable = current.find(name)?;
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
        let current = self.current();
        let values = current.names.iter().filter_map(|(name, number)| {
            let value = current.variables.get(*number)?.value()?;
            Some((name.to_string(), value))
        });
        Ok(values.collect())
    }
}
