use std::path::PathBuf;

use super::definition::{Code, Definition};
use super::id::EntryId;
use super::value::{ConfigData, ConfigValue, Position, ValueError};

/// One named piece of an application.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Entry {
    /// Its address.
    pub id: EntryId,
    /// What it is; kinds nobody knows are kept.
    pub kind: String,
    /// Free-form facts about it; always a map.
    pub meta: ConfigValue,
    /// Its configuration, with `file://` strings replaced by what they name.
    /// A map for every known kind.
    pub data: ConfigValue,
    /// What the configuration says.
    pub definition: Definition,
    /// Where it was written.
    pub origin: Origin,
    /// The file its key `source` was read from.
    pub source_path: Option<PathBuf>,
    /// Whether every host module counts as declared.
    pub all_modules: bool,
    /// Whether the chunk itself is the main coroutine, and so may block.
    pub runs_as_main_chunk: bool,
}

/// Where an entry was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The configuration file, or the script of an entry without one.
    pub file: PathBuf,
    /// The line the entry begins at.
    pub line: u32,
}

/// How a process is started from the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// What to type.
    pub name: String,
    /// One line about it.
    pub short: Option<String>,
    /// Whether it starts when no command is named.
    pub main: bool,
}

impl Entry {
    /// The code of the kinds that have some.
    pub fn code(&self) -> Option<&Code> {
        self.definition.code()
    }

    /// What `meta.command` says. Loading has found every error already.
    pub fn command(&self) -> Result<Option<Command>, ValueError> {
        let Some(command) = self.meta.map("command").map_err(|e| e.within("meta"))? else {
            return Ok(None);
        };
        let read = || {
            Ok(Some(Command {
                name: command.required_string("name")?.to_string(),
                short: command.string("short")?.map(|text| text.to_string()),
                main: command.boolean("main")?.unwrap_or(false),
            }))
        };
        read().map_err(|error: ValueError| error.within("meta.command"))
    }

    /// The host of calls to this process: `meta.default_host`, or
    /// `meta.options.default_host`. Also tells where it is written.
    pub fn default_host(&self) -> Option<(EntryId, Position)> {
        let options = || self.meta.get("options")?.get("default_host");
        let host = self.meta.get("default_host").or_else(options)?;
        self.reference(host)
    }

    /// The id in a string of this entry's configuration.
    pub(crate) fn reference(&self, value: &ConfigValue) -> Option<(EntryId, Position)> {
        match &value.data {
            ConfigData::String(text) => {
                let id = EntryId::resolve(text, self.id.namespace());
                Some((id, value.position))
            }
            _ => None,
        }
    }
}
