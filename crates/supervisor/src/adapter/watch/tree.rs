use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::{Config, ErrorKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::barrier::Barrier;
use super::notices::Inbox;
use crate::adapter::AdapterError;
use crate::adapter::ignore::Ignore;

/// The folders that are observed, each by itself, so that ignored ones cost nothing and nothing in new ones is missed.
pub(super) struct Tree {
    watcher: RecommendedWatcher,
    roots: Vec<PathBuf>,
    recursive: bool,
    ignore: Arc<Ignore>,
    failures: Vec<(PathBuf, String)>,
}

/// So many failures are kept until they are told: all others have the same cause.
const MOST_FAILURES: usize = 16;

impl Tree {
    pub(super) fn new(
        roots: &[PathBuf],
        recursive: bool,
        ignore: Arc<Ignore>,
        inbox: Inbox,
        barrier: Option<&Barrier>,
    ) -> Result<Self, AdapterError> {
        let (interest, opened) = (Arc::clone(&ignore), barrier.map(|barrier| barrier.path().to_owned()));
        let take = move |told| inbox.take(told, &interest, opened.as_deref());
        let mut watcher = RecommendedWatcher::new(take, Config::default().with_follow_symlinks(false))
            .map_err(|error| AdapterError::WatcherError(reason(&error)))?;
        if let Some(barrier) = barrier {
            // Without it, the end is less certain and nothing else.
            drop(watcher.watch(barrier.path(), RecursiveMode::NonRecursive));
        }
        let mut tree = Self { watcher, roots: roots.to_vec(), recursive, ignore, failures: Vec::new() };
        for root in roots {
            let failed = |reason| AdapterError::WatchPathFailed { path: root.clone(), reason };
            tree.watcher.watch(root, RecursiveMode::NonRecursive).map_err(|error| failed(reason(&error)))?;
            tree.below(root);
        }
        Ok(tree)
    }

    /// Observes what is a folder, if folders in folders are. Returns all that is in it.
    pub(super) fn grow(&mut self, path: &Path) -> Vec<PathBuf> {
        let is_folder = path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir());
        if is_folder && self.recursive && self.observe(path) { self.below(path) } else { Vec::new() }
    }

    /// Observes every folder that is not observed.
    pub(super) fn grow_all(&mut self) {
        for root in self.roots.clone() {
            self.below(&root);
        }
    }

    /// What could not be observed since the last time.
    pub(super) fn take_failures(&mut self) -> Vec<(PathBuf, String)> {
        std::mem::take(&mut self.failures)
    }

    /// Observes folders first and looks into them then: what comes in between is seen twice rather than never.
    fn below(&mut self, folder: &Path) -> Vec<PathBuf> {
        let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
        while self.recursive
            && let Some(folder) = folders.pop()
        {
            // What is gone or closed to us has nothing to show.
            let Ok(entries) = std::fs::read_dir(&folder) else { continue };
            for entry in entries.filter_map(Result::ok) {
                let path = entry.path();
                if self.ignore.covers(&path) {
                    continue;
                }
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) && self.observe(&path) {
                    folders.push(path.clone());
                }
                found.push(path);
            }
        }
        found
    }

    fn observe(&mut self, folder: &Path) -> bool {
        match self.watcher.watch(folder, RecursiveMode::NonRecursive) {
            Ok(()) => true,
            Err(error) => {
                let gone = match &error.kind {
                    ErrorKind::PathNotFound => true,
                    ErrorKind::Io(error) => error.kind() == std::io::ErrorKind::NotFound,
                    _ => false,
                };
                if !gone && self.failures.len() < MOST_FAILURES {
                    self.failures.push((folder.to_owned(), reason(&error)));
                }
                false
            }
        }
    }
}

/// Without the path, which whoever reads it knows.
fn reason(error: &notify::Error) -> String {
    match &error.kind {
        ErrorKind::PathNotFound => "it does not exist".to_owned(),
        ErrorKind::MaxFilesWatch => "the system allows no more files to be observed".to_owned(),
        ErrorKind::Io(error) => error.to_string(),
        _ => error.to_string(),
    }
}
