//! Systems other than Linux: the new process has a copy of the memory, and says through a pipe what failed. Executing the
//! program closes the pipe.

use std::io::{self, Read};
use std::os::fd::AsRawFd;

use rustix::process::Pid;

use crate::handle::{Leader, Observer};
use crate::launch::plan::{Failed, Stage};

use super::{Start, errno};

pub(super) struct Maker;

impl Maker {
    pub(super) fn new() -> Self {
        Self
    }

    /// Returns when the new process runs its program, or has failed to and is gone.
    pub(super) fn make(&mut self, start: &Start<'_>) -> Result<(u32, Leader), Failed> {
        let failed = |errno| Failed { stage: Stage::Fork, errno };
        let refused = |error: io::Error| failed(error.raw_os_error().unwrap_or(libc::EAGAIN));
        let observer = Observer::new().map_err(refused)?;
        let (mut told, tell) = io::pipe().map_err(refused)?;
        // Above all numbers that the new process gives to others.
        let above = start.plan.extra.last().map_or(3, |(_, target)| target.saturating_add(1));
        let raised = rustix::io::fcntl_dupfd_cloexec(&tell, above).map_err(|error| refused(error.into()))?;
        drop(tell);
        // SAFETY: the new process does nothing but what is made for this moment, and never returns.
        let os_pid = unsafe { libc::fork() };
        if os_pid == 0 {
            let failed = start.run();
            let report = [failed.stage as i32, failed.errno];
            // SAFETY: the report is valid for its length, and so short that it is written whole. The process ends without
            // running anything of the runtime's.
            unsafe {
                libc::write(raised.as_raw_fd(), report.as_ptr().cast(), size_of_val(&report));
                libc::_exit(127)
            }
        }
        let pid = if os_pid > 0 { Pid::from_raw(os_pid) } else { None };
        let Some(pid) = pid else { return Err(failed(errno())) };
        drop(raised);
        let leader = observer.observe(pid);
        let (mut stage, mut errno) = ([0; 4], [0; 4]);
        if told.read_exact(&mut stage).and_then(|()| told.read_exact(&mut errno)).is_err() {
            return Ok((os_pid.unsigned_abs(), leader));
        }
        leader.wait();
        let stage = Stage::from_number(i32::from_ne_bytes(stage)).unwrap_or(Stage::Fork);
        Err(Failed { stage, errno: i32::from_ne_bytes(errno) })
    }
}

/// Sends a signal to the process of that number. Whoever calls makes sure that it is still the one that is meant.
pub(crate) fn signal_one(pid: Pid, signal: i32) -> io::Result<()> {
    let pid = pid.as_raw_nonzero().get();
    if pid <= 1 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: numbers only.
    if unsafe { libc::kill(pid, signal) } < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
