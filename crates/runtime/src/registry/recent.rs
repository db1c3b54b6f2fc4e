//! What was started last on a worker, so that whoever starts the same over and over does not have it looked up each time.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use perilune_actor_core::{Failure, HostId};
use perilune_lua_bindings::{Definition, Started};
use perilune_policy::Subject;

/// Counts what all registries of the program have had in force, so that none of it is taken for another's.
static EDITIONS: AtomicU64 = AtomicU64::new(1);

/// What is in force: another one after each change.
pub(super) struct Edition(AtomicU64);

impl Default for Edition {
    fn default() -> Self {
        Self(AtomicU64::new(EDITIONS.fetch_add(1, Ordering::Relaxed)))
    }
}

impl Edition {
    /// Something else is in force from now on. To be called under the lock that readers take.
    pub(super) fn end(&self) {
        self.0.store(EDITIONS.fetch_add(1, Ordering::Relaxed), Ordering::Release);
    }

    /// What is to be started, from `find` unless it is remembered.
    ///
    /// # Errors
    /// Those of `find`, which are not remembered.
    pub(super) fn start(
        &self,
        id: &str,
        host: &str,
        find: impl FnOnce() -> Result<Started, Failure>,
    ) -> Result<Started, Failure> {
        // Before anything is found: what changes meanwhile makes what is remembered useless, never wrong.
        let edition = self.0.load(Ordering::Acquire);
        let place = place_of(id, host);
        let known = RECENT.with_borrow(|recent| recent.get(place)?.as_ref()?.get(edition, id, host));
        if let Some(started) = known {
            return Ok(started);
        }
        let started = find()?;
        RECENT.with_borrow_mut(|recent| {
            if recent.is_empty() {
                recent.resize_with(PLACES, || None);
            }
            if let Some(place) = recent.get_mut(place) {
                *place = Some(Recent::new(edition, id, host, &started));
            }
        });
        Ok(started)
    }
}

thread_local! {
    static RECENT: RefCell<Vec<Option<Recent>>> = const { RefCell::new(Vec::new()) };
}

/// How many are remembered. A power of two.
const PLACES: usize = 64;

struct Recent {
    edition: u64,
    /// The entry and the host, as they were asked for.
    names: (Box<str>, Box<str>),
    /// Not kept alive from here: what nobody can start any more is unloaded.
    definition: Weak<Definition>,
    host: HostId,
    subject: Option<Subject>,
}

impl Recent {
    fn new(edition: u64, id: &str, host: &str, started: &Started) -> Self {
        let definition = Arc::downgrade(&started.definition);
        Self {
            edition,
            names: (id.into(), host.into()),
            definition,
            host: started.host,
            subject: started.subject.clone(),
        }
    }

    fn get(&self, edition: u64, id: &str, host: &str) -> Option<Started> {
        if self.edition != edition || &*self.names.0 != id || &*self.names.1 != host {
            return None;
        }
        Some(Started { definition: self.definition.upgrade()?, host: self.host, subject: self.subject.clone() })
    }
}

/// A VM keeps equal texts in one place while anybody has them, so that says where to look.
fn place_of(id: &str, host: &str) -> usize {
    let address = |text: &str| (text.as_ptr() as usize as u64) >> 3;
    let mixed = (address(id) ^ address(host).rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> (64 - PLACES.trailing_zeros())) as usize
}

#[cfg(test)]
mod tests {
    use perilune_actor_core::ErrorKind;

    use super::*;

    fn started(id: &str) -> Started {
        let definition = Arc::new(Definition::new(id, id, "return function() end"));
        Started { definition, host: HostId::new("app:recent"), subject: None }
    }

    fn never() -> Result<Started, Failure> {
        panic!("it is remembered")
    }

    #[test]
    fn same_text_at_another_place_and_another_text_at_the_same_are_told_apart() {
        let edition = Edition::default();
        let host = "app:recent".to_owned();
        let mut id = "app:a".to_owned();
        let (first, second) = (started("app:a"), started("app:b"));
        for _ in 0..2 {
            let found = edition.start(&id, &host, || Ok(first.clone())).unwrap();
            assert!(Arc::ptr_eq(&found.definition, &first.definition));
        }
        assert!(edition.start(&id, &host, never).is_ok());
        // The same place in memory.
        id.replace_range(4.., "b");
        let found = edition.start(&id, &host, || Ok(second.clone())).unwrap();
        assert!(Arc::ptr_eq(&found.definition, &second.definition));
        let elsewhere = "app:a".to_owned();
        let found = edition.start(&elsewhere, &host, || Ok(first.clone())).unwrap();
        assert!(Arc::ptr_eq(&found.definition, &first.definition));
    }

    #[test]
    fn nothing_outlives_a_change_and_nothing_is_kept_alive() {
        let (edition, other) = (Edition::default(), Edition::default());
        let (id, host) = ("app:c".to_owned(), "app:recent".to_owned());
        let old = started("app:c");
        assert!(edition.start(&id, &host, || Ok(old.clone())).is_ok());
        // Of another registry of the same program.
        let refused = || Err(Failure::new(ErrorKind::NotFound, "gone"));
        assert!(other.start(&id, &host, refused).is_err());
        edition.end();
        assert!(edition.start(&id, &host, refused).is_err());
        assert!(edition.start(&id, &host, || Ok(old.clone())).is_ok());
        assert_eq!(Arc::strong_count(&old.definition), 1);
        drop(old);
        assert!(edition.start(&id, &host, refused).is_err());
    }
}
