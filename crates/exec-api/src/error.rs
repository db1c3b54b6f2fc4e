use std::path::PathBuf;
use std::time::Duration;

/// What a backend knows about the cause of an error.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why an executor could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExecError {
    /// No such program, neither at that path nor on the `PATH` of the process.
    #[error("program `{program}` not found")]
    NotFound {
        /// As it was given.
        program: String,
    },
    /// The program is there, what its first line or its header names to run it is not.
    #[error("the interpreter of `{program}` was not found")]
    InterpreterNotFound {
        /// The file that asks for it.
        program: String,
    },
    /// The file is there and cannot be executed: no permission, a folder, or a text without an interpreter.
    #[error("`{program}` cannot be executed")]
    NotExecutable {
        /// As it was given.
        program: String,
        /// What the system said.
        source: BoxError,
    },
    /// Somebody has the program open for writing.
    #[error("`{program}` is being written")]
    Busy {
        /// As it was given.
        program: String,
    },
    /// The executor runs other commands only.
    #[error("command `{command}` is not allowed here")]
    NotAllowed {
        /// The whole text.
        command: String,
    },
    /// The request or a setting makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The process cannot be put into its working directory.
    #[error("working directory `{}` cannot be entered", path.display())]
    InvalidWorkDir {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: BoxError,
    },
    /// Identity, limits or containment of the process were refused.
    #[error("not permitted to {operation}")]
    Refused {
        /// What was tried.
        operation: &'static str,
        /// What the system said.
        source: BoxError,
    },
    /// The process has not been started.
    #[error("process not started")]
    NotStarted,
    /// The process has been started before.
    #[error("process already started")]
    AlreadyStarted,
    /// The process has ended.
    #[error("process already finished")]
    AlreadyFinished,
    /// The process has been closed, or its executor has.
    #[error("process is closed")]
    Closed,
    /// Nothing can be written any more.
    #[error("stdin closed")]
    StdinClosed,
    /// This side has closed the stream.
    #[error("stream is closed")]
    StreamClosed,
    /// More came than is kept for somebody who does not read.
    #[error("{bytes} bytes of output were lost because nobody read them")]
    OutputLost {
        /// How many are missing here.
        bytes: u64,
    },
    /// It took too long.
    #[error("timed out after {0:?}")]
    Timeout(Duration),
    /// The system, or a limit of the executor, has no room for it now.
    #[error("no resources to {operation}")]
    Exhausted {
        /// What was tried.
        operation: &'static str,
        /// Which resource.
        source: BoxError,
    },
    /// This backend cannot do it.
    #[error("{operation} is not supported")]
    Unsupported {
        /// What was asked for.
        operation: &'static str,
    },
    /// Anything else.
    #[error("could not {operation}")]
    Backend {
        /// What was tried.
        operation: &'static str,
        /// Why it failed.
        source: BoxError,
    },
}

/// The stable category of an [`ExecError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExecErrorKind {
    /// Program or interpreter missing.
    NotFound,
    /// The system refuses.
    PermissionDenied,
    /// The executor refuses.
    NotAllowed,
    /// Bad request or setting.
    InvalidArgument,
    /// Bad working directory.
    InvalidWorkDir,
    /// Too early.
    NotStarted,
    /// Started twice.
    AlreadyStarted,
    /// Too late: it has ended.
    AlreadyFinished,
    /// Too late: it was closed.
    Closed,
    /// No more input.
    StdinClosed,
    /// It took too long.
    Timeout,
    /// Not now.
    ResourceExhausted,
    /// Not here.
    Unsupported,
    /// Anything else.
    Io,
}

impl ExecErrorKind {
    /// The fixed text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "NotFound",
            Self::PermissionDenied => "PermissionDenied",
            Self::NotAllowed => "NotAllowed",
            Self::InvalidArgument => "InvalidArgument",
            Self::InvalidWorkDir => "InvalidWorkDir",
            Self::NotStarted => "NotStarted",
            Self::AlreadyStarted => "AlreadyStarted",
            Self::AlreadyFinished => "AlreadyFinished",
            Self::Closed => "Closed",
            Self::StdinClosed => "StdinClosed",
            Self::Timeout => "Timeout",
            Self::ResourceExhausted => "ResourceExhausted",
            Self::Unsupported => "Unsupported",
            Self::Io => "Io",
        }
    }
}

impl ExecError {
    /// The stable category to match on.
    pub fn kind(&self) -> ExecErrorKind {
        match self {
            Self::NotFound { .. } | Self::InterpreterNotFound { .. } => ExecErrorKind::NotFound,
            Self::NotExecutable { .. } | Self::Refused { .. } => ExecErrorKind::PermissionDenied,
            Self::NotAllowed { .. } => ExecErrorKind::NotAllowed,
            Self::Invalid(_) => ExecErrorKind::InvalidArgument,
            Self::InvalidWorkDir { .. } => ExecErrorKind::InvalidWorkDir,
            Self::NotStarted => ExecErrorKind::NotStarted,
            Self::AlreadyStarted => ExecErrorKind::AlreadyStarted,
            Self::AlreadyFinished => ExecErrorKind::AlreadyFinished,
            Self::Closed | Self::StreamClosed => ExecErrorKind::Closed,
            Self::StdinClosed => ExecErrorKind::StdinClosed,
            Self::Timeout(_) => ExecErrorKind::Timeout,
            Self::Busy { .. } | Self::Exhausted { .. } => ExecErrorKind::ResourceExhausted,
            Self::Unsupported { .. } => ExecErrorKind::Unsupported,
            Self::OutputLost { .. } | Self::Backend { .. } => ExecErrorKind::Io,
        }
    }

    /// Whether the same request may succeed later.
    pub fn is_retryable(&self) -> bool {
        self.kind() == ExecErrorKind::ResourceExhausted
    }
}
