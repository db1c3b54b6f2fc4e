//! What stands for a process: a descriptor where the system has such, its number and start where it does not.

#[cfg(all(target_os = "linux", not(perilune_portable)))]
mod pidfd;
#[cfg(all(target_os = "linux", not(perilune_portable)))]
pub(crate) use pidfd::{Leader, Other};

#[cfg(not(all(target_os = "linux", not(perilune_portable))))]
mod number;
#[cfg(not(all(target_os = "linux", not(perilune_portable))))]
pub(crate) use number::{Leader, Observer, Other};

use rustix::process::{WaitIdOptions, WaitIdStatus};

use crate::table::{self, Entry};

impl Leader {
    /// How it ended, if it has. Its status stays where it is.
    pub(crate) fn peek(&self) -> rustix::io::Result<Option<WaitIdStatus>> {
        rustix::process::waitid(self.id(), WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT)
    }

    /// Collects its status, if it has ended.
    pub(crate) fn reap(&self) -> rustix::io::Result<Option<WaitIdStatus>> {
        rustix::process::waitid(self.id(), WaitIdOptions::EXITED | WaitIdOptions::NOHANG)
    }

    /// Waits for its end and collects its status.
    pub(crate) fn wait(&self) {
        while matches!(rustix::process::waitid(self.id(), WaitIdOptions::EXITED), Err(rustix::io::Errno::INTR)) {}
    }
}

impl Other {
    /// Collects the status of one that has ended as a child of this program.
    pub(crate) fn reap(&self) {
        let reap = || rustix::process::waitid(self.id(), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
        while matches!(reap(), Err(rustix::io::Errno::INTR)) {}
    }
}

/// Whether the process of that number is still the one of the entry, and in the same session and group. Where numbers are
/// few, another can start in the same tick, but not in the same session.
fn is_still(entry: &Entry) -> bool {
    table::entry(entry.pid)
        .is_some_and(|now| now.started == entry.started && now.session == entry.session && now.group == entry.group)
}
