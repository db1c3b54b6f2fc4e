//! How a process shows that it is ready.

mod line;
mod notify;
mod socket;

pub use line::LineMatcher;
pub use notify::NotifyPipe;
pub(crate) use socket::ReadySocket;

/// The variable that tells a process which descriptor waits for its newline.
pub(crate) const NOTIFY_FD: &str = "SUP_NOTIFY_FD";
