use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, oneshot, watch};

use super::board::{Board, Posted};
use super::core::{Answer, Command, Target};
use super::driver::{self, Ask};
use super::run::Launcher;
use super::{
    Condition, EventReceiver, InstanceStatus, ShutdownOptions, ShutdownReport, StatusWatch, SupervisionOptions,
    SupervisorConfig, SupervisorError, SupervisorEvent, Updated,
};
use crate::credentials::{CredentialProvider, CredentialRefresher, RefreshConfig};
use crate::log::{self, LogQuery, LogReceiver};
use crate::process::{ProcessHandle, ProcessId, ProcessSpec};
use crate::shutdown::parse_signal;
use crate::state::PersistedState;

/// Keeps many processes alive.
///
/// This is a handle: clones are the same supervisor, and when the last one is dropped everything is killed. What it does it
/// does in one task that never waits for a process, so nothing slow about one process holds up another.
///
/// Inside a Tokio runtime it runs there, and its processes end with that runtime. Elsewhere it brings a thread of its own,
/// and its methods can be awaited on any executor.
///
/// Commands are carried out in the order in which they arrive, also those whose futures are dropped before the answer. What
/// only looks does not wait for anything: it sees everything up to the newest change. After a change, what can be looked at is
/// new before anybody gets the event, and both before whoever asked for the change gets an answer.
///
/// While it shuts down and afterwards, all that would start or change something fails with
/// [`ShuttingDown`](SupervisorError::ShuttingDown).
#[derive(Debug, Clone)]
pub struct Supervisor {
    commands: mpsc::UnboundedSender<Ask>,
    shared: Arc<Shared>,
}

/// What handles and the driver have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) board: RwLock<Board>,
    pub(super) events: broadcast::Sender<Arc<SupervisorEvent>>,
    /// There when everything is stopped.
    pub(super) report: watch::Sender<Option<Arc<ShutdownReport>>>,
}

impl Supervisor {
    /// With nothing to do yet.
    ///
    /// Should the system not even give it a thread, where it needs one, everything it is asked fails.
    #[must_use]
    pub fn new(config: SupervisorConfig) -> Self {
        let launcher = driver::native(&config, None, None);
        Self::with_launcher(config, launcher)
    }

    /// The same, with a source for the secrets of those whose specs name some. Without one, these cannot be started.
    #[must_use]
    pub fn with_credentials(config: SupervisorConfig, credentials: Arc<dyn CredentialProvider>) -> Self {
        let launcher = driver::native(&config, Some(credentials), None);
        Self::with_launcher(config, launcher)
    }

    /// The same, with somebody who renews secrets before they expire, for those with
    /// [`auto_refresh`](crate::credentials::CredentialConfig::auto_refresh): without one, these are refused.
    ///
    /// When they expire has to be [known](crate::credentials::SecretSet::expires_at); otherwise nothing is renewed. The secrets
    /// of a profile are renewed once for all who have them, and then brought to each as by
    /// [`rotate_credentials`](Self::rotate_credentials). While that fails they keep the old ones, and each attempt is told by
    /// [`CredentialsRefreshFailed`](crate::EventKind::CredentialsRefreshFailed). After the last one nothing is tried before
    /// somebody is started with these secrets or has them rotated.
    #[must_use]
    pub fn with_refresher(
        config: SupervisorConfig,
        credentials: Arc<dyn CredentialProvider>,
        refresher: Arc<dyn CredentialRefresher>,
        refresh: RefreshConfig,
    ) -> Self {
        let launcher = driver::native(&config, Some(credentials), Some((refresher, refresh)));
        Self::with_launcher(config, launcher)
    }

    pub(super) fn with_launcher(config: SupervisorConfig, launcher: Arc<dyn Launcher>) -> Self {
        let (commands, asked) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            board: RwLock::new(Board::default()),
            events: broadcast::Sender::new(config.event_capacity.clamp(1, 1 << 20)),
            report: watch::Sender::new(None),
        });
        driver::spawn(config, launcher, asked, shared.clone());
        Self { commands, shared }
    }

    /// Makes a spec known, with all of its instances; starts nothing.
    ///
    /// Fails if the name is taken, if the spec is not valid, or if it writes into a log file of another.
    pub async fn register(&self, spec: ProcessSpec) -> Result<ProcessId, SupervisorError> {
        self.register_with(spec, SupervisionOptions::default()).await
    }

    /// The same, with options. What it depends on may be registered later; a circle is refused.
    pub async fn register_with(
        &self,
        spec: ProcessSpec,
        options: SupervisionOptions,
    ) -> Result<ProcessId, SupervisorError> {
        let command = Command::Register { spec: Box::new(spec), options: Box::new(options) };
        match self.ask(command).await? {
            Answer::Registered(id) => Ok(id),
            _ => Err(SupervisorError::ShuttingDown),
        }
    }

    /// Has the restarts of instances counted on from where a former supervisor was; to be called when everything is registered,
    /// and once.
    ///
    /// Only those of specs that are [the same](PersistedState::same_spec) as they were. It is about what is shown: a limit of
    /// restarts looks at those of this supervisor alone.
    pub async fn go_on_from(&self, former: &PersistedState) -> Result<(), SupervisorError> {
        for name in self.list_names() {
            // Whoever is gone by now has nothing to go on with.
            let Ok(spec) = self.spec(&name) else { continue };
            let Some(same) = former.same_spec(&spec) else { continue };
            let counted = former.instances.iter().filter(|instance| instance.spec_id == same.id);
            let counted = counted.map(|one| (one.instance_index, one.restart_count, one.last_restart)).collect();
            match self.done(Command::GoOn { name, counted }).await {
                Ok(()) | Err(SupervisorError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Forgets a spec. Fails with [`StillRunning`](SupervisorError::StillRunning) while it has a process or is to get one.
    pub async fn unregister(&self, name: &str) -> Result<(), SupervisorError> {
        self.done(Command::Unregister { name: name.to_owned() }).await
    }

    /// Wants all instances to run from now on, also those that were given up. Those that run are left alone, those that are
    /// just being stopped are started again.
    ///
    /// Answers when each of them runs, waits for a dependency, or could not be started; the last is an error. It may still be
    /// tried again after that.
    pub async fn start(&self, name: &str) -> Result<(), SupervisorError> {
        self.done(Command::Start(Target::Name(name.to_owned()))).await
    }

    /// The same for one instance.
    pub async fn start_instance(&self, name: &str, instance: u32) -> Result<(), SupervisorError> {
        self.done(Command::Start(Target::Instance(name.to_owned(), instance))).await
    }

    /// The same for everything with [`autostart`](SupervisionOptions::autostart).
    ///
    /// That something cannot be started is no error here: the others are started all the same, and events and statuses tell.
    /// It is one if something depends on what is not registered; then nothing is started.
    pub async fn start_all(&self) -> Result<(), SupervisorError> {
        self.done(Command::Start(Target::All)).await
    }

    /// Wants no instance to run from now on. What waits to be started again is not.
    ///
    /// Answers when nothing is left of them. All who ask for the same stop get the same answer. An error means that one could
    /// not be made to end; asking again tries again.
    pub async fn stop(&self, name: &str) -> Result<(), SupervisorError> {
        self.done(Command::Stop(Target::Name(name.to_owned()))).await
    }

    /// The same for one instance.
    pub async fn stop_instance(&self, name: &str, instance: u32) -> Result<(), SupervisorError> {
        self.done(Command::Stop(Target::Instance(name.to_owned(), instance))).await
    }

    /// The same for everything, in the order of a [`shutdown`](Self::shutdown).
    pub async fn stop_all(&self) -> Result<(), SupervisorError> {
        self.done(Command::Stop(Target::All)).await
    }

    /// Stops all instances that run, and starts all. Answers as [`start`](Self::start) does.
    pub async fn restart(&self, name: &str) -> Result<(), SupervisorError> {
        self.done(Command::Restart(Target::Name(name.to_owned()))).await
    }

    /// The same for one instance.
    pub async fn restart_instance(&self, name: &str, instance: u32) -> Result<(), SupervisorError> {
        self.done(Command::Restart(Target::Instance(name.to_owned(), instance))).await
    }

    /// The same for all instances, `batch` of them at a time; the next ones when those are ready.
    ///
    /// If one of them does not become ready the rest is left as it is, and this is an error.
    pub async fn rolling_restart(&self, name: &str, batch: u32) -> Result<(), SupervisorError> {
        self.done(Command::RollingRestart { name: name.to_owned(), batch }).await
    }

    /// Kills what an instance runs, and wants it not to run from now on. Answers when nothing is left of it.
    pub async fn kill(&self, name: &str, instance: u32) -> Result<(), SupervisorError> {
        self.done(Command::Kill { name: name.to_owned(), instance }).await
    }

    /// Sends a signal, by its name or its number. What comes of it is treated as if the process had done it by itself.
    pub async fn signal(&self, name: &str, instance: u32, signal: &str) -> Result<(), SupervisorError> {
        let signal = parse_signal(signal)
            .map_err(|error| crate::process::ProcessError::SignalFailed(format!("`{name}`: {error}")))?;
        self.done(Command::Signal { name: name.to_owned(), instance, signal }).await
    }

    /// Has that many instances from now on, at least 1. New ones run if others should.
    ///
    /// Answers when the new ones are started, as [`start`](Self::start) does, or nothing is left of the old ones.
    pub async fn scale(&self, name: &str, instances: u32) -> Result<(), SupervisorError> {
        self.done(Command::Scale { name: name.to_owned(), instances }).await
    }

    /// Replaces the spec of that name, and keeps its id and its options. Nothing that runs is touched, except that the number
    /// of instances is kept as with [`scale`](Self::scale).
    ///
    /// How it is restarted and stopped changes at once, all else with the next start.
    pub async fn update(&self, spec: ProcessSpec) -> Result<Updated, SupervisorError> {
        self.updated(Command::Update { spec: Box::new(spec), options: None }).await
    }

    /// The same, with options.
    pub async fn update_with(
        &self,
        spec: ProcessSpec,
        options: SupervisionOptions,
    ) -> Result<Updated, SupervisorError> {
        self.updated(Command::Update { spec: Box::new(spec), options: Some(Box::new(options)) }).await
    }

    /// Waits until all instances are as said. Fails at once if one of them has ended for good and is not.
    pub async fn wait_for(&self, name: &str, condition: Condition, timeout: Duration) -> Result<(), SupervisorError> {
        self.done(Command::WaitFor { name: name.to_owned(), condition, timeout }).await
    }

    /// Looks at once at what an instance uses of processor and memory.
    pub async fn sample_now(&self, name: &str, instance: u32) -> Result<InstanceStatus, SupervisorError> {
        self.done(Command::Sample { name: name.to_owned(), instance }).await?;
        self.view(name, instance).map(|view| view.status())
    }

    /// Opens all log files anew, for those who have renamed them.
    pub async fn reopen_logs(&self) -> Result<(), SupervisorError> {
        log::reopen_logs().await.map_err(SupervisorError::Logs)
    }

    /// Fetches the secrets of all instances that run anew, and gives them to those that can take them while they run. The
    /// others need a restart, and say so in their status. On failure everybody keeps what it has.
    pub async fn rotate_credentials(&self, name: &str) -> Result<(), SupervisorError> {
        self.done(Command::RotateCredentials { name: name.to_owned() }).await
    }

    /// Stops everything, for good.
    ///
    /// First what has a lower [`stop_order`](SupervisionOptions::stop_order), then what others depend on; what has no such
    /// order is stopped together. Asking again may bring the deadline forward, and gets the same report.
    ///
    /// What outlives its grace and is not to be forced is in the report, and no longer looked after: it is killed then, unless
    /// [`kill_on_drop`](crate::shutdown::ShutdownConfig::kill_on_drop) is off.
    pub async fn shutdown(&self, options: ShutdownOptions) -> Arc<ShutdownReport> {
        let mut report = self.shared.report.subscribe();
        // Should the driver be gone already, its report is there.
        let asked = self.ask(Command::Shutdown { deadline: options.deadline }).await;
        if let Ok(Answer::Shutdown(report)) = asked {
            return report;
        }
        match report.wait_for(Option::is_some).await {
            Ok(report) => report.clone().unwrap_or_default(),
            Err(_) => Arc::default(),
        }
    }

    /// What becomes of all instances, in the order of registration.
    #[must_use]
    pub fn status(&self) -> Vec<InstanceStatus> {
        self.read(|board| board.specs().flat_map(Posted::views).map(|view| view.status()).collect())
    }

    /// What becomes of the instances of one spec.
    pub fn status_of(&self, name: &str) -> Result<Vec<InstanceStatus>, SupervisorError> {
        self.posted(name, |posted| posted.views().map(|view| view.status()).collect())
    }

    /// An instance as it is now.
    pub fn handle(&self, name: &str, instance: u32) -> Result<ProcessHandle, SupervisorError> {
        self.view(name, instance).map(|view| view.handle())
    }

    /// All instances of a spec as they are now, by their number.
    pub fn handles(&self, name: &str) -> Result<Vec<ProcessHandle>, SupervisorError> {
        self.posted(name, |posted| posted.views().map(|view| view.handle()).collect())
    }

    /// A spec as it is now.
    pub fn spec(&self, name: &str) -> Result<ProcessSpec, SupervisorError> {
        self.posted(name, |posted| (*posted.spec).clone())
    }

    /// All names, in the order of registration.
    #[must_use]
    pub fn list_names(&self) -> Vec<String> {
        self.read(|board| board.specs().map(|posted| posted.spec.name.clone()).collect())
    }

    /// How many instances there are.
    #[must_use]
    pub fn process_count(&self) -> usize {
        self.read(|board| board.specs().map(|posted| posted.views().count()).sum())
    }

    /// How many of them run.
    #[must_use]
    pub fn running_count(&self) -> usize {
        self.read(|board| board.specs().flat_map(Posted::views).filter(|view| view.state.is_running()).count())
    }

    /// Everything that happens from now on.
    #[must_use]
    pub fn events(&self) -> EventReceiver {
        EventReceiver(self.shared.events.subscribe())
    }

    /// What one instance is at, from now on.
    pub fn watch(&self, name: &str, instance: u32) -> Result<StatusWatch, SupervisorError> {
        let watch = self.posted(name, |posted| posted.watch(instance))?;
        watch.map(StatusWatch).ok_or(SupervisorError::InvalidInstance(instance))
    }

    /// What one instance writes: the last lines that are kept, of former runs too, and those that come if wanted.
    pub fn logs(&self, name: &str, instance: u32, query: LogQuery) -> Result<LogReceiver, SupervisorError> {
        let lines = self.posted(name, |posted| posted.lines(instance))?;
        lines.map(|lines| lines.query(query)).ok_or(SupervisorError::InvalidInstance(instance))
    }

    fn view(&self, name: &str, instance: u32) -> Result<Arc<super::board::View>, SupervisorError> {
        self.posted(name, |posted| posted.view(instance))?.ok_or(SupervisorError::InvalidInstance(instance))
    }

    fn posted<T>(&self, name: &str, read: impl FnOnce(&Posted) -> T) -> Result<T, SupervisorError> {
        self.read(|board| board.find(name).map(read)).ok_or_else(|| SupervisorError::NotFound(name.to_owned()))
    }

    fn read<T>(&self, read: impl FnOnce(&Board) -> T) -> T {
        read(&self.shared.board.read().unwrap_or_else(PoisonError::into_inner))
    }

    async fn done(&self, command: Command) -> Result<(), SupervisorError> {
        self.ask(command).await.map(drop)
    }

    async fn updated(&self, command: Command) -> Result<Updated, SupervisorError> {
        match self.ask(command).await? {
            Answer::Updated(updated) => Ok(updated),
            _ => Err(SupervisorError::ShuttingDown),
        }
    }

    async fn ask(&self, command: Command) -> Result<Answer, SupervisorError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Ask { command, reply }).map_err(|_| SupervisorError::ShuttingDown)?;
        answer.await.map_err(|_| SupervisorError::ShuttingDown)?
    }
}
