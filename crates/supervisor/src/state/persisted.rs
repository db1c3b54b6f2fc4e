use chrono::{DateTime, Utc};
use perilune_exec_native::{Sighting, boot_id};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::process::{ProcessId, ProcessSpec, ProcessState};

/// Everything that is written down. Specs are written with all their variables, secrets from a
/// [provider](crate::credentials::CredentialProvider) never are.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PersistedState {
    /// How it is written; 1 is the only way so far.
    pub version: u32,
    /// When it was written.
    pub saved_at: DateTime<Utc>,
    /// When the supervisor that wrote it began.
    pub daemon_started_at: DateTime<Utc>,
    /// What it knew.
    pub specs: Vec<ProcessSpec>,
    /// What it had of that.
    pub instances: Vec<PersistedProcessInstance>,
}

/// One instance, as it was when it was written down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PersistedProcessInstance {
    /// The id of its spec.
    pub spec_id: ProcessId,
    /// Which of the instances, from 0.
    pub instance_index: u32,
    /// What it was at.
    pub state: ProcessState,
    /// The number of its process, also while that was being stopped.
    pub pid: Option<u32>,
    /// When that started.
    pub started_at: Option<DateTime<Utc>>,
    /// How often it had been started again.
    pub restart_count: u32,
    /// When it was last.
    pub last_restart: Option<DateTime<Utc>>,
    /// Whose secrets it got.
    pub credential_profile: Option<String>,
    /// When its process started, in ticks of the system.
    #[serde(default)]
    pub kernel_started: Option<u64>,
    /// Since which start of the system those are counted.
    #[serde(default)]
    pub boot_id: Option<String>,
    /// The run, which everything in it carries as `SUP_RUN_ID`.
    #[serde(default)]
    pub run_id: Option<Uuid>,
}

impl PersistedState {
    /// The version that is written.
    pub const VERSION: u32 = 1;

    /// Nothing, from a supervisor that began at `now`.
    #[must_use]
    pub fn new(now: DateTime<Utc>) -> Self {
        Self { version: Self::VERSION, saved_at: now, daemon_started_at: now, specs: Vec::new(), instances: Vec::new() }
    }

    /// What was written about an instance.
    #[must_use]
    pub fn instance(&self, spec_id: ProcessId, index: u32) -> Option<&PersistedProcessInstance> {
        self.instances.iter().find(|known| known.is_of(spec_id, index))
    }

    /// Writes an instance, in place of what was written about it.
    pub fn set_instance(&mut self, instance: PersistedProcessInstance) {
        match self.instances.iter_mut().find(|known| known.is_of(instance.spec_id, instance.instance_index)) {
            Some(known) => *known = instance,
            None => self.instances.push(instance),
        }
    }

    /// Writes a spec, in place of the one of the same id.
    pub fn set_spec(&mut self, spec: ProcessSpec) {
        match self.specs.iter_mut().find(|known| known.id == spec.id) {
            Some(known) => *known = spec,
            None => self.specs.push(spec),
        }
    }

    /// The spec of the same name, if nothing about it is different but its id and the number of instances: each start of a
    /// program may give it a new id.
    #[must_use]
    pub fn same_spec(&self, spec: &ProcessSpec) -> Option<&ProcessSpec> {
        let same =
            |known: &&ProcessSpec| known.name == spec.name && content(known).is_some_and(|c| Some(c) == content(spec));
        // The newest, should one of them have stayed behind.
        self.specs.iter().rev().find(same)
    }

    /// Forgets a spec and its instances.
    pub fn remove_spec(&mut self, id: ProcessId) {
        self.specs.retain(|spec| spec.id != id);
        self.instances.retain(|instance| instance.spec_id != id);
    }
}

fn content(spec: &ProcessSpec) -> Option<serde_json::Value> {
    let mut content = serde_json::to_value(spec).ok()?;
    let fields = content.as_object_mut()?;
    fields.remove("id");
    fields.remove("instances");
    Some(content)
}

impl PersistedProcessInstance {
    /// An instance that never ran.
    #[must_use]
    pub fn new(spec_id: ProcessId, instance_index: u32) -> Self {
        Self {
            spec_id,
            instance_index,
            state: ProcessState::Stopped { exit_code: None },
            pid: None,
            started_at: None,
            restart_count: 0,
            last_restart: None,
            credential_profile: None,
            kernel_started: None,
            boot_id: None,
            run_id: None,
        }
    }

    /// It has a process, which must not have been reaped: looks up what tells it from others of the same number.
    pub fn set_process(&mut self, os_pid: u32, run_id: Uuid) {
        self.pid = Some(os_pid);
        self.run_id = Some(run_id);
        self.kernel_started = Sighting::of(os_pid).map(|seen| seen.started);
        self.boot_id = boot_id().ok();
    }

    /// It has none any more.
    pub fn clear_process(&mut self) {
        (self.pid, self.run_id, self.kernel_started, self.boot_id) = (None, None, None, None);
    }

    /// Whether a process that is there now is the one that was written down: the same number, the same start in the same
    /// boot, and the mark of the run. Anything that is missing, on either side, proves nothing.
    #[must_use]
    pub fn is_process(&self, seen: &Sighting, boot: &str) -> bool {
        let run = self.run_id.map(|run| run.to_string());
        self.pid == Some(seen.os_pid)
            && self.kernel_started == Some(seen.started)
            && self.boot_id.as_deref() == Some(boot)
            && run.is_some()
            && run == seen.run_id
    }

    fn is_of(&self, spec_id: ProcessId, index: u32) -> bool {
        self.spec_id == spec_id && self.instance_index == index
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    struct Sleeper(Child);

    impl Sleeper {
        fn new(run: Uuid) -> Self {
            let mut cat = Command::new("cat");
            Self(cat.env("SUP_RUN_ID", run.to_string()).stdin(Stdio::piped()).spawn().unwrap())
        }
    }

    impl Drop for Sleeper {
        fn drop(&mut self) {
            drop(self.0.stdin.take());
            self.0.wait().unwrap();
        }
    }

    #[test]
    fn process_is_recognised_by_number_start_boot_and_mark_together() {
        let run = Uuid::new_v4();
        let sleeper = Sleeper::new(run);
        let os_pid = sleeper.0.id();
        let mut written = PersistedProcessInstance::new(ProcessId::new(), 0);
        written.set_process(os_pid, run);
        let (seen, boot) = (Sighting::of(os_pid).unwrap(), boot_id().unwrap());
        assert!(written.is_process(&seen, &boot));

        assert!(!written.is_process(&seen, "another boot"));
        let differs = |change: fn(&mut PersistedProcessInstance)| {
            let mut other = written.clone();
            change(&mut other);
            assert!(!other.is_process(&seen, &boot), "{other:?}");
        };
        differs(|other| other.pid = other.pid.map(|pid| pid + 1));
        differs(|other| other.pid = None);
        differs(|other| other.kernel_started = other.kernel_started.map(|ticks| ticks + 1));
        differs(|other| other.kernel_started = None);
        differs(|other| other.boot_id = None);
        differs(|other| other.run_id = Some(Uuid::new_v4()));
        differs(|other| other.run_id = None);
        differs(PersistedProcessInstance::clear_process);

        let mut unmarked = seen.clone();
        unmarked.run_id = None;
        assert!(!written.is_process(&unmarked, &boot));
        written.run_id = None;
        assert!(!written.is_process(&unmarked, &boot));
    }

    #[test]
    fn a_spec_is_the_same_whatever_its_id_and_its_instances() {
        let spec = || ProcessSpec::builder().name("worker").command("sleep").arg("1").env("A", "1").env("B", "2");
        let mut state = PersistedState::new(Utc::now());
        let former = spec().instances(2).build();
        state.set_spec(former.clone());
        let found = |spec: ProcessSpec| state.same_spec(&spec).map(|same| same.id);
        assert_eq!(found(spec().build()), Some(former.id));
        for other in [
            spec().name("other"),
            spec().command("true"),
            spec().arg("2"),
            spec().env("A", "2"),
            spec().cwd("/"),
            spec().restart(perilune_restart::RestartConfig { max_restarts: 1, ..Default::default() }),
        ] {
            assert_eq!(found(other.build()), None);
        }
    }

    #[test]
    fn instances_and_specs_are_there_once() {
        let spec = ProcessSpec::builder().name("worker").command("sleep").instances(2).build();
        let mut state = PersistedState::new(Utc::now());
        state.set_spec(spec.clone());
        state.set_spec(spec.clone());
        for index in [0, 1, 0] {
            let mut instance = PersistedProcessInstance::new(spec.id, index);
            instance.restart_count = state.instances.len() as u32;
            state.set_instance(instance);
        }
        assert_eq!((state.specs.len(), state.instances.len()), (1, 2));
        assert_eq!(state.instance(spec.id, 0).map(|instance| instance.restart_count), Some(2));
        state.remove_spec(spec.id);
        assert_eq!((state.specs.len(), state.instances.len()), (0, 0));
    }
}
