use std::fmt;

use crate::decision::Fault;

/// What one policy has to do with a request, for people who ask why. Displays as the end of a sentence about the
/// policy: `does not apply: it is about other actions`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// It has its effect.
    Applies,
    /// It is about other actions.
    OtherAction,
    /// It is about this action, but to other resources.
    OtherResource,
    /// It is about this request, and its rule does not hold. What of it does not, as far as the rule can tell.
    Unmet(Vec<String>),
    /// It cannot be told whether its rule holds.
    Fails(Fault),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Applies => f.write_str("applies"),
            Self::OtherAction => f.write_str("does not apply: it is about other actions"),
            Self::OtherResource => f.write_str("does not apply: it is about other resources"),
            Self::Unmet(reasons) if reasons.is_empty() => f.write_str("does not apply: its rule does not hold"),
            Self::Unmet(reasons) => write!(f, "does not apply: {}", reasons.join("; ")),
            Self::Fails(fault) => write!(f, "could not be evaluated: {fault}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Effect, Fault, Map, Pattern, Policy, Principal, Request, Rule, Target};

    struct Never;

    impl Rule for Never {
        fn applies(&self, _: &Request<'_>) -> Result<bool, Fault> {
            Ok(false)
        }

        fn unmet(&self, _: &Request<'_>) -> Vec<String> {
            vec!["it is late".into(), "it rains".into()]
        }
    }

    #[test]
    fn parts_tell_what_a_policy_has_to_do_with_a_request() {
        let about = |text: &str| [Pattern::parse(text).unwrap()];
        let policy = Policy::new("t:p", Effect::Allow, Target::new(about("read"), about("app:*")));
        let alice = Principal::new("alice", Map::EMPTY);
        let check = |policy: &Policy, action: &str, resource: &str, expected: &str| {
            let part = policy.part(&Request::new(&alice, action, resource));
            assert_eq!(part.to_string(), expected);
        };
        check(&policy, "read", "app:x", "applies");
        check(&policy, "write", "app:x", "does not apply: it is about other actions");
        check(&policy, "write", "x", "does not apply: it is about other actions");
        check(&policy, "read", "x", "does not apply: it is about other resources");
        check(&policy.when(Never), "read", "app:x", "does not apply: it is late; it rains");
        check(&policy.when(Never), "read", "x", "does not apply: it is about other resources");
        let silent = policy.when(|_: &Request<'_>| Ok(false));
        check(&silent, "read", "app:x", "does not apply: its rule does not hold");
        let broken = policy.when(|_: &Request<'_>| Err(Fault::new("broken")));
        check(&broken, "read", "app:x", "could not be evaluated: broken");
    }
}
