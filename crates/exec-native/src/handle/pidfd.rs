//! Linux: a descriptor that stands for a process, and for no other that gets its number later.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, WaitId};

use crate::launch::signal_one;
use crate::table::Entry;

/// A process that was started here. Its descriptor is readable when it has ended.
#[derive(Debug)]
pub(crate) struct Leader(OwnedFd);

impl Leader {
    pub(crate) fn new(pidfd: OwnedFd) -> Self {
        Self(pidfd)
    }

    pub(super) fn id(&self) -> WaitId<'_> {
        WaitId::PidFd(self.0.as_fd())
    }

    /// Whoever calls makes sure that it has not been reaped: other systems know it by its number.
    pub(crate) fn signal(&self, signal: i32) -> io::Result<()> {
        signal_one(self.0.as_fd(), signal)
    }
}

impl AsFd for Leader {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A process that somebody else has started.
pub(crate) struct Other(OwnedFd);

impl Other {
    /// The process of that entry, unless another has its number by now, or it has left its session or group: then the next
    /// look shows it as it is.
    pub(crate) fn open(entry: &Entry) -> Option<Self> {
        let pid = Pid::from_raw(i32::try_from(entry.pid).ok()?)?;
        let pidfd = rustix::process::pidfd_open(pid, PidfdFlags::empty()).ok()?;
        super::is_still(entry).then_some(Self(pidfd))
    }

    pub(super) fn id(&self) -> WaitId<'_> {
        WaitId::PidFd(self.0.as_fd())
    }

    /// What is readable when it has ended, where there is such a thing.
    pub(crate) fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.0.as_fd())
    }

    pub(crate) fn has_ended(&self) -> bool {
        let mut fd = [PollFd::new(&self.0, PollFlags::IN)];
        matches!(rustix::event::poll(&mut fd, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })), Ok(1..))
    }

    pub(crate) fn signal(&self, signal: i32) -> io::Result<()> {
        signal_one(self.0.as_fd(), signal)
    }
}
