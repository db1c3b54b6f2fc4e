//! Whether a process that runs also works.

mod check;
mod checker;
mod config;
mod keys;
mod result;
mod status;

pub use check::run_check;
pub use checker::HealthChecker;
pub use config::{CheckType, HealthCheckConfig, HealthError, OnUnhealthy};
pub use result::HealthCheckResult;
pub use status::HealthStatus;
