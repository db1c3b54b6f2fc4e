//! Secrets that a process gets, and that nobody else sees.
//!
//! A [`CredentialProvider`] has them, a [`CredentialConfig`] says which of them a process gets and how, and
//! [`AppliedCredentials`] are those that one run has: variables, and a file that is there as long as it runs. A
//! [`Rotation`] gives it new ones while it runs.
//!
//! What is not here: sources such as keyrings, which are for whoever has one to [provide](CredentialProvider), and how new
//! tokens are asked for before old ones expire, which is for a [`CredentialRefresher`]. It is called for those with
//! `auto_refresh`, if it is [known](SecretSet::expires_at) when their secrets expire.

mod applied;
mod auth;
mod config;
mod pattern;
mod profile;
mod provider;
mod redact;
mod refresh;
mod rotation;
mod secrets;
mod set;
mod shared;
mod store;
mod stream;

pub use applied::{AppliedCredentials, Recipient};
pub use auth::{AuthKind, AuthMethod};
pub use config::{CredentialConfig, CredentialError};
pub use pattern::PatternError;
pub use profile::{CredentialProfile, ProfileId, ProfileMetadata};
#[cfg(all(feature = "keyring", target_os = "linux"))]
pub use provider::KeyringProvider;
pub use provider::{ChainProvider, CredentialProvider, EnvProvider, FileProvider, MemoryProvider};
pub use redact::SecretRedactor;
pub use refresh::{CredentialRefresher, RefreshConfig};
pub use rotation::{Rotation, RotationPlan};
pub use secrecy::{ExposeSecret, SecretString};
pub use set::SecretSet;
pub use shared::SharedRedactor;
pub use store::CredentialStore;
pub use stream::RedactStream;
