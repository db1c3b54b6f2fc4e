use std::collections::BTreeMap;
use std::fmt;
use std::sync::{PoisonError, RwLock};

use super::{CredentialProvider, not_found};
use crate::credentials::{CredentialError, ProfileId, SecretSet};

/// Secrets that this program was told, for tests and for those who get them elsewhere.
#[derive(Default)]
pub struct MemoryProvider {
    profiles: RwLock<BTreeMap<ProfileId, SecretSet>>,
}

impl MemoryProvider {
    /// One that has none.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The secrets of a profile from now on.
    pub fn insert(&self, profile: ProfileId, secrets: SecretSet) {
        self.profiles.write().unwrap_or_else(PoisonError::into_inner).insert(profile, secrets);
    }

    /// Forgets a profile; whether there was one.
    pub fn remove(&self, profile: &ProfileId) -> bool {
        self.profiles.write().unwrap_or_else(PoisonError::into_inner).remove(profile).is_some()
    }
}

impl CredentialProvider for MemoryProvider {
    fn fetch(&self, profile: &ProfileId) -> Result<SecretSet, CredentialError> {
        let profiles = self.profiles.read().unwrap_or_else(PoisonError::into_inner);
        profiles.get(profile).cloned().ok_or_else(|| not_found(profile))
    }
}

impl fmt::Debug for MemoryProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let profiles = self.profiles.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("MemoryProvider").field("profiles", &*profiles).finish()
    }
}
