use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use crate::credentials::{ChainProvider, CredentialError, EnvProvider, FileProvider, ProfileId};

/// Where the secrets of a file's processes come from: variables first, then the keyring, then files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table of credential sources")]
#[non_exhaustive]
pub struct CredentialSources {
    /// The folder with a folder or file for each profile, see [`FileProvider`].
    pub dir: Option<PathBuf>,
    /// Whether those files may be readable by others than their owner.
    pub allow_readable_by_others: bool,
    /// For each profile, which of its fields is in which variable of this program.
    pub env: BTreeMap<String, BTreeMap<String, String>>,
    /// For each profile, which of its fields are in the keyring of the kernel. An error without the feature `keyring`.
    pub keyring: BTreeMap<String, Vec<String>>,
}

impl CredentialSources {
    /// All of them as one.
    pub fn provider(&self) -> Result<ChainProvider, CredentialError> {
        let mut variables = EnvProvider::new();
        for (profile, fields) in &self.env {
            let profile = ProfileId::new(profile)?;
            for (field, variable) in fields {
                variables = variables.field(profile.clone(), field, variable);
            }
        }
        let chain = self.then_keyring(ChainProvider::new().then(variables))?;
        Ok(match &self.dir {
            None => chain,
            Some(dir) if self.allow_readable_by_others => chain.then(FileProvider::new(dir).allow_readable_by_others()),
            Some(dir) => chain.then(FileProvider::new(dir)),
        })
    }

    #[cfg(all(feature = "keyring", target_os = "linux"))]
    fn then_keyring(&self, chain: ChainProvider) -> Result<ChainProvider, CredentialError> {
        if self.keyring.is_empty() {
            return Ok(chain);
        }
        let mut keyring = crate::credentials::KeyringProvider::kernel()?;
        for (profile, fields) in &self.keyring {
            let profile = ProfileId::new(profile)?;
            for field in fields {
                keyring = keyring.field(profile.clone(), field);
            }
        }
        Ok(chain.then(keyring))
    }

    #[cfg(not(all(feature = "keyring", target_os = "linux")))]
    fn then_keyring(&self, chain: ChainProvider) -> Result<ChainProvider, CredentialError> {
        if self.keyring.is_empty() {
            return Ok(chain);
        }
        let text = "`credentials.keyring`: this program was built without the feature `keyring`";
        Err(CredentialError::Invalid(text.to_owned()))
    }
}
