use std::time::Duration;

use super::{CredentialError, ProfileId};

/// Renews secrets where their source has them, before they expire.
///
/// ```
/// use std::sync::Arc;
///
/// use perilune_supervisor::credentials::{
///     AuthMethod, CredentialError, CredentialRefresher, CredentialStore, ProfileId, RefreshConfig,
/// };
/// use perilune_supervisor::{Supervisor, SupervisorConfig};
/// # fn ask_the_server() -> Option<AuthMethod> {
/// #     None
/// # }
///
/// struct Renewing(Arc<CredentialStore>);
///
/// impl CredentialRefresher for Renewing {
///     fn refresh(&self, profile: &ProfileId) -> Result<(), CredentialError> {
///         let mut renewed = self.0.get(profile)?;
///         renewed.auth = ask_the_server().ok_or_else(|| CredentialError::RefreshFailed(profile.to_string()))?;
///         self.0.store(renewed);
///         Ok(())
///     }
/// }
///
/// let store = Arc::new(CredentialStore::new());
/// let refresher = Arc::new(Renewing(store.clone()));
/// let supervisor =
///     Supervisor::with_refresher(SupervisorConfig::default(), store, refresher, RefreshConfig::default());
/// ```
pub trait CredentialRefresher: Send + Sync {
    /// Gets new secrets of a profile, and puts them where the [`CredentialProvider`](super::CredentialProvider) of the
    /// supervisor finds them. When it returns they are fetched there, for all who have the old ones.
    ///
    /// May block. It is called from many threads, but for one profile never twice at a time. What an error says is shown to
    /// nobody but the name of a [field](CredentialError::FieldMissing).
    fn refresh(&self, profile: &ProfileId) -> Result<(), CredentialError>;
}

/// When secrets are renewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshConfig {
    /// So long before they expire. At once if less is left; but between the beginnings of two attempts there is the delay
    /// below, also if secrets are so short-lived.
    pub refresh_before_expiry: Duration,
    /// How often it is tried in a row. At least once.
    pub max_attempts: u32,
    /// How long after one that failed.
    pub retry_delay: Duration,
}

impl Default for RefreshConfig {
    fn default() -> Self {
        Self {
            refresh_before_expiry: Duration::from_secs(5 * 60),
            max_attempts: 3,
            retry_delay: Duration::from_secs(30),
        }
    }
}
