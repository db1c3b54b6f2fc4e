use std::collections::VecDeque;
use std::sync::Arc;

use perilune_restart::RestartManager;

use super::entry::{Entry, Instance, Pending, StopCause};
use super::job::{Job, Rolling, Wait};
use super::port::Counted;
use super::{Answer, Command, Core, Effect, InstanceKey, SpecKey, Target, Ticket, keys_of};
use crate::log;
use crate::process::{ProcessError, ProcessSpec};
use crate::supervisor::{Desired, EventKind, SupervisionOptions, SupervisorError, Updated};

type Asked = Result<Option<Answer>, SupervisorError>;

impl Core {
    pub(super) fn obey(&mut self, ticket: Ticket, command: Command) {
        let answer = match command {
            Command::Shutdown { deadline } => {
                self.shut_down(ticket, deadline);
                return;
            }
            Command::Stop(target) => self.stop(ticket, &target),
            Command::Kill { name, instance } => self.kill(ticket, &name, instance),
            Command::Signal { name, instance, signal } => self.signal(ticket, &name, instance, signal),
            Command::Sample { name, instance } => self.sample(ticket, &name, instance),
            _ if self.is_shutting_down() => Err(SupervisorError::ShuttingDown),
            Command::Register { spec, options } => self.register(*spec, *options),
            Command::Unregister { name } => self.unregister(&name),
            Command::Start(target) => self.start(ticket, &target),
            Command::Restart(target) => self.restart(ticket, &target),
            Command::RollingRestart { name, batch } => self.roll(ticket, &name, batch),
            Command::GoOn { name, counted } => self.go_on(&name, counted),
            Command::Scale { name, instances } => self.scale(ticket, &name, instances),
            Command::Update { spec, options } => self.update(*spec, options.map(|options| *options)),
            Command::WaitFor { name, condition, timeout } => self.known(&name).map(|spec| {
                let until = self.at.now.checked_add(timeout);
                let wait = Some(Wait { spec, condition, until, timeout });
                self.jobs.push(Job { wait, ..Job::new(ticket) });
                None
            }),
            Command::RotateCredentials { name } => self.rotate(ticket, &name),
        };
        match answer {
            Ok(None) => {}
            Ok(Some(answer)) => self.effects.push(Effect::Reply { ticket, answer: Ok(answer) }),
            Err(error) => self.effects.push(Effect::Reply { ticket, answer: Err(error) }),
        }
    }

    fn known(&self, name: &str) -> Result<SpecKey, SupervisorError> {
        self.find(name).ok_or_else(|| SupervisorError::NotFound(name.to_owned()))
    }

    fn known_instance(&self, name: &str, instance: u32) -> Result<InstanceKey, SupervisorError> {
        let key = InstanceKey { spec: self.known(name)?, instance };
        self.look(key).map(|_| key).ok_or(SupervisorError::InvalidInstance(instance))
    }

    /// Those meant that are not on their way out.
    fn targets(&self, target: &Target) -> Result<Vec<InstanceKey>, SupervisorError> {
        let mut keys = match target {
            Target::All => self.keys(),
            Target::Name(name) => {
                let spec = self.known(name)?;
                self.entries.get(&spec).map(|entry| keys_of(spec, entry).collect()).unwrap_or_default()
            }
            Target::Instance(name, instance) => vec![self.known_instance(name, *instance)?],
        };
        keys.retain(|key| self.look(*key).is_some_and(|instance| !instance.leaving));
        Ok(keys)
    }

    fn register(&mut self, mut spec: ProcessSpec, options: SupervisionOptions) -> Asked {
        spec.instances = spec.instances.max(1);
        spec.validate()?;
        if self.find(&spec.name).is_some() {
            return Err(SupervisorError::DuplicateName(spec.name));
        }
        self.check_order(&spec.name, &options)?;
        self.check_files(&spec)?;
        self.check_refresh(&spec)?;
        let (id, name) = (spec.id, spec.name.clone());
        let key = SpecKey(self.next_spec);
        self.next_spec += 1;
        let instances = (0..spec.instances).map(|_| self.new_instance(&spec, &options, Desired::Down)).collect();
        self.entries.insert(key, Entry { spec: Arc::new(spec), options: Arc::new(options), instances });
        self.touched.insert(key);
        self.tell(name, None, None, EventKind::Registered);
        Ok(Some(Answer::Registered(id)))
    }

    fn new_instance(&mut self, spec: &ProcessSpec, options: &SupervisionOptions, desired: Desired) -> Instance {
        let (seed, _) = (self.ids)().as_u64_pair();
        let level = super::level(options.containment);
        Instance::new(RestartManager::seeded(spec.restart.clone(), seed), desired, level)
    }

    fn go_on(&mut self, name: &str, counted: Vec<Counted>) -> Asked {
        let spec = self.known(name)?;
        for (instance, restarts, last) in counted {
            // There may be fewer of them by now.
            if let Some(instance) = self.instance(InstanceKey { spec, instance }) {
                instance.restart_count = instance.restart_count.saturating_add(restarts);
                instance.last_restart = instance.last_restart.max(last);
            }
        }
        Ok(Some(Answer::Done))
    }

    fn unregister(&mut self, name: &str) -> Asked {
        let key = self.known(name)?;
        let Some(entry) = self.entries.get(&key) else { return Ok(Some(Answer::Done)) };
        if entry.instances.iter().any(Instance::is_busy) {
            return Err(SupervisorError::StillRunning(name.to_owned()));
        }
        for (instance, number) in entry.instances.iter().zip(0..) {
            if let Some(at) = instance.alarm {
                self.alarms.remove(&(at, InstanceKey { spec: key, instance: number }));
            }
        }
        self.entries.remove(&key);
        self.touched.insert(key);
        self.forget_waits(key, name);
        self.tell(name.to_owned(), None, None, EventKind::Unregistered);
        Ok(Some(Answer::Done))
    }

    fn start(&mut self, ticket: Ticket, target: &Target) -> Asked {
        let mut keys = self.targets(target)?;
        let all = *target == Target::All;
        if all {
            keys.retain(|key| self.entries.get(&key.spec).is_some_and(|entry| entry.options.autostart));
        }
        let specs: Vec<SpecKey> = keys.iter().map(|key| key.spec).collect();
        self.dependencies_are_known(&specs)?;
        let starts = keys.iter().map(|key| self.start_of(*key)).collect();
        // All are wanted before the first is started: what waits for one that is not, would say so.
        for key in &keys {
            if let Some(instance) = self.instance(*key) {
                instance.desired = Desired::Up;
            }
        }
        for key in keys {
            self.start_one(key);
        }
        self.jobs.push(Job { starts, lenient: all, ..Job::new(ticket) });
        Ok(None)
    }

    pub(super) fn start_one(&mut self, key: InstanceKey) {
        let grouped = self.in_group(key);
        let Some(instance) = self.instance(key) else { return };
        instance.desired = Desired::Up;
        match &mut instance.run {
            None => {
                instance.restarts.reset();
                if grouped {
                    self.hurry_group();
                } else {
                    self.launch(key, false);
                }
            }
            Some(run) => match run.cause {
                None | Some(StopCause::Restart | StopCause::Start | StopCause::Group | StopCause::Dependency) => {}
                Some(StopCause::Unwanted | StopCause::Unhealthy | StopCause::Failed | StopCause::TimedOut) => {
                    instance.restarts.reset();
                    run.cause = Some(StopCause::Start);
                }
            },
        }
    }

    fn stop(&mut self, ticket: Ticket, target: &Target) -> Asked {
        let keys = self.targets(target)?;
        let runs = keys.iter().filter_map(|key| Some((*key, self.look(*key)?.run.as_ref()?.id)));
        let stops = runs.collect();
        if *target == Target::All {
            if !self.is_shutting_down() {
                self.stop_everything();
            }
        } else {
            for key in keys {
                self.stop_one(key);
            }
        }
        self.jobs.push(Job { stops, ..Job::new(ticket) });
        Ok(None)
    }

    pub(super) fn stop_one(&mut self, key: InstanceKey) {
        self.leave_group(key);
        let Some(instance) = self.instance(key) else { return };
        instance.desired = Desired::Down;
        instance.pending = Pending::Idle;
        self.end(key, StopCause::Unwanted);
    }

    fn restart(&mut self, ticket: Ticket, target: &Target) -> Asked {
        let keys = self.targets(target)?;
        let specs: Vec<SpecKey> = keys.iter().map(|key| key.spec).collect();
        self.dependencies_are_known(&specs)?;
        let starts = keys.iter().map(|key| self.start_of(*key)).collect();
        for key in keys {
            self.restart_one(key);
        }
        self.jobs.push(Job { starts, ..Job::new(ticket) });
        Ok(None)
    }

    pub(super) fn restart_one(&mut self, key: InstanceKey) {
        self.leave_group(key);
        let Some(instance) = self.instance(key) else { return };
        instance.desired = Desired::Up;
        instance.restarts.reset();
        match &instance.run {
            // That is as new as it gets.
            Some(run) if !run.launched && run.cause.is_none() => {}
            Some(run) if !run.launched => self.end(key, StopCause::Start),
            Some(_) => {
                self.end(key, StopCause::Restart);
                self.restart_dependants(key);
            }
            None => {
                let again = instance.run_id.is_some();
                self.launch(key, again);
            }
        }
    }

    fn roll(&mut self, ticket: Ticket, name: &str, batch: u32) -> Asked {
        let keys = self.targets(&Target::Name(name.to_owned()))?;
        self.dependencies_are_known(&[self.known(name)?])?;
        let rolling = Some(Rolling { rest: VecDeque::from(keys), batch: batch.max(1) as usize });
        self.jobs.push(Job { rolling, ..Job::new(ticket) });
        Ok(None)
    }

    fn kill(&mut self, ticket: Ticket, name: &str, instance: u32) -> Asked {
        let key = self.known_instance(name, instance)?;
        let Some(instance) = self.instance(key) else { return Ok(Some(Answer::Done)) };
        let Some(run_id) = instance.run.as_ref().map(|run| run.id) else {
            let text = format!("`{}` does not run", self.name(key));
            return Err(ProcessError::InvalidState(text).into());
        };
        instance.desired = Desired::Down;
        self.leave_group(key);
        self.end_at_once(key);
        self.effects.push(Effect::Kill { run_id });
        self.jobs.push(Job { stops: vec![(key, run_id)], ..Job::new(ticket) });
        Ok(None)
    }

    fn signal(&mut self, ticket: Ticket, name: &str, instance: u32, signal: i32) -> Asked {
        let key = self.known_instance(name, instance)?;
        let instance = self.look(key).filter(|instance| instance.state.is_running());
        let Some(run_id) = instance.and_then(|instance| instance.run.as_ref()).map(|run| run.id) else {
            let text = format!("`{}` does not run", self.name(key));
            return Err(ProcessError::InvalidState(text).into());
        };
        self.effects.push(Effect::Signal { run_id, signal, ticket });
        self.jobs.push(Job { asked: 1, ..Job::new(ticket) });
        Ok(None)
    }

    fn sample(&mut self, ticket: Ticket, name: &str, instance: u32) -> Asked {
        let key = self.known_instance(name, instance)?;
        let instance = self.look(key).filter(|instance| instance.state.is_running());
        let Some(run_id) = instance.and_then(|instance| instance.run.as_ref()).map(|run| run.id) else {
            return Ok(Some(Answer::Done));
        };
        self.effects.push(Effect::Sample { run_id, ticket });
        self.jobs.push(Job { asked: 1, ..Job::new(ticket) });
        Ok(None)
    }

    fn rotate(&mut self, ticket: Ticket, name: &str) -> Asked {
        let spec = self.known(name)?;
        if self.entries.get(&spec).is_none_or(|entry| entry.spec.credentials.is_none()) {
            return Err(ProcessError::InvalidState(format!("`{name}` has no credentials")).into());
        }
        let runs = self.live_runs(spec);
        let asked = runs.len();
        self.effects.extend(runs.into_iter().map(|run_id| Effect::Rotate { run_id, ticket }));
        self.jobs.push(Job { asked, ..Job::new(ticket) });
        Ok(None)
    }

    fn scale(&mut self, ticket: Ticket, name: &str, instances: u32) -> Asked {
        let spec = self.known(name)?;
        if instances == 0 {
            let reason = "at least one instance is needed".to_owned();
            return Err(SupervisorError::InvalidOptions { name: name.to_owned(), reason });
        }
        if let Some(entry) = self.entries.get(&spec) {
            let more = ProcessSpec { instances, ..(*entry.spec).clone() };
            self.check_files(&more)?;
        }
        let mut job = Job::new(ticket);
        self.resize(spec, instances, Some(&mut job));
        self.jobs.push(job);
        Ok(None)
    }

    /// No two specs write one file.
    fn check_files(&self, spec: &ProcessSpec) -> Result<(), SupervisorError> {
        let folder = self.config.log_dir.as_deref();
        let own = log::paths(spec, folder);
        if own.is_empty() {
            return Ok(());
        }
        for other in self.entries.values().filter(|entry| entry.spec.name != spec.name) {
            let taken = log::paths(&other.spec, folder);
            if let Some(path) = own.iter().find(|path| taken.contains(path)) {
                let reason = format!("log file `{}` is that of `{}`", path.display(), other.spec.name);
                return Err(SupervisorError::InvalidOptions { name: spec.name.clone(), reason });
            }
        }
        Ok(())
    }

    /// Makes instances, or has the last ones leave.
    fn resize(&mut self, spec: SpecKey, instances: u32, mut job: Option<&mut Job>) {
        let Some(entry) = self.entries.get(&spec) else { return };
        let before = entry.instances.len();
        let staying = entry.instances.iter().filter(|instance| !instance.leaving);
        let desired = if staying.clone().any(|one| one.desired == Desired::Up) { Desired::Up } else { Desired::Down };
        let (shape, options) = (entry.spec.clone(), entry.options.clone());
        let new: Vec<Instance> =
            (before..instances as usize).map(|_| self.new_instance(&shape, &options, desired)).collect();
        if let Some(entry) = self.entries.get_mut(&spec) {
            entry.instances.extend(new);
            let count = u32::try_from(entry.instances.len()).unwrap_or(u32::MAX);
            Arc::make_mut(&mut entry.spec).instances = count;
        }
        self.touched.insert(spec);
        let keys: Vec<_> = self.entries.get(&spec).map(|entry| keys_of(spec, entry).collect()).unwrap_or_default();
        for key in keys {
            let Some(instance) = self.instance(key) else { continue };
            let goes = key.instance >= instances;
            let comes = !goes && (instance.leaving || key.instance as usize >= before);
            instance.leaving = goes;
            if goes {
                if let (Some(job), Some(run)) = (job.as_deref_mut(), &instance.run) {
                    job.stops.push((key, run.id));
                }
                self.stop_one(key);
            } else if comes && desired == Desired::Up {
                if let Some(job) = job.as_deref_mut() {
                    job.starts.push(self.start_of(key));
                }
                self.start_one(key);
            }
        }
    }

    fn update(&mut self, mut spec: ProcessSpec, options: Option<SupervisionOptions>) -> Asked {
        spec.instances = spec.instances.max(1);
        spec.validate()?;
        let key = self.known(&spec.name)?;
        if let Some(options) = &options {
            self.check_order(&spec.name, options)?;
        }
        self.check_files(&spec)?;
        self.check_refresh(&spec)?;
        let wanted = spec.instances;
        let Some(entry) = self.entries.get_mut(&key) else { return Ok(Some(Answer::Done)) };
        let old = entry.spec.clone();
        spec.id = old.id;
        spec.instances = old.instances;
        let stale = options.is_some() || launches_otherwise(&old, &spec);
        let restart = (old.restart != spec.restart).then(|| spec.restart.clone());
        entry.spec = Arc::new(spec);
        if let Some(options) = options {
            entry.options = Arc::new(options);
        }
        let keys: Vec<_> = keys_of(key, entry).collect();
        let mut updated = Updated::default();
        for key in keys {
            let (seed, _) = (self.ids)().as_u64_pair();
            let Some(instance) = self.instance(key) else { continue };
            if let Some(restart) = &restart {
                instance.restarts = RestartManager::seeded(restart.clone(), seed);
            }
            if stale && instance.run.is_some() && key.instance < wanted {
                instance.restart_needed = true;
                updated.restart_needed.push(key.instance);
            }
        }
        self.touched.insert(key);
        self.resize(key, wanted, None);
        Ok(Some(Answer::Updated(updated)))
    }
}

/// Whether what runs is not what would be started now.
fn launches_otherwise(old: &ProcessSpec, new: &ProcessSpec) -> bool {
    old.command != new.command
        || old.args != new.args
        || old.cwd != new.cwd
        || old.env != new.env
        || old.health != new.health
        || old.log != new.log
        || old.credentials != new.credentials
}
