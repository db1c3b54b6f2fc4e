use std::collections::HashMap;

use super::chain::Chain;
use super::definition::{Code, Definition};
use super::diagnostic::{Diagnostics, Severity};
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

/// The kinds of entries that processes run on.
const HOSTS: &[&str] = &["process.host", "terminal.host"];

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
    pub(crate) help: Option<String>,
}

impl Loaded {
    /// Looks for references that lead nowhere.
    ///
    /// `known_modules` are the host modules this program has. An unknown one
    /// is only a warning, because nothing fails before it is used.
    pub fn check(&self, known_modules: &[&str]) -> Diagnostics {
        let mut found = Diagnostics::default();
        for problem in problems(self, self.entries.values(), known_modules) {
            let diagnostic = self.diagnostic(problem.entry, problem.severity, problem.position, problem.message);
            found.push(match problem.help {
                Some(help) => diagnostic.with_help(help),
                None => diagnostic,
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
        check.storages(entry);
        check.dependencies(entry);
    }
    if subjects.clone().any(|entry| matches!(entry.definition, Definition::EnvVariable(_))) {
        check.variables();
    }
    check.chains(subjects);
    check.found
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
                let near = did_you_mean(&module.text, known()).map(did_you_mean_text);
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
        let process = entry.definition.service().and_then(|_| entry.reference(entry.data.get("process")?));
        for (reference, kinds) in [(process, &["process.lua"][..]), (entry.default_host(), HOSTS)] {
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

    /// What a service needs to start.
    fn dependencies(&mut self, entry: &'a Entry) {
        let Some(service) = entry.definition.service() else { return };
        let host = &service.host;
        let problem = match self.entries.entry(&host.target).map(|target| &*target.kind) {
            Some(kind) if HOSTS.contains(&kind) => None,
            Some(kind) => Some(format!("is of kind `{kind}`, not `{}`", HOSTS.join("` or `"))),
            None => Some("does not exist".to_owned()),
        };
        if let Some(problem) = problem {
            let message = format!("{} refers to the host `{}`, which {problem}", of(entry), host.target);
            let near = self.near(&host.target, HOSTS);
            self.report(entry, Severity::Error, host.position, message, near);
        }
        for dependency in &service.lifecycle.depends_on {
            let id = &dependency.target;
            if self.entries.entry(id).is_none() {
                let message = format!("{} depends on `{id}`, which does not exist", of(entry));
                let near = did_you_mean(id.as_str(), self.entries.all().map(|entry| entry.id.as_str()));
                self.report(entry, Severity::Error, dependency.position, message, near.map(did_you_mean_text));
            }
        }
    }

    /// Variables would have no place for their values.
    fn storages(&mut self, entry: &'a Entry) {
        const KINDS: &[&str] = &["env.storage.memory", "env.storage.os", "env.storage.router"];
        for reference in entry.definition.storages() {
            let id = &reference.target;
            let (message, near) = match self.entries.entry(id) {
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
        for entry in self.entries.all() {
            let Definition::EnvVariable(variable) = &entry.definition else { continue };
            let first = *names.entry(&variable.name).or_insert(&entry.id);
            if *first != entry.id {
                let message = format!("{} declares the variable `{}` of `{first}` again", of(entry), variable.name);
                let position = entry.data.get("variable").unwrap_or(&entry.data).position;
                let help = format!("by this name scripts get that of `{first}`");
                self.report(entry, Severity::Warning, position, message, Some(help));
            }
        }
    }

    fn chains(&mut self, subjects: impl Iterator<Item = &'a Entry> + Clone) {
        // First the libraries, so that a cycle is told from where it begins.
        let is_library = |entry: &&Entry| matches!(entry.definition, Definition::Library(_));
        let importers = subjects.clone().filter(is_library).chain(subjects.clone().filter(|entry| !is_library(entry)));
        let imports = Chain {
            what: "import",
            limit: Some(IMPORT_DEPTH),
            is_link: &|entry| is_library(&entry),
            references: &|entry| {
                let imports = entry.code().map_or(&[][..], |code| &code.imports);
                imports.iter().map(|import| (&import.target, import.position)).collect()
            },
        };
        let storages = Chain {
            what: "storage",
            limit: None,
            is_link: &|entry| matches!(entry.definition, Definition::EnvStorage(_)),
            references: &|entry| {
                let storages = entry.definition.storages().iter();
                storages.map(|storage| (&storage.target, storage.position)).collect()
            },
        };
        let dependencies = Chain {
            what: "dependency",
            limit: None,
            is_link: &|entry| entry.definition.service().is_some(),
            references: &|entry| {
                let service = entry.definition.service();
                let dependencies = service.map_or(&[][..], |service| &service.lifecycle.depends_on);
                dependencies.iter().map(|dependency| (&dependency.target, dependency.position)).collect()
            },
        };
        let found = imports.walk(self.entries, importers).chain(storages.walk(self.entries, subjects.clone()));
        for (entry, position, message) in found.chain(dependencies.walk(self.entries, subjects)) {
            self.report(entry, Severity::Error, position, message, None);
        }
    }

    /// The id of an entry of the wanted kinds that was likely meant.
    fn near(&self, id: &EntryId, kinds: &[&str]) -> Option<String> {
        let fitting = self.entries.all().filter(|entry| kinds.contains(&&*entry.kind));
        did_you_mean(id.as_str(), fitting.map(|entry| entry.id.as_str())).map(did_you_mean_text)
    }

    fn report(
        &mut self,
        entry: &'a Entry,
        severity: Severity,
        position: Position,
        message: String,
        help: Option<String>,
    ) {
        self.found.push(Problem { entry, severity, position, message, help });
    }
}

fn did_you_mean_text(near: &str) -> String {
    format!("did you mean `{near}`?")
}

fn of(entry: &Entry) -> String {
    format!("entry `{}`", entry.id)
}
