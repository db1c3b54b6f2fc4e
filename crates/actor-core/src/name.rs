use smol_str::SmolStr;

use crate::error::ActorError;
use crate::pid::{Pid, PidText};

/// A registered name: not empty, and nothing that could be read as a pid.
pub type Name = SmolStr;

/// Why text cannot be a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It is empty.
    #[error("name cannot be empty")]
    Empty,
    /// It reads as a pid.
    #[error("name `{0}` has the form of a pid")]
    LooksLikePid(String),
}

/// Names of a node's actors. One name belongs to one actor; an actor may have many.
///
/// A scheduler frees the names of an actor before it tells anybody of its end.
pub trait NameRegistry: Send + Sync {
    /// Gives `name` to `pid`. The same pair again is fine.
    fn register(&self, name: &str, pid: Pid) -> Result<(), ActorError>;
    /// Who has the name.
    fn whereis(&self, name: &str) -> Option<Pid>;
    /// Takes the name away from whoever has it; false when nobody had it.
    fn unregister(&self, name: &str) -> bool;
}

/// Checks that text may be a name.
///
/// # Errors
/// Empty text, and text that parses as a pid.
pub(crate) fn check(text: &str) -> Result<Name, NameError> {
    if text.is_empty() {
        Err(NameError::Empty)
    } else if PidText::parse(text).is_some() {
        Err(NameError::LooksLikePid(text.into()))
    } else {
        Ok(text.into())
    }
}

impl dyn NameRegistry {
    /// The name, if the text may be one.
    ///
    /// # Errors
    /// Empty text, and text that parses as a pid.
    pub fn check(text: &str) -> Result<Name, NameError> {
        check(text)
    }
}
