//! Secrets that a process gets, and that nobody else sees.

mod config;
mod pattern;
mod redact;
mod secrets;
mod stream;

pub use config::{CredentialConfig, CredentialError};
pub use pattern::PatternError;
pub use redact::SecretRedactor;
pub use stream::RedactStream;
