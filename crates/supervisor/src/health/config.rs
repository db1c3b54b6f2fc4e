use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How and how often a process is checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HealthCheckConfig {
    /// What is done.
    #[serde(flatten)]
    pub check_type: CheckType,
    /// From the start of one check to that of the next; they never overlap.
    #[serde(with = "perilune_restart::duration")]
    pub interval: Duration,
    /// A check that takes longer has failed.
    #[serde(with = "perilune_restart::duration")]
    pub timeout: Duration,
    /// So many failures in a row make it unhealthy.
    #[serde(alias = "retries")]
    pub unhealthy_threshold: u32,
    /// So many successes in a row make it healthy.
    pub healthy_threshold: u32,
    /// Nothing is checked before.
    #[serde(with = "perilune_restart::duration")]
    pub initial_delay: Duration,
    /// Failures before do not count, until the first success.
    #[serde(with = "perilune_restart::duration")]
    pub start_period: Duration,
    /// The interval until the first success; at most a second if `None`.
    #[serde(with = "perilune_restart::duration::option")]
    pub start_interval: Option<Duration>,
    /// What follows.
    pub on_unhealthy: OnUnhealthy,
}

/// What a check does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum CheckType {
    /// Nothing.
    #[default]
    None,
    /// Asks a web server.
    Http {
        /// What it is asked for.
        url: String,
        /// The answers that are good; 200 if empty.
        #[serde(default)]
        expected_status: Vec<u16>,
        /// What the answer must contain.
        #[serde(default)]
        expected_body: Option<String>,
    },
    /// Connects.
    Tcp {
        /// A name or an address.
        host: String,
        /// The port.
        port: u16,
    },
    /// Runs a script, which must end with 0.
    Script {
        /// Where it is.
        path: PathBuf,
        /// Its arguments.
        #[serde(default)]
        args: Vec<String>,
    },
    /// Runs a program, which must end with 0.
    #[serde(alias = "exec")]
    Command {
        /// A path, or a name to look for.
        command: String,
        /// Its arguments.
        #[serde(default)]
        args: Vec<String>,
    },
    /// Looks whether the process is there.
    Liveness,
}

/// What follows when a process is unhealthy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUnhealthy {
    /// It is stopped, and the restart policy decides as after a failure.
    #[default]
    Restart,
    /// It is stopped and stays so.
    Stop,
    /// Everybody is told.
    Report,
}

/// What is wrong with a check.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HealthError(pub(crate) String);

impl Default for HealthCheckConfig {
    fn default() -> Self {
        Self {
            check_type: CheckType::None,
            interval: Duration::from_secs(30),
            timeout: Duration::from_secs(5),
            unhealthy_threshold: 3,
            healthy_threshold: 1,
            initial_delay: Duration::ZERO,
            start_period: Duration::ZERO,
            start_interval: None,
            on_unhealthy: OnUnhealthy::default(),
        }
    }
}

impl HealthCheckConfig {
    /// Whether checks can be made like that.
    pub fn validate(&self) -> Result<(), HealthError> {
        let wrong = |text: &str| Err(HealthError(text.to_owned()));
        if self.timeout.is_zero() {
            return wrong("`timeout` must be more than nothing");
        }
        if self.interval.is_zero() || self.start_interval.is_some_and(|interval| interval.is_zero()) {
            return wrong("`interval` must be more than nothing");
        }
        if self.unhealthy_threshold == 0 || self.healthy_threshold == 0 {
            return wrong("thresholds must be at least 1");
        }
        Ok(())
    }
}
