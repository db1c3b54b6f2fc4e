//! Many processes, kept alive together.

mod error;
mod event;
mod options;
mod options_text;
mod shutdown;
mod status;
mod stream;
#[expect(clippy::module_inception, reason = "the type that all of this is about")]
mod supervisor;

mod board;
mod core;
mod driver;
mod life;
mod native;
mod run;
#[cfg(test)]
mod tests;

pub use error::SupervisorError;
pub use event::{EventKind, ExitClassification, SupervisorEvent};
pub use options::{Condition, Dependency, OnExceeded, Readiness, SupervisionOptions, SupervisorConfig};
pub use shutdown::{InstanceShutdown, ShutdownOptions, ShutdownReport, Updated};
pub use status::{Desired, InstanceStatus, LastExit, Phase};
pub use stream::{EventReceiver, Received, StatusWatch};
pub use supervisor::Supervisor;
