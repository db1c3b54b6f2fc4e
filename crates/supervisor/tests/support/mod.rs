//! What tests of programs have in common.
#![allow(dead_code, reason = "each test file uses a part")]

use std::path::Path;
use std::time::{Duration, Instant};

use perilune_exec_api::EnvMode;
use perilune_supervisor::Surroundings;

/// Longer than anything takes that works at all.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Nothing but a `PATH`.
pub(crate) fn bare() -> Surroundings {
    let mut around = Surroundings::default();
    around.env_mode = EnvMode::Clean;
    around
}

/// Waits until it holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The number that a script wrote, once it has.
pub(crate) async fn number_in(file: &Path) -> u32 {
    let read = || std::fs::read_to_string(file).ok().filter(|text| text.ends_with('\n'))?.trim().parse().ok();
    until("a number in a file", || read().is_some()).await;
    read().unwrap()
}

/// Whether it is there and has not ended.
pub(crate) fn lives(os_pid: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{os_pid}/stat")) else { return false };
    !stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with(['Z', 'X']))
}
