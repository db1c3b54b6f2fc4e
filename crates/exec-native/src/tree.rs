//! A process and everything that came from it.

use std::collections::HashSet;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use perilune_exec_api::{Containment, ExecError, OsSignal};
use rustix::process::WaitIdStatus;
use tokio::sync::watch;

use crate::cgroup::Cgroup;
use crate::handle::Leader;
use crate::launch::{Launched, register_tree, signal_group};
use crate::lineage::{Hold, Root};
use crate::table::{self, Entry, Processes};
use crate::undertaker;
use crate::{newest, roll};

/// Who of a tree is asked to end, and who is forced to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KillScope {
    /// Everybody is asked, and everybody is forced.
    #[default]
    Group,
    /// The leader is asked, and is expected to end the others. Whoever is left is ended with it.
    Mixed,
    /// The leader alone. Whoever is left is reported and goes on.
    Leader,
}

/// How a tree is brought to its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conduct {
    pub(crate) scope: KillScope,
    /// How long what is left has to obey once its leader has gone.
    pub(crate) leftover_grace: Duration,
}

impl Default for Conduct {
    fn default() -> Self {
        Self { scope: KillScope::Group, leftover_grace: Duration::from_secs(2) }
    }
}

/// What became of everybody but the leader.
#[derive(Clone, Debug, Default)]
pub(crate) struct Swept {
    /// Found when the leader had gone, and made to end.
    pub(crate) ended: Vec<u32>,
    /// Not to be touched, or not to be ended.
    pub(crate) left: Vec<u32>,
    /// Whether a lack of memory ended somebody, where a control group knows.
    pub(crate) oom_killed: Option<bool>,
}

/// Longer than any process runs, and short enough to be added to any moment.
pub(crate) const FAR: Duration = Duration::from_secs(60 * 60 * 24 * 365 * 30);

/// Nobody has more ancestors who are looked at.
const DEEPEST: usize = 1024;

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

/// What is known of the end of a leader.
#[derive(Default)]
struct End {
    status: Option<Status>,
    /// Its status has been collected: its number may be another's.
    reaped: bool,
}

/// A leader and the means to find what it started.
///
/// The leader stays a zombie until nothing else is left: so long nobody else gets its number, which is also that of its
/// group and session.
pub(crate) struct Tree {
    leader: u32,
    process: Leader,
    /// The variable that everything in the tree was started with.
    mark: Vec<u8>,
    level: Containment,
    cgroup: Option<Cgroup>,
    conduct: Conduct,
    end: Mutex<End>,
    /// The signal by which it was asked to end, or 0.
    asked: AtomicI32,
    /// Whether the leader was sent a SIGKILL while it lived.
    forced: AtomicBool,
    ended: watch::Sender<bool>,
    swept: watch::Sender<Option<Arc<Swept>>>,
    /// The leader is meant to end with this program.
    pub(crate) is_tied: bool,
}

impl Tree {
    pub(crate) fn new(
        launched: Launched,
        mark: Vec<u8>,
        level: Containment,
        cgroup: Option<Cgroup>,
        conduct: Conduct,
    ) -> Arc<Self> {
        let is_tied = launched.is_tied();
        let tree = Arc::new(Self {
            leader: launched.os_pid(),
            process: launched.into_process(),
            mark,
            level,
            cgroup,
            conduct,
            end: Mutex::default(),
            asked: AtomicI32::new(0),
            forced: AtomicBool::new(false),
            ended: watch::Sender::new(false),
            swept: watch::Sender::new(None),
            is_tied,
        });
        roll::enter(&tree);
        tree
    }

    pub(crate) fn mark(&self) -> &[u8] {
        &self.mark
    }

    pub(crate) fn cgroup(&self) -> Option<&Cgroup> {
        self.cgroup.as_ref()
    }

    pub(crate) fn leader(&self) -> u32 {
        self.leader
    }

    pub(crate) fn process(&self) -> &Leader {
        &self.process
    }

    pub(crate) fn conduct(&self) -> Conduct {
        self.conduct
    }

    /// How closely it is really held.
    pub(crate) fn level(&self) -> Containment {
        if self.cgroup.is_some() { Containment::Cgroup } else { self.level.min(table::CLOSEST) }
    }

    /// The signal by which it was asked to end, or 0.
    pub(crate) fn asked(&self) -> i32 {
        self.asked.load(Ordering::Acquire)
    }

    /// Whether this program has sent the leader a SIGKILL before it had ended.
    pub(crate) fn was_forced(&self) -> bool {
        self.forced.load(Ordering::Acquire)
    }

    /// Sends a signal to whoever is to be asked: the group of the leader, or the leader.
    pub(crate) fn signal(&self, signal: i32) -> io::Result<()> {
        let end = self.end();
        match self.conduct.scope {
            _ if end.reaped => Err(io::ErrorKind::NotFound.into()),
            KillScope::Group => signal_group(self.leader, signal),
            KillScope::Mixed | KillScope::Leader => self.process.signal(signal),
        }
    }

    /// Sends a signal that somebody wants to know the fate of.
    pub(crate) fn deliver(&self, signal: OsSignal) -> Result<(), ExecError> {
        self.delivered(|| self.signal(signal.number()))
    }

    /// The same, to the leader alone whatever the scope.
    pub(crate) fn deliver_to_leader(&self, signal: OsSignal) -> Result<(), ExecError> {
        self.delivered(|| {
            let end = self.end();
            if end.reaped { Err(io::ErrorKind::NotFound.into()) } else { self.process.signal(signal.number()) }
        })
    }

    fn delivered(&self, send: impl FnOnce() -> io::Result<()>) -> Result<(), ExecError> {
        if self.peek().is_some() {
            return Err(ExecError::AlreadyFinished);
        }
        send().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => ExecError::AlreadyFinished,
            io::ErrorKind::PermissionDenied => {
                ExecError::Refused { operation: "signal the process", source: error.into() }
            }
            _ if error.raw_os_error() == Some(libc::ESRCH) => ExecError::AlreadyFinished,
            _ => ExecError::Backend { operation: "signal the process", source: error.into() },
        })
    }

    /// Asks for the end; and sends SIGCONT, without which a suspended process does not see it. The same request twice
    /// means something else to many programs, so it is sent once.
    pub(crate) fn ask(&self, signal: i32) {
        if self.asked.swap(signal, Ordering::AcqRel) != signal {
            for signal in [signal, libc::SIGCONT] {
                self.log(self.signal(signal));
            }
        }
    }

    /// Sees to the end of everything that was asked for it, and forces what is there at `kill_at`, if ever.
    pub(crate) fn end_by(self: &Arc<Self>, kill_at: Option<Instant>) {
        if kill_at.is_some_and(|at| at <= Instant::now()) {
            self.kill();
        }
        undertaker::stop(self.clone(), kill_at);
    }

    /// The leader has ended: what is left ends too, and then it is reaped. It is looked for within `patience`.
    pub(crate) fn sweep(self: &Arc<Self>, patience: Duration) {
        if self.has_started_nobody() {
            return self.reap(Vec::new(), Vec::new());
        }
        undertaker::ended(self.clone(), patience);
    }

    /// The leader has ended: what is left is noted and goes on.
    pub(crate) fn spare(self: &Arc<Self>) {
        if self.has_started_nobody() {
            return self.reap(Vec::new(), Vec::new());
        }
        undertaker::spare(self.clone());
    }

    /// Whether the leader has ended and is all there ever was. Only a glance: `false` says nothing.
    fn has_started_nobody(&self) -> bool {
        // A control group may be given others from outside.
        self.cgroup.is_none() && self.peek().is_some() && !self.is_reaped() && newest::is(self.leader)
    }

    /// SIGKILL, to all that can be reached at once.
    pub(crate) fn kill(&self) {
        if self.peek().is_none() {
            self.forced.store(true, Ordering::Release);
        }
        if self.conduct.scope != KillScope::Leader {
            let end = self.end();
            if !end.reaped {
                self.log(signal_group(self.leader, libc::SIGKILL));
            }
            drop(end);
            if let Some(cgroup) = &self.cgroup {
                cgroup.kill();
            }
        }
        // The leader may have left its group.
        let end = self.end();
        if !end.reaped {
            self.log(self.process.signal(libc::SIGKILL));
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
        let status = self.look();
        if status.is_some() {
            self.ended.send_if_modified(|ended| !std::mem::replace(ended, true));
        }
        status
    }

    fn look(&self) -> Option<Status> {
        let mut end = self.end();
        if end.reaped {
            return end.status;
        }
        match self.process.peek() {
            Ok(None) | Err(rustix::io::Errno::INTR) => None,
            Ok(Some(status)) => Some(*end.status.get_or_insert_with(|| read(&status))),
            Err(_) => {
                end.reaped = true;
                Some(*end.status.get_or_insert(Status::Lost))
            }
        }
    }

    /// Waits until somebody has seen that the leader has ended.
    pub(crate) async fn ended(&self) {
        let mut ended = self.ended.subscribe();
        // The sender is in `self`, so there always is an answer.
        let _ = ended.wait_for(|ended| *ended).await;
    }

    /// Watches the leader until it has ended. Needs a Tokio runtime.
    pub(crate) async fn watch(self: &Arc<Self>) {
        let watched = register_tree(Watched(self.clone()));
        while self.peek().is_none() {
            match &watched {
                Ok(watched) => drop(watched.readable().await.map(|mut guard| guard.clear_ready())),
                // No room for one more among those that are watched: look now and then.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// Collects the status: from here on the number is free for others.
    pub(crate) fn reap(&self, ended: Vec<u32>, left: Vec<u32>) {
        // While the number is still its own.
        roll::leave(self);
        let mut end = self.end();
        if !std::mem::replace(&mut end.reaped, true) {
            let status = self.process.reap();
            end.status.get_or_insert_with(|| status.ok().flatten().map_or(Status::Lost, |status| read(&status)));
        }
        drop(end);
        self.ended.send_if_modified(|ended| !std::mem::replace(ended, true));
        let oom_killed = self.cgroup.as_ref().and_then(Cgroup::oom_killed);
        if let Some(cgroup) = &self.cgroup {
            cgroup.remove();
        }
        self.swept.send_if_modified(|swept| {
            let first = swept.is_none();
            swept.get_or_insert_with(|| Arc::new(Swept { ended, left, oom_killed }));
            first
        });
    }

    /// Its number may be another's.
    pub(crate) fn is_reaped(&self) -> bool {
        self.end().reaped
    }

    pub(crate) fn is_swept(&self) -> bool {
        self.swept.borrow().is_some()
    }

    /// Waits until nothing is left, and has it looked after at once.
    pub(crate) async fn swept(self: &Arc<Self>) -> Arc<Swept> {
        if !self.is_swept() {
            undertaker::hurry(self.clone());
        }
        self.swept_unhurried().await
    }

    /// Waits until nothing is left.
    pub(crate) async fn swept_unhurried(&self) -> Arc<Swept> {
        let mut swept = self.swept.subscribe();
        // The sender is in `self`, so there always is an answer.
        swept.wait_for(Option::is_some).await.ok().and_then(|swept| swept.clone()).unwrap_or_default()
    }

    /// Everything alive that belongs here, without the leader. `known` are those found before that still live.
    pub(crate) fn members(&self, processes: &mut Processes, known: HashSet<u32>) -> Vec<Entry> {
        processes.members(&self.root(known))
    }

    /// Whether the process with that number belongs here, by the same rules. Who has ended does until it is reaped.
    pub(crate) fn has(&self, os_pid: u32) -> bool {
        if os_pid == self.leader {
            return !self.is_reaped();
        }
        // It and whoever it comes from: nobody else says anything about it.
        let (mut line, mut number) = (Vec::new(), os_pid);
        while line.len() < DEEPEST
            && let Some(entry) = table::entry(number)
        {
            line.push(Entry { ended: entry.ended && number != os_pid, ..entry });
            if number == self.leader || entry.parent == 0 {
                break;
            }
            number = entry.parent;
        }
        if line.iter().all(|entry| entry.pid != self.leader) {
            line.extend(table::entry(self.leader));
        }
        let members = self.members(&mut Processes::of(line), HashSet::new());
        // Only then the number of the leader was its own all the time.
        members.iter().any(|entry| entry.pid == os_pid) && !self.is_reaped()
    }

    /// What tells members from others while the leader has not been reaped.
    pub(crate) fn root(&self, mut known: HashSet<u32>) -> Root<'_> {
        known.extend(self.cgroup.as_ref().map(Cgroup::pids).unwrap_or_default());
        Root { leader: self.leader, mark: &self.mark, level: self.level, hold: Hold::Pinned, known }
    }

    /// The signal that this member still has to be sent, if it was sent `told` on its own.
    pub(crate) fn request(&self, entry: &Entry, leader_ended: bool, told: i32) -> Option<i32> {
        let asked = self.asked();
        let in_group = self.conduct.scope == KillScope::Group && entry.group == self.leader;
        let request = match (leader_ended, self.conduct.scope) {
            (true, _) => libc::SIGTERM,
            (false, KillScope::Group) => asked,
            (false, KillScope::Mixed | KillScope::Leader) => 0,
        };
        // Once each. The group has had what it was asked as a whole.
        let had = told == request || (in_group && asked == request);
        (!had && request != 0).then_some(request)
    }

    fn end(&self) -> MutexGuard<'_, End> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.0.process.as_fd()
    }
}

impl AsRawFd for Watched {
    fn as_raw_fd(&self) -> RawFd {
        self.0.process.as_fd().as_raw_fd()
    }
}
