//! The moment between two programs: what is `unsafe` there, and everything that runs in the new process.
//!
//! The code of the new process calls nothing but the system: it allocates nothing and takes no lock. On Linux it shares the
//! memory of the runtime until it executes its program ([`way`]), so it uses raw calls wherever the C library would involve
//! other threads (users and groups).
#![allow(unsafe_code)]

#[cfg_attr(target_os = "linux", path = "fork/linux.rs")]
#[cfg_attr(target_os = "macos", path = "fork/macos.rs")]
mod system;
#[cfg_attr(all(target_os = "linux", not(perilune_portable)), path = "fork/shared.rs")]
#[cfg_attr(not(all(target_os = "linux", not(perilune_portable))), path = "fork/copied.rs")]
mod way;

use std::ffi::{CString, c_char, c_long};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::ptr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use perilune_exec_api::ExecError;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::tree::Watched;

use super::Launched;
use super::plan::{Failed, Plan, Stage};

use system::errno;

pub(crate) use way::signal_one;

/// Makes processes. Belongs to one thread, on which all signals are blocked.
pub(super) struct Forker(way::Maker);

/// What the new process reads.
struct Start<'a> {
    plan: &'a Plan,
    argv: Vec<*const c_char>,
    env: Vec<*const c_char>,
    stdio: Option<[RawFd; 3]>,
    runtime: libc::pid_t,
}

impl<'a> Start<'a> {
    fn new(plan: &'a Plan, stdio: Option<[RawFd; 3]>) -> Self {
        Self {
            plan,
            argv: pointers(&plan.argv),
            env: pointers(&plan.env),
            stdio,
            // SAFETY: cannot fail and touches no memory.
            runtime: unsafe { libc::getpid() },
        }
    }

    /// In the new process.
    fn run(&self) -> Failed {
        run(self.plan, &self.argv, &self.env, self.stdio, self.runtime)
    }
}

fn pointers(texts: &[CString]) -> Vec<*const c_char> {
    texts.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect()
}

impl Forker {
    pub(super) fn new() -> Self {
        // SAFETY: both sets are valid for the calls. Blocking on this thread only is what is wanted: a handler must not
        // run in a new process that still shares its memory.
        unsafe {
            let mut all = std::mem::zeroed();
            libc::sigfillset(&mut all);
            libc::pthread_sigmask(libc::SIG_SETMASK, &all, ptr::null_mut());
        }
        Self(way::Maker::new())
    }

    /// Returns when the new process runs its program, or has failed to and is gone.
    pub(super) fn start(&mut self, plan: &Plan) -> Result<Launched, Failed> {
        let [stdin, stdout, stderr] = &plan.stdio;
        let start = Start::new(plan, Some([stdin.as_raw_fd(), stdout.as_raw_fd(), stderr.as_raw_fd()]));
        let (at, wall) = (Instant::now(), SystemTime::now());
        let (os_pid, process) = self.0.make(&start)?;
        Ok(Launched { os_pid, process, at, wall, is_tied: plan.die_with_runtime })
    }

    /// Likewise through Tokio, whose handle nobody else can make.
    pub(super) fn start_tokio(&mut self, plan: Plan) -> Result<tokio::process::Child, ExecError> {
        use std::process::Stdio;

        let plan = std::sync::Arc::new(plan);
        let mut command = std::process::Command::new("unused");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let (keep, stage_bits) = (plan.clone(), 16);
        let start = Start::new(&plan, None);
        // The closure has to own what it points to.
        let (argv, env, runtime) = (Pointers(start.argv), Pointers(start.env), start.runtime);
        let closure = move || {
            let (argv, env): (&Pointers, &Pointers) = (&argv, &env);
            let failed = run(&keep, &argv.0, &env.0, None, runtime);
            Err(io::Error::from_raw_os_error((failed.stage as i32) << stage_bits | failed.errno))
        };
        // SAFETY: `run` is made for this moment. Making an error of a number allocates nothing.
        unsafe { command.pre_exec(closure) };
        let mut command = tokio::process::Command::from(command);
        command.kill_on_drop(false);
        command.spawn().map_err(|error| {
            let number = error.raw_os_error().unwrap_or_default();
            let stage = Stage::from_number(number >> stage_bits).unwrap_or(Stage::Fork);
            plan.explain(Failed { stage, errno: number & 0xffff })
        })
    }
}

struct Pointers(Vec<*const c_char>);

// SAFETY: they lead into a plan that their owner keeps and nobody changes.
unsafe impl Send for Pointers {}
// SAFETY: as above.
unsafe impl Sync for Pointers {}

/// Turns the new process into the program. Returns only to say what failed.
///
/// Here and below: calls to the system only, and no allocation, lock or panic.
fn run(
    plan: &Plan,
    argv: &[*const c_char],
    env: &[*const c_char],
    stdio: Option<[RawFd; 3]>,
    runtime: libc::pid_t,
) -> Failed {
    // Still blocked: nothing of the runtime's may run here. They are let through when they have lost their handlers.
    system::default_signals();
    if let Err(failed) = prepare(plan, stdio, runtime) {
        return failed;
    }
    // SAFETY: the set is valid, and every pending signal now has its default meaning.
    unsafe {
        let mut none = std::mem::zeroed();
        libc::sigemptyset(&mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &none, ptr::null_mut());
    }
    exec(&plan.paths, argv.as_ptr(), env.as_ptr())
}

fn prepare(plan: &Plan, stdio: Option<[RawFd; 3]>, runtime: libc::pid_t) -> Result<(), Failed> {
    // SAFETY: calls with numbers, and with pointers into `plan` that are valid for their lengths.
    unsafe {
        if let Some(cgroup) = &plan.cgroup {
            check(Stage::Cgroup, libc::write(cgroup.as_raw_fd(), c"0".as_ptr().cast(), 1) as c_long)?;
        }
        check(Stage::Session, libc::setsid())?;
        for (resource, value) in &plan.limits {
            check(Stage::Limits, system::set_limit(*resource, *value))?;
        }
        if let Some(nice) = plan.nice {
            check(Stage::Nice, libc::setpriority(libc::PRIO_PROCESS, 0, nice))?;
        }
        if let Some(score) = &plan.oom_score_adj {
            system::set_oom_score(score)?;
        }
        if let Some(mask) = plan.umask {
            libc::umask(mask as libc::mode_t);
        }
        if let Some(groups) = &plan.groups {
            check(Stage::Identity, system::set_groups(groups))?;
        }
        if let Some(gid) = plan.gid {
            check(Stage::Identity, system::set_gid(gid))?;
        }
        if let Some(uid) = plan.uid {
            check(Stage::Identity, system::set_uid(uid))?;
        }
        if plan.no_new_privs {
            system::give_up_privileges()?;
        }
        // After the change of user, which would undo it.
        if plan.die_with_runtime {
            system::tie_to(runtime)?;
        }
        if let Some(dir) = &plan.work_dir {
            check(Stage::WorkDir, libc::chdir(dir.as_ptr()))?;
        }
        if let Some(stdio) = stdio {
            for (target, source) in (0..).zip(stdio) {
                check(Stage::Descriptors, libc::dup2(source, target))?;
            }
        }
        // Closing them now would also close what an error goes through.
        system::mark_descriptors();
        for (source, target) in &plan.extra {
            check(Stage::Descriptors, libc::dup2(*source, *target))?;
        }
    }
    Ok(())
}

fn check(stage: Stage, result: impl Into<i64>) -> Result<(), Failed> {
    if result.into() < 0 { Err(Failed { stage, errno: errno() }) } else { Ok(()) }
}

/// Marks those from 3 to `limit` as closed by the execution, one by one.
fn mark_each(limit: RawFd) {
    for fd in 3..limit {
        // SAFETY: numbers only.
        unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
}

/// Tries the paths like the C library does: one that may not be executed is remembered, and the search goes on.
fn exec(paths: &[CString], argv: *const *const c_char, env: *const *const c_char) -> Failed {
    let mut worst = libc::ENOENT;
    for path in paths {
        // SAFETY: texts and lists end as the call wants, and belong to the plan.
        unsafe { libc::execve(path.as_ptr(), argv, env) };
        match errno() {
            libc::ENOENT | libc::ENOTDIR => {}
            libc::EACCES => worst = libc::EACCES,
            other => return Failed { stage: Stage::Exec, errno: other },
        }
    }
    Failed { stage: Stage::Exec, errno: worst }
}

/// Makes sure that this program keeps the ends of its processes; whether it did not before.
pub(super) fn watch_children() -> bool {
    // SAFETY: a zeroed action is the default one, and both are valid for the calls.
    unsafe {
        let mut now: libc::sigaction = std::mem::zeroed();
        libc::sigaction(libc::SIGCHLD, ptr::null(), &mut now);
        let ignored = now.sa_sigaction == libc::SIG_IGN || now.sa_flags & libc::SA_NOCLDWAIT != 0;
        if ignored {
            now.sa_flags &= !libc::SA_NOCLDWAIT;
            if now.sa_sigaction == libc::SIG_IGN {
                now.sa_sigaction = libc::SIG_DFL;
            }
            libc::sigaction(libc::SIGCHLD, &now, ptr::null_mut());
        }
        ignored
    }
}

/// Makes this program go on when somebody asks it to end or to stop, and when nobody reads what it writes.
pub(crate) fn stay() {
    let requests = [
        libc::SIGHUP,
        libc::SIGINT,
        libc::SIGQUIT,
        libc::SIGTERM,
        libc::SIGPIPE,
        libc::SIGALRM,
        libc::SIGUSR1,
        libc::SIGUSR2,
        libc::SIGTSTP,
        libc::SIGTTIN,
        libc::SIGTTOU,
    ];
    for signal in requests {
        // SAFETY: to ignore a signal runs no code of ours.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

/// Registers a descriptor with the reactor of the current Tokio runtime.
pub(crate) fn register(fd: OwnedFd, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: it is open, and nobody can close or replace it while it is owned.
    Ok(unsafe { AsyncFd::register_with_interest(fd, interest) }?)
}

/// Likewise, for as long as it is of use: others own it too.
pub(crate) fn register_shared(fd: Arc<OwnedFd>, interest: Interest) -> io::Result<AsyncFd<Arc<OwnedFd>>> {
    // SAFETY: it is open, and nobody can close or replace it while somebody owns it.
    Ok(unsafe { AsyncFd::register_with_interest(fd, interest) }?)
}

/// Likewise the end of a process.
pub(crate) fn register_tree(tree: Watched) -> io::Result<AsyncFd<Watched>> {
    // SAFETY: a tree keeps its descriptor open until it is dropped, and never replaces it.
    Ok(unsafe { AsyncFd::register_with_interest(tree, Interest::READABLE) }?)
}

/// Sends a signal to a whole group. Whoever calls makes sure that its number is still the group's: its leader has not
/// been reaped.
pub(crate) fn signal_group(leader: u32, signal: i32) -> io::Result<()> {
    let group = i32::try_from(leader).ok().filter(|group| *group > 1);
    let Some(group) = group else { return Err(io::ErrorKind::InvalidInput.into()) };
    // SAFETY: numbers only.
    if unsafe { libc::kill(-group, signal) } == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    // macOS does not permit it either if all of them have ended, but it does if the leader alone is asked about.
    // SAFETY: numbers only.
    if cfg!(target_os = "macos") && error.raw_os_error() == Some(libc::EPERM) && unsafe { libc::kill(group, 0) } == 0 {
        return Err(io::Error::from_raw_os_error(libc::ESRCH));
    }
    Err(error)
}
