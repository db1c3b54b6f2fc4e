use std::fmt;
use std::sync::Arc;

/// Which actions or resources a policy is about. Letter case matters.
///
/// `*` is everything, `app.reports:*` everything that begins with `app.reports:`, and text without `*` itself alone.
/// So `process.*` means `process.spawn` and not `processor`.
///
/// ```
/// use perilune_policy::Pattern;
///
/// let pattern = Pattern::parse("process.*")?;
/// assert!(pattern.matches("process.spawn") && !pattern.matches("processor"));
/// assert!(Pattern::parse("app.*:worker").is_err());
/// # Ok::<(), perilune_policy::PatternError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Pattern {
    /// Everything.
    Any,
    /// What begins with this text.
    Prefix(Arc<str>),
    /// This text.
    Exact(Arc<str>),
}

/// Why text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// It is empty, and so would match nothing that exists.
    #[error("a pattern cannot be empty")]
    Empty,
    /// A `*` that is not at the end.
    #[error("`{0}` has a `*` that is not at its end")]
    Star(String),
}

/// What a policy is about: some of these actions, to some of these resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    // INVARIANT: no pattern covers another, so at most one of each list matches, and the index meets a policy once.
    actions: Box<[Pattern]>,
    resources: Box<[Pattern]>,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Empty text, and a `*` elsewhere than at the end.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let (start, open) = match text.strip_suffix('*') {
            Some(start) => (start, true),
            None => (text, false),
        };
        if text.is_empty() {
            Err(PatternError::Empty)
        } else if start.contains('*') {
            Err(PatternError::Star(text.into()))
        } else if open && start.is_empty() {
            Ok(Self::Any)
        } else if open {
            Ok(Self::Prefix(start.into()))
        } else {
            Ok(Self::Exact(text.into()))
        }
    }

    /// Whether the text is meant.
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Prefix(start) => text.starts_with(&**start),
            Self::Exact(exact) => text == &**exact,
        }
    }

    /// Whether everything that `other` matches is matched by this one too.
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (Self::Prefix(_), Self::Prefix(text) | Self::Exact(text)) => self.matches(text),
            (Self::Exact(a), Self::Exact(b)) => a == b,
            _ => false,
        }
    }
}

/// As [`Pattern::parse`] reads it.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Prefix(start) => write!(f, "{start}*"),
            Self::Exact(text) => f.write_str(text),
        }
    }
}

impl Target {
    /// These actions to these resources. Without any of either it matches nothing.
    pub fn new(actions: impl IntoIterator<Item = Pattern>, resources: impl IntoIterator<Item = Pattern>) -> Self {
        Self { actions: widest(actions), resources: widest(resources) }
    }

    /// The actions, without those that others cover.
    pub fn actions(&self) -> &[Pattern] {
        &self.actions
    }

    /// The resources, without those that others cover.
    pub fn resources(&self) -> &[Pattern] {
        &self.resources
    }

    /// Whether both are meant.
    pub fn matches(&self, action: &str, resource: &str) -> bool {
        self.matches_action(action) && self.matches_resource(resource)
    }

    pub(crate) fn matches_action(&self, action: &str) -> bool {
        self.actions.iter().any(|pattern| pattern.matches(action))
    }

    pub(crate) fn matches_resource(&self, resource: &str) -> bool {
        self.resources.iter().any(|pattern| pattern.matches(resource))
    }
}

fn widest(patterns: impl IntoIterator<Item = Pattern>) -> Box<[Pattern]> {
    let mut all: Vec<Pattern> = patterns.into_iter().collect();
    // Sorted by text, and of one text the prefix first, a pattern comes right after the widest one that covers it.
    let text = |pattern: &Pattern| match pattern {
        Pattern::Any => Arc::from(""),
        Pattern::Prefix(text) | Pattern::Exact(text) => Arc::clone(text),
    };
    all.sort_by_cached_key(|pattern| (text(pattern), matches!(pattern, Pattern::Exact(_))));
    if all.contains(&Pattern::Any) {
        return [Pattern::Any].into();
    }
    all.dedup_by(|later, kept| kept.covers(later));
    all.into()
}

#[cfg(test)]
mod tests {
    use super::{Pattern, PatternError, Target};

    fn check(pattern: &str, matching: &[&str], others: &[&str]) {
        let parsed = Pattern::parse(pattern).unwrap();
        assert_eq!(parsed.to_string(), pattern);
        for text in matching {
            assert!(parsed.matches(text), "{pattern} and {text:?}");
        }
        for text in others {
            assert!(!parsed.matches(text), "{pattern} and {text:?}");
        }
    }

    #[test]
    fn patterns_are_everything_a_beginning_or_the_text_itself() {
        check("*", &["", "a", "*"], &[]);
        check("read", &["read"], &["", "rea", "reads", "Read", "*"]);
        check("process.*", &["process.", "process.spawn", "process.a.b"], &["process", "processor", "Process.spawn"]);
        check("ä*", &["ä", "äö"], &["a", ""]);
    }

    #[test]
    fn stars_stand_at_the_end_only() {
        for text in ["*a", "a*b", "a.*:b", "**", "a**"] {
            assert_eq!(Pattern::parse(text), Err(PatternError::Star(text.into())));
        }
        assert_eq!(Pattern::parse(""), Err(PatternError::Empty));
    }

    #[test]
    fn targets_keep_no_pattern_that_another_covers() {
        let check = |patterns: &[&str], kept: &[&str]| {
            let target = Target::new(patterns.iter().map(|text| Pattern::parse(text).unwrap()), [Pattern::Any]);
            let actions: Vec<String> = target.actions().iter().map(Pattern::to_string).collect();
            assert_eq!(actions, kept);
        };
        check(&["a", "b", "a"], &["a", "b"]);
        check(&["ab", "a*", "abc*", "b", "a"], &["a*", "b"]);
        check(&["a.b", "a", "a.*"], &["a", "a.*"]);
        check(&["a*", "*", "b"], &["*"]);
        check(&["a", "ab*", "abc", "abd*", "ac"], &["a", "ab*", "ac"]);
        check(&[], &[]);
    }
}
