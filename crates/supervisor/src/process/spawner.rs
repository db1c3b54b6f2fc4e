//! Processes that nobody looks after but the caller.

use std::borrow::Borrow;

use perilune_exec_native::launch_tokio;
use tokio::process::Child;
use uuid::Uuid;

use super::launch::{launch, secrets, spawn_failed};
use super::{ProcessError, ProcessSpec};
use crate::supervisor::SupervisionOptions;

/// A process that was started and is the caller's from here on.
#[derive(Debug)]
pub struct SpawnedProcess {
    /// Its handle, with both outputs.
    pub child: Child,
    /// Its number, which is also that of its session and of its group.
    pub pid: u32,
}

/// Starts instance 0 of a spec, without input and with both outputs piped.
///
/// The process gets what any other of this crate gets: its variables, a session of its own, default signals and no
/// descriptors but those three. Nothing else is done for it. **Nobody reads its outputs: when a pipe is full, it stands
/// still until the caller has drained that, so both have to be read, and at once.** Dropping the handle does not end the
/// process, what it starts outlives it, and log files, restarts and the rest of the spec do not apply; for those there is
/// [`ProcessRunner`](super::ProcessRunner).
///
/// Needs a Tokio runtime around the call. Fails with [`ProcessError::SpawnFailed`] when the spec is wrong, the program is
/// missing or the system refuses, and leaves nothing behind.
///
/// ```
/// use perilune_supervisor::process::{ProcessSpec, spawn};
///
/// # let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # tokio.block_on(async {
/// let spec = ProcessSpec::builder().name("hello").command("echo").args(["hello"]).build();
/// let spawned = spawn(&spec)?;
/// assert!(spawned.pid > 0);
/// let output = spawned.child.wait_with_output().await?;
/// assert_eq!(output.stdout, b"hello\n");
/// # Ok::<(), perilune_supervisor::process::ProcessError>(())
/// # }).unwrap();
/// ```
pub fn spawn(spec: impl Borrow<ProcessSpec>) -> Result<SpawnedProcess, ProcessError> {
    let spec = spec.borrow();
    let name = spec.display_name(0);
    let failed = |reason: String| ProcessError::SpawnFailed(format!("`{name}`: {reason}"));
    spec.validate().map_err(|error| failed(error.to_string()))?;
    let secrets = secrets(spec).map_err(failed)?;
    let launch = launch(spec, 0, &SupervisionOptions::default(), secrets, Uuid::new_v4());
    let child = launch_tokio(launch).map_err(|error| spawn_failed(&name, &error))?;
    let pid = child.id().ok_or_else(|| failed("it has been waited for already".to_owned()))?;
    Ok(SpawnedProcess { child, pid })
}
