//! Who was started last, which tells of one that has ended that it started nobody.

use std::fs::File;
use std::sync::OnceLock;

/// Ends with the number that was given last. Kept open: it is read whenever a process ends.
static LOAD: OnceLock<Option<File>> = OnceLock::new();

/// Whether nobody on this machine, no thread either, was started after a process that has not been reaped. Then it has started
/// nobody, and nothing that it left needs to be looked for.
///
/// Numbers are given in turn, and its own is given to nobody else before it is reaped, so what was given last is its own only
/// if nothing was given since. (Who restores processes from a file may choose their numbers, and has the privilege to.)
pub(crate) fn is(os_pid: u32) -> bool {
    let mut text = [0; 128];
    let Some(load) = LOAD.get_or_init(open) else { return false };
    let Ok(length) = rustix::io::pread(load, &mut text, 0) else { return false };
    last(text.get(..length).unwrap_or_default()) == Some(os_pid)
}

#[cfg(not(target_os = "linux"))]
fn open() -> Option<File> {
    None
}

/// Only what the system itself says: containers are sometimes given a file in its place, which is up to date now and then.
#[cfg(target_os = "linux")]
fn open() -> Option<File> {
    let file = File::open("/proc/loadavg").ok()?;
    let from_system = rustix::fs::fstatfs(&file).ok()?.f_type == rustix::fs::PROC_SUPER_MAGIC;
    from_system.then_some(file)
}

fn last(text: &[u8]) -> Option<u32> {
    std::str::from_utf8(text).ok()?.strip_suffix('\n')?.rsplit_once(' ')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    fn cat() -> Child {
        Command::new("cat").stdin(Stdio::piped()).spawn().unwrap()
    }

    fn end(mut child: Child) {
        drop(child.stdin.take());
        child.wait().unwrap();
    }

    #[test]
    fn who_has_started_somebody_is_not_the_newest() {
        for _ in 0..100 {
            let (older, newer) = (cat(), cat());
            assert!(!is(older.id()));
            end(older);
            end(newer);
        }
    }

    #[test]
    fn who_was_started_last_is() {
        if open().is_none() {
            return println!("who_was_started_last_is: skipped, the system does not say who is");
        }
        // Others may start somebody at any time, but not always.
        let found = (0..10_000).any(|_| {
            let child = cat();
            let newest = is(child.id());
            end(child);
            newest
        });
        assert!(found);
    }

    #[test]
    fn only_a_whole_line_has_a_number() {
        assert_eq!(last(b"0.20 0.18 0.12 1/80 11206\n"), Some(11206));
        for broken in [&b""[..], b"0.20 0.18 0.12 1/80 112", b"\n", b"0.20 x\n", b"\xff 1\n"] {
            assert_eq!(last(broken), None);
        }
    }
}
