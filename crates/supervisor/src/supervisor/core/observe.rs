use uuid::Uuid;

use super::entry::{Run, StopCause};
use super::{Core, InstanceKey, Observation, Rotation, RotationFailed, Ticket, keys_of};
use crate::health::{HealthCheckResult, HealthStatus, OnUnhealthy};
use crate::process::ProcessState;
use crate::supervisor::{EventKind, Readiness};

/// How many samples in a row may be above the limit of memory before something is done.
const TOO_MUCH: u32 = 3;

impl Core {
    pub(super) fn learn(&mut self, run_id: Uuid, observation: Observation) {
        // Whoever asked waits for an answer, also if the run is over meanwhile.
        let observation = match observation {
            Observation::Answered { ticket, result } => return self.answered(ticket, result),
            Observation::Rotated { ticket, result } => return self.rotated(run_id, ticket, result),
            other => other,
        };
        let Some(&key) = self.runs.get(&run_id) else { return };
        match observation {
            Observation::Launched { pid, containment, counts } => self.launched(key, pid, containment, counts),
            Observation::LaunchFailed { error } => {
                self.launch_failed(key, error);
                self.report_end(key, run_id);
            }
            Observation::Ready => self.ready(key),
            Observation::Checked(result) => self.checked(key, result),
            Observation::Ended(end) => {
                self.ended(key, end);
                self.report_end(key, run_id);
            }
            Observation::StopFailed { error } => {
                if let Some(run) = self.instance(key).and_then(|instance| instance.run.as_mut()) {
                    run.stop_failed = Some(error);
                }
            }
            Observation::Noticed(kind) => self.emit(key, kind),
            Observation::Sampled { cpu_percent, memory_bytes } => self.sampled_one(key, cpu_percent, memory_bytes),
            Observation::Expires { at } => self.expires(key, at),
            Observation::Answered { .. } | Observation::Rotated { .. } => {}
        }
    }

    fn checked(&mut self, key: InstanceKey, result: HealthCheckResult) {
        let now = self.at.now;
        let Some(instance) = self.instance(key) else { return };
        let Some(run) = instance.run.as_mut().filter(|run| run.is_live()) else { return };
        let Some(checks) = run.checks.as_mut() else { return };
        let error = result.error.clone();
        let changed = checks.record_result(result, now);
        let reaction = checks.config().on_unhealthy;
        let gate = matches!(run.options.readiness, Readiness::Healthy);
        instance.health = checks.status();
        let Some((from, to)) = changed else { return };
        self.emit(key, EventKind::HealthChanged { from, to, error });
        if to == HealthStatus::Healthy && gate {
            self.ready(key);
        }
        let running = self.look(key).is_some_and(|instance| instance.state == ProcessState::Running);
        // Before it is ready, only the time that it has for that counts.
        if to == HealthStatus::Unhealthy && running {
            self.set_state(key, ProcessState::Unhealthy);
            match reaction {
                OnUnhealthy::Restart => self.end(key, StopCause::Failed),
                OnUnhealthy::Stop => self.end(key, StopCause::Unhealthy),
                OnUnhealthy::Report => {}
            }
        }
    }

    fn sampled_one(&mut self, key: InstanceKey, cpu_percent: Option<f32>, memory_bytes: Option<u64>) {
        let Some(instance) = self.instance(key) else { return };
        if !instance.state.is_running() {
            return;
        }
        instance.cpu_percent = cpu_percent;
        instance.memory_bytes = memory_bytes;
        let Some(run) = instance.run.as_mut() else { return };
        let above = run.options.max_memory.is_some_and(|most| memory_bytes.is_some_and(|used| used > most));
        run.over_memory = if above { run.over_memory.saturating_add(1) } else { 0 };
        if run.over_memory >= TOO_MUCH && run.is_live() {
            self.end(key, StopCause::Failed);
        }
    }

    fn rotated(&mut self, run_id: Uuid, ticket: Ticket, result: Result<Rotation, RotationFailed>) {
        let key = self.runs.get(&run_id).copied();
        if let (Some(key), Ok(rotation)) = (key, &result) {
            let restart_needed = *rotation == Rotation::RestartNeeded;
            if let Some(instance) = self.instance(key) {
                instance.restart_needed |= restart_needed;
            }
            self.emit(key, EventKind::CredentialsRotated { restart_needed });
        }
        let told = result.as_ref().map(drop).map_err(|failed| failed.field.clone());
        self.refresh_rotated(run_id, ticket, told);
        self.answered(ticket, result.map(drop).map_err(|failed| failed.error));
    }

    /// Takes those away that are to go and have gone.
    pub(super) fn prune(&mut self) {
        let mut gone = Vec::new();
        for (&key, entry) in &mut self.entries {
            while entry.instances.len() > 1
                && let Some(instance) = entry.instances.pop_if(|last| last.leaving && last.run.is_none())
            {
                gone.push((key, instance.alarm, entry.instances.len()));
                std::sync::Arc::make_mut(&mut entry.spec).instances -= 1;
            }
        }
        for (spec, alarm, instance) in gone {
            let instance = u32::try_from(instance).unwrap_or(u32::MAX);
            if let Some(at) = alarm {
                self.alarms.remove(&(at, InstanceKey { spec, instance }));
            }
            self.touched.insert(spec);
        }
    }

    /// The runs of a spec that nobody is ending.
    pub(super) fn live_runs(&self, spec: super::SpecKey) -> Vec<Uuid> {
        let Some(entry) = self.entries.get(&spec) else { return Vec::new() };
        let instances = keys_of(spec, entry).filter_map(|key| self.look(key));
        instances
            .filter_map(|instance| instance.run.as_ref())
            .filter(|run| Run::is_live(run))
            .map(|run| run.id)
            .collect()
    }
}
