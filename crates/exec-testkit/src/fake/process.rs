use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use perilune_exec_api::{
    ByteStream, EndReason, ExecError, ExecId, ExecRequest, ExecState, ExitInfo, OsSignal, Process, StdinEof, StdinMode,
    Stop,
};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Shared;
use super::pipe::Pipe;
use crate::script::{Script, Step};

/// What would be the patience of a real executor.
const GRACE: Duration = Duration::from_secs(5);

/// A script that runs. Its drop is the end of a process that nobody closed.
pub(crate) struct FakeProcess(Arc<Inner>);

pub(crate) struct Inner {
    id: ExecId,
    program: String,
    script: Option<Script>,
    request: ExecRequest,
    shared: Arc<Shared>,
    life: Mutex<Life>,
    exit: watch::Sender<Option<ExitInfo>>,
    /// Signals on their way.
    signals: watch::Sender<Vec<i32>>,
    stdin: Pipe,
    turn: tokio::sync::Mutex<()>,
    stdout: Arc<Pipe>,
    stderr: Arc<Pipe>,
}

#[derive(Default)]
struct Life {
    started: bool,
    never: bool,
    closed: bool,
    taken: [bool; 2],
    ignored: Vec<i32>,
    reason: Option<EndReason>,
    kill_at: Option<Instant>,
    waiting: usize,
}

/// Somebody who waits, counted while it lives.
struct Waiting<'a>(&'a Inner);

impl<'a> Waiting<'a> {
    fn new(inner: &'a Inner) -> Self {
        inner.life().waiting += 1;
        inner.relax();
        Self(inner)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.life().waiting -= 1;
        self.0.relax();
    }
}

impl FakeProcess {
    pub(crate) fn new(
        id: ExecId,
        program: String,
        script: Option<Script>,
        request: ExecRequest,
        shared: Arc<Shared>,
    ) -> Self {
        Self(Arc::new(Inner {
            id,
            program,
            script,
            request,
            shared,
            life: Mutex::default(),
            exit: watch::Sender::new(None),
            signals: watch::Sender::default(),
            stdin: Pipe::default(),
            turn: tokio::sync::Mutex::new(()),
            stdout: Arc::default(),
            stderr: Arc::default(),
        }))
    }

    pub(crate) fn weak(&self) -> Weak<Inner> {
        Arc::downgrade(&self.0)
    }
}

impl Drop for FakeProcess {
    fn drop(&mut self) {
        if !self.0.life().closed {
            self.0.stop(Stop::Force, None);
        }
    }
}

#[async_trait]
impl Process for FakeProcess {
    fn id(&self) -> ExecId {
        self.0.id
    }

    fn os_pid(&self) -> Option<u32> {
        None
    }

    fn state(&self) -> ExecState {
        let life = self.0.life();
        match () {
            () if life.closed || life.never => ExecState::Closed,
            () if !life.started => ExecState::Created,
            () if self.0.exit.borrow().is_some() => ExecState::Exited,
            () => ExecState::Running,
        }
    }

    async fn start(&self) -> Result<(), ExecError> {
        let inner = &self.0;
        {
            let mut life = inner.life();
            if life.closed || life.never {
                return Err(ExecError::Closed);
            }
            if std::mem::replace(&mut life.started, true) {
                return Err(ExecError::AlreadyStarted);
            }
        }
        match inner.check() {
            Ok(script) => {
                tokio::spawn(inner.clone().run(script));
                Ok(())
            }
            Err(error) => {
                inner.life().never = true;
                inner.end_streams();
                Err(error)
            }
        }
    }

    fn signal(&self, signal: OsSignal) -> Result<(), ExecError> {
        self.0.expect_running()?;
        self.0.signals.send_modify(|signals| signals.push(signal.number()));
        Ok(())
    }

    async fn write_stdin(&self, data: Vec<u8>) -> Result<(), ExecError> {
        if data.is_empty() {
            return self.close_stdin().await;
        }
        self.0.accepts_input()?;
        let _turn = self.0.turn.lock().await;
        self.0.stdin.write(&data).await.map_err(|_| ExecError::StdinClosed)?;
        if self.0.request.stdin_eof == Some(StdinEof::AfterFirstWrite) {
            self.0.stdin.end();
        }
        Ok(())
    }

    async fn close_stdin(&self) -> Result<(), ExecError> {
        match self.0.accepts_input() {
            Ok(()) => {
                let _turn = self.0.turn.lock().await;
                self.0.stdin.end();
                Ok(())
            }
            Err(ExecError::StdinClosed) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn stdin_pending(&self) -> Option<usize> {
        self.0.accepts_input().ok().and_then(|()| self.0.stdin.pending())
    }

    async fn stdin_idle(&self, quiet: Duration) -> Result<(), ExecError> {
        self.0.idle(quiet).await
    }

    fn stdout(&self) -> Result<Arc<dyn ByteStream>, ExecError> {
        self.0.take(0, &self.0.stdout)
    }

    fn stderr(&self) -> Result<Arc<dyn ByteStream>, ExecError> {
        self.0.take(1, &self.0.stderr)
    }

    async fn wait(&self) -> Result<ExitInfo, ExecError> {
        {
            let life = self.0.life();
            match () {
                () if life.never || (life.closed && !life.started) => return Err(ExecError::Closed),
                () if !life.started => return Err(ExecError::NotStarted),
                () => {}
            }
        }
        let waiting = Waiting::new(&self.0);
        let exit = self.0.ended().await;
        drop(waiting);
        self.0.life().closed = true;
        exit.ok_or(ExecError::Closed)
    }

    fn close(&self, stop: Stop) {
        self.0.stop(stop, None);
    }

    async fn swept(&self) -> u32 {
        if self.0.ended().await.is_none() {
            return 0;
        }
        self.0.script.as_ref().map_or(0, |script| script.leftovers)
    }
}

impl Inner {
    fn check(&self) -> Result<Script, ExecError> {
        let Some(script) = self.script.clone() else {
            return Err(ExecError::NotFound { program: self.program.clone() });
        };
        if let Some(dir) = self.request.work_dir.as_deref().filter(|dir| !dir.is_dir()) {
            let source = std::io::Error::from(std::io::ErrorKind::NotFound).into();
            return Err(ExecError::InvalidWorkDir { path: dir.to_owned(), source });
        }
        self.shared.enter()?;
        Ok(script)
    }

    async fn run(self: Arc<Self>, script: Script) {
        let (started, started_at) = (Instant::now(), SystemTime::now());
        if let Some(StdinEof::Idle(quiet)) = self.request.stdin_eof {
            let process = Arc::downgrade(&self);
            tokio::spawn(async move {
                let Some(inner) = process.upgrade() else { return };
                if inner.idle(quiet).await.is_ok() {
                    inner.stdin.end();
                }
            });
        }
        let steps = self.steps(script.steps);
        let (code, signal) = match first(self.interrupted(), steps).await {
            Ok(signal) => (None, Some(signal)),
            Err(end) => end,
        };
        let reason = match (self.life().reason, signal) {
            (Some(EndReason::Stopped), Some(9)) => EndReason::StopTimeout,
            (Some(reason), _) => reason,
            (None, None) => EndReason::Exited,
            (None, Some(_)) => EndReason::Signaled,
        };
        let mut info = ExitInfo::new(code, signal, reason);
        (info.started_at, info.duration) = (started_at, started.elapsed());
        info.ended_at = started_at + info.duration;
        self.shared.leave();
        self.end_streams();
        self.exit.send_replace(Some(info));
    }

    /// The signal that ends it.
    async fn interrupted(&self) -> i32 {
        let mut signals = self.signals.subscribe();
        let deadline = self.request.timeout.map(|timeout| Instant::now() + timeout);
        loop {
            let arrived = signals.borrow_and_update().clone();
            if let Some(signal) = arrived.iter().find(|signal| **signal == 9 || !self.life().ignored.contains(signal)) {
                return *signal;
            }
            let kill_at = self.life().kill_at;
            let next = [kill_at, deadline.filter(|_| kill_at.is_none())].into_iter().flatten().min();
            match next {
                None => drop(signals.changed().await),
                Some(at) => match first(async { drop(signals.changed().await) }, tokio::time::sleep_until(at)).await {
                    Ok(()) => {}
                    Err(()) if kill_at.is_some() => return 9,
                    Err(()) => {
                        let grace = self.request.stop_grace.unwrap_or(GRACE);
                        self.ask(EndReason::RunTimeout, Instant::now() + grace);
                    }
                },
            }
        }
    }

    async fn steps(&self, steps: Vec<Step>) -> (Option<i32>, Option<i32>) {
        const PIPE: (Option<i32>, Option<i32>) = (None, Some(13));
        for step in steps {
            let written = match step {
                Step::Print(bytes) => self.stdout.write(&bytes).await,
                Step::PrintErr(bytes) => self.stderr.write(&bytes).await,
                Step::PrintVariable(name) => {
                    let value = self.request.env.get(&name).cloned().unwrap_or_default();
                    self.stdout.write(value.as_bytes()).await
                }
                Step::PrintWorkDir => {
                    let dir = self.request.work_dir.clone().unwrap_or_default();
                    self.stdout.write(format!("{}\n", dir.display()).as_bytes()).await
                }
                Step::Echo => self.echo().await,
                Step::EchoLine => {
                    let line = |bytes: &std::collections::VecDeque<u8>| {
                        bytes.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1)
                    };
                    match self.stdin.take(line).await {
                        Ok(Some(line)) => self.stdout.write(&line).await,
                        _ => Ok(()),
                    }
                }
                Step::Sleep(time) => {
                    tokio::time::sleep(time).await;
                    Ok(())
                }
                Step::Forever => std::future::pending().await,
                Step::Ignore(signal) => {
                    self.life().ignored.push(signal);
                    Ok(())
                }
                Step::Exit(code) => return (Some(code), None),
                Step::Die(signal) => return (None, Some(signal)),
            };
            if written.is_err() {
                return PIPE;
            }
        }
        (Some(0), None)
    }

    async fn echo(&self) -> Result<(), super::pipe::Broken> {
        if self.request.stdin == StdinMode::Null {
            return Ok(());
        }
        while let Ok(Some(bytes)) = self.stdin.take(|bytes| bytes.len()).await {
            self.stdout.write(&bytes).await?;
        }
        Ok(())
    }

    async fn idle(&self, quiet: Duration) -> Result<(), ExecError> {
        let (mut before, mut since) = (None, Instant::now());
        loop {
            self.accepts_input()?;
            let pending = self.stdin.pending().ok_or(ExecError::StdinClosed)?;
            let now = Some((self.stdin.total(), pending, self.stdout.total(), self.stderr.total()));
            if now != before || self.stdin.total() == 0 || pending > 0 {
                (before, since) = (now, Instant::now());
            } else if since.elapsed() >= quiet {
                return Ok(());
            }
            tokio::time::sleep((quiet / 8).max(Duration::from_millis(1))).await;
        }
    }

    pub(crate) fn stop(&self, stop: Stop, grace: Option<Duration>) {
        {
            let mut life = self.life();
            life.closed = true;
            if !life.started {
                life.never = true;
            }
        }
        if self.life().never {
            return self.end_streams();
        }
        if self.exit.borrow().is_none() {
            let grace = grace.or(self.request.stop_grace).unwrap_or(GRACE);
            match stop {
                Stop::Graceful => self.ask(EndReason::Stopped, Instant::now() + grace),
                Stop::Force => {
                    self.life().reason = Some(EndReason::Killed);
                    self.signals.send_modify(|signals| signals.push(9));
                }
            }
        }
        self.stdin.end();
        self.relax();
    }

    /// SIGTERM, and no more patience than that.
    fn ask(&self, reason: EndReason, kill_at: Instant) {
        let mut life = self.life();
        life.reason.get_or_insert(reason);
        life.kill_at = Some(life.kill_at.map_or(kill_at, |before| before.min(kill_at)));
        drop(life);
        self.signals.send_modify(|signals| signals.push(15));
    }

    /// How it ended, when it has; `None` if it never ran.
    pub(crate) async fn ended(&self) -> Option<ExitInfo> {
        {
            let life = self.life();
            if life.never || !life.started {
                return None;
            }
        }
        let mut exit = self.exit.subscribe();
        exit.wait_for(Option::is_some).await.ok().and_then(|exit| exit.clone())
    }

    /// Output holds the process up only while nobody wants its end.
    fn relax(&self) {
        let (taken, relaxed) = {
            let life = self.life();
            (life.taken, life.closed || life.waiting > 0)
        };
        self.stdout.relax(relaxed.then_some(taken[0]));
        self.stderr.relax(relaxed.then_some(taken[1]));
    }

    fn end_streams(&self) {
        self.stdin.end();
        self.stdout.end();
        self.stderr.end();
    }

    fn take(&self, which: usize, pipe: &Arc<Pipe>) -> Result<Arc<dyn ByteStream>, ExecError> {
        let mut life = self.life();
        if life.closed || life.never {
            return Err(ExecError::Closed);
        }
        life.taken[which] = true;
        drop(life);
        self.relax();
        Ok(pipe.clone())
    }

    fn expect_running(&self) -> Result<(), ExecError> {
        let life = self.life();
        match () {
            () if life.never => Err(ExecError::Closed),
            () if !life.started => Err(ExecError::NotStarted),
            () if self.exit.borrow().is_some() => Err(ExecError::AlreadyFinished),
            () => Ok(()),
        }
    }

    fn accepts_input(&self) -> Result<(), ExecError> {
        match self.expect_running() {
            Ok(()) | Err(ExecError::AlreadyFinished) if self.request.stdin == StdinMode::Null => {
                Err(ExecError::StdinClosed)
            }
            Ok(()) if self.stdin.pending().is_none() => Err(ExecError::StdinClosed),
            Err(ExecError::AlreadyFinished) => Err(ExecError::StdinClosed),
            other => other,
        }
    }

    fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for either, and looks at the left one first.
async fn first<A: Future, B: Future>(left: A, right: B) -> Result<A::Output, B::Output> {
    let (mut left, mut right) = (std::pin::pin!(left), std::pin::pin!(right));
    std::future::poll_fn(|cx| match left.as_mut().poll(cx) {
        std::task::Poll::Ready(value) => std::task::Poll::Ready(Ok(value)),
        std::task::Poll::Pending => right.as_mut().poll(cx).map(Err),
    })
    .await
}
