//! What a supervisor decides, without doing any of it: no process, no task, no clock.
//!
//! Commands and observations go in with the time, effects come out. `lifecycle` is the life of one instance, `command` what
//! people ask for; `group`, `dependency`, `plan` and `job` are what goes on over several steps, and take the next one whenever
//! something has changed.

mod command;
mod dependency;
mod entry;
mod group;
mod job;
mod lifecycle;
mod observe;
mod plan;
mod port;
mod refresh;
#[cfg(test)]
mod tests;

pub(super) use port::{
    Answer, Command, Effect, InstanceKey, Moment, Observation, Order, Rotation, RotationFailed, RunEnd, SpecKey,
    Target, Ticket,
};

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use perilune_exec_api::Containment;
use perilune_restart::Intensity;
use uuid::Uuid;

use self::entry::{Entry, Instance};
use self::group::Group;
use self::job::Job;
use self::plan::{ShutdownPlan, StopPlan};
use self::refresh::Refresh;
use super::board::View;
use super::{EventKind, ShutdownReport, SupervisorConfig, SupervisorEvent};
use crate::credentials::RefreshConfig;
use crate::process::{ProcessSpec, ProcessState};

/// All that a supervisor knows, and what follows from what happens.
pub(super) struct Core {
    config: SupervisorConfig,
    /// Where the ids of runs and the seeds of jitter come from.
    ids: Box<dyn FnMut() -> Uuid + Send>,
    at: Moment,
    entries: BTreeMap<SpecKey, Entry>,
    next_spec: u64,
    /// All that are not over.
    runs: HashMap<Uuid, InstanceKey>,
    intensity: Intensity,
    group: Option<Group>,
    jobs: Vec<Job>,
    plans: Vec<StopPlan>,
    shutdown: Option<ShutdownPlan>,
    /// There when everything is stopped.
    report: Option<Arc<ShutdownReport>>,
    /// `None` if nobody renews secrets.
    refresh_config: Option<RefreshConfig>,
    /// By the names of profiles.
    refreshes: BTreeMap<String, Refresh>,
    alarms: BTreeSet<(Instant, InstanceKey)>,
    seq: u64,
    /// Whose views are out of date.
    touched: BTreeSet<SpecKey>,
    /// Whose alarms are.
    moved: BTreeSet<InstanceKey>,
    /// Counts whatever may let something go on.
    changes: u64,
    effects: Vec<Effect>,
}

/// The new views of a spec, or that it is gone.
pub(super) type Post = (SpecKey, Option<(Arc<ProcessSpec>, Vec<View>)>);

impl Core {
    pub(super) fn new(config: SupervisorConfig, at: Moment, ids: impl FnMut() -> Uuid + Send + 'static) -> Self {
        let intensity = Intensity::new(config.max_restarts, config.window);
        Self {
            config,
            ids: Box::new(ids),
            at,
            entries: BTreeMap::new(),
            next_spec: 0,
            runs: HashMap::new(),
            intensity,
            group: None,
            jobs: Vec::new(),
            plans: Vec::new(),
            shutdown: None,
            report: None,
            refresh_config: None,
            refreshes: BTreeMap::new(),
            alarms: BTreeSet::new(),
            seq: 0,
            touched: BTreeSet::new(),
            moved: BTreeSet::new(),
            changes: 0,
            effects: Vec::new(),
        }
    }

    /// There is somebody who renews secrets.
    pub(super) fn refresh_by(&mut self, config: RefreshConfig) {
        self.refresh_config = Some(config);
    }

    /// Learns whether the secrets of a profile have been renewed, or because of which field not, if of one.
    pub(super) fn refreshed(&mut self, profile: &str, result: Result<(), Option<String>>, at: Moment) -> Vec<Effect> {
        self.at = at;
        self.renewed(profile, result);
        self.settle()
    }

    /// Carries out what somebody asked for. The answer may come with a later input.
    pub(super) fn command(&mut self, ticket: Ticket, command: Command, at: Moment) -> Vec<Effect> {
        self.at = at;
        self.obey(ticket, command);
        self.settle()
    }

    /// Learns what became of a run.
    pub(super) fn observe(&mut self, run_id: Uuid, observation: Observation, at: Moment) -> Vec<Effect> {
        self.at = at;
        self.learn(run_id, observation);
        self.settle()
    }

    /// Does what is due by now.
    pub(super) fn tick(&mut self, at: Moment) -> Vec<Effect> {
        self.at = at;
        while let Some(&(due, key)) = self.alarms.first()
            && due <= at.now
        {
            self.alarms.remove(&(due, key));
            if let Some(instance) = self.instance(key) {
                instance.alarm = None;
            }
            self.wake(key);
        }
        self.check_refreshes();
        self.settle()
    }

    /// When [`tick`](Self::tick) is due next.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        let instance = self.alarms.first().map(|&(due, _)| due);
        let group = self.group.as_ref().and_then(|group| group.wake(self.at.now));
        let jobs = self.jobs.iter().filter_map(Job::wake);
        let shutdown = self.shutdown.as_ref().filter(|_| self.report.is_none()).and_then(ShutdownPlan::wake);
        let refreshes = self.refreshes.values().filter_map(Refresh::wake);
        jobs.chain(instance).chain(group).chain(shutdown).chain(refreshes).min()
    }

    /// What looks different than when this was asked last.
    pub(super) fn posts(&mut self) -> Vec<Post> {
        let touched = std::mem::take(&mut self.touched);
        touched.into_iter().map(|key| (key, self.entries.get(&key).map(|entry| self.views(entry)))).collect()
    }

    /// The runs that are looked at for what they use.
    pub(super) fn sampled(&self) -> Vec<Uuid> {
        self.entries.values().flat_map(|entry| &entry.instances).filter_map(Instance::sampled).collect()
    }

    /// Whether there are any.
    pub(super) fn samples(&self) -> bool {
        self.runs.values().filter_map(|key| self.look(*key)).any(|instance| instance.sampled().is_some())
    }

    fn views(&self, entry: &Entry) -> (Arc<ProcessSpec>, Vec<View>) {
        let turn = self.group.as_ref().map(|group| group.ready_at);
        let views = entry.instances.iter().zip(0..).map(|(one, number)| one.view(&entry.spec, number, turn)).collect();
        (entry.spec.clone(), views)
    }

    /// Lets everything that goes on over several steps take the next ones.
    fn settle(&mut self) -> Vec<Effect> {
        loop {
            let before = (self.changes, self.effects.len());
            self.regroup();
            self.check_dependencies();
            self.check_plans();
            self.check_shutdown();
            self.check_jobs();
            self.prune();
            if (self.changes, self.effects.len()) == before {
                break;
            }
        }
        for key in std::mem::take(&mut self.moved) {
            self.rearm(key);
        }
        std::mem::take(&mut self.effects)
    }

    fn rearm(&mut self, key: InstanceKey) {
        let Some(instance) = self.look(key) else { return };
        let (before, after) = (instance.alarm, instance.wake(self.at.now));
        if before == after {
            return;
        }
        self.alarms.extend(after.map(|at| (at, key)));
        if let Some(at) = before {
            self.alarms.remove(&(at, key));
        }
        if let Some(instance) = self.entries.get_mut(&key.spec).and_then(|e| e.instances.get_mut(key.instance as usize))
        {
            instance.alarm = after;
        }
    }

    fn look(&self, key: InstanceKey) -> Option<&Instance> {
        self.entries.get(&key.spec)?.instances.get(key.instance as usize)
    }

    /// To change it: its view and its alarm are brought up to date afterwards.
    fn instance(&mut self, key: InstanceKey) -> Option<&mut Instance> {
        let instance = self.entries.get_mut(&key.spec)?.instances.get_mut(key.instance as usize)?;
        self.changes += 1;
        self.touched.insert(key.spec);
        self.moved.insert(key);
        Some(instance)
    }

    /// All, in the order of children.
    fn keys(&self) -> Vec<InstanceKey> {
        self.entries.iter().flat_map(|(&spec, entry)| keys_of(spec, entry)).collect()
    }

    fn find(&self, name: &str) -> Option<SpecKey> {
        self.entries.iter().find(|(_, entry)| entry.spec.name == name).map(|(&key, _)| key)
    }

    fn name(&self, key: InstanceKey) -> String {
        self.entries.get(&key.spec).map(|entry| entry.spec.display_name(key.instance)).unwrap_or_default()
    }

    fn is_shutting_down(&self) -> bool {
        self.shutdown.is_some()
    }

    /// Tells of something about one run or instance.
    fn emit(&mut self, key: InstanceKey, kind: EventKind) {
        let Some(entry) = self.entries.get(&key.spec) else { return };
        let run = entry.instances.get(key.instance as usize).and_then(|instance| instance.run_id);
        let name = entry.spec.name.clone();
        self.tell(name, Some(key.instance), run, kind);
    }

    fn tell(&mut self, name: String, instance: Option<u32>, run_id: Option<Uuid>, kind: EventKind) {
        self.seq += 1;
        let event = SupervisorEvent { seq: self.seq, at: self.at.utc, name, instance, run_id, kind };
        self.effects.push(Effect::Emit(event));
    }

    /// INVARIANT: the only place where a state changes; what it says is a step of the table of states.
    fn set_state(&mut self, key: InstanceKey, to: ProcessState) {
        let Some(instance) = self.instance(key) else { return };
        let from = std::mem::replace(&mut instance.state, to.clone());
        let pid = instance.last_pid.filter(|_| to.is_running());
        self.emit(key, EventKind::StateChanged { from, to, pid });
    }
}

fn keys_of(spec: SpecKey, entry: &Entry) -> impl Iterator<Item = InstanceKey> {
    let count = u32::try_from(entry.instances.len()).unwrap_or(u32::MAX);
    (0..count).map(move |instance| InstanceKey { spec, instance })
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").field("entries", &self.entries).field("seq", &self.seq).finish_non_exhaustive()
    }
}

/// How what a process starts is kept together, in a word.
pub(super) fn level(containment: Containment) -> &'static str {
    match containment {
        Containment::Group => "group",
        Containment::Cgroup => "cgroup",
        _ => "scan",
    }
}
