//! The end of all trees of a runtime that is gone.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};

use crate::cgroup;
use crate::handle::Other;
use crate::lineage::{Hold, Root};
use crate::table::{self, Entry, Processes};

use super::record::Target;

/// How long everybody has to obey.
const GRACE: Duration = Duration::from_secs(2);
/// How long those are looked for that were forced.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long to wait at most before the next look.
const PAUSE: Duration = Duration::from_millis(50);

/// Ends everything that belongs to these trees. Nobody is signalled but as the [`Other`] that was found.
pub(super) fn end_all(targets: Vec<Target>) {
    let until = table::now();
    let kill_at = Instant::now() + GRACE;
    let mut hunts: Vec<Hunt> = targets.into_iter().map(|target| Hunt::new(target, until)).collect();
    let mut pause = Duration::from_millis(2);
    // Who was started while the list was made may be missing on it, but is there when it is made again.
    let mut nobody = 0;
    while nobody < 2 {
        let now = Instant::now();
        if now > kill_at + PATIENCE {
            break;
        }
        let is_empty = look(&mut hunts, &mut Processes::read(), now >= kill_at);
        nobody = if is_empty { nobody + 1 } else { 0 };
        let left = kill_at.saturating_duration_since(now);
        wait(&hunts, if left.is_zero() { pause } else { pause.min(left) });
        pause = (pause * 2).min(PAUSE);
    }
    for folder in hunts.iter().filter_map(|hunt| hunt.target.cgroup.as_ref()) {
        // Impossible while somebody is in it; then it stays.
        let _ = fs::remove_dir(folder);
    }
}

/// Finds who is there, and does what is due; whether nobody is.
fn look(hunts: &mut [Hunt], processes: &mut Processes, forced: bool) -> bool {
    hunts.iter_mut().for_each(Hunt::forget_ended);
    let roots: Vec<Root<'_>> = hunts.iter().map(Hunt::root).collect();
    let mut found = processes.all_members(&roots);
    drop(roots);
    for (hunt, members) in hunts.iter().zip(&mut found) {
        members.extend(processes.all.iter().filter(|entry| hunt.is_leader(entry)).copied());
    }
    let is_empty = found.iter().all(Vec::is_empty);
    for (hunt, members) in hunts.iter_mut().zip(found) {
        if let Some(folder) = hunt.target.cgroup.as_ref().filter(|_| forced) {
            cgroup::kill(folder);
        }
        for entry in &members {
            hunt.signal(entry, forced);
        }
    }
    is_empty
}

/// One tree, and those of it that were found.
struct Hunt {
    target: Target,
    /// The last moment, in ticks, at which nobody else can have had the number of the leader.
    until: u64,
    held: HashMap<u32, Held>,
}

struct Held {
    process: Other,
    started: u64,
}

impl Hunt {
    fn new(target: Target, until: u64) -> Self {
        Self { target, until, held: HashMap::new() }
    }

    fn root(&self) -> Root<'_> {
        let in_cgroup = self.target.cgroup.as_deref().map(cgroup::pids).unwrap_or_default();
        let known: HashSet<u32> = self.held.keys().copied().chain(in_cgroup).collect();
        Root {
            leader: self.target.leader,
            mark: &self.target.mark,
            level: self.target.level,
            hold: Hold::Dated { started: self.target.started, until: self.until },
            known,
        }
    }

    fn is_leader(&self, entry: &Entry) -> bool {
        entry.pid == self.target.leader && entry.started == self.target.started && !entry.ended
    }

    /// From then on their numbers may be others'.
    fn forget_ended(&mut self) {
        self.held.retain(|_, held| !held.process.has_ended());
    }

    fn signal(&mut self, entry: &Entry, forced: bool) {
        let new = self.held.get(&entry.pid).is_none_or(|held| held.started != entry.started);
        if new {
            let Some(process) = Other::open(entry) else { return };
            self.held.insert(entry.pid, Held { process, started: entry.started });
        }
        let Some(held) = self.held.get(&entry.pid) else { return };
        let send = |signal| drop(held.process.signal(signal));
        if forced {
            send(libc::SIGKILL);
        } else if new {
            // Once each: a second request means something else to many programs.
            send(libc::SIGTERM);
            send(libc::SIGCONT);
        }
    }
}

/// Until somebody ends, or the time is over.
fn wait(hunts: &[Hunt], pause: Duration) {
    let held = hunts.iter().flat_map(|hunt| hunt.held.values()).filter_map(|held| held.process.fd());
    let mut fds: Vec<PollFd<'_>> = held.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
    let timeout = Timespec { tv_sec: 0, tv_nsec: pause.subsec_nanos().into() };
    let _ = rustix::event::poll(&mut fds, Some(&timeout));
}
