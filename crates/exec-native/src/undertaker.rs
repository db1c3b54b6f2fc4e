//! The thread that sees to the end of trees: it forces what does not obey, finds what is left when a leader has gone, and
//! reaps. It needs no async runtime, so that trees end when that goes away, too.

use std::collections::{HashMap, HashSet};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use perilune_exec_api::ExecError;
use rustix::event::{PollFd, PollFlags, Timespec};

use crate::handle::Other;
use crate::table::{Entry, Processes};
use crate::tree::{FAR, KillScope, Tree};
use crate::wake::Wake;
use crate::{guardian, orphan};

/// How long a leader that ended by itself may wait for others to be looked after with it: a look costs as much for
/// many as for one.
pub(crate) const TOGETHER: Duration = Duration::from_millis(50);
/// How long processes that were forced and are still there are looked for.
const PATIENCE: Duration = Duration::from_secs(5);

enum Ask {
    Stop(Arc<Tree>, Option<Instant>),
    Ended(Arc<Tree>, Duration),
    Spare(Arc<Tree>),
    Hurry(Arc<Tree>),
}

struct Undertaker {
    asks: Sender<Ask>,
    wake: Arc<Wake>,
    /// It will look for what was asked within [`TOGETHER`] anyway.
    looking: Arc<AtomicBool>,
}

static UNDERTAKER: OnceLock<Undertaker> = OnceLock::new();

/// Makes sure that it is there; to be called before there is anything to see to.
pub(crate) fn ready() -> Result<(), ExecError> {
    guardian::ready();
    if UNDERTAKER.get().is_some() {
        return Ok(());
    }
    let exhausted =
        |source: std::io::Error| ExecError::Exhausted { operation: "watch processes", source: source.into() };
    let wake = Arc::new(Wake::new().map_err(exhausted)?);
    let (asks, asked) = channel();
    let looking = Arc::new(AtomicBool::new(false));
    let (woken, looks) = (wake.clone(), looking.clone());
    std::thread::Builder::new()
        .name("perilune-reap".to_owned())
        .spawn(move || run(&asked, &woken, &looks))
        .map_err(exhausted)?;
    // Whoever comes second has started a thread that ends when its channel is dropped here, after being woken.
    let mine = wake.clone();
    if UNDERTAKER.set(Undertaker { asks, wake, looking }).is_err() {
        mine.wake();
    }
    Ok(())
}

/// Everything in the tree is asked to end, and forced to at `kill_at`, if ever.
pub(crate) fn stop(tree: Arc<Tree>, kill_at: Option<Instant>) {
    submit(Ask::Stop(tree, kill_at));
}

/// The leader has ended; what is left is looked for within `patience`, asked and then forced.
pub(crate) fn ended(tree: Arc<Tree>, patience: Duration) {
    submit(Ask::Ended(tree, patience));
}

/// The leader has ended; what is left goes on.
pub(crate) fn spare(tree: Arc<Tree>) {
    submit(Ask::Spare(tree));
}

/// Somebody waits for the end of the whole tree.
pub(crate) fn hurry(tree: Arc<Tree>) {
    submit(Ask::Hurry(tree));
}

fn submit(ask: Ask) {
    if let Some(undertaker) = UNDERTAKER.get() {
        let patient = matches!(ask, Ask::Ended(_, patience) if patience >= TOGETHER);
        let _ = undertaker.asks.send(ask);
        // One wake-up for each would cost more than all the rest.
        if patient && undertaker.looking.swap(true, Ordering::SeqCst) {
            return;
        }
        undertaker.wake.wake();
    }
}

struct Job {
    tree: Arc<Tree>,
    members: HashMap<u32, Member>,
    /// Everything that was asked or forced when the leader had gone.
    leftovers: HashSet<(u32, u64)>,
    leader_ended: bool,
    /// Nobody wants those that are left to end.
    spare: bool,
    /// When those that are left are forced; `None` while nobody wants the end.
    kill_at: Option<Instant>,
    /// When to look next.
    look_at: Instant,
    /// How long to wait after that.
    pause: Duration,
}

struct Member {
    process: Other,
    started: u64,
    /// What it was sent last, on its own.
    told: i32,
}

fn run(asked: &Receiver<Ask>, wake: &Wake, looking: &AtomicBool) {
    let mut jobs: Vec<Job> = Vec::new();
    loop {
        let soon = Instant::now() + TOGETHER;
        if !jobs.iter().any(|job| job.due() <= soon) {
            // Whoever comes from here on wakes it; whoever came before, and did not, is taken now.
            looking.store(false, Ordering::SeqCst);
            asked.try_iter().for_each(|ask| take(&mut jobs, ask));
        }
        let timeout = jobs.iter().map(Job::due).min().map(|due| due.saturating_duration_since(Instant::now()));
        let news = wait(&jobs, wake, timeout);
        wake.clear();
        loop {
            match asked.try_recv() {
                Ok(ask) => take(&mut jobs, ask),
                Err(std::sync::mpsc::TryRecvError::Empty) => break,
                Err(std::sync::mpsc::TryRecvError::Disconnected) => return,
            }
        }
        let now = Instant::now();
        for job in &mut jobs {
            job.notice(now, news);
        }
        if jobs.iter().any(|job| job.due() <= now) {
            let mut processes = Processes::read();
            jobs.retain_mut(|job| !job.look(&mut processes, now));
        }
    }
}

fn wait(jobs: &[Job], wake: &Wake, timeout: Option<Duration>) -> bool {
    let mut fds = vec![PollFd::new(wake, PollFlags::IN)];
    for job in jobs {
        if !job.leader_ended {
            fds.push(PollFd::from_borrowed_fd(job.tree.process().as_fd(), PollFlags::IN));
        }
        let members = job.members.values().filter_map(|member| member.process.fd());
        fds.extend(members.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
    }
    let timeout = timeout.map(|timeout| Timespec {
        tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    });
    match rustix::event::poll(&mut fds, timeout.as_ref()) {
        Ok(_) => fds.iter().skip(1).any(|fd| !fd.revents().is_empty()),
        Err(_) => false,
    }
}

fn take(jobs: &mut Vec<Job>, ask: Ask) {
    let now = Instant::now();
    let (tree, kill_at, look_at, spare) = match ask {
        Ask::Stop(tree, kill_at) => (tree, kill_at, now, false),
        Ask::Ended(tree, patience) => (tree, None, now + patience.min(TOGETHER), false),
        Ask::Spare(tree) => (tree, None, now, true),
        Ask::Hurry(tree) => {
            // Otherwise nobody wants its end yet, or it has been seen to.
            if let Some(job) = jobs.iter_mut().find(|job| Arc::ptr_eq(&job.tree, &tree)) {
                job.look_at = job.look_at.min(now);
            }
            return;
        }
    };
    match jobs.iter_mut().find(|job| Arc::ptr_eq(&job.tree, &tree)) {
        Some(job) => {
            job.kill_at = job.kill_at.into_iter().chain(kill_at).min();
            job.look_at = job.look_at.min(look_at);
            job.spare &= spare;
        }
        None if tree.is_swept() => {}
        None => jobs.push(Job {
            tree,
            members: HashMap::new(),
            leftovers: HashSet::new(),
            leader_ended: false,
            spare,
            kill_at,
            look_at,
            pause: Duration::from_millis(2),
        }),
    }
}

impl Job {
    /// When there is something to do even if nothing happens.
    fn due(&self) -> Instant {
        self.look_at
    }

    fn notice(&mut self, now: Instant, news: bool) {
        if !self.leader_ended && self.tree.peek().is_some() {
            self.leader_ended = true;
            let kill_at = now + self.tree.conduct().leftover_grace.min(FAR);
            self.kill_at = Some(self.kill_at.map_or(kill_at, |before| before.min(kill_at)));
            if !self.members.is_empty() || self.look_at > now + TOGETHER {
                self.look_at = now;
            }
        }
        if news && self.forget_ended() && self.members.is_empty() {
            self.look_at = now;
        }
    }

    /// Whether there were any.
    fn forget_ended(&mut self) -> bool {
        let before = self.members.len();
        self.members.retain(|_, member| !member.process.has_ended());
        self.members.len() < before
    }

    /// Looks for members and does to them what is due; whether nothing is left.
    fn look(&mut self, processes: &mut Processes, now: Instant) -> bool {
        // The list was made before this question, so if the leader was there then, its number was its own.
        if self.tree.is_reaped() {
            self.tree.reap(Vec::new(), Vec::new());
            return true;
        }
        // A number is known to be still its owner's only while that lives.
        self.forget_ended();
        let alive = self.tree.members(processes, self.members.keys().copied().collect());
        orphan::note(&alive);
        let spare = self.spare || self.tree.conduct().scope == KillScope::Leader;
        let forced = self.kill_at.is_some_and(|at| at <= now);
        if forced && !(spare && self.leader_ended) {
            self.tree.kill();
        }
        if !spare {
            for entry in &alive {
                self.add(entry, forced);
            }
        }
        let given_up = self.kill_at.is_some_and(|at| now >= at + PATIENCE);
        if self.leader_ended && (alive.is_empty() || spare || given_up) {
            let left: Vec<u32> = alive.iter().map(|entry| entry.pid).collect();
            if !spare && !left.is_empty() {
                tracing::warn!(os_pid = self.tree.leader(), ?left, "processes cannot be ended");
            }
            let mut ended: Vec<u32> = self.leftovers.iter().map(|(pid, _)| *pid).collect();
            ended.retain(|pid| !left.contains(pid));
            ended.sort_unstable();
            self.tree.reap(ended, left);
            return true;
        }
        // What was forced goes at once, mostly; what was asked may take its time, and says when it has ended.
        let longest = if forced && !given_up { 50 } else { 500 };
        self.pause = (self.pause * 2).min(Duration::from_millis(longest));
        self.look_at = now + self.pause;
        if let Some(at) = self.kill_at.filter(|at| *at > now) {
            self.look_at = self.look_at.min(at);
        }
        false
    }

    fn add(&mut self, entry: &Entry, forced: bool) {
        let new = self.members.get(&entry.pid).is_none_or(|member| member.started != entry.started);
        if new {
            let Some(process) = Other::open(entry) else { return };
            self.members.insert(entry.pid, Member { process, started: entry.started, told: 0 });
        }
        let Some(member) = self.members.get_mut(&entry.pid) else { return };
        let send = |signal| drop(member.process.signal(signal));
        let request = self.tree.request(entry, self.leader_ended, member.told);
        if forced {
            send(libc::SIGKILL);
        } else if let Some(request) = request {
            send(request);
            send(libc::SIGCONT);
            member.told = request;
        }
        if self.leader_ended && (forced || request.is_some()) {
            self.leftovers.insert((entry.pid, entry.started));
        }
    }
}
