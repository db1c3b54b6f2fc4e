//! Making checks.

mod http;
mod program;
mod tcp;

use std::time::Duration;

use perilune_exec_api::CommandLine;
use perilune_exec_native::Sighting;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{CheckType, HealthCheckConfig, HealthCheckResult};
use crate::beside::Surroundings;

pub(super) use http::Target;

/// What a check found out.
struct Outcome {
    /// What was wrong, if something was.
    error: Option<String>,
    details: Option<String>,
}

impl Outcome {
    fn good(details: impl Into<Option<String>>) -> Self {
        Self { error: None, details: details.into() }
    }

    fn bad(error: impl Into<String>) -> Self {
        Self { error: Some(error.into()), details: None }
    }

    fn late(within: Duration) -> Self {
        Self::bad(format!("no answer within {}", humantime::format_duration(within)))
    }
}

/// Makes one check, and says what it found. Whatever goes wrong, a panic too, is a failed check.
///
/// `around` is what the instance runs with; its `os_pid` is the process that [`CheckType::Liveness`] looks at. Scripts
/// and commands have trees of their own: when the time is over they are killed with all they started, and the answer
/// comes when that is gone. Up to 4 KiB of what they wrote are the details. What the `redactor` of `around` knows is in no
/// result.
///
/// Dropping the future gives the check up and kills what it runs. Needs a Tokio runtime with I/O and time.
pub async fn run_check(config: &HealthCheckConfig, around: &Surroundings) -> HealthCheckResult {
    let started = Instant::now();
    let (check, timeout, around) = (config.check_type.clone(), config.timeout, around.clone());
    let redactor = around.redactor.clone();
    let outcome = guarded(async move { make(check, timeout, around).await }).await;
    let result = match outcome.error {
        None => HealthCheckResult::healthy(started.elapsed()),
        Some(error) => HealthCheckResult::unhealthy(started.elapsed(), redactor.redact(&error)),
    };
    match outcome.details {
        Some(details) => result.with_details(redactor.redact(&details)),
        None => result,
    }
}

/// A task of its own catches panics; being the only one of its set, it ends with the future.
async fn guarded(check: impl Future<Output = Outcome> + Send + 'static) -> Outcome {
    let mut tasks = JoinSet::new();
    tasks.spawn(check);
    match tasks.join_next().await {
        Some(Ok(outcome)) => outcome,
        Some(Err(error)) if error.is_panic() => Outcome::bad("the check itself failed"),
        Some(Err(_)) | None => Outcome::bad("the check was given up"),
    }
}

async fn make(check: CheckType, timeout: Duration, around: Surroundings) -> Outcome {
    match check {
        CheckType::None => Outcome::good(None),
        CheckType::Http { url, expected_status, expected_body } => {
            let asked = http::ask(&url, &expected_status, expected_body.as_deref());
            tokio::time::timeout(timeout, asked).await.unwrap_or_else(|_| Outcome::late(timeout))
        }
        CheckType::Tcp { host, port } => {
            let connected = tcp::connect(&host, port);
            tokio::time::timeout(timeout, connected).await.unwrap_or_else(|_| Outcome::late(timeout))
        }
        CheckType::Script { path, args } => match path.into_os_string().into_string() {
            Ok(program) => program::run(CommandLine::argv(program, args), &around, timeout).await,
            Err(path) => Outcome::bad(format!("the path `{}` is not valid text", path.to_string_lossy())),
        },
        CheckType::Command { command, args } => program::run(CommandLine::argv(command, args), &around, timeout).await,
        CheckType::Liveness => is_there(&around),
    }
}

fn is_there(around: &Surroundings) -> Outcome {
    match around.os_pid.map(|os_pid| (os_pid, Sighting::of(os_pid))) {
        Some((_, Some(found))) if !found.ended => Outcome::good(None),
        Some((os_pid, Some(_))) => Outcome::bad(format!("process {os_pid} has ended and is a zombie")),
        Some((os_pid, None)) => Outcome::bad(format!("there is no process {os_pid}")),
        None => Outcome::bad("it has no process"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn panic_in_a_check_is_a_failed_check() {
        let outcome = guarded(async { panic!("oh") }).await;
        assert_eq!(outcome.error.as_deref(), Some("the check itself failed"));
    }

    #[tokio::test]
    async fn check_that_nobody_waits_for_ends() {
        let (alive, ended) = tokio::sync::oneshot::channel::<()>();
        let check = guarded(async move {
            let _alive = alive;
            std::future::pending().await
        });
        drop(tokio::time::timeout(Duration::from_millis(1), check).await);
        assert!(ended.await.is_err());
    }
}
