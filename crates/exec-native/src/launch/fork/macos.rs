//! What macOS does in a way of its own, or refuses.

use std::ffi::{CStr, c_int};

use crate::launch::plan::{Failed, Stage};

use super::mark_each;

pub(super) fn default_signals() {
    // All there are, except for those that must not be changed, which are refused without harm.
    for signal in 1..32 {
        // SAFETY: the default action runs no code of ours.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

pub(super) fn set_limit(resource: i64, value: u64) -> c_int {
    let limit = libc::rlimit { rlim_cur: value, rlim_max: value };
    // SAFETY: the limit is valid; the call changes this process only.
    unsafe { libc::setrlimit(resource as c_int, &limit) }
}

pub(super) fn set_groups(groups: &[u32]) -> c_int {
    // SAFETY: the list is valid for its length.
    unsafe { libc::setgroups(groups.len() as c_int, groups.as_ptr()) }
}

pub(super) fn set_gid(gid: u32) -> c_int {
    // SAFETY: numbers only.
    unsafe { libc::setgid(gid) }
}

pub(super) fn set_uid(uid: u32) -> c_int {
    // SAFETY: numbers only.
    unsafe { libc::setuid(uid) }
}

pub(super) fn set_oom_score(_score: &CStr) -> Result<(), Failed> {
    Err(Failed { stage: Stage::OomScore, errno: libc::ENOTSUP })
}

pub(super) fn give_up_privileges() -> Result<(), Failed> {
    Err(Failed { stage: Stage::NoNewPrivs, errno: libc::ENOTSUP })
}

/// The system ends nobody when somebody else ends; the guardian does.
pub(super) fn tie_to(_runtime: libc::pid_t) -> Result<(), Failed> {
    Ok(())
}

/// Marks all above 2 as closed by the execution.
pub(super) fn mark_descriptors() {
    // SAFETY: without arguments. It is what the limit allows, and no more than the system does.
    mark_each(unsafe { libc::getdtablesize() });
}

pub(super) fn errno() -> i32 {
    // SAFETY: always points to the number of this thread.
    unsafe { *libc::__error() }
}
