//! A control group of a run's own: what is in it cannot leave it, and ends at a word.

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use perilune_exec_api::ExecError;
use rustix::fs::{Mode, OFlags};

/// A folder below one that was given to the runtime.
pub(crate) struct Cgroup {
    folder: PathBuf,
    procs: Arc<OwnedFd>,
}

impl Cgroup {
    /// Makes one for the run of that name.
    pub(crate) fn create(parent: &Path, run: &str) -> Result<Self, ExecError> {
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

    /// Sets limits: files of the group, and what is written to them. The parent is asked to hand the controllers down.
    pub(crate) fn limit(&self, limits: &[(&str, String)]) -> Result<(), ExecError> {
        for (file, value) in limits {
            let path = self.folder.join(file);
            if !path.exists() {
                let controller = file.split('.').next().unwrap_or_default();
                let parent = self.folder.parent().unwrap_or(&self.folder);
                let _ = fs::write(parent.join("cgroup.subtree_control"), format!("+{controller}"));
            }
            // Opened, not made: a control group without that controller does not have the file.
            let written =
                fs::OpenOptions::new().write(true).open(&path).and_then(|mut file| file.write_all(value.as_bytes()));
            written.map_err(|source| ExecError::Refused { operation: "set the limits", source: source.into() })?;
        }
        Ok(())
    }

    /// Whether the system ended something in it for want of memory.
    pub(crate) fn oom_killed(&self) -> Option<bool> {
        let events = fs::read_to_string(self.folder.join("memory.events")).ok()?;
        let killed = events.lines().find_map(|line| line.strip_prefix("oom_kill "))?;
        killed.parse::<u64>().ok().map(|killed| killed > 0)
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
