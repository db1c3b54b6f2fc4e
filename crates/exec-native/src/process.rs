use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use perilune_exec_api::{
    ByteStream, Containment, ExecError, ExecId, ExecState, ExitInfo, OsSignal, Process, StdinEof, StdinMode, Stop,
};
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::asked::Asked;
use crate::cgroup::Cgroup;
use crate::driver::Driver;
use crate::executor::Shared;
use crate::input::Input;
use crate::launch::{Launch, current_runtime, launch_then};
use crate::output::{Keep, Output};
use crate::pipe::{input_pipe, output_pipe};
use crate::race::both;
use crate::tree::{Conduct, FAR, Tree};
use crate::undertaker;

/// What holds for one process, with everything that its request left open filled in.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) stdin: StdinMode,
    pub(crate) stdin_eof: StdinEof,
    pub(crate) timeout: Option<Duration>,
    pub(crate) stop_grace: Duration,
    pub(crate) sweep_on_exit: bool,
    pub(crate) containment: Containment,
}

/// The handle. Its drop is the end of a process that nobody closed.
pub(crate) struct NativeProcess(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) id: ExecId,
    pub(crate) terms: Terms,
    pub(crate) shared: Arc<Shared>,
    life: Mutex<Life>,
    pub(crate) exit: watch::Sender<Option<ExitInfo>>,
    pub(crate) input: Input,
    pub(crate) stdout: Arc<Output>,
    pub(crate) stderr: Arc<Output>,
}

struct Life {
    stage: Stage,
    /// Who asked for the end, if somebody did.
    asked: Option<Asked>,
    /// Nothing more can be asked of it.
    closed: bool,
}

enum Stage {
    Created(Box<Launch>),
    Starting,
    Running(Arc<Tree>, Handle),
    /// It never ran, and never will.
    Never,
}

impl NativeProcess {
    pub(crate) fn new(id: ExecId, launch: Launch, terms: Terms, shared: Arc<Shared>) -> Self {
        let keep = Keep { tail: shared.config().tail, unread: shared.config().max_unread };
        Self(Arc::new(Inner {
            id,
            terms,
            shared,
            life: Mutex::new(Life { stage: Stage::Created(Box::new(launch)), asked: None, closed: false }),
            exit: watch::Sender::new(None),
            input: Input::new(),
            stdout: Output::new(keep),
            stderr: Output::new(keep),
        }))
    }
}

impl Drop for NativeProcess {
    fn drop(&mut self) {
        let nobody_closed = !self.0.life().closed;
        if nobody_closed {
            self.0.stop(Asked::Force);
        }
        // What still runs is read to its end, so that it does not fail while it obeys.
        if self.0.exit.borrow().is_some() {
            for output in [&self.0.stdout, &self.0.stderr].into_iter().filter(|output| !output.is_taken()) {
                output.close();
            }
        }
    }
}

#[async_trait]
impl Process for NativeProcess {
    fn id(&self) -> ExecId {
        self.0.id
    }

    fn os_pid(&self) -> Option<u32> {
        let life = self.0.life();
        match &life.stage {
            Stage::Running(tree, _) if self.0.exit.borrow().is_none() => Some(tree.leader()),
            _ => None,
        }
    }

    fn state(&self) -> ExecState {
        let life = self.0.life();
        let ended = self.0.exit.borrow().is_some();
        match &life.stage {
            _ if life.closed => ExecState::Closed,
            Stage::Created(_) => ExecState::Created,
            Stage::Starting => ExecState::Running,
            Stage::Running(..) if !ended => ExecState::Running,
            Stage::Running(..) => ExecState::Exited,
            Stage::Never => ExecState::Closed,
        }
    }

    async fn start(&self) -> Result<(), ExecError> {
        let handle = current_runtime()?;
        let inner = self.0.clone();
        let launch = {
            let mut life = inner.life();
            if life.closed {
                return Err(ExecError::Closed);
            }
            match std::mem::replace(&mut life.stage, Stage::Starting) {
                Stage::Created(launch) => launch,
                other => {
                    let never = matches!(other, Stage::Never);
                    life.stage = other;
                    return Err(if never { ExecError::Closed } else { ExecError::AlreadyStarted });
                }
            }
        };
        // What happens from here on needs no future that is polled.
        let started = match inner.begin(*launch, handle) {
            Ok(started) => started.await.and_then(|started| started),
            Err(error) => Err(error),
        };
        if started.is_err() {
            inner.never();
        }
        started
    }

    fn signal(&self, signal: OsSignal) -> Result<(), ExecError> {
        let tree = {
            let life = self.0.life();
            match &life.stage {
                Stage::Running(tree, _) => tree.clone(),
                _ if life.closed => return Err(ExecError::Closed),
                Stage::Created(_) | Stage::Starting => return Err(ExecError::NotStarted),
                Stage::Never => return Err(ExecError::Closed),
            }
        };
        if self.0.exit.borrow().is_some() {
            return Err(ExecError::AlreadyFinished);
        }
        tree.deliver(signal)
    }

    async fn write_stdin(&self, data: Vec<u8>) -> Result<(), ExecError> {
        if data.is_empty() {
            return self.close_stdin().await;
        }
        self.0.accepts_input()?;
        self.0.input.write(&data).await?;
        if self.0.terms.stdin_eof == StdinEof::AfterFirstWrite {
            self.0.input.close().await;
        }
        Ok(())
    }

    async fn close_stdin(&self) -> Result<(), ExecError> {
        match self.0.accepts_input() {
            Ok(()) => self.0.input.close().await,
            Err(ExecError::StdinClosed) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn stdin_pending(&self) -> Option<usize> {
        self.0.input.progress().and_then(|(_, pending)| pending)
    }

    async fn stdin_idle(&self, quiet: Duration) -> Result<(), ExecError> {
        self.0.accepts_input()?;
        self.0.stdin_idle(quiet).await
    }

    fn stdout(&self) -> Result<Arc<dyn ByteStream>, ExecError> {
        self.0.output(&self.0.stdout)
    }

    fn stderr(&self) -> Result<Arc<dyn ByteStream>, ExecError> {
        self.0.output(&self.0.stderr)
    }

    async fn wait(&self) -> Result<ExitInfo, ExecError> {
        {
            let life = self.0.life();
            match &life.stage {
                Stage::Running(..) => {}
                Stage::Never => return Err(ExecError::Closed),
                Stage::Created(_) if life.closed => return Err(ExecError::Closed),
                Stage::Created(_) | Stage::Starting => return Err(ExecError::NotStarted),
            }
        }
        let mut exit = self.0.exit.subscribe();
        both(async { drop(exit.wait_for(Option::is_some).await) }, self.0.drain()).await;
        self.0.life().closed = true;
        let exit = self.0.exit.borrow().clone();
        exit.ok_or(ExecError::Closed)
    }

    fn close(&self, stop: Stop) {
        match stop {
            Stop::Graceful => self.0.stop(Asked::Graceful(self.0.terms.stop_grace)),
            Stop::Force => self.0.stop(Asked::Force),
        }
    }

    async fn swept(&self) -> u32 {
        self.0.gone().await
    }
}

impl Inner {
    /// Has it launched, and handed to a task that sees to its end.
    fn begin(
        self: &Arc<Self>,
        mut launch: Launch,
        handle: Handle,
    ) -> Result<impl Future<Output = Result<Result<(), ExecError>, ExecError>> + Send + 'static, ExecError> {
        let exhausted =
            |source: io::Error| ExecError::Exhausted { operation: "open the streams", source: source.into() };
        undertaker::ready()?;
        let stdin = match self.terms.stdin {
            StdinMode::Null => None,
            StdinMode::Piped => {
                let (theirs, ours) = input_pipe().map_err(exhausted)?;
                launch.stdio[0] = Some(theirs);
                Some(ours)
            }
        };
        let (stdout, theirs) = output_pipe().map_err(exhausted)?;
        launch.stdio[1] = Some(theirs);
        let (stderr, theirs) = output_pipe().map_err(exhausted)?;
        launch.stdio[2] = Some(theirs);
        if let Some(stdin) = stdin {
            self.input.attach(stdin).map_err(exhausted)?;
        }
        self.stdout.attach(stdout);
        self.stderr.attach(stderr);
        let cgroup = match (self.terms.containment, &self.shared.config().cgroup) {
            (Containment::Cgroup, Some(parent)) => Some(Cgroup::create(parent, &self.id.to_string())?),
            _ => None,
        };
        launch.options.cgroup = cgroup.as_ref().map(Cgroup::procs);

        self.shared.enter(self.id, Arc::downgrade(self))?;
        let entered = Entered { inner: self.clone(), started: false };
        let level = self.terms.containment;
        launch_then(launch, move |launched| {
            // All of it, not only what is used of it here: its drop belongs to this place.
            let mut entered = entered;
            let inner = entered.inner.clone();
            match launched {
                Ok(launched) => {
                    let at = launched.started_at();
                    let tree =
                        Tree::new(launched, inner.id.to_string().into_bytes(), level, cgroup, Conduct::default());
                    entered.started = true;
                    inner.run(tree, at, handle);
                    Ok(())
                }
                Err(error) => {
                    // Even if nobody waits for it any more.
                    inner.never();
                    Err(error)
                }
            }
        })
    }

    fn run(self: &Arc<Self>, tree: Arc<Tree>, at: (Instant, SystemTime), handle: Handle) {
        // Should the runtime be gone, its drop sees to the process.
        let driver = Driver::new(self.clone(), tree.clone(), at);
        let asked = {
            let mut life = self.life();
            life.stage = Stage::Running(tree, handle.clone());
            life.asked
        };
        handle.spawn(driver.drive());
        if let StdinEof::Idle(quiet) = self.terms.stdin_eof {
            let inner = Arc::downgrade(self);
            handle.spawn(async move {
                let Some(inner) = inner.upgrade() else { return };
                if inner.stdin_idle(quiet).await.is_ok() {
                    inner.input.close().await;
                }
            });
        }
        // Somebody closed it while it was being started.
        if let Some(asked) = asked {
            self.enforce(asked);
        }
    }

    /// It could not be started, or was closed before.
    fn never(&self) {
        let mut life = self.life();
        if !matches!(life.stage, Stage::Running(..)) {
            life.stage = Stage::Never;
            drop(life);
            self.input.end();
            self.stdout.end();
            self.stderr.end();
        }
    }

    pub(crate) fn stop_within(&self, grace: Duration) {
        self.stop(Asked::Graceful(grace));
    }

    pub(crate) fn stop(&self, asked: Asked) {
        let mut life = self.life();
        life.closed |= asked != Asked::Timeout;
        life.asked = Some(asked.after(life.asked));
        match &life.stage {
            Stage::Created(_) => {
                drop(life);
                self.never();
            }
            Stage::Running(..) => {
                drop(life);
                self.enforce(asked);
            }
            Stage::Starting | Stage::Never => {}
        }
    }

    /// Does what was asked of a process that runs.
    fn enforce(&self, asked: Asked) {
        let (tree, handle) = match &self.life().stage {
            Stage::Running(tree, handle) => (tree.clone(), handle.clone()),
            _ => return,
        };
        // Whatever is left of one that has ended is swept already, or was to be left alone.
        if self.exit.borrow().is_none() {
            let grace = match asked {
                Asked::Graceful(grace) => grace,
                Asked::Timeout => self.terms.stop_grace,
                Asked::Force => Duration::ZERO,
            };
            if asked != Asked::Force {
                tree.ask(libc::SIGTERM);
            }
            tree.end_by(Some(Instant::now() + grace.min(FAR)));
        }
        if self.life().closed {
            self.input.end();
            let (stdout, stderr) = (self.stdout.clone(), self.stderr.clone());
            handle.spawn(async move { both(stdout.drain(), stderr.drain()).await });
        }
    }

    pub(crate) async fn gone(&self) -> u32 {
        let tree = match &self.life().stage {
            Stage::Running(tree, _) => tree.clone(),
            _ => return 0,
        };
        // Its end is known to all before anybody is told that nothing is left.
        drop(self.exit.subscribe().wait_for(Option::is_some).await);
        u32::try_from(tree.swept().await.ended.len()).unwrap_or(u32::MAX)
    }

    async fn drain(&self) {
        both(self.stdout.drain(), self.stderr.drain()).await;
    }

    fn output(&self, output: &Arc<Output>) -> Result<Arc<dyn ByteStream>, ExecError> {
        let life = self.life();
        if life.closed || matches!(life.stage, Stage::Never) {
            return Err(ExecError::Closed);
        }
        output.take();
        Ok(output.clone())
    }

    fn accepts_input(&self) -> Result<(), ExecError> {
        let life = self.life();
        match &life.stage {
            _ if self.terms.stdin == StdinMode::Null => Err(ExecError::StdinClosed),
            Stage::Running(..) if !life.closed && self.input.progress().is_some() => Ok(()),
            Stage::Running(..) => Err(ExecError::StdinClosed),
            Stage::Created(_) | Stage::Starting if !life.closed => Err(ExecError::NotStarted),
            Stage::Created(_) | Stage::Starting | Stage::Never => Err(ExecError::Closed),
        }
    }

    async fn stdin_idle(&self, quiet: Duration) -> Result<(), ExecError> {
        let step = (quiet / 8).clamp(Duration::from_millis(2), Duration::from_millis(50));
        let (mut before, mut since) = (None, tokio::time::Instant::now());
        loop {
            let Some((written, pending)) = self.input.progress() else { return Err(ExecError::StdinClosed) };
            let now = Some((written, pending, self.stdout.seen(), self.stderr.seen()));
            if now != before || written == 0 || pending.is_some_and(|pending| pending > 0) {
                (before, since) = (now, tokio::time::Instant::now());
            } else if since.elapsed() >= quiet {
                return Ok(());
            }
            tokio::time::sleep(step).await;
        }
    }

    /// Who asked for the end, if somebody did.
    pub(crate) fn asked(&self) -> Option<Asked> {
        self.life().asked
    }

    fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among the processes of the executor, which is given back if there is no process in the end.
struct Entered {
    inner: Arc<Inner>,
    started: bool,
}

impl Drop for Entered {
    fn drop(&mut self) {
        if !self.started {
            self.inner.shared.ended(self.inner.id, None);
        }
    }
}
