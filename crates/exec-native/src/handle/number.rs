//! Systems without descriptors for processes: a number, which is a process's own until it is reaped, and its start.

use std::io::{self, PipeReader, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::mpsc::{Sender, channel};

use rustix::process::{Pid, WaitId, WaitIdOptions};

use crate::launch::signal_one;
use crate::table::{self, Entry};

/// A process that was started here. Its descriptor is readable when it has ended.
#[derive(Debug)]
pub(crate) struct Leader {
    pid: Pid,
    ended: PipeReader,
}

impl Leader {
    pub(super) fn id(&self) -> WaitId<'_> {
        WaitId::Pid(self.pid)
    }

    /// Whoever calls makes sure that it has not been reaped: from then on its number may be another's.
    pub(crate) fn signal(&self, signal: i32) -> io::Result<()> {
        signal_one(self.pid, signal)
    }
}

impl AsFd for Leader {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ended.as_fd()
    }
}

/// A thread that waits for the end of a process and leaves its status where it is. It is there before the process, so that
/// nobody is ever started whose end is not noticed.
pub(crate) struct Observer {
    begin: Sender<Pid>,
    ended: PipeReader,
}

impl Observer {
    /// Called where all signals are blocked, which they then are on the thread as well.
    pub(crate) fn new() -> io::Result<Self> {
        let (ended, mut tell) = io::pipe()?;
        let (begin, begun) = channel::<Pid>();
        let thread = std::thread::Builder::new().name("perilune-wait".to_owned()).stack_size(64 << 10);
        thread.spawn(move || {
            let Ok(pid) = begun.recv() else { return };
            let wait = || rustix::process::waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
            while matches!(wait(), Err(rustix::io::Errno::INTR)) {}
            // Written, and not only closed: a program that somebody else started meanwhile may have inherited this end.
            let _ = tell.write(&[0]);
        })?;
        Ok(Self { begin, ended })
    }

    pub(crate) fn observe(self, pid: Pid) -> Leader {
        let _ = self.begin.send(pid);
        Leader { pid, ended: self.ended }
    }
}

/// A process that somebody else has started. Between the look whether it is still there and a signal, it may end and its
/// number be given to another; the system gives them in turn, so all others have to be used up in that moment.
pub(crate) struct Other {
    pid: Pid,
    entry: Entry,
}

impl Other {
    /// The process of that entry, unless another has its number by now, or it has left its session or group: then the next
    /// look shows it as it is.
    pub(crate) fn open(entry: &Entry) -> Option<Self> {
        let pid = Pid::from_raw(i32::try_from(entry.pid).ok()?)?;
        super::is_still(entry).then_some(Self { pid, entry: *entry })
    }

    pub(super) fn id(&self) -> WaitId<'_> {
        WaitId::Pid(self.pid)
    }

    /// What is readable when it has ended, where there is such a thing.
    pub(crate) fn fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    pub(crate) fn has_ended(&self) -> bool {
        let is_it = |now: Entry| {
            // In the ticks of Linux two with one number can have one start.
            let same_session = !cfg!(target_os = "linux") || now.session == self.entry.session;
            now.started == self.entry.started && same_session && !now.ended
        };
        !table::entry(self.entry.pid).is_some_and(is_it)
    }

    pub(crate) fn signal(&self, signal: i32) -> io::Result<()> {
        if self.has_ended() { Err(io::Error::from_raw_os_error(libc::ESRCH)) } else { signal_one(self.pid, signal) }
    }
}
