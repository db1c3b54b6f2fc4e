use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use uuid::Uuid;

use super::core::SpecKey;
use super::{Desired, InstanceStatus, LastExit, Phase};
use crate::health::HealthStatus;
use crate::log::{LogStream, OutputCounts, OutputLines};
use crate::process::{ProcessHandle, ProcessSpec, ProcessState};

/// What everybody may look at without asking: all specs and instances as they were after the newest change.
#[derive(Debug, Default)]
pub(super) struct Board {
    specs: BTreeMap<SpecKey, Posted>,
}

#[derive(Debug)]
pub(super) struct Posted {
    pub(super) spec: Arc<ProcessSpec>,
    instances: Vec<Place>,
}

#[derive(Debug)]
struct Place {
    view: watch::Sender<Arc<View>>,
    /// What it writes, from run to run.
    lines: OutputLines,
}

/// One instance at one moment. What changes with time alone is worked out when it is looked at.
#[derive(Debug, Clone)]
pub(super) struct View {
    pub(super) spec: Arc<ProcessSpec>,
    pub(super) instance: u32,
    pub(super) state: ProcessState,
    pub(super) desired: Desired,
    pub(super) phase: Phase,
    pub(super) pid: Option<u32>,
    pub(super) last_pid: Option<u32>,
    pub(super) run_id: Option<Uuid>,
    pub(super) started_at: Option<DateTime<Utc>>,
    /// By the clock that measures.
    pub(super) started: Option<Instant>,
    pub(super) restart_count: u32,
    pub(super) last_restart: Option<DateTime<Utc>>,
    pub(super) restarts: VecDeque<Instant>,
    pub(super) restart_at: Option<Instant>,
    pub(super) last_exit: Option<LastExit>,
    pub(super) health: HealthStatus,
    pub(super) ready: bool,
    pub(super) restart_needed: bool,
    pub(super) cpu_percent: Option<f32>,
    pub(super) memory_bytes: Option<u64>,
    pub(super) containment: &'static str,
    pub(super) counts: Option<OutputCounts>,
}

impl Board {
    /// `None` takes the spec away, and ends what follows its instances.
    pub(super) fn post(&mut self, key: SpecKey, posted: Option<(Arc<ProcessSpec>, Vec<View>)>) {
        let Some((spec, views)) = posted else {
            self.specs.remove(&key);
            return;
        };
        let posted = self.specs.entry(key).or_insert_with(|| Posted { spec: spec.clone(), instances: Vec::new() });
        posted.spec = spec;
        posted.instances.truncate(views.len());
        let mut views = views.into_iter();
        for (place, view) in posted.instances.iter().zip(views.by_ref()) {
            place.view.send_if_modified(|before| {
                let differs = before.differs(&view);
                *before = Arc::new(view);
                differs
            });
        }
        let place = |view| Place { view: watch::Sender::new(Arc::new(view)), lines: OutputLines::new() };
        posted.instances.extend(views.map(place));
    }

    /// In the order of registration.
    pub(super) fn specs(&self) -> impl Iterator<Item = &Posted> {
        self.specs.values()
    }

    pub(super) fn find(&self, name: &str) -> Option<&Posted> {
        self.specs.values().find(|posted| posted.spec.name == name)
    }
}

impl Posted {
    pub(super) fn views(&self) -> impl Iterator<Item = Arc<View>> {
        self.instances.iter().map(|place| place.view.borrow().clone())
    }

    pub(super) fn view(&self, instance: u32) -> Option<Arc<View>> {
        self.instances.get(instance as usize).map(|place| place.view.borrow().clone())
    }

    pub(super) fn watch(&self, instance: u32) -> Option<watch::Receiver<Arc<View>>> {
        self.instances.get(instance as usize).map(|place| place.view.subscribe())
    }

    pub(super) fn lines(&self, instance: u32) -> Option<OutputLines> {
        self.instances.get(instance as usize).map(|place| place.lines.clone())
    }
}

impl View {
    /// Whether somebody who follows it has something new to see.
    fn differs(&self, other: &Self) -> bool {
        let story =
            |view: &Self| (view.run_id, view.restart_count, view.phase, view.desired, view.restart_at, view.ready);
        let spec = |view: &Self| (Arc::as_ptr(&view.spec), view.health, view.restart_needed, view.memory_bytes);
        story(self) != story(other)
            || spec(self) != spec(other)
            || self.state != other.state
            || self.cpu_percent != other.cpu_percent
            || self.last_exit != other.last_exit
    }

    pub(super) fn status(&self) -> InstanceStatus {
        let now = tokio::time::Instant::now().into_std();
        let window = self.spec.restart.restart_window;
        let in_window = self.restarts.iter().filter(|at| now.saturating_duration_since(**at) <= window).count();
        let running = self.state.is_running();
        let written = |stream| self.counts.as_ref().map_or(0, |counts| counts.written(stream));
        InstanceStatus {
            name: self.spec.name.clone(),
            instance: self.instance,
            display_name: self.spec.display_name(self.instance),
            state: self.state.clone(),
            desired: self.desired,
            phase: self.phase,
            pid: self.pid,
            last_pid: self.last_pid,
            run_id: self.run_id,
            started_at: self.started_at,
            uptime: self.started.filter(|_| running).map(|started| now.saturating_duration_since(started)),
            restart_count: self.restart_count,
            restarts_in_window: u32::try_from(in_window).unwrap_or(u32::MAX),
            next_restart_in: self.restart_at.map(|at| at.saturating_duration_since(now)),
            last_exit: self.last_exit.clone(),
            health: self.health,
            ready: self.ready,
            restart_needed: self.restart_needed,
            cpu_percent: self.cpu_percent.filter(|_| running),
            memory_bytes: self.memory_bytes.filter(|_| running),
            containment: self.containment,
            bytes_out: written(LogStream::Stdout),
            bytes_err: written(LogStream::Stderr),
            bytes_lost: self.counts.as_ref().map_or(0, OutputCounts::lost),
        }
    }

    pub(super) fn handle(&self) -> ProcessHandle {
        let running = self.state.is_running();
        ProcessHandle {
            spec: (*self.spec).clone(),
            instance: self.instance,
            state: self.state.clone(),
            pid: self.pid,
            started_at: self.started_at,
            restart_count: self.restart_count,
            last_restart: self.last_restart,
            cpu_percent: self.cpu_percent.filter(|_| running),
            memory_bytes: self.memory_bytes.filter(|_| running),
        }
    }
}
