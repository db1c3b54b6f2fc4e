//! The entries of a running application, in versions.

mod access;
mod apply;
mod filter;
mod link;
mod listener;
mod queue;
mod recent;
mod snapshot;
mod sorted;
mod step;
mod value;

use std::sync::{Arc, Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};

use perilune_actor_core::{ErrorKind, Failure, HostId};
use perilune_lua_bindings::{Callable, Definition, Started};
use perilune_policy::Subject;

pub(crate) use self::access::AppRegistry;
pub(crate) use self::apply::refusal;
pub(crate) use self::listener::{Listener, Prepared, Transition};
use self::queue::Queue;
use self::recent::Edition;
pub(crate) use self::snapshot::{Snapshot, Version};
pub(crate) use self::step::Step;
pub(crate) use self::value::{invalid, read as read_config, show};
use crate::application::{Directory, Entry, Loaded};

/// The entries of a running application, the scripts they define, and how they came to be what they are.
///
/// Whoever asks gets what is current; whoever holds a [`Snapshot`] or [`Version`] sees it unchanged.
pub(crate) struct Registry {
    state: RwLock<State>,
    edition: Edition,
    /// Held while a change is made: there is one at a time. It has what agrees to every change.
    changing: Mutex<Vec<Arc<dyn Listener>>>,
    keeps_history: bool,
}

struct State {
    current: Snapshot,
    /// By id, ascending; without history only the current one.
    versions: Vec<Arc<Version>>,
    highest: u64,
    closed: bool,
}

impl Registry {
    /// The entries of an application that has been checked, as version 0.
    pub(crate) fn new(loaded: Loaded, keeps_history: bool) -> Self {
        let entries = loaded.entries.into_iter().map(|(id, entry)| (id, Arc::new(entry))).collect();
        let version = Arc::new(Version { id: 0, entries });
        let ids: Vec<_> = version.entries.iter().map(|(id, _)| id.clone()).collect();
        let definitions = link::link(&version, &ids, &Default::default());
        let current = Snapshot { version: Arc::clone(&version), definitions };
        let state = State { current, versions: vec![version], highest: 0, closed: false };
        Self { state: RwLock::new(state), edition: Edition::default(), changing: Mutex::default(), keeps_history }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// What is current.
    pub(crate) fn current(&self) -> Snapshot {
        self.read().current.clone()
    }

    /// The entries that are current.
    pub(crate) fn version(&self) -> Arc<Version> {
        Arc::clone(&self.read().current.version)
    }

    /// The definition that a spawn of `id` runs.
    pub(crate) fn process(&self, id: &str) -> Result<Arc<Definition>, Failure> {
        self.read().current.process(id)
    }

    /// The definition and the host of a spawn, as they are at one moment. The definition has been compiled.
    pub(crate) fn start(&self, id: &str, host: &str) -> Result<(Arc<Definition>, HostId), Failure> {
        let (definition, host) = {
            let state = self.read();
            (state.current.process(id)?, state.current.host(host))
        };
        definition.compile()?;
        Ok((definition, host?))
    }

    /// The same for who may ask a million times, with what `subject_of` says of the host. That changes only with entries.
    pub(crate) fn start_again(
        &self,
        id: &str,
        host: &str,
        subject_of: impl FnOnce(HostId) -> Option<Subject>,
    ) -> Result<Started, Failure> {
        self.edition.start(id, host, || {
            let (definition, host) = self.start(id, host)?;
            Ok(Started { definition, host, subject: subject_of(host) })
        })
    }

    /// What a function call of `id` runs.
    pub(crate) fn callable(&self, id: &str) -> Result<Callable, Failure> {
        self.read().current.callable(id)
    }

    /// The host called `id`.
    pub(crate) fn host(&self, id: &str) -> Result<HostId, Failure> {
        self.read().current.host(id)
    }

    /// The folder called `id`.
    pub(crate) fn directory(&self, id: &str) -> Result<Directory, Failure> {
        self.read().current.directory(id)
    }

    /// The versions there are, ascending.
    pub(crate) fn versions(&self) -> Vec<u64> {
        self.read().versions.iter().map(|version| version.id).collect()
    }

    /// A version that was current once.
    ///
    /// # Errors
    /// It never was, or was not kept.
    pub(crate) fn version_at(&self, id: u64) -> Result<Arc<Version>, Failure> {
        let state = self.read();
        if let Ok(at) = state.versions.binary_search_by_key(&id, |version| version.id) {
            return Ok(Arc::clone(&state.versions[at]));
        }
        Err(match id <= state.highest {
            true => {
                let text = format!("version {id} was not kept: registry.enable_history is off");
                Failure::new(ErrorKind::Unavailable, text)
            }
            false => Failure::new(ErrorKind::NotFound, format!("version {id} not found")),
        })
    }

    /// Has every later change ask this one too.
    pub(crate) fn listen(&self, listener: Arc<dyn Listener>) {
        self.changing.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(listener);
    }

    /// Refuses all changes from now on; one that is being made is waited for by nobody.
    pub(crate) fn close(&self) {
        self.write().closed = true;
    }
}

/// An entry that came through a change set and takes the place of one that was read from a file.
fn inherit(new: &mut Entry, old: &Entry) {
    if new.kind != old.kind {
        return;
    }
    new.all_modules = old.all_modules;
    new.runs_as_main_chunk = old.runs_as_main_chunk;
    new.origin = old.origin.clone();
    // Positions in another text are not positions in the file.
    if let (Some(new_code), Some(old_code)) = (new.code(), old.code())
        && new_code.source == old_code.source
    {
        new.source_path = old.source_path.clone();
    }
}

#[cfg(test)]
mod tests;
