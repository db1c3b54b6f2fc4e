use std::sync::Arc;

use perilune_actor_core::{Failure, Value};
use perilune_lua_bindings::{Effort, Filter};
use regex::{Regex, RegexBuilder};

use super::{Version, invalid};
use crate::application::{ConfigData, ConfigValue, Entry};

/// So many entries are looked at in a tenth of a millisecond.
const FEW: usize = 5000;
/// What a regular expression may take, as text and when compiled.
const PATTERN_LIMIT: usize = 4096;
const REGEX_LIMIT: usize = 1 << 20;

/// What it takes to find what fits.
pub(super) fn effort(version: &Version, filter: &Filter) -> Effort {
    if filter.iter().any(|(key, _)| key.starts_with('~')) {
        return Effort::Any;
    }
    let is_narrow = filter.iter().any(|(key, _)| key == ".id");
    if is_narrow || version.entries.len() <= FEW { Effort::Little } else { Effort::Much }
}

/// The ids of the entries for which every condition holds.
pub(super) fn find(version: &Version, filter: &Filter) -> Result<Vec<Arc<str>>, Failure> {
    let conditions: Result<Vec<_>, _> = filter.iter().filter_map(|(key, value)| Condition::read(key, value)).collect();
    let conditions = conditions?;
    let fits = |entry: &Entry| conditions.iter().all(|condition| condition.holds(entry));
    let exactly = |wanted: &Field| {
        conditions.iter().find_map(|condition| match &condition.comparison {
            Comparison::Equals(Scalar::Text(text)) if condition.field == *wanted => Some(text.as_str()),
            _ => None,
        })
    };
    if let Some(id) = exactly(&Field::Id) {
        let found = version.entry(id).filter(|entry| fits(entry));
        return Ok(found.into_iter().map(|entry| entry.id.shared()).collect());
    }
    if let Some(namespace) = exactly(&Field::Namespace).filter(|namespace| !namespace.is_empty()) {
        // All ids that begin so stand together.
        let prefix = format!("{namespace}:");
        let near = version.entries.from(&prefix).take_while(|(id, _)| id.as_str().starts_with(&prefix));
        return Ok(near.filter(|(_, entry)| fits(entry)).map(|(id, _)| id.shared()).collect());
    }
    Ok(version.entries().filter(|entry| fits(entry)).map(|entry| entry.id.shared()).collect())
}

struct Condition {
    field: Field,
    comparison: Comparison,
}

#[derive(PartialEq)]
enum Field {
    Kind,
    Name,
    Namespace,
    Id,
    /// Keys, from the outside inwards.
    Meta(Vec<String>),
}

enum Comparison {
    Equals(Scalar),
    Matches(Box<Regex>),
    Contains(String),
    StartsWith(String),
    EndsWith(String),
}

enum Scalar {
    Text(String),
    Number(f64),
    Boolean(bool),
}

impl Condition {
    /// `None` for keys that mean nothing.
    fn read(key: &str, value: &Value) -> Option<Result<Self, Failure>> {
        let (prefix, name) = match key.chars().next()? {
            prefix @ ('~' | '*' | '^' | '$') => (Some(prefix), &key[1..]),
            _ => (None, key),
        };
        let field = match name {
            ".kind" => Field::Kind,
            ".name" => Field::Name,
            ".ns" => Field::Namespace,
            ".id" => Field::Id,
            _ => Field::Meta(name.strip_prefix("meta.")?.split('.').map(str::to_owned).collect()),
        };
        Some(Self::compare(key, prefix, field, value))
    }

    fn compare(key: &str, prefix: Option<char>, field: Field, value: &Value) -> Result<Self, Failure> {
        let is_text = prefix.is_some() || !matches!(field, Field::Meta(_));
        let scalar = match value {
            Value::String(_) => match value.as_str() {
                Some(text) => Scalar::Text(text.to_owned()),
                None => return Err(invalid(format!("filter `{key}` is not valid UTF-8"))),
            },
            Value::Boolean(value) if !is_text => Scalar::Boolean(*value),
            value => match value.as_f64() {
                Some(number) if is_text => Scalar::Text(number.to_string()),
                Some(number) => Scalar::Number(number),
                None if is_text => return Err(invalid(format!("filter `{key}` needs a string"))),
                None => return Err(invalid(format!("filter `{key}` needs a string, a number or a boolean"))),
            },
        };
        let comparison = match (prefix, scalar) {
            (Some('~'), Scalar::Text(pattern)) => Comparison::Matches(Box::new(compile(key, &pattern)?)),
            (Some('*'), Scalar::Text(text)) => Comparison::Contains(text),
            (Some('^'), Scalar::Text(text)) => Comparison::StartsWith(text),
            (Some('$'), Scalar::Text(text)) => Comparison::EndsWith(text),
            (_, scalar) => Comparison::Equals(scalar),
        };
        Ok(Self { field, comparison })
    }

    fn holds(&self, entry: &Entry) -> bool {
        match &self.field {
            Field::Kind => self.comparison.holds_for(&entry.kind),
            Field::Name => self.comparison.holds_for(entry.id.name()),
            Field::Namespace => self.comparison.holds_for(entry.id.namespace()),
            Field::Id => self.comparison.holds_for(entry.id.as_str()),
            Field::Meta(path) => {
                let found = path.iter().try_fold(&entry.meta, |value, key| value.get(key));
                found.is_some_and(|value| match &value.data {
                    ConfigData::List(items) => items.iter().any(|item| self.comparison.holds(item)),
                    _ => self.comparison.holds(value),
                })
            }
        }
    }
}

impl Comparison {
    fn holds(&self, value: &ConfigValue) -> bool {
        match (&value.data, self) {
            (ConfigData::String(text), _) => self.holds_for(text),
            (ConfigData::Bool(value), Self::Equals(Scalar::Boolean(wanted))) => value == wanted,
            (ConfigData::Integer(value), Self::Equals(Scalar::Number(wanted))) => *value as f64 == *wanted,
            (ConfigData::Float(value), Self::Equals(Scalar::Number(wanted))) => value == wanted,
            (_, Self::Equals(_)) => false,
            (ConfigData::Integer(value), _) => self.holds_for(&value.to_string()),
            (ConfigData::Float(value), _) => self.holds_for(&value.to_string()),
            _ => false,
        }
    }

    fn holds_for(&self, text: &str) -> bool {
        match self {
            Self::Equals(wanted) => matches!(wanted, Scalar::Text(wanted) if wanted == text),
            Self::Matches(pattern) => pattern.is_match(text),
            Self::Contains(part) => text.contains(part.as_str()),
            Self::StartsWith(start) => text.starts_with(start.as_str()),
            Self::EndsWith(end) => text.ends_with(end.as_str()),
        }
    }
}

fn compile(key: &str, pattern: &str) -> Result<Regex, Failure> {
    if pattern.len() > PATTERN_LIMIT {
        return Err(invalid(format!("filter `{key}` is longer than {PATTERN_LIMIT} bytes")));
    }
    let compiled = RegexBuilder::new(pattern).size_limit(REGEX_LIMIT).dfa_size_limit(REGEX_LIMIT).build();
    compiled.map_err(|error| {
        // The last line says what is wrong; those before point into the pattern.
        let text = error.to_string();
        let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
        invalid(format!("filter `{key}` is no regular expression: {reason}"))
    })
}
