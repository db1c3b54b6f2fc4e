use std::path::Path;
use std::time::Duration;

use perilune_lua_bindings::NativeCode;

use crate::application::{ConfigData, ConfigValue, did_you_mean, parse_yaml};
use crate::executors::ExecSettings;

/// Settings of a runtime, from configuration files and the command line.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Worker threads; 0 = as many as the machine has processors.
    pub workers: usize,
    /// Least important log lines that are written.
    pub log_level: String,
    /// `auto`, `console` or `json`.
    pub log_encoding: String,
    /// How long a graceful stop may take.
    pub shutdown_timeout: Duration,
    /// An actor that nothing can wake fails instead of waiting for ever.
    pub fail_deadlocks: bool,
    /// Whether versions of the entries are kept that are no longer current.
    pub registry_history: bool,
    /// Which revision of the API scripts see, 1 or 2.
    pub api: u8,
    /// Which scripts are compiled to native code.
    pub native: NativeCode,
    /// Actors that act for nobody, or within no policies, may do nothing instead of everything.
    pub strict_mode: bool,
    /// Every application has the executor `process:native`.
    pub exec_builtin: bool,
    /// How long a program is silent that waits for input.
    pub exec_stdin_idle: Duration,
    /// Bytes of output that are kept while nobody reads them and somebody waits for the end.
    pub exec_max_unread: u64,
    /// Messages a mailbox holds; 0 = any number.
    pub mailbox: u64,
    /// Bytes of one payload; 0 = any number.
    pub max_payload_bytes: u64,
    /// How long an actor runs while others wait.
    pub step_budget: Duration,
    /// How long a stretch may run that cannot be suspended.
    pub callback_budget: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            workers: 0,
            log_level: "info".into(),
            log_encoding: "auto".into(),
            shutdown_timeout: Duration::from_secs(30),
            fail_deadlocks: false,
            registry_history: true,
            api: 1,
            native: NativeCode::default(),
            strict_mode: false,
            exec_builtin: true,
            exec_stdin_idle: Duration::from_millis(200),
            exec_max_unread: 16 << 20,
            mailbox: 0,
            max_payload_bytes: 16 << 20,
            step_budget: Duration::from_millis(2),
            callback_budget: Duration::from_secs(1),
        }
    }
}

/// Why a setting was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file could not be read.
    #[error("configuration file {path}: {reason}")]
    File {
        /// Which file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No such key.
    #[error("unknown setting `{key}`{}", help(.near))]
    Unknown {
        /// The key as written.
        key: String,
        /// What was probably meant.
        near: Option<&'static str>,
    },
    /// The value does not fit the key.
    #[error("setting `{key}`: {reason}")]
    Value {
        /// The key.
        key: String,
        /// What is expected.
        reason: String,
    },
}

fn help(near: &Option<&'static str>) -> String {
    near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

const KEYS: [&str; 18] = [
    "logger.mode",
    "logger.level",
    "logger.encoding",
    "security.strict_mode",
    "registry.enable_history",
    "relay.node_name",
    "shutdown.timeout",
    "lua.api",
    "lua.deadlock",
    "lua.native",
    "lua.limits.memory",
    "lua.limits.mailbox",
    "lua.limits.max_payload_bytes",
    "lua.limits.step_budget",
    "lua.limits.callback_budget",
    "exec.builtin",
    "exec.stdin_idle",
    "exec.max_unread",
];

impl Config {
    pub(crate) fn exec(&self) -> ExecSettings {
        ExecSettings {
            builtin: self.exec_builtin,
            quiet: self.exec_stdin_idle,
            max_unread: usize::try_from(self.exec_max_unread).unwrap_or(usize::MAX),
        }
    }

    /// Takes every setting of a YAML file.
    ///
    /// # Errors
    /// A file that cannot be read, and the first setting that is not understood.
    pub fn read(&mut self, path: &Path) -> Result<(), ConfigError> {
        let file = |reason: String| ConfigError::File { path: path.display().to_string(), reason };
        let text = std::fs::read_to_string(path).map_err(|error| file(error.to_string()))?;
        let value = parse_yaml(&text).map_err(file)?;
        value.map_or(Ok(()), |value| self.take("", &value))
    }

    /// Takes one setting, written as on the command line: `section.key=value`.
    ///
    /// # Errors
    /// No such key, or a value that does not fit.
    pub fn set(&mut self, setting: &str) -> Result<(), ConfigError> {
        let Some((key, text)) = setting.split_once('=') else {
            return Err(ConfigError::Value { key: setting.into(), reason: "write it as key=value".into() });
        };
        self.set_key(key.trim(), text.trim())
    }

    fn take(&mut self, prefix: &str, value: &ConfigValue) -> Result<(), ConfigError> {
        let ConfigData::Map(pairs) = &value.data else {
            let text = match &value.data {
                ConfigData::Null => return Ok(()),
                ConfigData::Bool(value) => value.to_string(),
                ConfigData::Integer(value) => value.to_string(),
                ConfigData::Float(value) => value.to_string(),
                ConfigData::String(text) => text.to_string(),
                _ => {
                    return Err(ConfigError::Value {
                        key: prefix.into(),
                        reason: "a list is not expected here".into(),
                    });
                }
            };
            return self.set_key(prefix, &text);
        };
        for (key, value) in pairs {
            let path = if prefix.is_empty() { key.text.to_string() } else { format!("{prefix}.{}", key.text) };
            self.take(&path, value)?;
        }
        Ok(())
    }

    fn set_key(&mut self, key: &str, text: &str) -> Result<(), ConfigError> {
        let wrong = |reason: &str| ConfigError::Value { key: key.into(), reason: format!("{reason}, got `{text}`") };
        let one_of = |allowed: &[&str]| {
            if allowed.contains(&text) {
                Ok(())
            } else {
                Err(wrong(&format!("one of {} is expected", allowed.join(", "))))
            }
        };
        let number = || text.parse::<u64>().map_err(|_| wrong("a whole number is expected"));
        let boolean = || text.parse::<bool>().map_err(|_| wrong("true or false is expected"));
        let duration = || {
            let parsed = perilune_lua_bindings::parse_duration(text).filter(|duration| !duration.is_zero());
            parsed.ok_or_else(|| wrong("a duration such as 30s or 2ms is expected"))
        };
        match key {
            "logger.mode" => one_of(&["production", "development"])?,
            "logger.level" => {
                one_of(&["debug", "info", "warn", "error"])?;
                self.log_level = text.into();
            }
            "logger.encoding" => {
                one_of(&["auto", "console", "json"])?;
                self.log_encoding = text.into();
            }
            "shutdown.timeout" => self.shutdown_timeout = duration()?,
            "lua.deadlock" => {
                one_of(&["wait", "fail"])?;
                self.fail_deadlocks = text == "fail";
            }
            "registry.enable_history" => self.registry_history = boolean()?,
            "lua.limits.mailbox" => self.mailbox = number()?,
            "lua.limits.max_payload_bytes" => self.max_payload_bytes = number()?,
            "lua.limits.step_budget" => self.step_budget = duration()?,
            "lua.limits.callback_budget" => self.callback_budget = duration()?,
            // Silently taking what this version cannot do would be worse than refusing it.
            "lua.limits.memory" if number()? > 0 => return Err(wrong("this version has no memory limit")),
            "lua.api" => {
                one_of(&["1", "2"])?;
                self.api = if text == "2" { 2 } else { 1 };
            }
            "lua.native" => {
                self.native = match text {
                    "auto" => NativeCode::Marked,
                    "on" => NativeCode::Always,
                    "off" => NativeCode::Never,
                    _ => return Err(wrong("one of auto, on, off is expected")),
                }
            }
            "relay.node_name" if !text.is_empty() => return Err(wrong("this version runs on one node")),
            "exec.builtin" => self.exec_builtin = boolean()?,
            "exec.stdin_idle" => self.exec_stdin_idle = duration()?,
            "exec.max_unread" => self.exec_max_unread = number()?,
            "security.strict_mode" => self.strict_mode = boolean()?,
            "lua.limits.memory" | "relay.node_name" => {}
            _ => return Err(ConfigError::Unknown { key: key.into(), near: did_you_mean(key, KEYS).and_then(known) }),
        }
        Ok(())
    }
}

fn known(near: &str) -> Option<&'static str> {
    KEYS.into_iter().find(|key| *key == near)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(setting: &str, expected: &str) {
        let mut config = Config::default();
        let told = config.set(setting).map_or_else(|error| error.to_string(), |()| "taken".into());
        assert_eq!(told, expected);
    }

    #[test]
    fn settings_are_taken_or_explained() {
        check("lua.limits.step_budget=5ms", "taken");
        check("logger.level=debug", "taken");
        check("logger.levle=debug", "unknown setting `logger.levle`; did you mean `logger.level`?");
        check("logger.level=loud", "setting `logger.level`: one of debug, info, warn, error is expected, got `loud`");
        check("registry.enable_history=false", "taken");
        check("registry.enable_history=no", "setting `registry.enable_history`: true or false is expected, got `no`");
        check("lua.limits.mailbox=-1", "setting `lua.limits.mailbox`: a whole number is expected, got `-1`");
        check("shutdown.timeout=5", "setting `shutdown.timeout`: a duration such as 30s or 2ms is expected, got `5`");
        check("lua.native=on", "taken");
        check("lua.native=yes", "setting `lua.native`: one of auto, on, off is expected, got `yes`");
        check("lua.api=3", "setting `lua.api`: one of 1, 2 is expected, got `3`");
        check("shutdown.timeout", "setting `shutdown.timeout`: write it as key=value");
        check("security.strict_mode=yes", "setting `security.strict_mode`: true or false is expected, got `yes`");
    }

    #[test]
    fn later_settings_win() {
        let mut config = Config::default();
        config.set("lua.limits.mailbox=10").unwrap();
        config.set("lua.limits.mailbox=20").unwrap();
        assert_eq!(config.mailbox, 20);
    }
}
