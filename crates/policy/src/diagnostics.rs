use std::fmt;

use crate::decision::{Decision, Effect, Fault, Verdict};
use crate::policy::Policy;

/// Why a scope decided as it did, for logs and for people. Displays as one line.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Diagnostics {
    /// The decision.
    pub verdict: Verdict,
    /// The policies that had their effect, those that were overruled among them.
    pub matched: Vec<Policy>,
    /// The policies that could not be evaluated, and why.
    pub failed: Vec<(Policy, Fault)>,
}

impl Diagnostics {
    /// The decision.
    pub fn decision(&self) -> Decision {
        self.verdict.decision
    }

    /// The policies that made the decision: each of them alone would have been enough. None if it is undefined.
    pub fn deciding(&self) -> impl Iterator<Item = &Policy> {
        let (effect, failures_count) = match self.decision() {
            Decision::Allow => (Some(Effect::Allow), false),
            Decision::Deny => (Some(Effect::Deny), true),
            Decision::Undefined => (None, false),
        };
        let failed = self.failed.iter().map(|(policy, _)| policy).filter(move |_| failures_count);
        self.matched.iter().chain(failed).filter(move |policy| Some(policy.effect()) == effect)
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let speaks = |effect| self.matched.iter().find(move |policy| policy.effect() == effect);
        match (self.decision(), speaks(Effect::Allow), speaks(Effect::Deny)) {
            (Decision::Allow, Some(policy), _) => return write!(f, "allowed by policy `{}`", policy.id()),
            (Decision::Deny, _, Some(policy)) => return write!(f, "denied by policy `{}`", policy.id()),
            (Decision::Deny, ..) => f.write_str("denied")?,
            _ => f.write_str("no policy allows it")?,
        }
        // Those that deny come first: they made the decision.
        let denying = |(policy, _): &&(Policy, Fault)| policy.effect() == Effect::Deny;
        if let Some((policy, fault)) = self.failed.iter().find(denying).or(self.failed.first()) {
            write!(f, ": policy `{}` could not be evaluated: {fault}", policy.id())?;
        }
        Ok(())
    }
}
