//! Secrets that a process gets, and that nobody else sees.

mod config;
mod redact;

pub use config::{CredentialConfig, CredentialError};
pub use redact::SecretRedactor;
