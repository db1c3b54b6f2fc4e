use std::fmt;
use std::sync::Arc;

/// Why policies cannot be loaded. Deciding has no errors: see [`Diagnostics`](crate::Diagnostics).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// A required key is absent.
    #[error("policy `{policy}` lacks the required key `{path}`")]
    Missing {
        /// The policy's id.
        policy: Arc<str>,
        /// Where it should be.
        path: ConfigPath,
    },
    /// A value of the wrong type, or one that says nothing sensible.
    #[error("`{path}` of policy `{policy}` {reason}")]
    Invalid {
        /// The policy's id.
        policy: Arc<str>,
        /// Where it is.
        path: ConfigPath,
        /// What is wrong with it; continues a sentence about it.
        reason: String,
    },
    /// A word that means nothing.
    #[error("`{path}` of policy `{policy}`: unknown {what} `{word}`{}", advice(.suggestion))]
    Unknown {
        /// The policy's id.
        policy: Arc<str>,
        /// Where it is.
        path: ConfigPath,
        /// What it should have been, such as `operator`.
        what: &'static str,
        /// The word.
        word: String,
        /// What was probably meant.
        suggestion: Option<String>,
    },
    /// An expression that cannot be read.
    #[error("`{path}` of policy `{policy}`: {reason}, at character {}", .offset + 1)]
    Syntax {
        /// The policy's id.
        policy: Arc<str>,
        /// Where the expression is.
        path: ConfigPath,
        /// How many characters of it are before the mistake.
        offset: usize,
        /// What was expected and what was there.
        reason: String,
    },
    /// Two policies with one id.
    #[error("there are two policies `{policy}`")]
    Duplicate {
        /// The id.
        policy: Arc<str>,
    },
}

/// The stable category of a [`PolicyError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PolicyErrorKind {
    /// A policy says something that has no meaning, or not enough.
    Invalid,
    /// Its id is taken.
    AlreadyExists,
}

/// The way to a value in a configuration, such as `policy.conditions[2].operator`. It may lead further than the
/// configuration does: to a key that should be there, or to an item of a list that was written as one value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ConfigPath(Vec<Step>);

/// One step of a [`ConfigPath`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// The value of that key.
    Key(Arc<str>),
    /// The item of that number, counted from 0.
    Index(usize),
}

impl PolicyError {
    /// The stable category to match on.
    pub fn kind(&self) -> PolicyErrorKind {
        match self {
            Self::Duplicate { .. } => PolicyErrorKind::AlreadyExists,
            _ => PolicyErrorKind::Invalid,
        }
    }

    /// Whose configuration it is.
    pub fn policy(&self) -> &str {
        match self {
            Self::Missing { policy, .. }
            | Self::Invalid { policy, .. }
            | Self::Unknown { policy, .. }
            | Self::Syntax { policy, .. }
            | Self::Duplicate { policy } => policy,
        }
    }

    /// Where in it, unless the whole is meant.
    pub fn path(&self) -> Option<&ConfigPath> {
        match self {
            Self::Missing { path, .. }
            | Self::Invalid { path, .. }
            | Self::Unknown { path, .. }
            | Self::Syntax { path, .. } => Some(path),
            Self::Duplicate { .. } => None,
        }
    }

    /// What was probably meant.
    pub fn suggestion(&self) -> Option<&str> {
        match self {
            Self::Unknown { suggestion, .. } => suggestion.as_deref(),
            _ => None,
        }
    }
}

impl ConfigPath {
    /// The path to the value of a key below this one.
    #[must_use]
    pub fn key(&self, key: impl Into<Arc<str>>) -> Self {
        self.then(Step::Key(key.into()))
    }

    /// The path to an item below this one.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.then(Step::Index(index))
    }

    /// The steps from the outermost value.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    fn then(&self, step: Step) -> Self {
        Self(self.0.iter().cloned().chain([step]).collect())
    }
}

impl fmt::Display for ConfigPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if number == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

fn advice(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map(|word| format!("; did you mean `{word}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{ConfigPath, PolicyError};

    #[test]
    fn messages_name_policy_place_and_remedy() {
        let path = ConfigPath::default().key("policy").key("conditions").index(2).key("operator");
        let error = PolicyError::Unknown {
            policy: "app:x".into(),
            path: path.clone(),
            what: "operator",
            word: "eqq".into(),
            suggestion: Some("eq".into()),
        };
        let text = "`policy.conditions[2].operator` of policy `app:x`: unknown operator `eqq`; did you mean `eq`?";
        assert_eq!(error.to_string(), text);
        assert_eq!((error.policy(), error.path(), error.suggestion()), ("app:x", Some(&path), Some("eq")));
    }
}
