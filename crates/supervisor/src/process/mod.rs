//! What a supervised process is: its spec, its states, the handle that shows it, and the runner that gives it life.

mod builder;
mod error;
mod handle;
mod id;
pub(crate) mod launch;
pub mod runner;
pub mod spawner;
mod spec;
mod state;

pub use builder::ProcessSpecBuilder;
pub use error::ProcessError;
pub use handle::ProcessHandle;
pub use id::ProcessId;
pub use runner::{OutputChunk, OutputReceiver, ProcessRunner, RunController};
pub use spawner::{SpawnedProcess, spawn};
pub use spec::{ProcessSpec, SpecError};
pub use state::ProcessState;
