use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;

use super::{CredentialProvider, not_found};
use crate::credentials::{CredentialError, ProfileId, SecretSet};

/// Secrets from variables of this program, looked up whenever they are wanted.
///
/// ```
/// use perilune_supervisor::credentials::{CredentialError, EnvProvider, ProfileId};
///
/// let mail = ProfileId::new("mail")?;
/// let provider = EnvProvider::new().field(mail, "key", "MAIL_API_KEY");
/// # let _ = provider;
/// # Ok::<(), CredentialError>(())
/// ```
pub struct EnvProvider {
    /// Names of variables by profile and field.
    variables: BTreeMap<ProfileId, BTreeMap<String, String>>,
    look_up: fn(&str) -> Option<OsString>,
}

impl EnvProvider {
    /// One that has no profiles.
    #[must_use]
    pub fn new() -> Self {
        Self::over(|name| std::env::var_os(name))
    }

    fn over(look_up: fn(&str) -> Option<OsString>) -> Self {
        Self { variables: BTreeMap::new(), look_up }
    }

    /// A field of a profile, and the variable with its value. A profile is there if one of its variables is, and then all
    /// of them have to be.
    #[must_use]
    pub fn field(mut self, profile: ProfileId, field: impl Into<String>, variable: impl Into<String>) -> Self {
        self.variables.entry(profile).or_default().insert(field.into(), variable.into());
        self
    }
}

impl Default for EnvProvider {
    fn default() -> Self {
        Self::new()
    }
}

impl CredentialProvider for EnvProvider {
    fn fetch(&self, profile: &ProfileId) -> Result<SecretSet, CredentialError> {
        let variables = self.variables.get(profile).ok_or_else(|| not_found(profile))?;
        let mut set = SecretSet::new();
        let mut missing = None;
        for (field, variable) in variables {
            match (self.look_up)(variable).map(OsString::into_string) {
                Some(Ok(value)) => set.insert(field.as_str(), value),
                Some(Err(_)) => {
                    return Err(CredentialError::Invalid(format!("variable `{variable}` is not valid text")));
                }
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

impl fmt::Debug for EnvProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvProvider").field("variables", &self.variables).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use secrecy::ExposeSecret;

    use super::*;

    fn fetch(fields: &[(&str, &str)]) -> Result<SecretSet, CredentialError> {
        let profile = ProfileId::new("mail").unwrap();
        let mut provider = EnvProvider::over(|name| match name {
            "THERE" => Some("a secret".into()),
            "BINARY" => Some(OsString::from_vec(b"a secret\xff".to_vec())),
            _ => None,
        });
        for (field, variable) in fields {
            provider = provider.field(profile.clone(), *field, *variable);
        }
        provider.fetch(&profile)
    }

    #[test]
    fn variables_become_fields() {
        let set = fetch(&[("key", "THERE")]).unwrap();
        assert_eq!(set.get("key").unwrap().expose_secret(), "a secret");
    }

    #[test]
    fn profile_without_variables_is_not_there_and_half_of_one_is_an_error() {
        assert!(matches!(fetch(&[]), Err(CredentialError::ProfileNotFound(_))));
        assert!(matches!(fetch(&[("key", "GONE")]), Err(CredentialError::ProfileNotFound(_))));
        let half = fetch(&[("a", "THERE"), ("b", "GONE")]).unwrap_err();
        assert_eq!(half.to_string(), "profile `mail` has no field `b`");
    }

    #[test]
    fn what_is_no_text_is_an_error_that_does_not_show_it() {
        let error = fetch(&[("key", "BINARY")]).unwrap_err();
        assert_eq!(error.to_string(), "variable `BINARY` is not valid text");
    }
}
