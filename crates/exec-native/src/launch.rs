//! The one way to start a process.

mod fork;
mod plan;
mod thread;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use perilune_exec_api::{EnvMode, ExecError, Identity, Limits};

pub(crate) use fork::{register, register_shared, register_tree, signal_group, signal_one, stay};

use plan::Plan;

use crate::handle::Leader;
use crate::notify::NOTIFY_SOCKET;

/// What [`launch`] starts. The process gets this environment and nothing else.
#[derive(Debug)]
#[non_exhaustive]
pub struct Launch {
    /// A path, or a name to look for on the `PATH` of `env`; also what the program sees as its own name.
    pub program: OsString,
    /// Without the program itself.
    pub args: Vec<OsString>,
    /// Where it runs; relative paths, that of the program too, start there.
    pub work_dir: Option<PathBuf>,
    /// Its whole environment.
    pub env: BTreeMap<OsString, OsString>,
    /// Descriptors 0, 1 and 2. Without one it is `/dev/null`.
    pub stdio: [Option<OwnedFd>; 3],
    /// Everything else.
    pub options: LaunchOptions,
}

impl Launch {
    /// A launch of a program without arguments, environment or streams.
    pub fn new(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            work_dir: None,
            env: BTreeMap::new(),
            stdio: [None, None, None],
            options: LaunchOptions::default(),
        }
    }
}

/// What a process is given beyond program, environment and streams. A refusal is a failure to launch.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LaunchOptions {
    /// As whom it runs: groups first, then group, then user.
    pub identity: Identity,
    /// What it may use at most, soft and hard.
    pub limits: Limits,
    /// Its mask for new files.
    pub umask: Option<u32>,
    /// Its priority, from -20 to 19.
    pub nice: Option<i32>,
    /// How readily the system ends it when memory is short, from -1000 to 1000. Linux only.
    pub oom_score_adj: Option<i32>,
    /// Whether it can never gain privileges by executing something. Linux only.
    pub no_new_privs: bool,
    /// Whether it is killed when the runtime dies, however that happens. Where the system does not see to it, the
    /// [guardian](crate::guardian) does if there is one.
    pub die_with_runtime: bool,
    /// Descriptors above 2, and the numbers they get.
    pub extra_fds: Vec<(Arc<OwnedFd>, i32)>,
    /// The `cgroup.procs` file of the control group that it joins before its program starts.
    pub(crate) cgroup: Option<Arc<OwnedFd>>,
}

impl Default for LaunchOptions {
    fn default() -> Self {
        Self {
            identity: Identity::default(),
            limits: Limits::default(),
            umask: None,
            nice: None,
            oom_score_adj: None,
            no_new_privs: false,
            die_with_runtime: true,
            extra_fds: Vec::new(),
            cgroup: None,
        }
    }
}

/// A process that runs its program.
///
/// Whoever holds it has to reap it: dropping this leaves a zombie when the process ends.
#[derive(Debug)]
pub struct Launched {
    os_pid: u32,
    process: Leader,
    at: Instant,
    wall: SystemTime,
    is_tied: bool,
}

impl Launched {
    /// Its number, which is also that of its session and of its group.
    pub fn os_pid(&self) -> u32 {
        self.os_pid
    }

    /// Readable when it has ended. On Linux it is a pidfd: it stands for this process even if its number is used again.
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.process.as_fd()
    }

    /// When its program started.
    pub fn started_at(&self) -> (Instant, SystemTime) {
        (self.at, self.wall)
    }

    /// The system ends it with this program.
    pub(crate) fn is_tied(&self) -> bool {
        self.is_tied
    }

    pub(crate) fn into_process(self) -> Leader {
        self.process
    }
}

/// Starts a process, and returns when its program runs.
///
/// It is the leader of a session of its own, has default signals, an empty mask and no descriptors but those given. The
/// call takes as long as the system needs to load the program; nothing is left behind when it fails.
pub fn launch(launch: Launch) -> Result<Launched, ExecError> {
    let plan = Plan::new(launch)?;
    let (tell, told) = std::sync::mpsc::channel();
    thread::submit(Box::new(move |forker| drop(tell.send(start(forker, plan)))))?;
    told.recv().map_err(|_| thread::gone())?
}

/// [`launch`] without blocking. `then` is called with the result, on the thread that all processes are started from; the
/// future that may wait for that need not be there any more.
pub(crate) fn launch_then<T: Send + 'static>(
    launch: Launch,
    then: impl FnOnce(Result<Launched, ExecError>) -> T + Send + 'static,
) -> Result<impl Future<Output = Result<T, ExecError>> + Send + 'static, ExecError> {
    let plan = Plan::new(launch)?;
    let (tell, told) = tokio::sync::oneshot::channel();
    thread::submit(Box::new(move |forker| drop(tell.send(then(start(forker, plan))))))?;
    Ok(async move { told.await.map_err(|_| thread::gone()) })
}

/// Whoever is told of the result finds the process the only one with its descriptors.
fn start(forker: &mut fork::Forker, plan: Plan) -> Result<Launched, ExecError> {
    forker.start(&plan).map_err(|failed| plan.explain(failed))
}

/// Starts a process under the same rules, and gives it out as Tokio's own type: without input, both outputs piped and
/// not read by anybody. Streams of `launch` are ignored.
///
/// Nothing kills it when the handle is dropped. Needs a Tokio runtime around the call.
pub fn launch_tokio(launch: Launch) -> Result<tokio::process::Child, ExecError> {
    let handle = current_runtime()?;
    if !launch.options.extra_fds.is_empty() {
        return Err(ExecError::Unsupported { operation: "handing over descriptors through Tokio" });
    }
    let plan = Plan::new(Launch { stdio: [None, None, None], ..launch })?;
    let (tell, told) = std::sync::mpsc::channel();
    thread::submit(Box::new(move |forker| {
        let _inside = handle.enter();
        drop(tell.send(forker.start_tokio(plan)));
    }))?;
    told.recv().map_err(|_| thread::gone())?
}

/// The Tokio runtime around the caller.
pub(crate) fn current_runtime() -> Result<tokio::runtime::Handle, ExecError> {
    tokio::runtime::Handle::try_current()
        .map_err(|source| ExecError::Backend { operation: "find a Tokio runtime", source: source.into() })
}

/// The environment of a process: `mode` decides what is below `variables`. Without any `PATH` it gets a plain one.
///
/// `NOTIFY_SOCKET` is not inherited unless it is asked for by its name: it is this program that is waited for there.
pub fn environment<K: Into<OsString>, V: Into<OsString>>(
    mode: &EnvMode,
    variables: impl IntoIterator<Item = (K, V)>,
) -> BTreeMap<OsString, OsString> {
    let mut env: BTreeMap<OsString, OsString> = match mode {
        EnvMode::Clean => BTreeMap::new(),
        EnvMode::Inherit => std::env::vars_os().filter(|(name, _)| name != NOTIFY_SOCKET).collect(),
        EnvMode::Allow(names) => names.iter().filter_map(|name| Some((name.into(), std::env::var_os(name)?))).collect(),
    };
    env.extend(variables.into_iter().map(|(name, value)| (name.into(), value.into())));
    env.entry("PATH".into()).or_insert_with(|| DEFAULT_PATH.into());
    env
}

/// Where programs are looked for when nobody says where.
pub(crate) const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";
