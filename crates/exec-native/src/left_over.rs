use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};

use crate::handle::Other;
use crate::table::{self, Entry, Processes};

/// A run of a program that did not live to see its end, as that wrote it down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOver {
    /// The `SUP_RUN_ID` that everything in it was started with.
    pub run_id: String,
    /// When its leader started, as [`Sighting`](crate::Sighting) has it; of this boot, which is for the caller to know.
    pub started: u64,
}

/// What became of [`LeftOver`]s.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndedLeftOvers {
    /// The processes that were there.
    pub found: Vec<u32>,
    /// Those of them that still are.
    pub left: Vec<u32>,
}

/// How long those are looked for that were forced.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long to wait at most before the next look.
const PAUSE: Duration = Duration::from_millis(50);

/// Ends whatever is left of these runs: SIGTERM, and SIGKILL for those that are still there when `grace` is over.
///
/// A process belongs to a run if it was started with its id and not before it, or if its parent does. Numbers mean
/// nothing here, for they may be somebody else's by now. This program and those it came from are never touched. Blocks
/// until nothing is left, or five seconds after the kill.
pub fn end_left_overs(runs: &[LeftOver], grace: Duration) -> EndedLeftOvers {
    let begun = Instant::now();
    let mut known: HashMap<(u32, u64), Option<Other>> = HashMap::new();
    let (mut pause, mut nobody, mut left) = (Duration::from_millis(2), 0, Vec::new());
    // Who was started while the list was made may be missing on it, but is there when it is made again.
    while nobody < 2 && !runs.is_empty() {
        let forced = begun.elapsed() >= grace;
        let all = Processes::read().all;
        left = members(&all, runs, std::process::id(), &mut table::read_mark);
        if begun.elapsed() >= grace.saturating_add(PATIENCE) {
            break;
        }
        nobody = if left.is_empty() { nobody + 1 } else { 0 };
        for entry in &left {
            let is_new = !known.contains_key(&(entry.pid, entry.started));
            let process = known.entry((entry.pid, entry.started)).or_insert_with(|| Other::open(entry));
            let Some(process) = process else { continue };
            let signals: &[i32] = match (forced, is_new) {
                (true, _) => &[libc::SIGKILL],
                (false, true) => &[libc::SIGTERM, libc::SIGCONT],
                (false, false) => &[],
            };
            for signal in signals {
                // Who has ended meanwhile, or is another's, is told apart by the next look.
                let _ = process.signal(*signal);
            }
        }
        wait(left.iter().filter_map(|entry| known.get(&(entry.pid, entry.started))?.as_ref()), pause);
        pause = (pause * 2).min(PAUSE);
    }
    let mut found: Vec<u32> = known.into_keys().map(|(pid, _)| pid).collect();
    found.sort_unstable();
    EndedLeftOvers { found, left: left.iter().map(|entry| entry.pid).collect() }
}

/// Those who belong to one of the runs and live.
fn members(all: &[Entry], runs: &[LeftOver], own: u32, mark_of: &mut dyn FnMut(u32) -> Option<Vec<u8>>) -> Vec<Entry> {
    let spared = lineage(all, own);
    let Some(eldest) = runs.iter().map(|run| run.started).min() else { return Vec::new() };
    let others: Vec<&Entry> =
        all.iter().filter(|entry| !entry.ended && entry.started >= eldest && !spared.contains(&entry.pid)).collect();
    let mut found: HashSet<u32> = HashSet::new();
    for entry in &others {
        let Some(mark) = mark_of(entry.pid) else { continue };
        if runs.iter().any(|run| run.run_id.as_bytes() == mark && entry.started >= run.started) {
            found.insert(entry.pid);
        }
    }
    // Parents come before their children only mostly, so until nothing is new.
    loop {
        let before = found.len();
        let children: Vec<u32> =
            others.iter().filter(|entry| found.contains(&entry.parent)).map(|entry| entry.pid).collect();
        found.extend(children);
        if found.len() == before {
            break;
        }
    }
    others.into_iter().filter(|entry| found.contains(&entry.pid)).copied().collect()
}

/// A process and all it came from.
fn lineage(all: &[Entry], own: u32) -> HashSet<u32> {
    let parents: HashMap<u32, u32> = all.iter().map(|entry| (entry.pid, entry.parent)).collect();
    let mut line = HashSet::new();
    let mut next = Some(own);
    while let Some(pid) = next.filter(|pid| line.insert(*pid)) {
        next = parents.get(&pid).copied();
    }
    line
}

/// Until one of them ends, or `pause` is over.
fn wait<'a>(processes: impl Iterator<Item = &'a Other>, pause: Duration) {
    let fds = processes.filter_map(Other::fd);
    let mut fds: Vec<PollFd<'_>> = fds.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
    let pause = Timespec { tv_sec: 0, tv_nsec: pause.subsec_nanos().into() };
    let _ = rustix::event::poll(&mut fds, Some(&pause));
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// A process with these numbers.
    fn entry(pid: u32, parent: u32, started: u64) -> Entry {
        let own = table::entry(std::process::id()).unwrap();
        Entry { pid, parent, group: pid, session: pid, started, ended: false, ..own }
    }

    const OWN: u32 = 1000;

    fn check(all: &[Entry], marks: &[(u32, &str)], expected: &[u32]) {
        let runs = [("a", 100), ("b", 200)].map(|(id, started)| LeftOver { run_id: id.to_owned(), started });
        let mut of = |pid| marks.iter().find(|(known, _)| *known == pid).map(|(_, mark)| mark.as_bytes().to_vec());
        let found: Vec<u32> = members(all, &runs, OWN, &mut of).iter().map(|entry| entry.pid).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn mark_and_time_together_prove_it() {
        let all = [entry(10, 1, 100), entry(11, 1, 99), entry(12, 1, 150), entry(13, 1, 250), entry(14, 1, 250)];
        check(&all, &[(10, "a"), (11, "a"), (12, "b"), (13, "b")], &[10, 13]);
    }

    #[test]
    fn number_alone_proves_nothing() {
        check(&[entry(10, 1, 100), entry(11, 1, 100)], &[(11, "c")], &[]);
    }

    #[test]
    fn children_belong_to_whom_their_parents_do() {
        let all = [entry(5, 11, 300), entry(10, 1, 100), entry(11, 10, 110), entry(12, 1, 300)];
        check(&all, &[(10, "a")], &[5, 10, 11]);
    }

    #[test]
    fn who_has_ended_is_no_member() {
        let gone = Entry { ended: true, ..entry(10, 1, 100) };
        check(&[gone], &[(10, "a")], &[]);
    }

    #[test]
    fn this_program_and_those_it_came_from_are_spared() {
        let all = [entry(10, 1, 100), entry(11, 10, 110), entry(OWN, 11, 120), entry(12, 10, 130)];
        check(&all, &[(10, "a"), (11, "a"), (OWN, "a"), (12, "a")], &[12]);
    }

    fn shell(run_id: &str, script: &str) -> Child {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).env(table::MARK, run_id).stdout(Stdio::piped());
        command.spawn().unwrap()
    }

    /// After it has written a line.
    fn ready(child: &mut Child) {
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.as_mut().unwrap()), &mut line).unwrap();
        assert_eq!(line, "ready\n");
    }

    #[test]
    fn runs_are_ended_and_others_are_not() {
        let run_id = uuid::Uuid::new_v4().to_string();
        // The first obeys, the second does not.
        let mut obeys = shell(&run_id, "echo ready; sleep 600 & wait");
        let mut refuses = shell(&run_id, "trap '' TERM; echo ready; while :; do sleep 600; done");
        let mut other = shell("another", "echo ready; exec sleep 600");
        for child in [&mut obeys, &mut refuses, &mut other] {
            ready(child);
        }
        let started = table::entry(obeys.id()).unwrap().started;
        let late = LeftOver { run_id: "another".to_owned(), started: u64::MAX };
        let runs = [LeftOver { run_id, started }, late];
        // They are children of this process, which spares only itself.
        let ended = end_left_overs(&runs, Duration::from_millis(300));
        assert!(ended.found.contains(&obeys.id()) && ended.found.contains(&refuses.id()), "{ended:?}");
        assert_eq!(ended.left, []);
        assert!(!obeys.wait().unwrap().success() && !refuses.wait().unwrap().success());
        assert!(!ended.found.contains(&other.id()) && other.try_wait().unwrap().is_none());
        other.kill().unwrap();
        other.wait().unwrap();
    }

    #[test]
    fn nothing_to_end_takes_no_time() {
        assert_eq!(end_left_overs(&[], Duration::MAX), EndedLeftOvers::default());
        let nobody = LeftOver { run_id: uuid::Uuid::new_v4().to_string(), started: 0 };
        assert_eq!(end_left_overs(&[nobody], Duration::from_secs(600)), EndedLeftOvers::default());
    }
}
