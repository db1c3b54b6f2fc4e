//! Pipes between a process and this program. Our end never blocks, and neither end is inherited by whatever else is
//! started.

use std::io;
use std::os::fd::OwnedFd;

/// How much a program may write before it has to wait for a reader.
#[cfg(target_os = "linux")]
const OUTPUT_PIPE: usize = 256 << 10;

/// The reading end, which is theirs, then the writing end.
pub(crate) fn input_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (theirs, ours) = io::pipe()?;
    rustix::io::ioctl_fionbio(&ours, true)?;
    Ok((theirs.into(), ours.into()))
}

/// The reading end, then the writing end, which is theirs.
pub(crate) fn output_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (ours, theirs) = io::pipe()?;
    rustix::io::ioctl_fionbio(&ours, true)?;
    // With many pipes the system may refuse. The usual size is slower, and as good.
    #[cfg(target_os = "linux")]
    let _ = rustix::pipe::fcntl_setpipe_size(&ours, OUTPUT_PIPE);
    Ok((ours.into(), theirs.into()))
}
