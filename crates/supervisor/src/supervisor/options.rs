use std::path::PathBuf;
use std::time::Duration;

use perilune_exec_api::{Containment, EnvMode, Identity, Limits};
use perilune_restart::RestartStrategy;
use serde::{Deserialize, Serialize};

use super::options_text::OptionsText;

/// What holds for a supervisor as a whole.
///
/// There is nothing here about a guardian, which ends what is left when this program is killed: that is for a whole program
/// and needs one to run, so the program arms it itself; see [`guardian`](perilune_exec_native::guardian).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table of supervisor settings")]
#[non_exhaustive]
pub struct SupervisorConfig {
    /// Who is started again when one has failed.
    pub strategy: RestartStrategy,
    /// So many restarts of all together are within the window at most.
    pub max_restarts: u32,
    /// The window.
    #[serde(with = "perilune_restart::duration")]
    pub window: Duration,
    /// What happens when that is exceeded.
    pub on_exceeded: OnExceeded,
    /// How often the use of processor and memory is looked at; never if zero, and at least 250 ms apart.
    #[serde(with = "perilune_restart::duration")]
    pub sample_interval: Duration,
    /// How many events are kept for a receiver that is slow.
    pub event_capacity: usize,
    /// Whether this program collects what has lost its parent.
    pub init_duties: bool,
    /// The control group below which each run gets one of its own.
    pub cgroup_parent: Option<PathBuf>,
    /// Where relative paths of log files start.
    pub log_dir: Option<PathBuf>,
}

/// What happens when all together are restarted too often.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnExceeded {
    /// Everything is stopped.
    StopAll,
    /// Only the one that failed stays down.
    #[default]
    KeepOthers,
}

impl Default for SupervisorConfig {
    fn default() -> Self {
        Self {
            strategy: RestartStrategy::default(),
            max_restarts: 10,
            window: Duration::from_secs(60),
            on_exceeded: OnExceeded::default(),
            sample_interval: Duration::from_secs(2),
            event_capacity: 1024,
            init_duties: false,
            cgroup_parent: None,
            log_dir: None,
        }
    }
}

/// What holds for one process beyond its spec.
///
/// How it is written in a file is said by `[processes.supervision]` in the guide.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "OptionsText")]
#[non_exhaustive]
pub struct SupervisionOptions {
    /// What has to be there first.
    pub depends_on: Vec<Dependency>,
    /// Whether it starts with all others.
    pub autostart: bool,
    /// When it counts as running.
    pub readiness: Readiness,
    /// How long it may take to be ready.
    pub start_timeout: Duration,
    /// Lower ones are stopped first; without it, in reverse of the order in which they start.
    pub stop_order: Option<i32>,
    /// Whether it is restarted when one it depends on is.
    pub restart_with_dependency: bool,
    /// As whom it runs.
    pub identity: Identity,
    /// What it may use at most.
    pub limits: Limits,
    /// Its mask for new files.
    pub umask: Option<u32>,
    /// Its priority, from -20 to 19.
    pub nice: Option<i32>,
    /// How readily the system ends it when memory is short.
    pub oom_score_adj: Option<i32>,
    /// Whether it can never gain privileges.
    pub no_new_privs: bool,
    /// Whether it dies with this program.
    pub die_with_runtime: bool,
    /// Which variables of this program it gets.
    pub env_mode: EnvMode,
    /// Whether variables that look like secrets are not among those it gets from this program.
    pub strip_sensitive_env: bool,
    /// How what it starts is kept together.
    pub containment: Containment,
    /// Whether its use of processor and memory is looked at.
    pub sample: bool,
    /// It is restarted when it uses more, in bytes, three times in a row.
    pub max_memory: Option<u64>,
    /// It is stopped when it runs longer.
    pub run_timeout: Option<Duration>,
}

impl Default for SupervisionOptions {
    fn default() -> Self {
        Self {
            depends_on: Vec::new(),
            autostart: true,
            readiness: Readiness::default(),
            start_timeout: Duration::from_secs(60),
            stop_order: None,
            restart_with_dependency: false,
            identity: Identity::default(),
            limits: Limits::default(),
            umask: None,
            nice: None,
            oom_score_adj: None,
            no_new_privs: false,
            die_with_runtime: true,
            env_mode: EnvMode::Inherit,
            strip_sensitive_env: false,
            containment: Containment::Scan,
            sample: true,
            max_memory: None,
            run_timeout: None,
        }
    }
}

/// What has to be there before a process is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// The name of another process.
    pub name: String,
    /// What it has to be.
    pub condition: Condition,
}

/// What a process can be waited for to be. With several instances, all of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// It has a process.
    #[default]
    Started,
    /// It is ready.
    Ready,
    /// Its checks succeed.
    Healthy,
    /// It has ended.
    Completed,
    /// It has ended well.
    CompletedSuccessfully,
}

/// When a process that was started counts as running.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Readiness {
    /// At once.
    #[default]
    Immediate,
    /// When it has lived so long.
    MinUptime(Duration),
    /// When its first check succeeds.
    Healthy,
    /// When it writes a line that matches, to either output.
    LogLine(regex::Regex),
    /// When it writes a newline to the descriptor whose number is in `SUP_NOTIFY_FD`.
    NotifyFd,
    /// When it, or a process it started, sends `READY=1` to the socket whose address is in `NOTIFY_SOCKET`: what systemd
    /// calls `Type=notify`. Linux only.
    NotifySocket,
}
