//! A supervised process: always read, seen to its end, and ended as a tree.

mod control;
mod finished;
mod options;
mod output;
mod pump;
mod subscription;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use perilune_exec_api::{Containment, ExecError, ExitInfo, OsSignal};
use tokio::sync::watch;

pub use control::ChildControl;
pub use finished::Finished;
pub use options::{CgroupOptions, ChildOptions};
pub use output::{ChildOutput, OutputStream};
pub use pump::OutputSink;
pub use subscription::{OutputChunk, OutputReceiver};

use crate::asked::{Asked, describe};
use crate::launch::{Launch, current_runtime, launch};
use crate::pipe::output_pipe;
use crate::race::{First, race};
use crate::table::MARK;
use crate::tree::{Status, Tree};
use crate::undertaker;
use crate::usage::TreeHandle;

use pump::Pump;

/// A process that is looked after: what it writes is read all the time, what it started ends with it, and it is reaped
/// whatever becomes of this value.
///
/// ```
/// use perilune_exec_native::{Child, ChildOptions, Launch, OutputStream, environment};
/// use perilune_exec_api::EnvMode;
///
/// # let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # tokio.block_on(async {
/// let mut launch = Launch::new("sh");
/// launch.args = vec!["-c".into(), "echo ready; sleep 600 & exit 3".into()];
/// launch.env = environment(&EnvMode::Clean, [("LANG", "C")]);
/// let child = Child::spawn(launch, ChildOptions::new("one of a kind"))?;
///
/// let finished = child.finished().await;
/// assert_eq!(finished.exit.code, Some(3));
/// // Nobody outlives it.
/// assert_eq!(finished.leftovers.len(), 1);
/// assert_eq!(child.output().tail(OutputStream::Stdout), b"ready\n");
/// # Ok::<(), perilune_exec_api::ExecError>(())
/// # }).unwrap();
/// ```
///
/// Dropping it kills the tree, or leaves it to itself if [`ChildOptions::kill_on_drop`] says so. Both work outside of a
/// runtime. When the runtime it was spawned in goes away nobody can read its output any more, and it is killed.
#[derive(Debug)]
pub struct Child {
    inner: Arc<Inner>,
    kill_on_drop: bool,
}

struct Inner {
    tree: Arc<Tree>,
    at: (Instant, SystemTime),
    ended_at: Mutex<Option<Instant>>,
    asked: Mutex<Option<Asked>>,
    output: ChildOutput,
}

impl Child {
    /// Starts a process, and returns when its program runs and its output is being read.
    ///
    /// Output streams and the mark of `launch` are replaced. Blocks for as long as the system needs to load the program,
    /// and needs a Tokio runtime with I/O and time around the call. A failure leaves nothing behind; sinks are dropped.
    pub fn spawn(mut launch_of: Launch, options: ChildOptions) -> Result<Self, ExecError> {
        let runtime = current_runtime()?;
        undertaker::ready()?;
        let exhausted =
            |source: std::io::Error| ExecError::Exhausted { operation: "open the streams", source: source.into() };
        launch_of.env.insert(MARK.into(), (&options.mark).into());

        let output = options.output;
        let (cut, cuts) = watch::channel(false);
        let (stdout, theirs) = output_pipe().map_err(exhausted)?;
        let mut pumps =
            vec![Pump::new(stdout, OutputStream::Stdout, options.stdout, &output, &cuts).map_err(exhausted)?];
        if options.merge_stderr {
            launch_of.stdio[2] = Some(theirs.try_clone().map_err(exhausted)?);
            launch_of.stdio[1] = Some(theirs);
        } else {
            launch_of.stdio[1] = Some(theirs);
            let (stderr, theirs) = output_pipe().map_err(exhausted)?;
            launch_of.stdio[2] = Some(theirs);
            pumps.push(Pump::new(stderr, OutputStream::Stderr, options.stderr, &output, &cuts).map_err(exhausted)?);
        }
        let cgroup = options::join(options.containment, options.cgroup.as_ref(), &options.mark)?;
        launch_of.options.cgroup = cgroup.as_ref().map(crate::cgroup::Cgroup::procs);

        let launched = launch(launch_of)?;
        let at = launched.started_at();
        let conduct = crate::tree::Conduct { scope: options.kill_scope, leftover_grace: options.leftover_grace };
        let tree = Tree::new(launched, options.mark.into_bytes(), options.containment, cgroup, conduct);
        let inner = Arc::new(Inner { tree, at, ended_at: Mutex::new(None), asked: Mutex::new(None), output });
        for pump in pumps {
            runtime.spawn(pump.run());
        }
        let driver = Driver { inner: inner.clone(), swept: false };
        runtime.spawn(driver.drive(options.sweep_on_exit, options.drain_timeout, cut));
        Ok(Self { inner, kill_on_drop: options.kill_on_drop })
    }

    /// Refers to its tree, to ask what that uses.
    pub fn tree(&self) -> TreeHandle {
        TreeHandle::of(&self.inner.tree)
    }

    /// Its number, which is also that of its session and of its group.
    pub fn os_pid(&self) -> u32 {
        self.inner.tree.leader()
    }

    /// When its program started. The second is for display only.
    pub fn started_at(&self) -> (Instant, SystemTime) {
        self.inner.at
    }

    /// How closely what it starts is held, which may be less than was asked for.
    pub fn containment(&self) -> Containment {
        self.inner.tree.level()
    }

    /// Waits until the process has ended; what it started may not have. Any number may wait, and stop waiting.
    pub async fn ended(&self) -> ExitInfo {
        self.inner.tree.ended().await;
        self.inner.exit()
    }

    /// How it ended, if it has.
    pub fn try_ended(&self) -> Option<ExitInfo> {
        self.inner.tree.peek().map(|_| self.inner.exit())
    }

    /// Waits until the process has ended, nothing of it is left, it has been reaped, and what it wrote has been given to
    /// all sinks. Any number may wait, and stop waiting.
    pub async fn finished(&self) -> Finished {
        self.inner.finished().await
    }

    /// Whether somebody here has asked for its end, or forced it, while it ran.
    pub fn was_asked(&self) -> bool {
        lock(&self.inner.asked).is_some()
    }

    /// What reaches the process while others wait for it.
    pub fn control(&self) -> ChildControl {
        ChildControl::new(self.inner.clone())
    }

    /// What it writes.
    pub fn output(&self) -> &ChildOutput {
        &self.inner.output
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Whoever has ended is seen to already.
        if self.kill_on_drop {
            let _ = self.inner.kill();
        }
    }
}

impl Inner {
    fn ask(&self, signal: OsSignal) -> Result<(), ExecError> {
        self.note(Asked::Graceful(Duration::ZERO))?;
        self.tree.ask(signal.number());
        self.tree.end_by(None);
        Ok(())
    }

    fn stop(&self, signal: OsSignal, grace: Duration, force: bool) -> Result<(), ExecError> {
        self.note(Asked::Graceful(grace))?;
        self.tree.ask(signal.number());
        self.tree.end_by(force.then(|| Instant::now() + grace.min(crate::tree::FAR)));
        Ok(())
    }

    fn kill(&self) -> Result<(), ExecError> {
        self.note(Asked::Force)?;
        self.tree.end_by(Some(Instant::now()));
        Ok(())
    }

    fn signal(&self, signal: OsSignal) -> Result<(), ExecError> {
        self.tree.deliver(signal)
    }

    /// Notes who wanted the end. Nobody did of one that has come to it already.
    fn note(&self, new: Asked) -> Result<(), ExecError> {
        let mut asked = lock(&self.asked);
        if self.tree.peek().is_some() {
            return Err(ExecError::AlreadyFinished);
        }
        *asked = Some(new.after(*asked));
        Ok(())
    }

    /// How it ended; only to be asked when it has.
    fn exit(&self) -> ExitInfo {
        let ended_at = *lock(&self.ended_at).get_or_insert_with(Instant::now);
        let status = self.tree.peek().unwrap_or(Status::Lost);
        describe(status, *lock(&self.asked), &self.tree, self.at, ended_at)
    }

    async fn finished(&self) -> Finished {
        self.tree.ended().await;
        let mut exit = self.exit();
        let swept = self.tree.swept_unhurried().await;
        let output_cut = self.output.ended().await;
        exit.oom_killed = swept.oom_killed;
        Finished { exit, leftovers: swept.ended.clone(), left: swept.left.clone(), output_cut }
    }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Process").field("os_pid", &self.tree.leader()).field("at", &self.at.1).finish_non_exhaustive()
    }
}

/// The task that sees one process to its end.
struct Driver {
    inner: Arc<Inner>,
    swept: bool,
}

impl Driver {
    async fn drive(mut self, sweep_on_exit: bool, drain_timeout: Duration, cut: watch::Sender<bool>) {
        self.inner.tree.watch().await;
        if self.inner.exit().reason == perilune_exec_api::EndReason::Lost {
            tracing::error!(os_pid = self.inner.tree.leader(), "somebody else has collected the status of a process");
        }
        self.sweep(sweep_on_exit);
        let inner = self.inner.clone();
        drop(self);
        inner.tree.swept_unhurried().await;
        let late = tokio::time::sleep(drain_timeout);
        if let First::Right(()) = race(inner.output.ended(), late).await {
            cut.send_replace(true);
            inner.output.ended().await;
        }
    }

    fn sweep(&mut self, sweep_on_exit: bool) {
        self.swept = true;
        if sweep_on_exit || lock(&self.inner.asked).is_some() {
            self.inner.tree.sweep(Duration::ZERO);
        } else {
            self.inner.tree.spare();
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // The runtime it ran on has gone. What is left to do needs none.
        if !self.swept && self.inner.kill().is_err() {
            self.sweep(true);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
