//! Many processes, kept alive together.

mod error;
mod event;
mod options;
mod options_text;
mod status;

pub use error::SupervisorError;
pub use event::{EventKind, ExitClassification, SupervisorEvent};
pub use options::{Condition, Dependency, OnExceeded, Readiness, SupervisionOptions, SupervisorConfig};
pub use status::{Desired, InstanceStatus, LastExit, Phase};
