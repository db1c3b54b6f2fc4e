//! The processes of this machine, as the system lists them.

#[cfg(any(target_os = "macos", test))]
mod arguments;
#[cfg_attr(target_os = "linux", path = "table/linux.rs")]
#[cfg_attr(target_os = "macos", path = "table/macos.rs")]
mod system;

use std::collections::HashMap;

use crate::lineage::{self, Root};

pub(crate) use system::{CLOSEST, HAS_SUBREAPER, adopt, boot_id, entry, now};

/// One process, at the moment it was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) pid: u32,
    pub(crate) parent: u32,
    pub(crate) group: u32,
    pub(crate) session: u32,
    /// When it started, in ticks of the system or whatever [`now`] counts in: with the pid, its name for ever.
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
        Self { all: system::list(), marks: HashMap::new() }
    }

    /// Some that were looked at one by one.
    pub(crate) fn of(all: Vec<Entry>) -> Self {
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
    let environment = system::read_environment(pid)?;
    environment.split(|byte| *byte == 0).find(mark).map(|found| found[MARK.len() + 1..].to_vec())
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
    fn present_is_on_the_scale_of_starts() {
        let own = entry(std::process::id()).unwrap().started;
        assert!(own <= now(), "{own} {}", now());
        let mut child = std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let child_start = entry(child.id()).unwrap().started;
        assert!((own..=now()).contains(&child_start), "{own} {child_start} {}", now());
        drop(child.stdin.take());
        child.wait().unwrap();
    }
}
