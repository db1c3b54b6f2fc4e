use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;

use perilune_restart::RestartConfig;
use serde::{Deserialize, Deserializer, Serialize};

use super::{ProcessError, ProcessId, ProcessSpecBuilder};
use crate::credentials::{CredentialConfig, SecretRedactor};
use crate::health::HealthCheckConfig;
use crate::log::LogConfig;
use crate::shutdown::ShutdownConfig;

/// What to run and how to keep it running.
///
/// Read from a file, an `id` that is missing is a fresh one, and no instances are one; everything else has the default of the
/// builder. Such a spec is checked where it is used, by [`validate`](Self::validate). `Debug` does not show variables whose
/// names look like secrets; serialising does, for it has to be lossless.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table that describes a process")]
pub struct ProcessSpec {
    /// Stays when everything else is replaced.
    #[serde(default)]
    pub id: ProcessId,
    /// How it is called; becomes part of file names.
    pub name: String,
    /// A path, or a name to look for on the `PATH` that the process will have.
    pub command: String,
    /// Without the command itself.
    #[serde(default)]
    pub args: Vec<String>,
    /// Where it runs; where this program runs if `None`.
    #[serde(default)]
    pub cwd: Option<PathBuf>,
    /// Variables above those it inherits.
    #[serde(default)]
    pub env: HashMap<String, String>,
    /// How many run side by side.
    #[serde(default = "one", deserialize_with = "at_least_one")]
    pub instances: u32,
    /// When it is started again.
    #[serde(default)]
    pub restart: RestartConfig,
    /// How it is checked.
    #[serde(default)]
    pub health: Option<HealthCheckConfig>,
    /// Where its output goes.
    #[serde(default)]
    pub log: LogConfig,
    /// How it is stopped.
    #[serde(default)]
    pub shutdown: ShutdownConfig,
    /// Which secrets it gets.
    #[serde(default)]
    pub credentials: Option<CredentialConfig>,
}

fn one() -> u32 {
    1
}

fn at_least_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    u32::deserialize(deserializer).map(|instances| instances.max(1))
}

/// What is wrong with a spec.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// It has no name, or a blank one.
    #[error("name is required")]
    NameMissing,
    /// It has no command, or a blank one.
    #[error("command is required")]
    CommandMissing,
    /// The name cannot be that of a file.
    #[error("name {name:?} {reason}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A text that a process cannot be given.
    #[error("{what} of `{name}` {reason}")]
    Text {
        /// Whose.
        name: String,
        /// Which text, without showing it.
        what: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// One of its parts is wrong.
    #[error("{part} of `{name}`: {reason}")]
    Part {
        /// Whose.
        name: String,
        /// Which part.
        part: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

impl ProcessSpec {
    /// Starts with nothing but defaults.
    #[must_use]
    pub fn builder() -> ProcessSpecBuilder {
        ProcessSpecBuilder::default()
    }

    /// Whether it can be run, as far as the spec alone tells.
    pub fn validate(&self) -> Result<(), SpecError> {
        if self.name.trim().is_empty() {
            return Err(SpecError::NameMissing);
        }
        if self.command.trim().is_empty() {
            return Err(SpecError::CommandMissing);
        }
        if let Some(reason) = bad_name(&self.name) {
            return Err(SpecError::Name { name: self.name.clone(), reason });
        }
        let wrong = |what: String, reason| Err(SpecError::Text { name: self.name.clone(), what, reason });
        if self.command.contains('\0') {
            return wrong("the command".to_owned(), "contains a NUL");
        }
        if let Some(index) = self.args.iter().position(|arg| arg.contains('\0')) {
            return wrong(format!("argument {}", index + 1), "contains a NUL");
        }
        for (key, value) in &self.env {
            if let Some(reason) = bad_key(key) {
                return wrong(format!("variable {key:?}"), reason);
            }
            if value.contains('\0') {
                return wrong(format!("the value of variable `{key}`"), "contains a NUL");
            }
        }
        let part = |part, reason| SpecError::Part { name: self.name.clone(), part, reason };
        self.restart.validate().map_err(|error| part("restart", error.to_string()))?;
        self.log.validate().map_err(|error| part("log", error.to_string()))?;
        self.shutdown.validate().map_err(|error| part("shutdown", error.to_string()))?;
        if let Some(health) = &self.health {
            health.validate().map_err(|error| part("health", error.to_string()))?;
        }
        if let Some(credentials) = &self.credentials {
            credentials.validate().map_err(|error| part("credentials", error.to_string()))?;
        }
        Ok(())
    }

    /// The name of an instance: that of the spec, with the number if there are several.
    #[must_use]
    pub fn display_name(&self, instance: u32) -> String {
        if self.instances > 1 { format!("{}-{instance}", self.name) } else { self.name.clone() }
    }

    pub(crate) fn has_instance(&self, instance: u32) -> Result<(), ProcessError> {
        if instance < self.instances {
            return Ok(());
        }
        let plural = if self.instances == 1 { "" } else { "s" };
        Err(ProcessError::InvalidState(format!(
            "`{}` has {} instance{plural}, so there is no instance {instance}",
            self.name, self.instances
        )))
    }
}

/// Longest name: with a number and an ending it still is that of a file.
const LONGEST: usize = 128;

fn bad_name(name: &str) -> Option<&'static str> {
    match name {
        "." | ".." => Some("means a folder"),
        _ if name.contains('/') => Some("contains a `/`"),
        _ if name.contains(char::is_control) => Some("contains a control character"),
        _ if name.len() > LONGEST => Some("is longer than 128 bytes"),
        _ => None,
    }
}

fn bad_key(key: &str) -> Option<&'static str> {
    match key {
        "" => Some("has no name"),
        _ if key.contains('=') => Some("contains a `=`"),
        _ if key.contains('\0') => Some("contains a NUL"),
        _ => None,
    }
}

impl fmt::Debug for ProcessSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Env<'a>(&'a HashMap<String, String>);

        impl fmt::Debug for Env<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut map = f.debug_map();
                for (key, value) in self.0 {
                    map.entry(key, &SecretRedactor::redact_env_value(key, value));
                }
                map.finish()
            }
        }

        f.debug_struct("ProcessSpec")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("command", &self.command)
            .field("args", &self.args)
            .field("cwd", &self.cwd)
            .field("env", &Env(&self.env))
            .field("instances", &self.instances)
            .field("restart", &self.restart)
            .field("health", &self.health)
            .field("log", &self.log)
            .field("shutdown", &self.shutdown)
            .field("credentials", &self.credentials)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut ProcessSpec), message: &str) {
        let mut spec = ProcessSpec::builder().name("agent").command("sh").build();
        change(&mut spec);
        assert_eq!(spec.validate().unwrap_err().to_string(), message);
    }

    #[test]
    fn names_become_names_of_files() {
        check(|spec| spec.name = "a/b".to_owned(), "name \"a/b\" contains a `/`");
        check(|spec| spec.name = "..".to_owned(), "name \"..\" means a folder");
        check(|spec| spec.name = "a\nb".to_owned(), "name \"a\\nb\" contains a control character");
        check(|spec| spec.name = "a\0b".to_owned(), "name \"a\\0b\" contains a control character");
        check(|spec| spec.name = "x".repeat(129), &format!("name {:?} is longer than 128 bytes", "x".repeat(129)));
        check(|spec| spec.name = "  ".to_owned(), "name is required");
        check(|spec| spec.command = String::new(), "command is required");
    }

    #[test]
    fn nothing_that_a_process_is_given_has_a_nul() {
        check(|spec| spec.command = "a\0".to_owned(), "the command of `agent` contains a NUL");
        check(|spec| spec.args = vec!["a".to_owned(), "\0".to_owned()], "argument 2 of `agent` contains a NUL");
        let env = |key: &str, value: &str| HashMap::from([(key.to_owned(), value.to_owned())]);
        check(|spec| spec.env = env("K", "a\0"), "the value of variable `K` of `agent` contains a NUL");
        check(|spec| spec.env = env("", "a"), "variable \"\" of `agent` has no name");
        check(|spec| spec.env = env("A=B", "a"), "variable \"A=B\" of `agent` contains a `=`");
    }

    #[test]
    fn a_spec_with_name_and_command_alone_has_every_default() {
        let spec: ProcessSpec = serde_json::from_str(r#"{"name": "a", "command": "b", "instances": 0}"#).unwrap();
        let built = ProcessSpec::builder().id(spec.id).name("a").command("b").build();
        assert_eq!(serde_json::to_value(&spec).unwrap(), serde_json::to_value(&built).unwrap());
        let other: ProcessSpec = serde_json::from_str(r#"{"name": "a", "command": "b"}"#).unwrap();
        assert_ne!(spec.id, other.id);
        assert_eq!(other.instances, 1);
    }

    #[test]
    fn serialising_loses_nothing() {
        let spec = ProcessSpec::builder()
            .name("a")
            .command("b")
            .args(["c"])
            .cwd("/d")
            .env("API_KEY", "kept")
            .instances(3)
            .health(HealthCheckConfig::default())
            .build();
        let json = serde_json::to_value(&spec).unwrap();
        let back: ProcessSpec = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(serde_json::to_value(&back).unwrap(), json);
        assert_eq!(back.env, spec.env);
        assert_eq!(back.id, spec.id);
    }

    #[test]
    fn debug_shows_no_secrets() {
        let spec = ProcessSpec::builder().name("a").command("b").env("API_KEY", "s3cret!").env("LANG", "C").build();
        let debug = format!("{spec:?}");
        assert!(!debug.contains("s3cret!"), "{debug}");
        assert!(debug.contains("[REDACTED]") && debug.contains("\"LANG\": \"C\""), "{debug}");
    }
}
