//! Linux: the new process shares the memory of the runtime until it executes its program, and only the thread that made it
//! is held up meanwhile. That costs the same however much memory the runtime has, which a copy of its page tables does not.

use std::ffi::{c_int, c_void};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};

use crate::handle::Leader;
use crate::launch::plan::{Failed, Stage};

use super::{Start, errno};

pub(super) struct Maker {
    /// What the new process uses until it has a stack of its own.
    stack: Box<[u128]>,
}

/// What the new process reads, and where it says what failed.
struct Shared<'a> {
    start: &'a Start<'a>,
    stage: AtomicI32,
    errno: AtomicI32,
}

impl Maker {
    pub(super) fn new() -> Self {
        Self { stack: vec![0; 256 * 1024 / size_of::<u128>()].into_boxed_slice() }
    }

    /// Returns when the new process runs its program, or has failed to and is gone.
    pub(super) fn make(&mut self, start: &Start<'_>) -> Result<(u32, Leader), Failed> {
        let shared = Shared { start, stage: AtomicI32::new(0), errno: AtomicI32::new(0) };
        let mut pidfd: c_int = -1;
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | libc::SIGCHLD;
        let top = self.stack.as_mut_ptr_range().end;
        // SAFETY: the stack is big enough for `child`, aligned, and used by nobody else: with CLONE_VFORK this thread
        // goes on only when the new process has left this memory. `shared` and `pidfd` outlive it for the same reason.
        let os_pid =
            unsafe { libc::clone(child, top.cast(), flags, (&raw const shared).cast_mut().cast(), &raw mut pidfd) };
        if os_pid < 0 {
            return Err(Failed { stage: Stage::Fork, errno: errno() });
        }
        // SAFETY: the system has just opened it for us.
        let leader = Leader::new(unsafe { OwnedFd::from_raw_fd(pidfd) });
        let Some(stage) = Stage::from_number(shared.stage.load(Ordering::Relaxed)) else {
            return Ok((os_pid.unsigned_abs(), leader));
        };
        leader.wait();
        Err(Failed { stage, errno: shared.errno.load(Ordering::Relaxed) })
    }
}

/// Where the new process begins.
extern "C" fn child(shared: *mut c_void) -> c_int {
    // SAFETY: `make` passes a `Shared` that outlives this.
    let shared = unsafe { &*shared.cast::<Shared<'_>>() };
    let failed = shared.start.run();
    shared.errno.store(failed.errno, Ordering::Relaxed);
    shared.stage.store(failed.stage as i32, Ordering::Relaxed);
    // SAFETY: ends the process without running anything of the runtime's.
    unsafe { libc::_exit(127) }
}

/// Sends a signal to the process that the descriptor stands for, and never to another that has its number.
pub(crate) fn signal_one(pidfd: BorrowedFd<'_>, signal: i32) -> io::Result<()> {
    let info = ptr::null_mut::<libc::siginfo_t>();
    // SAFETY: the descriptor is open, and no further information is passed.
    let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, info, 0) };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
