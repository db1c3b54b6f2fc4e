//! A process and everything that came from it.

use std::collections::HashSet;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use perilune_exec_api::Containment;
use rustix::process::{WaitId, WaitIdOptions, WaitIdStatus};
use tokio::sync::watch;

use crate::cgroup::Cgroup;
use crate::launch::{Launched, signal_group, signal_one};
use crate::lineage::{Hold, Root};
use crate::roll;
use crate::table::{Entry, Processes};
use crate::undertaker;

/// How long what is left has to obey once its leader has gone.
pub(crate) const LEFTOVER_GRACE: Duration = Duration::from_secs(2);

/// How a leader ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Exited(i32),
    Signaled {
        signal: i32,
        core_dumped: bool,
    },
    /// Somebody else has collected it.
    Lost,
}

/// A leader and the means to find what it started.
///
/// The leader stays a zombie until nothing else is left: so long nobody else gets its number, which is also that of its
/// group and session.
pub(crate) struct Tree {
    leader: u32,
    pidfd: OwnedFd,
    /// The variable that everything in the tree was started with.
    mark: Vec<u8>,
    level: Containment,
    cgroup: Option<Cgroup>,
    /// How the leader ended, once its status has been collected.
    reaped: Mutex<Option<Status>>,
    /// Whether it was asked to end, and forced to.
    asked: AtomicBool,
    forced: AtomicBool,
    swept: watch::Sender<Option<u32>>,
    /// The leader is meant to end with this program.
    pub(crate) is_tied: bool,
}

impl Tree {
    pub(crate) fn new(launched: Launched, mark: Vec<u8>, level: Containment, cgroup: Option<Cgroup>) -> Arc<Self> {
        let is_tied = launched.is_tied();
        let tree = Arc::new(Self {
            leader: launched.os_pid(),
            pidfd: launched.into_pidfd(),
            mark,
            level,
            cgroup,
            reaped: Mutex::new(None),
            asked: AtomicBool::new(false),
            forced: AtomicBool::new(false),
            swept: watch::Sender::new(None),
            is_tied,
        });
        roll::enter(&tree);
        tree
    }

    pub(crate) fn mark(&self) -> &[u8] {
        &self.mark
    }

    pub(crate) fn level(&self) -> Containment {
        self.level
    }

    pub(crate) fn cgroup(&self) -> Option<&Cgroup> {
        self.cgroup.as_ref()
    }

    pub(crate) fn leader(&self) -> u32 {
        self.leader
    }

    pub(crate) fn pidfd(&self) -> &OwnedFd {
        &self.pidfd
    }

    /// Whether this program has sent the leader a SIGKILL.
    pub(crate) fn was_forced(&self) -> bool {
        self.forced.load(Ordering::Acquire)
    }

    /// Sends a signal to the group of the leader.
    pub(crate) fn signal(&self, signal: i32) -> io::Result<()> {
        let reaped = self.reaped();
        if reaped.is_some() { Err(io::ErrorKind::NotFound.into()) } else { signal_group(self.leader, signal) }
    }

    /// Asks everything to end, and forces what is there at `kill_at`.
    pub(crate) fn stop(self: &Arc<Self>, kill_at: Instant) {
        if !self.asked.swap(true, Ordering::AcqRel) && kill_at > Instant::now() {
            self.ask_group();
        }
        if kill_at <= Instant::now() {
            self.kill_group();
        }
        undertaker::stop(self.clone(), kill_at);
    }

    /// The leader has ended: what is left ends too, and then it is reaped.
    pub(crate) fn sweep(self: &Arc<Self>) {
        if !self.asked.swap(true, Ordering::AcqRel) {
            self.ask_group();
        }
        undertaker::ended(self.clone(), Instant::now() + LEFTOVER_GRACE);
    }

    /// SIGTERM; and SIGCONT, without which a suspended process does not see it.
    fn ask_group(&self) {
        for signal in [libc::SIGTERM, libc::SIGCONT] {
            self.log(self.signal(signal));
        }
    }

    pub(crate) fn kill_group(&self) {
        self.forced.store(true, Ordering::Release);
        self.log(self.signal(libc::SIGKILL));
        if let Some(cgroup) = &self.cgroup {
            cgroup.kill();
        }
    }

    /// Sends to the leader alone, which may have left its group.
    pub(crate) fn kill_leader(&self) {
        self.forced.store(true, Ordering::Release);
        let reaped = self.reaped();
        if reaped.is_none() {
            self.log(signal_one(self.pidfd.as_fd(), libc::SIGKILL));
        }
    }

    fn log(&self, sent: io::Result<()>) {
        match sent {
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => {
                tracing::warn!(os_pid = self.leader, %error, "not permitted to signal a process");
            }
            // Gone already.
            Ok(()) | Err(_) => {}
        }
    }

    /// How the leader ended, if it has. Leaves its status where it is.
    pub(crate) fn peek(&self) -> Option<Status> {
        let mut reaped = self.reaped();
        if reaped.is_some() {
            return *reaped;
        }
        let flags = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        match rustix::process::waitid(WaitId::PidFd(self.pidfd.as_fd()), flags) {
            Ok(None) | Err(rustix::io::Errno::INTR) => None,
            Ok(Some(status)) => Some(read(&status)),
            Err(_) => {
                // Its number may be another's by now.
                *reaped = Some(Status::Lost);
                *reaped
            }
        }
    }

    /// Collects the status: from here on the number is free for others.
    pub(crate) fn reap(&self, leftovers: u32) {
        // While the number is still its own.
        roll::leave(self);
        let mut reaped = self.reaped();
        if reaped.is_none() {
            let flags = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
            let status = rustix::process::waitid(WaitId::PidFd(self.pidfd.as_fd()), flags);
            *reaped = Some(status.ok().flatten().map_or(Status::Lost, |status| read(&status)));
        }
        drop(reaped);
        if let Some(cgroup) = &self.cgroup {
            cgroup.remove();
        }
        self.swept.send_if_modified(|swept| {
            let first = swept.is_none();
            swept.get_or_insert(leftovers);
            first
        });
    }

    /// Its number may be another's.
    pub(crate) fn is_reaped(&self) -> bool {
        self.reaped().is_some()
    }

    pub(crate) fn is_swept(&self) -> bool {
        self.swept.borrow().is_some()
    }

    /// Waits until nothing is left, and has it looked after at once.
    pub(crate) async fn swept(self: &Arc<Self>) -> u32 {
        if !self.is_swept() {
            undertaker::hurry(self.clone());
        }
        self.swept_unhurried().await
    }

    /// Waits until nothing is left.
    pub(crate) async fn swept_unhurried(&self) -> u32 {
        let mut swept = self.swept.subscribe();
        // The sender is in `self`, so there always is an answer.
        swept.wait_for(Option::is_some).await.ok().and_then(|left| *left).unwrap_or(0)
    }

    /// Everything alive that belongs here, without the leader. `known` are those found before that still live.
    pub(crate) fn members(&self, processes: &mut Processes, known: HashSet<u32>) -> Vec<Entry> {
        processes.members(&self.root(known))
    }

    /// What tells members from others while the leader has not been reaped.
    pub(crate) fn root(&self, mut known: HashSet<u32>) -> Root<'_> {
        known.extend(self.cgroup.as_ref().map(Cgroup::pids).unwrap_or_default());
        Root { leader: self.leader, mark: &self.mark, level: self.level, hold: Hold::Pinned, known }
    }

    /// Whether it is in the group that was signalled as a whole.
    pub(crate) fn in_group(&self, entry: &Entry) -> bool {
        entry.group == self.leader
    }

    fn reaped(&self) -> MutexGuard<'_, Option<Status>> {
        self.reaped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(status: &WaitIdStatus) -> Status {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Status::Exited(code),
        (None, Some(signal)) => Status::Signaled { signal, core_dumped: status.dumped() },
        (None, None) => Status::Lost,
    }
}

/// Lets a reactor wait for the end of the leader.
pub(crate) struct Watched(pub(crate) Arc<Tree>);

impl AsFd for Watched {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.pidfd.as_fd()
    }
}

impl AsRawFd for Watched {
    fn as_raw_fd(&self) -> RawFd {
        self.0.pidfd.as_raw_fd()
    }
}
