use std::sync::Arc;
use std::time::{Duration, Instant};

use perilune_exec_api::{ExecError, OsSignal};
use tokio::time::timeout;

use super::NativeRun;
use crate::process::ProcessSpec;
use crate::process::launch::causes;
use crate::shutdown::{ShutdownManager, ShutdownState, run_pre_shutdown_commands};
use crate::supervisor::EventKind;

impl NativeRun {
    /// Commands, the signal, time to obey, some more time, and the kill. What ends meanwhile spares the rest.
    pub(super) async fn stop_by(&self, spec: Arc<ProcessSpec>) -> Result<(), String> {
        let mut shutdown = ShutdownManager::new(spec.shutdown.clone());
        shutdown.initiate(now());
        if shutdown.state() == ShutdownState::PreShutdown {
            tokio::select! {
                _ = self.child.ended() => return Ok(()),
                // What goes wrong there is logged there, and keeps nobody from going on.
                _ = run_pre_shutdown_commands(shutdown.config(), &self.around) => {}
            }
            shutdown.pre_shutdown_complete(now());
        }
        match self.ask(&shutdown) {
            Ok(()) => {}
            Err(ExecError::AlreadyFinished) => return Ok(()),
            // Nobody to be asked can obey, but the kill may come through.
            Err(error) => {
                tracing::warn!(process = self.name, error = causes(&error), "a process cannot be asked to end")
            }
        }
        if self.ends_within(shutdown.timeout()).await {
            return Ok(());
        }
        if !shutdown.initiate_force_kill(now()) {
            let grace = humantime::format_duration(shutdown.timeout());
            return Err(format!("`{}` has outlived the grace of {grace}, and is not to be forced", self.name));
        }
        if self.ends_within(shutdown.kill_delay()).await {
            return Ok(());
        }
        (self.notice)(EventKind::StopEscalated);
        self.kill_now().await
    }

    fn ask(&self, shutdown: &ShutdownManager) -> Result<(), ExecError> {
        let number = shutdown.signal().map_err(|error| ExecError::Invalid(error.to_string()))?;
        self.child.control().ask(OsSignal::new(number.into())?)
    }

    async fn ends_within(&self, time: Duration) -> bool {
        timeout(time, self.child.ended()).await.is_ok()
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
