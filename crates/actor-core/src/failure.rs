use std::fmt;
use std::sync::Arc;

use smol_str::SmolStr;

use crate::value::Table;

/// The stable category of a [`Failure`], which scripts and programs match on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No kind was given.
    #[default]
    Unknown,
    /// Bad arguments.
    Invalid,
    /// Nothing of that name.
    NotFound,
    /// The name is taken.
    AlreadyExists,
    /// A policy refuses.
    PermissionDenied,
    /// Not now.
    Unavailable,
    /// A defect, of a script or of the runtime.
    Internal,
    /// Somebody asked for the end.
    Canceled,
    /// Another change came first.
    Conflict,
    /// Too late.
    Timeout,
    /// Too many.
    RateLimited,
    /// A kind of the user's own.
    Other(SmolStr),
}

impl ErrorKind {
    /// The fixed text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Unknown => "",
            Self::Invalid => "Invalid",
            Self::NotFound => "NotFound",
            Self::AlreadyExists => "AlreadyExists",
            Self::PermissionDenied => "PermissionDenied",
            Self::Unavailable => "Unavailable",
            Self::Internal => "Internal",
            Self::Canceled => "Canceled",
            Self::Conflict => "Conflict",
            Self::Timeout => "Timeout",
            Self::RateLimited => "RateLimited",
            Self::Other(text) => text,
        }
    }
}

impl From<&str> for ErrorKind {
    fn from(text: &str) -> Self {
        const KNOWN: [ErrorKind; 11] = [
            ErrorKind::Unknown,
            ErrorKind::Invalid,
            ErrorKind::NotFound,
            ErrorKind::AlreadyExists,
            ErrorKind::PermissionDenied,
            ErrorKind::Unavailable,
            ErrorKind::Internal,
            ErrorKind::Canceled,
            ErrorKind::Conflict,
            ErrorKind::Timeout,
            ErrorKind::RateLimited,
        ];
        KNOWN.into_iter().find(|kind| kind.as_str() == text).unwrap_or_else(|| Self::Other(text.into()))
    }
}

/// A structured error that can travel between actors: why one ended, or what an operation answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Failure {
    /// The stable category.
    pub kind: ErrorKind,
    /// One sentence for people.
    pub message: String,
    /// Whether trying again may help; `None` when nobody said.
    pub retryable: Option<bool>,
    /// Whether a script said so itself. What the runtime says of its own errors is but a default.
    pub explicit: bool,
    /// What else the raiser wanted to say.
    pub details: Option<Box<Table>>,
    /// Where it was raised, as text.
    pub stack: Option<String>,
    /// The error this one wraps.
    pub cause: Option<Arc<Failure>>,
}

impl Failure {
    /// An error made by the runtime: not retryable.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), retryable: Some(false), ..Self::default() }
    }

    /// The same error, marked as worth another try.
    #[must_use]
    pub fn retryable(self) -> Self {
        Self { retryable: Some(true), ..self }
    }

    /// Whether a script has said itself that trying again is of no use.
    pub fn is_final(&self) -> bool {
        self.explicit && self.retryable == Some(false)
    }

    /// Whether this error or one it wraps is of that kind.
    pub fn is(&self, kind: &ErrorKind) -> bool {
        let mut next = Some(self);
        while let Some(failure) = next {
            if failure.kind == *kind {
                return true;
            }
            next = failure.cause.as_deref();
        }
        false
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
