use std::collections::HashMap;

use super::definition::{Code, Definition};
use super::diagnostic::{Diagnostic, Diagnostics, Severity};
use super::entry::Entry;
use super::id::EntryId;
use super::loader::Loaded;
use super::suggest::did_you_mean;
use super::value::Position;

/// Modules every source has without declaring them.
pub const ALWAYS_AVAILABLE: &[&str] =
    &["process", "channel", "payload", "errors", "coroutine", "string", "table", "math", "os"];

impl Loaded {
    /// Looks for references that lead nowhere.
    ///
    /// `known_modules` are the host modules this program has. An unknown one
    /// is only a warning, because nothing fails before it is used.
    pub fn check(&self, known_modules: &[&str]) -> Diagnostics {
        let mut check = Check { loaded: self, found: Diagnostics::default() };
        for entry in self.entries.values() {
            if let Some(code) = entry.code() {
                check.modules(entry, code, known_modules);
                check.imports(entry, code);
            }
            check.references(entry);
            check.storages(entry);
        }
        check.variables();
        check.cycles("import", |entry| match &entry.definition {
            Definition::Library(code) => code.imports.iter().map(|import| (&import.target, import.position)).collect(),
            _ => Vec::new(),
        });
        check.cycles("storage", |entry| match &entry.definition {
            Definition::EnvStorage(_) => {
                let storages = entry.definition.storages().iter();
                storages.map(|storage| (&storage.target, storage.position)).collect()
            }
            _ => Vec::new(),
        });
        check.found
    }
}

struct Check<'a> {
    loaded: &'a Loaded,
    found: Diagnostics,
}

impl<'a> Check<'a> {
    fn modules(&mut self, entry: &Entry, code: &Code, known: &[&str]) {
        let known = || ALWAYS_AVAILABLE.iter().chain(known).copied();
        for module in &code.modules {
            if !known().any(|name| name == &*module.text) {
                let message = format!("{} declares the unknown module `{}`", of(entry), module.text);
                let near = did_you_mean(&module.text, known());
                self.report(entry, Severity::Warning, module.position, message, near);
            }
        }
    }

    fn imports(&mut self, entry: &Entry, code: &Code) {
        for import in &code.imports {
            let alias = &import.alias;
            if ALWAYS_AVAILABLE.contains(&&*alias.text) {
                let message =
                    format!("{} imports a library as `{}`, which is the name of a module", of(entry), alias.text);
                self.report(entry, Severity::Error, alias.position, message, None);
            }
            let message = match self.loaded.entries.get(&import.target) {
                Some(target) if matches!(target.definition, Definition::Library(_)) => continue,
                Some(target) => format!(
                    "{} imports `{}`, which is of kind `{}`, not `library.lua`",
                    of(entry),
                    import.target,
                    target.kind
                ),
                None => format!("{} imports `{}`, which does not exist", of(entry), import.target),
            };
            let near = self.near(&import.target, &["library.lua"]);
            self.report(entry, Severity::Error, import.position, message, near);
        }
    }

    /// References that only fail when they are used; entries may also be
    /// added while the application runs.
    fn references(&mut self, entry: &Entry) {
        const HOSTS: &[&str] = &["process.host", "terminal.host"];
        let service = |key| {
            let is_service = entry.kind == "process.service";
            let value = entry.data.get(key).filter(|_| is_service)?;
            entry.reference(value)
        };
        for (reference, kinds) in
            [(service("process"), &["process.lua"][..]), (service("host"), HOSTS), (entry.default_host(), HOSTS)]
        {
            let Some((id, position)) = reference else {
                continue;
            };
            let wanted = kinds.join("` or `");
            let message = match self.loaded.entries.get(&id) {
                Some(target) if kinds.contains(&&*target.kind) => continue,
                Some(target) => {
                    format!("{} refers to `{id}`, which is of kind `{}`, not `{wanted}`", of(entry), target.kind)
                }
                None => format!("{} refers to `{id}`, which does not exist", of(entry)),
            };
            let near = self.near(&id, kinds);
            self.report(entry, Severity::Warning, position, message, near);
        }
    }

    /// Variables would have no place for their values.
    fn storages(&mut self, entry: &Entry) {
        const KINDS: &[&str] = &["env.storage.memory", "env.storage.os", "env.storage.router"];
        for reference in entry.definition.storages() {
            let id = &reference.target;
            let (message, near) = match self.loaded.entries.get(id) {
                Some(target) if matches!(target.definition, Definition::EnvStorage(_)) => continue,
                Some(target) => {
                    (format!("{} refers to `{id}`, which is of kind `{}`, not a storage", of(entry), target.kind), None)
                }
                None => {
                    let message = format!("{} refers to the storage `{id}`, which does not exist", of(entry));
                    (message, self.near(id, KINDS))
                }
            };
            self.report(entry, Severity::Error, reference.position, message, near);
        }
    }

    /// Names that several entries declare, of which scripts get one.
    fn variables(&mut self) {
        let mut names = HashMap::new();
        for entry in self.loaded.entries.values() {
            let Definition::EnvVariable(variable) = &entry.definition else { continue };
            let first = *names.entry(&variable.name).or_insert(&entry.id);
            if *first != entry.id {
                let message = format!("{} declares the variable `{}` of `{first}` again", of(entry), variable.name);
                let position = entry.data.get("variable").unwrap_or(&entry.data).position;
                let problem = self.loaded.diagnostic(entry, Severity::Warning, position, message);
                self.found.push(problem.with_help(format!("by this name scripts get that of `{first}`")));
            }
        }
    }

    /// Walks references with a stack of its own: a chain may be as long as the application has entries.
    fn cycles(&mut self, what: &str, references: impl Fn(&'a Entry) -> Vec<(&'a EntryId, Position)>) {
        let loaded = self.loaded;
        let mut done: HashMap<&EntryId, bool> = HashMap::new();
        for entry in loaded.entries.values() {
            if done.contains_key(&entry.id) {
                continue;
            }
            done.insert(&entry.id, false);
            let mut path = vec![(entry, references(entry), 0)];
            while let Some((entry, targets, next)) = path.last_mut() {
                let entry = *entry;
                let Some(&(target, position)) = targets.get(*next) else {
                    done.insert(&entry.id, true);
                    path.pop();
                    continue;
                };
                *next += 1;
                match (done.get(target), loaded.entries.get(target)) {
                    (Some(true), _) | (None, None) => {}
                    (None, Some(target)) => {
                        done.insert(&target.id, false);
                        path.push((target, references(target), 0));
                    }
                    (Some(false), _) => {
                        let ids = path.iter().map(|(entry, ..)| &entry.id);
                        let cycle = ids.skip_while(|id| *id != target).chain([target]);
                        let names: Vec<_> = cycle.map(|id| format!("`{id}`")).collect();
                        let message = format!("{what} cycle: {}", names.join(" -> "));
                        self.report(entry, Severity::Error, position, message, None);
                    }
                }
            }
        }
    }

    /// The id of an entry of the wanted kinds that was likely meant.
    fn near(&self, id: &EntryId, kinds: &[&str]) -> Option<&'a str> {
        let entries = self.loaded.entries.values();
        let fitting = entries.filter(|entry| kinds.contains(&&*entry.kind));
        did_you_mean(id.as_str(), fitting.map(|entry| entry.id.as_str()))
    }

    fn report(&mut self, entry: &Entry, severity: Severity, position: Position, message: String, near: Option<&str>) {
        let problem: Diagnostic = self.loaded.diagnostic(entry, severity, position, message);
        self.found.push(match near {
            Some(near) => problem.with_help(format!("did you mean `{near}`?")),
            None => problem,
        });
    }
}

fn of(entry: &Entry) -> String {
    format!("entry `{}`", entry.id)
}
