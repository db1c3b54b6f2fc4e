use std::sync::Arc;

use perilune_actor_core::{ErrorKind, Failure, HostId};
use perilune_lua_bindings::{Callable, Definition};

use super::sorted::Sorted;
use crate::application::{self, Directory, Entries, Entry, EntryId, TerminalHost, did_you_mean};
use crate::hosts::functions_host;

/// How many entries are looked through for one that was probably meant: a process that asks for what is not there must
/// not hold up its worker.
const CANDIDATES: usize = 1000;

/// The entries of one version.
pub(crate) struct Version {
    pub(crate) id: u64,
    pub(crate) entries: Sorted<Arc<Entry>>,
}

/// A version and the scripts it defines.
#[derive(Clone)]
pub(crate) struct Snapshot {
    pub(crate) version: Arc<Version>,
    /// Only the current version has them: of others nothing is compiled or loaded.
    pub(crate) definitions: Sorted<Arc<Definition>>,
}

impl Version {
    pub(crate) fn entry(&self, id: &str) -> Option<&Arc<Entry>> {
        self.entries.get(id)
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &Arc<Entry>> + Clone {
        self.entries.iter().map(|(_, entry)| entry)
    }
}

impl Entries for Version {
    fn entry(&self, id: &EntryId) -> Option<&Entry> {
        self.entries.get(id.as_str()).map(|entry| &**entry)
    }

    fn all(&self) -> Box<dyn Iterator<Item = &Entry> + '_> {
        Box::new(self.entries().map(|entry| &**entry))
    }
}

impl Snapshot {
    pub(crate) fn entry(&self, id: &str) -> Option<&Arc<Entry>> {
        self.version.entry(id)
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.version.entries()
    }

    pub(crate) fn definitions(&self) -> impl Iterator<Item = &Arc<Definition>> {
        self.definitions.iter().map(|(_, definition)| definition)
    }

    /// What to say about an id that is not there.
    fn missing(&self, what: &str, id: &str, fits: impl Fn(&Entry) -> bool) -> Failure {
        let candidates = self.entries().filter(|entry| fits(entry)).take(CANDIDATES);
        let near = did_you_mean(id, candidates.map(|entry| entry.id.as_str()));
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        Failure::new(ErrorKind::NotFound, format!("{what} not found: {id}{near}"))
    }

    /// The definition that a spawn of `id` runs.
    pub(crate) fn process(&self, id: &str) -> Result<Arc<Definition>, Failure> {
        let is_process = |entry: &Entry| matches!(entry.definition, application::Definition::Process(_));
        match self.entry(id) {
            Some(entry) if is_process(entry) => match self.definitions.get(id) {
                Some(definition) => Ok(Arc::clone(definition)),
                None => Err(self.missing("entry", id, is_process)),
            },
            Some(entry) => {
                let text = format!("entry {id} is of kind {}, not process.lua", entry.kind);
                Err(Failure::new(ErrorKind::NotFound, text))
            }
            None => Err(self.missing("entry", id, is_process)),
        }
    }

    /// What a function call of `id` runs: a function, or a process on its default host.
    pub(crate) fn callable(&self, id: &str) -> Result<Callable, Failure> {
        let is_function = |entry: &Entry| {
            let is_process = matches!(entry.definition, application::Definition::Process(_));
            let is_callable = is_process && entry.default_host().is_some();
            is_callable || matches!(entry.definition, application::Definition::Function(_))
        };
        let Some(entry) = self.entry(id) else { return Err(self.missing("function", id, is_function)) };
        let host = match &entry.definition {
            application::Definition::Function(_) => functions_host(),
            application::Definition::Process(_) => match entry.default_host() {
                Some((host, _)) => self.host(host.as_str())?,
                None => {
                    let text = format!("process {id} has no meta.default_host to be called on");
                    return Err(Failure::new(ErrorKind::Invalid, text));
                }
            },
            _ => {
                let text = format!("entry {id} is of kind {}, not function.lua", entry.kind);
                return Err(Failure::new(ErrorKind::NotFound, text));
            }
        };
        match self.definitions.get(id) {
            Some(definition) => Ok(Callable { definition: Arc::clone(definition), host, subject: None }),
            None => Err(self.missing("function", id, is_function)),
        }
    }

    /// The host called `id`.
    pub(crate) fn host(&self, id: &str) -> Result<HostId, Failure> {
        match self.entry(id) {
            // Made when the entry was, so this adds no name.
            Some(entry) if entry.definition.is_host() => Ok(HostId::new(id)),
            Some(entry) => {
                let text = format!("entry {id} is of kind {}, not a host", entry.kind);
                Err(Failure::new(ErrorKind::Invalid, text))
            }
            None => Err(self.missing("host", id, |entry| entry.definition.is_host())),
        }
    }

    /// The folder called `id`.
    pub(crate) fn directory(&self, id: &str) -> Result<Directory, Failure> {
        let is_directory = |entry: &Entry| matches!(entry.definition, application::Definition::Directory(_));
        match self.entry(id).map(|entry| (&entry.definition, entry)) {
            Some((application::Definition::Directory(directory), _)) => Ok(directory.clone()),
            Some((_, entry)) => {
                let text = format!("entry {id} is of kind {}, not fs.directory", entry.kind);
                Err(Failure::new(ErrorKind::Invalid, text))
            }
            None => Err(self.missing("volume", id, is_directory)),
        }
    }

    /// Terminal hosts, in order of their ids.
    pub(crate) fn terminals(&self) -> impl Iterator<Item = (&EntryId, &TerminalHost)> {
        self.entries().filter_map(|entry| match &entry.definition {
            application::Definition::Terminal(host) => Some((&entry.id, host)),
            _ => None,
        })
    }
}
