//! Configuration as text.

use std::time::Duration;

use perilune_restart::{BackoffConfig, ConfigError, RestartConfig, RestartPolicy, RestartStrategy};
use proptest::prelude::*;

fn read(text: &str) -> Result<RestartConfig, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

#[test]
fn what_is_left_out_has_its_default() {
    assert_eq!(read("{}"), Ok(RestartConfig::default()));
    let backoff = read(r#"{"backoff": {"type": "exponential"}}"#).map(|config| config.backoff);
    assert_eq!(backoff, Ok(BackoffConfig::default()));
    let backoff = read(r#"{"backoff": {"type": "linear", "increment": "2s"}}"#).map(|config| config.backoff);
    let (initial_delay, max_delay) = (Duration::from_secs(1), Duration::from_secs(300));
    assert_eq!(backoff, Ok(BackoffConfig::Linear { initial_delay, increment: Duration::from_secs(2), max_delay }));
}

#[test]
fn the_defaults_are_these() {
    let written = serde_json::to_string(&RestartConfig::default()).unwrap();
    assert_eq!(
        written,
        concat!(
            r#"{"max_restarts":5,"restart_window":"1m","min_uptime":"30s","#,
            r#""backoff":{"type":"exponential","initial_delay":"1s","max_delay":"5m","multiplier":2.0},"#,
            r#""restart_on_success":false,"policy":"transient","max_consecutive":null,"success_exit_codes":[0],"#,
            r#""prevent_exit_codes":[],"jitter":0.0,"circuit_reset":null}"#,
        )
    );
}

#[test]
fn every_field_is_read() {
    let config = read(
        r#"{"max_restarts": "unlimited", "restart_window": "1m 30s", "min_uptime": "2m",
            "backoff": {"type": "fixed", "delay": "250ms"}, "restart_on_success": true, "policy": "permanent",
            "max_consecutive": 7, "success_exit_codes": [0, 1], "prevent_exit_codes": [-1], "jitter": 0.25,
            "circuit_reset": "1h"}"#,
    );
    let expected = RestartConfig {
        max_restarts: u32::MAX,
        restart_window: Duration::from_secs(90),
        min_uptime: Duration::from_secs(120),
        backoff: BackoffConfig::Fixed { delay: Duration::from_millis(250) },
        restart_on_success: true,
        policy: RestartPolicy::Permanent,
        max_consecutive: Some(7),
        success_exit_codes: vec![0, 1],
        prevent_exit_codes: vec![-1],
        jitter: 0.25,
        circuit_reset: Some(Duration::from_secs(3600)),
    };
    assert_eq!(read(&serde_json::to_string(&expected).unwrap()), Ok(expected.clone()));
    assert_eq!(config, Ok(expected));
}

#[test]
fn words_have_synonyms() {
    let check = |word: &str, expected| {
        assert_eq!(read(&format!(r#"{{"policy": "{word}"}}"#)).map(|config| config.policy), Ok(expected));
    };
    check("temporary", RestartPolicy::Temporary);
    check("never", RestartPolicy::Temporary);
    check("transient", RestartPolicy::Transient);
    check("on-failure", RestartPolicy::Transient);
    check("permanent", RestartPolicy::Permanent);
    check("always", RestartPolicy::Permanent);
    for (strategy, word) in [
        (RestartStrategy::OneForOne, r#""one_for_one""#),
        (RestartStrategy::OneForAll, r#""one_for_all""#),
        (RestartStrategy::RestForOne, r#""rest_for_one""#),
    ] {
        assert_eq!(serde_json::to_string(&strategy).unwrap(), word);
        assert_eq!(serde_json::from_str::<RestartStrategy>(word).unwrap(), strategy);
    }
}

#[test]
fn what_is_wrong_is_said() {
    let check = |text: &str, message: &str| {
        let error = read(text).unwrap_err();
        assert!(error.starts_with(message), "{text}: {error}");
    };
    check(r#"{"min_uptim": "5s"}"#, "unknown field `min_uptim`, expected one of `max_restarts`");
    check(r#"{"min_uptime": "5"}"#, "`5` is not a duration such as `5s` or `1m 30s`");
    check(r#"{"min_uptime": 5}"#, "invalid type: integer `5`, expected a duration such as `5s` or `1m 30s`");
    check(r#"{"circuit_reset": 5}"#, "invalid type: integer `5`, expected a duration such as `5s` or `1m 30s`");
    check(r#"{"circuit_reset": "soon"}"#, "`soon` is not a duration");
    check(r#"{"max_restarts": "many"}"#, "`many` is neither a number of restarts nor `unlimited`");
    check(r#"{"max_restarts": -1}"#, "`-1` is not a number of restarts");
    check(r#"{"max_restarts": 4294967296}"#, "`4294967296` restarts are more than can be counted");
    check(
        r#"{"max_restarts": 1.5}"#,
        "invalid type: floating point `1.5`, expected a number of restarts or `unlimited`",
    );
    check(
        r#"{"policy": "sometimes"}"#,
        "unknown variant `sometimes`, expected one of `never`, `temporary`, `on-failure`",
    );
    check(r#"{"backoff": {"delay": "5s"}}"#, "missing field `type`");
    check(r#"{"backoff": {"type": "fixed"}}"#, "missing field `delay`");
    check(r#"{"backoff": {"type": "fixed", "delay": 3}}"#, "invalid type: integer `3`, expected a duration");
    check(r#"{"backoff": {"type": "fixed", "delay": "3s", "wait": 1}}"#, "unknown field `wait`, expected `delay`");
    check(r#"{"backoff": {"type": "random"}}"#, "unknown variant `random`, expected one of `fixed`, `exponential`");
}

#[test]
fn numbers_that_make_no_sense_are_found() {
    let jittery = |jitter| RestartConfig { jitter, ..RestartConfig::default() }.validate();
    assert_eq!((jittery(0.0), jittery(1.0)), (Ok(()), Ok(())));
    for wrong in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        assert!(matches!(jittery(wrong), Err(ConfigError::Jitter { .. })), "{wrong}");
    }
    assert_eq!(jittery(1.5).unwrap_err().to_string(), "jitter `1.5` is not between 0 and 1");

    let config = read(r#"{"backoff": {"type": "exponential", "multiplier": 0.5}}"#).unwrap();
    assert_eq!(config.validate(), Err(ConfigError::Multiplier { multiplier: 0.5 }));
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(
        (max_restarts, policy) in (any::<u32>(), 0..3u32),
        durations in proptest::collection::vec((any::<u64>(), 0..1_000_000_000u32), 5),
        (kind, multiplier, jitter) in (0..3u32, 1.0..1e6f64, 0.0..=1.0f64),
        max_consecutive: Option<u32>,
        codes: Vec<i32>,
        (restart_on_success, circuit) in any::<(bool, bool)>(),
    ) {
        let duration = |at: usize| Duration::new(durations[at].0, durations[at].1);
        let (initial_delay, max_delay) = (duration(0), duration(1));
        let config = RestartConfig {
            max_restarts,
            restart_window: duration(2),
            min_uptime: duration(3),
            backoff: match kind {
                0 => BackoffConfig::Fixed { delay: initial_delay },
                1 => BackoffConfig::Exponential { initial_delay, max_delay, multiplier },
                _ => BackoffConfig::Linear { initial_delay, increment: duration(4), max_delay },
            },
            restart_on_success,
            policy: [RestartPolicy::Temporary, RestartPolicy::Transient, RestartPolicy::Permanent][policy as usize],
            max_consecutive,
            success_exit_codes: codes.clone(),
            prevent_exit_codes: codes,
            jitter,
            circuit_reset: circuit.then(|| duration(4)),
        };
        let written = serde_json::to_string(&config).unwrap();
        prop_assert_eq!(read(&written), Ok(config), "{}", written);
    }
}
