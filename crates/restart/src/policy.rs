use serde::{Deserialize, Serialize};

/// After which ends something is started again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestartPolicy {
    /// After none. Configuration may also say `never`.
    #[serde(alias = "never")]
    Temporary,
    /// After a failure. Configuration may also say `on-failure`.
    #[default]
    #[serde(alias = "on-failure")]
    Transient,
    /// After every end. Configuration may also say `always`.
    #[serde(alias = "always")]
    Permanent,
}
