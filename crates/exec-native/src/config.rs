use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use perilune_exec_api::{ExecError, Executor, ExecutorFactory, Settings, ShellMode, StdinEof};

use crate::executor::NativeExecutor;
use crate::launch::LaunchOptions;

/// How a [`NativeExecutor`] starts processes where their requests leave it open.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NativeConfig {
    /// Where processes run.
    pub default_work_dir: Option<PathBuf>,
    /// Variables, below those of a request.
    pub default_env: BTreeMap<String, String>,
    /// The only commands that may run, by their whole text; all, when there is none.
    pub command_whitelist: Vec<String>,
    /// What becomes of a command that is one text.
    pub shell: ShellMode,
    /// When input ends, for requests that do not say.
    pub stdin_eof: StdinEof,
    /// How long processes may run.
    pub timeout: Option<Duration>,
    /// How long they have to obey a request to end.
    pub stop_grace: Duration,
    /// How many may run at once.
    pub max_processes: Option<usize>,
    /// How much is kept of what nobody reads while somebody waits for the end.
    pub max_unread: usize,
    /// How much of that of a stream that nobody took.
    pub tail: usize,
    /// How long output is waited for when the process has ended and somebody else still could write to it.
    pub drain_timeout: Duration,
    /// The control group below which each process gets its own, for requests that ask for one.
    pub cgroup: Option<PathBuf>,
    /// Everything that no request speaks of. Its identity and limits hold where a request has none.
    pub launch: LaunchOptions,
}

impl Default for NativeConfig {
    fn default() -> Self {
        Self {
            default_work_dir: None,
            default_env: BTreeMap::new(),
            command_whitelist: Vec::new(),
            shell: ShellMode::Auto,
            stdin_eof: StdinEof::Explicit,
            timeout: None,
            stop_grace: Duration::from_secs(5),
            max_processes: None,
            max_unread: 16 << 20,
            tail: 64 << 10,
            drain_timeout: Duration::from_secs(2),
            cgroup: None,
            launch: LaunchOptions::default(),
        }
    }
}

impl NativeConfig {
    /// The keys that [`from_settings`](Self::from_settings) reads.
    pub const KEYS: &[&str] = &[
        "cgroup",
        "command_whitelist",
        "default_env",
        "default_work_dir",
        "max_processes",
        "shell",
        "stdin_eof",
        "stop_grace",
        "timeout",
    ];

    /// From what a configuration says. Unknown keys are errors.
    pub fn from_settings(settings: &Settings) -> Result<Self, ExecError> {
        settings.expect_only(Self::KEYS)?;
        let usual = Self::default();
        let stdin_eof = match settings.text("stdin_eof")? {
            None | Some("explicit") => StdinEof::Explicit,
            Some("after_first_write") => StdinEof::AfterFirstWrite,
            Some("idle") => StdinEof::Idle(QUIET),
            Some(other) => {
                let message = format!("stdin_eof must be `idle`, `explicit` or `after_first_write`, not `{other}`");
                return Err(ExecError::Invalid(message));
            }
        };
        let count = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        Ok(Self {
            default_work_dir: settings.text("default_work_dir")?.map(PathBuf::from),
            default_env: settings.text_map("default_env")?.unwrap_or_default(),
            command_whitelist: settings.texts("command_whitelist")?.unwrap_or_default(),
            shell: settings.text("shell")?.map_or(Ok(usual.shell), ShellMode::parse)?,
            stdin_eof,
            timeout: settings.duration("timeout")?,
            stop_grace: settings.duration("stop_grace")?.unwrap_or(usual.stop_grace),
            max_processes: settings.count("max_processes")?.map(count),
            cgroup: settings.text("cgroup")?.map(PathBuf::from),
            ..usual
        })
    }
}

/// How long a process that waits for input is silent.
const QUIET: Duration = Duration::from_millis(200);

/// Makes executors of kind `exec.native`.
///
/// ```
/// use perilune_exec_api::{ExecutorFactory, Setting, Settings};
/// use perilune_exec_native::NativeFactory;
///
/// let mut settings = Settings::default();
/// settings.set("stop_grace", Setting::Text("2s".to_owned()));
/// assert_eq!(NativeFactory.build(&settings)?.active(), 0);
///
/// settings.set("stop_grce", Setting::Text("2s".to_owned()));
/// assert!(NativeFactory.build(&settings).is_err());
/// # Ok::<(), perilune_exec_api::ExecError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct NativeFactory;

impl ExecutorFactory for NativeFactory {
    fn kind(&self) -> &str {
        "exec.native"
    }

    fn build(&self, settings: &Settings) -> Result<Arc<dyn Executor>, ExecError> {
        Ok(Arc::new(NativeExecutor::with(NativeConfig::from_settings(settings)?)))
    }
}
