use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use perilune_actor_core::{ErrorKind, ExitReason, Failure, Pid};
use perilune_restart::{Ended, RestartDecision};

use super::info::{ServiceInfo, ServiceState};
use super::notice::Notice;
use super::plan::Plan;
use super::unit::{First, Phase, Unit};
use crate::application::{Entry, EntryId, Startup};

/// All services of an application, and what has to be done next.
///
/// Every method answers with what is to be done, in this order. A run is one attempt to have a process; whatever is
/// said of one that is over is disregarded.
pub(super) struct Fleet {
    units: HashMap<EntryId, Unit>,
    /// Whoever is depended on comes before who depends on it.
    order: Vec<EntryId>,
    runs: u64,
    seed: u64,
    course: Course,
    todo: Vec<Effect>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    /// Nobody has said that it begins.
    Idle,
    /// What starts with the application does; somebody waits for it.
    Starting,
    Going,
    /// Everything ends, by then at the latest.
    Stopping {
        limit: Instant,
    },
}

/// What is to be done.
#[derive(Clone, Debug)]
pub(super) enum Effect {
    /// Start a process, and say [`Fleet::spawned`].
    Spawn { entry: Arc<Entry>, run: u64 },
    /// Ask it to end, and end it by force after `grace`.
    Cancel { pid: Pid, grace: Duration },
    /// End it.
    Terminate { pid: Pid },
    /// Tell whoever wants to know.
    Tell { id: EntryId, notice: Notice },
}

/// Why there is no process.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    pub(super) failure: Arc<Failure>,
    /// There is nothing that could be started: trying again is of no use.
    pub(super) for_good: bool,
}

/// How the start of everything went; in the end who kept it from starting, and why.
pub(super) type Startups = Result<(), Vec<(EntryId, Arc<Failure>)>>;

impl Fleet {
    /// Delays are jittered by what follows from `seed`.
    pub(super) fn new(plans: Vec<Plan>, seed: u64) -> Self {
        let (units, order) = (HashMap::new(), Vec::new());
        let mut fleet = Self { units, order, runs: 0, seed, course: Course::Idle, todo: Vec::new() };
        fleet.order = plans.iter().map(|plan| plan.id().clone()).collect();
        for plan in plans {
            fleet.insert(plan);
        }
        fleet
    }

    /// Starts what is to start with the application, and what that depends on.
    pub(super) fn start(&mut self, now: Instant) -> Vec<Effect> {
        if self.course == Course::Idle {
            self.course = Course::Starting;
            for id in self.order.clone() {
                if self.units.get(&id).is_some_and(|unit| unit.plan.lifecycle.auto_start) {
                    self.want(&id);
                }
            }
        }
        self.settle(now)
    }

    /// Whether it is not yet known how the start went.
    pub(super) fn is_starting(&self) -> bool {
        self.course == Course::Starting
    }

    /// How the start went, once it is known. Nothing afterwards.
    pub(super) fn startup(&mut self) -> Option<Startups> {
        if self.course != Course::Starting {
            return None;
        }
        let wanted = || self.order.iter().filter_map(|id| self.units.get(id)).filter(|unit| unit.wanted);
        let failed: Vec<_> = wanted()
            .filter(|unit| unit.plan.lifecycle.startup == Startup::Required)
            .filter_map(|unit| match &unit.first {
                First::Failed(failure) => Some((unit.plan.id().clone(), Arc::clone(failure))),
                _ => None,
            })
            .collect();
        if failed.is_empty() && wanted().any(|unit| matches!(unit.first, First::Pending)) {
            return None;
        }
        self.course = Course::Going;
        Some(if failed.is_empty() { Ok(()) } else { Err(failed) })
    }

    /// The answer to [`Effect::Spawn`].
    pub(super) fn spawned(
        &mut self,
        id: &EntryId,
        run: u64,
        answer: Result<Pid, Refused>,
        now: Instant,
    ) -> Vec<Effect> {
        let unit = self.units.get_mut(id).filter(|unit| unit.run() == Some(run));
        match (unit.map(|unit| (unit.phase, unit)), answer) {
            (Some((Phase::Spawning { .. }, unit)), Ok(pid)) => {
                unit.phase = Phase::Up { run, pid, since: now };
                unit.first = First::Done;
                let early = unit.early.take();
                self.tell(id, Notice::Running { pid });
                if let Some(reason) = early {
                    return self.ended(id, run, &reason, now);
                }
            }
            (Some((Phase::Spawning { .. }, _)), Err(refused)) => {
                self.failed(id, refused.failure, refused.for_good, now);
            }
            (Some((Phase::Stopping { pid: None, until, .. }, unit)), Ok(pid)) => {
                unit.phase = Phase::Stopping { run, pid: Some(pid), until };
                self.todo.push(Effect::Cancel { pid, grace: until.saturating_duration_since(now) });
            }
            (Some((Phase::Stopping { pid: None, .. }, _)), Err(_)) => self.down(id, ServiceState::Stopped),
            // It came to life when nobody waited for it any more, or has ended already.
            (None, Ok(pid)) => self.todo.push(Effect::Terminate { pid }),
            _ => {}
        }
        self.settle(now)
    }

    /// The process of a run has ended.
    pub(super) fn ended(&mut self, id: &EntryId, run: u64, reason: &ExitReason, now: Instant) -> Vec<Effect> {
        if let Some(unit) = self.units.get_mut(id).filter(|unit| unit.run() == Some(run)) {
            match (unit.phase, reason) {
                // First it has to be known that it ran.
                (Phase::Spawning { .. }, _) => unit.early = Some(reason.clone()),
                (Phase::Stopping { .. }, _) => self.down(id, ServiceState::Stopped),
                (_, ExitReason::Normal(_)) => {
                    let state = if unit.wanted { ServiceState::Exited } else { ServiceState::Stopped };
                    self.down(id, state);
                }
                (_, ExitReason::Failed(failure)) => {
                    let (failure, is_final) = (Arc::clone(failure), failure.is_final());
                    self.failed(id, failure, is_final, now);
                }
            }
        }
        self.settle(now)
    }

    /// Time has passed.
    pub(super) fn tick(&mut self, now: Instant) -> Vec<Effect> {
        for id in self.order.clone() {
            let Some(unit) = self.units.get_mut(&id) else { continue };
            if unit.deadline().is_none_or(|deadline| deadline > now) {
                continue;
            }
            match unit.phase {
                Phase::BackOff { .. } => unit.phase = Phase::Waiting,
                Phase::Spawning { .. } => {
                    let timeout = unit.plan.lifecycle.start_timeout;
                    let text = format!("it did not start within {timeout:?}");
                    self.failed(&id, Arc::new(Failure::new(ErrorKind::Timeout, text)), false, now);
                }
                Phase::Stopping { .. } => self.down(&id, ServiceState::Stopped),
                _ => {}
            }
        }
        self.settle(now)
    }

    /// Ends everything: first who depends on others. Nobody is waited for after `limit`.
    pub(super) fn stop(&mut self, limit: Instant, now: Instant) -> Vec<Effect> {
        self.course = Course::Stopping { limit };
        self.units.values_mut().for_each(|unit| unit.wanted = false);
        self.settle(now)
    }

    /// Ends at once whoever was asked to end.
    pub(super) fn force(&mut self) -> Vec<Effect> {
        let stopping = self.units.values().filter(|unit| matches!(unit.phase, Phase::Stopping { .. }));
        stopping.filter_map(|unit| Some(Effect::Terminate { pid: unit.pid()? })).collect()
    }

    /// Has other services from now on. Those that changed are stopped and started again.
    pub(super) fn replace(&mut self, plans: Vec<Plan>, now: Instant) -> Vec<Effect> {
        if matches!(self.course, Course::Stopping { .. }) {
            return Vec::new();
        }
        let order = plans.iter().map(|plan| plan.id().clone()).collect::<Vec<_>>();
        let gone = self.units.iter_mut().filter(|(id, _)| !order.contains(id));
        for (_, unit) in gone {
            (unit.wanted, unit.next) = (false, Some(None));
        }
        let mut new = Vec::new();
        for plan in plans {
            match self.units.get_mut(plan.id()) {
                // What it says of itself makes no difference.
                Some(unit) if unit.plan.entry.data == plan.entry.data && unit.next.is_none() => unit.plan = plan,
                Some(unit) => (unit.wanted, unit.next) = (false, Some(Some(plan))),
                None => {
                    new.push(plan.id().clone());
                    self.insert(plan);
                }
            }
        }
        // Those that go are still to be stopped before what they depend on.
        let leaving = self.order.iter().filter(|id| !order.contains(id)).cloned();
        self.order = order.iter().cloned().chain(leaving).collect();
        if self.course != Course::Idle {
            for id in new {
                if self.units.get(&id).is_some_and(|unit| unit.plan.lifecycle.auto_start) {
                    self.want(&id);
                }
            }
        }
        self.settle(now)
    }

    /// When [`tick`](Self::tick) is needed.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.units.values().filter_map(Unit::deadline).min()
    }

    /// Everybody is as its entry has it: nobody is still to be stopped for a change.
    pub(super) fn is_settled(&self) -> bool {
        !self.units.values().any(|unit| unit.next.is_some())
    }

    /// Nobody has a process.
    pub(super) fn is_down(&self) -> bool {
        !self.units.values().any(Unit::is_live)
    }

    /// All services, by id.
    pub(super) fn infos(&self) -> Vec<ServiceInfo> {
        let mut infos: Vec<_> = self.units.values().map(Unit::info).collect();
        infos.sort_by(|a, b| a.id.cmp(&b.id));
        infos
    }

    fn insert(&mut self, plan: Plan) {
        // Far from each other, whatever the seed is.
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.units.insert(plan.id().clone(), Unit::new(plan, self.seed));
    }

    /// It is to run, and so is what it depends on.
    fn want(&mut self, id: &EntryId) {
        let mut open = vec![id.clone()];
        while let Some(id) = open.pop() {
            let Some(unit) = self.units.get_mut(&id).filter(|unit| !unit.wanted && unit.next.is_none()) else {
                continue;
            };
            unit.wanted = true;
            if matches!(unit.phase, Phase::Idle(_)) {
                unit.phase = Phase::Waiting;
                unit.restarts.reset();
            }
            open.extend(unit.plan.depends_on.iter().cloned());
        }
    }

    fn failed(&mut self, id: &EntryId, failure: Arc<Failure>, for_good: bool, now: Instant) {
        let is_starting = self.course == Course::Starting;
        let Some(unit) = self.units.get_mut(id) else { return };
        unit.failure = Some(Arc::clone(&failure));
        let is_first = matches!(unit.first, First::Pending);
        if is_first {
            unit.first = First::Failed(Arc::clone(&failure));
        }
        if !unit.wanted {
            return self.down(id, ServiceState::Stopped);
        }
        // Who waits for the start is told, and ends it.
        if is_first && is_starting && unit.plan.lifecycle.startup == Startup::Required {
            unit.phase = Phase::Idle(ServiceState::Failed);
            return;
        }
        let ended = Ended { retryable: !for_good, ..Ended::failed() };
        let notice = match unit.restarts.decide(&ended, unit.uptime(now), now) {
            RestartDecision::Restart { attempt, delay } => {
                unit.restarted += 1;
                unit.phase = match now.checked_add(delay) {
                    Some(until) => Phase::BackOff { until },
                    None => Phase::Idle(ServiceState::Failed),
                };
                Notice::Restarting { attempt, delay, failure }
            }
            RestartDecision::Stay(reason) => {
                unit.phase = Phase::Idle(ServiceState::Failed);
                Notice::GaveUp { reason, failure, for_good }
            }
        };
        self.tell(id, notice);
    }

    /// It has no process any more and is not to get one by itself.
    fn down(&mut self, id: &EntryId, state: ServiceState) {
        let Some(unit) = self.units.get_mut(id) else { return };
        let before = std::mem::replace(&mut unit.phase, Phase::Idle(state));
        let had_process = !matches!(before, Phase::Waiting | Phase::BackOff { .. });
        match state {
            ServiceState::Exited => self.tell(id, Notice::Exited),
            _ if had_process => self.tell(id, Notice::Stopped),
            _ => {}
        }
    }

    fn tell(&mut self, id: &EntryId, notice: Notice) {
        self.todo.push(Effect::Tell { id: id.clone(), notice });
    }

    /// Does whatever has become possible.
    fn settle(&mut self, now: Instant) -> Vec<Effect> {
        for id in self.order.clone().iter().rev() {
            self.let_go(id, now);
        }
        for id in self.order.clone() {
            self.let_run(&id, now);
        }
        std::mem::take(&mut self.todo)
    }

    /// Asks it to end when it is not wanted and nobody who has to end before it still runs; replaces it when it is down.
    fn let_go(&mut self, id: &EntryId, now: Instant) {
        let Some(unit) = self.units.get(id).filter(|unit| !unit.wanted) else { return };
        let is_needed = || {
            let others = self.units.values().filter(|other| !other.wanted && other.is_live());
            others.into_iter().any(|other| other.plan.depends_on.contains(id))
        };
        match unit.phase {
            Phase::Waiting | Phase::BackOff { .. } => self.down(id, ServiceState::Stopped),
            Phase::Up { run, pid, .. } if !is_needed() => {
                let grace = self.grace(unit, now);
                self.stopping(id, Phase::Stopping { run, pid: Some(pid), until: now + grace });
                self.todo.push(Effect::Cancel { pid, grace });
            }
            Phase::Spawning { run, .. } if !is_needed() => {
                let grace = self.grace(unit, now);
                self.stopping(id, Phase::Stopping { run, pid: None, until: now + grace });
            }
            _ => {}
        }
        let Some(unit) = self.units.get_mut(id).filter(|unit| !unit.is_live()) else { return };
        match unit.next.take() {
            None => {}
            Some(None) => {
                self.units.remove(id);
                self.order.retain(|other| other != id);
            }
            Some(Some(plan)) => {
                let was = unit.state();
                let starts = plan.lifecycle.auto_start || was == ServiceState::Stopped;
                self.insert(plan);
                if starts && self.course != Course::Idle && !matches!(self.course, Course::Stopping { .. }) {
                    self.want(id);
                }
            }
        }
    }

    fn stopping(&mut self, id: &EntryId, phase: Phase) {
        if let Some(unit) = self.units.get_mut(id) {
            unit.phase = phase;
        }
        self.tell(id, Notice::Stopping);
    }

    fn grace(&self, unit: &Unit, now: Instant) -> Duration {
        let own = unit.plan.lifecycle.stop_timeout;
        match self.course {
            Course::Stopping { limit } => own.min(limit.saturating_duration_since(now)),
            // Further away than time is counted is as good as never.
            _ if now.checked_add(own).is_none() => MOST,
            _ => own,
        }
    }

    /// Starts it when it is wanted and what it depends on runs.
    fn let_run(&mut self, id: &EntryId, now: Instant) {
        let Some(unit) = self.units.get(id).filter(|unit| unit.wanted && unit.phase == Phase::Waiting) else { return };
        let others = || unit.plan.depends_on.iter().filter_map(|other| self.units.get(other));
        if others().all(Unit::is_ready) {
            self.runs += 1;
            let run = self.runs;
            let Some(unit) = self.units.get_mut(id) else { return };
            let until = now.checked_add(unit.plan.lifecycle.start_timeout).unwrap_or_else(|| now + MOST);
            unit.phase = Phase::Spawning { run, until };
            unit.early = None;
            let entry = Arc::clone(&unit.plan.entry);
            self.todo.push(Effect::Spawn { entry, run });
            return;
        }
        // Somebody waits for the start, and there may be nothing to wait for.
        let hopeless = others().find(|other| matches!(other.first, First::Failed(_)) && !other.is_ready());
        if let (Some(other), First::Pending) = (hopeless, &unit.first) {
            let text = format!("it depends on `{}`, which did not start", other.plan.id());
            let failure = Arc::new(Failure::new(ErrorKind::Unavailable, text));
            let Some(unit) = self.units.get_mut(id) else { return };
            unit.first = First::Failed(Arc::clone(&failure));
            unit.failure = Some(Arc::clone(&failure));
            self.tell(id, Notice::Waiting { failure });
        }
    }
}

/// A time that nobody waits for to pass, and that can be added to the present.
const MOST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
