use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Names a spec, whatever becomes of its name. Written as a hyphenated UUID in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProcessId(Uuid);

impl ProcessId {
    /// One that nobody else has.
    #[must_use]
    pub fn new() -> Self {
        Self(Uuid::new_v4())
    }

    /// The UUID itself.
    #[must_use]
    pub fn as_uuid(&self) -> &Uuid {
        &self.0
    }
}

impl Default for ProcessId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.hyphenated(), f)
    }
}

impl FromStr for ProcessId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn inv_0001_ids_are_random_and_never_the_same() {
        let ids: HashSet<ProcessId> = (0..10_000).map(|_| ProcessId::new()).collect();
        assert_eq!(ids.len(), 10_000);
        assert!(ids.iter().all(|id| id.as_uuid().get_version_num() == 4));
    }

    #[test]
    fn inv_0002_an_id_is_copied_like_a_number() {
        fn copied<T: Copy>(_: T) -> usize {
            size_of::<T>()
        }
        assert_eq!(copied(ProcessId::new()), 16);
    }

    #[test]
    fn an_id_reads_as_it_writes() {
        let id = ProcessId::new();
        assert_eq!(id.to_string().parse::<ProcessId>().unwrap(), id);
        assert_eq!(id.to_string(), id.as_uuid().hyphenated().to_string());
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(json, format!("\"{id}\""));
        assert_eq!(serde_json::from_str::<ProcessId>(&json).unwrap(), id);
    }
}
