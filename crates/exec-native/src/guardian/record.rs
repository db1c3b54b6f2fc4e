//! What the runtime tells its guardian, and what that makes of it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use perilune_exec_api::Containment;

use crate::cgroup::Cgroup;
use crate::tree::Tree;

/// All that is needed to find a tree without the runtime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) leader: u32,
    /// When it started, in ticks of the system.
    pub(super) started: u64,
    pub(super) level: Containment,
    pub(super) mark: Vec<u8>,
    /// The folder of its control group.
    pub(super) cgroup: Option<PathBuf>,
}

/// Ends every record; in none of the fields.
const END: u8 = 0;
const FIELD: u8 = b'\t';
const GOODBYE: &[u8] = b"goodbye";

impl Target {
    pub(super) fn of(tree: &Tree, started: u64) -> Self {
        Self {
            leader: tree.leader(),
            started,
            level: tree.level(),
            mark: tree.mark().to_vec(),
            cgroup: tree.cgroup().map(|cgroup| Cgroup::folder(cgroup).to_owned()),
        }
    }

    pub(super) fn to_record(&self) -> Vec<u8> {
        let level = match self.level {
            Containment::Group => "group",
            _ => "scan",
        };
        let mut record = format!("+\t{}\t{}\t{level}\t", self.leader, self.started).into_bytes();
        record.extend(self.mark.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()));
        record.push(FIELD);
        // The last field may contain what separates the others.
        record.extend(self.cgroup.iter().flat_map(|folder| folder.as_os_str().as_bytes()));
        record.push(END);
        record
    }

    fn parse(record: &[u8]) -> Option<Self> {
        let mut fields = record.splitn(6, |byte| *byte == FIELD).skip(1);
        let leader = number(fields.next()?)?;
        let started = number(fields.next()?)?;
        let level = if fields.next()? == b"group" { Containment::Group } else { Containment::Scan };
        let mark = fields.next()?;
        let mark = mark.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        let mark = mark.collect::<Option<_>>()?;
        let folder = fields.next()?;
        let cgroup = (!folder.is_empty()).then(|| PathBuf::from(OsString::from_vec(folder.to_vec())));
        Some(Self { leader, started, level, mark, cgroup })
    }
}

/// That nothing is left of the tree with that leader.
pub(super) fn removal(leader: u32) -> Vec<u8> {
    let mut record = format!("-\t{leader}").into_bytes();
    record.push(END);
    record
}

pub(super) fn goodbye() -> Vec<u8> {
    [GOODBYE, &[END]].concat()
}

fn number<T: std::str::FromStr>(field: &[u8]) -> Option<T> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

/// The trees there are, as far as they were told of.
#[derive(Default)]
pub(super) struct Ledger {
    targets: HashMap<u32, Target>,
    is_released: bool,
    /// The beginning of a record.
    rest: Vec<u8>,
}

impl Ledger {
    /// Takes what was read, wherever it was cut. A record that means nothing is passed over.
    pub(super) fn read(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if *byte == END {
                let record = std::mem::take(&mut self.rest);
                self.take(&record);
            } else {
                self.rest.push(*byte);
            }
        }
    }

    fn take(&mut self, record: &[u8]) {
        match record.first() {
            Some(b'+') => {
                if let Some(target) = Target::parse(record) {
                    self.targets.insert(target.leader, target);
                }
            }
            Some(b'-') => {
                let leader = record.get(2..).and_then(number);
                if let Some(Entry::Occupied(known)) = leader.map(|leader| self.targets.entry(leader)) {
                    known.remove();
                }
            }
            _ => self.is_released |= record == GOODBYE,
        }
    }

    /// Whether the runtime has said goodbye.
    pub(super) fn is_released(&self) -> bool {
        self.is_released
    }

    pub(super) fn into_targets(self) -> Vec<Target> {
        self.targets.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(leader: u32) -> Target {
        let cgroup = Some(PathBuf::from("/a folder\twith\neverything"));
        Target { leader, started: 77, level: Containment::Scan, mark: b"a\tb\0c".to_vec(), cgroup }
    }

    fn check(records: &[Vec<u8>], expected: &[Target], released: bool) {
        let all = records.concat();
        // However it is cut.
        for size in [1, 7, all.len().max(1)] {
            let mut ledger = Ledger::default();
            all.chunks(size).for_each(|bytes| ledger.read(bytes));
            assert_eq!(ledger.is_released(), released);
            let mut targets = ledger.into_targets();
            targets.sort_by_key(|target| target.leader);
            assert_eq!(targets, expected);
        }
    }

    #[test]
    fn trees_are_known_until_they_are_removed() {
        let plain = Target { level: Containment::Group, cgroup: None, mark: Vec::new(), ..target(3) };
        check(&[target(1).to_record(), plain.to_record()], &[target(1), plain.clone()], false);
        check(&[target(1).to_record(), plain.to_record(), removal(1)], std::slice::from_ref(&plain), false);
        check(&[target(1).to_record(), removal(1), removal(1), removal(2)], &[], false);
        check(&[removal(1), target(1).to_record()], &[target(1)], false);
    }

    #[test]
    fn goodbye_is_heard_only_whole() {
        check(&[target(1).to_record(), goodbye()], &[target(1)], true);
        check(&[b"goodbye".to_vec()], &[], false);
    }

    #[test]
    fn last_record_that_is_incomplete_is_nothing() {
        let mut cut = target(1).to_record();
        cut.pop();
        check(&[cut], &[], false);
    }

    #[test]
    fn records_that_mean_nothing_are_passed_over() {
        let broken =
            [&b"\0"[..], b"+\0", b"+\tx\t1\tscan\t\t\0", b"+\t1\t1\tscan\txy\t\0", b"+\t1\t1\tscan\0", b"-\0", b"?\0"];
        let mut records: Vec<Vec<u8>> = broken.iter().map(|record| record.to_vec()).collect();
        records.push(target(9).to_record());
        check(&records, &[target(9)], false);
    }
}
