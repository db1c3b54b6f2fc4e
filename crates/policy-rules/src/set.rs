use std::sync::Arc;

use perilune_policy::{Policy, PolicyError, Scope};
use rustc_hash::FxHashMap;

use crate::source::PolicySource;

/// All policies of an application at one moment, and the named scopes they form. Immutable.
#[derive(Debug, Default)]
pub struct RuleSet {
    policies: FxHashMap<Arc<str>, (PolicySource, Policy)>,
    scopes: FxHashMap<Arc<str>, Scope>,
}

impl RuleSet {
    /// The set of these policies.
    ///
    /// # Errors
    /// Ids that come twice.
    pub fn new(sources: impl IntoIterator<Item = PolicySource>) -> Result<Self, Vec<PolicyError>> {
        Self::default().replaced(sources)
    }

    /// The set of these policies, where those that are as before stay the same, and so do named scopes of nothing but
    /// such: what was decided in them stays known.
    ///
    /// # Errors
    /// Ids that come twice.
    pub fn replaced(&self, sources: impl IntoIterator<Item = PolicySource>) -> Result<Self, Vec<PolicyError>> {
        let mut policies = FxHashMap::default();
        let mut groups: FxHashMap<Arc<str>, Vec<Policy>> = FxHashMap::default();
        let mut errors = Vec::new();
        for source in sources {
            if policies.contains_key(&source.id) {
                errors.push(PolicyError::Duplicate { policy: Arc::clone(&source.id) });
                continue;
            }
            let policy = match self.policies.get(&source.id) {
                Some((before, policy)) if before.is_same_policy(&source) => policy.clone(),
                _ => source.compile(),
            };
            for group in &source.groups {
                groups.entry(Arc::clone(group)).or_default().push(policy.clone());
            }
            policies.insert(Arc::clone(&source.id), (source, policy));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let scopes = groups.into_iter().map(|(id, members)| {
            let scope = match self.scopes.get(&id) {
                Some(before) if before.policies() == members => before.clone(),
                _ => Scope::new(members),
            };
            scope.prepare();
            (id, scope)
        });
        Ok(Self { scopes: scopes.collect(), policies })
    }

    /// The policy of that id.
    pub fn policy(&self, id: &str) -> Option<&Policy> {
        self.policies.get(id).map(|(_, policy)| policy)
    }

    /// The named scope of that id.
    pub fn scope(&self, id: &str) -> Option<&Scope> {
        self.scopes.get(id)
    }

    /// The ids of all policies, in no order.
    pub fn policy_ids(&self) -> impl Iterator<Item = &Arc<str>> {
        self.policies.keys()
    }

    /// The ids of all named scopes, in no order.
    pub fn scope_ids(&self) -> impl Iterator<Item = &Arc<str>> {
        self.scopes.keys()
    }
}
