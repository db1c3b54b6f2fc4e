use std::collections::BTreeMap;
use std::time::Duration;

use crate::error::ExecError;

/// A value in a configuration, whatever language that is written in.
#[derive(Clone, Debug, PartialEq)]
pub enum Setting {
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Number(i64),
    /// A text.
    Text(String),
    /// Several.
    List(Vec<Setting>),
    /// Several with names.
    Map(BTreeMap<String, Setting>),
}

/// What a configuration says about one executor. Reading a value of the wrong type is an error that names the key.
///
/// ```
/// use std::time::Duration;
///
/// use perilune_exec_api::{Setting, Settings};
///
/// let mut settings = Settings::default();
/// settings.set("stop_grace", Setting::Text("1m30s".to_owned()));
/// assert_eq!(settings.duration("stop_grace").unwrap(), Some(Duration::from_secs(90)));
/// assert_eq!(settings.text("default_work_dir").unwrap(), None);
/// assert!(settings.expect_only(&["timeout"]).unwrap_err().to_string().contains("stop_grace"));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings(BTreeMap<String, Setting>);

impl Settings {
    /// Sets one value.
    pub fn set(&mut self, key: impl Into<String>, value: Setting) {
        self.0.insert(key.into(), value);
    }

    /// The value itself.
    pub fn get(&self, key: &str) -> Option<&Setting> {
        self.0.get(key)
    }

    /// Refuses keys that nobody would read.
    pub fn expect_only(&self, known: &[&str]) -> Result<(), ExecError> {
        match self.0.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(ExecError::Invalid(format!("unknown setting `{key}`"))),
            None => Ok(()),
        }
    }

    /// A text.
    pub fn text(&self, key: &str) -> Result<Option<&str>, ExecError> {
        self.read(key, "a text", |value| match value {
            Setting::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// Yes or no.
    pub fn flag(&self, key: &str) -> Result<Option<bool>, ExecError> {
        self.read(key, "true or false", |value| match value {
            Setting::Flag(flag) => Some(*flag),
            _ => None,
        })
    }

    /// A whole number, not negative.
    pub fn count(&self, key: &str) -> Result<Option<u64>, ExecError> {
        self.read(key, "a whole number, not negative", |value| match value {
            Setting::Number(number) => u64::try_from(*number).ok(),
            _ => None,
        })
    }

    /// A length of time like `200ms`, `5s` or `1h30m`.
    pub fn duration(&self, key: &str) -> Result<Option<Duration>, ExecError> {
        self.read(key, "a duration like `5s`", |value| match value {
            Setting::Text(text) => parse_duration(text),
            _ => None,
        })
    }

    /// Several texts.
    pub fn texts(&self, key: &str) -> Result<Option<Vec<String>>, ExecError> {
        self.read(key, "a list of texts", |value| match value {
            Setting::List(list) => list
                .iter()
                .map(|item| match item {
                    Setting::Text(text) => Some(text.clone()),
                    _ => None,
                })
                .collect(),
            _ => None,
        })
    }

    /// Texts with names; numbers and flags count as their text.
    pub fn text_map(&self, key: &str) -> Result<Option<BTreeMap<String, String>>, ExecError> {
        self.read(key, "a map of texts", |value| match value {
            Setting::Map(map) => map
                .iter()
                .map(|(name, item)| {
                    let text = match item {
                        Setting::Text(text) => text.clone(),
                        Setting::Number(number) => number.to_string(),
                        Setting::Flag(flag) => flag.to_string(),
                        Setting::List(_) | Setting::Map(_) => return None,
                    };
                    Some((name.clone(), text))
                })
                .collect(),
            _ => None,
        })
    }

    fn read<'a, T>(
        &'a self,
        key: &str,
        wanted: &str,
        take: impl FnOnce(&'a Setting) -> Option<T>,
    ) -> Result<Option<T>, ExecError> {
        let Some(value) = self.0.get(key) else { return Ok(None) };
        take(value).map(Some).ok_or_else(|| ExecError::Invalid(format!("setting `{key}` must be {wanted}")))
    }
}

fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let unit = match &rest[..end] {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        total = total.checked_add(Duration::try_from_secs_f64(number * unit).ok()?)?;
        rest = &rest[end..];
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_with_units() {
        let check = |text, expected: Option<u64>| {
            assert_eq!(parse_duration(text), expected.map(Duration::from_millis), "{text:?}");
        };
        check("200ms", Some(200));
        check("1.5s", Some(1500));
        check("1h30m", Some(5_400_000));
        check(" 5s ", Some(5000));
        for wrong in ["", "5", "s", "5x", "-1s", "1..5s", "5 s", "999999999999999999999h"] {
            check(wrong, None);
        }
    }

    #[test]
    fn wrong_types_name_the_key() {
        let mut settings = Settings::default();
        settings.set("n", Setting::Number(-1));
        settings.set("list", Setting::List(vec![Setting::Flag(true)]));
        settings.set("env", Setting::Map([("A".to_owned(), Setting::Number(1))].into()));
        for error in [
            settings.count("n").unwrap_err(),
            settings.text("n").unwrap_err(),
            settings.flag("n").unwrap_err(),
            settings.duration("n").unwrap_err(),
            settings.text_map("n").unwrap_err(),
        ] {
            assert!(error.to_string().contains("`n`"), "{error}");
        }
        assert!(settings.texts("list").is_err());
        assert_eq!(settings.text_map("env").unwrap().unwrap()["A"], "1");
    }
}
