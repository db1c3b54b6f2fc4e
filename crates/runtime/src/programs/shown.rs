//! What a supervisor tells, as scripts see it: times and durations are seconds, times since 1970.

use std::time::Duration;

use perilune_actor_core::{Table, Value};
use perilune_supervisor::log::LogLine;
use perilune_supervisor::process::ProcessState;
use perilune_supervisor::{EventKind, InstanceStatus, LastExit, SupervisorEvent};
use serde::Serialize;

/// Fields of a table; what is nil is not among them.
#[derive(Default)]
struct Fields(Vec<(Value, Value)>);

impl Fields {
    fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        if !value.is_nil() {
            self.0.push((key.into(), value));
        }
        self
    }

    fn table(self) -> Value {
        Value::Table(Box::new(Table { array: Vec::new(), pairs: self.0 }))
    }
}

fn number(value: impl Into<f64>) -> Value {
    Value::Number(value.into())
}

/// Exact up to 2^53, as all numbers of scripts.
fn count(value: u64) -> Value {
    Value::Number(value as f64)
}

fn seconds(duration: Duration) -> Value {
    Value::Number(duration.as_secs_f64())
}

/// Microseconds since 1970 as seconds.
fn time(micros: i64) -> Value {
    Value::Number(micros as f64 / 1e6)
}

fn maybe<T>(value: Option<T>, show: impl FnOnce(T) -> Value) -> Value {
    value.map_or(Value::Nil, show)
}

/// As it is in the logs and files of a supervisor.
fn plain(value: &impl Serialize) -> Value {
    // Nothing of what is shown fails to be written.
    serde_json::to_value(value).map_or(Value::Nil, |json| from_json(&json))
}

fn from_json(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Nil,
        serde_json::Value::Bool(value) => Value::Boolean(*value),
        serde_json::Value::Number(value) => maybe(value.as_f64(), Value::Number),
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(items) => items.iter().map(from_json).collect::<Vec<_>>().into(),
        serde_json::Value::Object(pairs) => {
            pairs.iter().fold(Fields::default(), |fields, (key, value)| fields.with(key, from_json(value))).table()
        }
    }
}

fn state(state: &ProcessState) -> &'static str {
    match state {
        ProcessState::Starting => "starting",
        ProcessState::Running => "running",
        ProcessState::Unhealthy => "unhealthy",
        ProcessState::Stopping => "stopping",
        ProcessState::Stopped { .. } => "stopped",
        ProcessState::Crashed { .. } => "crashed",
        ProcessState::Terminated => "terminated",
    }
}

/// An instance, as `supervise.status` gives it.
pub(super) fn status(status: &InstanceStatus) -> Value {
    Fields::default()
        .with("name", &*status.name)
        .with("instance", number(status.instance))
        .with("display_name", &*status.display_name)
        .with("state", state(&status.state))
        .with("exit_code", maybe(status.state.exit_code(), number))
        .with("desired", plain(&status.desired))
        .with("phase", plain(&status.phase))
        .with("pid", maybe(status.pid, number))
        .with("last_pid", maybe(status.last_pid, number))
        .with("run_id", plain(&status.run_id))
        .with("started_at", maybe(status.started_at, |at| time(at.timestamp_micros())))
        .with("uptime", maybe(status.uptime, seconds))
        .with("restart_count", number(status.restart_count))
        .with("restarts_in_window", number(status.restarts_in_window))
        .with("next_restart_in", maybe(status.next_restart_in, seconds))
        .with("last_exit", maybe(status.last_exit.as_ref(), exit))
        .with("health", &*status.health.to_string())
        .with("ready", status.ready)
        .with("restart_needed", status.restart_needed)
        .with("cpu_percent", maybe(status.cpu_percent, number))
        .with("memory_bytes", maybe(status.memory_bytes, count))
        .with("containment", status.containment)
        .with("bytes_out", count(status.bytes_out))
        .with("bytes_err", count(status.bytes_err))
        .with("bytes_lost", count(status.bytes_lost))
        .table()
}

fn exit(exit: &LastExit) -> Value {
    Fields::default()
        .with("code", maybe(exit.code, number))
        .with("signal", maybe(exit.signal, number))
        .with("classification", plain(&exit.classification))
        .with("error", maybe(exit.error.as_deref(), Value::from))
        .with("at", time(exit.at.timestamp_micros()))
        .with("uptime", seconds(exit.uptime))
        .with("leftovers_killed", number(exit.leftovers_killed))
        .table()
}

/// Something that happened, as the channel of `supervise.events` gives it.
pub(super) fn event(event: &SupervisorEvent) -> Value {
    let fields = Fields::default()
        .with("seq", count(event.seq))
        .with("at", time(event.at.timestamp_micros()))
        .with("name", &*event.name)
        .with("instance", maybe(event.instance, number))
        .with("run_id", plain(&event.run_id));
    let Value::Table(kind) = plain(&event.kind) else { return fields.table() };
    let mut fields = kind.pairs.into_iter().fold(fields, |mut fields, pair| {
        fields.0.push(pair);
        fields
    });
    let mut set = |key: &str, value: Value| {
        fields.0.retain(|(known, _)| known.as_str() != Some(key));
        if !value.is_nil() {
            fields.0.push((key.into(), value));
        }
    };
    match &event.kind {
        EventKind::StateChanged { from, to, .. } => {
            set("from", state(from).into());
            set("to", state(to).into());
            set("exit_code", maybe(to.exit_code(), number));
        }
        EventKind::Exited { exit: last, .. } => set("exit", exit(last)),
        EventKind::RestartScheduled { delay, .. } => set("delay", seconds(*delay)),
        EventKind::GaveUp { window, .. } => set("window", maybe(*window, seconds)),
        EventKind::HealthChanged { from, to, .. } => {
            set("from", Value::from(from.to_string().as_str()));
            set("to", Value::from(to.to_string().as_str()));
        }
        _ => {}
    }
    fields.table()
}

/// What a slow reader gets instead of what it has missed.
pub(super) fn lagged(missed: u64) -> Value {
    Fields::default().with("event", "lagged").with("missed", count(missed)).table()
}

/// A line that a program wrote.
pub(super) fn line(line: &LogLine) -> Value {
    Fields::default()
        .with("at", time(line.timestamp.timestamp_micros()))
        .with("name", &*line.process_name)
        .with("instance", number(line.instance))
        .with("stream", &*line.stream.to_string())
        .with("line", &*line.content)
        .table()
}

/// What a slow reader gets instead of lines that it has missed.
pub(super) fn lost(name: &str, instance: u32, bytes: u64) -> Value {
    Fields::default().with("name", name).with("instance", number(instance)).with("lost", count(bytes)).table()
}
