use crate::failure::{ErrorKind, Failure};
use crate::host::HostId;
use crate::name::{Name, NameError};
use crate::pid::Pid;

/// Why a scheduler could not do what was asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ActorError {
    /// The actor has ended, or there never was one.
    #[error("process {0} not found")]
    NotFound(Pid),
    /// No such host on this node.
    #[error("host not found: {0}")]
    HostNotFound(String),
    /// The host is stopping, or the whole runtime is.
    #[error("host {0} is shutting down")]
    HostStopping(HostId),
    /// The host has as many actors as it may have.
    #[error("max processes limit exceeded on host {host}: {limit}")]
    HostFull {
        /// Which host.
        host: HostId,
        /// Its limit.
        limit: usize,
    },
    /// The receiver's mailbox has as many messages as it may have.
    #[error("mailbox of {pid} is full: {limit} messages")]
    MailboxFull {
        /// Whose mailbox.
        pid: Pid,
        /// Its limit.
        limit: usize,
    },
    /// The observer already monitors that actor.
    #[error("already monitoring pid {0}")]
    AlreadyMonitoring(Pid),
    /// Another actor has the name.
    #[error("name already registered: {0}")]
    NameTaken(Name),
    /// The text cannot be a name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The new actor could not be made.
    #[error("{0}")]
    Create(Failure),
}

impl ActorError {
    /// The stable category to match on.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound(_) | Self::HostNotFound(_) => ErrorKind::NotFound,
            Self::HostStopping(_) | Self::MailboxFull { .. } => ErrorKind::Unavailable,
            Self::HostFull { .. } => ErrorKind::RateLimited,
            Self::AlreadyMonitoring(_) | Self::NameTaken(_) => ErrorKind::AlreadyExists,
            Self::Name(_) => ErrorKind::Invalid,
            Self::Create(failure) => failure.kind.clone(),
        }
    }
}

impl From<ActorError> for Failure {
    fn from(error: ActorError) -> Self {
        let retryable =
            matches!(error, ActorError::HostStopping(_) | ActorError::MailboxFull { .. } | ActorError::HostFull { .. });
        match error {
            ActorError::Create(failure) => failure,
            other => Self { retryable: Some(retryable), ..Self::new(other.kind(), other.to_string()) },
        }
    }
}
