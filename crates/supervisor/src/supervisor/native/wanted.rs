use std::sync::{Arc, Weak};

/// Whether somebody still waits for what is being launched.
#[derive(Debug, Clone)]
pub(super) struct Wanted(Weak<()>);

impl Wanted {
    /// With what whoever waits has to hold.
    pub(super) fn new() -> (Arc<()>, Self) {
        let waits = Arc::new(());
        let wanted = Self(Arc::downgrade(&waits));
        (waits, wanted)
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.0.strong_count() > 0
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if self.is_wanted() { Ok(()) } else { Err("nobody waits for it any longer".to_owned()) }
    }
}
