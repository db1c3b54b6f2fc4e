use std::fmt;

use serde::{Deserialize, Serialize};

/// What the checks of a process say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// Nothing yet.
    #[default]
    Unknown,
    /// Enough of them have succeeded.
    Healthy,
    /// Too many of them have failed.
    Unhealthy,
    /// The first one is being made.
    Checking,
}

impl fmt::Display for HealthStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "unknown",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
            Self::Checking => "checking",
        })
    }
}
