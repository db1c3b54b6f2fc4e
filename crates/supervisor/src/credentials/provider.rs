//! Where secrets come from.

mod chain;
mod dotenv;
mod env;
mod file;
#[cfg(all(feature = "keyring", target_os = "linux"))]
mod keyring;
mod memory;

pub use chain::ChainProvider;
pub(super) use dotenv::line;
pub use env::EnvProvider;
pub use file::FileProvider;
#[cfg(all(feature = "keyring", target_os = "linux"))]
pub use keyring::KeyringProvider;
pub use memory::MemoryProvider;

use super::{CredentialError, ProfileId, SecretSet};

/// Where secrets come from.
///
/// Vaults are left to those who have one; a provider over one takes a few lines:
///
/// ```
/// use perilune_supervisor::credentials::{CredentialError, CredentialProvider, ProfileId, SecretSet};
/// # struct Vault;
/// # impl Vault {
/// #     fn read(&self, _path: &str) -> Option<String> {
/// #         Some("hunter2".to_owned())
/// #     }
/// # }
///
/// impl CredentialProvider for Vault {
///     fn fetch(&self, profile: &ProfileId) -> Result<SecretSet, CredentialError> {
///         let key = self.read(&format!("services/{profile}/key"));
///         let key = key.ok_or_else(|| CredentialError::ProfileNotFound(profile.to_string()))?;
///         Ok(SecretSet::from_iter([("key", key)]))
///     }
/// }
///
/// let secrets = Vault.fetch(&ProfileId::new("mail")?)?;
/// assert_eq!(format!("{secrets:?}"), r#"{"key"}"#);
/// # Ok::<(), CredentialError>(())
/// ```
pub trait CredentialProvider: Send + Sync {
    /// The secrets of a profile as they are now: [`CredentialError::ProfileNotFound`] if it has none here.
    ///
    /// May block, and may be called from many threads. Errors must not contain secrets: they are logged.
    fn fetch(&self, profile: &ProfileId) -> Result<SecretSet, CredentialError>;
}

impl<P: CredentialProvider + ?Sized> CredentialProvider for std::sync::Arc<P> {
    fn fetch(&self, profile: &ProfileId) -> Result<SecretSet, CredentialError> {
        (**self).fetch(profile)
    }
}

impl<P: CredentialProvider + ?Sized> CredentialProvider for Box<P> {
    fn fetch(&self, profile: &ProfileId) -> Result<SecretSet, CredentialError> {
        (**self).fetch(profile)
    }
}

fn not_found(profile: &ProfileId) -> CredentialError {
    CredentialError::ProfileNotFound(profile.to_string())
}
