//! A file that says what a supervisor keeps alive.
//!
//! ```
//! use perilune_supervisor::config::SupervisorFile;
//!
//! let file = SupervisorFile::parse(r#"
//! [[processes]]
//! name = "web"
//! command = "python3"
//! args = ["-m", "http.server", "8080"]
//! cwd = "${HOME}"
//!
//! [processes.supervision]
//! start_timeout = "10s"
//! "#, &|name| (name == "HOME").then(|| "/home/me".to_owned()))?;
//! assert_eq!(file.processes[0].0.cwd.as_deref(), Some("/home/me".as_ref()));
//! # Ok::<(), perilune_supervisor::config::ConfigErrors>(())
//! ```

mod credentials;
mod error;
mod expand;
mod file;

pub use credentials::CredentialSources;
pub use error::{ConfigError, ConfigErrors};
pub use file::SupervisorFile;
