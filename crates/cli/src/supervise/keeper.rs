//! What runs is written down, so that the next start knows what this one left running.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use perilune_supervisor::process::{ProcessHandle, ProcessSpec};
use perilune_supervisor::state::{PersistedProcessInstance, PersistedState, StateError, StateManager, end_left_overs};
use perilune_supervisor::{EventReceiver, InstanceStatus, Phase, Supervisor};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::chain;

/// How long at least between two times of writing.
const PAUSE: Duration = Duration::from_millis(250);

/// The file, which nobody else may use meanwhile: another supervisor would end what this one runs.
pub(super) struct Record {
    manager: StateManager,
    /// What was in it at the start.
    former: PersistedState,
    _lock: File,
}

impl Record {
    /// Blocks as long as the disk needs. The error is for the user.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let lock = lock(path)?;
        let manager = StateManager::load_or_create(path).map_err(|error| chain(&error))?;
        if let Some(aside) = manager.set_aside() {
            let (path, aside) = (path.display(), aside.display());
            eprintln!("warning: `{path}` was damaged and is now `{aside}`; what still runs from before is not known");
        }
        let former = manager.state().clone();
        Ok(Self { manager, former, _lock: lock })
    }

    /// What a former life has written down.
    pub(super) fn former(&self) -> &PersistedState {
        &self.former
    }

    /// Ends what is left of a former life, in as much time as the specs of that gave it, and says so. Blocks that long.
    pub(super) fn end_former(&mut self) {
        let specs = &self.manager.state().specs;
        let grace = specs.iter().map(|spec| spec.shutdown.timeout).max().unwrap_or_default();
        let ended = end_left_overs(self.manager.state(), grace);
        if !ended.found.is_empty() {
            eprintln!("warning: processes of a former run were still there and are ended: {}", list(&ended.found));
        }
        if ended.left.is_empty() {
            self.manager.forget();
        } else {
            eprintln!("warning: these could not be ended: {}", list(&ended.left));
        }
    }

    /// Writes down what is different now.
    fn write(&mut self, supervisor: &Supervisor) -> Result<(), StateError> {
        for name in supervisor.list_names() {
            // It may be gone by now.
            let known = (supervisor.spec(&name), supervisor.status_of(&name), supervisor.handles(&name));
            if let (Ok(spec), Ok(statuses), Ok(handles)) = known {
                self.note_spec(&spec);
                for (status, handle) in statuses.iter().zip(&handles) {
                    self.note(&spec, status, handle);
                }
            }
        }
        self.manager.save_if_dirty().map(drop)
    }

    fn note_spec(&mut self, spec: &ProcessSpec) {
        let state = self.manager.state();
        // Nothing else about it changes while the tool runs.
        if state.specs.iter().find(|known| known.id == spec.id).map(|known| known.instances) != Some(spec.instances) {
            let state = self.manager.state_mut();
            state.instances.retain(|one| one.spec_id != spec.id || one.instance_index < spec.instances);
            state.set_spec(spec.clone());
        }
    }

    fn note(&mut self, spec: &ProcessSpec, status: &InstanceStatus, handle: &ProcessHandle) {
        let before = self.manager.state().instance(spec.id, status.instance);
        let fresh = || PersistedProcessInstance::new(spec.id, status.instance);
        let mut now = before.cloned().unwrap_or_else(fresh);
        now.state = status.state.clone();
        now.started_at = status.started_at;
        now.restart_count = status.restart_count;
        now.last_restart = handle.last_restart;
        now.credential_profile = spec.credentials.as_ref().map(|credentials| credentials.profile.clone());
        let is_there = matches!(status.phase, Phase::Up | Phase::Stopping);
        match (status.last_pid, status.run_id) {
            (Some(os_pid), Some(run_id)) if is_there => {
                if now.run_id != Some(run_id) || now.kernel_started.is_none() {
                    now.set_process(os_pid, run_id);
                }
            }
            _ => now.clear_process(),
        }
        if before != Some(&now) {
            self.manager.state_mut().set_instance(now);
        }
    }
}

/// Writes while it is there.
pub(super) struct Keeper {
    done: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Keeper {
    /// From now on; to be called before anything starts.
    pub(super) fn start(supervisor: &Supervisor, record: Record) -> Self {
        let (done, told) = oneshot::channel();
        let task = tokio::spawn(keep(supervisor.clone(), supervisor.events(), record, told));
        Self { done, task }
    }

    /// Writes a last time.
    pub(super) async fn finish(self) {
        drop(self.done);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "what runs is not written down any more");
        }
    }
}

async fn keep(supervisor: Supervisor, mut events: EventReceiver, record: Record, mut done: oneshot::Receiver<()>) {
    let (mut record, mut failing) = (Some(record), false);
    loop {
        let mut over = tokio::select! {
            received = events.recv() => received.is_none(),
            _ = &mut done => true,
        };
        write(&supervisor, &mut events, &mut record, &mut failing).await;
        if !over {
            over = tokio::select! {
                () = tokio::time::sleep(PAUSE) => false,
                _ = &mut done => true,
            };
            if over {
                write(&supervisor, &mut events, &mut record, &mut failing).await;
            }
        }
        if over {
            return;
        }
    }
}

async fn write(supervisor: &Supervisor, events: &mut EventReceiver, record: &mut Option<Record>, failing: &mut bool) {
    // What they tell of is seen in what is written now.
    while events.try_recv().is_some() {}
    let Some(mut taken) = record.take() else { return };
    let supervisor = supervisor.clone();
    let written = tokio::task::spawn_blocking(move || {
        let result = taken.write(&supervisor);
        (taken, result)
    });
    match written.await {
        Ok((taken, result)) => {
            *record = Some(taken);
            if let (Err(error), false) = (&result, *failing) {
                tracing::error!(error = chain(error), "what runs cannot be written down");
            }
            *failing = result.is_err();
        }
        Err(error) => tracing::error!(%error, "what runs is not written down any more"),
    }
}

fn lock(path: &Path) -> Result<File, String> {
    // The file itself is another one each time it is written.
    let mut beside = OsString::from(path);
    beside.push(".lock");
    let failed = |error: std::io::Error| format!("could not lock `{}`: {error}", Path::new(&beside).display());
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&beside).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(format!("`{}` is in use by another supervisor", path.display())),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

fn list(os_pids: &[u32]) -> String {
    let numbers: Vec<String> = os_pids.iter().map(ToString::to_string).collect();
    numbers.join(", ")
}
