use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::ExitClassification;
use crate::health::HealthStatus;
use crate::process::ProcessState;

/// What one instance is at, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct InstanceStatus {
    /// The name of its spec.
    pub name: String,
    /// Which of the instances, from 0.
    pub instance: u32,
    /// Both in one.
    pub display_name: String,
    /// What its newest run is at.
    pub state: ProcessState,
    /// What it should be.
    pub desired: Desired,
    /// What is done about it.
    pub phase: Phase,
    /// The number of its process, while that runs.
    pub pid: Option<u32>,
    /// The number of its newest process.
    pub last_pid: Option<u32>,
    /// Its newest run.
    pub run_id: Option<Uuid>,
    /// When that began.
    pub started_at: Option<DateTime<Utc>>,
    /// How long it has lasted, while it runs.
    #[serde(with = "perilune_restart::duration::option")]
    pub uptime: Option<Duration>,
    /// How often it was started again, by itself or by hand.
    pub restart_count: u32,
    /// How many restarts count against its limit now.
    pub restarts_in_window: u32,
    /// How long until it is started again.
    #[serde(with = "perilune_restart::duration::option")]
    pub next_restart_in: Option<Duration>,
    /// How its newest finished run ended.
    pub last_exit: Option<LastExit>,
    /// What its checks say.
    pub health: HealthStatus,
    /// Whether it has shown that it is ready.
    pub ready: bool,
    /// Whether its spec or its secrets are newer than its run.
    pub restart_needed: bool,
    /// 100 is one core.
    pub cpu_percent: Option<f32>,
    /// Resident bytes.
    pub memory_bytes: Option<u64>,
    /// How what it starts is kept together: `group`, `scan` or `cgroup`.
    pub containment: &'static str,
    /// Bytes that its newest run wrote to its standard output.
    pub bytes_out: u64,
    /// Bytes that its newest run wrote to its standard error output.
    pub bytes_err: u64,
    /// Bytes of those that could not be kept.
    pub bytes_lost: u64,
}

/// What an instance should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Desired {
    /// Running.
    Up,
    /// Not running.
    Down,
}

/// What is done about an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Nothing: there is no process, and none is to come.
    Idle,
    /// It starts when others are there.
    WaitingForDependency,
    /// It is being started.
    Launching,
    /// It runs.
    Up,
    /// It is being stopped.
    Stopping,
    /// It starts again later.
    Backoff,
    /// It failed too often and starts again only when somebody says so.
    GaveUp,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LastExit {
    /// Its code, unless a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// In a word.
    pub classification: ExitClassification,
    /// Why it could not be started, if so.
    pub error: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
    /// How long it had run.
    #[serde(with = "perilune_restart::duration")]
    pub uptime: Duration,
    /// How many processes it left behind that had to be killed.
    pub leftovers_killed: u32,
}
