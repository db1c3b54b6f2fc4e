use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::SecretSet;

/// What one proves who one is with.
#[derive(Debug, Clone)]
pub enum AuthMethod {
    /// A token that was granted, and perhaps one that renews it.
    OAuth {
        /// Opens the door.
        access_token: SecretString,
        /// Gets a new one.
        refresh_token: Option<SecretString>,
        /// When the first one expires.
        expires_at: Option<DateTime<Utc>>,
        /// What it opens.
        scopes: Vec<String>,
    },
    /// The token of a session somebody began elsewhere.
    SessionToken {
        /// Opens the door.
        token: SecretString,
        /// What a browser would send along.
        cookie_jar: Option<SecretString>,
        /// When it expires.
        expires_at: Option<DateTime<Utc>>,
    },
    /// One key.
    ApiKey {
        /// The key.
        key: SecretString,
    },
}

/// The kinds of [`AuthMethod`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthKind {
    /// See [`AuthMethod::OAuth`].
    #[serde(rename = "oauth")]
    OAuth,
    /// See [`AuthMethod::SessionToken`].
    SessionToken,
    /// See [`AuthMethod::ApiKey`].
    ApiKey,
}

impl AuthMethod {
    /// Of which kind it is.
    #[must_use]
    pub fn kind(&self) -> AuthKind {
        match self {
            Self::OAuth { .. } => AuthKind::OAuth,
            Self::SessionToken { .. } => AuthKind::SessionToken,
            Self::ApiKey { .. } => AuthKind::ApiKey,
        }
    }

    /// When it is of no use any more, if that is known.
    #[must_use]
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::OAuth { expires_at, .. } | Self::SessionToken { expires_at, .. } => *expires_at,
            Self::ApiKey { .. } => None,
        }
    }

    /// Whether it is of no use at `now`, as far as that is known.
    #[must_use]
    pub fn is_expired(&self, now: DateTime<Utc>) -> bool {
        self.expires_at().is_some_and(|at| at <= now)
    }

    /// Its secrets, and when they expire: `access_token` and `refresh_token`, `token` and `cookie_jar`, or `key`.
    #[must_use]
    pub fn secrets(&self) -> SecretSet {
        let mut set = SecretSet::new();
        let mut add = |field: &str, value: Option<&SecretString>| {
            if let Some(value) = value {
                set.insert(field, value.clone());
            }
        };
        match self {
            Self::OAuth { access_token, refresh_token, .. } => {
                add("access_token", Some(access_token));
                add("refresh_token", refresh_token.as_ref());
            }
            Self::SessionToken { token, cookie_jar, .. } => {
                add("token", Some(token));
                add("cookie_jar", cookie_jar.as_ref());
            }
            Self::ApiKey { key } => add("key", Some(key)),
        }
        set.expiring(self.expires_at())
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn fields_are_named_after_the_kind() {
        let names = |auth: AuthMethod| auth.secrets().iter().map(|(field, _)| field.to_owned()).collect::<Vec<_>>();
        assert_eq!(names(AuthMethod::ApiKey { key: "a".into() }), ["key"]);
        let oauth = |refresh_token| AuthMethod::OAuth {
            access_token: "a".into(),
            refresh_token,
            expires_at: None,
            scopes: vec![],
        };
        assert_eq!(names(oauth(None)), ["access_token"]);
        assert_eq!(names(oauth(Some("b".into()))), ["access_token", "refresh_token"]);
        let session = AuthMethod::SessionToken { token: "a".into(), cookie_jar: None, expires_at: None };
        assert_eq!(names(session), ["token"]);
    }

    #[test]
    fn it_expires_at_its_moment() {
        let now = Utc::now();
        let token = AuthMethod::SessionToken { token: "a".into(), cookie_jar: None, expires_at: Some(now) };
        assert!(token.is_expired(now) && !token.is_expired(now - TimeDelta::seconds(1)));
        assert!(!AuthMethod::ApiKey { key: "a".into() }.is_expired(now));
    }
}
