use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use perilune_exec_native::usage::TreeHandle;
use uuid::Uuid;

use super::EventKind;
use super::core::{Order, Rotation, RotationFailed, RunEnd};
use crate::credentials::RefreshConfig;
use crate::health::HealthCheckResult;
use crate::log::{OutputCounts, OutputLines};
use crate::process::{ProcessError, ProcessSpec};

pub(super) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Makes runs. The driver knows nothing else of what it supervises, so tests bring another one.
pub(super) trait Launcher: Send + Sync + 'static {
    /// Starts a process. The text of a failure names the instance and the cause.
    ///
    /// Dropped before its end, it leaves nothing behind.
    fn launch(&self, order: Order, lines: OutputLines, notice: Notice) -> Boxed<'static, Result<Arc<dyn Run>, String>>;

    /// Looks at what those use, all of them at once.
    fn sample(&self, runs: Vec<(Uuid, Arc<dyn Run>)>) -> Boxed<'static, Vec<(Uuid, Usage)>>;

    /// When secrets are renewed, if there is somebody who does that.
    fn refresh_config(&self) -> Option<RefreshConfig> {
        None
    }

    /// Renews the secrets of a profile at their source. A failure names the field it is about, if it is about one.
    fn refresh(&self, _profile: String) -> Boxed<'static, Result<(), Option<String>>> {
        Box::pin(async { Err(None) })
    }
}

/// One process with all that came from it, from its launch to its end. Dropped before that, it is killed.
pub(super) trait Run: Send + Sync + 'static {
    fn pid(&self) -> u32;

    fn containment(&self) -> &'static str;

    /// Waits until it passes the gate that it watches itself; for ever if there is none.
    fn ready(&self) -> Boxed<'_, ()>;

    /// Does for ever what is to be done once it has.
    fn hold(&self) -> Boxed<'_, ()>;

    /// Waits until nothing is left of it.
    fn ended(&self) -> Boxed<'_, RunEnd>;

    /// Makes it end, as its spec says. An end is told by [`ended`](Self::ended); an error says that nobody tries any longer.
    fn stop(&self, spec: Arc<ProcessSpec>) -> Boxed<'_, Result<(), String>>;

    /// Makes it end at once.
    fn kill(&self) -> Boxed<'_, Result<(), String>>;

    fn signal(&self, signal: i32) -> Result<(), ProcessError>;

    /// Checks its health. Dropped before its end, it leaves nothing behind.
    fn check(&self, spec: Arc<ProcessSpec>) -> Boxed<'_, HealthCheckResult>;

    fn rotate(&self) -> Boxed<'_, Result<Rotation, RotationFailed>>;

    /// When the secrets that it was given last are of no use any more, if that is known.
    fn expires_at(&self) -> Option<DateTime<Utc>> {
        None
    }

    /// What it has written so far.
    fn counts(&self) -> Option<OutputCounts>;

    /// What is looked at for what it uses.
    fn tree(&self) -> Option<TreeHandle>;
}

/// What a run uses at the moment.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Usage {
    pub(super) cpu_percent: Option<f32>,
    pub(super) memory_bytes: Option<u64>,
}

/// Where a run tells what others may want to know.
pub(super) type Notice = Arc<dyn Fn(EventKind) + Send + Sync>;
