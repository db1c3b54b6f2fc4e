//! The processes of this machine, as the system lists them.

use std::collections::HashMap;
use std::fs;
use std::io::Read;

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

    /// Whether the process was started with that mark, as far as it lets us look.
    pub(crate) fn has_mark(&mut self, pid: u32, mark: &[u8]) -> bool {
        self.marks.entry(pid).or_insert_with(|| read_mark(pid)).as_deref() == Some(mark)
    }
}

/// The variable that everything in a tree is started with.
pub(crate) const MARK: &str = "SUP_RUN_ID";

pub(crate) fn read_mark(pid: u32) -> Option<Vec<u8>> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let mark = |variable: &&[u8]| variable.strip_prefix(MARK.as_bytes()).is_some_and(|rest| rest.starts_with(b"="));
    environment.split(|byte| *byte == 0).find(mark).map(|found| found[MARK.len() + 1..].to_vec())
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
    let started = fields.nth(15)?.parse().ok()?;
    let id = |number: i64| u32::try_from(number).unwrap_or(0);
    Some(Entry {
        pid,
        parent: id(parent),
        group: id(group),
        session: id(session),
        started,
        ended: matches!(state, "Z" | "X" | "x"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_listed() {
        let own = std::process::id();
        let found = Processes::read().all.into_iter().find(|entry| entry.pid == own).expect("this process");
        assert_eq!(entry(own), Some(found));
        assert!(!found.ended && found.started > 0);
    }

    #[test]
    fn name_may_contain_anything() {
        let text = b"7 (a) S 1 2) Z 3 4 5 0 -1 1 2 3 4 5 6 7 8 9 10 11 12 13 99 15";
        let expected = Entry { pid: 7, parent: 3, group: 4, session: 5, started: 99, ended: true };
        assert_eq!(parse(7, text), Some(expected));
        for broken in [&b""[..], b"7 (a", b"7 (a) S", b"7 (a) S x 1 1", b"7 (a) S 1 1 1 \xff"] {
            assert_eq!(parse(7, broken), None);
        }
    }
}
