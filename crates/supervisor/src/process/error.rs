/// Why a process could not be started, stopped or reached.
///
/// The text names the instance and the cause, and never the value of a variable.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It could not be started; nothing is left of the attempt.
    #[error("failed to spawn process: {0}")]
    SpawnFailed(String),
    /// There is none of that name.
    #[error("process not found: {0}")]
    NotFound(String),
    /// There is one of that name.
    #[error("process already exists: {0}")]
    AlreadyExists(String),
    /// What was asked cannot be done to a process in this state; nothing was done.
    #[error("invalid state for operation: {0}")]
    InvalidState(String),
    /// A signal could not be sent, or did not end what it was to end.
    #[error("failed to send signal: {0}")]
    SignalFailed(String),
    /// The system refused something.
    #[error("I/O error: {0}")]
    Io(#[from] std::io::Error),
}
