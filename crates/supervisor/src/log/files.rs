use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

use super::compress::{Compressor, Job};
use super::disk::{Disk, System, append};
use super::file::{LogFile, Settings};
use super::lane::Lane;
use super::turn::Turn;
use super::writer::{Claim, Writer};
use super::{Clock, LogConfig, LogError};
use crate::process::ProcessId;

/// The log files that are open in this program, and the threads that write them.
///
/// There is one for the whole program, [`LogFiles::shared`], because two that know nothing of each other must not write to
/// one file. Clones are the same.
#[derive(Clone)]
pub struct LogFiles {
    inner: Arc<Inner>,
}

struct Inner {
    disk: Arc<dyn Disk>,
    compressor: Arc<Compressor>,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    writers: HashMap<PathBuf, Weak<Writer>>,
    lanes: HashMap<Place, Weak<Lane>>,
    /// Held by whoever gives the old files of a path new names: compressing outlives a writer and meets the next one.
    renaming: HashMap<PathBuf, Weak<Mutex<()>>>,
}

/// What can be slow on its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Place {
    /// The files of one disk.
    Disk(u64),
    /// A terminal, say.
    Device(PathBuf),
}

/// Opens all log files of the program again, at once rather than within two seconds: after somebody has moved them away.
///
/// Returns when it is done. A file that cannot be opened stays as it is, and the first such failure is returned.
pub async fn reopen_logs() -> Result<(), Arc<LogError>> {
    LogFiles::shared().reopen_logs().await
}

impl LogFiles {
    /// Those of the program.
    #[must_use]
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<LogFiles> = LazyLock::new(|| LogFiles::on(Arc::new(System)));
        &SHARED
    }

    /// Apart from all others, on a disk of some kind.
    pub(super) fn on(disk: Arc<dyn Disk>) -> Self {
        Self { inner: Arc::new(Inner { disk, compressor: Arc::default(), open: Mutex::default() }) }
    }

    /// As the function [`reopen_logs`], for these.
    pub async fn reopen_logs(&self) -> Result<(), Arc<LogError>> {
        let writers: Vec<_> = self.lock().writers.values().filter_map(Weak::upgrade).collect();
        let mut result = Ok(());
        for writer in writers {
            result = result.and(writer.reopen().await);
        }
        result
    }

    /// A place at the writer of a file: the one that has it open, or a new one. Blocks as long as the disk needs to open it.
    pub(super) fn writer(
        &self,
        path: &Path,
        owner: ProcessId,
        config: &LogConfig,
        clock: &Clock,
    ) -> Result<Claim, LogError> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder)
                .map_err(|source| LogError::DirectoryNotFound { path: folder.to_owned(), source })?;
        }
        let failed = |source| LogError::CreateFailed { path: path.to_owned(), source };
        // Before the lock: a disk that does not answer must not hold up the others.
        let opened = append(path, config.file_mode).map_err(failed)?;
        let path = fs::canonicalize(path).map_err(failed)?;

        let mut open = self.lock();
        open.purge();
        // One that is about to go has nothing to write any more, and perhaps former settings.
        if let Some(writer) = open.writers.get(&path).and_then(Weak::upgrade).filter(|writer| !writer.is_unused()) {
            // A device can be written to by everybody, and gains nothing by being somebody's.
            return if writer.owner == owner || !opened.is_regular {
                Ok(writer.claim())
            } else {
                Err(LogError::InUse { path })
            };
        }
        let place = if opened.is_regular { Place::Disk(opened.identity.device) } else { Place::Device(path.clone()) };
        let lane = open.lanes.get(&place).and_then(Weak::upgrade).unwrap_or_else(|| Arc::new(Lane::new()));
        let rotation = config.rotation.clone();
        let compressed = rotation.as_ref().filter(|rotation| rotation.compress && opened.is_regular);
        let compressed = compressed.map(|rotation| rotation.max_files);
        let disk = Arc::clone(&self.inner.disk);
        let renaming = open.renaming.get(&path).and_then(Weak::upgrade).unwrap_or_default();
        open.renaming.insert(path.clone(), Arc::downgrade(&renaming));
        let settings =
            Settings { path: path.clone(), mode: config.file_mode, rotation, renaming: Arc::clone(&renaming) };
        let file = LogFile::new(settings, opened, disk, clock());
        let compressor = compressed.map(|max_files| {
            let job = Job { path: path.clone(), max_files, mode: config.file_mode, renaming };
            (Arc::clone(&self.inner.compressor), job)
        });
        let turn = Turn::new(file, compressor);
        let writer = Arc::new(Writer::new(path.clone(), owner, Arc::clone(clock), Arc::clone(&lane), turn));
        lane.add(&writer).map_err(failed)?;
        open.lanes.insert(place, Arc::downgrade(&lane));
        open.writers.insert(path, Arc::downgrade(&writer));
        Ok(writer.claim())
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.inner.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn purge(&mut self) {
        self.writers.retain(|_, writer| writer.strong_count() > 0);
        self.lanes.retain(|_, lane| lane.strong_count() > 0);
        self.renaming.retain(|_, renaming| renaming.strong_count() > 0);
    }
}

impl std::fmt::Debug for LogFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut open = self.lock();
        open.purge();
        f.debug_struct("LogFiles").field("files", &open.writers.len()).field("lanes", &open.lanes.len()).finish()
    }
}
