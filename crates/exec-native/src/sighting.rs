use crate::table;

/// A process as the system lists it at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sighting {
    /// Its number, which others may have had before and may have later.
    pub os_pid: u32,
    /// When it started: with the number, its name until the next boot. In ticks of the system since that started; on macOS,
    /// in microseconds of its wall clock.
    pub started: u64,
    /// It has ended, and its status has not been collected.
    pub ended: bool,
    /// The `SUP_RUN_ID` that it was started with, if it has one and lets us look.
    pub run_id: Option<String>,
}

impl Sighting {
    /// The process that has this number now.
    pub fn of(os_pid: u32) -> Option<Self> {
        let before = table::entry(os_pid)?;
        let mark = table::read_mark(os_pid);
        // The number may have changed hands between the two looks.
        let after = table::entry(os_pid).filter(|after| after.started == before.started)?;
        let run_id = mark.and_then(|mark| String::from_utf8(mark).ok());
        Some(Self { os_pid, started: after.started, ended: after.ended, run_id })
    }
}

/// Names the time since the system was started last: ticks of one boot mean nothing in another.
pub fn boot_id() -> std::io::Result<String> {
    table::boot_id()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn process_is_seen_with_its_run_until_it_is_collected() {
        let mut child =
            Command::new("cat").env(table::MARK, "a run").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let seen = Sighting::of(child.id()).unwrap();
        assert_eq!((seen.os_pid, seen.ended, seen.run_id.as_deref()), (child.id(), false, Some("a run")));
        assert!(seen.started > 0);
        drop(child.stdin.take());
        child.wait().unwrap();
        assert_ne!(Sighting::of(child.id()).map(|again| again.started), Some(seen.started));
    }

    #[test]
    fn boot_has_a_name() {
        let boot = boot_id().unwrap();
        assert_eq!(boot.len(), 36, "{boot}");
        assert_eq!(boot_id().unwrap(), boot);
    }
}
