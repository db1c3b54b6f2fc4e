//! The processes of this machine, as the system lists them.

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::time::Duration;

use crate::lineage::{self, Root};

/// One process, at the moment it was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) pid: u32,
    pub(crate) parent: u32,
    pub(crate) group: u32,
    pub(crate) session: u32,
    /// When it started, in ticks of the system: with the pid, its name for ever.
    pub(crate) started: u64,
    /// It has ended and only its status is left.
    pub(crate) ended: bool,
    /// How long it has had a processor, in ticks.
    pub(crate) busy: u64,
    /// How long those of its children had one that it has collected the status of, and theirs.
    pub(crate) collected: u64,
    /// How many pages of it are in memory.
    pub(crate) resident: u64,
}

impl Entry {
    /// Number and start, which together are never another's.
    pub(crate) fn identity(&self) -> (u32, u64) {
        (self.pid, self.started)
    }
}

/// All that can be seen at one moment. Costs about as much as starting a process.
pub(crate) struct Processes {
    pub(crate) all: Vec<Entry>,
    /// The marks of those that were asked for theirs.
    marks: HashMap<u32, Option<Vec<u8>>>,
}

impl Processes {
    pub(crate) fn read() -> Self {
        let (mut all, mut text) = (Vec::new(), Vec::with_capacity(512));
        if let Ok(folder) = fs::read_dir("/proc") {
            let pids = folder.filter_map(|found| found.ok()?.file_name().to_str()?.parse().ok());
            all.extend(pids.filter_map(|pid| look(pid, &mut text)));
        }
        Self { all, marks: HashMap::new() }
    }

    /// What everybody here is to `root`, as [`lineage::members`] has it.
    pub(crate) fn members(&mut self, root: &Root<'_>) -> Vec<Entry> {
        self.all_members(std::slice::from_ref(root)).pop().unwrap_or_default()
    }

    /// Likewise for many roots, for about the price of one.
    pub(crate) fn all_members(&mut self, roots: &[Root<'_>]) -> Vec<Vec<Entry>> {
        let marks = &mut self.marks;
        let mut of = |pid| marks.entry(pid).or_insert_with(|| read_mark(pid)).clone();
        lineage::members(&self.all, roots, &mut of)
    }
}

/// The variable that everything in a tree is started with.
pub(crate) const MARK: &str = "SUP_RUN_ID";

pub(crate) fn read_mark(pid: u32) -> Option<Vec<u8>> {
    let mark = |variable: &&[u8]| variable.strip_prefix(MARK.as_bytes()).is_some_and(|rest| rest.starts_with(b"="));
    let environment = read_environment(pid)?;
    environment.split(|byte| *byte == 0).find(mark).map(|found| found[MARK.len() + 1..].to_vec())
}

/// How often to come back to a process that is between two programs, and after how long.
const RETURNS: u32 = 200;
const RETURN: Duration = Duration::from_micros(250);

fn read_environment(pid: u32) -> Option<Vec<u8>> {
    let mut returns = 0;
    loop {
        let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
        if !environment.is_empty() || returns > RETURNS {
            return Some(environment);
        }
        if is_between_programs(pid) {
            returns += 1;
            std::thread::sleep(RETURN);
        } else {
            // It has none, or has got it since.
            returns = RETURNS + 1;
        }
    }
}

/// Whether it has memory, and no environment in it yet: it is being given a program.
fn is_between_programs(pid: u32) -> bool {
    let text = fs::read(format!("/proc/{pid}/stat")).unwrap_or_default();
    let Some(end) = text.iter().rposition(|byte| *byte == b')') else { return false };
    let fields: Vec<&[u8]> = text[end + 1..].split(|byte| *byte == b' ').filter(|field| !field.is_empty()).collect();
    let is = |field: usize, zero: bool| fields.get(field).is_some_and(|text| (*text == b"0") == zero);
    const SIZE: usize = 20;
    const ENVIRONMENT: usize = 47;
    is(SIZE, false) && is(ENVIRONMENT, true)
}

/// One process.
pub(crate) fn entry(pid: u32) -> Option<Entry> {
    look(pid, &mut Vec::with_capacity(512))
}

fn look(pid: u32, text: &mut Vec<u8>) -> Option<Entry> {
    text.clear();
    fs::File::open(format!("/proc/{pid}/stat")).ok()?.read_to_end(text).ok()?;
    parse(pid, text)
}

fn parse(pid: u32, text: &[u8]) -> Option<Entry> {
    // The name before may contain anything, and ends with the last parenthesis.
    let rest = &text[text.iter().rposition(|byte| *byte == b')')? + 1..];
    let mut fields = std::str::from_utf8(rest).ok()?.split_ascii_whitespace();
    let state = fields.next()?;
    let mut number = || fields.next()?.parse::<i64>().ok();
    let (parent, group, session) = (number()?, number()?, number()?);
    let mut times = fields.by_ref().skip(7).take(4).map(|text| text.parse::<u64>().ok());
    let mut both = || Some(times.next()??.saturating_add(times.next()??));
    let (busy, collected) = (both()?, both()?);
    let started = fields.nth(4)?.parse().ok()?;
    let resident = fields.nth(1)?.parse().ok()?;
    let id = |number: i64| u32::try_from(number).unwrap_or(0);
    Some(Entry {
        pid,
        parent: id(parent),
        group: id(group),
        session: id(session),
        started,
        ended: matches!(state, "Z" | "X" | "x"),
        busy,
        collected,
        resident,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_listed() {
        let own = std::process::id();
        let found = Processes::read().all.into_iter().find(|entry| entry.pid == own).expect("this process");
        let again = entry(own).expect("this process");
        assert_eq!((again.pid, again.started, again.parent), (found.pid, found.started, found.parent));
        assert!(!found.ended && found.started > 0 && found.resident > 0);
    }

    #[test]
    fn name_may_contain_anything() {
        let text = b"7 (a) S 1 2) Z 3 4 5 0 -1 1 2 3 4 5 6 7 8 9 10 11 12 13 99 15 16";
        let expected = Entry {
            pid: 7,
            parent: 3,
            group: 4,
            session: 5,
            started: 99,
            ended: true,
            busy: 6 + 7,
            collected: 8 + 9,
            resident: 16,
        };
        assert_eq!(parse(7, text), Some(expected));
        for broken in [&b""[..], b"7 (a", b"7 (a) S", b"7 (a) S x 1 1", b"7 (a) S 1 1 1 \xff", &text[..60]] {
            assert_eq!(parse(7, broken), None);
        }
    }
}
