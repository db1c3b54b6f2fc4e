use std::fmt;

use smol_str::SmolStr;

use crate::pid::Pid;
use crate::value::Value;

/// What a message is about; mailboxes route by it. Compared byte by byte.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Topic(SmolStr);

impl Topic {
    /// A topic scripts may use: not empty, and not starting with `@`, which the runtime keeps for itself.
    pub fn new(text: &str) -> Result<Self, TopicError> {
        match text.as_bytes().first() {
            None => Err(TopicError::Empty),
            Some(b'@') => Err(TopicError::Reserved),
            Some(_) => Ok(Self(text.into())),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Topic({:?})", self.as_str())
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Text that is no topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// It is empty.
    #[error("topic cannot be empty")]
    Empty,
    /// It starts with `@`.
    #[error("topics starting with @ are reserved")]
    Reserved,
}

/// A message with its sender and its topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Envelope {
    /// Who sent it; `None` when it was no actor.
    pub from: Option<Pid>,
    /// What it is about.
    pub topic: Topic,
    /// What it says.
    pub payload: Value,
}
