//! Linux: a file system with a folder for each process.

use std::fs;
use std::io::{self, Read};
use std::time::{Duration, Instant};

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

/// How long a process that waits for a processor, or for something else, may be between two programs.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(2), Duration::from_millis(50));
/// How long until the next look at it.
const RETURN: Duration = Duration::from_micros(250);
/// How often one is looked at that has an environment which cannot be seen.
const LOOKS: u32 = 8;

pub(super) fn read_environment(pid: u32) -> Option<Vec<u8>> {
    let (begin, mut looks) = (Instant::now(), 0);
    loop {
        let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
        if !environment.is_empty() {
            return Some(environment);
        }
        // A process that executes another program has none for a while.
        match Surroundings::of(pid) {
            Surroundings::Coming { is_running: true } if begin.elapsed() < PATIENCE.0 => std::thread::sleep(RETURN),
            Surroundings::Coming { is_running: false } if begin.elapsed() < PATIENCE.1 => std::thread::sleep(RETURN),
            Surroundings::There if looks < LOOKS => looks += 1,
            _ => return Some(environment),
        }
    }
}

/// What a process has of an environment.
#[derive(Debug, PartialEq, Eq)]
enum Surroundings {
    Empty,
    There,
    /// It is being given a program: it has memory, and nothing is in there yet.
    Coming {
        /// Or waits for a processor, as opposed to a disk.
        is_running: bool,
    },
}

impl Surroundings {
    fn of(pid: u32) -> Self {
        let text = fs::read(format!("/proc/{pid}/stat")).unwrap_or_default();
        Self::parse(&text).unwrap_or(Self::Empty)
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let rest = std::str::from_utf8(&text[text.iter().rposition(|byte| *byte == b')')? + 1..]).ok()?;
        let mut fields = rest.split_ascii_whitespace();
        let is_running = fields.next()? == "R";
        let mut number = |skipped: usize| fields.nth(skipped)?.parse::<u64>().ok();
        // The address of the code is known last of all.
        let (size, code) = (number(19)?, number(2)?);
        let (from, to) = (number(23)?, number(0)?);
        Some(match (size, code) {
            (1.., 0) => Self::Coming { is_running },
            _ if from < to => Self::There,
            _ => Self::Empty,
        })
    }
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

    #[test]
    fn who_is_being_given_a_program_has_no_environment_yet() {
        let of = |state: &str, size: u32, code: u32, from: u32, to: u32| {
            let (before, between) = ("0 ".repeat(19), "0 ".repeat(2));
            let text = format!("7 (a) b) {state} {before}{size} {between}{code} {}{from} {to} 0", "0 ".repeat(23));
            Surroundings::parse(text.as_bytes())
        };
        let coming = |is_running| Some(Surroundings::Coming { is_running });
        assert_eq!((of("R", 9, 0, 0, 0), of("D", 9, 0, 0, 0)), (coming(true), coming(false)));
        // The addresses are told one after the other, that of the code last.
        assert_eq!((of("R", 9, 0, 5, 5), of("R", 9, 0, 5, 8)), (coming(true), coming(true)));
        assert_eq!((of("R", 9, 1, 5, 8), of("R", 9, 1, 5, 5)), (Some(Surroundings::There), Some(Surroundings::Empty)));
        // A thread of the system, or a process that has ended.
        assert_eq!(of("Z", 0, 0, 0, 0), Some(Surroundings::Empty));
        assert_eq!(Surroundings::of(std::process::id()), Surroundings::There);
        assert_eq!(Surroundings::parse(b"7 (a) R 1 2"), None);
    }

    #[test]
    fn mark_is_seen_of_a_process_that_goes_from_one_program_to_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let again = folder.path().join("again");
        std::fs::write(&again, "exec sh \"$0\"\n").unwrap();
        let mut child =
            std::process::Command::new("sh").arg(&again).env_clear().env(super::super::MARK, "a run").spawn().unwrap();
        let seen = (0..20_000).filter(|_| super::super::read_mark(child.id()).as_deref() == Some(b"a run")).count();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(seen, 20_000);
    }
}
