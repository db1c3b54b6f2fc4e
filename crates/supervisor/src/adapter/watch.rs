//! Changes of files, on a thread of its own: what looks at files can take long.

mod barrier;
mod notices;
mod tree;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc as threads;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::debounce::{Debounce, Notice};
use super::ignore::Ignore;
use super::{AdapterError, AdapterPayload, ChangeType, FilesystemConfig};
use barrier::Barrier;
use notices::{Inbox, News};
use tree::Tree;

/// How long the end waits for changes that the system has not told yet.
const LAST: Duration = Duration::from_secs(2);

/// Tells how files change, until it is dropped.
#[derive(Debug)]
pub(super) struct Watch {
    told: mpsc::Receiver<AdapterPayload>,
    inbox: Inbox,
}

impl Watch {
    /// Looks at files from here on. Blocks while it goes through the folders.
    pub(super) fn start(config: &FilesystemConfig, roots: &[PathBuf]) -> Result<Self, AdapterError> {
        // macOS tells of files by their real paths.
        let real = |root: &PathBuf| cfg!(target_os = "macos").then(|| root.canonicalize().ok()).flatten();
        let roots: Vec<PathBuf> = roots.iter().map(|root| real(root).unwrap_or_else(|| root.clone())).collect();
        let ignore = Arc::new(Ignore::new(&roots, &config.ignore)?);
        let (inbox, news) = Inbox::new(config.buffer.max(1));
        let (tell, told) = mpsc::channel(64);
        let (ready, readiness) = threads::sync_channel(1);
        let config = config.clone();
        let watch = Self { told, inbox: inbox.clone() };
        std::thread::Builder::new().name("file-changes".to_owned()).spawn(move || {
            let barrier = Barrier::new();
            let tree = Tree::new(&roots, config.recursive, ignore, inbox.clone(), barrier.as_ref());
            let (tree, failure) = match tree {
                Ok(tree) => (Some(tree), None),
                Err(error) => (None, Some(error)),
            };
            drop(ready.send(failure));
            if let Some(tree) = tree {
                let debounce = Debounce::new(config.debounce, config.buffer);
                Worker { tree, barrier, debounce, inbox, tell }.run(&news);
            }
        })?;
        match readiness.recv() {
            Ok(None) => Ok(watch),
            Ok(Some(error)) => Err(error),
            Err(_) => Err(AdapterError::Internal("the thread for files is gone".to_owned())),
        }
    }

    /// The next change, or a diagnostic; `None` when there will be no more. A call that is given up loses nothing.
    pub(super) async fn recv(&mut self) -> Option<AdapterPayload> {
        self.told.recv().await
    }

    /// The next one, if there is one now.
    pub(super) fn try_recv(&mut self) -> Option<AdapterPayload> {
        self.told.try_recv().ok()
    }

    /// What has changed until now is told, and then there is no more.
    pub(super) fn finish(&self) {
        self.inbox.finish();
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.inbox.finish();
    }
}

/// Nobody receives any more.
struct Gone;

struct Worker {
    tree: Tree,
    barrier: Option<Barrier>,
    debounce: Debounce,
    inbox: Inbox,
    tell: mpsc::Sender<AdapterPayload>,
}

impl Worker {
    fn run(mut self, news: &threads::Receiver<News>) {
        while !self.inbox.is_finished() {
            if self.step(news, None).is_err() {
                return;
            }
        }
        if self.tell.is_closed() {
            return;
        }
        // What happened before is behind the barrier. Without one, what is not told within a moment has not happened.
        let now = Instant::now();
        let (passing, end) = match self.barrier.as_ref().map(Barrier::raise) {
            Some(Ok(())) => (true, now + LAST),
            _ => (false, now + Duration::from_millis(100)),
        };
        while !(passing && self.inbox.has_passed()) && Instant::now() < end {
            if self.step(news, Some(Duration::from_millis(10))).is_err() {
                return;
            }
        }
        while let Ok(news) = news.try_recv() {
            self.take(news);
        }
        if self.tell_trouble().is_err() {
            return;
        }
        while let Some((path, change)) = self.debounce.rest() {
            if self.tell_change(path, change).is_err() {
                return;
            }
        }
    }

    /// Waits for news or for something that is due, for `limit` at most.
    fn step(&mut self, news: &threads::Receiver<News>, limit: Option<Duration>) -> Result<(), Gone> {
        let due = self.debounce.deadline().map(|due| due.saturating_duration_since(Instant::now()));
        let first = match [due, limit].into_iter().flatten().min() {
            Some(wait) => news.recv_timeout(wait).ok(),
            None => news.recv().ok(),
        };
        if let Some(first) = first {
            self.take(first);
            // All at once, so that what belongs together is seen together.
            for next in news.try_iter().take(1024) {
                self.take(next);
            }
        }
        self.tell_trouble()?;
        while let Some((path, change)) = self.debounce.due(Instant::now()) {
            self.tell_change(path, change)?;
        }
        Ok(())
    }

    fn take(&mut self, news: News) {
        let notice = match news {
            News::Notice(notice) => notice,
            News::Wake => return,
        };
        let now = Instant::now();
        let (folder, is_new) = match &notice {
            Notice::Created(path) => (Some(path.clone()), true),
            // What was inside is no news if it is only called differently.
            Notice::Arrived(number, path) => (Some(path.clone()), !self.debounce.expects(*number)),
            _ => (None, false),
        };
        self.debounce.notice(notice, now);
        if let Some(folder) = folder {
            let found = self.tree.grow(&folder);
            if is_new {
                found.into_iter().for_each(|path| self.debounce.notice(Notice::Created(path), now));
            }
        }
    }

    /// What could not be observed, and what was too much.
    fn tell_trouble(&mut self) -> Result<(), Gone> {
        let lost = self.inbox.take_lost();
        if lost > 0 {
            let message = "changes of files were lost, because there were too many at once".to_owned();
            self.tell(AdapterPayload::warning("changes_lost", message, "count", lost))?;
        }
        if self.inbox.take_overflow() || lost > 0 {
            // New folders may be among what was lost.
            self.tree.grow_all();
        }
        for (path, reason) in self.tree.take_failures() {
            let message = format!("could not observe `{}`: {reason}", path.display());
            self.tell(AdapterPayload::warning("watch_failed", message, "path", path.display()))?;
        }
        for reason in self.inbox.take_errors() {
            let message = "could not observe files".to_owned();
            self.tell(AdapterPayload::warning("watch_failed", message, "error", reason))?;
        }
        Ok(())
    }

    fn tell_change(&self, path: PathBuf, change_type: ChangeType) -> Result<(), Gone> {
        let size_bytes = match change_type {
            ChangeType::Removed => None,
            _ => path.symlink_metadata().ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len()),
        };
        self.tell(AdapterPayload::FilesystemChange { path, change_type, size_bytes })
    }

    fn tell(&self, payload: AdapterPayload) -> Result<(), Gone> {
        self.tell.blocking_send(payload).map_err(|_| Gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn end_comes_after_every_change_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut watch = Watch::start(&FilesystemConfig::default(), &[folder.path().to_owned()]).unwrap();
        for name in 0..100 {
            std::fs::write(folder.path().join(name.to_string()), "").unwrap();
        }
        watch.finish();
        let mut created = 0;
        while let Some(told) = watch.recv().await {
            created +=
                usize::from(matches!(told, AdapterPayload::FilesystemChange { change_type: ChangeType::Created, .. }));
        }
        assert_eq!(created, 100);
        assert!(watch.inbox.has_passed());
    }
}
