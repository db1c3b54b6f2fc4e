use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::check::Target;

/// How and how often a process is checked.
///
/// In a file, the keys of the check are beside the others, with its kind as `type`. `retries` is another name for
/// `unhealthy_threshold`, and `exec` for the type `command`. Keys that are unknown or of another kind are errors.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HealthCheckConfig {
    /// What is done.
    #[serde(flatten)]
    pub check_type: CheckType,
    /// From the start of one check to that of the next; they never overlap.
    #[serde(with = "perilune_restart::duration")]
    pub interval: Duration,
    /// A check that takes longer has failed.
    #[serde(with = "perilune_restart::duration")]
    pub timeout: Duration,
    /// So many failures in a row make it unhealthy.
    pub unhealthy_threshold: u32,
    /// So many successes in a row make it healthy.
    pub healthy_threshold: u32,
    /// Nothing is checked before.
    #[serde(with = "perilune_restart::duration")]
    pub initial_delay: Duration,
    /// Failures before do not count, until the first success.
    #[serde(with = "perilune_restart::duration")]
    pub start_period: Duration,
    /// The interval until the first success; at most a second if `None`.
    #[serde(with = "perilune_restart::duration::option")]
    pub start_interval: Option<Duration>,
    /// What follows.
    pub on_unhealthy: OnUnhealthy,
}

/// What a check does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum CheckType {
    /// Nothing.
    #[default]
    None,
    /// Asks a web server.
    Http {
        /// What it is asked for, with `http`. No redirect is followed, and no proxy is asked.
        url: String,
        /// The answers that are good; 200 if empty.
        expected_status: Vec<u16>,
        /// What the first 64 KiB of the answer must contain.
        expected_body: Option<String>,
    },
    /// Connects.
    Tcp {
        /// A name or an address.
        host: String,
        /// The port.
        port: u16,
    },
    /// Runs a script, which must end with 0.
    Script {
        /// Where it is.
        path: PathBuf,
        /// Its arguments.
        args: Vec<String>,
    },
    /// Runs a program, which must end with 0.
    Command {
        /// A path, or a name to look for.
        command: String,
        /// Its arguments.
        args: Vec<String>,
    },
    /// Looks whether the process is there.
    Liveness,
}

/// What follows when a process is unhealthy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUnhealthy {
    /// It is stopped, and the restart policy decides as after a failure.
    #[default]
    Restart,
    /// It is stopped and stays so.
    Stop,
    /// Everybody is told.
    Report,
}

/// What is wrong with a check.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HealthError(pub(crate) String);

impl Default for HealthCheckConfig {
    fn default() -> Self {
        Self {
            check_type: CheckType::None,
            interval: Duration::from_secs(30),
            timeout: Duration::from_secs(5),
            unhealthy_threshold: 3,
            healthy_threshold: 1,
            initial_delay: Duration::ZERO,
            start_period: Duration::ZERO,
            start_interval: None,
            on_unhealthy: OnUnhealthy::default(),
        }
    }
}

impl HealthCheckConfig {
    /// Whether checks can be made like that.
    pub fn validate(&self) -> Result<(), HealthError> {
        let wrong = |text: &str| Err(HealthError(text.to_owned()));
        if self.timeout.is_zero() {
            return wrong("`timeout` must be more than nothing");
        }
        if self.interval.is_zero() || self.start_interval.is_some_and(|interval| interval.is_zero()) {
            return wrong("`interval` must be more than nothing");
        }
        if self.unhealthy_threshold == 0 || self.healthy_threshold == 0 {
            return wrong("thresholds must be at least 1");
        }
        match &self.check_type {
            CheckType::Http { url, expected_status, .. } => {
                Target::parse(url)?;
                match expected_status.iter().find(|status| !(100..=999).contains(*status)) {
                    Some(status) => wrong(&format!("`expected_status`: there is no status {status}")),
                    None => Ok(()),
                }
            }
            CheckType::Tcp { host, .. } if host.trim().is_empty() => wrong("`host` must not be empty"),
            CheckType::Tcp { port: 0, .. } => wrong("`port` must not be 0"),
            CheckType::Script { path, .. } if path.as_os_str().is_empty() => wrong("`path` must not be empty"),
            CheckType::Command { command, .. } if command.trim().is_empty() => wrong("`command` must not be empty"),
            _ => Ok(()),
        }
    }

    /// What works and is hardly meant, for the log.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let (timeout, interval) = (self.timeout, self.interval);
        (self.check_type != CheckType::None && timeout > interval).then(|| {
            let shown = humantime::format_duration;
            format!("checks may take {} and are due every {}", shown(timeout), shown(interval))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut HealthCheckConfig), expected: Result<(), &str>) {
        let mut config = HealthCheckConfig::default();
        change(&mut config);
        let found = config.validate().map_err(|error| error.to_string());
        assert_eq!(found.as_ref().map_err(String::as_str).copied(), expected, "{config:?}");
    }

    #[test]
    fn checks_need_time_and_thresholds() {
        check(|_| {}, Ok(()));
        check(|config| config.timeout = Duration::ZERO, Err("`timeout` must be more than nothing"));
        check(|config| config.interval = Duration::ZERO, Err("`interval` must be more than nothing"));
        check(|config| config.start_interval = Some(Duration::ZERO), Err("`interval` must be more than nothing"));
        check(|config| config.unhealthy_threshold = 0, Err("thresholds must be at least 1"));
        check(|config| config.healthy_threshold = 0, Err("thresholds must be at least 1"));
    }

    #[test]
    fn urls_are_looked_at_before_they_are_used() {
        let http = |url: &str, expected| {
            let url = url.to_owned();
            let kind = CheckType::Http { url, expected_status: Vec::new(), expected_body: None };
            check(|config| config.check_type = kind, expected);
        };
        http("http://localhost:8080/health?deep=1", Ok(()));
        http("http://[::1]/", Ok(()));
        http("ftp://localhost/", Err("`url`: `ftp` is not supported, only `http` is"));
        http(
            "https://localhost/",
            Err("`url`: `https` is not supported, only `http` is; a check of type `command` can run `curl`"),
        );
        http("ftp://localhost/", Err("`url`: `ftp` is not supported, only `http` is"));
        http("/health", Err("`url` must begin with `http://` and name a host"));
        http("localhost:8080", Err("`url` must begin with `http://` and name a host"));
        http("http://a b/", Err("`url` is not a URL"));
        http("http://user:word@localhost/", Err("`url` must not contain a user or a password"));
    }

    #[test]
    fn what_can_never_succeed_is_refused() {
        let kind = |kind, expected| check(|config: &mut HealthCheckConfig| config.check_type = kind, expected);
        let url = "http://a/".to_owned();
        let http = CheckType::Http { url, expected_status: vec![200, 7], expected_body: None };
        kind(http, Err("`expected_status`: there is no status 7"));
        kind(CheckType::Tcp { host: " ".to_owned(), port: 1 }, Err("`host` must not be empty"));
        kind(CheckType::Tcp { host: "a".to_owned(), port: 0 }, Err("`port` must not be 0"));
        kind(CheckType::Script { path: PathBuf::new(), args: vec![] }, Err("`path` must not be empty"));
        kind(CheckType::Command { command: " ".to_owned(), args: vec![] }, Err("`command` must not be empty"));
    }

    #[test]
    fn timeout_beyond_the_interval_is_allowed_with_a_warning() {
        let mut config = HealthCheckConfig { check_type: CheckType::Liveness, ..HealthCheckConfig::default() };
        assert_eq!(config.warning(), None);
        config.timeout = Duration::from_secs(31);
        assert_eq!(config.validate(), Ok(()));
        assert_eq!(config.warning().as_deref(), Some("checks may take 31s and are due every 30s"));
    }
}
