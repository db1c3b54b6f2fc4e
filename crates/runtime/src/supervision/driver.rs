use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc as reply;
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use perilune_actor_core::{ErrorKind, ExitReason, Failure, Pid, Scheduler, Signal, Spawn};
use perilune_actor_local::LocalScheduler;
use perilune_lua_bindings::{Inherited, LuaFactory};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, WeakUnboundedSender, unbounded_channel};

use super::fleet::{Effect, Fleet, Refused};
use super::info::ServiceInfo;
use super::plan::{Plan, plans};
use crate::application::{Entries, Entry, EntryId};
use crate::registry::{self, Listener, Prepared, Registry, Transition, Version, refusal};
use crate::report;
use crate::services::AppServices;

/// Does what a [`Fleet`] says, and tells it what happened. One task has all state; nobody waits for it who does not ask.
pub(crate) struct Driver {
    commands: UnboundedSender<Command>,
    view: Arc<View>,
}

/// What is seen from outside.
#[derive(Default)]
struct View {
    infos: RwLock<Vec<ServiceInfo>>,
    /// Grows after everything that was done.
    moves: AtomicU64,
}

/// What the driver needs of the application.
pub(crate) struct Supervised {
    pub(crate) registry: Arc<Registry>,
    pub(crate) services: Arc<AppServices>,
    /// It has the workers, these have the services, and those the registry that has a listener.
    pub(crate) scheduler: Weak<LocalScheduler>,
    pub(crate) io: Handle,
}

/// Who could not be started, and why, for people.
pub(crate) type Refusals = Vec<(EntryId, String)>;

enum Command {
    Start(reply::Sender<Result<(), Refusals>>),
    Spawned { id: EntryId, run: u64, answer: Result<Pid, NotStarted> },
    Ended { id: EntryId, run: u64, reason: ExitReason },
    Replace { plans: Vec<Plan>, done: Option<reply::Sender<()>> },
    Force { moves: u64 },
    Stop { limit: Instant, done: reply::Sender<()> },
}

struct NotStarted {
    refused: Refused,
    /// The failure with its place.
    report: Option<String>,
}

impl Driver {
    /// For the services of an application, of which none runs yet.
    pub(crate) fn new(world: Supervised) -> Self {
        let version = world.registry.version();
        // Loading has found every error already.
        let fleet = Fleet::new(all(&version).unwrap_or_default(), RandomState::new().hash_one(0));
        let view = Arc::new(View::default());
        view.put(&fleet);
        let (commands, received) = unbounded_channel();
        let io = world.io.clone();
        let task = Task {
            world,
            fleet,
            view: Arc::clone(&view),
            commands: commands.downgrade(),
            starting: Vec::new(),
            stopping: Vec::new(),
            replacing: Vec::new(),
            reports: HashMap::new(),
        };
        io.spawn(task.run(received));
        Self { commands, view }
    }

    /// Starts what is to start with the application, and waits for it.
    ///
    /// # Errors
    /// Those that the application requires and that did not start.
    pub(crate) fn start(&self) -> Result<(), Refusals> {
        let (tell, told) = reply::channel();
        // Without anybody to answer the application is ending.
        let _ = self.commands.send(Command::Start(tell));
        told.recv().unwrap_or(Ok(()))
    }

    /// Begins to end all services, those that are depended on last and nobody after `limit`. What it gives hears of it
    /// when none is left.
    pub(crate) fn stop(&self, limit: Instant) -> reply::Receiver<()> {
        let (done, is_done) = reply::channel();
        let _ = self.commands.send(Command::Stop { limit, done });
        is_done
    }

    /// How much has been done so far.
    pub(crate) fn moves(&self) -> u64 {
        self.view.moves.load(Ordering::Acquire)
    }

    /// Ends by force whoever was asked to end, unless something was done since `moves`.
    pub(crate) fn force(&self, moves: u64) {
        let _ = self.commands.send(Command::Force { moves });
    }

    /// All services, by id.
    pub(crate) fn infos(&self) -> Vec<ServiceInfo> {
        self.view.infos.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Has services follow the changes of entries.
    pub(crate) fn listener(&self) -> Arc<dyn Listener> {
        Arc::new(Changes(self.commands.downgrade()))
    }
}

/// Services that are stopped and started when their entries change. Nobody waits for that, because who makes the change
/// may be one of them; but hosts that go along are not stopped before.
struct Changes(WeakUnboundedSender<Command>);

impl Listener for Changes {
    fn prepare(&self, change: &Transition<'_>) -> Result<Prepared, Failure> {
        let is_service = |entry: &Arc<Entry>| entry.definition.service().is_some();
        let concerns =
            |step: &registry::Step| step.after.is_none() || step.before.iter().chain(&step.after).any(is_service);
        if !change.steps.iter().any(concerns) {
            return Ok(Prepared::default());
        }
        let plans = all(change.new).map_err(|error| refusal(vec![error.to_string()]))?;
        let is_gone = |step: &registry::Step| {
            let is_host = |entry: &Arc<Entry>| entry.definition.is_host();
            step.before.as_ref().is_some_and(is_host) && !step.after.as_ref().is_some_and(is_host)
        };
        let waits = change.steps.iter().any(is_gone);
        let commands = self.0.clone();
        Ok(Prepared::default().finish(move || {
            let Some(commands) = commands.upgrade() else { return };
            let (done, is_done) = reply::channel();
            let _ = commands.send(Command::Replace { plans, done: waits.then_some(done) });
            // Without anybody to answer, which the end of the application is, there is nothing to wait for.
            let _ = is_done.recv();
        }))
    }
}

fn all(version: &Version) -> Result<Vec<Plan>, perilune_restart::OrderError> {
    plans(version.entries(), |id| Entries::entry(version, id).is_some())
}

impl View {
    fn put(&self, fleet: &Fleet) {
        *self.infos.write().unwrap_or_else(PoisonError::into_inner) = fleet.infos();
        self.moves.fetch_add(1, Ordering::Release);
    }
}

struct Task {
    world: Supervised,
    fleet: Fleet,
    view: Arc<View>,
    commands: WeakUnboundedSender<Command>,
    /// Who waits for the start.
    starting: Vec<reply::Sender<Result<(), Refusals>>>,
    /// Who waits for the end.
    stopping: Vec<reply::Sender<()>>,
    /// Who waits for a change to have happened.
    replacing: Vec<reply::Sender<()>>,
    /// Failures of starts with their places, for as long as somebody waits for these.
    reports: HashMap<EntryId, String>,
}

impl Task {
    async fn run(mut self, mut commands: UnboundedReceiver<Command>) {
        loop {
            let command = match self.fleet.next_deadline() {
                Some(deadline) => match tokio::time::timeout_at(deadline.into(), commands.recv()).await {
                    Ok(None) => return,
                    Ok(command) => command,
                    Err(_) => None,
                },
                None => match commands.recv().await {
                    None => return,
                    command => command,
                },
            };
            let now = tokio::time::Instant::now().into_std();
            if let Some(command) = command {
                let effects = self.handle(command, now);
                self.perform(effects);
            }
            if self.fleet.next_deadline().is_some_and(|deadline| deadline <= now) {
                let effects = self.fleet.tick(now);
                self.perform(effects);
            }
            self.answer();
            // Last: whoever sees it sees what was done.
            self.view.put(&self.fleet);
        }
    }

    fn handle(&mut self, command: Command, now: Instant) -> Vec<Effect> {
        match command {
            Command::Start(tell) => {
                self.starting.push(tell);
                self.fleet.start(now)
            }
            Command::Spawned { id, run, answer } => {
                let answer = answer.map_err(|NotStarted { refused, report }| {
                    if let Some(report) = report {
                        self.reports.insert(id.clone(), report);
                    }
                    refused
                });
                self.fleet.spawned(&id, run, answer, now)
            }
            Command::Ended { id, run, reason } => self.fleet.ended(&id, run, &reason, now),
            Command::Replace { plans, done } => {
                self.replacing.extend(done);
                self.fleet.replace(plans, now)
            }
            Command::Force { moves } if moves == self.view.moves.load(Ordering::Acquire) => self.fleet.force(),
            Command::Force { .. } => Vec::new(),
            Command::Stop { limit, done } => {
                self.stopping.push(done);
                self.fleet.stop(limit, now)
            }
        }
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Spawn { entry, run } => self.spawn(entry, run),
                Effect::Cancel { pid, grace } => self.signal(pid, |scheduler| Signal::Cancel {
                    from: None,
                    deadline: Some(scheduler.now().after(grace)),
                    reason: Some("service stop".into()),
                }),
                Effect::Terminate { pid } => {
                    let failure = Failure::new(ErrorKind::Canceled, "process terminated");
                    self.signal(pid, |_| Signal::Terminate(Arc::new(failure)));
                }
                Effect::Tell { id, notice } => {
                    notice.log(&id);
                    self.world.services.announce(notice.event(&id));
                }
            }
        }
    }

    fn signal(&self, pid: Pid, signal: impl FnOnce(&LocalScheduler) -> Signal) {
        if let Some(scheduler) = self.world.scheduler.upgrade() {
            // One that has ended says so itself.
            let _ = scheduler.deliver(pid, signal(&scheduler));
        }
    }

    /// On a thread of its own: a script may take its time before it can be waited for.
    fn spawn(&self, entry: Arc<Entry>, run: u64) {
        let Some(commands) = self.commands.upgrade() else { return };
        let (registry, services) = (Arc::clone(&self.world.registry), Arc::clone(&self.world.services));
        let scheduler = Weak::clone(&self.world.scheduler);
        self.world.io.spawn_blocking(move || {
            let id = entry.id.clone();
            let ended = {
                let (commands, id) = (commands.clone(), id.clone());
                move |reason: &ExitReason| {
                    let _ = commands.send(Command::Ended { id, run, reason: reason.clone() });
                }
            };
            let answer = start(&entry, &registry, &services, &scheduler, ended);
            let _ = commands.send(Command::Spawned { id, run, answer });
        });
    }

    /// Tells those who wait what they wait for.
    fn answer(&mut self) {
        if let Some(outcome) = self.fleet.startup() {
            let outcome = outcome.map_err(|refused| self.refusals(refused));
            for tell in self.starting.drain(..) {
                let _ = tell.send(outcome.clone());
            }
        } else if !self.fleet.is_starting() {
            // It was over before it was asked for, or came to an end.
            for tell in self.starting.drain(..) {
                let _ = tell.send(Ok(()));
            }
        }
        for (id, report) in self.reports.drain() {
            tracing::warn!(target: "perilune::service", "service `{id}` did not start\n{report}");
        }
        if self.fleet.is_settled() {
            tell_all(&mut self.replacing);
        }
        if self.fleet.is_down() {
            tell_all(&mut self.stopping);
        }
    }

    fn refusals(&mut self, refused: Vec<(EntryId, Arc<Failure>)>) -> Refusals {
        let report = |(id, failure): (EntryId, Arc<Failure>)| {
            let report = self.reports.remove(&id);
            (id, report.unwrap_or_else(|| format!("error: {}", failure.message)))
        };
        refused.into_iter().map(report).collect()
    }
}

fn tell_all(waiting: &mut Vec<reply::Sender<()>>) {
    for done in waiting.drain(..) {
        // Who waited may have lost patience.
        let _ = done.send(());
    }
}

fn start(
    entry: &Entry,
    registry: &Registry,
    services: &AppServices,
    scheduler: &Weak<LocalScheduler>,
    ended: impl FnOnce(&ExitReason) + Send + 'static,
) -> Result<Pid, NotStarted> {
    let nothing = |failure: Failure, for_good, report| NotStarted {
        refused: Refused { failure: Arc::new(failure), for_good },
        report,
    };
    let ending = || Failure::new(ErrorKind::Unavailable, "the application is stopping");
    let Some(service) = entry.definition.service() else { return Err(nothing(ending(), true, None)) };
    let (definition, host) = registry
        .start(service.process.as_str(), service.host.target.as_str())
        .map_err(|failure| nothing(failure, true, None))?;
    let subject = services.subjects.of_service(&entry.id, host);
    let inherited = subject.map(|subject| Arc::new(Inherited::default().with_subject(subject)));
    let input = service.input.iter().map(registry::show).collect();
    let factory = LuaFactory::new(Arc::clone(&definition), input).inherit(inherited);
    let mut spawn = Spawn::new(host, Box::new(factory));
    spawn.on_exit = Some(Box::new(ended));
    let Some(scheduler) = scheduler.upgrade() else { return Err(nothing(ending(), true, None)) };
    scheduler.spawn(spawn).map_err(|error| {
        let failure = Failure::from(error);
        // As a method that is not there: another attempt finds the same script.
        let no_method = failure.kind == ErrorKind::NotFound
            && failure.message == format!("method \"{}\" not found in module", definition.method);
        let for_good = no_method || failure.is_final();
        let report = report::start_failure(&definition, &failure);
        nothing(failure, for_good, Some(report))
    })
}

/// As long as a worker in the middle of something may hold up the end of a process whose time is over.
pub(crate) const SLACK: Duration = Duration::from_secs(5);
