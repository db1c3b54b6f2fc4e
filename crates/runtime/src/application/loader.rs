use std::collections::HashMap;
use std::collections::btree_map::{BTreeMap, Entry as Slot};
use std::path::{Path, PathBuf};

use super::definition::Definition;
use super::diagnostic::{Diagnostic, Diagnostics, Severity};
use super::entry::{Entry, Origin};
use super::id::EntryId;
use super::root::{FILE_SCHEME, Root, read_text};
use super::schema;
use super::source::Source;
use super::spelling::Spelling;
use super::suggest::did_you_mean;
use super::value::{ConfigData, ConfigValue, Position, ValueError};
use super::walk::{YamlFile, yaml_files};
use super::yaml;

/// The largest configuration file.
pub(crate) const YAML_LIMIT: u64 = 2 << 20;

/// An application as its files describe it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Loaded {
    /// All entries, by id.
    pub entries: BTreeMap<EntryId, Entry>,
    /// What somebody should look at.
    pub warnings: Diagnostics,
    /// The application's folder, as it was given.
    pub root: PathBuf,
    pub(crate) sources: HashMap<PathBuf, Source>,
}

impl Loaded {
    /// A problem at a place in the configuration of `entry`.
    pub fn diagnostic(
        &self,
        entry: &Entry,
        severity: Severity,
        position: Position,
        message: impl Into<String>,
    ) -> Diagnostic {
        match self.sources.get(&entry.origin.file) {
            Some(source) => source.place(severity, position, message),
            None => Diagnostic::new(severity, entry.origin.file.display(), message),
        }
    }
}

/// Reads the application in the folder `root`.
///
/// The result is the same however the file system orders its folders. On
/// failure every error of the run is reported, and the warnings with them.
pub fn load_folder(root: &Path) -> Result<Loaded, Diagnostics> {
    let mut loader = Loader {
        root: Root::open(root)?,
        entries: BTreeMap::new(),
        diagnostics: Diagnostics::default(),
        sources: HashMap::new(),
    };
    for file in yaml_files(&loader.root, &mut loader.diagnostics) {
        loader.file(&file);
    }
    if loader.diagnostics.has_errors() {
        return Err(loader.diagnostics);
    }
    Ok(Loaded { entries: loader.entries, warnings: loader.diagnostics, root: root.to_owned(), sources: loader.sources })
}

struct Loader {
    root: Root,
    entries: BTreeMap<EntryId, Entry>,
    diagnostics: Diagnostics,
    sources: HashMap<PathBuf, Source>,
}

/// What the entries of one file have in common.
struct File<'a> {
    path: &'a Path,
    source: &'a Source,
    /// `None` after an error in it.
    namespace: Option<&'a str>,
    meta: Option<&'a ConfigValue>,
}

impl Loader {
    fn file(&mut self, file: &YamlFile) {
        let shown = self.root.shown(&file.path);
        let severity = match file.strict {
            true => Severity::Error,
            false => Severity::Warning,
        };
        let skipped = |diagnostic: Diagnostic| match file.strict {
            true => diagnostic,
            false => diagnostic.with_help("the file is skipped"),
        };
        let text = match read_text(&self.root.real(&file.path), YAML_LIMIT) {
            Ok(text) => text,
            Err(reason) => {
                let problem = Diagnostic::new(severity, shown.display(), format!("file {reason}"));
                return self.diagnostics.push(skipped(problem));
            }
        };
        let source = Source::new(shown.display().to_string(), text);
        match yaml::parse(source.text()) {
            Err(error) => {
                let message = format!("invalid YAML: {}", error.message);
                self.diagnostics.push(skipped(source.place(severity, error.position, message)));
            }
            Ok(document) => {
                let document = document.unwrap_or_else(|| ConfigValue::empty_map(Position::START));
                if file.strict || has_shape(&document) {
                    self.document(&file.path, &source, &document);
                }
            }
        }
        self.sources.insert(shown, source);
    }

    fn document(&mut self, path: &Path, source: &Source, document: &ConfigValue) {
        if !matches!(document.data, ConfigData::Map(_)) {
            let message = format!("file holds {}, not a map", document.type_name());
            return self.diagnostics.push(source.error(document.position, message));
        }
        let mut file = File { path, source, namespace: None, meta: None };
        match document.required_string("namespace") {
            Ok(namespace) if namespace.contains(':') => {
                let position = document.get("namespace").unwrap_or(document).position;
                let message = format!("namespace `{namespace}` contains a colon");
                self.diagnostics.push(source.error(position, message));
            }
            Ok(namespace) => file.namespace = Some(namespace),
            Err(error) => self.value_error(source, "file", document, &error),
        }
        let single =
            document.get("entries").is_none() && (document.get("name").is_some() || document.get("kind").is_some());
        if single {
            return self.entry(&file, document, true);
        }
        match document.map("meta") {
            Ok(meta) => file.meta = meta,
            Err(error) => self.value_error(source, "file", document, &error),
        }
        let spelling = &mut Spelling { source, found: &mut self.diagnostics };
        spelling.keys("the file", document, &[schema::FILE, &["name", "kind"]]);
        for (key, _) in document.pairs() {
            if matches!(&*key.text, "name" | "kind") {
                let message = format!("key `{}` has no effect beside `entries`", key.text);
                self.diagnostics.push(source.warning(key.position, message));
            }
        }
        match document.list("entries") {
            Err(error) => self.value_error(source, "file", document, &error),
            Ok(items) => {
                for item in items.unwrap_or_default() {
                    self.entry(&file, item, false);
                }
            }
        }
    }

    fn entry(&mut self, file: &File<'_>, item: &ConfigValue, single: bool) {
        let source = file.source;
        if !matches!(item.data, ConfigData::Map(_)) {
            let message = format!("an entry must be a map, not {}", item.type_name());
            return self.diagnostics.push(source.error(item.position, message));
        }
        let mut subject = "entry".to_owned();
        let name = item.required_string("name");
        let id = EntryId::new(file.namespace.unwrap_or_default(), name.as_ref().map_or("", |name| name));
        match &name {
            Ok(_) => subject = format!("entry `{id}`"),
            Err(error) => self.value_error(source, &subject, item, error),
        }
        let kind = match item.required_string("kind") {
            Ok(kind) => kind.to_string(),
            Err(error) => {
                self.value_error(source, &subject, item, &error);
                String::new()
            }
        };
        let meta = match item.map("meta") {
            Ok(meta) => merged(meta, file.meta, item.position),
            Err(error) => {
                self.value_error(source, &subject, item, &error);
                ConfigValue::empty_map(item.position)
            }
        };
        let known = schema::find(&kind);
        let mut data = configuration(item, single);
        let is_map = matches!(data.data, ConfigData::Map(_));
        if known.is_some() && !is_map {
            let error = item.mismatch("data", "a map", data.type_name());
            self.value_error(source, &subject, item, &error);
        }
        let mut source_path = None;
        self.resolve_files(file, &subject, &mut data, Some(&mut source_path));

        let definition = match is_map {
            true => Definition::parse(&id, &kind, &data),
            false => Ok(Definition::Other),
        };
        let definition = definition.unwrap_or_else(|errors| {
            for error in errors {
                self.value_error(source, &subject, &data, &error);
            }
            Definition::Other
        });
        let spelling = &mut Spelling { source, found: &mut self.diagnostics };
        let outer = if single { schema::FILE } else { &[] };
        spelling.entry(&subject, &kind, item, &data, outer);

        let entry = Entry {
            id: id.clone(),
            kind,
            meta,
            data,
            definition,
            origin: Origin { file: self.root.shown(file.path), line: item.position.line },
            source_path,
            all_modules: false,
            runs_as_main_chunk: false,
        };
        if let Err(error) = entry.command() {
            self.value_error(source, &subject, &entry.meta, &error);
        }
        if name.is_err() || file.namespace.is_none() {
            return;
        }
        match self.entries.entry(id) {
            Slot::Vacant(slot) => {
                slot.insert(entry);
            }
            Slot::Occupied(first) => {
                let origin = &first.get().origin;
                let message = format!("{subject} is defined twice");
                let help = format!("first at {}:{}", origin.file.display(), origin.line);
                let problem = source.error(item.position, message).with_help(help);
                self.diagnostics.push(problem);
            }
        }
    }

    /// Replaces `file://` strings at any depth.
    fn resolve_files(
        &mut self,
        file: &File<'_>,
        subject: &str,
        value: &mut ConfigValue,
        mut source_path: Option<&mut Option<PathBuf>>,
    ) {
        match &mut value.data {
            ConfigData::String(text) if text.starts_with(FILE_SCHEME) => {
                let directory = file.path.parent().unwrap_or(Path::new(""));
                match self.root.resolve(directory, text) {
                    Ok((content, path)) => {
                        *text = content;
                        if let Some(slot) = source_path {
                            *slot = Some(path);
                        }
                    }
                    Err(reason) => {
                        let message = format!("{subject}: `{text}` {reason}");
                        let problem = file.source.error(value.position, message);
                        self.diagnostics.push(problem);
                    }
                }
            }
            ConfigData::List(items) => {
                for item in items {
                    self.resolve_files(file, subject, item, None);
                }
            }
            ConfigData::Map(pairs) => {
                for (key, value) in pairs {
                    let slot = source_path.as_deref_mut().filter(|_| &*key.text == "source");
                    self.resolve_files(file, subject, value, slot);
                }
            }
            _ => {}
        }
    }

    fn value_error(&mut self, source: &Source, subject: &str, map: &ConfigValue, error: &ValueError) {
        let mut problem = source.error(error.position(), format!("{subject} {error}"));
        if let ValueError::Missing { key, .. } = error {
            let keys = map.pairs().iter().map(|(key, _)| &*key.text);
            if let Some(near) = did_you_mean(key, keys) {
                problem = problem.with_help(format!("is `{near}` meant to be `{key}`?"));
            }
        }
        self.diagnostics.push(problem);
    }
}

/// Whether a YAML file of any name is one of an application.
fn has_shape(document: &ConfigValue) -> bool {
    let text = |key| document.get(key).is_some_and(|value| value.as_str().is_some());
    let entries = document.get("entries");
    let lists = entries.is_some_and(|value| matches!(value.data, ConfigData::List(_)));
    text("namespace") && (lists || (text("name") && text("kind")))
}

fn merged(own: Option<&ConfigValue>, defaults: Option<&ConfigValue>, position: Position) -> ConfigValue {
    let mut meta = own.cloned().unwrap_or_else(|| ConfigValue::empty_map(position));
    let defaults = defaults.map_or(&[][..], ConfigValue::pairs).iter();
    let missing: Vec<_> =
        defaults.filter(|(key, _)| !meta.pairs().iter().any(|(own, _)| own.text == key.text)).cloned().collect();
    if let ConfigData::Map(pairs) = &mut meta.data {
        pairs.extend(missing);
    }
    meta
}

/// What stands under `data`, else every key that has no meaning of its own.
fn configuration(item: &ConfigValue, single: bool) -> ConfigValue {
    if let Some(data) = item.get("data") {
        return data.clone();
    }
    let is_taken = |key: &str| schema::ENTRY.contains(&key) || (single && schema::FILE.contains(&key));
    let pairs = item.pairs().iter().filter(|(key, _)| !is_taken(&key.text));
    ConfigValue { position: item.position, data: ConfigData::Map(pairs.cloned().collect()) }
}
