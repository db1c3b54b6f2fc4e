use std::fmt;
use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};

use rustc_hash::FxHashSet;

use crate::decision::{Tally, Verdict};
use crate::diagnostics::Diagnostics;
use crate::identity::Identity;
use crate::index::Index;
use crate::policy::Policy;
use crate::request::Request;

/// Up to this many policies are looked at one by one, which is as fast and takes no memory.
const FEW: usize = 16;

/// The policies in force for an actor: a set that keeps its order, which changes nothing. Immutable; cloning copies a
/// pointer.
///
/// Two versions of a policy, from before and after a change, are two policies; a scope may hold both, and both count.
///
/// ```
/// use perilune_policy::{Decision, Effect, Map, Pattern, Policy, Principal, Request, Scope, Target};
///
/// let about = |actions| Target::new([Pattern::parse(actions).unwrap()], [Pattern::Any]);
/// let reads = Scope::new([Policy::new("app:reads", Effect::Allow, about("read"))]);
/// let nothing = reads.with(&Policy::new("app:nothing", Effect::Deny, about("*")));
///
/// let alice = Principal::new("alice", Map::EMPTY);
/// let request = Request::new(&alice, "read", "app:report");
/// assert_eq!(reads.decide(&request).decision, Decision::Allow);
/// assert_eq!(nothing.evaluate(&request).to_string(), "denied by policy `app:nothing`");
/// ```
#[derive(Clone)]
pub struct Scope(Arc<Inner>);

struct Inner {
    identity: Identity,
    policies: Box<[Policy]>,
    index: OnceLock<Index>,
}

impl Scope {
    /// A scope of these policies; one that comes twice counts once.
    pub fn new(policies: impl IntoIterator<Item = Policy>) -> Self {
        let mut seen = FxHashSet::default();
        let policies = policies.into_iter().filter(|policy| seen.insert(policy.address())).collect();
        Self(Arc::new(Inner { identity: Identity::next(), policies, index: OnceLock::new() }))
    }

    /// The scope of these policies and one more. The same scope if it is in already.
    #[must_use]
    pub fn with(&self, policy: &Policy) -> Self {
        if self.policies().contains(policy) {
            return self.clone();
        }
        Self::new(self.policies().iter().chain([policy]).cloned())
    }

    /// The scope without the policies of that id. The same scope if there are none.
    #[must_use]
    pub fn without(&self, id: &str) -> Self {
        if !self.contains(id) {
            return self.clone();
        }
        Self::new(self.policies().iter().filter(|policy| &**policy.id() != id).cloned())
    }

    /// The scope of the policies of both. One of the two if that has them all.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        if self.identity() == other.identity() || other.policies().is_empty() {
            return self.clone();
        }
        if self.policies().is_empty() {
            return other.clone();
        }
        let both = Self::new(self.policies().iter().chain(other.policies()).cloned());
        if both.policies().len() == self.policies().len() { self.clone() } else { both }
    }

    /// Whether there is a policy of that id.
    pub fn contains(&self, id: &str) -> bool {
        self.policies().iter().any(|policy| &**policy.id() == id)
    }

    /// The policies, in the order they came in.
    pub fn policies(&self) -> &[Policy] {
        &self.0.policies
    }

    /// The same for all clones, and for no other scope, whatever policies that has.
    pub fn identity(&self) -> Identity {
        self.0.identity
    }

    /// Makes the first decision as fast as all others. A scope of thousands of policies takes some milliseconds for
    /// that, which a worker should not have to spend.
    pub fn prepare(&self) {
        if self.policies().len() > FEW {
            self.index();
        }
    }

    /// What the policies say together. Any deny denies; else any allow allows; else it is undefined. A policy that
    /// cannot be evaluated denies if it could have, and allows nothing.
    pub fn decide(&self, request: &Request<'_>) -> Verdict {
        let mut tally = Tally::default();
        // Broken off or not, the tally knows all that matters.
        let _ = self.matching(request, |at| {
            let policy = &self.policies()[at as usize];
            let (finding, attributes_read) = policy.applies(request);
            tally.add(policy.effect(), &finding, attributes_read);
            if tally.is_settled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        tally.verdict()
    }

    /// The decision with its reasons: every policy is asked, and whoever spoke is named.
    pub fn evaluate(&self, request: &Request<'_>) -> Diagnostics {
        let mut numbers = Vec::new();
        let _ = self.matching(request, |at| {
            numbers.push(at);
            ControlFlow::Continue(())
        });
        numbers.sort_unstable();
        let mut tally = Tally::default();
        let (mut matched, mut failed) = (Vec::new(), Vec::new());
        for at in numbers {
            let policy = &self.policies()[at as usize];
            let (finding, attributes_read) = policy.applies(request);
            tally.add(policy.effect(), &finding, attributes_read);
            match finding {
                Ok(true) => matched.push(policy.clone()),
                Ok(false) => {}
                Err(fault) => failed.push((policy.clone(), fault)),
            }
        }
        Diagnostics { verdict: tally.verdict(), matched, failed }
    }

    fn index(&self) -> &Index {
        self.0.index.get_or_init(|| Index::new(self.policies()))
    }

    fn matching(&self, request: &Request<'_>, mut see: impl FnMut(u32) -> ControlFlow<()>) -> ControlFlow<()> {
        let (action, resource) = (request.action(), request.resource());
        if self.policies().len() > FEW {
            return self.index().matching(self.policies(), action, resource, see);
        }
        for (at, policy) in (0..).zip(self.policies()) {
            if policy.target().matches(action, resource) {
                see(at)?;
            }
        }
        ControlFlow::Continue(())
    }
}

/// The scope of no policies, in which everything is undefined.
impl Default for Scope {
    fn default() -> Self {
        Self::new([])
    }
}

impl FromIterator<Policy> for Scope {
    fn from_iter<I: IntoIterator<Item = Policy>>(policies: I) -> Self {
        Self::new(policies)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.policies().iter().map(Policy::id)).finish()
    }
}
