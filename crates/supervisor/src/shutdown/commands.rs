use perilune_exec_api::CommandLine;
use tokio::time::Instant;

use super::{ShutdownConfig, ShutdownError};
use crate::beside::{self, Failure, Surroundings};
use crate::process::launch::causes;

/// Runs the commands that come before the signal, one after the other.
///
/// Each is given to the shell, with the environment and the folder of the instance and `SUP_PID`, in a tree of its own.
/// One that fails is logged, and the next one follows. When the time for all of them is over, the one that runs is killed
/// with all it started, and the rest is left out. Dropping the future kills the one that runs.
///
/// The answer is what went wrong, without what the `redactor` of `around` knows, for whoever tells it; nothing of it should keep the shutdown from going on.
pub async fn run_pre_shutdown_commands(config: &ShutdownConfig, around: &Surroundings) -> Vec<ShutdownError> {
    let started = Instant::now();
    let mut wrong = Vec::new();
    for command in &config.pre_shutdown_commands {
        let shown = around.redactor.redact(command);
        let left = config.pre_shutdown_timeout.saturating_sub(started.elapsed());
        let reason = match beside::run(CommandLine::Shell(command.clone()), around, left).await {
            Ok(ran) if ran.exit.success() => continue,
            Ok(ran) => beside::how_it_ended(&ran.exit),
            Err(Failure::Exec(error)) => around.redactor.redact(&causes(&error)),
            Err(Failure::Late { .. }) => {
                let error = ShutdownError::Timeout(config.pre_shutdown_timeout);
                tracing::warn!(os_pid = around.os_pid, command = shown, %error, "pre-shutdown commands are cut short");
                wrong.push(error);
                break;
            }
        };
        let error = ShutdownError::PreShutdownFailed(format!("`{shown}` {reason}"));
        tracing::warn!(os_pid = around.os_pid, %error, "the shutdown goes on");
        wrong.push(error);
    }
    wrong
}
