use std::sync::Arc;
use std::time::Duration;

use perilune_actor_core::{Failure, Pid, Value};
use perilune_lua_bindings::Published;
use perilune_restart::StayReason;

use crate::application::EntryId;

/// The system that events about services are of.
const SYSTEM: &str = "service";

/// What somebody may want to know about a service.
#[derive(Clone, Debug)]
pub(super) enum Notice {
    /// It has a process.
    Running { pid: Pid },
    /// It failed, and starts again after a while.
    Restarting { attempt: u32, delay: Duration, failure: Arc<Failure> },
    /// It is not started before what it depends on.
    Waiting { failure: Arc<Failure> },
    /// It ended well by itself.
    Exited,
    /// It failed and is not started again.
    GaveUp { reason: StayReason, failure: Arc<Failure>, for_good: bool },
    /// It was asked to end.
    Stopping,
    /// It has ended after that.
    Stopped,
}

impl Notice {
    fn kind(&self) -> &'static str {
        match self {
            Self::Running { .. } => "running",
            Self::Restarting { .. } => "restarting",
            Self::Waiting { .. } => "waiting",
            Self::Exited => "exited",
            Self::GaveUp { .. } => "failed",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        }
    }

    /// As an event: `service`, what happened, the service's id, and what else there is to say.
    pub(super) fn event(&self, id: &EntryId) -> Published {
        let error = |failure: &Arc<Failure>| (Value::from("error"), Value::from(failure.message.as_str()));
        let pairs: Vec<(Value, Value)> = match self {
            Self::Running { pid } => vec![(Value::from("pid"), Value::from(pid.to_string().as_str()))],
            Self::Restarting { attempt, delay, failure } => vec![
                (Value::from("attempt"), Value::Integer(i64::from(*attempt))),
                (Value::from("delay"), Value::Number(delay.as_secs_f64())),
                error(failure),
            ],
            Self::Waiting { failure } => vec![error(failure)],
            Self::GaveUp { failure, reason, for_good } => {
                vec![(Value::from("reason"), Value::from(why(*reason, *for_good).as_str())), error(failure)]
            }
            Self::Exited | Self::Stopping | Self::Stopped => Vec::new(),
        };
        let data = if pairs.is_empty() { Value::Nil } else { pairs.into_iter().collect() };
        Published { system: SYSTEM.into(), kind: self.kind().into(), path: id.to_string(), data }
    }

    pub(super) fn log(&self, id: &EntryId) {
        match self {
            Self::Running { pid } => {
                tracing::info!(target: "perilune::service", service = %id, pid = %pid, "service runs");
            }
            Self::Restarting { attempt, delay, failure } => {
                let error = &*failure.message;
                let text = "service failed and starts again";
                tracing::warn!(target: "perilune::service", service = %id, attempt, delay = %format_args!("{delay:.1?}"), error, "{text}");
            }
            Self::Waiting { failure } => {
                let error = &*failure.message;
                tracing::warn!(target: "perilune::service", service = %id, error, "service does not start yet");
            }
            Self::Exited => tracing::info!(target: "perilune::service", service = %id, "service ended"),
            Self::GaveUp { reason, failure, for_good } => {
                let (error, reason) = (&*failure.message, why(*reason, *for_good));
                tracing::error!(target: "perilune::service", service = %id, error, reason, "service given up");
            }
            Self::Stopping => tracing::debug!(target: "perilune::service", service = %id, "service stops"),
            Self::Stopped => tracing::info!(target: "perilune::service", service = %id, "service stopped"),
        }
    }
}

/// Why a service is not started again.
fn why(reason: StayReason, for_good: bool) -> String {
    match reason {
        StayReason::GaveUp { .. } if for_good => "trying again is of no use".to_owned(),
        StayReason::GaveUp { count, .. } => {
            let failures = count.saturating_add(1);
            let plural = if failures == 1 { "" } else { "s" };
            format!("{failures} failure{plural} in a row")
        }
        other => other.to_string(),
    }
}
