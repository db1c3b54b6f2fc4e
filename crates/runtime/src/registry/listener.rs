use perilune_actor_core::Failure;

use super::snapshot::Version;
use super::step::Step;

/// Acts on entries of some kind, and so has to agree to every change.
pub(crate) trait Listener: Send + Sync {
    /// Looks at a change before it happens and gets ready for it. Nothing of it may be seen from outside yet: another
    /// listener may refuse, and then what this one returned is dropped.
    ///
    /// # Errors
    /// Why the change must not happen.
    fn prepare(&self, change: &Transition<'_>) -> Result<Prepared, Failure>;
}

/// A change that is about to happen.
pub(crate) struct Transition<'a> {
    /// What is there after it.
    pub(crate) new: &'a Version,
    /// What differs, in the order in which it takes effect.
    pub(crate) steps: &'a [Step],
}

type Action = Box<dyn FnOnce() + Send>;

/// What a listener does when all have agreed.
#[derive(Default)]
pub(crate) struct Prepared {
    publish: Option<Action>,
    finish: Option<Action>,
}

impl Prepared {
    /// Done in the moment in which the entries change. Everybody waits meanwhile, so it only puts in place what is ready,
    /// and does not ask the registry.
    #[must_use]
    pub(crate) fn publish(self, action: impl FnOnce() + Send + 'static) -> Self {
        Self { publish: Some(Box::new(action)), ..self }
    }

    /// Done when everybody sees the new entries, and before the change counts as made. It may take its time.
    #[must_use]
    pub(crate) fn finish(self, action: impl FnOnce() + Send + 'static) -> Self {
        Self { finish: Some(Box::new(action)), ..self }
    }

    pub(super) fn run_publish(&mut self) {
        if let Some(action) = self.publish.take() {
            action();
        }
    }

    pub(super) fn run_finish(self) {
        if let Some(action) = self.finish {
            action();
        }
    }
}
