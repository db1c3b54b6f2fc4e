use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::ProfileId;

/// Which secrets a process gets, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table of credential settings")]
pub struct CredentialConfig {
    /// Whose secrets.
    pub profile: String,
    /// Whether a process that runs takes new ones from its file when it is told.
    #[serde(default)]
    pub hot_swap: bool,
    /// How it is told.
    #[serde(default = "hangup")]
    pub hot_swap_signal: String,
    /// Whether they are renewed before they expire. A supervisor without a [`CredentialRefresher`](super::CredentialRefresher)
    /// refuses that; if it is not known when they expire, it means nothing.
    #[serde(default)]
    pub auto_refresh: bool,
    /// Which field becomes which variable.
    #[serde(default)]
    pub env_mapping: HashMap<String, String>,
    /// A file with all fields, there while the process runs: TOML or JSON if its name ends so, otherwise lines like
    /// `NAME="value"`. `{name}` and `{instance}` stand for those; with several instances and without the latter, the
    /// number comes before the ending.
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
    /// The settings, or what a source has, cannot be used.
    #[error("{0}")]
    Invalid(String),
    /// A file could not be read, written or removed.
    #[error("could not {operation} `{}`", path.display())]
    Storage {
        /// What was tried.
        operation: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The secrets of this process are being renewed already.
    #[error("secrets of profile `{0}` are being renewed already")]
    RotationInProgress(String),
    /// The secrets of a profile could not be renewed.
    #[error("secrets of profile `{0}` could not be renewed")]
    RefreshFailed(String),
}

impl CredentialError {
    pub(super) fn storage(operation: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::Storage { operation, path: path.to_owned(), source }
    }

    /// The field that it is about, if it is about one.
    pub(crate) fn field(&self) -> Option<&str> {
        match self {
            Self::FieldMissing { field, .. } => Some(field),
            _ => None,
        }
    }
}

impl CredentialConfig {
    /// Whether a process would get anything.
    pub fn validate(&self) -> Result<(), CredentialError> {
        if self.profile.trim().is_empty() {
            return Err(CredentialError::Invalid("`profile` is required".to_owned()));
        }
        ProfileId::new(self.profile.as_str())?;
        if self.env_mapping.is_empty() && self.config_file.is_none() {
            let text =
                format!("profile `{}` is given to nobody: neither `env_mapping` nor `config_file`", self.profile);
            return Err(CredentialError::Invalid(text));
        }
        for (field, variable) in &self.env_mapping {
            if variable.is_empty() || variable.contains(['=', '\0']) {
                let text = format!("`env_mapping`: field `{field}` has no variable that can be");
                return Err(CredentialError::Invalid(text));
            }
            if self.env_mapping.iter().any(|(other, name)| other != field && name == variable) {
                let text = format!("`env_mapping`: two fields want variable `{variable}`");
                return Err(CredentialError::Invalid(text));
            }
        }
        if self.config_file.as_ref().is_some_and(|path| path.file_name().is_none()) {
            return Err(CredentialError::Invalid("`config_file` is no name for a file".to_owned()));
        }
        if self.hot_swap && self.config_file.is_none() {
            return Err(CredentialError::Invalid("`hot_swap` needs `config_file`".to_owned()));
        }
        crate::shutdown::parse_signal(&self.hot_swap_signal)
            .map_err(|error| CredentialError::Invalid(format!("`hot_swap_signal`: {error}")))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<(), &str>) {
        let config: CredentialConfig = toml::from_str(text).unwrap();
        let found = config.validate().map_err(|error| error.to_string());
        assert_eq!(found.as_ref().map_err(String::as_str).copied(), expected, "{text}");
    }

    #[test]
    fn secrets_have_an_owner_and_a_way_to_the_process() {
        check("profile = 'mail'\nenv_mapping = { key = 'MAIL_KEY' }", Ok(()));
        check("profile = 'mail'\nconfig_file = '/run/mail.toml'\nhot_swap = true", Ok(()));
        check("profile = ' '\nconfig_file = '/x'", Err("`profile` is required"));
        check("profile = 'a/b'\nconfig_file = '/x'", Err("\"a/b\" cannot be the name of a profile"));
        check("profile = 'mail'", Err("profile `mail` is given to nobody: neither `env_mapping` nor `config_file`"));
    }

    #[test]
    fn settings_that_contradict_themselves_are_refused() {
        let env = "profile = 'mail'\nenv_mapping = ";
        check(&format!("{env}{{ key = '' }}"), Err("`env_mapping`: field `key` has no variable that can be"));
        check(&format!("{env}{{ key = 'A=B' }}"), Err("`env_mapping`: field `key` has no variable that can be"));
        check(&format!("{env}{{ a = 'X', b = 'X' }}"), Err("`env_mapping`: two fields want variable `X`"));
        check(&format!("{env}{{ a = 'X' }}\nhot_swap = true"), Err("`hot_swap` needs `config_file`"));
        check("profile = 'mail'\nconfig_file = '/'", Err("`config_file` is no name for a file"));
        check(
            "profile = 'mail'\nconfig_file = '/x'\nhot_swap_signal = 'NOPE'",
            Err("`hot_swap_signal`: invalid signal: `NOPE`"),
        );
    }
}
