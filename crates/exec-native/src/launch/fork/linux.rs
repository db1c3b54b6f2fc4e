//! What Linux alone does, or in a way of its own.

use std::ffi::{CStr, c_long};
use std::os::fd::RawFd;
use std::ptr;

use crate::launch::plan::{Failed, Stage};

use super::{check, mark_each};

pub(super) fn default_signals() {
    for signal in 1..=64 {
        // SAFETY: a zeroed action is the default one, and smaller than this. Signals that must not be changed are
        // refused without harm. The C library would also refuse those it keeps for itself, ignored or not.
        unsafe {
            let action = [0_u64; 8];
            libc::syscall(libc::SYS_rt_sigaction, signal, action.as_ptr(), ptr::null_mut::<u64>(), 8);
        }
    }
}

pub(super) fn set_limit(resource: i64, value: u64) -> c_long {
    let limit = libc::rlimit64 { rlim_cur: value, rlim_max: value };
    // SAFETY: the limit is valid; the call changes this process only.
    unsafe { libc::syscall(libc::SYS_prlimit64, 0, resource, &raw const limit, ptr::null_mut::<libc::rlimit64>()) }
}

// Users and groups go past the C library, which would change those of all threads of the runtime.

pub(super) fn set_groups(groups: &[u32]) -> c_long {
    // SAFETY: the list is valid for its length.
    unsafe { libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()) }
}

pub(super) fn set_gid(gid: u32) -> c_long {
    // SAFETY: numbers only.
    unsafe { libc::syscall(libc::SYS_setresgid, gid, gid, gid) }
}

pub(super) fn set_uid(uid: u32) -> c_long {
    // SAFETY: numbers only.
    unsafe { libc::syscall(libc::SYS_setresuid, uid, uid, uid) }
}

pub(super) fn set_oom_score(score: &CStr) -> Result<(), Failed> {
    // SAFETY: the texts are valid, and the descriptor is ours.
    unsafe {
        let fd = libc::open(c"/proc/self/oom_score_adj".as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        check(Stage::OomScore, fd)?;
        let checked = check(Stage::OomScore, libc::write(fd, score.as_ptr().cast(), score.count_bytes()) as c_long);
        libc::close(fd);
        checked
    }
}

pub(super) fn give_up_privileges() -> Result<(), Failed> {
    // SAFETY: numbers only.
    check(Stage::NoNewPrivs, unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) })
}

/// It is killed when the thread ends that made it.
pub(super) fn tie_to(runtime: libc::pid_t) -> Result<(), Failed> {
    // SAFETY: numbers only.
    unsafe {
        check(Stage::DieWithRuntime, libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL))?;
        if libc::getppid() != runtime {
            libc::_exit(127);
        }
    }
    Ok(())
}

/// Marks all above 2 as closed by the execution.
pub(super) fn mark_descriptors() {
    // SAFETY: numbers, and room for one limit.
    unsafe {
        if libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) < 0 {
            // Systems before 5.11. What is open lies below the limit, or was opened before the limit was lowered.
            let mut limit: libc::rlimit64 = std::mem::zeroed();
            libc::getrlimit64(libc::RLIMIT_NOFILE, &mut limit);
            mark_each(limit.rlim_cur.min(1 << 20) as RawFd);
        }
    }
}

pub(super) fn errno() -> i32 {
    // SAFETY: always points to the number of this thread; a process that shares the memory of the runtime has that of the
    // thread that waits for it.
    unsafe { *libc::__errno_location() }
}
