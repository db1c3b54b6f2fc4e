use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use perilune_actor_core::{ErrorKind, Failure, HostId};
use perilune_lua_bindings::{Callable, Definition, DefinitionKind, KNOWN_MODULES, Pool};

use crate::application::{self, Entry, EntryId, Loaded, did_you_mean};
use crate::runtime::functions_host;

/// The entries of a running application, and the scripts they define.
pub(crate) struct Registry {
    pub(crate) entries: BTreeMap<EntryId, Entry>,
    definitions: BTreeMap<EntryId, Arc<Definition>>,
    by_text: HashMap<String, EntryId>,
    chunks: HashMap<String, EntryId>,
}

impl Registry {
    /// Links every script with the libraries it imports. Import cycles were refused by the check before.
    pub(crate) fn new(loaded: Loaded) -> Self {
        let mut registry = Self {
            by_text: loaded.entries.keys().map(|id| (id.as_str().to_owned(), id.clone())).collect(),
            entries: loaded.entries,
            definitions: BTreeMap::new(),
            chunks: HashMap::new(),
        };
        let ids: Vec<_> = registry.entries.keys().cloned().collect();
        for id in ids {
            registry.link(&id);
        }
        registry
    }

    fn link(&mut self, id: &EntryId) -> Option<Arc<Definition>> {
        if let Some(known) = self.definitions.get(id) {
            return Some(Arc::clone(known));
        }
        let entry = self.entries.get(id)?.clone();
        let (code, kind) = match &entry.definition {
            application::Definition::Process(code) => (code, DefinitionKind::Process),
            application::Definition::Function(code) => (code, DefinitionKind::Function),
            application::Definition::Library(code) => (code, DefinitionKind::Library),
            _ => return None,
        };
        let chunk = entry.source_path.as_ref().map_or_else(|| id.to_string(), |path| path.display().to_string());
        let mut definition = Definition::new(id.as_str(), &chunk, &code.source);
        definition.kind = kind;
        definition.method = code.method.to_string();
        definition.modules = match entry.all_modules {
            true => KNOWN_MODULES.iter().map(|module| (*module).to_owned()).collect(),
            false => code.modules.iter().map(|module| module.text.to_string()).collect(),
        };
        definition.pool = Arc::new(pool(code.pool));
        definition.is_program = entry.runs_as_main_chunk;
        let imports = code.imports.iter();
        definition.imports =
            imports.filter_map(|import| Some((import.alias.text.to_string(), self.link(&import.target)?))).collect();
        let definition = Arc::new(definition);
        self.chunks.insert(chunk, id.clone());
        self.definitions.insert(id.clone(), Arc::clone(&definition));
        Some(definition)
    }

    pub(crate) fn definitions(&self) -> impl Iterator<Item = &Arc<Definition>> {
        self.definitions.values()
    }

    pub(crate) fn by_chunk(&self, chunk: &str) -> Option<Arc<Definition>> {
        self.definitions.get(self.chunks.get(chunk)?).cloned()
    }

    fn get(&self, id: &str) -> Option<(&EntryId, &Entry)> {
        self.by_text.get(id).and_then(|id| self.entries.get_key_value(id))
    }

    /// What to say about an id that is not there.
    fn missing(&self, what: &str, id: &str, fits: impl Fn(&Entry) -> bool) -> Failure {
        let candidates = self.entries.values().filter(|entry| fits(entry)).map(|entry| entry.id.as_str());
        let near = did_you_mean(id, candidates).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        Failure::new(ErrorKind::NotFound, format!("{what} not found: {id}{near}"))
    }

    /// The definition that a spawn of `id` runs.
    pub(crate) fn process(&self, id: &str) -> Result<Arc<Definition>, Failure> {
        let is_process = |entry: &Entry| matches!(entry.definition, application::Definition::Process(_));
        match self.get(id) {
            Some((id, entry)) if is_process(entry) => match self.definitions.get(id) {
                Some(definition) => Ok(Arc::clone(definition)),
                None => Err(self.missing("entry", id.as_str(), is_process)),
            },
            Some((_, entry)) => {
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
            matches!(entry.definition, application::Definition::Function(_)) || (is_process && has_default_host(entry))
        };
        let Some((id, entry)) = self.get(id) else { return Err(self.missing("function", id, is_function)) };
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
            None => Err(self.missing("function", id.as_str(), is_function)),
        }
    }

    /// The host called `id`.
    pub(crate) fn host(&self, id: &str) -> Result<HostId, Failure> {
        let is_host = |entry: &Entry| {
            matches!(entry.definition, application::Definition::Host(_) | application::Definition::Terminal(_))
        };
        match self.get(id) {
            // Made when the runtime started, so this adds no name.
            Some((_, entry)) if is_host(entry) => Ok(HostId::new(id)),
            Some((_, entry)) => {
                let text = format!("entry {id} is of kind {}, not a host", entry.kind);
                Err(Failure::new(ErrorKind::Invalid, text))
            }
            None => Err(self.missing("host", id, is_host)),
        }
    }

    /// The folder called `id`.
    pub(crate) fn directory(&self, id: &str) -> Result<&application::Directory, Failure> {
        let is_directory = |entry: &Entry| matches!(entry.definition, application::Definition::Directory(_));
        match self.get(id).map(|(_, entry)| (&entry.definition, entry)) {
            Some((application::Definition::Directory(directory), _)) => Ok(directory),
            Some((_, entry)) => {
                let text = format!("entry {id} is of kind {}, not fs.directory", entry.kind);
                Err(Failure::new(ErrorKind::Invalid, text))
            }
            None => Err(self.missing("volume", id, is_directory)),
        }
    }

    /// Terminal hosts, in order of their ids.
    pub(crate) fn terminals(&self) -> impl Iterator<Item = (&EntryId, &application::TerminalHost)> {
        self.entries.values().filter_map(|entry| match &entry.definition {
            application::Definition::Terminal(host) => Some((&entry.id, host)),
            _ => None,
        })
    }
}

fn has_default_host(entry: &Entry) -> bool {
    entry.default_host().is_some()
}

fn pool(settings: application::CallPool) -> Pool {
    let places = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    Pool::new(settings.size.map_or(DEFAULT_POOL, places), settings.buffer.map_or(usize::MAX, places))
}

/// How many calls of a function run at once unless its entry says otherwise.
const DEFAULT_POOL: usize = 100;
