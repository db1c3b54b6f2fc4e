use perilune_restart::{OrderError, StartOrder};

use super::entry::{Pending, StopCause};
use super::{Core, InstanceKey, SpecKey, keys_of};
use crate::supervisor::{Condition, Desired, EventKind, SupervisionOptions, SupervisorError};

impl Core {
    /// Whether everything that a spec depends on is as it has to be.
    pub(super) fn dependencies_are_there(&self, spec: SpecKey) -> bool {
        let Some(entry) = self.entries.get(&spec) else { return false };
        entry
            .options
            .depends_on
            .iter()
            .all(|dependency| self.find(&dependency.name).is_some_and(|on| self.meets(on, dependency.condition)))
    }

    /// Whether all instances of a spec are as said.
    pub(super) fn meets(&self, spec: SpecKey, condition: Condition) -> bool {
        self.entries.get(&spec).is_some_and(|entry| {
            let mut staying = entry.instances.iter().filter(|instance| !instance.leaving);
            staying.all(|instance| instance.is(condition, &entry.spec))
        })
    }

    /// Starts whoever has waited long enough.
    pub(super) fn check_dependencies(&mut self) {
        for key in self.keys() {
            let Some(instance) = self.look(key) else { continue };
            let Pending::Dependency { restart } = instance.pending else { continue };
            if instance.run.is_none() && self.dependencies_are_there(key.spec) {
                self.launch(key, restart);
            }
        }
    }

    /// An instance is down and stays so by itself: whoever waits for it learns that.
    pub(super) fn left_down(&mut self, key: InstanceKey) {
        let reason = self.why_down(key);
        let Some(entry) = self.entries.get(&key.spec) else { return };
        let name = entry.spec.name.clone();
        for waiting in self.keys() {
            let Some(entry) = self.entries.get(&waiting.spec) else { continue };
            let depends = entry.options.depends_on.iter();
            let unmet = depends.filter(|on| on.name == name).any(|on| !self.meets(key.spec, on.condition));
            let waits = self.look(waiting).is_some_and(|one| matches!(one.pending, Pending::Dependency { .. }));
            if unmet && waits {
                let (dependency, reason) = (name.clone(), reason.clone());
                self.emit(waiting, EventKind::DependencyFailed { dependency, reason });
            }
        }
        self.fail_waits(key.spec, &format!("`{}` {reason}", self.name(key)));
    }

    /// What is said of an instance that is down.
    fn why_down(&self, key: InstanceKey) -> String {
        let Some(instance) = self.look(key) else { return "is not registered".to_owned() };
        match (&instance.pending, &instance.last_exit) {
            (Pending::GaveUp, _) => "failed too often".to_owned(),
            (_, Some(exit)) if exit.error.is_some() => "could not be started".to_owned(),
            (_, Some(exit)) => match (exit.code, exit.signal) {
                (Some(code), _) => format!("has ended with exit code {code}"),
                (None, Some(signal)) => format!("was ended by signal {signal}"),
                (None, None) => "has ended".to_owned(),
            },
            (_, None) => "does not run".to_owned(),
        }
    }

    /// An instance begins to wait: tells of what will not come.
    pub(super) fn report_failed_dependencies(&mut self, key: InstanceKey) {
        let Some(entry) = self.entries.get(&key.spec) else { return };
        let mut failed = Vec::new();
        for dependency in &entry.options.depends_on {
            let Some(on) = self.find(&dependency.name) else {
                failed.push((dependency.name.clone(), "is not registered".to_owned()));
                continue;
            };
            let Some(entry) = self.entries.get(&on) else { continue };
            let down = keys_of(on, entry).find(|one| {
                self.look(*one).is_some_and(|one| {
                    one.desired == Desired::Up && one.is_over() && !one.is(dependency.condition, &entry.spec)
                })
            });
            failed.extend(down.map(|down| (dependency.name.clone(), self.why_down(down))));
        }
        for (dependency, reason) in failed {
            self.emit(key, EventKind::DependencyFailed { dependency, reason });
        }
    }

    /// A child is about to be started again: so is who wants to be restarted with it.
    pub(super) fn restart_dependants(&mut self, key: InstanceKey) {
        let Some(name) = self.entries.get(&key.spec).map(|entry| entry.spec.name.clone()) else { return };
        let depends = |options: &SupervisionOptions| {
            options.restart_with_dependency && options.depends_on.iter().any(|on| on.name == name)
        };
        let dependants: Vec<InstanceKey> = self
            .entries
            .iter()
            .filter(|(_, entry)| depends(&entry.options))
            .flat_map(|(&spec, entry)| keys_of(spec, entry))
            .collect();
        for dependant in dependants {
            let live = self.look(dependant).is_some_and(|one| {
                one.desired == Desired::Up && one.run.as_ref().is_some_and(|run| run.cause.is_none())
            });
            if live {
                self.end(dependant, StopCause::Dependency);
                self.restart_dependants(dependant);
            }
        }
    }

    /// Whether the dependencies of all are in order; those of one may be other than they are.
    ///
    /// What is not registered is in nobody's way here.
    pub(super) fn check_order(&self, name: &str, options: &SupervisionOptions) -> Result<StartOrder, SupervisorError> {
        let known = |on: &str| on == name || self.find(on).is_some();
        let others = self.entries.values().filter(|entry| entry.spec.name != name);
        let others = others.map(|entry| (entry.spec.name.as_str(), &*entry.options));
        let items = others.chain([(name, options)]).map(|(name, options)| {
            let on = options.depends_on.iter().map(|dependency| dependency.name.as_str());
            (name, on.filter(|on| known(on)).collect::<Vec<_>>())
        });
        StartOrder::new(items.collect::<Vec<_>>()).map_err(|error| match error {
            OrderError::Cycle { names } => SupervisorError::DependencyCycle(names),
            other => SupervisorError::InvalidOptions { name: name.to_owned(), reason: other.to_string() },
        })
    }

    /// Fails if something is depended on that is not registered.
    pub(super) fn dependencies_are_known(&self, specs: &[SpecKey]) -> Result<(), SupervisorError> {
        for entry in specs.iter().filter_map(|key| self.entries.get(key)) {
            if let Some(missing) = entry.options.depends_on.iter().find(|on| self.find(&on.name).is_none()) {
                return Err(SupervisorError::DependencyFailed {
                    name: entry.spec.name.clone(),
                    dependency: missing.name.clone(),
                    reason: "is not registered".to_owned(),
                });
            }
        }
        Ok(())
    }
}
