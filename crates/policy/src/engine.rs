use crate::policy::Policy;
use crate::scope::Scope;

/// Where policies and named scopes come from. Deciding is not its business: scopes do that themselves, by rules that
/// are the same for all engines, so policies of different engines may be in one scope.
///
/// Policies and scopes that were handed out never change. When its policies change, an engine hands out others.
///
/// ```
/// use perilune_policy::{PolicyEngine, Scope};
///
/// /// What an actor may do: what its groups and its own policies say.
/// fn scope_of(engine: &dyn PolicyEngine, groups: &[&str], policies: &[&str]) -> Option<Scope> {
///     let mut scope = Scope::default();
///     for id in groups {
///         scope = scope.union(&engine.scope(id)?);
///     }
///     for id in policies {
///         scope = scope.with(&engine.policy(id)?);
///     }
///     Some(scope)
/// }
/// ```
pub trait PolicyEngine: Send + Sync {
    /// The policy of that id, such as `app:read_reports`.
    fn policy(&self, id: &str) -> Option<Policy>;

    /// The scope of all policies that name that group, such as `app:analysts`. As long as they stay the same, so does
    /// the scope, or nothing that was decided in it would be remembered.
    fn scope(&self, id: &str) -> Option<Scope>;

    /// A number that is another one whenever policies have changed.
    fn generation(&self) -> u64;
}
