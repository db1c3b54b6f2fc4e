use std::fmt;
use std::sync::Arc;

use crate::failure::Failure;
use crate::value::Value;

/// Why an actor ended. Cheap to copy, since every watcher gets one.
#[derive(Clone, Debug, PartialEq)]
pub enum ExitReason {
    /// It returned, with a value that `None` makes nil.
    Normal(Option<Arc<Value>>),
    /// It failed, or somebody ended it.
    Failed(Arc<Failure>),
}

impl ExitReason {
    /// A normal end with that value.
    pub fn normal(value: Value) -> Self {
        Self::Normal((!value.is_nil()).then(|| Arc::new(value)))
    }

    /// A failure.
    pub fn failed(failure: Failure) -> Self {
        Self::Failed(Arc::new(failure))
    }

    /// The failure, if it is one.
    pub fn failure(&self) -> Option<&Arc<Failure>> {
        match self {
            Self::Normal(_) => None,
            Self::Failed(failure) => Some(failure),
        }
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Normal(_) => f.write_str("normal"),
            Self::Failed(failure) => failure.fmt(f),
        }
    }
}
