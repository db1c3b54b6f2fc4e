use std::ops::Deref;

use crate::cache::DecisionCache;
use crate::decision::Decision;
use crate::request::{Principal, Request};
use crate::scope::Scope;
use crate::value::Map;

/// For whom an actor acts, and within which policies. With only one of both, it has neither.
#[derive(Clone, Debug, Default)]
pub struct Subject {
    /// For whom.
    pub principal: Option<Principal>,
    /// Within which policies.
    pub scope: Option<Scope>,
}

/// What becomes of actors that act for nobody, or within no policies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strictness {
    /// They may do everything.
    #[default]
    Lenient,
    /// They may do nothing.
    Strict,
}

impl Subject {
    /// What its policies say. `None` if it acts for nobody, or within none.
    pub fn decide(
        &self,
        cache: &mut DecisionCache,
        action: &str,
        resource: &str,
        attributes: &dyn Deref<Target = Map>,
    ) -> Option<Decision> {
        let (Some(principal), Some(scope)) = (&self.principal, &self.scope) else { return None };
        let request = Request::new(principal, action, resource).with_lazy_attributes(attributes);
        Some(cache.decide(scope, &request))
    }
}

impl Strictness {
    /// Whether a guard lets pass what [`Subject::decide`] said this about.
    pub fn admits(self, decision: Option<Decision>) -> bool {
        decision.map_or(self == Self::Lenient, Decision::is_allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::{Strictness, Subject};
    use crate::cache::DecisionCache;
    use crate::decision::{Decision, Effect};
    use crate::pattern::{Pattern, Target};
    use crate::policy::Policy;
    use crate::request::Principal;
    use crate::scope::Scope;
    use crate::value::Map;

    #[test]
    fn an_actor_carries_two_pointers_and_may_run_anywhere() {
        fn shared<T: Send + Sync>() -> usize {
            size_of::<T>()
        }
        assert_eq!(shared::<Subject>(), 2 * size_of::<usize>());
    }

    #[test]
    fn whoever_has_no_principal_or_no_scope_is_decided_by_strictness() {
        let principal = || Some(Principal::new("alice", Map::EMPTY));
        let everything = Target::new([Pattern::Any], [Pattern::Any]);
        let scope = |effect| Some(Scope::new([Policy::new("t:p", effect, everything.clone())]));
        let check = |principal, scope, expected, lenient, strict| {
            let mut cache = DecisionCache::new(4);
            let decision = Subject { principal, scope }.decide(&mut cache, "read", "x", &&Map::EMPTY);
            assert_eq!(decision, expected);
            assert_eq!((Strictness::Lenient.admits(decision), Strictness::Strict.admits(decision)), (lenient, strict));
        };
        check(None, None, None, true, false);
        check(principal(), None, None, true, false);
        check(None, scope(Effect::Deny), None, true, false);
        check(principal(), scope(Effect::Allow), Some(Decision::Allow), true, true);
        check(principal(), scope(Effect::Deny), Some(Decision::Deny), false, false);
        check(principal(), Some(Scope::default()), Some(Decision::Undefined), false, false);
    }
}
