use std::borrow::Cow;
use std::fmt;

/// What a policy does to the requests it applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Effect {
    /// It allows them.
    Allow,
    /// It denies them, whoever allows them.
    Deny,
}

/// The answer to a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Somebody allows it, and nobody denies it.
    Allow,
    /// Somebody denies it.
    Deny,
    /// Nobody said anything. Guards refuse it.
    #[default]
    Undefined,
}

/// A decision, and for which requests it is the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The answer.
    pub decision: Decision,
    /// Whether other attributes might change it. If not, it may be remembered for this principal, scope, action and
    /// resource.
    pub depends_on_attributes: bool,
}

/// Why a policy could not be evaluated. Tells types, never values: it ends up in logs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Fault(Cow<'static, str>);

impl Fault {
    /// A fault for that reason, in one sentence without a full stop.
    pub fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        Self(reason.into())
    }
}

impl Effect {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Allow, Self::Deny];

    /// The fixed text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }

    /// The effect of that text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|effect| effect.as_str() == text)
    }

    /// What a policy of this effect says, alone, once it was looked at.
    ///
    /// One that cannot be evaluated errs on the safe side: it denies if it might have denied, and allows nothing.
    pub(crate) fn of(self, finding: &Result<bool, Fault>) -> Decision {
        match (self, finding) {
            (_, Ok(false)) | (Self::Allow, Err(_)) => Decision::Undefined,
            (Self::Allow, Ok(true)) => Decision::Allow,
            (Self::Deny, Ok(true) | Err(_)) => Decision::Deny,
        }
    }
}

impl Decision {
    /// The fixed text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Undefined => "undefined",
        }
    }

    /// Whether a guard lets the request pass.
    pub fn is_allowed(self) -> bool {
        self == Self::Allow
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What the policies of a scope say together: any deny denies, else any allow allows, else nobody said anything.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    allow: Voices,
    deny: Voices,
}

#[derive(Clone, Copy, Debug, Default)]
struct Voices {
    /// Some policy says so.
    now: bool,
    /// Some policy says so whatever the attributes are.
    always: bool,
    /// Some policy says so or not, depending on the attributes.
    perhaps: bool,
}

impl Tally {
    pub(crate) fn add(&mut self, effect: Effect, finding: &Result<bool, Fault>, attributes_read: bool) {
        let voices = match effect {
            Effect::Allow => &mut self.allow,
            Effect::Deny => &mut self.deny,
        };
        let speaks = effect.of(finding) != Decision::Undefined;
        voices.now |= speaks;
        voices.always |= speaks && !attributes_read;
        voices.perhaps |= attributes_read;
    }

    /// Whether nothing that is added can change the verdict.
    pub(crate) fn is_settled(&self) -> bool {
        self.deny.always
    }

    pub(crate) fn verdict(&self) -> Verdict {
        let decision = match (self.deny.now, self.allow.now) {
            (true, _) => Decision::Deny,
            (false, true) => Decision::Allow,
            (false, false) => Decision::Undefined,
        };
        // A policy that read attributes reads them again next time, and one that did not cannot begin to.
        let depends_on_attributes =
            !self.deny.always && (self.deny.perhaps || (!self.allow.always && self.allow.perhaps));
        Verdict { decision, depends_on_attributes }
    }
}

#[cfg(test)]
mod tests {
    use super::Decision::{Allow, Deny, Undefined};
    use super::{Effect, Fault, Tally};

    /// Policies as words: `a`llow or `d`eny, then what it finds: `+` applies, `-` does not, `!` fails; `m` at the end
    /// when it read attributes.
    fn check(policies: &str, decision: super::Decision, depends_on_attributes: bool) {
        let words: Vec<&str> = policies.split_whitespace().collect();
        for order in [words.clone(), words.into_iter().rev().collect()] {
            let mut tally = Tally::default();
            for word in &order {
                let effect = if word.starts_with('a') { Effect::Allow } else { Effect::Deny };
                let finding = match &word[1..2] {
                    "+" => Ok(true),
                    "-" => Ok(false),
                    _ => Err(Fault::new("broken")),
                };
                tally.add(effect, &finding, word.ends_with('m'));
            }
            let verdict = tally.verdict();
            assert_eq!(
                (verdict.decision, verdict.depends_on_attributes),
                (decision, depends_on_attributes),
                "{order:?}"
            );
        }
    }

    #[test]
    fn denies_win_and_failures_err_on_the_safe_side() {
        check("", Undefined, false);
        check("a-", Undefined, false);
        check("a+", Allow, false);
        check("d-", Undefined, false);
        check("d+", Deny, false);
        check("a+ a+ d+", Deny, false);
        check("a+ d- a-", Allow, false);
        check("a!", Undefined, false);
        check("a! a+", Allow, false);
        check("d!", Deny, false);
        check("d! a+ a+", Deny, false);
    }

    #[test]
    fn attributes_matter_only_where_they_could_change_the_decision() {
        check("a+m", Allow, true);
        check("a-m", Undefined, true);
        check("a!m", Undefined, true);
        check("a+ a-m", Allow, false);
        check("a+ d-m", Allow, true);
        check("d+ d-m a-m", Deny, false);
        check("d+m", Deny, true);
        check("d!m a+", Deny, true);
        check("d! a-m", Deny, false);
    }
}
