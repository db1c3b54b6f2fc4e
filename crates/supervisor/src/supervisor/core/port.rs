use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use perilune_exec_api::EndReason;
use uuid::Uuid;

use crate::health::HealthCheckResult;
use crate::log::OutputCounts;
use crate::process::{ProcessError, ProcessId, ProcessSpec};
use crate::supervisor::{
    Condition, EventKind, ShutdownReport, SupervisionOptions, SupervisorError, SupervisorEvent, Updated,
};

/// One moment, on both clocks. Only the first decides anything.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) now: Instant,
    pub(crate) utc: DateTime<Utc>,
}

/// Names a registered spec. Later ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SpecKey(pub(crate) u64);

/// Names an instance. Their order is that of the children of the supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct InstanceKey {
    pub(crate) spec: SpecKey,
    pub(crate) instance: u32,
}

/// Names a question, so that its answer finds back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ticket(pub(crate) u64);

/// Whom a command is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    All,
    Name(String),
    Instance(String, u32),
}

/// What a former supervisor has counted of an instance: its number, its restarts, and when the last was.
pub(crate) type Counted = (u32, u32, Option<DateTime<Utc>>);

/// What somebody wants.
#[derive(Debug)]
pub(crate) enum Command {
    Register { spec: Box<ProcessSpec>, options: Box<SupervisionOptions> },
    Unregister { name: String },
    Start(Target),
    Stop(Target),
    Restart(Target),
    RollingRestart { name: String, batch: u32 },
    Kill { name: String, instance: u32 },
    Signal { name: String, instance: u32, signal: i32 },
    Scale { name: String, instances: u32 },
    GoOn { name: String, counted: Vec<Counted> },
    Update { spec: Box<ProcessSpec>, options: Option<Box<SupervisionOptions>> },
    WaitFor { name: String, condition: Condition, timeout: Duration },
    Sample { name: String, instance: u32 },
    RotateCredentials { name: String },
    Shutdown { deadline: Option<Duration> },
}

/// What came of a command.
#[derive(Debug)]
pub(crate) enum Answer {
    Done,
    Registered(ProcessId),
    Updated(Updated),
    Shutdown(Arc<ShutdownReport>),
}

/// What became of a run. Whatever arrives after the end of the run is discarded.
#[derive(Debug)]
pub(crate) enum Observation {
    Launched {
        pid: u32,
        containment: &'static str,
        counts: Option<OutputCounts>,
    },
    LaunchFailed {
        error: String,
    },
    /// It passed the gate that the run itself watches: a line of its output, a newline on its descriptor, or a
    /// notification at its socket.
    Ready,
    Checked(HealthCheckResult),
    /// It ended, and nothing is left of it.
    Ended(RunEnd),
    /// It did not end although it was asked to, and nobody tries any longer.
    StopFailed {
        error: String,
    },
    /// Something that changes nothing and that others may want to know.
    Noticed(EventKind),
    Sampled {
        cpu_percent: Option<f32>,
        memory_bytes: Option<u64>,
    },
    /// What came of a signal, or of something else that only the run could do.
    Answered {
        ticket: Ticket,
        result: Result<(), ProcessError>,
    },
    /// The secrets that it was given are of no use from then on, if that is known.
    Expires {
        at: Option<DateTime<Utc>>,
    },
    /// New secrets were fetched.
    Rotated {
        ticket: Ticket,
        result: Result<Rotation, RotationFailed>,
    },
}

/// What new secrets need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rotation {
    /// The process has been told.
    Swapped,
    /// It sees them after its next start.
    RestartNeeded,
}

/// Why there are no new secrets.
#[derive(Debug)]
pub(crate) struct RotationFailed {
    pub(crate) error: ProcessError,
    /// Which one is missing, if that is all.
    pub(crate) field: Option<String>,
}

impl From<ProcessError> for RotationFailed {
    fn from(error: ProcessError) -> Self {
        Self { error, field: None }
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunEnd {
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) reason: EndReason,
    pub(crate) leftovers: Vec<u32>,
    pub(crate) tail: Vec<String>,
}

/// What has to be done outside.
#[derive(Debug)]
pub(crate) enum Effect {
    Launch(Box<Order>),
    /// Asks the run to end, and makes it. Also right while it is still being launched.
    Stop {
        run_id: Uuid,
        spec: Arc<ProcessSpec>,
    },
    /// Ends it at once.
    Kill {
        run_id: Uuid,
    },
    Signal {
        run_id: Uuid,
        signal: i32,
        ticket: Ticket,
    },
    Check {
        run_id: Uuid,
        spec: Arc<ProcessSpec>,
    },
    Sample {
        run_id: Uuid,
        ticket: Ticket,
    },
    Rotate {
        run_id: Uuid,
        ticket: Ticket,
    },
    /// Has the secrets of a profile renewed at their source.
    Refresh {
        profile: String,
    },
    Emit(SupervisorEvent),
    Reply {
        ticket: Ticket,
        answer: Result<Answer, SupervisorError>,
    },
    /// Everything is stopped, and nothing follows.
    Finished(Arc<ShutdownReport>),
}

/// What to launch.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) run_id: Uuid,
    pub(crate) instance: u32,
    pub(crate) spec: Arc<ProcessSpec>,
    pub(crate) options: Arc<SupervisionOptions>,
}
