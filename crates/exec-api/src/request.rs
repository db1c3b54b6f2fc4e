use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::command::CommandLine;

/// What to start, and how. Whatever is `None` or empty is for the executor to decide.
///
/// ```
/// use perilune_exec_api::{CommandLine, ExecRequest};
///
/// let mut request = ExecRequest::new(CommandLine::argv("sort", ["-r"]));
/// request.env.insert("LC_ALL".to_owned(), "C".to_owned());
/// assert!(request.work_dir.is_none());
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ExecRequest {
    /// The program and its arguments.
    pub command: CommandLine,
    /// Where it runs.
    pub work_dir: Option<PathBuf>,
    /// Variables, over those of the executor.
    pub env: BTreeMap<String, String>,
    /// What is below them.
    pub env_mode: EnvMode,
    /// What it reads.
    pub stdin: StdinMode,
    /// When its input ends without being closed.
    pub stdin_eof: Option<StdinEof>,
    /// What it may use at most.
    pub limits: Limits,
    /// As whom it runs.
    pub identity: Identity,
    /// How long it may run.
    pub timeout: Option<Duration>,
    /// How long it has to obey [`Stop::Graceful`](crate::Stop::Graceful).
    pub stop_grace: Option<Duration>,
    /// Whether what it started ends with it.
    pub sweep_on_exit: bool,
    /// How what it started is found.
    pub containment: Containment,
}

impl ExecRequest {
    /// A request with nothing but a command: a clean environment and piped input.
    pub fn new(command: CommandLine) -> Self {
        Self {
            command,
            work_dir: None,
            env: BTreeMap::new(),
            env_mode: EnvMode::Clean,
            stdin: StdinMode::Piped,
            stdin_eof: None,
            limits: Limits::default(),
            identity: Identity::default(),
            timeout: None,
            stop_grace: None,
            sweep_on_exit: true,
            containment: Containment::Scan,
        }
    }
}

/// Which variables of the runtime a process gets, below those it is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum EnvMode {
    /// None. Without a `PATH` of its own it gets a plain one.
    #[default]
    Clean,
    /// All, except those that are about the runtime alone.
    Inherit,
    /// Those.
    Allow(Vec<String>),
}

/// What a process reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StdinMode {
    /// Nothing.
    Null,
    /// What is written to it.
    #[default]
    Piped,
}

/// When the input of a process ends without being closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StdinEof {
    /// Never.
    #[default]
    Explicit,
    /// After the first write.
    AfterFirstWrite,
    /// When it seems to wait for more for that long, see [`Process::stdin_idle`](crate::Process::stdin_idle).
    Idle(Duration),
}

/// What a process may use at most; `None` leaves it as it is for the runtime.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Open files.
    pub open_files: Option<u64>,
    /// Processes of its user.
    pub processes: Option<u64>,
    /// Bytes of an image of it when it crashes.
    pub core: Option<u64>,
    /// Bytes of address space.
    pub address_space: Option<u64>,
    /// Seconds of processor time.
    pub cpu_seconds: Option<u64>,
    /// Bytes of a file it writes.
    pub file_size: Option<u64>,
}

/// As whom a process runs; `None` is as the runtime does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// User.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
    /// Further groups. With another user or group and without these, it has none.
    pub groups: Option<Vec<u32>>,
}

/// How the tree of a process is found when it ends. A backend without the level asked for takes the best it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Containment {
    /// By process group and session.
    Group,
    /// By parentage and by a mark in the environment, too.
    #[default]
    Scan,
    /// By a control group that nobody leaves.
    Cgroup,
}
