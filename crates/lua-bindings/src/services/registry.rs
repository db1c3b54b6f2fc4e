use std::sync::Arc;

use perilune_actor_core::{Failure, Value};

use super::Origin;

/// The entries of an application, in numbered versions of which one is current.
///
/// Called from worker threads, so nothing in here may wait: what takes long goes elsewhere and calls `done`.
pub trait EntryRegistry: Send + Sync {
    /// The current entries, which stay as they are while somebody has them.
    fn current(&self) -> Arc<dyn EntrySnapshot>;

    /// The entries of a version.
    ///
    /// # Errors
    /// `NotFound` for a version that never was, `Unavailable` for one that was not kept.
    fn at(&self, version: u64) -> Result<Arc<dyn EntrySnapshot>, Failure>;

    /// The versions there are, ascending.
    fn versions(&self) -> Vec<u64>;

    /// Whether an entry is complete and what its kind asks for. What it refers to is looked at when it is applied.
    ///
    /// # Errors
    /// `Invalid`, naming the key.
    fn check(&self, entry: &EntryValue) -> Result<(), Failure>;

    /// Whether text may be the id of an entry.
    ///
    /// # Errors
    /// `Invalid`.
    fn check_id(&self, id: &str) -> Result<(), Failure>;

    /// What turns one list of entries into another, in the order in which it takes effect: what is imported or depended
    /// on comes first, and what goes comes last.
    ///
    /// # Errors
    /// `Invalid` for an entry that is none, or an id that occurs twice.
    fn delta(&self, from: &[EntryValue], to: &[EntryValue]) -> Result<Vec<Change>, Failure>;

    /// Makes a new version from the current one. When `done` is called with its number, whatever starts from then on
    /// sees it; when with a failure, nothing has changed.
    fn apply(&self, origin: &Origin<'_>, changes: Vec<Change>, done: ApplyDone);

    /// Makes a version current that there was before.
    fn apply_version(&self, origin: &Origin<'_>, version: u64, done: ApplyDone);

    /// Runs work that would hold up a worker.
    fn later(&self, work: Box<dyn FnOnce() + Send>);
}

/// Called with the version that is current after a change, or with why nothing has changed.
pub type ApplyDone = Box<dyn FnOnce(Result<u64, Failure>) + Send>;

/// The entries of one version.
pub trait EntrySnapshot: Send + Sync {
    /// Which version.
    fn version(&self) -> u64;

    /// What it takes to find what fits.
    fn effort(&self, filter: &Filter) -> Effort;

    /// The ids of all entries that fit, ascending. Whether somebody may know of them is for [`get`](Self::get) to say.
    ///
    /// # Errors
    /// `Invalid` for a condition that says nothing.
    fn find(&self, filter: &Filter) -> Result<Vec<Arc<str>>, Failure>;

    /// One entry.
    ///
    /// # Errors
    /// `NotFound`.
    fn get(&self, origin: &Origin<'_>, id: &str) -> Result<EntryValue, Failure>;
}

/// How long something may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Next to nothing.
    Little,
    /// Longer than a worker should be kept from others, if that can be avoided.
    Much,
    /// However long whoever asks wants it to take: never on a worker.
    Any,
}

/// Conditions by key: `.kind`, `.name`, `.ns`, `.id` or `meta.<path>`, after one of `~ * ^ $` for another comparison
/// than equality. Other keys mean nothing.
pub type Filter = Vec<(String, Value)>;

/// An entry as scripts see it.
#[derive(Clone, Debug, PartialEq)]
pub struct EntryValue {
    /// `namespace:name`.
    pub id: String,
    /// What it is.
    pub kind: String,
    /// Free-form facts about it, a table.
    pub meta: Value,
    /// Its configuration.
    pub data: Value,
}

/// One operation of a change set.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Adds an entry whose id is free.
    Create(EntryValue),
    /// Puts an entry in the place of one with the same id.
    Update(EntryValue),
    /// Removes the entry of that id.
    Delete(String),
}

impl Change {
    /// Which entry it is about.
    pub fn id(&self) -> &str {
        match self {
            Self::Create(entry) | Self::Update(entry) => &entry.id,
            Self::Delete(id) => id,
        }
    }
}
