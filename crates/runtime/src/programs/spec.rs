//! Specs as scripts write them.

use perilune_actor_core::{Failure, Value};
use perilune_exec_api::EnvMode;
use perilune_supervisor::SupervisionOptions;
use perilune_supervisor::process::ProcessSpec;
use perilune_supervisor::shutdown::KillScope;
use serde::Deserialize;

use super::reader::{Reader, Wrong, unknown_key};
use crate::application::{ConfigData, ConfigValue};
use crate::registry::{invalid, read_config};

/// What a spec may say.
const KEYS: &[&str] =
    &["name", "command", "args", "cwd", "env", "instances", "restart", "health", "log", "shutdown", "supervision"];

/// Reads a spec, and what goes with it.
///
/// # Errors
/// `Invalid`, naming the key.
pub(super) fn read(spec: &Value) -> Result<(ProcessSpec, SupervisionOptions), Failure> {
    let spec = read_config("spec", spec).map_err(|problem| invalid(format!("the spec {problem}")))?;
    let ConfigData::Map(mut pairs) = spec.data else { return Err(invalid("the spec must have names as keys")) };
    if let Some((key, _)) = pairs.iter().find(|(key, _)| !KEYS.contains(&&*key.text)) {
        return Err(invalid(unknown_key(&key.text, KEYS).to_string()));
    }
    if let Some((_, env)) = pairs.iter_mut().find(|(key, _)| &*key.text == "env") {
        write_out(env);
    }
    let (supervision, rest): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(key, _)| &*key.text == "supervision");
    let wrong = |wrong: Wrong| invalid(wrong.to_string());
    let spec = ProcessSpec::deserialize(Reader(&ConfigData::Map(rest))).map_err(wrong)?;
    let options = supervision.into_iter().next().map_or(ConfigData::Map(Vec::new()), |(_, value)| value.data);
    let options = read_options(&options).map_err(|error| wrong(error.within("supervision")))?;
    spec.validate().map_err(|error| invalid(error.to_string()))?;
    check(&spec, &options)?;
    Ok((spec, options))
}

/// Variables may be numbers and booleans, as those of a program that is run once.
fn write_out(env: &mut ConfigValue) {
    let ConfigData::Map(variables) = &mut env.data else { return };
    for (_, value) in variables {
        if let ConfigData::Bool(flag) = value.data {
            value.data = ConfigData::String(flag.to_string().into());
        }
    }
}

/// What a script does not say is as for programs that it runs once: none of the variables of this program.
fn read_options(data: &ConfigData) -> Result<SupervisionOptions, Wrong> {
    let said = |name: &str| match data {
        ConfigData::Map(pairs) => pairs.iter().any(|(key, _)| &*key.text == name),
        _ => false,
    };
    if said("autostart") {
        let text = "`autostart` means nothing here: a script starts what it has added";
        return Err(serde::de::Error::custom(text));
    }
    let mut options = SupervisionOptions::deserialize(Reader(data))?;
    if !said("env_mode") {
        options.env_mode = EnvMode::Clean;
    }
    if !said("strip_sensitive_env") {
        options.strip_sensitive_env = true;
    }
    Ok(options)
}

/// Nothing that a program starts may outlive whoever keeps it.
fn check(spec: &ProcessSpec, options: &SupervisionOptions) -> Result<(), Failure> {
    let kept = [
        (options.die_with_runtime, "supervision.die_with_runtime"),
        (spec.shutdown.kill_on_drop, "shutdown.kill_on_drop"),
        (spec.shutdown.sweep_on_exit, "shutdown.sweep_on_exit"),
        (spec.shutdown.force_kill, "shutdown.force_kill"),
    ];
    if let Some((_, key)) = kept.iter().find(|(kept, _)| !kept) {
        return Err(invalid(format!("`{key}` must be true: programs end with the process that keeps them")));
    }
    if spec.shutdown.kill_scope == KillScope::Leader {
        let text = "`shutdown.kill_scope` must be `group` or `mixed`: programs end with the process that keeps them";
        return Err(invalid(text));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn map<const N: usize>(pairs: [(&str, Value); N]) -> Value {
        pairs.into_iter().map(|(key, value)| (Value::from(key), value)).collect()
    }

    fn with(key: &str, value: Value) -> Value {
        map([("name", "a".into()), ("command", "sh".into()), (key, value)])
    }

    fn list<const N: usize>(items: [&str; N]) -> Value {
        items.map(Value::from).to_vec().into()
    }

    #[test]
    fn every_part_of_a_spec_is_read() {
        let spec = map([
            ("name", "agent".into()),
            ("command", "sh".into()),
            ("args", Value::from(vec!["-c".into(), Value::Number(5.0), Value::Number(0.5)])),
            ("cwd", "/".into()),
            ("env", map([("A", Value::Number(7.0)), ("B", true.into()), ("C", "c".into())])),
            ("instances", Value::Number(3.0)),
            ("restart", map([("backoff", map([("type", "fixed".into()), ("delay", "50ms".into())]))])),
            ("health", map([("type", "command".into()), ("command", "true".into()), ("args", map([]))])),
            ("log", map([("rotation", map([("max_size", "1MB".into())]))])),
            ("shutdown", map([("timeout", "2s".into()), ("kill_scope", "mixed".into())])),
            (
                "supervision",
                map([
                    ("depends_on", Value::from(vec!["x".into(), map([("name", "y".into())])])),
                    ("readiness", map([("log_line", "^ready".into())])),
                    ("env_mode", map([("allow", list(["HOME"]))])),
                    ("max_memory", "1GB".into()),
                ]),
            ),
        ]);
        let (spec, options) = read(&spec).unwrap();
        assert_eq!((spec.args, spec.instances), (vec!["-c".into(), "5".into(), "0.5".into()], 3));
        let mut env: Vec<_> = spec.env.into_iter().collect();
        env.sort();
        let expected = [("A", "7"), ("B", "true"), ("C", "c")].map(|(name, value)| (name.into(), value.into()));
        assert_eq!(env, expected);
        assert_eq!(spec.shutdown.timeout, Duration::from_secs(2));
        assert_eq!(options.depends_on.len(), 2);
        assert_eq!(options.env_mode, EnvMode::Allow(vec!["HOME".into()]));
        assert_eq!(options.max_memory, Some(1 << 30));
        assert!(options.strip_sensitive_env);
    }

    #[test]
    fn a_program_of_a_script_has_a_clean_environment() {
        let (_, options) = read(&with("args", list([]))).unwrap();
        assert_eq!((options.env_mode, options.strip_sensitive_env), (EnvMode::Clean, true));
        let (_, options) = read(&with("supervision", map([("env_mode", "inherit".into())]))).unwrap();
        assert_eq!((options.env_mode, options.strip_sensitive_env), (EnvMode::Inherit, true));
    }

    fn check(spec: Value, expected: &str) {
        let failure = read(&spec).unwrap_err();
        assert_eq!(failure.kind, perilune_actor_core::ErrorKind::Invalid);
        assert!(failure.message.contains(expected), "{}", failure.message);
    }

    #[test]
    fn what_is_wrong_is_named() {
        check(map([("name", "a".into())]), "missing field `command`");
        check(list(["a"]), "the spec must have names as keys");
        check(with("comand", "x".into()), "unknown key `comand`; did you mean `command`?");
        check(with("id", "x".into()), "unknown key `id`");
        check(with("credentials", map([])), "unknown key `credentials`");
        let restart = map([("max_restart", Value::Number(1.0))]);
        check(with("restart", restart), "unknown key `restart.max_restart`; did you mean `max_restarts`?");
        let restart = map([("restart_window", Value::Number(5.0))]);
        check(with("restart", restart), "`restart.restart_window`: `5` is not a duration");
        check(with("args", Value::from(vec!["a".into(), true.into()])), "`args.2`: invalid type: boolean `true`");
        check(with("instances", Value::Number(-1.0)), "`instances`: invalid value: integer `-1`");
        check(with("instances", Value::Number(1.5)), "`instances`: invalid type: floating point `1.5`");
        check(with("args", Value::Buffer(Box::default())), "the spec cannot hold what is in `spec.args`");
        check(with("cwd", Value::String(b"\xff"[..].into())), "text that is not UTF-8: `spec.cwd`");
        check(map([("name", "a/b".into()), ("command", "sh".into())]), "contains a `/`");
        let nice = map([("nice", Value::Number(99.0))]);
        check(with("supervision", nice), "`supervision`: `nice` must be from -20 to 19, not 99");
        let misspelt = map([("readines", "healthy".into())]);
        check(with("supervision", misspelt), "unknown key `supervision.readines`; did you mean `readiness`?");
        check(with("supervision", map([("autostart", true.into())])), "`autostart` means nothing here");
    }

    #[test]
    fn nothing_outlives_who_keeps_it() {
        check(with("supervision", map([("die_with_runtime", false.into())])), "`supervision.die_with_runtime` must be");
        for key in ["kill_on_drop", "sweep_on_exit", "force_kill"] {
            check(with("shutdown", map([(key, false.into())])), &format!("`shutdown.{key}` must be true"));
        }
        check(with("shutdown", map([("kill_scope", "leader".into())])), "`shutdown.kill_scope` must be `group` or");
    }
}
