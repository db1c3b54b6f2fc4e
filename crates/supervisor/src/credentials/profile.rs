use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{AuthKind, AuthMethod, CredentialError};

/// Names a profile: whose secrets. It can be part of a path, so it is not blank, has no `/` and no control characters,
/// and does not begin with a dot.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProfileId(String);

impl ProfileId {
    /// The profile of that name.
    pub fn new(name: impl Into<String>) -> Result<Self, CredentialError> {
        let name = name.into();
        let wrong =
            name.trim().is_empty() || name.starts_with('.') || name.contains(|c: char| c == '/' || c.is_control());
        if wrong {
            return Err(CredentialError::Invalid(format!("{name:?} cannot be the name of a profile")));
        }
        Ok(Self(name))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProfileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ProfileId {
    type Err = CredentialError;

    fn from_str(name: &str) -> Result<Self, CredentialError> {
        Self::new(name)
    }
}

impl TryFrom<String> for ProfileId {
    type Error = CredentialError;

    fn try_from(name: String) -> Result<Self, CredentialError> {
        Self::new(name)
    }
}

impl From<ProfileId> for String {
    fn from(id: ProfileId) -> Self {
        id.0
    }
}

/// Somebody's access to something.
#[derive(Debug, Clone)]
pub struct CredentialProfile {
    /// Its name.
    pub id: ProfileId,
    /// Who grants the access.
    pub provider: String,
    /// What it is called where people look at it.
    pub label: String,
    /// The secrets themselves.
    pub auth: AuthMethod,
    /// When it came to be.
    pub created_at: DateTime<Utc>,
    /// When its secrets changed last.
    pub updated_at: DateTime<Utc>,
    /// When they were given to a process last.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// A profile without its secrets, which may be shown and stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileMetadata {
    /// Its name.
    pub id: ProfileId,
    /// Who grants the access.
    pub provider: String,
    /// What it is called where people look at it.
    pub label: String,
    /// What kind of secrets it has.
    pub kind: AuthKind,
    /// When they expire.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it came to be.
    pub created_at: DateTime<Utc>,
    /// When its secrets changed last.
    pub updated_at: DateTime<Utc>,
    /// When they were given to a process last.
    pub last_used_at: Option<DateTime<Utc>>,
}

impl CredentialProfile {
    /// A profile that comes to be at `now` and has not been used.
    #[must_use]
    pub fn new(id: ProfileId, provider: impl Into<String>, auth: AuthMethod, now: DateTime<Utc>) -> Self {
        let label = id.to_string();
        Self { id, provider: provider.into(), label, auth, created_at: now, updated_at: now, last_used_at: None }
    }

    /// Everything but the secrets.
    #[must_use]
    pub fn metadata(&self) -> ProfileMetadata {
        ProfileMetadata {
            id: self.id.clone(),
            provider: self.provider.clone(),
            label: self.label.clone(),
            kind: self.auth.kind(),
            expires_at: self.auth.expires_at(),
            created_at: self.created_at,
            updated_at: self.updated_at,
            last_used_at: self.last_used_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_of_a_profile_can_be_part_of_a_path() {
        for good in ["work", "a.b", "user@host", "with space"] {
            assert_eq!(good.parse::<ProfileId>().unwrap().to_string(), good);
        }
        for bad in ["", "  ", ".", "..", ".hidden", "a/b", "/", "a\nb", "a\0"] {
            assert!(ProfileId::new(bad).is_err(), "{bad:?}");
            assert!(serde_json::from_value::<ProfileId>(bad.into()).is_err(), "{bad:?}");
        }
    }
}
