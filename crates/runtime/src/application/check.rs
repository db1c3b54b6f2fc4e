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

/// How many libraries may import one another in a row: each is loaded while its importer waits.
pub(crate) const IMPORT_DEPTH: usize = 100;

/// Entries by id, wherever they are kept.
pub(crate) trait Entries {
    fn entry(&self, id: &EntryId) -> Option<&Entry>;
    fn all(&self) -> Box<dyn Iterator<Item = &Entry> + '_>;
}

impl Entries for Loaded {
    fn entry(&self, id: &EntryId) -> Option<&Entry> {
        self.entries.get(id)
    }

    fn all(&self) -> Box<dyn Iterator<Item = &Entry> + '_> {
        Box::new(self.entries.values())
    }
}

/// What is wrong with an entry.
pub(crate) struct Problem<'a> {
    pub(crate) entry: &'a Entry,
    pub(crate) severity: Severity,
    pub(crate) position: Position,
    pub(crate) message: String,
    /// What was probably meant.
    pub(crate) near: Option<String>,
}

impl Loaded {
    /// Looks for references that lead nowhere.
    ///
    /// `known_modules` are the host modules this program has. An unknown one
    /// is only a warning, because nothing fails before it is used.
    pub fn check(&self, known_modules: &[&str]) -> Diagnostics {
        let mut found = Diagnostics::default();
        for problem in problems(self, self.entries.values(), known_modules) {
            let Problem { entry, severity, position, message, near } = problem;
            let problem: Diagnostic = self.diagnostic(entry, severity, position, message);
            found.push(match near {
                Some(near) => problem.with_help(format!("did you mean `{near}`?")),
                None => problem,
            });
        }
        found
    }
}

/// What is wrong with `subjects`, some of `entries`.
pub(crate) fn problems<'a>(
    entries: &'a dyn Entries,
    subjects: impl Iterator<Item = &'a Entry> + Clone,
    known_modules: &[&str],
) -> Vec<Problem<'a>> {
    let mut check = Check { entries, found: Vec::new() };
    for entry in subjects.clone() {
        if let Some(code) = entry.code() {
            check.modules(entry, code, known_modules);
            check.imports(entry, code);
        }
        check.references(entry);
    }
    // First the libraries, so that a cycle is told from where it begins.
    let is_library = |entry: &&Entry| matches!(entry.definition, Definition::Library(_));
    check.chains(subjects.clone().filter(is_library).chain(subjects.filter(|entry| !is_library(entry))));
    check.found
}

fn library<'a>(entries: &'a dyn Entries, id: &EntryId) -> Option<(&'a Entry, &'a Code)> {
    let entry = entries.entry(id)?;
    match &entry.definition {
        Definition::Library(code) => Some((entry, code)),
        _ => None,
    }
}

/// An entry on a path of imports.
struct Step<'a> {
    entry: &'a Entry,
    code: &'a Code,
    /// Which import is next.
    next: usize,
    below: usize,
}

struct Check<'a> {
    entries: &'a dyn Entries,
    found: Vec<Problem<'a>>,
}

impl<'a> Check<'a> {
    fn modules(&mut self, entry: &'a Entry, code: &Code, known: &[&str]) {
        let known = || ALWAYS_AVAILABLE.iter().chain(known).copied();
        for module in &code.modules {
            if !known().any(|name| name == &*module.text) {
                let message = format!("{} declares the unknown module `{}`", of(entry), module.text);
                let near = did_you_mean(&module.text, known()).map(str::to_owned);
                self.report(entry, Severity::Warning, module.position, message, near);
            }
        }
    }

    fn imports(&mut self, entry: &'a Entry, code: &Code) {
        for import in &code.imports {
            let alias = &import.alias;
            if ALWAYS_AVAILABLE.contains(&&*alias.text) {
                let message =
                    format!("{} imports a library as `{}`, which is the name of a module", of(entry), alias.text);
                self.report(entry, Severity::Error, alias.position, message, None);
            }
            let message = match self.entries.entry(&import.target) {
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
    fn references(&mut self, entry: &'a Entry) {
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
            let message = match self.entries.entry(&id) {
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

    /// Walks the imports with a stack of its own: a chain may be as long as
    /// the application has entries.
    fn chains(&mut self, subjects: impl Iterator<Item = &'a Entry>) {
        // How many libraries are below each that is done; `None` while it is on the path.
        let mut done: HashMap<&EntryId, Option<usize>> = HashMap::new();
        let mut too_deep = None;
        let mut has_cycle = false;
        for subject in subjects {
            let Some(code) = subject.code().filter(|_| !done.contains_key(&subject.id)) else { continue };
            done.insert(&subject.id, None);
            let mut path = vec![Step { entry: subject, code, next: 0, below: 0 }];
            while let Some(Step { entry, code, next, below }) = path.last_mut() {
                let entry = *entry;
                let Some(import) = code.imports.get(*next) else {
                    let below = *below;
                    if below > IMPORT_DEPTH && too_deep.is_none() {
                        too_deep = code.imports.first().map(|import| (entry, import.position));
                    }
                    done.insert(&entry.id, Some(below));
                    path.pop();
                    if let Some(importer) = path.last_mut() {
                        importer.below = importer.below.max(below + 1);
                    }
                    continue;
                };
                *next += 1;
                let target = &import.target;
                let Some((library, code)) = library(self.entries, target) else { continue };
                match done.get(target) {
                    Some(Some(known)) => *below = (*below).max(known + 1),
                    Some(None) => {
                        has_cycle = true;
                        let ids = path.iter().map(|step| &step.entry.id);
                        let cycle = ids.skip_while(|id| *id != target).chain([target]);
                        let names: Vec<_> = cycle.map(|id| format!("`{id}`")).collect();
                        let message = format!("import cycle: {}", names.join(" -> "));
                        self.report(entry, Severity::Error, import.position, message, None);
                    }
                    None => {
                        done.insert(&library.id, None);
                        path.push(Step { entry: library, code, next: 0, below: 0 });
                    }
                }
            }
        }
        if let Some((entry, position)) = too_deep.filter(|_| !has_cycle) {
            let message = format!("{} has more than {IMPORT_DEPTH} libraries below one another", of(entry));
            self.report(entry, Severity::Error, position, message, None);
        }
    }

    /// The id of an entry of the wanted kinds that was likely meant.
    fn near(&self, id: &EntryId, kinds: &[&str]) -> Option<String> {
        let fitting = self.entries.all().filter(|entry| kinds.contains(&&*entry.kind));
        did_you_mean(id.as_str(), fitting.map(|entry| entry.id.as_str())).map(str::to_owned)
    }

    fn report(
        &mut self,
        entry: &'a Entry,
        severity: Severity,
        position: Position,
        message: String,
        near: Option<String>,
    ) {
        self.found.push(Problem { entry, severity, position, message, near });
    }
}

fn of(entry: &Entry) -> String {
    format!("entry `{}`", entry.id)
}
