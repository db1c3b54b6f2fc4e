//! Who belongs to whom, decided from a table of processes alone.

use std::collections::{HashMap, HashSet};

use perilune_exec_api::Containment;

use crate::table::Entry;

/// Where a tree begins, and what is known of it.
pub(crate) struct Root<'a> {
    /// The number of the leader, which is also that of its group and session.
    pub(crate) leader: u32,
    pub(crate) mark: &'a [u8],
    pub(crate) level: Containment,
    pub(crate) hold: Hold,
    /// Members that were found before and still live, by whatever means.
    pub(crate) known: HashSet<u32>,
}

/// How sure it is that the number of the leader is its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// Nobody else can have it: the leader lives, or has not been reaped.
    Pinned,
    /// The leader started at `started`, and the number was its own until `until`; both in ticks of the system.
    Dated { started: u64, until: u64 },
}

/// Everything alive that belongs to each of the roots, without the leaders. Nobody belongs to two of them.
///
/// `mark_of` is asked only about those that nothing else tells of.
pub(crate) fn members(
    all: &[Entry],
    roots: &[Root<'_>],
    mark_of: &mut dyn FnMut(u32) -> Option<Vec<u8>>,
) -> Vec<Vec<Entry>> {
    let seen: Vec<Seen> = roots.iter().map(|root| Seen::new(root, all)).collect();
    let by_number: HashMap<u32, usize> = roots.iter().enumerate().map(|(at, root)| (root.leader, at)).collect();
    let by_mark: HashMap<&[u8], usize> = roots
        .iter()
        .enumerate()
        .filter(|(_, root)| root.level > Containment::Group)
        .map(|(at, root)| (root.mark, at))
        .collect();
    let eldest = by_mark.values().filter_map(|at| seen.get(*at)?.started).min();

    let mut owners: HashMap<u32, usize> = HashMap::with_capacity(all.len());
    for (at, root) in roots.iter().enumerate() {
        owners.extend(root.known.iter().map(|pid| (*pid, at)));
    }
    let is_leader =
        |pid: u32| by_number.get(&pid).filter(|at| seen.get(**at).is_some_and(|seen| seen.is_there)).copied();
    for entry in all.iter().filter(|entry| !entry.ended && is_leader(entry.pid).is_none()) {
        if owners.contains_key(&entry.pid) {
            continue;
        }
        let places = [entry.session, entry.group].into_iter().filter_map(|number| by_number.get(&number).copied());
        let place = places.into_iter().find(|at| seen.get(*at).is_some_and(|seen| seen.has_in_session(entry)));
        let mut by_mark = |pid| {
            // Who is older than all of them cannot come from any.
            eldest.filter(|eldest| entry.started >= *eldest)?;
            let at = *by_mark.get(mark_of(pid)?.as_slice())?;
            seen.get(at)?.started.filter(|started| entry.started >= *started)?;
            Some(at)
        };
        if let Some(at) = place.or_else(|| by_mark(entry.pid)) {
            owners.insert(entry.pid, at);
        }
    }
    inherit(all, roots, &is_leader, &mut owners);

    let mut found = vec![Vec::new(); roots.len()];
    for entry in all.iter().filter(|entry| !entry.ended && is_leader(entry.pid).is_none()) {
        if let Some(own) = owners.get(&entry.pid).and_then(|at| found.get_mut(*at)) {
            own.push(*entry);
        }
    }
    found
}

/// Children belong to whom their parents do.
fn inherit(
    all: &[Entry],
    roots: &[Root<'_>],
    is_leader: &dyn Fn(u32) -> Option<usize>,
    owners: &mut HashMap<u32, usize>,
) {
    let goes_down = |at: usize| roots.get(at).is_some_and(|root| root.level > Containment::Group);
    // Parents come before their children only mostly, so until nothing is new.
    loop {
        let before = owners.len();
        for entry in all.iter().filter(|entry| !entry.ended && is_leader(entry.pid).is_none()) {
            let parent = is_leader(entry.parent).or_else(|| owners.get(&entry.parent).copied());
            if let Some(at) = parent.filter(|at| goes_down(*at)) {
                owners.entry(entry.pid).or_insert(at);
            }
        }
        if owners.len() == before {
            return;
        }
    }
}

/// What the table says of a leader.
struct Seen {
    /// The process of that number is the leader.
    is_there: bool,
    /// When it started, if that is known.
    started: Option<u64>,
    /// Those in the session of its number are its own if they started in here; `None` if the session is another's.
    session: Option<(u64, u64)>,
}

impl Seen {
    fn new(root: &Root<'_>, all: &[Entry]) -> Self {
        let listed = all.iter().find(|entry| entry.pid == root.leader);
        match root.hold {
            Hold::Pinned => {
                Self { is_there: true, started: listed.map(|entry| entry.started), session: Some((0, u64::MAX)) }
            }
            Hold::Dated { started, until } => {
                let is_there = listed.is_some_and(|entry| entry.started == started);
                let session = match listed {
                    // While it is there nobody else can begin a session of that number.
                    Some(_) if is_there => Some((started, u64::MAX)),
                    // A number is given again only when no session or group has it.
                    Some(_) => None,
                    None => Some((started, until)),
                };
                Self { is_there, started: Some(started), session }
            }
        }
    }

    fn has_in_session(&self, entry: &Entry) -> bool {
        self.session.is_some_and(|(from, to)| (from..=to).contains(&entry.started))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Number, parent, session, start.
    fn entry((pid, parent, session, started): (u32, u32, u32, u64)) -> Entry {
        Entry { pid, parent, group: session, session, started, ended: false, busy: 0, collected: 0, resident: 0 }
    }

    fn root(leader: u32, mark: &'static [u8], hold: Hold) -> Root<'static> {
        Root { leader, mark, level: Containment::Scan, hold, known: HashSet::new() }
    }

    fn check(all: &[(u32, u32, u32, u64)], marks: &[(u32, &str)], roots: &[Root<'_>], expected: &[&[u32]]) {
        let all: Vec<Entry> = all.iter().copied().map(entry).collect();
        let mut of = |pid| marks.iter().find(|(known, _)| *known == pid).map(|(_, mark)| mark.as_bytes().to_vec());
        let found: Vec<Vec<u32>> =
            members(&all, roots, &mut of).iter().map(|own| own.iter().map(|entry| entry.pid).collect()).collect();
        assert_eq!(found, expected);
    }

    const DATED: Hold = Hold::Dated { started: 100, until: 200 };

    #[test]
    fn session_parentage_and_mark_each_make_a_member() {
        for hold in [Hold::Pinned, DATED] {
            // The last is a child of one that is found by its mark, and is listed before it.
            let all = [
                (5, 13, 13, 190),
                (10, 1, 10, 100),
                (11, 1, 10, 110),
                (12, 10, 12, 120),
                (13, 1, 13, 130),
                (14, 1, 14, 140),
            ];
            check(&all, &[(13, "a")], &[root(10, b"a", hold)], &[&[5, 11, 12, 13]]);
        }
    }

    #[test]
    fn leader_that_is_gone_still_has_its_session() {
        check(&[(11, 1, 10, 110), (12, 11, 12, 120)], &[], &[root(10, b"a", DATED)], &[&[11, 12]]);
    }

    #[test]
    fn number_that_was_given_again_is_nobody_of_ours() {
        // Its new owner, a member of its session, and a child of it; only who has the mark is ours.
        let all = [(10, 1, 10, 150), (11, 1, 10, 160), (12, 10, 12, 170), (13, 1, 13, 120)];
        check(&all, &[(13, "a")], &[root(10, b"a", DATED)], &[&[13]]);
        // The new owner has gone as well, and only its session is there.
        check(&[(11, 1, 10, 201), (12, 11, 12, 202)], &[], &[root(10, b"a", DATED)], &[&[]]);
    }

    #[test]
    fn mark_of_who_is_older_means_nothing() {
        check(&[(10, 1, 10, 100), (9, 1, 9, 99)], &[(9, "a")], &[root(10, b"a", DATED)], &[&[]]);
        check(&[(10, 1, 10, 100), (9, 1, 9, 99)], &[(9, "a")], &[root(10, b"a", Hold::Pinned)], &[&[]]);
    }

    #[test]
    fn level_group_is_the_session_only() {
        let all = [(10, 1, 10, 100), (11, 10, 10, 110), (12, 10, 12, 120), (13, 1, 13, 130)];
        let root = Root { level: Containment::Group, ..root(10, b"a", Hold::Pinned) };
        check(&all, &[(13, "a")], &[root], &[&[11]]);
    }

    #[test]
    fn known_members_stay_and_have_children() {
        let all = [(20, 1, 20, 300), (21, 20, 21, 310)];
        let root = Root { known: HashSet::from([20]), ..root(10, b"a", DATED) };
        check(&all, &[], &[root], &[&[20, 21]]);
    }

    #[test]
    fn many_roots_have_their_own() {
        let all = [(10, 1, 10, 100), (20, 1, 20, 100), (11, 10, 11, 110), (21, 1, 21, 110), (22, 21, 22, 120)];
        let roots = [root(10, b"a", Hold::Pinned), root(20, b"b", Hold::Pinned)];
        check(&all, &[(21, "b")], &roots, &[&[11], &[21, 22]]);
        // One root started the other: its leader and all below are the inner one's.
        let all = [(10, 1, 10, 100), (20, 10, 20, 110), (21, 20, 20, 120)];
        check(&all, &[(21, "b")], &roots, &[&[], &[21]]);
    }
}
