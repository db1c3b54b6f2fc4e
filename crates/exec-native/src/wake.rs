//! Wakes a thread that waits for descriptors.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Readable from a call of [`wake`](Self::wake) on until it is [cleared](Self::clear).
pub(crate) struct Wake {
    fd: OwnedFd,
    #[cfg(not(all(target_os = "linux", not(perilune_portable))))]
    write: OwnedFd,
}

impl Wake {
    #[cfg(all(target_os = "linux", not(perilune_portable)))]
    pub(crate) fn new() -> io::Result<Self> {
        use rustix::event::EventfdFlags;
        Ok(Self { fd: rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)? })
    }

    #[cfg(not(all(target_os = "linux", not(perilune_portable))))]
    pub(crate) fn new() -> io::Result<Self> {
        let (read, write) = io::pipe()?;
        rustix::io::ioctl_fionbio(&read, true)?;
        rustix::io::ioctl_fionbio(&write, true)?;
        Ok(Self { fd: read.into(), write: write.into() })
    }

    pub(crate) fn wake(&self) {
        // Fails when nobody has cleared it for long, and then it is readable already.
        let _ = rustix::io::write(self.end(), &1_u64.to_ne_bytes());
    }

    pub(crate) fn clear(&self) {
        // What is left of a pipe makes for one more round.
        let _ = rustix::io::read(&self.fd, &mut [0; 256]);
    }

    fn end(&self) -> &OwnedFd {
        #[cfg(all(target_os = "linux", not(perilune_portable)))]
        return &self.fd;
        #[cfg(not(all(target_os = "linux", not(perilune_portable))))]
        return &self.write;
    }
}

impl AsFd for Wake {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use rustix::event::{PollFd, PollFlags, Timespec};

    use super::*;

    #[test]
    fn is_readable_until_it_is_cleared() {
        let wake = Wake::new().unwrap();
        let readable = || {
            let mut fd = [PollFd::new(&wake, PollFlags::IN)];
            rustix::event::poll(&mut fd, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() == 1
        };
        assert!(!readable());
        wake.wake();
        wake.wake();
        assert!(readable());
        wake.clear();
        assert!(!readable());
        // Nobody is held up, however often it is woken.
        (0..100_000).for_each(|_| wake.wake());
        assert!(readable());
    }
}
