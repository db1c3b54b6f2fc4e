use std::fmt;
use std::sync::Arc;

use crate::decision::{Decision, Effect, Fault};
use crate::part::Part;
use crate::pattern::Target;
use crate::request::Request;

/// When a policy applies, beyond its target; as an engine keeps it.
///
/// The answer must follow from the request alone, because it may be remembered. Scopes ask only about requests that
/// the policy's target matches.
///
/// ```
/// use perilune_policy::{Effect, Map, Pattern, Policy, Principal, Request, Target};
///
/// // A function will do.
/// let everything = Target::new([Pattern::Any], [Pattern::Any]);
/// let policy = Policy::new("app:root", Effect::Allow, everything).when(|request: &Request<'_>| {
///     Ok(&**request.principal().id() == "root")
/// });
/// let root = Principal::new("root", Map::EMPTY);
/// assert!(policy.decide(&Request::new(&root, "read", "app:secret")).is_allowed());
/// ```
pub trait Rule: Send + Sync {
    /// Whether the policy has its effect on this request.
    ///
    /// # Errors
    /// It cannot be told. Then a policy that denies does so, and one that allows does not.
    fn applies(&self, request: &Request<'_>) -> Result<bool, Fault>;

    /// What does not hold when the policy does not apply, each in a few words. It may show values, so it is for whoever
    /// made the request, and not for logs.
    fn unmet(&self, request: &Request<'_>) -> Vec<String> {
        let _ = request;
        Vec::new()
    }
}

impl<F: Fn(&Request<'_>) -> Result<bool, Fault> + Send + Sync> Rule for F {
    fn applies(&self, request: &Request<'_>) -> Result<bool, Fault> {
        self(request)
    }
}

/// One policy. Immutable; cloning copies a pointer.
#[derive(Clone)]
pub struct Policy(Arc<Inner>);

struct Inner {
    id: Arc<str>,
    effect: Effect,
    target: Target,
    rule: Option<Arc<dyn Rule>>,
}

impl Policy {
    /// A policy that has its effect on all that its target matches.
    pub fn new(id: impl Into<Arc<str>>, effect: Effect, target: Target) -> Self {
        Self(Arc::new(Inner { id: id.into(), effect, target, rule: None }))
    }

    /// The policy with that rule instead of its own: it has its effect where target and rule say so.
    #[must_use]
    pub fn when(&self, rule: impl Rule + 'static) -> Self {
        let Inner { id, effect, target, .. } = &*self.0;
        let rule: Option<Arc<dyn Rule>> = Some(Arc::new(rule));
        Self(Arc::new(Inner { id: id.clone(), effect: *effect, target: target.clone(), rule }))
    }

    /// Its id.
    pub fn id(&self) -> &Arc<str> {
        &self.0.id
    }

    /// What it does to requests it applies to.
    pub fn effect(&self) -> Effect {
        self.0.effect
    }

    /// What it is about.
    pub fn target(&self) -> &Target {
        &self.0.target
    }

    /// What this policy says, were it alone.
    pub fn decide(&self, request: &Request<'_>) -> Decision {
        if !self.target().matches(request.action(), request.resource()) {
            return Decision::Undefined;
        }
        self.effect().of(&self.applies(request).0)
    }

    /// What it has to do with a request, and why no more than that.
    pub fn part(&self, request: &Request<'_>) -> Part {
        if !self.target().matches_action(request.action()) {
            return Part::OtherAction;
        }
        if !self.target().matches_resource(request.resource()) {
            return Part::OtherResource;
        }
        match self.applies(request).0 {
            Ok(true) => Part::Applies,
            Ok(false) => Part::Unmet(self.0.rule.as_ref().map(|rule| rule.unmet(request)).unwrap_or_default()),
            Err(fault) => Part::Fails(fault),
        }
    }

    /// What the rule says of a request that the target matches, and whether it read attributes.
    pub(crate) fn applies(&self, request: &Request<'_>) -> (Result<bool, Fault>, bool) {
        match &self.0.rule {
            Some(rule) => request.watched(|| rule.applies(request)),
            None => (Ok(true), false),
        }
    }

    /// Where it is kept, which tells versions of one id apart.
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}

/// Equal for clones of one policy, and for nothing else: a later policy of the same id is another one.
impl PartialEq for Policy {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Policy {}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("id", &self.id())
            .field("effect", &self.effect())
            .field("target", self.target())
            .finish_non_exhaustive()
    }
}
