use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;

use perilune_restart::{OrderError, StartOrder};
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::expand::{self, Variables, Wrong};
use super::{ConfigError, ConfigErrors, CredentialSources};
use crate::process::{ProcessSpec, SpecError};
use crate::{SupervisionOptions, SupervisorConfig};

/// What a file says: `[supervisor]`, `[credentials]`, and any number of `[[processes]]`, each with the fields of a [`ProcessSpec`] and those of
/// [`SupervisionOptions`] below `supervision`.
///
/// `${NAME}` in variables, `cwd` and paths stands for a variable of whoever reads the file; `$${` is a plain `${`. Keys that
/// nobody knows are errors.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct SupervisorFile {
    /// What holds for all together.
    pub supervisor: SupervisorConfig,
    /// Where secrets come from.
    pub credentials: CredentialSources,
    /// Where what runs is to be written down: `state_file` of `[supervisor]`. Whoever reads the file does that.
    pub state_file: Option<PathBuf>,
    /// In the order of the file.
    pub processes: Vec<(ProcessSpec, SupervisionOptions)>,
}

impl SupervisorFile {
    /// Reads `text`; `variables` are what may be named in it. Finds everything that is wrong, not only the first of it.
    ///
    /// What depends on the machine, such as whether a program is there, is not looked at; users and groups are.
    pub fn parse(text: &str, variables: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigErrors> {
        let mut reader = Reader { variables, wrong: Vec::new() };
        let (document, broken) = DeTable::parse_recoverable(text);
        reader.wrong.extend(broken.into_iter().map(|error| (error.span().unwrap_or(0..0), error.message().to_owned())));
        // What cannot be parsed would be reported again as what is missing.
        let file = if reader.wrong.is_empty() { reader.file(document.into_inner()) } else { Self::default() };
        if reader.wrong.is_empty() {
            return Ok(file);
        }
        reader.wrong.sort_by_key(|(span, _)| span.start);
        let errors = reader.wrong.into_iter().map(|(span, message)| ConfigError::new(text, Some(span), message));
        Err(ConfigErrors(errors.collect()))
    }
}

struct Reader<'a> {
    variables: Variables<'a>,
    wrong: Vec<Wrong>,
}

impl Reader<'_> {
    fn file(&mut self, document: DeTable<'_>) -> SupervisorFile {
        let mut file = SupervisorFile::default();
        let mut places = HashMap::new();
        for (key, value) in document {
            match (key.get_ref().as_ref(), value.span(), value.into_inner()) {
                ("supervisor", span, DeValue::Table(mut table)) => {
                    expand::expand_all(&mut table, &expand::OF_SUPERVISOR, self.variables, &mut self.wrong);
                    match table.remove("state_file").map(|value| (value.span(), value.into_inner())) {
                        None => {}
                        Some((_, DeValue::String(path))) => file.state_file = Some(PathBuf::from(&*path)),
                        Some((span, _)) => self.complain(span, "`state_file` must be a path"),
                    }
                    file.supervisor = self.read(Spanned::new(span, table)).unwrap_or_default();
                }
                ("supervisor", span, _) => self.complain(span, "`supervisor` must be a table: `[supervisor]`"),
                ("credentials", span, DeValue::Table(mut table)) => {
                    expand::expand_all(&mut table, &expand::OF_CREDENTIALS, self.variables, &mut self.wrong);
                    let sources: Option<CredentialSources> = self.read(Spanned::new(span.clone(), table));
                    file.credentials = sources.unwrap_or_default();
                    if let Err(error) = file.credentials.provider() {
                        self.complain(span, error.to_string());
                    }
                }
                ("credentials", span, _) => self.complain(span, "`credentials` must be a table: `[credentials]`"),
                ("processes", _, DeValue::Array(processes)) => {
                    for process in processes {
                        let span = process.span();
                        let Some((spec, options)) = self.process(process) else { continue };
                        if places.insert(spec.name.clone(), span.clone()).is_some() {
                            self.complain(span, format!("there is another process `{}`", spec.name));
                        }
                        file.processes.push((spec, options));
                    }
                }
                ("processes", span, _) => self.complain(span, "`processes` must be tables: `[[processes]]`"),
                (other, ..) => {
                    self.complain(
                        key.span(),
                        format!("unknown key `{other}`, expected `supervisor`, `credentials` or `processes`"),
                    );
                }
            }
        }
        self.dependencies(&file, &places);
        file
    }

    fn process(&mut self, process: Spanned<DeValue<'_>>) -> Option<(ProcessSpec, SupervisionOptions)> {
        let span = process.span();
        let DeValue::Table(mut table) = process.into_inner() else {
            self.complain(span, "a process must be a table: `[[processes]]`");
            return None;
        };
        expand::expand_all(&mut table, &expand::OF_PROCESS, self.variables, &mut self.wrong);
        let supervision = table.remove("supervision");
        let options = match supervision.map(|value| (value.span(), value.into_inner())) {
            None => Some(SupervisionOptions::default()),
            Some((span, DeValue::Table(options))) => self.read(Spanned::new(span, options)),
            Some((span, _)) => {
                self.complain(span, "`supervision` must be a table: `[processes.supervision]`");
                None
            }
        };
        let places: HashMap<String, Range<usize>> =
            table.iter().map(|(key, value)| (key.get_ref().to_string(), value.span())).collect();
        let spec: ProcessSpec = self.read(Spanned::new(span.clone(), table))?;
        if let Err(error) = spec.validate() {
            let place = about(&error).and_then(|key| places.get(key)).cloned();
            self.complain(place.unwrap_or(span), error.to_string());
            return None;
        }
        Some((spec, options?))
    }

    fn read<T: for<'de> Deserialize<'de>>(&mut self, table: Spanned<DeTable<'_>>) -> Option<T> {
        let span = table.span();
        match T::deserialize(toml::Deserializer::from(table)) {
            Ok(value) => Some(value),
            Err(error) => {
                self.complain(error.span().unwrap_or(span), error.message());
                None
            }
        }
    }

    /// Whether everybody who is waited for is there, and waits for nobody who waits. What is wrong is not there, so nothing
    /// is said of it as long as something is.
    fn dependencies(&mut self, file: &SupervisorFile, places: &HashMap<String, Range<usize>>) {
        if !self.wrong.is_empty() {
            return;
        }
        let names = |options: &SupervisionOptions| -> Vec<String> {
            options.depends_on.iter().map(|dependency| dependency.name.clone()).collect()
        };
        let items = file.processes.iter().map(|(spec, options)| (spec.name.clone(), names(options)));
        if let Err(error) = StartOrder::new(items) {
            let name = match &error {
                OrderError::Unknown { name, .. } | OrderError::Duplicate { name } => Some(name),
                OrderError::Cycle { names } => names.first(),
                _ => None,
            };
            let place = name.and_then(|name| places.get(name)).cloned();
            self.complain(place.unwrap_or(0..0), error.to_string());
        }
    }

    fn complain(&mut self, span: Range<usize>, message: impl Into<String>) {
        self.wrong.push((span, message.into()));
    }
}

/// The key that the error is about, if it is about one.
fn about(error: &SpecError) -> Option<&'static str> {
    match error {
        SpecError::NameMissing | SpecError::Name { .. } => Some("name"),
        SpecError::CommandMissing => Some("command"),
        SpecError::Text { .. } => None,
        SpecError::Part { part, .. } => Some(part),
    }
}
