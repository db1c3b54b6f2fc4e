//! How a process is asked to end, and made to.

mod commands;
mod config;
mod manager;
mod signal;
mod state;

pub use commands::run_pre_shutdown_commands;
pub use config::{KillScope, ShutdownConfig};
pub use manager::ShutdownManager;
pub use signal::parse_signal;
pub use state::ShutdownState;

use std::time::Duration;

/// Why a shutdown did not go as it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShutdownError {
    /// There is no such signal.
    #[error("invalid signal: {0}")]
    InvalidSignal(String),
    /// The signal could not be sent.
    #[error("failed to send signal: {0}")]
    SignalFailed(String),
    /// A command that was to run before it failed.
    #[error("pre-shutdown command failed: {0}")]
    PreShutdownFailed(String),
    /// It took longer than it may.
    #[error("shutdown timed out after {}", humantime::format_duration(*.0))]
    Timeout(Duration),
}
