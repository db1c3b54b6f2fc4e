use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use perilune_policy::{Policy, PolicyEngine, PolicyError, Scope};

use crate::set::RuleSet;
use crate::source::PolicySource;

/// The policies that are in force now.
#[derive(Debug, Default)]
pub struct RuleEngine {
    set: RwLock<Arc<RuleSet>>,
    /// Apart from the set, since it may be asked for before every decision.
    generation: AtomicU64,
}

impl RuleEngine {
    /// An engine of these policies.
    ///
    /// # Errors
    /// Ids that come twice.
    pub fn new(sources: impl IntoIterator<Item = PolicySource>) -> Result<Self, Vec<PolicyError>> {
        let set = RwLock::new(Arc::new(RuleSet::new(sources)?));
        Ok(Self { set, generation: AtomicU64::new(0) })
    }

    /// From now on, these policies and no others. Scopes that were handed out stay as they are.
    ///
    /// # Errors
    /// Ids that come twice; then nothing has changed.
    pub fn replace(&self, sources: impl IntoIterator<Item = PolicySource>) -> Result<(), Vec<PolicyError>> {
        // Compiled outside of the lock, so that nobody who looks up a policy waits for it. Of two at once, one is based
        // on a set that is no longer the last, which costs what it could have kept and nothing else.
        self.put(self.current().replaced(sources)?);
        Ok(())
    }

    /// From now on, the policies of this set and no others: for whoever wants to know first that it can be made.
    pub fn put(&self, set: RuleSet) {
        *self.set.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(set);
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// The policies of this moment.
    pub fn current(&self) -> Arc<RuleSet> {
        Arc::clone(&self.set.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl PolicyEngine for RuleEngine {
    fn policy(&self, id: &str) -> Option<Policy> {
        self.current().policy(id).cloned()
    }

    fn scope(&self, id: &str) -> Option<Scope> {
        self.current().scope(id).cloned()
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }
}
