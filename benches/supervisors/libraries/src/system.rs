//! What the system says of processes, and of this one.

use std::collections::HashMap;
use std::fs;

/// The variable by which everything that a row has started is found again.
pub const MARK: &str = "COMPARISON_MARK";

pub fn pids() -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("processes").flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// The letter of its state, and its parent.
pub fn state(pid: u32) -> Option<(char, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

pub fn alive(pid: u32) -> bool {
    state(pid).is_some_and(|(state, _)| !matches!(state, 'Z' | 'X'))
}

/// Live processes with such a variable.
pub fn with_variable(name: &str, value: &str) -> Vec<u32> {
    let wanted = format!("{name}={value}");
    let has = |pid: &u32| {
        let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environ.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes())
    };
    pids().into_iter().filter(|pid| *pid != std::process::id() && has(pid) && alive(*pid)).collect()
}

pub fn marked(mark: &str) -> Vec<u32> {
    with_variable(MARK, mark)
}

/// Everything that this program has started, and what came of that, as far as it lives.
pub fn started() -> Vec<u32> {
    let parent = std::os::unix::process::parent_id();
    let mut all = marked(&std::env::var(MARK).expect("a mark"));
    all.retain(|pid| *pid != parent);
    all
}

pub fn zombies() -> usize {
    let own = std::process::id();
    pids().into_iter().filter(|pid| state(*pid) == Some(('Z', own))).count()
}

pub fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("descriptors").count()
}

/// A size of this program, in KiB: `VmRSS` now, `VmHWM` at most.
pub fn memory(which: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("own status");
    let fields: HashMap<&str, &str> = status.lines().filter_map(|line| line.split_once(':')).collect();
    fields[which].trim().trim_end_matches(" kB").parse().expect("a size")
}

/// What this program has used of processors, in seconds.
pub fn processor_time() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("own statistics");
    let fields = stat.rsplit_once(") ").expect("a name").1.split(' ').skip(11).take(2);
    fields.map(|ticks| ticks.parse::<f64>().expect("a number") / 100.0).sum()
}

pub fn signal(pid: u32, signal: i32) {
    let pid = i32::try_from(pid).expect("a number of a process");
    // SAFETY: has no memory to do with.
    unsafe { libc::kill(pid, signal) };
}

pub fn kill(pid: u32) {
    signal(pid, libc::SIGKILL);
}

/// What a program under `nohup`, started by somebody careless, may be like.
pub fn be_careless() {
    for _ in 0..50 {
        // SAFETY: the name ends with a zero, and nobody closes what is opened.
        unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY) };
    }
    for signal in [libc::SIGHUP, libc::SIGPIPE, libc::SIGCHLD] {
        // SAFETY: no handler is given.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    // SAFETY: the set is made before it is used.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, libc::SIGTERM);
        libc::sigaddset(&mut set, libc::SIGUSR1);
        libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
    }
}
