use std::fmt;
use std::time::Duration;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::jitter::jittered;
use crate::{BackoffConfig, ConfigError, Ended, RestartPolicy};

/// When something that ended is started again, after which wait, and when to give up.
///
/// In configuration every field may be left out, an unknown one is refused, and durations are text such as `5s` or
/// `1m 30s`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table of restart settings")]
pub struct RestartConfig {
    /// The most automatic restarts within any [`restart_window`](Self::restart_window). With 0 there are none;
    /// `u32::MAX`, in configuration `"unlimited"`, is no limit.
    #[serde(serialize_with = "write_limit", deserialize_with = "read_limit")]
    pub max_restarts: u32,
    /// How long a restart counts. The window slides.
    #[serde(with = "crate::duration")]
    pub restart_window: Duration,
    /// A run at least this long was a success: what failed before it is forgotten.
    #[serde(with = "crate::duration")]
    pub min_uptime: Duration,
    /// How long to wait before a restart.
    pub backoff: BackoffConfig,
    /// Makes [`RestartPolicy::Transient`] behave as [`RestartPolicy::Permanent`].
    pub restart_on_success: bool,
    /// After which ends to restart at all.
    pub policy: RestartPolicy,
    /// Gives up at so many ends in a row that call for a restart, whatever the window.
    pub max_consecutive: Option<u32>,
    /// The exit codes that are no failure. They decide about restarts and nothing else.
    pub success_exit_codes: Vec<i32>,
    /// After these exit codes there is no restart, whatever the policy.
    pub prevent_exit_codes: Vec<i32>,
    /// By which fraction of itself a delay may become shorter or longer, between 0 and 1.
    pub jitter: f64,
    /// How long after giving up one more run is tried. `None` means that only a person tries again.
    #[serde(with = "crate::duration::option")]
    pub circuit_reset: Option<Duration>,
}

impl Default for RestartConfig {
    /// After failures, at most 5 times in 60 s, with the default back-off and no jitter; 30 s make a success.
    fn default() -> Self {
        Self {
            max_restarts: 5,
            restart_window: Duration::from_secs(60),
            min_uptime: Duration::from_secs(30),
            backoff: BackoffConfig::default(),
            restart_on_success: false,
            policy: RestartPolicy::default(),
            max_consecutive: None,
            success_exit_codes: vec![0],
            prevent_exit_codes: Vec::new(),
            jitter: 0.0,
            circuit_reset: None,
        }
    }
}

impl RestartConfig {
    /// Whether the numbers make sense. Reading a configuration does not check it.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if !(0.0..=1.0).contains(&self.jitter) {
            return Err(ConfigError::Jitter { jitter: self.jitter });
        }
        self.backoff.validate()
    }

    /// Whether `ended` was a success by its exit code. Whoever died by a signal, or never started, has none.
    pub fn is_success(&self, ended: &Ended) -> bool {
        ended.signal.is_none() && ended.code.is_some_and(|code| self.success_exit_codes.contains(&code))
    }

    /// `delay` made shorter or longer at random, by at most the fraction [`jitter`](Self::jitter).
    ///
    /// `random` is between 0 and 1: 0 gives the shortest delay, 0.5 leaves it alone.
    pub fn jittered(&self, delay: Duration, random: f64) -> Duration {
        jittered(delay, self.jitter, random)
    }
}

const UNLIMITED: &str = "unlimited";

fn write_limit<S: Serializer>(limit: &u32, serializer: S) -> Result<S::Ok, S::Error> {
    match *limit {
        u32::MAX => serializer.serialize_str(UNLIMITED),
        limit => serializer.serialize_u32(limit),
    }
}

fn read_limit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    struct Limit;

    impl Visitor<'_> for Limit {
        type Value = u32;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number of restarts or `unlimited`")
        }

        fn visit_u64<E: Error>(self, limit: u64) -> Result<u32, E> {
            u32::try_from(limit).map_err(|_| E::custom(format_args!("`{limit}` restarts are more than can be counted")))
        }

        fn visit_i64<E: Error>(self, limit: i64) -> Result<u32, E> {
            match u64::try_from(limit) {
                Ok(limit) => self.visit_u64(limit),
                Err(_) => Err(E::custom(format_args!("`{limit}` is not a number of restarts"))),
            }
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<u32, E> {
            match text {
                UNLIMITED => Ok(u32::MAX),
                _ => Err(E::custom(format_args!("`{text}` is neither a number of restarts nor `{UNLIMITED}`"))),
            }
        }
    }

    deserializer.deserialize_any(Limit)
}
