use std::path::PathBuf;
use std::time::Duration;

use perilune_exec_api::{Containment, ExecError};

use super::{ChildOutput, OutputSink};
use crate::cgroup::Cgroup;
use crate::tree::KillScope;

/// How a [`Child`](super::Child) is looked after.
#[non_exhaustive]
pub struct ChildOptions {
    /// The value of `SUP_RUN_ID`, by which what it starts is recognised. No two processes may have the same; it is part of
    /// a file name at level [`Containment::Cgroup`].
    pub mark: String,
    /// How closely what it starts is held.
    pub containment: Containment,
    /// Where control groups can be made, for [`Containment::Cgroup`]. If none can, the process is held as closely as is
    /// possible without, unless there are limits to keep.
    pub cgroup: Option<CgroupOptions>,
    /// Who is asked to end, and who is forced to.
    pub kill_scope: KillScope,
    /// Whether what is left ends with a process that ended by itself.
    pub sweep_on_exit: bool,
    /// How long what is left has to obey.
    pub leftover_grace: Duration,
    /// How long output is waited for when nothing is left and somebody else still could write to it.
    pub drain_timeout: Duration,
    /// One pipe for both outputs, so that their order is exact. Everything is standard output then.
    pub merge_stderr: bool,
    /// What looks on at the output. It is for one process: made and subscribed to before the start, it misses nothing.
    pub output: ChildOutput,
    /// Whether the tree is killed when the [`Child`](super::Child) is dropped.
    pub kill_on_drop: bool,
    /// Who gets all of the standard output, in this order.
    pub stdout: Vec<Box<dyn OutputSink>>,
    /// Who gets all of the standard error.
    pub stderr: Vec<Box<dyn OutputSink>>,
}

/// Where a control group for a process is made, and what it limits.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CgroupOptions {
    /// The folder of a group (version 2) that this program may make others in.
    pub parent: PathBuf,
    /// Bytes of memory for the whole tree.
    pub memory: Option<u64>,
    /// Time on processors for the whole tree, in thousandths of one.
    pub cpu_millis: Option<u32>,
    /// Processes and threads in the tree.
    pub pids: Option<u64>,
}

impl ChildOptions {
    /// The usual ones, for a process with that mark.
    pub fn new(mark: impl Into<String>) -> Self {
        Self {
            mark: mark.into(),
            containment: Containment::Scan,
            cgroup: None,
            kill_scope: KillScope::Group,
            sweep_on_exit: true,
            leftover_grace: Duration::from_secs(2),
            drain_timeout: Duration::from_secs(2),
            merge_stderr: false,
            output: ChildOutput::new(64 << 10),
            kill_on_drop: true,
            stdout: Vec::new(),
            stderr: Vec::new(),
        }
    }
}

impl std::fmt::Debug for ChildOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sinks = (self.stdout.len(), self.stderr.len());
        let mut text = f.debug_struct("ChildOptions");
        text.field("mark", &self.mark).field("containment", &self.containment).field("cgroup", &self.cgroup);
        text.field("kill_scope", &self.kill_scope).field("sinks", &sinks).finish_non_exhaustive()
    }
}

impl CgroupOptions {
    /// Groups below that one, without limits.
    pub fn below(parent: impl Into<PathBuf>) -> Self {
        Self { parent: parent.into(), ..Self::default() }
    }

    fn limits(&self) -> Vec<(&'static str, String)> {
        /// What the system measures processor time against, in microseconds.
        const PERIOD: u64 = 100_000;
        let cpu = self.cpu_millis.map(|millis| format!("{} {PERIOD}", u64::from(millis) * PERIOD / 1000));
        let memory = self.memory.map(|bytes| bytes.to_string());
        let all = [("memory.max", memory), ("cpu.max", cpu), ("pids.max", self.pids.map(|pids| pids.to_string()))];
        all.into_iter().filter_map(|(file, value)| Some((file, value?))).collect()
    }
}

/// Makes the control group of a process, if it is to have one and can.
pub(super) fn join(
    level: Containment,
    options: Option<&CgroupOptions>,
    mark: &str,
) -> Result<Option<Cgroup>, ExecError> {
    let Some(options) = options.filter(|_| level == Containment::Cgroup) else { return Ok(None) };
    if mark.contains('/') {
        return Err(ExecError::Invalid(format!("`{mark}` cannot be part of a file name")));
    }
    let limits = options.limits();
    match Cgroup::create(&options.parent, mark) {
        Ok(cgroup) => cgroup.limit(&limits).map(|()| Some(cgroup)),
        Err(error) if limits.is_empty() => {
            let parent = options.parent.display();
            tracing::warn!(%parent, error = &error as &dyn std::error::Error, "a process gets no control group");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
