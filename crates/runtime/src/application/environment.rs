use std::sync::Arc;

use super::definition::{Reader, text};
use super::id::EntryId;
use super::value::{ConfigData, ConfigValue, Position, ValueError};

/// Where variables have their values: the `env.storage` kinds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum EnvStorage {
    /// `env.storage.memory`: for as long as the application runs.
    Memory,
    /// `env.storage.os`: what the operating system gave to this program. It can only be read.
    Os,
    /// `env.storage.router`: several, of which the first that has a value gives it.
    Router(Vec<StorageReference>),
}

/// `env.variable`: a name that scripts may ask for.
#[derive(Clone, Debug)]
pub struct EnvVariable {
    /// What scripts and storages call it; the entry's own name unless written.
    pub name: Arc<str>,
    /// Where its value is; without one it always has its default.
    pub storage: Option<StorageReference>,
    /// Its value while the storage has none.
    pub default: Option<Arc<str>>,
    /// Whether scripts cannot set it.
    pub read_only: bool,
}

/// A storage, and where it is referred to.
#[derive(Clone, Debug)]
pub struct StorageReference {
    /// The storage.
    pub target: EntryId,
    /// Where it is written.
    pub position: Position,
}

impl Reader {
    pub(super) fn env_router(&mut self, id: &EntryId, data: &ConfigValue) -> EnvStorage {
        let storages = data.list("storages").and_then(|list| data.required("storages", list).map(Some));
        let storages = self.keep(storages).unwrap_or_default().iter();
        EnvStorage::Router(storages.filter_map(|value| self.storage(id, value, "storages")).collect())
    }

    pub(super) fn env_variable(&mut self, id: &EntryId, data: &ConfigValue) -> EnvVariable {
        let name = data.get("variable").map(|name| text(name, "variable")).transpose();
        EnvVariable {
            name: self.keep(name).unwrap_or_else(|| id.name().into()),
            storage: data.get("storage").and_then(|storage| self.storage(id, storage, "storage")),
            default: self.keep(scalar(data, "default")),
            read_only: self.keep(data.boolean("read_only")).unwrap_or(false),
        }
    }

    fn storage(&mut self, id: &EntryId, value: &ConfigValue, key: &str) -> Option<StorageReference> {
        let target = self.keep(text(value, key).map(Some))?;
        Some(StorageReference { target: EntryId::resolve(&target, id.namespace()), position: value.position })
    }
}

/// Whatever can be written as one word.
fn scalar(data: &ConfigValue, key: &str) -> Result<Option<Arc<str>>, ValueError> {
    let Some(value) = data.get(key) else { return Ok(None) };
    Ok(Some(match &value.data {
        ConfigData::String(text) => Arc::clone(text),
        ConfigData::Bool(value) => value.to_string().into(),
        ConfigData::Integer(value) => value.to_string().into(),
        ConfigData::Float(value) => value.to_string().into(),
        _ => return Err(data.mismatch(key, "text, a number, or true or false", value.type_name())),
    }))
}
