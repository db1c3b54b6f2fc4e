use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use secrecy::SecretString;

/// The secrets of one profile, by the names of their fields. `Debug` shows the names alone; values are overwritten when
/// the set is dropped.
#[derive(Clone, Default)]
pub struct SecretSet {
    fields: BTreeMap<String, SecretString>,
    expires_at: Option<DateTime<Utc>>,
}

impl SecretSet {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one, in place of what the field was.
    pub fn insert(&mut self, field: impl Into<String>, value: impl Into<SecretString>) {
        self.fields.insert(field.into(), value.into());
    }

    /// The value of a field.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&SecretString> {
        self.fields.get(field)
    }

    /// All of them, in order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &SecretString)> {
        self.fields.iter().map(|(field, value)| (field.as_str(), value))
    }

    /// The same, of no use from `at` on.
    #[must_use]
    pub fn expiring(mut self, at: Option<DateTime<Utc>>) -> Self {
        self.expires_at = at;
        self
    }

    /// When they are of no use any more, if that is known.
    #[must_use]
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.expires_at
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }
}

impl fmt::Debug for SecretSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.fields.keys()).finish()
    }
}

impl<F: Into<String>, V: Into<SecretString>> FromIterator<(F, V)> for SecretSet {
    fn from_iter<I: IntoIterator<Item = (F, V)>>(fields: I) -> Self {
        let fields = fields.into_iter().map(|(field, value)| (field.into(), value.into())).collect();
        Self { fields, expires_at: None }
    }
}
