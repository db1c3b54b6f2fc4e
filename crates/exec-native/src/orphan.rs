//! Orphans that this program becomes the parent of: once they have ended somebody has to collect their status.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, Instant};

use perilune_exec_api::{Containment, ExecError};

use crate::handle::Other;
use crate::lineage::{Hold, Root};
use crate::roll;
use crate::table::{self, Entry, Processes};
use crate::tree::Tree;

/// How long an orphan that has ended waits at most while nothing else happens.
const PAUSE: Duration = Duration::from_millis(500);
/// How long to wait at least from one look to the next: a look costs as much for many as for one.
const TOGETHER: Duration = Duration::from_millis(50);
/// How long somebody who knows better has to reap an orphan that nobody seems to own.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether this program is to processes what the first one of the system is: parent of those whose parents are gone.
/// That comes by itself for the program with number 1.
///
/// With it everything that a process here started stays below this program, and is reaped when it has ended, whether its
/// run goes on or not. Reaped are only those that belong to a run: by its session or its mark, or because they were seen
/// below it. So whatever else this program starts keeps its status for whoever waits for it. An orphan in a session of its
/// own that ends before anybody has looked, which takes half a second at most, cannot be told from such a one, and stays a
/// zombie.
///
/// Costs a look at the table of processes every half second while there are runs, or orphans of theirs. Without it nothing
/// is adopted any more; those that were are still reaped.
///
/// # Errors
/// If the system does not allow it or, other than Linux, knows no such thing, or has no room for a thread.
pub fn init_duties(on: bool) -> Result<(), ExecError> {
    set(on)
}

/// [`init_duties`] for a program that starts processes only through this crate, as the first one of a system does: whatever
/// has ended below it in another session than its own is reaped a second later, whoever it belonged to. So no orphan stays
/// a zombie. There is no way back.
///
/// # Errors
/// If the system does not allow it or, other than Linux, knows no such thing, or has no room for a thread.
pub fn init_duties_for_all() -> Result<(), ExecError> {
    ALL.store(true, Ordering::Release);
    set(true)
}

fn set(on: bool) -> Result<(), ExecError> {
    if on && !table::HAS_SUBREAPER {
        return Err(ExecError::Unsupported { operation: "becoming the parent of orphans" });
    }
    if on {
        begin()?;
    }
    table::adopt(on)
        .map_err(|source| ExecError::Refused { operation: "become the parent of orphans", source: source.into() })
}

#[derive(Default)]
struct State {
    runs: Vec<Run>,
    /// Members of runs that others have found since the last look.
    found: Vec<Entry>,
    has_news: bool,
}

/// Those who were seen to belong to a run, and may still be there.
#[derive(Default)]
struct Noted {
    /// Their numbers and starts.
    members: HashSet<(u32, u64)>,
    /// Their sessions, in which nobody is who does not come from them.
    sessions: HashSet<u32>,
    /// Those who have ended and nobody's they are, and when that was seen first.
    strays: HashMap<(u32, u64), Instant>,
}

#[derive(Clone)]
struct Run {
    leader: u32,
    started: u64,
    mark: Vec<u8>,
    /// Its leader is reaped, or about to be.
    is_over: bool,
}

static STATE: LazyLock<Mutex<State>> = LazyLock::new(Mutex::default);
static CHANGED: Condvar = Condvar::new();
static ON: AtomicBool = AtomicBool::new(false);
/// Nobody else here waits for processes.
static ALL: AtomicBool = AtomicBool::new(false);

/// A tree has begun.
pub(crate) fn enter(tree: &Arc<Tree>) {
    static FIRST: Once = Once::new();
    FIRST.call_once(|| {
        if std::process::id() == 1
            && let Err(error) = init_duties_for_all()
        {
            tracing::warn!(%error, "orphans that have ended stay zombies");
        }
    });
    if !ON.load(Ordering::Acquire) {
        return;
    }
    let Some(entry) = table::entry(tree.leader()) else { return };
    let run = Run { leader: tree.leader(), started: entry.started, mark: tree.mark().to_vec(), is_over: false };
    let mut state = state();
    if !state.runs.iter().any(|known| known.identity() == run.identity()) {
        state.runs.push(run);
    }
    CHANGED.notify_all();
}

/// A tree is over; its leader is about to be reaped.
pub(crate) fn leave(tree: &Tree) {
    if !ON.load(Ordering::Acquire) {
        return;
    }
    let mut state = state();
    for run in state.runs.iter_mut().filter(|run| run.leader == tree.leader()) {
        run.is_over = true;
    }
    state.has_news = true;
    CHANGED.notify_all();
}

/// These belong to a tree. They may be gone before anybody looks again.
pub(crate) fn note(members: &[Entry]) {
    if ON.load(Ordering::Acquire) && !members.is_empty() {
        state().found.extend_from_slice(members);
        CHANGED.notify_all();
    }
}

fn begin() -> Result<(), ExecError> {
    watch()?;
    roll::each(enter);
    Ok(())
}

fn watch() -> Result<(), ExecError> {
    if ON.swap(true, Ordering::AcqRel) {
        return Ok(());
    }
    let thread = std::thread::Builder::new().name("perilune-orphan".to_owned()).spawn(run);
    thread.map(drop).map_err(|source| {
        ON.store(false, Ordering::Release);
        ExecError::Exhausted { operation: "watch orphans", source: source.into() }
    })
}

fn run() {
    let mut noted = Noted::default();
    let mut looked: Option<Instant> = None;
    loop {
        let mut state = state();
        while state.runs.is_empty() && state.found.is_empty() && noted.members.is_empty() && noted.strays.is_empty() {
            state = CHANGED.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let news = CHANGED.wait_timeout_while(state, PAUSE, |state| !state.has_news);
        drop(news.unwrap_or_else(PoisonError::into_inner));
        // At once for the first: what it has left may be about to end.
        if let Some(early) = looked.and_then(|at| TOGETHER.checked_sub(at.elapsed())) {
            std::thread::sleep(early);
        }
        look(&mut noted);
        looked = Some(Instant::now());
    }
}

fn look(noted: &mut Noted) {
    // What is known before the table is read can be compared with it. What becomes known later has to wait.
    let runs = {
        let mut state = state();
        state.has_news = false;
        noted.add(&std::mem::take(&mut state.found));
        state.runs.clone()
    };
    let mut processes = Processes::read();
    let roots: Vec<Root<'_>> = runs.iter().map(Run::root).collect();
    let found = processes.all_members(&roots);
    found.iter().for_each(|members| noted.add(members));
    due(&processes.all, std::process::id(), &runs, noted).iter().for_each(reap);
    if ALL.load(Ordering::Acquire) {
        let own = processes.all.iter().find(|entry| entry.pid == std::process::id()).copied();
        let strays = own.map(|own| noted.strays(&processes.all, own, |pid| roll::find(pid).is_some(), Instant::now()));
        strays.iter().flatten().for_each(reap);
    }
    noted.keep_listed(&processes.all);
    let over = runs.iter().zip(&found).filter(|(run, members)| run.is_over && members.is_empty());
    let gone: HashSet<(u32, u64)> = over.map(|(run, _)| run.identity()).collect();
    state().runs.retain(|run| !gone.contains(&run.identity()));
}

impl Noted {
    fn add(&mut self, members: &[Entry]) {
        self.members.extend(members.iter().map(Entry::identity));
        self.sessions.extend(members.iter().map(|entry| entry.session));
    }

    /// Forgets those who are not there any more: their numbers may be given again.
    fn keep_listed(&mut self, all: &[Entry]) {
        let there: HashSet<(u32, u64)> = all.iter().map(Entry::identity).collect();
        self.members.retain(|member| there.contains(member));
        let there: HashSet<u32> = all.iter().map(|entry| entry.session).collect();
        self.sessions.retain(|session| there.contains(session));
    }

    /// Who has ended as a child of `own`, outside of its session, so long ago that nobody else can want to know. In a
    /// container the session of `own` may be one from outside, which has the number 0 in here.
    fn strays(&mut self, all: &[Entry], own: Entry, leads: impl Fn(u32) -> bool, now: Instant) -> Vec<Entry> {
        let is_stray = |entry: &&Entry| {
            entry.ended && entry.parent == own.pid && entry.session != own.session && !leads(entry.pid)
        };
        let strays: Vec<Entry> = all.iter().filter(is_stray).copied().collect();
        let there: HashSet<(u32, u64)> = strays.iter().map(Entry::identity).collect();
        self.strays.retain(|stray, _| there.contains(stray));
        let mut due = strays;
        due.retain(|entry| now.duration_since(*self.strays.entry(entry.identity()).or_insert(now)) >= PATIENCE);
        due
    }

    fn has(&self, entry: &Entry) -> bool {
        self.members.contains(&entry.identity()) || self.sessions.contains(&entry.session)
    }
}

impl Run {
    fn identity(&self) -> (u32, u64) {
        (self.leader, self.started)
    }

    fn root(&self) -> Root<'_> {
        Root {
            leader: self.leader,
            mark: &self.mark,
            level: Containment::Scan,
            hold: Hold::Dated { started: self.started, until: u64::MAX },
            known: HashSet::new(),
        }
    }

    /// The session or group of its number is its own, unless the number is somebody else's by now.
    fn has(&self, entry: &Entry) -> bool {
        (entry.session == self.leader || entry.group == self.leader)
            && entry.pid != self.leader
            && entry.started >= self.started
    }
}

/// Who has ended, is a child of `own`, and belongs to a run without being its leader.
fn due(all: &[Entry], own: u32, runs: &[Run], noted: &Noted) -> Vec<Entry> {
    let is_leader = |entry: &Entry| runs.iter().any(|run| run.identity() == entry.identity());
    let is_anew = |run: &Run| all.iter().any(|entry| entry.pid == run.leader && entry.started != run.started);
    let ours = |entry: &Entry| noted.has(entry) || runs.iter().any(|run| run.has(entry) && !is_anew(run));
    let orphans = all.iter().filter(|entry| entry.ended && entry.parent == own);
    orphans.filter(|entry| !is_leader(entry) && ours(entry)).copied().collect()
}

fn reap(entry: &Entry) {
    if let Some(orphan) = Other::open(entry) {
        orphan.reap();
    }
}

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: u32 = 2;

    /// Number, parent, session, start.
    fn ended((pid, parent, session, started): (u32, u32, u32, u64)) -> Entry {
        Entry { pid, parent, group: session, session, started, ended: true, busy: 0, collected: 0, resident: 0 }
    }

    /// With members that were seen before, given like those that have ended.
    fn check(all: &[Entry], seen: &[(u32, u32, u32, u64)], expected: &[u32]) {
        let mut noted = Noted::default();
        noted.add(&seen.iter().copied().map(ended).collect::<Vec<_>>());
        for is_over in [false, true] {
            let runs = [Run { leader: 10, started: 100, mark: b"a".to_vec(), is_over }];
            let found = due(all, OWN, &runs, &noted);
            assert_eq!(found.iter().map(|entry| entry.pid).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn ended_members_of_a_session_are_due() {
        check(&[ended((10, OWN, 10, 100)), ended((11, OWN, 10, 110))], &[], &[11]);
    }

    #[test]
    fn leader_is_never_due() {
        check(&[ended((10, OWN, 10, 100))], &[(10, OWN, 10, 100)], &[]);
    }

    #[test]
    fn those_seen_before_are_due() {
        check(&[ended((11, OWN, 12, 110))], &[(11, 10, 11, 110)], &[11]);
        // Another has the number by now.
        check(&[ended((11, OWN, 12, 120))], &[(11, 10, 11, 110)], &[]);
    }

    #[test]
    fn those_in_a_session_that_was_seen_are_due() {
        check(&[ended((12, OWN, 11, 120))], &[(11, 10, 11, 110)], &[12]);
    }

    #[test]
    fn strays_are_due_when_nobody_has_wanted_them_for_a_while() {
        let start = Instant::now();
        let mut noted = Noted::default();
        let own = Entry { ended: false, ..ended((OWN, 1, 1, 1)) };
        let stray = ended((11, OWN, 11, 110));
        let alive = Entry { ended: false, ..ended((14, OWN, 14, 110)) };
        let all = [stray, alive, ended((12, OWN, 1, 110)), ended((13, 9, 13, 110)), ended((15, OWN, 15, 110))];
        let mut due = |all: &[Entry], after| {
            let found = noted.strays(all, own, |pid| pid == 15, start + after);
            found.iter().map(|entry| entry.pid).collect::<Vec<_>>()
        };
        assert_eq!(due(&all, Duration::ZERO), []);
        assert_eq!(due(&all, PATIENCE / 2), []);
        assert_eq!(due(&all, PATIENCE), [11]);
        // Another with its number has its own time.
        let another = [ended((11, OWN, 11, 300))];
        assert_eq!(due(&another, PATIENCE * 2), []);
        assert_eq!(due(&another, PATIENCE * 3), [11]);
    }

    #[test]
    fn those_who_are_gone_are_forgotten() {
        let mut noted = Noted::default();
        noted.add(&[ended((11, 10, 11, 110)), ended((12, 10, 12, 110)), ended((13, 12, 12, 110))]);
        noted.keep_listed(&[ended((11, OWN, 30, 500)), ended((13, OWN, 12, 110))]);
        assert_eq!(noted.members, HashSet::from([(13, 110)]));
        assert_eq!(noted.sessions, HashSet::from([12]));
    }

    #[test]
    fn others_keep_their_status() {
        // A child in the session of this program, one in its own, the child of another, and one that lives.
        let alive = Entry { ended: false, ..ended((14, OWN, 10, 110)) };
        check(&[ended((11, OWN, 1, 110)), ended((12, OWN, 12, 110)), ended((13, 9, 10, 110)), alive], &[], &[]);
    }

    #[test]
    fn number_that_was_given_again_is_no_session_of_ours() {
        check(&[ended((10, OWN, 10, 150)), ended((11, OWN, 10, 160))], &[], &[]);
        check(&[ended((11, OWN, 10, 99))], &[], &[]);
    }
}
