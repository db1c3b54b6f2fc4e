use indexmap::IndexMap;
use perilune_actor_core::{ErrorKind, Failure};

use crate::services::registry::{Change, EntryValue};

/// Operations that shall take effect together: one for each entry, since their order means nothing. Those on the same
/// entry become one that does what they would have done one after the other.
#[derive(Default)]
pub(super) struct ChangeSet {
    operations: IndexMap<String, Change>,
    stage: Stage,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Open,
    Applying,
    Applied,
}

impl ChangeSet {
    pub(super) fn operations(&self) -> impl ExactSizeIterator<Item = &Change> {
        self.operations.values()
    }

    pub(super) fn create(&mut self, entry: EntryValue) -> Result<(), Failure> {
        self.open()?;
        let change = match self.operations.get(&entry.id) {
            None => Change::Create(entry),
            // There is one to be replaced, even if as a whole.
            Some(Change::Delete(_)) => Change::Update(entry),
            Some(_) => {
                let text = format!("the change set has an entry `{}` already", entry.id);
                return Err(Failure::new(ErrorKind::AlreadyExists, text));
            }
        };
        self.put(change);
        Ok(())
    }

    pub(super) fn update(&mut self, entry: EntryValue) -> Result<(), Failure> {
        self.open()?;
        let change = match self.operations.get(&entry.id) {
            Some(Change::Create(_)) => Change::Create(entry),
            Some(Change::Delete(_)) => return Err(gone(&entry.id)),
            None | Some(Change::Update(_)) => Change::Update(entry),
        };
        self.put(change);
        Ok(())
    }

    pub(super) fn delete(&mut self, id: String) -> Result<(), Failure> {
        self.open()?;
        match self.operations.get(&id) {
            Some(Change::Create(_)) => drop(self.operations.swap_remove(&id)),
            Some(Change::Delete(_)) => return Err(gone(&id)),
            None | Some(Change::Update(_)) => self.put(Change::Delete(id)),
        }
        Ok(())
    }

    fn put(&mut self, change: Change) {
        self.operations.insert(change.id().to_owned(), change);
    }

    /// What is to be applied. Nothing can be added until [`end`](Self::end).
    pub(super) fn begin(&mut self) -> Result<Vec<Change>, Failure> {
        self.open()?;
        if self.operations.is_empty() {
            return Err(Failure::new(ErrorKind::Invalid, "the change set is empty"));
        }
        self.stage = Stage::Applying;
        Ok(self.operations.values().cloned().collect())
    }

    /// After a failure it may be corrected and applied again.
    pub(super) fn end(&mut self, applied: bool) {
        self.stage = if applied { Stage::Applied } else { Stage::Open };
    }

    fn open(&self) -> Result<(), Failure> {
        let text = match self.stage {
            Stage::Open => return Ok(()),
            Stage::Applying => "the change set is being applied",
            Stage::Applied => "the change set has been applied; make another one",
        };
        Err(Failure::new(ErrorKind::Invalid, text))
    }
}

fn gone(id: &str) -> Failure {
    Failure::new(ErrorKind::NotFound, format!("the change set deletes `{id}`"))
}

#[cfg(test)]
mod tests {
    use perilune_actor_core::Value;

    use super::*;

    fn entry(kind: &str) -> EntryValue {
        EntryValue { id: "app:x".into(), kind: kind.into(), meta: Value::Nil, data: Value::Nil }
    }

    /// Does what the letters say, `c`reate, `u`pdate and `d`elete, and tells what is left.
    fn check(letters: &str, expected: &str) {
        let mut set = ChangeSet::default();
        let results: Vec<_> = letters
            .chars()
            .map(|letter| match letter {
                'c' => set.create(entry("created")),
                'u' => set.update(entry("updated")),
                _ => set.delete("app:x".into()),
            })
            .collect();
        let told = match results.last() {
            Some(Err(failure)) => failure.kind.as_str().to_owned(),
            _ => match set.operations().next() {
                None => "nothing".into(),
                Some(Change::Create(entry)) => format!("create {}", entry.kind),
                Some(Change::Update(entry)) => format!("update {}", entry.kind),
                Some(Change::Delete(_)) => "delete".into(),
            },
        };
        assert_eq!(told, expected, "{letters}");
    }

    #[test]
    fn operations_on_one_entry_become_one() {
        check("c", "create created");
        check("cu", "create updated");
        check("cd", "nothing");
        check("cc", "AlreadyExists");
        check("u", "update updated");
        check("uu", "update updated");
        check("ud", "delete");
        check("uc", "AlreadyExists");
        check("d", "delete");
        check("dc", "update created");
        check("dcd", "delete");
        check("dd", "NotFound");
        check("du", "NotFound");
    }

    #[test]
    fn what_is_applied_cannot_be_changed() {
        let mut set = ChangeSet::default();
        assert!(set.begin().is_err());
        set.create(entry("a")).unwrap();
        assert_eq!(set.begin().unwrap().len(), 1);
        assert!(set.delete("app:x".into()).is_err() && set.begin().is_err());
        set.end(false);
        set.update(entry("b")).unwrap();
        assert_eq!(set.begin().unwrap().len(), 1);
        set.end(true);
        assert!(set.create(entry("c")).is_err() && set.begin().is_err());
    }
}
