//! The core against what it has to do, one input at a time.

mod dependencies;
mod groups;
mod instances;
mod random;
mod refresh;

mod scaling;
mod stopping;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use perilune_exec_api::EndReason;
use perilune_restart::{BackoffConfig, RestartConfig, RestartPolicy};
use uuid::Uuid;

use super::*;
use crate::health::HealthCheckResult;
use crate::process::{ProcessError, ProcessSpecBuilder};
use crate::supervisor::{
    Condition, Dependency, Desired, Phase, Readiness, ShutdownReport, SupervisionOptions, SupervisorError,
};

pub(super) const SECOND: Duration = Duration::from_secs(1);

type Answered = Result<Answer, SupervisorError>;

/// A core with everything around it that a test plays.
pub(super) struct Stage {
    pub(super) core: Core,
    start: Instant,
    pub(super) now: Instant,
    pub(super) utc: DateTime<Utc>,
    tickets: u64,
    pub(super) answers: HashMap<Ticket, Answered>,
    pub(super) events: Vec<SupervisorEvent>,
    /// What was to be done and nobody has looked at yet; no events and no answers.
    pub(super) effects: VecDeque<Effect>,
    /// Runs that were to be launched, by the name of the instance.
    pub(super) launches: Vec<(String, Uuid)>,
    pub(super) views: BTreeMap<SpecKey, Vec<View>>,
    next_pid: u32,
}

impl Stage {
    pub(super) fn new(config: SupervisorConfig) -> Self {
        let (start, utc) = (Instant::now(), Utc::now());
        let mut ids = 0_u128;
        let ids = move || {
            ids += 1;
            Uuid::from_u128(ids)
        };
        Self {
            core: Core::new(config, Moment { now: start, utc }, ids),
            start,
            now: start,
            utc,
            tickets: 0,
            answers: HashMap::new(),
            events: Vec::new(),
            effects: VecDeque::new(),
            launches: Vec::new(),
            views: BTreeMap::new(),
            next_pid: 100,
        }
    }

    pub(super) fn at(&self) -> Moment {
        Moment { now: self.now, utc: self.utc }
    }

    pub(super) fn ask(&mut self, command: Command) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let effects = self.core.command(ticket, command, self.at());
        self.take(effects);
        ticket
    }

    /// The answer, which must be there.
    pub(super) fn answer(&mut self, command: Command) -> Answered {
        let ticket = self.ask(command);
        self.answers.remove(&ticket).expect("an answer at once")
    }

    pub(super) fn observe(&mut self, run: Uuid, observation: Observation) {
        let effects = self.core.observe(run, observation, self.at());
        self.take(effects);
    }

    /// Time passes, and whatever is due on the way is done when it is due.
    pub(super) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(due) = self.core.wake_at().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            let effects = self.core.tick(self.at());
            self.take(effects);
        }
        self.now = until;
        let effects = self.core.tick(self.at());
        self.take(effects);
    }

    fn take(&mut self, effects: Vec<Effect>) {
        for (key, post) in self.core.posts() {
            match post {
                Some((_, views)) => drop(self.views.insert(key, views)),
                None => drop(self.views.remove(&key)),
            }
        }
        for effect in effects {
            match effect {
                Effect::Emit(event) => self.events.push(event),
                Effect::Reply { ticket, answer } => {
                    assert!(self.answers.insert(ticket, answer).is_none(), "one answer for each question");
                }
                Effect::Launch(order) => {
                    self.launches.push((order.spec.display_name(order.instance), order.run_id));
                    self.effects.push_back(Effect::Launch(order));
                }
                other => self.effects.push_back(other),
            }
        }
    }

    pub(super) fn register(&mut self, spec: ProcessSpecBuilder) {
        self.register_with(spec, SupervisionOptions::default());
    }

    pub(super) fn register_with(&mut self, spec: ProcessSpecBuilder, options: SupervisionOptions) {
        let spec = Box::new(spec.build());
        self.answer(Command::Register { spec, options: Box::new(options) }).expect("a registration");
    }

    /// The newest run of an instance, which must have been ordered.
    pub(super) fn run(&self, name: &str) -> Uuid {
        self.launches.iter().rev().find(|(of, _)| of == name).expect("a launch").1
    }

    /// The newest run is launched.
    pub(super) fn launched(&mut self, name: &str) -> Uuid {
        let run = self.run(name);
        self.next_pid += 1;
        self.observe(run, Observation::Launched { pid: self.next_pid, containment: "scan", counts: None });
        run
    }

    /// It is wanted, and its newest run launched.
    pub(super) fn up(&mut self, name: &str) -> Uuid {
        self.ask(start(name));
        self.launched(name)
    }

    pub(super) fn ends(&mut self, name: &str, end: RunEnd) {
        let run = self.run(name);
        self.observe(run, Observation::Ended(end));
    }

    pub(super) fn crashes(&mut self, name: &str) {
        self.ends(name, code(1));
    }

    pub(super) fn view(&self, name: &str) -> View {
        let views = self.views.values().flatten();
        views.into_iter().find(|view| view.spec.display_name(view.instance) == name).expect("an instance").clone()
    }

    pub(super) fn state(&self, name: &str) -> ProcessState {
        self.view(name).state
    }

    pub(super) fn phase(&self, name: &str) -> Phase {
        self.view(name).phase
    }

    /// Names of those whose launch was ordered since this was asked last.
    pub(super) fn started(&mut self) -> Vec<String> {
        self.did(|effect| match effect {
            Effect::Launch(order) => Some(order.spec.display_name(order.instance)),
            _ => None,
        })
    }

    /// The same for those whose end was.
    pub(super) fn stopped(&mut self) -> Vec<String> {
        let names: HashMap<Uuid, String> = self.launches.iter().map(|(name, run)| (*run, name.clone())).collect();
        self.did(|effect| match effect {
            Effect::Stop { run_id, .. } => names.get(run_id).cloned(),
            _ => None,
        })
    }

    pub(super) fn killed(&mut self) -> Vec<String> {
        let names: HashMap<Uuid, String> = self.launches.iter().map(|(name, run)| (*run, name.clone())).collect();
        self.did(|effect| match effect {
            Effect::Kill { run_id } => names.get(run_id).cloned(),
            _ => None,
        })
    }

    fn did<T>(&mut self, what: impl Fn(&Effect) -> Option<T>) -> Vec<T> {
        let mut found = Vec::new();
        self.effects.retain(|effect| {
            let one = what(effect);
            let keep = one.is_none();
            found.extend(one);
            keep
        });
        found
    }

    /// What was told about an instance since this was asked last.
    pub(super) fn kinds(&mut self) -> Vec<EventKind> {
        std::mem::take(&mut self.events).into_iter().map(|event| event.kind).collect()
    }

    pub(super) fn is_answered(&self, ticket: Ticket) -> bool {
        self.answers.contains_key(&ticket)
    }

    pub(super) fn ok(&mut self, ticket: Ticket) -> Answer {
        self.answers.remove(&ticket).expect("an answer").expect("a good one")
    }

    pub(super) fn error(&mut self, ticket: Ticket) -> String {
        match self.answers.remove(&ticket).expect("an answer") {
            Ok(answer) => panic!("{answer:?} is no error"),
            Err(error) => error.to_string(),
        }
    }

    pub(super) fn report(&mut self, ticket: Ticket) -> Arc<ShutdownReport> {
        match self.ok(ticket) {
            Answer::Shutdown(report) => report,
            other => panic!("{other:?} is no report"),
        }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.now - self.start
    }
}

pub(super) fn spec(name: &str) -> ProcessSpecBuilder {
    ProcessSpec::builder().name(name).command("true").restart(restarts())
}

/// Whatever happens it is tried again, at once.
pub(super) fn restarts() -> RestartConfig {
    RestartConfig {
        max_restarts: u32::MAX,
        backoff: BackoffConfig::Fixed { delay: SECOND },
        policy: RestartPolicy::Transient,
        ..RestartConfig::default()
    }
}

pub(super) fn start(name: &str) -> Command {
    Command::Start(Target::Name(name.to_owned()))
}

pub(super) fn stop(name: &str) -> Command {
    Command::Stop(Target::Name(name.to_owned()))
}

pub(super) fn restart(name: &str) -> Command {
    Command::Restart(Target::Name(name.to_owned()))
}

pub(super) fn code(code: i32) -> RunEnd {
    end(Some(code), None, EndReason::Exited)
}

pub(super) fn signal(signal: i32) -> RunEnd {
    end(None, Some(signal), EndReason::Signaled)
}

/// It obeyed.
pub(super) fn obeyed() -> RunEnd {
    end(None, Some(15), EndReason::Stopped)
}

pub(super) fn end(code: Option<i32>, signal: Option<i32>, reason: EndReason) -> RunEnd {
    RunEnd { code, signal, reason, leftovers: Vec::new(), tail: Vec::new() }
}

pub(super) fn options(change: impl FnOnce(&mut SupervisionOptions)) -> SupervisionOptions {
    let mut options = SupervisionOptions::default();
    change(&mut options);
    options
}

pub(super) fn on(name: &str, condition: Condition) -> Dependency {
    Dependency { name: name.to_owned(), condition }
}
