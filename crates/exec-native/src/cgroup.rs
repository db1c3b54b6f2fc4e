//! A control group of a run's own: what is in it cannot leave it, and ends at a word.

use std::collections::HashSet;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use perilune_exec_api::{ExecError, ExecId};
use rustix::fs::{Mode, OFlags};

/// A folder below one that was given to the runtime.
pub(crate) struct Cgroup {
    folder: PathBuf,
    procs: Arc<OwnedFd>,
}

impl Cgroup {
    /// Makes one for a run.
    pub(crate) fn create(parent: &Path, run: ExecId) -> Result<Self, ExecError> {
        let refused =
            |source: std::io::Error| ExecError::Refused { operation: "make a control group", source: source.into() };
        let folder = parent.join(format!("run-{run}"));
        fs::create_dir(&folder).map_err(refused)?;
        let opened = rustix::fs::open(folder.join("cgroup.procs"), OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty());
        match opened {
            Ok(procs) => Ok(Self { folder, procs: Arc::new(procs) }),
            Err(error) => {
                let _ = fs::remove_dir(&folder);
                Err(refused(error.into()))
            }
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What a process writes to so as to join.
    pub(crate) fn procs(&self) -> Arc<OwnedFd> {
        self.procs.clone()
    }

    pub(crate) fn pids(&self) -> HashSet<u32> {
        pids(&self.folder)
    }

    /// Systems before 5.14 cannot; there the members are found and ended one by one.
    pub(crate) fn kill(&self) {
        kill(&self.folder);
    }

    /// Possible when nobody is in it; otherwise it stays.
    pub(crate) fn remove(&self) {
        let _ = fs::remove_dir(&self.folder);
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Who is in the group of that folder.
pub(crate) fn pids(folder: &Path) -> HashSet<u32> {
    let text = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

/// Ends everybody in the group of that folder, where the system can.
pub(crate) fn kill(folder: &Path) {
    let _ = fs::write(folder.join("cgroup.kill"), "1");
}
