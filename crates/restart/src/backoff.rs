use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ConfigError;

/// How long to wait before a restart, and how the wait grows from failure to failure.
///
/// Configuration names the kind as `type`: `fixed`, `exponential` or `linear`.
///
/// ```
/// use std::time::Duration;
/// use perilune_restart::BackoffConfig;
///
/// let backoff = BackoffConfig::Linear {
///     initial_delay: Duration::from_secs(1),
///     increment: Duration::from_secs(2),
///     max_delay: Duration::from_secs(4),
/// };
/// let delays = [1, 2, 3, 4].map(|attempt| backoff.delay_for_attempt(attempt).as_secs());
/// assert_eq!(delays, [1, 3, 4, 4]);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "snake_case",
    deny_unknown_fields,
    expecting = "a table with `type` and the delays of a back-off"
)]
pub enum BackoffConfig {
    /// Always the same.
    Fixed {
        /// The wait.
        #[serde(with = "crate::duration")]
        delay: Duration,
    },
    /// Each wait a multiple of the one before.
    Exponential {
        /// The first wait.
        #[serde(with = "crate::duration", default = "initial_delay")]
        initial_delay: Duration,
        /// No wait is longer, not even the first.
        #[serde(with = "crate::duration", default = "max_delay")]
        max_delay: Duration,
        /// By how much a wait is longer than the one before; at least 1.
        #[serde(default = "multiplier")]
        multiplier: f64,
    },
    /// Each wait longer than the one before by the same amount.
    Linear {
        /// The first wait.
        #[serde(with = "crate::duration", default = "initial_delay")]
        initial_delay: Duration,
        /// By how much a wait is longer than the one before.
        #[serde(with = "crate::duration")]
        increment: Duration,
        /// No wait is longer, not even the first.
        #[serde(with = "crate::duration", default = "max_delay")]
        max_delay: Duration,
    },
}

impl Default for BackoffConfig {
    /// Exponential: 1 s at first, then twice the wait before, at most 300 s.
    fn default() -> Self {
        Self::Exponential { initial_delay: initial_delay(), max_delay: max_delay(), multiplier: multiplier() }
    }
}

impl BackoffConfig {
    /// The wait before restart number `attempt`, counted from 1; 0 is taken for 1.
    ///
    /// A later attempt never waits less. Every attempt of every configuration has an answer: what does not fit into
    /// a [`Duration`] is cut off there, and a multiplier that [`validate`](Self::validate) refuses because it is
    /// below 1 or not a number counts as 1.
    pub fn delay_for_attempt(&self, attempt: u32) -> Duration {
        let earlier = attempt.saturating_sub(1);
        match *self {
            Self::Fixed { delay } => delay,
            Self::Exponential { initial_delay, max_delay, multiplier } => {
                grown(initial_delay, multiplier, earlier).min(max_delay)
            }
            Self::Linear { initial_delay, increment, max_delay } => {
                initial_delay.saturating_add(increment.saturating_mul(earlier)).min(max_delay)
            }
        }
    }

    /// Whether the numbers make sense.
    pub fn validate(&self) -> Result<(), ConfigError> {
        match *self {
            Self::Exponential { multiplier, .. } if !(multiplier >= 1.0 && multiplier.is_finite()) => {
                Err(ConfigError::Multiplier { multiplier })
            }
            _ => Ok(()),
        }
    }
}

fn grown(initial: Duration, multiplier: f64, times: u32) -> Duration {
    if initial.is_zero() || times == 0 || multiplier.is_nan() || multiplier <= 1.0 {
        return initial;
    }
    let nanos = initial.as_nanos() as f64 * multiplier.powf(f64::from(times));
    // A float holds fewer digits than a duration: rounding must not undercut what came before.
    from_nanos(nanos).max(initial)
}

/// Saturates at both ends.
pub(crate) fn from_nanos(nanos: f64) -> Duration {
    const PER_SECOND: u128 = 1_000_000_000;
    let nanos = nanos as u128;
    match u64::try_from(nanos / PER_SECOND) {
        Ok(secs) => Duration::new(secs, (nanos % PER_SECOND) as u32),
        Err(_) => Duration::MAX,
    }
}

fn initial_delay() -> Duration {
    Duration::from_secs(1)
}

fn max_delay() -> Duration {
    Duration::from_secs(300)
}

fn multiplier() -> f64 {
    2.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seconds(backoff: &BackoffConfig, attempts: impl IntoIterator<Item = u32>) -> Vec<u64> {
        attempts.into_iter().map(|attempt| backoff.delay_for_attempt(attempt).as_secs()).collect()
    }

    fn exponential(initial: u64, max: u64, multiplier: f64) -> BackoffConfig {
        BackoffConfig::Exponential {
            initial_delay: Duration::from_secs(initial),
            max_delay: Duration::from_secs(max),
            multiplier,
        }
    }

    #[test]
    fn each_kind_grows_in_its_own_way() {
        let fixed = BackoffConfig::Fixed { delay: Duration::from_secs(7) };
        assert_eq!(seconds(&fixed, [0, 1, 2, u32::MAX]), [7; 4]);

        assert_eq!(seconds(&exponential(1, 60, 2.0), 0..=10), [1, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
        assert_eq!(seconds(&BackoffConfig::default(), 1..=10), [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);

        let linear = BackoffConfig::Linear {
            initial_delay: Duration::from_secs(1),
            increment: Duration::from_secs(2),
            max_delay: Duration::from_secs(10),
        };
        assert_eq!(seconds(&linear, 0..=7), [1, 1, 3, 5, 7, 9, 10, 10]);
    }

    #[test]
    fn fractions_are_exact_to_the_nanosecond() {
        let backoff = BackoffConfig::Exponential {
            initial_delay: Duration::from_millis(100),
            max_delay: Duration::MAX,
            multiplier: 1.5,
        };
        assert_eq!(backoff.delay_for_attempt(3), Duration::from_millis(225));
        assert_eq!(backoff.delay_for_attempt(4), Duration::from_micros(337_500));
    }

    #[test]
    fn the_cap_holds_for_the_first_wait() {
        assert_eq!(seconds(&exponential(90, 60, 2.0), [1, 2]), [60, 60]);
    }

    #[test]
    fn what_cannot_be_held_is_cut_off() {
        let most = exponential(u64::MAX, u64::MAX, f64::MAX);
        assert_eq!(most.delay_for_attempt(u32::MAX), Duration::from_secs(u64::MAX));
        let nothing = exponential(0, 60, 2.0);
        assert_eq!(nothing.delay_for_attempt(u32::MAX), Duration::ZERO);
        let endless = BackoffConfig::Exponential {
            initial_delay: Duration::from_nanos(1),
            max_delay: Duration::MAX,
            multiplier: 2.0,
        };
        assert_eq!(endless.delay_for_attempt(u32::MAX), Duration::MAX);
    }

    #[test]
    fn a_multiplier_that_does_not_grow_is_an_error() {
        for wrong in [0.99, 0.0, -2.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let backoff = exponential(1, 60, wrong);
            assert!(matches!(backoff.validate(), Err(ConfigError::Multiplier { .. })), "{wrong}");
            assert!(backoff.delay_for_attempt(5) >= Duration::from_secs(1), "{wrong}");
        }
        assert_eq!(exponential(1, 60, 1.0).validate(), Ok(()));
        assert_eq!(
            exponential(1, 60, 0.5).validate().unwrap_err().to_string(),
            "multiplier `0.5` is not a finite number of at least 1"
        );
    }

    fn durations() -> impl Strategy<Value = Duration> {
        prop_oneof![
            (0..1_000_000u64).prop_map(Duration::from_micros),
            (any::<u64>(), 0..1_000_000_000u32).prop_map(|(secs, nanos)| Duration::new(secs, nanos)),
            Just(Duration::ZERO),
            Just(Duration::MAX),
        ]
    }

    fn backoffs() -> impl Strategy<Value = BackoffConfig> {
        prop_oneof![
            durations().prop_map(|delay| BackoffConfig::Fixed { delay }),
            (durations(), durations(), prop_oneof![1.0..4.0f64, Just(1.0), any::<f64>()]).prop_map(
                |(initial_delay, max_delay, multiplier)| {
                    BackoffConfig::Exponential { initial_delay, max_delay, multiplier }
                }
            ),
            (durations(), durations(), durations()).prop_map(|(initial_delay, increment, max_delay)| {
                BackoffConfig::Linear { initial_delay, increment, max_delay }
            }),
        ]
    }

    proptest! {
        #[test]
        fn a_later_attempt_never_waits_less(
            backoff in backoffs(),
            attempt in prop_oneof![0..100u32, any::<u32>()],
            more in prop_oneof![0..3u32, any::<u32>()],
        ) {
            let later = attempt.saturating_add(more);
            prop_assert!(backoff.delay_for_attempt(attempt) <= backoff.delay_for_attempt(later));
        }
    }
}
