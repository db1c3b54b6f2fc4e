use std::time::Duration;

use perilune_lua_bindings::parse_duration;
use perilune_restart::{BackoffConfig, ConfigError, RestartConfig, RestartPolicy};

use super::definition::{Reader, text};
use super::id::EntryId;
use super::value::{ConfigData, ConfigValue, Position, ValueError};

/// `process.service`: a process that is kept running.
#[derive(Clone, Debug)]
pub struct Service {
    /// What it runs.
    pub process: EntryId,
    /// Where it runs. The host is one of its dependencies.
    pub host: Dependency,
    /// The arguments, as written.
    pub input: Vec<ConfigValue>,
    /// When it starts and ends, and what becomes of it when it fails.
    pub lifecycle: Lifecycle,
}

/// When something starts and ends, and what becomes of it when it fails.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Lifecycle {
    /// Whether it starts with the application.
    pub auto_start: bool,
    /// What has to run before it starts; `requires` is another name for the key.
    pub depends_on: Vec<Dependency>,
    /// What it means for the application that it cannot be started.
    pub startup: Startup,
    /// How long a start may take.
    pub start_timeout: Duration,
    /// How long it may take to end after it was asked to.
    pub stop_timeout: Duration,
    /// After which failures, when and how often it is started again. A run that lasts for `stable_threshold` is a
    /// success.
    pub restart: RestartConfig,
}

/// An entry that another one needs, and where it says so.
#[derive(Clone, Debug)]
pub struct Dependency {
    /// The entry.
    pub target: EntryId,
    /// Where it is written.
    pub position: Position,
}

/// What it means for the application that something cannot be started with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Startup {
    /// The application does not start either.
    #[default]
    Required,
    /// The application goes on without it.
    Optional,
}

impl Service {
    /// All it depends on, its host first.
    pub fn dependencies(&self) -> impl Iterator<Item = &Dependency> {
        std::iter::once(&self.host).chain(&self.lifecycle.depends_on)
    }
}

const KEY: &str = "lifecycle";
const RESTART: &str = "lifecycle.restart";

impl Reader {
    pub(super) fn service(&mut self, id: &EntryId, data: &ConfigValue) -> Service {
        let process = self.keep(data.required_string("process").map(Some)).cloned().unwrap_or_default();
        let host = self.keep(data.required_string("host").map(Some)).cloned().unwrap_or_default();
        let position = data.get("host").map_or(data.position, |value| value.position);
        Service {
            process: EntryId::resolve(&process, id.namespace()),
            host: Dependency { target: EntryId::resolve(&host, id.namespace()), position },
            input: self.keep(data.list("input")).unwrap_or_default().to_vec(),
            lifecycle: self.lifecycle(id, data),
        }
    }

    /// What `data` says under `lifecycle`, but for who it is that runs.
    pub(super) fn lifecycle(&mut self, id: &EntryId, data: &ConfigValue) -> Lifecycle {
        let none = ConfigValue::empty_map(data.position);
        let block = self.keep(data.map(KEY)).unwrap_or(&none);
        let mut depends_on = Vec::new();
        for key in ["depends_on", "requires"] {
            for item in self.keep(block.list(key).map_err(|error| error.within(KEY))).unwrap_or_default() {
                if let Some(name) = self.keep(text(item, &format!("{KEY}.{key}")).map(Some)) {
                    let target = EntryId::resolve(&name, id.namespace());
                    depends_on.push(Dependency { target, position: item.position });
                }
            }
        }
        let start_timeout =
            block.get("start_timeout").map_or(Ok(None), |value| match duration(block, "start_timeout") {
                Ok(Some(Duration::ZERO)) => {
                    Err(wrong(block, "start_timeout", value, "a duration above 0, such as 10s"))
                }
                other => other,
            });
        let mut time =
            |key, otherwise| self.keep(duration(block, key).map_err(|error| error.within(KEY))).unwrap_or(otherwise);
        let (stop_timeout, stable) = (time("stop_timeout", secs(10)), time("stable_threshold", secs(5)));
        Lifecycle {
            auto_start: self.keep(block.boolean("auto_start").map_err(|error| error.within(KEY))).unwrap_or(false),
            depends_on,
            startup: self.keep(startup(block).map_err(|error| error.within(KEY))).unwrap_or_default(),
            start_timeout: self.keep(start_timeout.map_err(|error| error.within(KEY))).unwrap_or(secs(10)),
            stop_timeout,
            restart: self.restart(block, stable),
        }
    }

    fn restart(&mut self, lifecycle: &ConfigValue, min_uptime: Duration) -> RestartConfig {
        let none = ConfigValue::empty_map(lifecycle.position);
        let block = self.keep(lifecycle.map("restart").map_err(|error| error.within(KEY))).unwrap_or(&none);
        let mut time = |key, otherwise| {
            self.keep(duration(block, key).map_err(|error| error.within(RESTART))).unwrap_or(otherwise)
        };
        let (initial_delay, max_delay) = (time("initial_delay", secs(1)), time("max_delay", secs(90)));
        let mut number = |key, otherwise, expected| {
            self.keep(float(block, key, expected).map_err(|error| error.within(RESTART))).unwrap_or(otherwise)
        };
        const FACTOR: &str = "a number from 1";
        const JITTER: &str = "a number between 0 and 1";
        let (multiplier, jitter) = (number("backoff_factor", 2.0, FACTOR), number("jitter", 0.1, JITTER));
        let attempts = block.count("max_attempts").and_then(|count| match count.map(u32::try_from) {
            Some(Err(_)) => Err(block.mismatch("max_attempts", "a whole number below 4294967296", "this number")),
            count => Ok(count.and_then(Result::ok)),
        });
        let attempts = self.keep(attempts.map_err(|error| error.within(RESTART)));
        let restart = RestartConfig {
            max_restarts: u32::MAX,
            min_uptime,
            backoff: BackoffConfig::Exponential { initial_delay, max_delay, multiplier },
            policy: RestartPolicy::Transient,
            max_consecutive: attempts.filter(|attempts| *attempts > 0),
            jitter,
            ..RestartConfig::default()
        };
        let problem = match restart.validate() {
            Ok(()) => return restart,
            Err(ConfigError::Jitter { .. }) => block.mismatch("jitter", JITTER, "this number"),
            Err(_) => block.mismatch("backoff_factor", FACTOR, "this number"),
        };
        self.keep::<()>(Err(problem.within(RESTART)));
        restart
    }
}

fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn duration(block: &ConfigValue, key: &str) -> Result<Option<Duration>, ValueError> {
    let Some(value) = block.get(key) else { return Ok(None) };
    let found = value.as_str().and_then(parse_duration);
    found.map(Some).ok_or_else(|| wrong(block, key, value, "a duration such as 10s or 1m30s"))
}

fn float(block: &ConfigValue, key: &str, expected: &'static str) -> Result<Option<f64>, ValueError> {
    match block.get(key).map(|value| (&value.data, value)) {
        None => Ok(None),
        Some((ConfigData::Integer(number), _)) => Ok(Some(*number as f64)),
        Some((ConfigData::Float(number), _)) => Ok(Some(*number)),
        Some((_, value)) => Err(wrong(block, key, value, expected)),
    }
}

fn startup(block: &ConfigValue) -> Result<Option<Startup>, ValueError> {
    let Some(value) = block.get("startup") else { return Ok(None) };
    match value.as_str() {
        Some("required") => Ok(Some(Startup::Required)),
        Some("optional") => Ok(Some(Startup::Optional)),
        _ => Err(wrong(block, "startup", value, "`required` or `optional`")),
    }
}

fn wrong(block: &ConfigValue, key: &str, value: &ConfigValue, expected: &'static str) -> ValueError {
    let found = if value.as_str().is_some() { "this text" } else { value.type_name() };
    block.mismatch(key, expected, found)
}

#[cfg(test)]
mod tests {
    use super::super::{Definition, parse_yaml};
    use super::*;

    fn parse(lines: &str) -> Result<Service, Vec<String>> {
        let text = format!("process: worker\nhost: other:host\n{lines}");
        let data = parse_yaml(&text).unwrap().unwrap();
        match Definition::parse(&EntryId::parse("app:service"), "process.service", &data) {
            Ok(Definition::Service(service)) => Ok(*service),
            Ok(other) => panic!("{other:?}"),
            Err(errors) => {
                let told =
                    |error: &ValueError| format!("{}:{} {error}", error.position().line, error.position().column);
                Err(errors.iter().map(told).collect())
            }
        }
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let service = parse("").unwrap();
        assert_eq!((service.process.as_str(), service.host.target.as_str()), ("app:worker", "other:host"));
        assert!(service.input.is_empty() && service.lifecycle.depends_on.is_empty());
        let Lifecycle { auto_start, startup, start_timeout, stop_timeout, restart, .. } = service.lifecycle;
        assert_eq!((auto_start, startup, start_timeout, stop_timeout), (false, Startup::Required, secs(10), secs(10)));
        assert_eq!((restart.min_uptime, restart.max_consecutive, restart.jitter), (secs(5), None, 0.1));
        let (initial_delay, max_delay) = (secs(1), secs(90));
        assert_eq!(restart.backoff, BackoffConfig::Exponential { initial_delay, max_delay, multiplier: 2.0 });
    }

    #[test]
    fn everything_is_read() {
        let service = parse(
            "input: [1, two]\nlifecycle:\n  auto_start: true\n  depends_on: [a]\n  requires: [b, c:d]\n  \
             startup: optional\n  start_timeout: 1s\n  stop_timeout: 2s\n  stable_threshold: 1m30s\n  restart:\n    \
             initial_delay: 10ms\n    max_delay: 1s\n    backoff_factor: 1\n    jitter: 0\n    max_attempts: 3\n",
        )
        .unwrap();
        assert_eq!(service.input.len(), 2);
        let ids: Vec<_> = service.dependencies().map(|dependency| dependency.target.to_string()).collect();
        assert_eq!(ids, ["other:host", "app:a", "app:b", "c:d"]);
        let Lifecycle { auto_start, startup, start_timeout, stop_timeout, restart, .. } = service.lifecycle;
        assert_eq!((auto_start, startup, start_timeout, stop_timeout), (true, Startup::Optional, secs(1), secs(2)));
        assert_eq!((restart.min_uptime, restart.max_consecutive, restart.jitter), (secs(90), Some(3), 0.0));
        assert_eq!(restart.backoff.delay_for_attempt(9), Duration::from_millis(10));
        assert_eq!(parse("lifecycle: {restart: {max_attempts: 0}}").unwrap().lifecycle.restart.max_consecutive, None);
    }

    #[test]
    fn everything_that_is_wrong_is_told_with_its_place() {
        let check = |lines: &str, expected: &str| assert_eq!(parse(lines).unwrap_err(), [expected], "{lines}");
        let time = "a duration such as 10s or 1m30s";
        check("input: 1", "3:8 needs a list as `input`, not a number");
        check("lifecycle: yes_", "3:12 needs a map as `lifecycle`, not a string");
        check("lifecycle: {auto_start: 1}", "3:25 needs true or false as `lifecycle.auto_start`, not a number");
        check("lifecycle: {depends_on: a}", "3:25 needs a list as `lifecycle.depends_on`, not a string");
        check("lifecycle: {requires: [1]}", "3:24 needs a non-empty string as `lifecycle.requires`, not a number");
        check(
            "lifecycle: {startup: maybe}",
            "3:22 needs `required` or `optional` as `lifecycle.startup`, not this text",
        );
        check("lifecycle: {stop_timeout: 5}", &format!("3:27 needs {time} as `lifecycle.stop_timeout`, not a number"));
        check(
            "lifecycle: {stable_threshold: '5'}",
            &format!("3:31 needs {time} as `lifecycle.stable_threshold`, not this text"),
        );
        check(
            "lifecycle: {start_timeout: 0s}",
            "3:28 needs a duration above 0, such as 10s as `lifecycle.start_timeout`, not this text",
        );
        let restart = |inner: &str| format!("lifecycle: {{restart: {{{inner}}}}}");
        check(
            &restart("max_delay: -1s"),
            &format!("3:34 needs {time} as `lifecycle.restart.max_delay`, not this text"),
        );
        check(
            &restart("backoff_factor: 0.5"),
            "3:39 needs a number from 1 as `lifecycle.restart.backoff_factor`, not this number",
        );
        check(
            &restart("backoff_factor: .inf"),
            "3:39 needs a number from 1 as `lifecycle.restart.backoff_factor`, not this number",
        );
        check(
            &restart("jitter: 1.5"),
            "3:31 needs a number between 0 and 1 as `lifecycle.restart.jitter`, not this number",
        );
        check(
            &restart("jitter: much"),
            "3:31 needs a number between 0 and 1 as `lifecycle.restart.jitter`, not this text",
        );
        check(
            &restart("max_attempts: -1"),
            "3:37 needs a whole number from 0 as `lifecycle.restart.max_attempts`, not this number",
        );
        check(
            &restart("max_attempts: 4294967296"),
            "3:37 needs a whole number below 4294967296 as `lifecycle.restart.max_attempts`, not this number",
        );
    }
}
