use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use super::{CredentialError, CredentialProfile, CredentialProvider, ProfileId, ProfileMetadata, SecretSet};

/// Profiles in memory, which are overwritten when they go. As a provider, it gives the [secrets](super::AuthMethod::secrets)
/// of each; it is for whoever keeps profiles to fill it and to save it.
#[derive(Debug, Default)]
pub struct CredentialStore {
    profiles: Mutex<BTreeMap<ProfileId, CredentialProfile>>,
}

impl CredentialStore {
    /// One without profiles.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps a profile in place of the one of that name, if there is one, which is the answer.
    pub fn store(&self, profile: CredentialProfile) -> Option<CredentialProfile> {
        self.profiles().insert(profile.id.clone(), profile)
    }

    /// The profile of that name.
    pub fn get(&self, id: &ProfileId) -> Result<CredentialProfile, CredentialError> {
        self.profiles().get(id).cloned().ok_or_else(|| CredentialError::ProfileNotFound(id.to_string()))
    }

    /// Forgets the profile of that name, which is the answer.
    pub fn remove(&self, id: &ProfileId) -> Result<CredentialProfile, CredentialError> {
        self.profiles().remove(id).ok_or_else(|| CredentialError::ProfileNotFound(id.to_string()))
    }

    /// All of them without their secrets, in order of their names.
    #[must_use]
    pub fn list(&self) -> Vec<ProfileMetadata> {
        self.profiles().values().map(CredentialProfile::metadata).collect()
    }

    /// Whether there is one of that name.
    #[must_use]
    pub fn exists(&self, id: &ProfileId) -> bool {
        self.profiles().contains_key(id)
    }

    /// Notes that a process got the secrets of a profile.
    pub fn used(&self, id: &ProfileId, at: DateTime<Utc>) {
        if let Some(profile) = self.profiles().get_mut(id) {
            profile.last_used_at = Some(at);
        }
    }

    fn profiles(&self) -> MutexGuard<'_, BTreeMap<ProfileId, CredentialProfile>> {
        self.profiles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CredentialProvider for CredentialStore {
    fn fetch(&self, profile: &ProfileId) -> Result<SecretSet, CredentialError> {
        self.get(profile).map(|profile| profile.auth.secrets())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::{AuthMethod, ExposeSecret};

    #[test]
    fn profiles_come_and_go() {
        let (store, id, now) = (CredentialStore::new(), ProfileId::new("mail").unwrap(), Utc::now());
        let profile =
            |key: &str| CredentialProfile::new(id.clone(), "post office", AuthMethod::ApiKey { key: key.into() }, now);
        assert!(!store.exists(&id) && store.get(&id).is_err() && store.remove(&id).is_err());
        assert!(store.store(profile("one")).is_none());
        assert!(store.store(profile("two")).is_some());
        assert_eq!(store.fetch(&id).unwrap().get("key").unwrap().expose_secret(), "two");
        store.used(&id, now);
        let listed = store.list();
        assert_eq!((listed.len(), listed[0].last_used_at, listed[0].label.as_str()), (1, Some(now), "mail"));
        assert!(!serde_json::to_string(&listed).unwrap().contains("two"));
        assert!(store.remove(&id).is_ok() && !store.exists(&id));
        assert!(matches!(store.fetch(&id), Err(CredentialError::ProfileNotFound(_))));
    }
}
