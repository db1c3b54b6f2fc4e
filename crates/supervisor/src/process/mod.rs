//! What a supervised process is: its spec, its states, and the handle that shows it.

mod builder;
mod error;
mod handle;
mod id;
mod spec;
mod state;

pub use builder::ProcessSpecBuilder;
pub use error::ProcessError;
pub use handle::ProcessHandle;
pub use id::ProcessId;
pub use spec::{ProcessSpec, SpecError};
pub use state::ProcessState;
