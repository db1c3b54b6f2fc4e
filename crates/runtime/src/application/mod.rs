//! Reads an application from its files, without running any of it.

mod loader;
mod single_file;

mod chain;
mod change;
mod check;
mod definition;
mod entry;
mod environment;
mod id;
mod service;
mod value;

mod diagnostic;
mod suggest;

mod root;
mod schema;
mod source;
mod spelling;
mod walk;
mod yaml;
mod yaml_weight;

pub(crate) use change::set as set_path;
pub use check::ALWAYS_AVAILABLE;
pub(crate) use check::{Entries, IMPORT_DEPTH, problems};
pub use definition::{CallPool, Code, Definition, Directory, Import, Isolation, ProcessHost, TerminalHost};
pub(crate) use diagnostic::printable;
pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use entry::{Command, Entry, Origin};
pub use environment::{EnvStorage, EnvVariable, StorageReference};
pub use id::EntryId;
pub(crate) use loader::YAML_LIMIT;
pub use loader::{Loaded, load_folder};
pub(crate) use root::read_text;
pub(crate) use schema::is_known_kind;
pub use service::{Dependency, Lifecycle, Service, Startup};
pub use single_file::load_file;
pub(crate) use source::Source;
pub(crate) use spelling::misspelt;
pub use suggest::did_you_mean;
pub use value::{ConfigData, ConfigValue, Located, Position, ValueError};
pub(crate) use yaml::parse as parse_document;
pub(crate) use yaml::parse_text as parse_yaml;
