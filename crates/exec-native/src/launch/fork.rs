//! The moment between two programs: everything here that is `unsafe`, and everything that runs in the new process.
//!
//! The new process shares the memory of the runtime until it executes its program, and only the thread that made it is
//! held up meanwhile. That costs the same however much memory the runtime has, which a copy of its page tables does
//! not. In return the code of the new process calls nothing but the system: it allocates nothing, takes no lock, and
//! uses raw calls wherever the C library would involve other threads (users and groups).
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int, c_long, c_void};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Instant, SystemTime};

use perilune_exec_api::ExecError;
use rustix::process::{WaitId, WaitIdOptions};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::tree::Watched;

use super::Launched;
use super::plan::{Failed, Plan, Stage};

/// Makes processes. Belongs to one thread, on which all signals are blocked.
pub(super) struct Forker {
    /// What the new process uses until it has a stack of its own.
    stack: Box<[u128]>,
}

/// What the new process reads, and where it says what failed.
struct Shared<'a> {
    plan: &'a Plan,
    argv: Vec<*const c_char>,
    env: Vec<*const c_char>,
    stdio: Option<[RawFd; 3]>,
    runtime: libc::pid_t,
    stage: AtomicI32,
    errno: AtomicI32,
}

// SAFETY: the pointers lead into `plan`, which nobody changes.
unsafe impl Send for Shared<'_> {}
// SAFETY: as above.
unsafe impl Sync for Shared<'_> {}

impl<'a> Shared<'a> {
    fn new(plan: &'a Plan, stdio: Option<[RawFd; 3]>) -> Self {
        Self {
            plan,
            argv: pointers(&plan.argv),
            env: pointers(&plan.env),
            stdio,
            // SAFETY: cannot fail and touches no memory.
            runtime: unsafe { libc::getpid() },
            stage: AtomicI32::new(0),
            errno: AtomicI32::new(0),
        }
    }

    fn failed(&self) -> Option<Failed> {
        let stage = Stage::from_number(self.stage.load(Ordering::Relaxed))?;
        Some(Failed { stage, errno: self.errno.load(Ordering::Relaxed) })
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
        Self { stack: vec![0; 256 * 1024 / size_of::<u128>()].into_boxed_slice() }
    }

    /// Returns when the new process runs its program, or has failed to and is gone.
    pub(super) fn start(&mut self, plan: &Plan) -> Result<Launched, Failed> {
        let [stdin, stdout, stderr] = &plan.stdio;
        let shared = Shared::new(plan, Some([stdin.as_raw_fd(), stdout.as_raw_fd(), stderr.as_raw_fd()]));
        let mut pidfd: c_int = -1;
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | libc::SIGCHLD;
        let (at, wall) = (Instant::now(), SystemTime::now());
        let top = self.stack.as_mut_ptr_range().end;
        // SAFETY: the stack is big enough for `child`, aligned, and used by nobody else: with CLONE_VFORK this thread
        // goes on only when the new process has left this memory. `shared` and `pidfd` outlive it for the same reason.
        let os_pid =
            unsafe { libc::clone(child, top.cast(), flags, (&raw const shared).cast_mut().cast(), &raw mut pidfd) };
        if os_pid < 0 {
            return Err(Failed { stage: Stage::Fork, errno: errno() });
        }
        // SAFETY: the system has just opened it for us.
        let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
        match shared.failed() {
            None => {
                let is_tied = plan.die_with_runtime;
                Ok(Launched { os_pid: os_pid.unsigned_abs(), pidfd, at, wall, is_tied })
            }
            Some(failed) => {
                let reap = || rustix::process::waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED);
                while matches!(reap(), Err(rustix::io::Errno::INTR)) {}
                Err(failed)
            }
        }
    }

    /// Likewise through Tokio, whose handle nobody else can make.
    pub(super) fn start_tokio(&mut self, plan: Plan) -> Result<tokio::process::Child, ExecError> {
        use std::process::Stdio;

        let plan = std::sync::Arc::new(plan);
        let mut command = std::process::Command::new("unused");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let (keep, stage_bits) = (plan.clone(), 16);
        let shared = Shared::new(&plan, None);
        // The closure has to own what it points to.
        let (argv, env, runtime) = (Pointers(shared.argv), Pointers(shared.env), shared.runtime);
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

/// Where the new process begins.
extern "C" fn child(shared: *mut c_void) -> c_int {
    // SAFETY: `start` passes a `Shared` that outlives this.
    let shared = unsafe { &*shared.cast::<Shared<'_>>() };
    let failed = run(shared.plan, &shared.argv, &shared.env, shared.stdio, shared.runtime);
    shared.errno.store(failed.errno, Ordering::Relaxed);
    shared.stage.store(failed.stage as i32, Ordering::Relaxed);
    // SAFETY: ends the process without running anything of the runtime's.
    unsafe { libc::_exit(127) }
}

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
    default_signals();
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

fn default_signals() {
    for signal in 1..=64 {
        // SAFETY: a zeroed action is the default one, and smaller than this. Signals that must not be changed are
        // refused without harm. The C library would also refuse those it keeps for itself, ignored or not.
        unsafe {
            let action = [0_u64; 8];
            libc::syscall(libc::SYS_rt_sigaction, signal, action.as_ptr(), ptr::null_mut::<u64>(), 8);
        }
    }
}

fn prepare(plan: &Plan, stdio: Option<[RawFd; 3]>, runtime: libc::pid_t) -> Result<(), Failed> {
    // SAFETY: raw calls with numbers, and with pointers into `plan` that are valid for their lengths. Users and groups go
    // past the C library, which would change those of all threads of the runtime.
    unsafe {
        if let Some(cgroup) = &plan.cgroup {
            check(Stage::Cgroup, libc::write(cgroup.as_raw_fd(), c"0".as_ptr().cast(), 1) as c_long)?;
        }
        check(Stage::Session, c_long::from(libc::setsid()))?;
        for (resource, value) in &plan.limits {
            let limit = libc::rlimit64 { rlim_cur: *value, rlim_max: *value };
            check(Stage::Limits, syscall_prlimit(*resource, &limit))?;
        }
        if let Some(nice) = plan.nice {
            check(Stage::Nice, libc::syscall(libc::SYS_setpriority, libc::PRIO_PROCESS, 0, nice))?;
        }
        if let Some(score) = &plan.oom_score_adj {
            write_score(score)?;
        }
        if let Some(mask) = plan.umask {
            libc::umask(mask as libc::mode_t);
        }
        if let Some(groups) = &plan.groups {
            check(Stage::Identity, libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()))?;
        }
        if let Some(gid) = plan.gid {
            check(Stage::Identity, libc::syscall(libc::SYS_setresgid, gid, gid, gid))?;
        }
        if let Some(uid) = plan.uid {
            check(Stage::Identity, libc::syscall(libc::SYS_setresuid, uid, uid, uid))?;
        }
        if plan.no_new_privs {
            check(Stage::NoNewPrivs, c_long::from(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)))?;
        }
        // After the change of user, which would undo it.
        if plan.die_with_runtime {
            check(Stage::DieWithRuntime, c_long::from(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL)))?;
            if libc::getppid() != runtime {
                libc::_exit(127);
            }
        }
        if let Some(dir) = &plan.work_dir {
            check(Stage::WorkDir, c_long::from(libc::chdir(dir.as_ptr())))?;
        }
        if let Some(stdio) = stdio {
            for (target, source) in (0..).zip(stdio) {
                check(Stage::Descriptors, c_long::from(libc::dup2(source, target)))?;
            }
        }
    }
    descriptors(&plan.extra)
}

/// Marks all but those given as closed by the execution. Closing them now would also close what an error goes through.
fn descriptors(extra: &[(RawFd, RawFd)]) -> Result<(), Failed> {
    // SAFETY: numbers only.
    unsafe {
        let whole = libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC);
        if whole < 0 {
            // Systems before 5.11. What is open lies below the limit, or was opened before the limit was lowered.
            let mut limit: libc::rlimit64 = std::mem::zeroed();
            libc::getrlimit64(libc::RLIMIT_NOFILE, &mut limit);
            for fd in 3..limit.rlim_cur.min(1 << 20) as RawFd {
                libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC);
            }
        }
        for (source, target) in extra {
            check(Stage::Descriptors, c_long::from(libc::dup2(*source, *target)))?;
        }
    }
    Ok(())
}

/// SAFETY: `limit` must be valid, which a reference is; the call changes this process only.
unsafe fn syscall_prlimit(resource: i64, limit: &libc::rlimit64) -> c_long {
    // SAFETY: as the caller promises.
    unsafe { libc::syscall(libc::SYS_prlimit64, 0, resource, limit, ptr::null_mut::<libc::rlimit64>()) }
}

fn write_score(score: &CStr) -> Result<(), Failed> {
    // SAFETY: the texts are valid, and the descriptor is ours.
    unsafe {
        let fd = libc::open(c"/proc/self/oom_score_adj".as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        check(Stage::OomScore, c_long::from(fd))?;
        let written = libc::write(fd, score.as_ptr().cast(), score.count_bytes());
        let checked = check(Stage::OomScore, written as c_long);
        libc::close(fd);
        checked
    }
}

fn check(stage: Stage, result: c_long) -> Result<(), Failed> {
    if result < 0 { Err(Failed { stage, errno: errno() }) } else { Ok(()) }
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

fn errno() -> i32 {
    // SAFETY: always points to the number of this thread; the new process shares that of the thread that waits for it.
    unsafe { *libc::__errno_location() }
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
    if unsafe { libc::kill(-group, signal) } < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Sends a signal to the process that the descriptor stands for, and never to another that has its number.
pub(crate) fn signal_pidfd(pidfd: BorrowedFd<'_>, signal: i32) -> io::Result<()> {
    let info = ptr::null_mut::<libc::siginfo_t>();
    // SAFETY: the descriptor is open, and no further information is passed.
    let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, info, 0) };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
