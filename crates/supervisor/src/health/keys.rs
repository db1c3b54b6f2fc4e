//! Settings of checks as they are written.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error};

use super::{CheckType, HealthCheckConfig, OnUnhealthy};

/// All keys of all kinds of checks side by side: with the kind flattened, serde would accept any other key as well.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table of health settings")]
struct Keys {
    #[serde(rename = "type")]
    kind: Kind,
    url: Option<String>,
    expected_status: Option<Vec<u16>>,
    expected_body: Option<String>,
    host: Option<String>,
    port: Option<u16>,
    path: Option<PathBuf>,
    command: Option<String>,
    args: Option<Vec<String>>,
    #[serde(with = "perilune_restart::duration")]
    interval: Duration,
    #[serde(with = "perilune_restart::duration")]
    timeout: Duration,
    #[serde(alias = "retries")]
    unhealthy_threshold: u32,
    healthy_threshold: u32,
    #[serde(with = "perilune_restart::duration")]
    initial_delay: Duration,
    #[serde(with = "perilune_restart::duration")]
    start_period: Duration,
    #[serde(with = "perilune_restart::duration::option")]
    start_interval: Option<Duration>,
    on_unhealthy: OnUnhealthy,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    #[default]
    None,
    Http,
    Tcp,
    Script,
    #[serde(alias = "exec")]
    Command,
    Liveness,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Http => "http",
            Self::Tcp => "tcp",
            Self::Script => "script",
            Self::Command => "command",
            Self::Liveness => "liveness",
        }
    }

    fn takes(self) -> &'static [&'static str] {
        match self {
            Self::Http => &["url", "expected_status", "expected_body"],
            Self::Tcp => &["host", "port"],
            Self::Script => &["path", "args"],
            Self::Command => &["command", "args"],
            Self::None | Self::Liveness => &[],
        }
    }
}

impl Default for Keys {
    fn default() -> Self {
        let HealthCheckConfig {
            check_type: _,
            interval,
            timeout,
            unhealthy_threshold,
            healthy_threshold,
            initial_delay,
            start_period,
            start_interval,
            on_unhealthy,
        } = HealthCheckConfig::default();
        Self {
            kind: Kind::None,
            url: None,
            expected_status: None,
            expected_body: None,
            host: None,
            port: None,
            path: None,
            command: None,
            args: None,
            interval,
            timeout,
            unhealthy_threshold,
            healthy_threshold,
            initial_delay,
            start_period,
            start_interval,
            on_unhealthy,
        }
    }
}

impl<'de> Deserialize<'de> for HealthCheckConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Keys::deserialize(deserializer)?.into_config().map_err(D::Error::custom)
    }
}

impl Keys {
    fn into_config(self) -> Result<HealthCheckConfig, String> {
        let kind = self.kind;
        let given = [
            ("url", self.url.is_some()),
            ("expected_status", self.expected_status.is_some()),
            ("expected_body", self.expected_body.is_some()),
            ("host", self.host.is_some()),
            ("port", self.port.is_some()),
            ("path", self.path.is_some()),
            ("command", self.command.is_some()),
            ("args", self.args.is_some()),
        ];
        if let Some((key, _)) = given.iter().find(|(key, given)| *given && !kind.takes().contains(key)) {
            return Err(format!("a check of type `{}` takes no `{key}`", kind.name()));
        }
        let check_type = match kind {
            Kind::None => CheckType::None,
            Kind::Http => CheckType::Http {
                url: needed(kind, "url", self.url)?,
                expected_status: self.expected_status.unwrap_or_default(),
                expected_body: self.expected_body,
            },
            Kind::Tcp => {
                CheckType::Tcp { host: needed(kind, "host", self.host)?, port: needed(kind, "port", self.port)? }
            }
            Kind::Script => {
                CheckType::Script { path: needed(kind, "path", self.path)?, args: self.args.unwrap_or_default() }
            }
            Kind::Command => CheckType::Command {
                command: needed(kind, "command", self.command)?,
                args: self.args.unwrap_or_default(),
            },
            Kind::Liveness => CheckType::Liveness,
        };
        Ok(HealthCheckConfig {
            check_type,
            interval: self.interval,
            timeout: self.timeout,
            unhealthy_threshold: self.unhealthy_threshold,
            healthy_threshold: self.healthy_threshold,
            initial_delay: self.initial_delay,
            start_period: self.start_period,
            start_interval: self.start_interval,
            on_unhealthy: self.on_unhealthy,
        })
    }
}

fn needed<T>(kind: Kind, key: &str, value: Option<T>) -> Result<T, String> {
    value.ok_or_else(|| format!("a check of type `{}` needs `{key}`", kind.name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<HealthCheckConfig, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    fn check(text: &str, expected: CheckType) {
        assert_eq!(read(text).map(|config| config.check_type), Ok(expected), "{text}");
    }

    fn refused(text: &str, expected: &str) {
        let error = read(text).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
    }

    #[test]
    fn each_kind_has_its_keys() {
        check("", CheckType::None);
        check("type = 'none'", CheckType::None);
        check("type = 'liveness'", CheckType::Liveness);
        check("type = 'tcp'\nhost = 'localhost'\nport = 80", CheckType::Tcp { host: "localhost".to_owned(), port: 80 });
        check(
            "type = 'http'\nurl = 'http://a/'",
            CheckType::Http { url: "http://a/".to_owned(), expected_status: vec![], expected_body: None },
        );
        check(
            "type = 'http'\nurl = 'http://a/'\nexpected_status = [200, 204]\nexpected_body = 'ok'",
            CheckType::Http {
                url: "http://a/".to_owned(),
                expected_status: vec![200, 204],
                expected_body: Some("ok".to_owned()),
            },
        );
        check(
            "type = 'script'\npath = '/bin/check'\nargs = ['-v']",
            CheckType::Script { path: "/bin/check".into(), args: vec!["-v".to_owned()] },
        );
        for name in ["command", "exec"] {
            let text = format!("type = '{name}'\ncommand = 'true'");
            check(&text, CheckType::Command { command: "true".to_owned(), args: vec![] });
        }
    }

    #[test]
    fn other_keys_have_defaults_and_an_alias() {
        let config = read("type = 'liveness'\ninterval = '1m 30s'\nretries = 5\nstart_interval = '200ms'").unwrap();
        let expected = HealthCheckConfig {
            check_type: CheckType::Liveness,
            interval: Duration::from_secs(90),
            unhealthy_threshold: 5,
            start_interval: Some(Duration::from_millis(200)),
            ..HealthCheckConfig::default()
        };
        assert_eq!(config, expected);
    }

    #[test]
    fn missing_key_is_named() {
        refused("type = 'http'", "a check of type `http` needs `url`");
        refused("type = 'tcp'\nhost = 'a'", "a check of type `tcp` needs `port`");
        refused("type = 'script'", "a check of type `script` needs `path`");
        refused("type = 'exec'", "a check of type `command` needs `command`");
    }

    #[test]
    fn unknown_key_is_an_error_with_its_place() {
        refused("type = 'liveness'\nintervall = '1s'", "unknown field `intervall`");
        let error = toml::from_str::<HealthCheckConfig>("type = 'liveness'\nintervall = '1s'").unwrap_err();
        assert!(error.to_string().contains("line 2, column 1"), "{error}");
        assert!(serde_json::from_str::<HealthCheckConfig>(r#"{"type": "tcp", "hosts": "a"}"#).is_err());
    }

    #[test]
    fn key_of_another_kind_is_an_error() {
        refused("type = 'tcp'\nhost = 'a'\nport = 1\nurl = 'http://a/'", "a check of type `tcp` takes no `url`");
        refused("port = 80", "a check of type `none` takes no `port`");
    }

    #[test]
    fn unknown_kind_is_an_error() {
        refused("type = 'grpc'", "unknown variant `grpc`");
    }

    #[test]
    fn config_reads_as_it_writes() {
        for text in [
            "",
            "type = 'http'\nurl = 'http://a/'\nexpected_body = 'ok'\non_unhealthy = 'report'",
            "type = 'tcp'\nhost = 'a'\nport = 1\nstart_interval = '1s'",
            "type = 'script'\npath = '/x'",
            "type = 'command'\ncommand = 'x'\nargs = ['y']\ntimeout = '1ms'",
            "type = 'liveness'",
        ] {
            let config = read(text).unwrap();
            let json = serde_json::to_string(&config).unwrap();
            assert_eq!(serde_json::from_str::<HealthCheckConfig>(&json).unwrap(), config, "{json}");
        }
    }
}
