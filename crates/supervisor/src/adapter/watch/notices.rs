use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use notify::event::{AccessKind, EventKind, ModifyKind, RenameMode};

use crate::adapter::debounce::Notice;
use crate::adapter::ignore::Ignore;

/// Takes what the system tells, and never waits.
#[derive(Clone, Debug)]
pub(super) struct Inbox {
    news: SyncSender<News>,
    flags: Arc<Flags>,
}

#[derive(Debug)]
pub(super) enum News {
    Notice(Notice),
    /// A flag has changed.
    Wake,
}

/// What must not be lost when there is no room.
#[derive(Debug, Default)]
struct Flags {
    lost: AtomicU64,
    overflow: AtomicBool,
    passed: AtomicBool,
    finished: AtomicBool,
    errors: Mutex<Vec<String>>,
}

/// So many different errors are kept until they are told.
const MOST_ERRORS: usize = 16;

impl Inbox {
    pub(super) fn new(room: usize) -> (Self, Receiver<News>) {
        let (news, received) = sync_channel(room);
        (Self { news, flags: Arc::default() }, received)
    }

    /// What the system tells, as far as it is of interest. `barrier` is what somebody opened when it should be seen.
    pub(super) fn take(&self, told: notify::Result<notify::Event>, ignore: &Ignore, barrier: Option<&Path>) {
        let event = match told {
            Ok(event) => event,
            Err(error) => return self.error(error.to_string()),
        };
        if event.need_rescan() {
            // Nobody knows how much.
            self.flags.overflow.store(true, Ordering::Release);
            return self.lose();
        }
        let tracker = event.tracker();
        let Some(path) = event.paths.into_iter().next() else { return };
        if barrier == Some(path.as_path()) {
            if matches!(event.kind, EventKind::Access(AccessKind::Open(_))) {
                self.flags.passed.store(true, Ordering::Release);
                self.wake();
            }
            return;
        }
        if ignore.covers(&path) {
            return;
        }
        let notice = match event.kind {
            EventKind::Create(_) => Notice::Created(path),
            EventKind::Remove(_) => Notice::Removed(path),
            EventKind::Modify(ModifyKind::Name(RenameMode::From)) => match tracker {
                Some(number) => Notice::Left(number, path),
                // A folder tells of itself, too. The one above it has told already, if that is observed.
                None if ignore.is_root(&path) => Notice::Removed(path),
                None => return,
            },
            EventKind::Modify(ModifyKind::Name(RenameMode::To)) => Notice::Arrived(tracker, path),
            // Not every system says which of the two names it is.
            EventKind::Modify(ModifyKind::Name(RenameMode::Any)) if path.symlink_metadata().is_ok() => {
                Notice::Arrived(None, path)
            }
            EventKind::Modify(ModifyKind::Name(RenameMode::Any)) => Notice::Removed(path),
            EventKind::Modify(ModifyKind::Name(_)) => return,
            EventKind::Modify(_) => Notice::Modified(path),
            _ => return,
        };
        if let Err(TrySendError::Full(_)) = self.news.try_send(News::Notice(notice)) {
            self.lose();
        }
    }

    pub(super) fn finish(&self) {
        self.flags.finished.store(true, Ordering::Release);
        self.wake();
    }

    pub(super) fn is_finished(&self) -> bool {
        self.flags.finished.load(Ordering::Acquire)
    }

    /// Whether everything that was told before the barrier was opened is in the inbox.
    pub(super) fn has_passed(&self) -> bool {
        self.flags.passed.load(Ordering::Acquire)
    }

    pub(super) fn take_lost(&self) -> u64 {
        self.flags.lost.swap(0, Ordering::AcqRel)
    }

    pub(super) fn take_overflow(&self) -> bool {
        self.flags.overflow.swap(false, Ordering::AcqRel)
    }

    pub(super) fn take_errors(&self) -> Vec<String> {
        std::mem::take(&mut self.flags.errors.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn error(&self, error: String) {
        let mut errors = self.flags.errors.lock().unwrap_or_else(PoisonError::into_inner);
        if errors.len() < MOST_ERRORS && !errors.contains(&error) {
            errors.push(error);
            drop(errors);
            self.wake();
        }
    }

    fn lose(&self) {
        self.flags.lost.fetch_add(1, Ordering::AcqRel);
        self.wake();
    }

    /// Without room for it, there is enough to be woken by.
    fn wake(&self) {
        drop(self.news.try_send(News::Wake));
    }
}

#[cfg(test)]
mod tests {
    use notify::event::{CreateKind, Flag};
    use notify::{Event, EventKind};

    use super::*;

    #[test]
    fn new_name_is_told_from_the_old_one_by_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        std::fs::write(&new, "").unwrap();
        let (inbox, news) = Inbox::new(2);
        let ignore = Ignore::new(&[folder.path().to_owned()], &[]).unwrap();
        for path in [&old, &new] {
            let renamed = EventKind::Modify(ModifyKind::Name(RenameMode::Any));
            inbox.take(Ok(Event::new(renamed).add_path(path.clone())), &ignore, None);
        }
        assert!(matches!(news.try_recv(), Ok(News::Notice(Notice::Removed(path))) if path == old));
        assert!(matches!(news.try_recv(), Ok(News::Notice(Notice::Arrived(None, path))) if path == new));
    }

    #[test]
    fn what_there_is_no_room_for_is_counted() {
        let (inbox, news) = Inbox::new(1);
        let ignore = Ignore::new(&["/w".into()], &["*.tmp".to_owned()]).unwrap();
        let created = |path: &str| Ok(Event::new(EventKind::Create(CreateKind::File)).add_path(path.into()));
        inbox.take(created("/w/a.tmp"), &ignore, None);
        inbox.take(created("/w/a"), &ignore, None);
        inbox.take(created("/w/b"), &ignore, None);
        inbox.take(Ok(Event::new(EventKind::Other).set_flag(Flag::Rescan)), &ignore, None);
        assert!(matches!(news.try_recv(), Ok(News::Notice(Notice::Created(path))) if path == Path::new("/w/a")));
        assert!(news.try_recv().is_err());
        assert_eq!((inbox.take_lost(), inbox.take_overflow()), (2, true));
        assert_eq!((inbox.take_lost(), inbox.take_overflow()), (0, false));
    }
}
