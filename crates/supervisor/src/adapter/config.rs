use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::AdapterError;
use super::ignore::Ignore;
use crate::credentials::SecretRedactor;
use crate::process::ProcessSpec;

/// What a [`BlackBoxAdapter`](super::BlackBoxAdapter) runs and what it looks at.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table of adapter settings")]
#[non_exhaustive]
pub struct BlackBoxConfig {
    /// What runs.
    pub process: ProcessConfig,
    /// Which files it looks at.
    #[serde(default)]
    pub filesystem: FilesystemConfig,
    /// When the program counts as doing nothing.
    #[serde(default)]
    pub stall: StallConfig,
    /// What the program inherits.
    #[serde(default)]
    pub environment: EnvironmentConfig,
    /// How many events wait for a receiver that is slow. 0 counts as 1.
    #[serde(default = "buffer")]
    pub buffer: usize,
}

/// What runs, and how it is ended.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table of process settings")]
#[non_exhaustive]
pub struct ProcessConfig {
    /// A path, or a name to look for on the `PATH` that the program will have.
    pub command: String,
    /// Without the command itself.
    #[serde(default)]
    pub args: Vec<String>,
    /// Where it runs; where this program runs if `None`.
    #[serde(default)]
    pub working_dir: Option<PathBuf>,
    /// Variables above those it inherits.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// What asks it to end.
    #[serde(default = "terminate")]
    pub stop_signal: String,
    /// How long it has to obey before it is killed.
    #[serde(default = "grace", with = "perilune_restart::duration")]
    pub grace: Duration,
}

/// Which files are looked at.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table of file settings")]
#[non_exhaustive]
pub struct FilesystemConfig {
    /// Whether any are.
    pub enabled: bool,
    /// Files and folders, which must exist. If there are none, the working directory of the program, as far as its
    /// configuration names one; otherwise nothing. Relative ones start where this program runs.
    pub paths: Vec<PathBuf>,
    /// Whether folders in folders are looked at, those that come later included. Symbolic links are not followed.
    pub recursive: bool,
    /// Changes of one file within this time are told as one, and not at all if it came and went.
    #[serde(with = "perilune_restart::duration")]
    pub debounce: Duration,
    /// How many changes wait to be looked at. 0 counts as 1.
    pub buffer: usize,
    /// Files and folders that are not looked at, as globs: a name alone wherever it is, a path from the folder that is
    /// looked at. `*` and `?` match no `/`, and `**` does. What is in such a folder is not looked at either.
    pub ignore: Vec<String>,
}

/// When a program counts as doing nothing.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table of stall settings")]
#[non_exhaustive]
pub struct StallConfig {
    /// Whether it ever does.
    pub enabled: bool,
    /// After so long without output and without a change of a file, and then again and again.
    #[serde(with = "perilune_restart::duration")]
    pub threshold: Duration,
    /// The how many-th time in a row it is stopped; never if 0.
    pub max_stalls: u32,
}

/// What a program inherits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table of environment settings")]
#[non_exhaustive]
pub struct EnvironmentConfig {
    /// Whether it gets the variables of this program.
    pub inherit: bool,
    /// Names of those that it does not get then.
    pub exclude: Vec<String>,
}

fn buffer() -> usize {
    1024
}

fn terminate() -> String {
    "SIGTERM".to_owned()
}

fn grace() -> Duration {
    Duration::from_secs(10)
}

impl Default for FilesystemConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            paths: Vec::new(),
            recursive: true,
            debounce: Duration::from_millis(100),
            buffer: buffer(),
            ignore: Vec::new(),
        }
    }
}

impl Default for StallConfig {
    fn default() -> Self {
        Self { enabled: true, threshold: Duration::from_secs(60), max_stalls: 5 }
    }
}

impl BlackBoxConfig {
    /// Runs that program, with defaults for everything else.
    #[must_use]
    pub fn new(command: impl Into<String>) -> Self {
        Self {
            process: ProcessConfig {
                command: command.into(),
                args: Vec::new(),
                working_dir: None,
                env: BTreeMap::new(),
                stop_signal: terminate(),
                grace: grace(),
            },
            filesystem: FilesystemConfig::default(),
            stall: StallConfig::default(),
            environment: EnvironmentConfig::default(),
            buffer: buffer(),
        }
    }

    /// All arguments, instead of those given before.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.process.args = args.into_iter().map(Into::into).collect();
        self
    }

    /// Where it runs.
    #[must_use]
    pub fn working_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.process.working_dir = Some(folder.into());
        self
    }

    /// Adds a variable; the last value of a name wins.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.process.env.insert(name.into(), value.into());
        self
    }

    /// Whether it can be used, as far as it alone tells.
    pub fn validate(&self) -> Result<(), AdapterError> {
        let wrong = |reason: String| AdapterError::ConfigError(reason);
        if self.stall.enabled && self.stall.threshold.is_zero() {
            return Err(wrong("`threshold` of `stall` is zero".to_owned()));
        }
        Ignore::new(&[], &self.filesystem.ignore)?;
        let spec = self.spec("black-box")?;
        spec.validate().map_err(|error| wrong(error.to_string()))
    }

    /// What files are looked at.
    pub(super) fn roots(&self) -> Vec<PathBuf> {
        let files = &self.filesystem;
        match (files.enabled, files.paths.is_empty()) {
            (false, _) => Vec::new(),
            (true, true) => self.process.working_dir.clone().into_iter().collect(),
            (true, false) => files.paths.clone(),
        }
    }

    /// What a runner makes of it.
    pub(super) fn spec(&self, name: &str) -> Result<ProcessSpec, AdapterError> {
        let process = &self.process;
        let mut builder = ProcessSpec::builder().name(name).command(&process.command).args(&process.args);
        if let Some(folder) = &process.working_dir {
            builder = builder.cwd(folder);
        }
        let mut spec =
            builder.envs(&process.env).try_build().map_err(|error| AdapterError::ConfigError(error.to_string()))?;
        spec.shutdown.signal.clone_from(&process.stop_signal);
        spec.shutdown.timeout = process.grace;
        Ok(spec)
    }
}

impl fmt::Debug for ProcessConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |(name, value): (&String, &String)| {
            (name.clone(), SecretRedactor::redact_env_value(name, value).to_owned())
        };
        f.debug_struct("ProcessConfig")
            .field("command", &self.command)
            .field("args", &self.args)
            .field("working_dir", &self.working_dir)
            .field("env", &self.env.iter().map(shown).collect::<BTreeMap<_, _>>())
            .field("stop_signal", &self.stop_signal)
            .field("grace", &self.grace)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_alone_has_every_default() {
        let read: BlackBoxConfig = toml::from_str("[process]\ncommand = \"sh\"").unwrap();
        assert_eq!(read, BlackBoxConfig::new("sh"));
        let files = &read.filesystem;
        assert_eq!((files.recursive, files.debounce, files.buffer), (true, Duration::from_millis(100), 1024));
        let stall = &read.stall;
        assert_eq!((stall.enabled, stall.threshold, stall.max_stalls), (true, Duration::from_secs(60), 5));
        assert!(!read.environment.inherit);
        assert!(toml::from_str::<BlackBoxConfig>("[process]\ncommand = \"sh\"\nshell = true").is_err());
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let check = |change: fn(&mut BlackBoxConfig), message: &str| {
            let mut config = BlackBoxConfig::new("sh");
            change(&mut config);
            assert_eq!(config.validate().unwrap_err().to_string(), format!("wrong configuration: {message}"));
        };
        check(|config| config.process.command.clear(), "command is required");
        check(|config| config.stall.threshold = Duration::ZERO, "`threshold` of `stall` is zero");
        check(|config| config.filesystem.ignore = vec!["/".to_owned()], "`ignore`: glob `/`: names nothing");
        let mut config = BlackBoxConfig::new("sh");
        config.process.stop_signal = "SIGNONE".to_owned();
        assert!(config.validate().unwrap_err().to_string().contains("SIGNONE"));
        assert!(BlackBoxConfig::new("sh").validate().is_ok());
    }

    #[test]
    fn files_are_looked_at_where_it_works_unless_others_are_named() {
        let config = BlackBoxConfig::new("sh");
        assert!(config.roots().is_empty());
        let mut config = config.working_dir("/w");
        assert_eq!(config.roots(), [PathBuf::from("/w")]);
        config.filesystem.paths = vec!["/a".into(), "/b".into()];
        assert_eq!(config.roots(), config.filesystem.paths);
        config.filesystem.enabled = false;
        assert!(config.roots().is_empty());
    }

    #[test]
    fn debug_shows_no_secrets() {
        let debug = format!("{:?}", BlackBoxConfig::new("sh").env("MY_TOKEN", "s3cret!").env("LANG", "C"));
        assert!(!debug.contains("s3cret!") && debug.contains("\"LANG\": \"C\""), "{debug}");
    }
}
