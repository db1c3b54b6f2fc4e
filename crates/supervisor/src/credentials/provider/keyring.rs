use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use keyring_core::{CredentialStore, Error};
use secrecy::zeroize::{Zeroize, Zeroizing};

use super::{CredentialProvider, not_found};
use crate::credentials::{CredentialError, ProfileId, SecretSet};

/// Secrets from a keyring, looked up whenever they are wanted.
///
/// A field is one entry: its user is the name of the field, its service the name of the profile. In the keyring of the kernel
/// that is a key of type `user` called `keyring:FIELD@PROFILE`, in the session of this program or in what that links to:
///
/// ```sh
/// printf %s "$SECRET" | keyctl padd user keyring:key@mail @s
/// ```
///
/// Such keys are gone with the session, or with the next start of the system.
pub struct KeyringProvider {
    store: Arc<CredentialStore>,
    fields: BTreeMap<ProfileId, BTreeSet<String>>,
}

impl KeyringProvider {
    /// The keyring of the kernel, with no profiles yet.
    pub fn kernel() -> Result<Self, CredentialError> {
        // Two fields must never have one key: a profile with an `@` is refused when it is asked for.
        let settings = [("service_no_divider", "true")].into();
        let store = linux_keyutils_keyring_store::Store::new_with_configuration(&settings);
        store.map(|store| Self::over(store)).map_err(|error| refused(&error, "the keyring"))
    }

    fn over(store: Arc<CredentialStore>) -> Self {
        Self { store, fields: BTreeMap::new() }
    }

    /// A field of a profile. A profile is there if one of its fields is, and then all of them have to be.
    #[must_use]
    pub fn field(mut self, profile: ProfileId, field: impl Into<String>) -> Self {
        self.fields.entry(profile).or_default().insert(field.into());
        self
    }

    fn value(&self, profile: &ProfileId, field: &str) -> Result<Option<Zeroizing<String>>, CredentialError> {
        let entry = self.store.build(profile.as_str(), field, None);
        match entry.and_then(|entry| entry.get_secret()) {
            Ok(bytes) => match String::from_utf8(bytes) {
                Ok(value) => Ok(Some(Zeroizing::new(value))),
                Err(error) => {
                    error.into_bytes().zeroize();
                    Err(CredentialError::Invalid(format!("field `{field}` of profile `{profile}` is not valid text")))
                }
            },
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(refused(&error, &format!("field `{field}` of profile `{profile}` in the keyring"))),
        }
    }
}

impl CredentialProvider for KeyringProvider {
    fn fetch(&self, profile: &ProfileId) -> Result<SecretSet, CredentialError> {
        let fields = self.fields.get(profile).ok_or_else(|| not_found(profile))?;
        let (mut set, mut missing) = (SecretSet::new(), None);
        for field in fields {
            match self.value(profile, field)? {
                Some(value) => set.insert(field.as_str(), value.as_str()),
                None => missing = missing.or(Some(field)),
            }
        }
        match missing {
            Some(_) if set.is_empty() => Err(not_found(profile)),
            Some(field) => Err(CredentialError::FieldMissing { profile: profile.to_string(), field: field.clone() }),
            None => Ok(set),
        }
    }
}

impl std::fmt::Debug for KeyringProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyringProvider").field("fields", &self.fields).finish_non_exhaustive()
    }
}

/// What a store says, without what it may have found.
fn refused(error: &Error, what: &str) -> CredentialError {
    let why = match error {
        Error::BadEncoding(_) | Error::BadDataFormat(..) => "what is there is malformed".to_owned(),
        Error::Ambiguous(_) => "there is more than one".to_owned(),
        other => other.to_string(),
    };
    CredentialError::Invalid(format!("{what} cannot be read: {why}"))
}

#[cfg(test)]
mod tests {
    use keyring_core::mock;
    use secrecy::ExposeSecret;

    use super::*;

    fn profile() -> ProfileId {
        ProfileId::new("mail").unwrap()
    }

    /// A keyring with these entries of the profile.
    fn provider(entries: &[(&str, &[u8])]) -> KeyringProvider {
        let store = mock::Store::new().unwrap();
        let provider = KeyringProvider::over(store);
        for (field, value) in entries {
            provider.store.build("mail", field, None).unwrap().set_secret(value).unwrap();
        }
        provider
    }

    #[test]
    fn entries_become_fields() {
        let provider = provider(&[("key", b"hunter2"), ("other", b"not asked for")]).field(profile(), "key");
        let set = provider.fetch(&profile()).unwrap();
        assert_eq!((set.len(), set.get("key").unwrap().expose_secret()), (1, "hunter2"));
        assert!(!format!("{provider:?}").contains("hunter2"));
    }

    #[test]
    fn profile_without_entries_is_not_there_and_half_of_one_is_an_error() {
        let fetch = |entries: &[(&str, &[u8])]| {
            provider(entries).field(profile(), "a").field(profile(), "b").fetch(&profile()).unwrap_err()
        };
        assert!(matches!(fetch(&[]), CredentialError::ProfileNotFound(name) if name == "mail"));
        assert_eq!(fetch(&[("a", b"1")]).to_string(), "profile `mail` has no field `b`");
        let nobody = provider(&[("key", b"1")]).fetch(&profile()).unwrap_err();
        assert!(matches!(nobody, CredentialError::ProfileNotFound(_)));
    }

    #[test]
    fn what_cannot_be_read_is_an_error_that_does_not_show_it() {
        let provider = provider(&[("key", b"hunter2\xff")]).field(profile(), "key");
        let error = provider.fetch(&profile()).unwrap_err();
        assert_eq!(error.to_string(), "field `key` of profile `mail` is not valid text");

        let entry = provider.store.build("mail", "key", None).unwrap();
        let entry: &mock::Cred = entry.as_any().downcast_ref().unwrap();
        entry.set_error(Error::BadDataFormat(b"hunter2".to_vec(), "broken".into()));
        let error = provider.fetch(&profile()).unwrap_err();
        let said = "field `key` of profile `mail` in the keyring cannot be read: what is there is malformed";
        assert_eq!(error.to_string(), said);
        assert!(!format!("{error:?}").contains("hunter2"));
    }

    #[test]
    fn keyring_of_the_kernel_is_read() {
        let provider = KeyringProvider::kernel().unwrap();
        let profile = ProfileId::new(format!("perilune-test-{}", std::process::id())).unwrap();
        let provider = provider.field(profile.clone(), "key");
        let entry = match provider.store.build(profile.as_str(), "key", None) {
            Ok(entry) => entry,
            Err(error) => return println!("keyring_of_the_kernel_is_read: skipped, there is none here: {error}"),
        };
        if let Err(error) = entry.set_secret(b"hunter2") {
            return println!("keyring_of_the_kernel_is_read: skipped, nothing can be kept here: {error}");
        }
        let found = provider.fetch(&profile);
        entry.delete_credential().unwrap();
        assert_eq!(found.unwrap().get("key").unwrap().expose_secret(), "hunter2");

        let ambiguous = ProfileId::new("a@b").unwrap();
        let error = provider.field(ambiguous.clone(), "key").fetch(&ambiguous).unwrap_err();
        assert!(error.to_string().contains("cannot contain delimiter"), "{error}");
    }
}
