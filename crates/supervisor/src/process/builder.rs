use std::collections::HashMap;
use std::path::PathBuf;

use perilune_restart::RestartConfig;

use super::{ProcessId, ProcessSpec, SpecError};
use crate::credentials::CredentialConfig;
use crate::health::HealthCheckConfig;
use crate::log::LogConfig;
use crate::shutdown::ShutdownConfig;

/// Makes a [`ProcessSpec`]. A name and a command are required, everything else has a default.
#[derive(Debug, Default)]
pub struct ProcessSpecBuilder {
    id: Option<ProcessId>,
    name: Option<String>,
    command: Option<String>,
    args: Vec<String>,
    cwd: Option<PathBuf>,
    env: HashMap<String, String>,
    instances: u32,
    restart: RestartConfig,
    health: Option<HealthCheckConfig>,
    log: LogConfig,
    shutdown: ShutdownConfig,
    credentials: Option<CredentialConfig>,
}

impl ProcessSpecBuilder {
    /// The id, instead of a fresh one.
    #[must_use]
    pub fn id(mut self, id: ProcessId) -> Self {
        self.id = Some(id);
        self
    }

    /// The name. Required.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The program: a path, or a name to look for on the `PATH` that the process will have. Required.
    #[must_use]
    pub fn command(mut self, command: impl Into<String>) -> Self {
        self.command = Some(command.into());
        self
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// All arguments, instead of those given before.
    #[must_use]
    pub fn args<I, S>(mut self, args: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        self.args = args.into_iter().map(Into::into).collect();
        self
    }

    /// Where it runs, instead of where this program runs.
    #[must_use]
    pub fn cwd(mut self, cwd: impl Into<PathBuf>) -> Self {
        self.cwd = Some(cwd.into());
        self
    }

    /// Adds a variable; the last value of a name wins.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Adds variables.
    #[must_use]
    pub fn envs<I, K, V>(mut self, variables: I) -> Self
    where
        I: IntoIterator<Item = (K, V)>,
        K: Into<String>,
        V: Into<String>,
    {
        self.env.extend(variables.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// How many run side by side. 0 counts as 1.
    #[must_use]
    pub fn instances(mut self, instances: u32) -> Self {
        self.instances = instances;
        self
    }

    /// When it is started again.
    #[must_use]
    pub fn restart(mut self, restart: RestartConfig) -> Self {
        self.restart = restart;
        self
    }

    /// How it is checked.
    #[must_use]
    pub fn health(mut self, health: HealthCheckConfig) -> Self {
        self.health = Some(health);
        self
    }

    /// Where its output goes.
    #[must_use]
    pub fn log(mut self, log: LogConfig) -> Self {
        self.log = log;
        self
    }

    /// How it is stopped.
    #[must_use]
    pub fn shutdown(mut self, shutdown: ShutdownConfig) -> Self {
        self.shutdown = shutdown;
        self
    }

    /// Which secrets it gets.
    #[must_use]
    pub fn credentials(mut self, credentials: CredentialConfig) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// The spec.
    ///
    /// # Panics
    ///
    /// When name or command is missing or blank, or the spec is otherwise not [valid](ProcessSpec::validate).
    #[must_use]
    #[track_caller]
    pub fn build(self) -> ProcessSpec {
        match self.try_build() {
            Ok(spec) => spec,
            Err(error) => panic!("{error}"),
        }
    }

    /// [`build`](Self::build) without panicking.
    pub fn try_build(self) -> Result<ProcessSpec, SpecError> {
        let spec = ProcessSpec {
            id: self.id.unwrap_or_default(),
            name: self.name.unwrap_or_default(),
            command: self.command.unwrap_or_default(),
            args: self.args,
            cwd: self.cwd,
            env: self.env,
            instances: self.instances.max(1),
            restart: self.restart,
            health: self.health,
            log: self.log,
            shutdown: self.shutdown,
            credentials: self.credentials,
        };
        spec.validate()?;
        Ok(spec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn builder() -> ProcessSpecBuilder {
        ProcessSpec::builder().name("n").command("c")
    }

    #[test]
    fn ctr_0001_both_name_and_command_are_needed() {
        assert!(matches!(ProcessSpec::builder().command("c").try_build(), Err(SpecError::NameMissing)));
        assert!(matches!(ProcessSpec::builder().name("n").try_build(), Err(SpecError::CommandMissing)));
        assert!(builder().try_build().is_ok());
    }

    #[test]
    #[should_panic(expected = "name is required")]
    fn ctr_0002_a_spec_without_name_panics() {
        let _ = ProcessSpec::builder().command("c").build();
    }

    #[test]
    #[should_panic(expected = "command is required")]
    fn ctr_0002_a_spec_without_command_panics() {
        let _ = ProcessSpec::builder().name("n").build();
    }

    #[test]
    fn inv_0003_a_blank_name_counts_as_missing() {
        for name in ["", " ", "\t\n"] {
            assert!(matches!(builder().name(name).try_build(), Err(SpecError::NameMissing)), "{name:?}");
        }
    }

    #[test]
    fn inv_0004_a_blank_command_counts_as_missing() {
        for command in ["", "  "] {
            assert!(matches!(builder().command(command).try_build(), Err(SpecError::CommandMissing)), "{command:?}");
        }
    }

    #[test]
    fn inv_0005_no_instances_are_one() {
        assert_eq!(builder().build().instances, 1);
        assert_eq!(builder().instances(0).build().instances, 1);
        assert_eq!(builder().instances(7).build().instances, 7);
    }

    #[test]
    fn ctr_0003_methods_chain_and_the_last_value_wins() {
        let id = ProcessId::new();
        let spec = builder()
            .id(id)
            .arg("gone")
            .args(["a", "b"])
            .arg("c")
            .cwd("/srv")
            .env("K", "1")
            .envs([("K", "2"), ("L", "3")])
            .instances(2)
            .restart(RestartConfig::default())
            .log(LogConfig::default())
            .shutdown(ShutdownConfig::default())
            .build();
        assert_eq!(spec.id, id);
        assert_eq!(spec.args, ["a", "b", "c"]);
        assert_eq!(spec.cwd, Some(PathBuf::from("/srv")));
        assert_eq!(spec.env.get("K").map(String::as_str), Some("2"));
        assert_eq!(spec.env.len(), 2);
        assert_eq!(spec.instances, 2);
    }

    /// `must_use` on each method is what the compiler sees; this looks at the source.
    #[test]
    fn ctr_0004_every_method_that_returns_the_builder_must_be_used() {
        let source = include_str!("builder.rs");
        let source = source.split("#[cfg(test)]").next().unwrap();
        let methods = source.matches("-> Self").count();
        let marked = source.matches("#[must_use]\n    pub fn").count();
        assert!(methods >= 13);
        assert_eq!(marked, methods);
    }
}
