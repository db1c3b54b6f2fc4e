//! Linux: a file system with a folder for each process.

use std::fs;
use std::io::{self, Read};
use std::time::Duration;

use perilune_exec_api::Containment;
use rustix::time::{ClockId, clock_gettime};

use super::Entry;

/// How closely trees can be held without a control group.
pub(crate) const CLOSEST: Containment = Containment::Scan;

pub(super) fn list() -> Vec<Entry> {
    let (mut all, mut text) = (Vec::new(), Vec::with_capacity(512));
    if let Ok(folder) = fs::read_dir("/proc") {
        let pids = folder.filter_map(|found| found.ok()?.file_name().to_str()?.parse().ok());
        all.extend(pids.filter_map(|pid| look(pid, &mut text)));
    }
    all
}

/// How often to come back to a process that is between two programs, and after how long.
const RETURNS: u32 = 200;
const RETURN: Duration = Duration::from_micros(250);

pub(super) fn read_environment(pid: u32) -> Option<Vec<u8>> {
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

/// The present, as starts of processes are given.
pub(crate) fn now() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    let (seconds, nanos) = (u64::try_from(now.tv_sec).unwrap_or(0), u64::try_from(now.tv_nsec).unwrap_or(0));
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    seconds.saturating_mul(per_second).saturating_add(nanos.saturating_mul(per_second) / 1_000_000_000)
}

/// Names the time since the system was started last.
pub(crate) fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// Whether [`adopt`] is possible.
pub(crate) const HAS_SUBREAPER: bool = true;

/// Makes this program the parent of those below it whose parents are gone, or leaves them to the system.
pub(crate) fn adopt(on: bool) -> io::Result<()> {
    Ok(rustix::process::set_child_subreaper(on.then(rustix::process::getpid))?)
}

#[cfg(test)]
mod tests {
    use super::*;

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
