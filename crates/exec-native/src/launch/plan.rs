//! A launch with everything computed and allocated that the new process needs before it has its program.

use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use perilune_exec_api::{ExecError, Limits};
use rustix::fs::{Mode, OFlags};

use super::{DEFAULT_PATH, Launch, LaunchOptions};

/// The steps of a launch that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub(super) enum Stage {
    /// Making the process.
    Fork = 1,
    /// Its control group.
    Cgroup,
    /// Its session.
    Session,
    /// Its limits.
    Limits,
    /// Its priority.
    Nice,
    /// Its memory score.
    OomScore,
    /// Its user and groups.
    Identity,
    /// Its privileges.
    NoNewPrivs,
    /// Its end with the runtime.
    DieWithRuntime,
    /// Its descriptors.
    Descriptors,
    /// Its working directory.
    WorkDir,
    /// Its program.
    Exec,
}

impl Stage {
    const ALL: [Self; 12] = [
        Self::Fork,
        Self::Cgroup,
        Self::Session,
        Self::Limits,
        Self::Nice,
        Self::OomScore,
        Self::Identity,
        Self::NoNewPrivs,
        Self::DieWithRuntime,
        Self::Descriptors,
        Self::WorkDir,
        Self::Exec,
    ];

    pub(super) fn from_number(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| *stage as i32 == number)
    }
}

/// Where a launch failed, and the error number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failed {
    pub(super) stage: Stage,
    pub(super) errno: i32,
}

pub(super) struct Plan {
    /// The paths to try, in order.
    pub(super) paths: Vec<CString>,
    pub(super) argv: Vec<CString>,
    pub(super) env: Vec<CString>,
    pub(super) work_dir: Option<CString>,
    /// Sources of descriptors 0, 1 and 2.
    pub(super) stdio: [OwnedFd; 3],
    /// Sources and numbers of the others, by number.
    pub(super) extra: Vec<(RawFd, RawFd)>,
    pub(super) limits: Vec<(i64, u64)>,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
    pub(super) groups: Option<Vec<u32>>,
    pub(super) umask: Option<u32>,
    pub(super) nice: Option<i32>,
    pub(super) oom_score_adj: Option<CString>,
    pub(super) no_new_privs: bool,
    pub(super) die_with_runtime: bool,
    pub(super) cgroup: Option<Arc<OwnedFd>>,
    program: OsString,
    dir: Option<PathBuf>,
    /// Keeps the sources of `extra` open.
    _extra: Vec<OwnedFd>,
}

impl Plan {
    pub(super) fn new(launch: Launch) -> Result<Self, ExecError> {
        let Launch { program, args, work_dir, env, stdio, options } = launch;
        if program.is_empty() {
            return Err(ExecError::Invalid("command is required".to_owned()));
        }
        let path = env.get(OsStr::new("PATH")).map_or(OsStr::new(DEFAULT_PATH), OsString::as_os_str);
        let paths = candidates(&program, path)?;
        let argv = std::iter::once(&program).chain(&args).map(|word| text(word.as_bytes(), "command"));
        let argv = argv.collect::<Result<_, _>>()?;
        let env = env.iter().map(|(name, value)| variable(name, value)).collect::<Result<_, _>>()?;
        let dir = work_dir.as_ref().map(|dir| text(dir.as_os_str().as_bytes(), "working directory")).transpose()?;

        // Sources lie above all targets, so that no copy in the new process hits one that is still to be copied.
        let above = options.extra_fds.iter().map(|(_, target)| target.saturating_add(1)).max().unwrap_or(3);
        let [stdin, stdout, stderr] = stdio;
        let stdio = [source(stdin, above)?, source(stdout, above)?, source(stderr, above)?];
        let (extra, keep) = extra_fds(&options, above)?;
        let identity = options.identity;
        let changes = identity.uid.is_some() || identity.gid.is_some();
        Ok(Self {
            paths,
            argv,
            env,
            work_dir: dir,
            stdio,
            extra,
            limits: resources(&options.limits),
            uid: identity.uid,
            gid: identity.gid,
            groups: identity.groups.or_else(|| changes.then(Vec::new)),
            umask: options.umask,
            nice: options.nice,
            oom_score_adj: options
                .oom_score_adj
                .map(|score| text(score.to_string().as_bytes(), "score"))
                .transpose()?,
            no_new_privs: options.no_new_privs,
            die_with_runtime: options.die_with_runtime,
            cgroup: options.cgroup,
            program,
            dir: work_dir,
            _extra: keep,
        })
    }

    /// The error that somebody who asked for this launch can do something with.
    pub(super) fn explain(&self, failed: Failed) -> ExecError {
        let source = || io::Error::from_raw_os_error(failed.errno).into();
        let exhausted = |operation| ExecError::Exhausted { operation, source: source() };
        let program = || self.program.to_string_lossy().into_owned();
        match (failed.stage, failed.errno) {
            (_, libc::EMFILE | libc::ENFILE | libc::ENOMEM) => exhausted("start a process"),
            (Stage::Fork | Stage::Exec | Stage::Identity, libc::EAGAIN) => exhausted("start a process"),
            (Stage::WorkDir, _) => {
                ExecError::InvalidWorkDir { path: self.dir.clone().unwrap_or_default(), source: source() }
            }
            // The system says the same of a program that is missing and of one whose interpreter is.
            (Stage::Exec, libc::ENOENT) if self.program_is_there() => {
                ExecError::InterpreterNotFound { program: program() }
            }
            (Stage::Exec, libc::ENOENT | libc::ENOTDIR) => ExecError::NotFound { program: program() },
            (Stage::Exec, libc::ETXTBSY) => ExecError::Busy { program: program() },
            (Stage::Exec, libc::E2BIG) => {
                ExecError::Invalid(format!("arguments and environment of `{}` are too long", program()))
            }
            (Stage::Exec, libc::EACCES | libc::EPERM | libc::ENOEXEC | libc::EISDIR | libc::ELOOP) => {
                ExecError::NotExecutable { program: program(), source: source() }
            }
            (Stage::Exec, _) => ExecError::Backend { operation: "execute the program", source: source() },
            (Stage::Fork, _) => ExecError::Backend { operation: "start a process", source: source() },
            (Stage::Session, _) => ExecError::Backend { operation: "start a session", source: source() },
            (Stage::Descriptors, _) => ExecError::Backend { operation: "hand over descriptors", source: source() },
            (Stage::DieWithRuntime, _) => {
                ExecError::Backend { operation: "tie the process to the runtime", source: source() }
            }
            (Stage::Cgroup, _) => ExecError::Refused { operation: "join the control group", source: source() },
            (Stage::Limits, _) => ExecError::Refused { operation: "set the limits", source: source() },
            (Stage::Nice, _) => ExecError::Refused { operation: "set the priority", source: source() },
            (Stage::OomScore, _) => ExecError::Refused { operation: "set the memory score", source: source() },
            (Stage::Identity, _) => ExecError::Refused { operation: "change user or group", source: source() },
            (Stage::NoNewPrivs, _) => ExecError::Refused { operation: "give up privileges", source: source() },
        }
    }

    fn program_is_there(&self) -> bool {
        let base = self.dir.as_deref().unwrap_or(Path::new(""));
        self.paths.iter().any(|path| base.join(OsStr::from_bytes(path.as_bytes())).exists())
    }
}

fn text(bytes: &[u8], what: &str) -> Result<CString, ExecError> {
    CString::new(bytes).map_err(|_| ExecError::Invalid(format!("{what} contains a NUL byte")))
}

fn candidates(program: &OsStr, path: &OsStr) -> Result<Vec<CString>, ExecError> {
    if program.as_bytes().contains(&b'/') {
        return Ok(vec![text(program.as_bytes(), "command")?]);
    }
    let join = |dir: &[u8]| {
        let mut whole = dir.to_vec();
        if !dir.is_empty() {
            whole.push(b'/');
        }
        whole.extend(program.as_bytes());
        text(&whole, "command")
    };
    path.as_bytes().split(|byte| *byte == b':').map(join).collect()
}

fn variable(name: &OsStr, value: &OsStr) -> Result<CString, ExecError> {
    if name.is_empty() || name.as_bytes().contains(&b'=') {
        let name = name.to_string_lossy();
        return Err(ExecError::Invalid(format!("`{name}` is no name for an environment variable")));
    }
    let mut whole = name.to_owned().into_vec();
    whole.push(b'=');
    whole.extend(value.as_bytes());
    text(&whole, "environment")
}

fn exhausted(source: rustix::io::Errno) -> ExecError {
    ExecError::Exhausted { operation: "open descriptors", source: io::Error::from(source).into() }
}

fn source(given: Option<OwnedFd>, above: RawFd) -> Result<OwnedFd, ExecError> {
    let fd = match given {
        Some(fd) => fd,
        None => rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).map_err(exhausted)?,
    };
    if fd.as_raw_fd() >= above {
        return Ok(fd);
    }
    rustix::io::fcntl_dupfd_cloexec(&fd, above).map_err(exhausted)
}

type Extra = (Vec<(RawFd, RawFd)>, Vec<OwnedFd>);

fn extra_fds(options: &LaunchOptions, above: RawFd) -> Result<Extra, ExecError> {
    let (mut extra, mut keep) = (Vec::new(), Vec::new());
    for (fd, target) in &options.extra_fds {
        if *target < 3 || extra.iter().any(|(_, taken)| taken == target) {
            return Err(ExecError::Invalid(format!("descriptor {target} cannot be handed over, or is twice")));
        }
        let copy = rustix::io::fcntl_dupfd_cloexec(&**fd, above).map_err(exhausted)?;
        extra.push((copy.as_raw_fd(), *target));
        keep.push(copy);
    }
    extra.sort_by_key(|(_, target)| *target);
    Ok((extra, keep))
}

fn resources(limits: &Limits) -> Vec<(i64, u64)> {
    let of = |resource, value: Option<u64>| value.map(|value| (resource, value));
    let all = [
        of(libc::RLIMIT_NOFILE, limits.open_files),
        of(libc::RLIMIT_NPROC, limits.processes),
        of(libc::RLIMIT_CORE, limits.core),
        of(libc::RLIMIT_AS, limits.address_space),
        of(libc::RLIMIT_CPU, limits.cpu_seconds),
        of(libc::RLIMIT_FSIZE, limits.file_size),
    ];
    all.into_iter().flatten().map(|(resource, value)| (i64::from(resource), value)).collect()
}
