use std::sync::Arc;

use perilune_actor_core::Placement;

use super::environment::{EnvStorage, EnvVariable, StorageReference};
use super::id::EntryId;
use super::schema;
use super::service::Service;
use super::value::{ConfigData, ConfigValue, Located, Position, ValueError};

/// What the configuration of an entry says, for the kinds that run code or
/// host it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Definition {
    /// `process.lua`
    Process(Code),
    /// `function.lua`
    Function(Code),
    /// `library.lua`
    Library(Code),
    /// `process.host`
    Host(ProcessHost),
    /// `terminal.host`
    Terminal(TerminalHost),
    /// `process.service`
    Service(Box<Service>),
    /// `env.storage.memory`, `env.storage.os`, `env.storage.router`
    EnvStorage(EnvStorage),
    /// `env.variable`
    EnvVariable(EnvVariable),
    /// `fs.directory`
    Directory(Directory),
    /// Any other kind, known or not.
    Other,
}

/// A Lua source and what it may load.
#[derive(Clone, Debug)]
pub struct Code {
    /// The source text.
    pub source: Arc<str>,
    /// The function to run; `main` unless written. Libraries ignore it.
    pub method: Arc<str>,
    /// Declared host modules, known or not.
    pub modules: Vec<Located>,
    /// Declared libraries.
    pub imports: Vec<Import>,
    /// How many calls of a function may run and wait.
    pub pool: CallPool,
}

/// Settings of the calls of one function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallPool {
    /// How many run at once; `None` when absent or 0.
    pub size: Option<u64>,
    /// How many wait for their turn; `None` is any number.
    pub buffer: Option<u64>,
}

/// One line of `imports`.
#[derive(Clone, Debug)]
pub struct Import {
    /// The name the library has for this source.
    pub alias: Located,
    /// The library.
    pub target: EntryId,
    /// Where the target is written.
    pub position: Position,
}

/// Settings of a host of processes.
#[derive(Clone, Debug, Default)]
pub struct ProcessHost {
    /// How many of the runtime's workers it may use; `None` when absent or 0.
    pub workers: Option<u64>,
    /// How many processes may run at once; 0 is no limit.
    pub max_processes: u64,
    /// A hint.
    pub queue_size: Option<u64>,
    /// A hint.
    pub local_queue_size: Option<u64>,
    /// Whether its processes share virtual machines.
    pub isolation: Isolation,
    /// Bytes one process may use.
    pub memory_limit: Option<u64>,
    /// How a worker is chosen for a process, unless its spawn says otherwise.
    pub placement: Placement,
    /// The lifecycle block as written; a map.
    pub lifecycle: Option<ConfigValue>,
}

/// Whether processes of a host share virtual machines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// Many processes in one virtual machine.
    #[default]
    Shared,
    /// One virtual machine for each process.
    Dedicated,
}

/// Settings of the host of command-line processes.
#[derive(Clone, Debug, Default)]
pub struct TerminalHost {
    /// Whether log lines stay off the terminal.
    pub hide_logs: bool,
    /// The lifecycle block as written; a map.
    pub lifecycle: Option<ConfigValue>,
}

/// A folder that scripts may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    /// Where it is: relative to the application root, or absolute.
    pub path: Arc<str>,
    /// Whether it is made when it is not there.
    pub auto_init: bool,
}

impl Definition {
    /// Reads the configuration of entry `id`. Reports every error, not only
    /// the first.
    pub fn parse(id: &EntryId, kind: &str, data: &ConfigValue) -> Result<Definition, Vec<ValueError>> {
        let mut reader = Reader { errors: Vec::new() };
        let definition = match kind {
            "process.lua" => Definition::Process(reader.code(id, data)),
            "function.lua" => Definition::Function(reader.code(id, data)),
            "library.lua" => Definition::Library(reader.code(id, data)),
            "process.host" => Definition::Host(reader.process_host(id, data)),
            "terminal.host" => Definition::Terminal(TerminalHost {
                hide_logs: reader.keep(data.boolean("hide_logs")).unwrap_or(false),
                lifecycle: reader.host_lifecycle(id, data),
            }),
            "process.service" => Definition::Service(Box::new(reader.service(id, data))),
            "env.storage.memory" => Definition::EnvStorage(EnvStorage::Memory),
            "env.storage.os" => Definition::EnvStorage(EnvStorage::Os),
            "env.storage.router" => Definition::EnvStorage(reader.env_router(id, data)),
            "env.variable" => Definition::EnvVariable(reader.env_variable(id, data)),
            "fs.directory" => Definition::Directory(Directory {
                path: reader.keep(data.required_string("directory").map(Some)).cloned().unwrap_or_default(),
                auto_init: reader.keep(data.boolean("auto_init")).unwrap_or(false),
            }),
            _ => {
                let required = schema::find(kind).map_or(&[][..], |schema| schema.required);
                for key in required {
                    reader.keep(data.required(key, data.get(key)).map(Some));
                }
                Definition::Other
            }
        };
        match reader.errors.is_empty() {
            true => Ok(definition),
            false => Err(reader.errors),
        }
    }

    pub(crate) fn is_host(&self) -> bool {
        matches!(self, Definition::Host(_) | Definition::Terminal(_))
    }

    /// The code of the kinds that have some.
    pub fn code(&self) -> Option<&Code> {
        match self {
            Definition::Process(code) | Definition::Function(code) | Definition::Library(code) => Some(code),
            _ => None,
        }
    }

    /// What it says as a service.
    pub fn service(&self) -> Option<&Service> {
        match self {
            Definition::Service(service) => Some(service),
            _ => None,
        }
    }

    /// The storages of variables that it refers to.
    pub fn storages(&self) -> &[StorageReference] {
        match self {
            Definition::EnvStorage(EnvStorage::Router(storages)) => storages,
            Definition::EnvVariable(variable) => variable.storage.as_slice(),
            _ => &[],
        }
    }
}

pub(super) struct Reader {
    errors: Vec<ValueError>,
}

impl Reader {
    pub(super) fn keep<T>(&mut self, result: Result<Option<T>, ValueError>) -> Option<T> {
        result.unwrap_or_else(|error| {
            self.errors.push(error);
            None
        })
    }

    fn code(&mut self, id: &EntryId, data: &ConfigValue) -> Code {
        // A file may be empty, so only the absence of a source is an error.
        let source = data.string("source").and_then(|source| {
            let source = data.required("source", source)?;
            Ok(Some(source.clone()))
        });
        let source = self.keep(source).unwrap_or_default();
        let method = self.keep(data.string("method")).cloned();
        let modules = self.keep(data.list("modules")).unwrap_or_default();
        let imports = self.keep(data.map("imports")).map_or(&[][..], ConfigValue::pairs);
        let pool = self.pool(data);
        Code {
            source,
            method: method.filter(|name| !name.is_empty()).unwrap_or_else(|| "main".into()),
            modules: modules
                .iter()
                .filter_map(|module| {
                    let text = self.keep(text(module, "modules").map(Some))?;
                    let position = module.position;
                    Some(Located { text, position })
                })
                .collect(),
            imports: imports
                .iter()
                .filter_map(|(alias, target)| {
                    let key = format!("imports.{}", alias.text);
                    let name = self.keep(text(target, &key).map(Some))?;
                    Some(Import {
                        alias: alias.clone(),
                        target: EntryId::resolve(&name, id.namespace()),
                        position: target.position,
                    })
                })
                .collect(),
            pool,
        }
    }

    fn pool(&mut self, data: &ConfigValue) -> CallPool {
        const TYPES: [&str; 4] = ["inline", "lazy", "static", "adaptive"];
        let none = ConfigValue::empty_map(data.position);
        let pool = self.keep(data.map("pool")).unwrap_or(&none);
        let kind = match pool.string("type") {
            Ok(Some(kind)) if !TYPES.contains(&&**kind) => {
                Err(pool.mismatch("type", "`inline`, `lazy`, `static` or `adaptive`", "this text"))
            }
            other => other,
        };
        self.keep(kind.map_err(|error| error.within("pool")));
        let mut count = |key| {
            let value = pool.count(key).map_err(|error| error.within("pool"));
            self.keep(value)
        };
        // Whatever its type, a pool grows when it is needed: all that counts is how far.
        let sizes = ["max_size", "size", "workers"].map(&mut count);
        CallPool { size: sizes.into_iter().flatten().find(|size| *size > 0), buffer: count("buffer") }
    }

    /// Its times and words are looked at as those of services are.
    fn host_lifecycle(&mut self, id: &EntryId, data: &ConfigValue) -> Option<ConfigValue> {
        self.lifecycle(id, data);
        data.get("lifecycle").cloned()
    }

    fn process_host(&mut self, id: &EntryId, data: &ConfigValue) -> ProcessHost {
        let none = ConfigValue::empty_map(data.position);
        let host = self.keep(data.map("host")).unwrap_or(&none);
        let mut count = |key| {
            let value = host.count(key).map_err(|error| error.within("host"));
            self.keep(value)
        };
        ProcessHost {
            workers: count("workers").filter(|workers| *workers > 0),
            max_processes: count("max_processes").unwrap_or(0),
            queue_size: count("queue_size"),
            local_queue_size: count("local_queue_size"),
            isolation: self.keep(isolation(data)).unwrap_or_default(),
            memory_limit: self.keep(data.bytes("memory_limit")),
            placement: self.keep(placement(data)).unwrap_or_default(),
            lifecycle: self.host_lifecycle(id, data),
        }
    }
}

fn isolation(data: &ConfigValue) -> Result<Option<Isolation>, ValueError> {
    match data.string("isolation")?.map(|text| &**text) {
        None => Ok(None),
        Some("shared") => Ok(Some(Isolation::Shared)),
        Some("dedicated") => Ok(Some(Isolation::Dedicated)),
        Some(_) => Err(data.mismatch("isolation", "`shared` or `dedicated`", "this text")),
    }
}

fn placement(data: &ConfigValue) -> Result<Option<Placement>, ValueError> {
    let Some(word) = data.string("placement")? else { return Ok(None) };
    match Placement::parse(word) {
        Some(placement) => Ok(Some(placement)),
        None => Err(data.mismatch("placement", "`auto`, `local` or `spread`", "this text")),
    }
}

pub(super) fn text(value: &ConfigValue, key: &str) -> Result<Arc<str>, ValueError> {
    match &value.data {
        ConfigData::String(text) if !text.is_empty() => Ok(text.clone()),
        ConfigData::String(_) => Err(found(value, key, "an empty one")),
        _ => Err(found(value, key, value.type_name())),
    }
}

fn found(value: &ConfigValue, key: &str, found: &'static str) -> ValueError {
    ValueError::Type { key: key.to_owned(), expected: "a non-empty string", found, position: value.position }
}
