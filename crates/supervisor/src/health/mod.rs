//! Whether a process that runs also works.

mod config;
mod status;

pub use config::{CheckType, HealthCheckConfig, HealthError, OnUnhealthy};
pub use status::HealthStatus;
