use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use chrono::Utc;
use tokio::runtime::{Builder, Handle};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::core::{Answer, Command, Core, Effect, Moment, Observation, Order, Ticket};
use super::life::{Report, Reports, Wish, live, refuse};
use super::native::NativeLauncher;
use super::native::Refreshing;
use super::run::{Launcher, Run, Usage};
use super::supervisor::Shared;
use super::{ShutdownReport, SupervisorConfig, SupervisorError};
use crate::credentials::CredentialProvider;
use crate::log::OutputLines;

/// A command on its way.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) command: Command,
    pub(super) reply: oneshot::Sender<Result<Answer, SupervisorError>>,
}

/// What launches processes of this machine.
pub(super) fn native(
    config: &SupervisorConfig,
    credentials: Option<Arc<dyn CredentialProvider>>,
    refreshing: Option<Refreshing>,
) -> Arc<dyn Launcher> {
    Arc::new(NativeLauncher::new(config, credentials, refreshing))
}

/// Has a supervisor driven: by the runtime around, or by a thread of its own if there is none.
pub(super) fn spawn(
    config: SupervisorConfig,
    launcher: Arc<dyn Launcher>,
    asked: mpsc::UnboundedReceiver<Ask>,
    shared: Arc<Shared>,
) {
    // Made here, so that it says that it is gone even if it never runs.
    let gone = Gone(shared.clone());
    let drive = move || drive(config, launcher, asked, shared, gone);
    match Handle::try_current() {
        Ok(handle) => drop(handle.spawn(drive())),
        Err(_) => {
            let thread = std::thread::Builder::new().name("supervisor".to_owned());
            let started = Builder::new_current_thread()
                .enable_all()
                .build()
                .and_then(|runtime| thread.spawn(move || runtime.block_on(drive())));
            if let Err(error) = started {
                tracing::error!(%error, "a supervisor has no thread and does nothing");
            }
        }
    }
}

/// At least so far apart are samples.
const SHORTEST_SAMPLING: Duration = Duration::from_millis(250);

struct Driver {
    core: Core,
    launcher: Arc<dyn Launcher>,
    shared: Arc<Shared>,
    reports: Reports,
    lives: HashMap<Uuid, Life>,
    replies: HashMap<Ticket, oneshot::Sender<Result<Answer, SupervisorError>>>,
    tickets: u64,
    sampling: bool,
    sampled: mpsc::UnboundedSender<Sampled>,
    refreshed: mpsc::UnboundedSender<Refreshed>,
    report: Option<Arc<ShutdownReport>>,
}

/// A run, as far as the driver has to do with it.
struct Life {
    name: String,
    wishes: mpsc::UnboundedSender<Wish>,
    run: Option<Arc<dyn Run>>,
}

/// What came of looking at what runs use.
struct Sampled {
    usages: Vec<(Uuid, Usage)>,
    /// Whoever asked for it; nobody if it was its time.
    asked: Option<(Uuid, Ticket)>,
}

/// The profile whose secrets were to be renewed, and what came of it.
type Refreshed = (String, Result<(), Option<String>>);

/// INVARIANT: nothing here waits for a process, a file, or a reader of events.
async fn drive(
    config: SupervisorConfig,
    launcher: Arc<dyn Launcher>,
    mut asked: mpsc::UnboundedReceiver<Ask>,
    shared: Arc<Shared>,
    gone: Gone,
) {
    let (reports, mut reported) = mpsc::unbounded_channel();
    let (sampled, mut samples) = mpsc::unbounded_channel();
    let (refreshed, mut refreshes) = mpsc::unbounded_channel();
    let every = Some(config.sample_interval).filter(|every| !every.is_zero()).map(|every| every.max(SHORTEST_SAMPLING));
    // `None` while nobody is to be looked at: who has nothing to do sleeps.
    let mut sample_at = None;
    let mut driver = Driver {
        core: Core::new(config, moment(), Uuid::new_v4),
        launcher,
        shared,
        reports,
        lives: HashMap::new(),
        replies: HashMap::new(),
        tickets: 0,
        sampling: false,
        sampled,
        refreshed,
        report: None,
    };
    if let Some(config) = driver.launcher.refresh_config() {
        driver.core.refresh_by(config);
    }
    let mut open = true;
    while driver.report.is_none() {
        let wake = driver.core.wake_at().map(Instant::from_std);
        if sample_at.is_none() && driver.core.samples() {
            sample_at = every.and_then(|every| Instant::now().checked_add(every));
        }
        tokio::select! {
            ask = asked.recv(), if open => match ask {
                Some(ask) => driver.command(ask),
                None => {
                    open = false;
                    driver.abandon();
                }
            },
            Some((run_id, report)) = reported.recv() => driver.report(run_id, report),
            Some(sampled) = samples.recv() => driver.take_samples(sampled),
            Some((profile, result)) = refreshes.recv() => {
                let effects = driver.core.refreshed(&profile, result, moment());
                driver.apply(effects);
            }
            () = at(wake) => {
                let effects = driver.core.tick(moment());
                driver.apply(effects);
            }
            () = at(sample_at) => {
                sample_at = None;
                driver.sample_all();
            }
        }
    }
    // Those who ask from here on are told by finding nobody.
    asked.close();
    while let Ok(ask) = asked.try_recv() {
        driver.command(ask);
    }
    drop(gone);
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

fn moment() -> Moment {
    Moment { now: Instant::now().into_std(), utc: Utc::now() }
}

impl Driver {
    fn command(&mut self, ask: Ask) {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.replies.insert(ticket, ask.reply);
        let effects = self.core.command(ticket, ask.command, moment());
        self.apply(effects);
    }

    /// The last handle is gone.
    fn abandon(&mut self) {
        self.tickets += 1;
        let command = Command::Shutdown { deadline: Some(Duration::ZERO) };
        let effects = self.core.command(Ticket(self.tickets), command, moment());
        self.apply(effects);
    }

    fn report(&mut self, run_id: Uuid, report: Report) {
        let observation = match report {
            Report::Launched(run) => {
                let (containment, counts) = (run.containment(), run.counts());
                let observation = Observation::Launched { pid: run.pid(), containment, counts };
                if let Some(life) = self.lives.get_mut(&run_id) {
                    life.run = Some(run);
                }
                observation
            }
            Report::Observed(observation) => observation,
        };
        if matches!(observation, Observation::Ended(_) | Observation::LaunchFailed { .. }) {
            self.lives.remove(&run_id);
        }
        self.observe(run_id, observation);
    }

    fn observe(&mut self, run_id: Uuid, observation: Observation) {
        let effects = self.core.observe(run_id, observation, moment());
        self.apply(effects);
    }

    fn apply(&mut self, effects: Vec<Effect>) {
        let posts = self.core.posts();
        if !posts.is_empty() {
            let mut board = self.shared.board.write().unwrap_or_else(PoisonError::into_inner);
            for (key, posted) in posts {
                board.post(key, posted);
            }
        }
        for effect in effects {
            match effect {
                Effect::Launch(order) => {
                    let (wishes, wished) = mpsc::unbounded_channel();
                    let name = order.spec.display_name(order.instance);
                    self.lives.insert(order.run_id, Life { name, wishes, run: None });
                    let lines = self.lines(&order);
                    tokio::spawn(live(*order, self.launcher.clone(), lines, wished, self.reports.clone()));
                }
                Effect::Stop { run_id, spec } => self.wish(run_id, Wish::Stop(spec)),
                Effect::Kill { run_id } => self.wish(run_id, Wish::Kill),
                Effect::Signal { run_id, signal, ticket } => self.wish(run_id, Wish::Signal(signal, ticket)),
                Effect::Check { run_id, spec } => self.wish(run_id, Wish::Check(spec)),
                Effect::Rotate { run_id, ticket } => self.wish(run_id, Wish::Rotate(ticket)),
                Effect::Refresh { profile } => {
                    let (refreshing, refreshed) = (self.launcher.refresh(profile.clone()), self.refreshed.clone());
                    tokio::spawn(async move { drop(refreshed.send((profile, refreshing.await))) });
                }
                Effect::Sample { run_id, ticket } => {
                    // All of them: who is left out of a sample has no share of processors in the next.
                    let mut runs = self.core.sampled();
                    if !runs.contains(&run_id) {
                        runs.push(run_id);
                    }
                    self.sample(runs, Some((run_id, ticket)));
                }
                Effect::Emit(event) => drop(self.shared.events.send(Arc::new(event))),
                Effect::Reply { ticket, answer } => {
                    if let Some(reply) = self.replies.remove(&ticket) {
                        drop(reply.send(answer));
                    }
                }
                Effect::Finished(report) => {
                    self.shared.report.send_replace(Some(report.clone()));
                    self.report = Some(report);
                }
            }
        }
    }

    /// What its instance writes.
    fn lines(&self, order: &Order) -> OutputLines {
        let board = self.shared.board.read().unwrap_or_else(PoisonError::into_inner);
        let lines = board.find(&order.spec.name).and_then(|posted| posted.lines(order.instance));
        lines.unwrap_or_else(OutputLines::new)
    }

    fn wish(&mut self, run_id: Uuid, wish: Wish) {
        let (name, wish) = match self.lives.get(&run_id) {
            Some(life) => match life.wishes.send(wish) {
                Ok(()) => return,
                Err(mpsc::error::SendError(wish)) => (life.name.clone(), wish),
            },
            None => (String::new(), wish),
        };
        let reports = self.reports.clone();
        refuse(&name, wish, |observation| drop(reports.send((run_id, Report::Observed(observation)))));
    }

    fn sample_all(&mut self) {
        let runs = self.core.sampled();
        if !runs.is_empty() && !self.sampling {
            self.sampling = true;
            self.sample(runs, None);
        }
    }

    fn sample(&self, runs: Vec<Uuid>, asked: Option<(Uuid, Ticket)>) {
        let run = |id: Uuid| Some((id, self.lives.get(&id)?.run.clone()?));
        let looking = self.launcher.sample(runs.into_iter().filter_map(run).collect());
        let sampled = self.sampled.clone();
        tokio::spawn(async move {
            let looked = Looked { sampled, asked, usages: Vec::new() };
            looked.finish(looking).await;
        });
    }

    fn take_samples(&mut self, sampled: Sampled) {
        for (run_id, usage) in sampled.usages {
            let Usage { cpu_percent, memory_bytes } = usage;
            self.observe(run_id, Observation::Sampled { cpu_percent, memory_bytes });
        }
        match sampled.asked {
            Some((run_id, ticket)) => self.observe(run_id, Observation::Answered { ticket, result: Ok(()) }),
            None => self.sampling = false,
        }
    }
}

/// Tells what was found, or that nothing was, also if looking panics.
struct Looked {
    sampled: mpsc::UnboundedSender<Sampled>,
    asked: Option<(Uuid, Ticket)>,
    usages: Vec<(Uuid, Usage)>,
}

impl Looked {
    async fn finish(mut self, looking: impl Future<Output = Vec<(Uuid, Usage)>>) {
        self.usages = looking.await;
    }
}

impl Drop for Looked {
    fn drop(&mut self) {
        let usages = std::mem::take(&mut self.usages);
        drop(self.sampled.send(Sampled { usages, asked: self.asked }));
    }
}

/// Says that there is no driver any more, so that nobody waits for its report.
struct Gone(Arc<Shared>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.report.send_if_modified(|report| {
            let missing = report.is_none();
            report.get_or_insert_default();
            missing
        });
    }
}
