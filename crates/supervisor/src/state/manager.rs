use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use chrono::Utc;
use serde::Deserialize;

use super::PersistedState;
use crate::atomic_file;

/// The file with a [`PersistedState`], and what is to be in it. All methods that touch the file may block.
#[derive(Debug)]
pub struct StateManager {
    path: PathBuf,
    state: PersistedState,
    is_dirty: bool,
    set_aside: Option<PathBuf>,
}

/// Why what ran before is not known, or cannot be written down.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// A later version of this program wrote the file. It is left as it is.
    #[error("`{}` has version {found}, and only versions up to {known} are known", path.display(), known = PersistedState::VERSION)]
    NewerVersion {
        /// Which file.
        path: PathBuf,
        /// Its version.
        found: u64,
    },
    /// The file could not be read, written or set aside.
    #[error("could not {operation} `{}`", path.display())]
    Storage {
        /// What was tried.
        operation: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl StateManager {
    /// What the file says; nothing if there is none, or if it is damaged. Then it is renamed, which is logged, and
    /// [`set_aside`](Self::set_aside) tells its new name. Nothing is written yet.
    pub fn load_or_create(path: impl Into<PathBuf>) -> Result<Self, StateError> {
        let path = path.into();
        let failed = |operation, source| StateError::Storage { operation, path: path.clone(), source };
        let fresh = || PersistedState::new(Utc::now());
        let (state, set_aside) = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => (fresh(), None),
            Err(error) => return Err(failed("read", error)),
            Ok(text) => match parse(&text) {
                Ok(state) => (state, None),
                Err(Damage::Newer(found)) => return Err(StateError::NewerVersion { path, found }),
                Err(Damage::Line(line)) => {
                    let aside = set_aside(&path).map_err(|error| failed("set aside", error))?;
                    let (damaged, now) = (path.display(), aside.display());
                    tracing::warn!(line, "state file `{damaged}` is damaged and is now `{now}`; what ran is not known");
                    (fresh(), Some(aside))
                }
            },
        };
        Ok(Self { path, state, is_dirty: false, set_aside })
    }

    /// What is known.
    #[must_use]
    pub fn state(&self) -> &PersistedState {
        &self.state
    }

    /// The same, to be changed; it counts as changed from now on.
    pub fn state_mut(&mut self) -> &mut PersistedState {
        self.is_dirty = true;
        &mut self.state
    }

    /// Nothing of what was known matters any more: a supervisor begins now.
    pub fn forget(&mut self) {
        self.state = PersistedState::new(Utc::now());
        self.is_dirty = true;
    }

    /// Where a damaged file is now, if there was one.
    #[must_use]
    pub fn set_aside(&self) -> Option<&Path> {
        self.set_aside.as_deref()
    }

    /// Something has changed.
    pub fn mark_dirty(&mut self) {
        self.is_dirty = true;
    }

    /// Whether something has changed that is not in the file.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        self.is_dirty
    }

    /// [`save`](Self::save) if something has changed; whether it had.
    pub fn save_if_dirty(&mut self) -> Result<bool, StateError> {
        if !self.is_dirty {
            return Ok(false);
        }
        self.save().map(|()| true)
    }

    /// Writes everything: as a whole, readable by its owner alone, and kept when the power fails afterwards. A failure
    /// leaves the old file, and what is known as changed.
    pub fn save(&mut self) -> Result<(), StateError> {
        let failed = |source| StateError::Storage { operation: "write", path: self.path.clone(), source };
        self.state.version = PersistedState::VERSION;
        self.state.saved_at = Utc::now();
        let text = serde_json::to_vec(&self.state).map_err(|error| failed(error.into()))?;
        atomic_file::replace(&self.path, &text, (None, None)).map_err(failed)?;
        self.is_dirty = false;
        Ok(())
    }
}

enum Damage {
    Newer(u64),
    Line(usize),
}

fn parse(text: &[u8]) -> Result<PersistedState, Damage> {
    #[derive(Deserialize)]
    struct Version {
        version: u64,
    }
    // What a later version writes may make no sense otherwise.
    let line = |error: serde_json::Error| Damage::Line(error.line());
    let Version { version } = serde_json::from_slice(text).map_err(line)?;
    match version {
        0 => Err(Damage::Line(1)),
        _ if version > PersistedState::VERSION.into() => Err(Damage::Newer(version)),
        _ => serde_json::from_slice(text).map_err(line),
    }
}

/// Renames it to a name that is free.
fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let with = |ending: String| path.with_file_name(format!("{name}.damaged{ending}"));
    let names = std::iter::once(String::new()).chain((1..1000).map(|number| format!(".{number}")));
    // When all of them are taken, the last one goes.
    let free = names.map(with).find(|free| free.symlink_metadata().is_err()).unwrap_or_else(|| with(".999".to_owned()));
    fs::rename(path, &free)?;
    Ok(free)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;
    use crate::process::ProcessSpec;
    use crate::state::PersistedProcessInstance;

    fn file() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        (folder, path)
    }

    #[test]
    fn what_is_saved_is_loaded() {
        let (_folder, path) = file();
        let mut manager = StateManager::load_or_create(&path).unwrap();
        assert!(!manager.is_dirty() && !path.exists());
        let spec = ProcessSpec::builder().name("worker").command("sleep").env("API_KEY", "kept").build();
        let mut instance = PersistedProcessInstance::new(spec.id, 0);
        instance.set_process(std::process::id(), uuid::Uuid::new_v4());
        manager.state_mut().set_spec(spec.clone());
        manager.state_mut().set_instance(instance.clone());
        assert!(manager.is_dirty());
        assert!(manager.save_if_dirty().unwrap() && !manager.is_dirty());
        assert!(!manager.save_if_dirty().unwrap());

        let again = StateManager::load_or_create(&path).unwrap();
        assert_eq!(again.state().instance(spec.id, 0), Some(&instance));
        assert_eq!(again.state().specs[0].env, spec.env);
        assert_eq!(again.state().daemon_started_at, manager.state().daemon_started_at);
        assert_eq!((again.set_aside(), again.is_dirty()), (None, false));
    }

    #[test]
    fn file_is_private_and_replaced_as_a_whole() {
        let (folder, path) = file();
        let mut manager = StateManager::load_or_create(&path).unwrap();
        manager.save().unwrap();
        manager.mark_dirty();
        manager.save_if_dirty().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn later_version_is_refused_and_left_alone() {
        let (_folder, path) = file();
        let text = r#"{"version": 2, "everything": "else"}"#;
        fs::write(&path, text).unwrap();
        let error = StateManager::load_or_create(&path).unwrap_err();
        assert!(matches!(error, StateError::NewerVersion { found: 2, .. }));
        assert!(error.to_string().ends_with("has version 2, and only versions up to 1 are known"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }

    #[test]
    fn damaged_file_is_set_aside_each_time() {
        let (folder, path) = file();
        let damages =
            ["", "{", "[]", r#"{"version": 1}"#, r#"{"version": 0}"#, "\u{0}\u{0}\u{0}", r#"{"version": "1"}"#];
        for (index, text) in damages.iter().enumerate() {
            fs::write(&path, text).unwrap();
            let manager = StateManager::load_or_create(&path).unwrap();
            let ending = if index == 0 { String::new() } else { format!(".{index}") };
            let aside = folder.path().join(format!("state.json.damaged{ending}"));
            assert_eq!(manager.set_aside(), Some(aside.as_path()), "{text}");
            assert_eq!(&fs::read_to_string(aside).unwrap(), text);
            assert!(manager.state().specs.is_empty() && !path.exists());
        }
    }

    #[test]
    fn file_that_cannot_be_read_or_written_is_an_error() {
        let (folder, path) = file();
        fs::create_dir(&path).unwrap();
        let error = StateManager::load_or_create(&path).unwrap_err();
        assert_eq!(error.to_string(), format!("could not read `{}`", path.display()));
        let mut manager = StateManager::load_or_create(folder.path().join("missing/state.json")).unwrap();
        manager.mark_dirty();
        assert!(manager.save_if_dirty().is_err());
        assert!(manager.is_dirty());
    }
}
