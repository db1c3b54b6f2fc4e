use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ShutdownError, parse_signal};

/// How a process is stopped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table of shutdown settings")]
pub struct ShutdownConfig {
    /// How long it has to obey.
    #[serde(with = "perilune_restart::duration")]
    pub timeout: Duration,
    /// What asks it to end: a name or a number, as [`parse_signal`] takes it.
    pub signal: String,
    /// How much longer a supervisor waits before it kills. A runner that is stopped directly does not wait.
    #[serde(with = "perilune_restart::duration")]
    pub kill_delay: Duration,
    /// Whether it is killed if it does not obey.
    pub force_kill: bool,
    /// Run by the shell, one after the other, before the signal.
    pub pre_shutdown_commands: Vec<String>,
    /// How long all of them together may take.
    #[serde(with = "perilune_restart::duration")]
    pub pre_shutdown_timeout: Duration,
    /// Who gets the signal, and who is killed.
    pub kill_scope: KillScope,
    /// How long what the process left behind has to obey.
    #[serde(with = "perilune_restart::duration")]
    pub leftover_grace: Duration,
    /// How long output is read after the end, if somebody else still could write.
    #[serde(with = "perilune_restart::duration")]
    pub drain_timeout: Duration,
    /// Whether what it left behind is ended when it ends by itself.
    pub sweep_on_exit: bool,
    /// Whether it is killed when nobody holds its runner any more.
    pub kill_on_drop: bool,
}

/// Who gets the signal that asks a process to end, and who is killed if it does not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KillScope {
    /// Everything that came from it gets both.
    #[default]
    Group,
    /// The process itself is asked; everything is killed.
    Mixed,
    /// The process itself gets both; what it leaves behind is reported and not touched.
    Leader,
}

impl Default for ShutdownConfig {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            signal: "SIGTERM".to_owned(),
            kill_delay: Duration::from_secs(5),
            force_kill: true,
            pre_shutdown_commands: Vec::new(),
            pre_shutdown_timeout: Duration::from_secs(10),
            kill_scope: KillScope::default(),
            leftover_grace: Duration::from_secs(2),
            drain_timeout: Duration::from_secs(2),
            sweep_on_exit: true,
            kill_on_drop: true,
        }
    }
}

impl ShutdownConfig {
    /// Whether the signal exists.
    pub fn validate(&self) -> Result<(), ShutdownError> {
        parse_signal(&self.signal).map(drop)
    }
}
