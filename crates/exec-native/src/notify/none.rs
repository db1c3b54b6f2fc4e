//! Systems that do not say who has sent something.

use std::convert::Infallible;
use std::io;

use super::Notification;

/// There is none.
#[derive(Debug)]
pub(super) struct Socket(Infallible);

impl Socket {
    pub(super) fn bind() -> io::Result<Self> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "notification sockets are not supported on this system"))
    }

    pub(super) fn address(&self) -> &str {
        match self.0 {}
    }

    pub(super) async fn receive<'a>(&self, _: &'a mut [u8]) -> io::Result<Notification<'a>> {
        match self.0 {}
    }
}
