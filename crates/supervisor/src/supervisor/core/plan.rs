use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use perilune_restart::StartOrder;
use uuid::Uuid;

use super::entry::{Pending, StopCause};
use super::{Answer, Core, Effect, InstanceKey, SpecKey, Ticket, keys_of};
use crate::supervisor::{Desired, EventKind, InstanceShutdown, ShutdownReport};

/// Many are stopped, one level after the other.
#[derive(Debug)]
pub(super) struct StopPlan {
    levels: VecDeque<Vec<InstanceKey>>,
    /// The level that is being stopped.
    current: Vec<(InstanceKey, Uuid)>,
}

/// Everything is stopped for good.
#[derive(Debug)]
pub(super) struct ShutdownPlan {
    tickets: Vec<Ticket>,
    begun: Instant,
    deadline: Option<Instant>,
    forced: bool,
    /// What has not ended yet.
    left: Vec<(InstanceKey, Uuid)>,
    ended: Vec<InstanceShutdown>,
}

impl ShutdownPlan {
    pub(super) fn wake(&self) -> Option<Instant> {
        self.deadline.filter(|_| !self.forced)
    }
}

impl Core {
    /// Nothing is wanted any longer; what runs is stopped in order.
    pub(super) fn stop_everything(&mut self) {
        self.dissolve_group();
        for key in self.keys() {
            if let Some(instance) = self.instance(key) {
                instance.desired = Desired::Down;
                if instance.pending != Pending::GaveUp {
                    instance.pending = Pending::Idle;
                }
            }
        }
        let levels = self.stop_levels();
        self.plans.push(StopPlan { levels, current: Vec::new() });
    }

    /// Too much has failed.
    pub(super) fn fail(&mut self, reason: String) {
        self.tell(String::new(), None, None, EventKind::SupervisorFailed { reason });
        self.intensity.clear();
        self.stop_everything();
    }

    /// All that run, in the order in which they are to be stopped.
    fn stop_levels(&self) -> VecDeque<Vec<InstanceKey>> {
        let dependencies = |key: &SpecKey| {
            let options = self.entries.get(key).map(|entry| entry.options.clone()).unwrap_or_default();
            let on = options.depends_on.iter().map(|on| on.name.clone());
            on.filter(|on| self.find(on).is_some()).collect::<Vec<_>>()
        };
        let items = self.entries.iter().map(|(key, entry)| (entry.spec.name.clone(), dependencies(key)));
        // A circle was refused when it was registered.
        let levels = StartOrder::new(items).map(|order| order.levels().to_vec()).unwrap_or_default();
        let depth: HashMap<&str, usize> = levels
            .iter()
            .enumerate()
            .flat_map(|(depth, names)| names.iter().map(move |name| (name.as_str(), depth)))
            .collect();
        let mut sorted: BTreeMap<(i32, std::cmp::Reverse<usize>), Vec<InstanceKey>> = BTreeMap::new();
        for (&key, entry) in self.entries.iter().rev() {
            let depth = depth.get(entry.spec.name.as_str()).copied().unwrap_or(0);
            let level = sorted.entry((entry.options.stop_order.unwrap_or(0), std::cmp::Reverse(depth))).or_default();
            let mut running: Vec<_> = keys_of(key, entry).collect();
            running.retain(|key| self.look(*key).is_some_and(|instance| instance.run.is_some()));
            level.extend(running.into_iter().rev());
        }
        sorted.into_values().filter(|level| !level.is_empty()).collect()
    }

    /// Goes on to the next level where nobody is left in the one before.
    pub(super) fn check_plans(&mut self) {
        let mut plans = std::mem::take(&mut self.plans);
        plans.retain_mut(|plan| {
            loop {
                plan.current.retain(|&(key, run)| self.is_being_stopped(key, run));
                if !plan.current.is_empty() {
                    return true;
                }
                let Some(level) = plan.levels.pop_front() else { return false };
                for key in level {
                    let Some(instance) = self.look(key) else { continue };
                    // Somebody may have changed their mind meanwhile.
                    if instance.desired == Desired::Down
                        && let Some(run) = &instance.run
                    {
                        plan.current.push((key, run.id));
                        self.end(key, StopCause::Unwanted);
                    }
                }
            }
        });
        self.plans.extend(plans);
    }

    fn is_being_stopped(&self, key: InstanceKey, run_id: Uuid) -> bool {
        let run = self.look(key).and_then(|instance| instance.run.as_ref());
        run.is_some_and(|run| run.id == run_id && run.cause.is_some() && run.stop_failed.is_none())
    }

    pub(super) fn shut_down(&mut self, ticket: Ticket, deadline: Option<Duration>) {
        let until = deadline.map(|deadline| self.later(deadline));
        if let Some(report) = &self.report {
            let answer = Ok(Answer::Shutdown(report.clone()));
            self.effects.push(Effect::Reply { ticket, answer });
            return;
        }
        if let Some(plan) = &mut self.shutdown {
            plan.tickets.push(ticket);
            plan.deadline = [plan.deadline, until].into_iter().flatten().min();
            return;
        }
        self.refuse_jobs();
        let mut left = Vec::new();
        for key in self.keys() {
            let run = self.look(key).and_then(|instance| instance.run.as_ref());
            left.extend(run.map(|run| (key, run.id)));
        }
        let begun = self.at.now;
        self.shutdown = Some(ShutdownPlan {
            tickets: vec![ticket],
            begun,
            deadline: until,
            forced: false,
            left,
            ended: Vec::new(),
        });
        self.stop_everything();
    }

    /// What a run that has just ended means for a shutdown.
    pub(super) fn report_end(&mut self, key: InstanceKey, run_id: Uuid) {
        let line = self.line(key);
        if let Some(plan) = &mut self.shutdown {
            let before = plan.left.len();
            plan.left.retain(|(_, run)| *run != run_id);
            if plan.left.len() < before {
                plan.ended.extend(line);
            }
        }
    }

    fn line(&self, key: InstanceKey) -> Option<InstanceShutdown> {
        let begun = self.shutdown.as_ref()?.begun;
        let instance = self.look(key)?;
        let exit = instance.last_exit.as_ref().filter(|_| instance.run.is_none());
        Some(InstanceShutdown {
            name: self.entries.get(&key.spec)?.spec.name.clone(),
            instance: key.instance,
            state: instance.state.clone(),
            code: exit.and_then(|exit| exit.code),
            took: self.at.now.saturating_duration_since(begun),
            leftovers_killed: exit.map_or(0, |exit| exit.leftovers_killed),
            error: instance.run.as_ref().and_then(|run| run.stop_failed.clone()),
        })
    }

    /// Kills what is late, and finishes when nothing is left.
    pub(super) fn check_shutdown(&mut self) {
        let now = self.at.now;
        let Some(plan) = &mut self.shutdown else { return };
        if self.report.is_some() {
            return;
        }
        if !plan.forced && plan.deadline.is_some_and(|deadline| deadline <= now) {
            plan.forced = !plan.left.is_empty();
            let left = plan.left.clone();
            for (key, run_id) in left {
                self.end_at_once(key);
                self.effects.push(Effect::Kill { run_id });
            }
        }
        let Some(plan) = &self.shutdown else { return };
        let last_word = plan.deadline.is_none() || plan.forced;
        let stuck = |&(key, run_id): &(InstanceKey, Uuid)| {
            let run = self.look(key).and_then(|instance| instance.run.as_ref());
            run.is_none_or(|run| run.id != run_id || (last_word && run.stop_failed.is_some()))
        };
        if !plan.left.iter().all(stuck) {
            return;
        }
        let survivors: Vec<_> = plan.left.iter().filter_map(|(key, _)| self.line(*key)).collect();
        let Some(plan) = &mut self.shutdown else { return };
        let mut instances = std::mem::take(&mut plan.ended);
        instances.extend(survivors);
        let took = now.saturating_duration_since(plan.begun);
        let report = Arc::new(ShutdownReport { instances, forced: plan.forced, took });
        let tickets = std::mem::take(&mut plan.tickets);
        self.report = Some(report.clone());
        self.plans.clear();
        self.tell(String::new(), None, None, EventKind::ShutdownComplete);
        for ticket in tickets {
            self.effects.push(Effect::Reply { ticket, answer: Ok(Answer::Shutdown(report.clone())) });
        }
        self.effects.push(Effect::Finished(report));
    }

    /// It is going to be killed: whoever waits for its end knows that this is it.
    pub(super) fn end_at_once(&mut self, key: InstanceKey) {
        if let Some(instance) = self.instance(key)
            && let Some(run) = &mut instance.run
        {
            run.cause = Some(StopCause::Unwanted);
            run.stop_failed = None;
        }
    }
}
