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
        }
        check.cycles();
        check.found
    }

    fn library(&self, id: &EntryId) -> Option<(&Entry, &Code)> {
        let entry = self.entries.get(id)?;
        match &entry.definition {
            Definition::Library(code) => Some((entry, code)),
            _ => None,
        }
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

    /// Walks the imports of libraries with a stack of its own: a chain may be
    /// as long as the application has entries.
    fn cycles(&mut self) {
        let mut done: HashMap<&EntryId, bool> = HashMap::new();
        for id in self.loaded.entries.keys() {
            if self.loaded.library(id).is_none() || done.contains_key(id) {
                continue;
            }
            done.insert(id, false);
            let mut path = vec![(id, 0)];
            while let Some((id, next)) = path.last_mut() {
                let id = *id;
                let Some((entry, code)) = self.loaded.library(id) else {
                    path.pop();
                    continue;
                };
                let Some(import) = code.imports.get(*next) else {
                    done.insert(id, true);
                    path.pop();
                    continue;
                };
                *next += 1;
                let target = &import.target;
                match done.get(target) {
                    Some(true) => {}
                    None => {
                        done.insert(target, false);
                        path.push((target, 0));
                    }
                    Some(false) => {
                        let ids = path.iter().map(|(id, _)| *id);
                        let cycle = ids.skip_while(|id| *id != target).chain([target]);
                        let names: Vec<_> = cycle.map(|id| format!("`{id}`")).collect();
                        let message = format!("import cycle: {}", names.join(" -> "));
                        self.report(entry, Severity::Error, import.position, message, None);
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
