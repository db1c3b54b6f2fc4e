//! Where a process says how it is doing, by the protocol that systemd has for that.

#[cfg_attr(target_os = "linux", path = "notify/linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "notify/none.rs")]
mod system;

use std::io;

/// The variable with the address of the socket.
pub const NOTIFY_SOCKET: &str = "NOTIFY_SOCKET";

/// A socket for the notifications of one process: whoever knows its [address](Self::address) can send, and the system says
/// who did. Linux only.
///
/// Its address is a name without a file. So it can be reached from any folder and by any user, nothing is left of it however
/// this program ends, and it is never used again. Everybody in the same network namespace can send to it: ask
/// [`TreeHandle::has`](crate::usage::TreeHandle::has) before you believe something, and receive all the time, for who sends to
/// a socket that nobody reads is kept waiting.
#[derive(Debug)]
pub struct NotifySocket(system::Socket);

/// What somebody has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notification<'a> {
    /// The process that sent it, which may have ended since.
    pub os_pid: u32,
    /// As it was sent: lines like `READY=1`, if the sender keeps to the protocol.
    pub text: &'a [u8],
}

impl NotifySocket {
    /// A new one. Needs a Tokio runtime with I/O around the call. [`io::ErrorKind::Unsupported`] elsewhere than on Linux.
    pub fn bind() -> io::Result<Self> {
        system::Socket::bind().map(Self)
    }

    /// What a process has to find in `NOTIFY_SOCKET`.
    pub fn address(&self) -> &str {
        self.0.address()
    }

    /// The next notification. A call that is given up loses nothing. systemd takes notifications of up to 4096 bytes.
    ///
    /// What has no room in `buffer`, or comes from a process that cannot be seen from here, is passed over. Descriptors
    /// that are sent along are closed, for which some senders wait.
    pub async fn receive<'a>(&self, buffer: &'a mut [u8]) -> io::Result<Notification<'a>> {
        self.0.receive(buffer).await
    }
}

impl Notification<'_> {
    /// Whether one of its lines says that the process is ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.text.split(|byte| *byte == b'\n').any(|line| line == b"READY=1")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &[u8], expected: bool) {
        assert_eq!(Notification { os_pid: 1, text }.is_ready(), expected, "{}", text.escape_ascii());
    }

    #[test]
    fn only_a_whole_line_says_ready() {
        for text in [&b"READY=1"[..], b"READY=1\n", b"STATUS=up\nREADY=1\nMAINPID=7", b"\xff\0\nREADY=1"] {
            check(text, true);
        }
        for text in [&b""[..], b"\n", b"READY=0", b"READY=11", b"READY=", b"READY=1\0", b" READY=1", b"STATUS=READY=1"]
        {
            check(text, false);
        }
    }
}
