use std::time::Duration;

use perilune_exec_api::ExecError;
use perilune_exec_native::ChildControl;

use super::{os_signal, signal_failed};
use crate::process::ProcessError;
use crate::shutdown::ShutdownConfig;

/// Reaches one run of a [`ProcessRunner`](super::ProcessRunner), also while another task waits for it.
///
/// Works on any thread and without a runtime. Nothing here waits; whoever waits for the process is told how it ended. Once
/// the run is over, every call is [`ProcessError::InvalidState`], and the next run is never touched.
#[derive(Clone, Debug)]
pub struct RunController {
    name: String,
    signal: String,
    force: bool,
    /// None if there was no process.
    control: Option<ChildControl>,
}

impl RunController {
    pub(super) fn new(name: String, shutdown: &ShutdownConfig, control: Option<ChildControl>) -> Self {
        Self { name, signal: shutdown.signal.clone(), force: shutdown.force_kill, control }
    }

    /// Begins what [`ProcessRunner::stop`](super::ProcessRunner::stop) does. Asked again, the shorter grace holds.
    pub fn stop(&self, grace: Duration) -> Result<(), ProcessError> {
        let signal = os_signal(&self.signal)?;
        self.reach("stop", |control| control.stop(signal, grace, self.force))
    }

    /// Kills the process and all it started, now.
    pub fn kill(&self) -> Result<(), ProcessError> {
        self.reach("kill", ChildControl::kill)
    }

    /// Sends a signal, by number or name, to whom the kill scope of the spec says.
    pub fn signal(&self, signal: impl std::fmt::Display) -> Result<(), ProcessError> {
        let signal = os_signal(&signal.to_string())?;
        self.reach("signal", |control| control.signal(signal))
    }

    fn reach(
        &self,
        operation: &str,
        reach: impl FnOnce(&ChildControl) -> Result<(), ExecError>,
    ) -> Result<(), ProcessError> {
        match self.control.as_ref().map(reach) {
            Some(Ok(())) => Ok(()),
            None | Some(Err(ExecError::AlreadyFinished)) => {
                Err(ProcessError::InvalidState(format!("cannot {operation} `{}`, which does not run", self.name)))
            }
            Some(Err(error)) => Err(signal_failed(&self.name, &error)),
        }
    }
}
