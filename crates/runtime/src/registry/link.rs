//! From entries to definitions: every script with the libraries it imports.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use perilune_lua_bindings::{Definition, DefinitionKind, KNOWN_MODULES, Pool};

use super::snapshot::Version;
use super::sorted::Sorted;
use crate::application::{self, Entry, EntryId};

/// Those of `changed` and all that refer to them in a way that must lead somewhere, directly or not; in order.
pub(crate) fn affected(changed: &[EntryId], old: &Version, new: &Version) -> Vec<EntryId> {
    let mut found = changed.to_vec();
    found.sort();
    let is_needed = |version: &Version, id: &EntryId| {
        let definition = version.entry(id.as_str()).map(|entry| &entry.definition);
        matches!(definition, Some(application::Definition::Library(_) | application::Definition::EnvStorage(_)))
    };
    if !changed.iter().any(|id| is_needed(old, id) || is_needed(new, id)) {
        return found;
    }
    let mut users: HashMap<&EntryId, Vec<&EntryId>> = HashMap::new();
    for entry in new.entries() {
        let imports = entry.code().into_iter().flat_map(|code| &code.imports).map(|import| &import.target);
        let storages = entry.definition.storages().iter().map(|storage| &storage.target);
        for needed in imports.chain(storages) {
            users.entry(needed).or_default().push(&entry.id);
        }
    }
    let mut known: HashSet<EntryId> = changed.iter().cloned().collect();
    let mut next = 0;
    while let Some(id) = found.get(next) {
        next += 1;
        for user in users.get(id).into_iter().flatten() {
            if known.insert((*user).clone()) {
                found.push((*user).clone());
            }
        }
    }
    found.sort();
    found
}

/// The definitions of a version, where all but those of `affected` are as they were. Imports were checked before: each
/// leads to a library, and none back to where it comes from.
pub(crate) fn link(
    version: &Version,
    affected: &[EntryId],
    before: &Sorted<Arc<Definition>>,
) -> Sorted<Arc<Definition>> {
    let mut definitions = before.clone();
    let mut waiting: HashSet<&EntryId> = affected.iter().collect();
    for id in affected {
        // Libraries come before their importers. The stack is the path there.
        let mut path = vec![id];
        while let Some(id) = path.last().copied() {
            let entry = version.entry(id.as_str());
            let imports = entry.and_then(|entry| entry.code()).map_or(&[][..], |code| &code.imports);
            if let Some(import) = imports.iter().find(|import| waiting.contains(&import.target) && import.target != *id)
                && path.len() <= application::IMPORT_DEPTH + 1
            {
                path.push(&import.target);
                continue;
            }
            path.pop();
            if !waiting.remove(id) {
                continue;
            }
            match entry.and_then(|entry| define(entry, &definitions)) {
                Some(definition) => definitions.insert(id.clone(), definition),
                None => drop(definitions.remove(id.as_str())),
            }
        }
    }
    definitions
}

/// What an entry defines. That is what it defined before when nothing of it has changed, so that whatever is compiled or
/// loaded stays in use.
fn define(entry: &Entry, definitions: &Sorted<Arc<Definition>>) -> Option<Arc<Definition>> {
    let (code, kind) = match &entry.definition {
        application::Definition::Process(code) => (code, DefinitionKind::Process),
        application::Definition::Function(code) => (code, DefinitionKind::Function),
        application::Definition::Library(code) => (code, DefinitionKind::Library),
        _ => return None,
    };
    let imports: Vec<_> = code
        .imports
        .iter()
        .filter_map(|import| {
            let library = definitions.get(import.target.as_str())?;
            Some((import.alias.text.to_string(), Arc::clone(library)))
        })
        .collect();
    let chunk = entry.source_path.as_ref().map_or_else(|| entry.id.to_string(), |path| path.display().to_string());
    let mut made = Definition::new(entry.id.as_str(), &chunk, "");
    made.source = Arc::clone(&code.source);
    made.kind = kind;
    made.method = code.method.to_string();
    made.modules = match entry.all_modules {
        true => KNOWN_MODULES.iter().map(|module| (*module).to_owned()).collect(),
        false => code.modules.iter().map(|module| module.text.to_string()).collect(),
    };
    made.pool = Arc::new(pool(code.pool));
    made.is_program = entry.runs_as_main_chunk;
    let before = definitions.get(entry.id.as_str()).filter(|before| is_same_script(before, &made));
    let Some(before) = before else {
        made.imports = imports;
        return Some(Arc::new(made));
    };
    let same_imports = before.imports.len() == imports.len()
        && before.imports.iter().zip(&imports).all(|(old, new)| old.0 == new.0 && Arc::ptr_eq(&old.1, &new.1));
    if same_imports {
        return Some(Arc::clone(before));
    }
    Some(Arc::new(before.with_imports(imports)))
}

fn is_same_script(old: &Definition, new: &Definition) -> bool {
    old.kind == new.kind
        && old.chunk == new.chunk
        && old.source == new.source
        && old.method == new.method
        && old.modules == new.modules
        && old.is_program == new.is_program
        && old.pool.bounds() == new.pool.bounds()
}

fn pool(settings: application::CallPool) -> Pool {
    let places = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    Pool::new(settings.size.map_or(DEFAULT_POOL, places), settings.buffer.map_or(usize::MAX, places))
}

/// How many calls of a function run at once unless its entry says otherwise.
const DEFAULT_POOL: usize = 100;
