use std::collections::HashMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Which secrets a process gets, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialConfig {
    /// Whose secrets.
    pub profile: String,
    /// Whether a process that runs takes new ones from its file when it is told.
    #[serde(default)]
    pub hot_swap: bool,
    /// How it is told.
    #[serde(default = "hangup")]
    pub hot_swap_signal: String,
    /// Whether they are renewed before they expire.
    #[serde(default)]
    pub auto_refresh: bool,
    /// Which field becomes which variable.
    #[serde(default)]
    pub env_mapping: HashMap<String, String>,
    /// A file with all fields, there while the process runs.
    #[serde(default)]
    pub config_file: Option<PathBuf>,
}

fn hangup() -> String {
    "SIGHUP".to_owned()
}

/// Why there are no secrets. Never contains one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// There is none of that name.
    #[error("profile `{0}` not found")]
    ProfileNotFound(String),
    /// It does not have that field.
    #[error("profile `{profile}` has no field `{field}`")]
    FieldMissing {
        /// Which profile.
        profile: String,
        /// Which field.
        field: String,
    },
    /// The settings cannot be used.
    #[error("{0}")]
    Invalid(String),
}

impl CredentialConfig {
    /// Whether a process would get anything.
    pub fn validate(&self) -> Result<(), CredentialError> {
        if self.profile.trim().is_empty() {
            return Err(CredentialError::Invalid("`profile` is required".to_owned()));
        }
        if self.env_mapping.is_empty() && self.config_file.is_none() {
            let text =
                format!("profile `{}` is given to nobody: neither `env_mapping` nor `config_file`", self.profile);
            return Err(CredentialError::Invalid(text));
        }
        crate::shutdown::parse_signal(&self.hot_swap_signal)
            .map_err(|error| CredentialError::Invalid(format!("`hot_swap_signal`: {error}")))?;
        Ok(())
    }
}
