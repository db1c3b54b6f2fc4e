use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheckResult {
    /// Whether all was well.
    pub healthy: bool,
    /// When it was over, for display only.
    pub timestamp: DateTime<Utc>,
    /// How long it took.
    #[serde(with = "perilune_restart::duration")]
    pub duration: Duration,
    /// What was wrong.
    pub error: Option<String>,
    /// What else is to be told: what a script wrote, what a server answered.
    pub details: Option<String>,
}

impl HealthCheckResult {
    /// All was well, now.
    #[must_use]
    pub fn healthy(duration: Duration) -> Self {
        Self { healthy: true, timestamp: Utc::now(), duration, error: None, details: None }
    }

    /// Something was wrong, now.
    #[must_use]
    pub fn unhealthy(duration: Duration, error: impl Into<String>) -> Self {
        Self { healthy: false, timestamp: Utc::now(), duration, error: Some(error.into()), details: None }
    }

    /// With something else to tell.
    #[must_use]
    pub fn with_details(mut self, details: impl Into<String>) -> Self {
        self.details = Some(details.into());
        self
    }
}
