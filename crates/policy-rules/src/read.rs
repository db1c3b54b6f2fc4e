//! Policies from configuration values.

use std::sync::Arc;

use perilune_policy::{ConfigPath, Effect, Map, Pattern, PolicyError, Value};

use crate::condition::{Comparand, Condition, ConditionError};
use crate::expression::Expression;
use crate::field::{Field, FieldError};
use crate::operator::Operator;
use crate::source::{PolicySource, When};
use crate::suggest::nearest;

/// How a policy says when it applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PolicyKind {
    /// By a list of conditions: entries of kind `security.policy`.
    Conditions,
    /// By an expression: entries of kind `security.policy.expr`.
    Expression,
}

const ENTRY: &[&str] = &["policy", "groups"];
const WITH_CONDITIONS: &[&str] = &["actions", "resources", "effect", "conditions"];
const WITH_EXPRESSION: &[&str] = &["actions", "resources", "effect", "expression"];
const CONDITION: &[&str] = &["field", "operator", "value", "value_from"];

impl PolicyKind {
    /// The kind of entry that is written so.
    pub fn parse(kind: &str) -> Option<Self> {
        match kind {
            "security.policy" => Some(Self::Conditions),
            "security.policy.expr" => Some(Self::Expression),
            _ => None,
        }
    }
}

impl PolicySource {
    /// Reads a policy from what its entry holds: a map with the keys `policy` and `groups`. A group without namespace
    /// belongs to the namespace of the policy.
    ///
    /// # Errors
    /// Everything that is wrong with it, never only a part: a policy that cannot be read must not be half in force.
    pub fn read(id: &str, kind: PolicyKind, entry: &Value) -> Result<Self, Vec<PolicyError>> {
        let mut reader = Reader { policy: id.into(), errors: Vec::new() };
        let source = reader.entry(kind, entry);
        match (source, reader.errors) {
            (Some(source), errors) if errors.is_empty() => Ok(source),
            (_, errors) => Err(errors),
        }
    }
}

/// Collects what is wrong. Whatever answers `None` has said why.
struct Reader {
    policy: Arc<str>,
    errors: Vec<PolicyError>,
}

impl Reader {
    fn entry(&mut self, kind: PolicyKind, entry: &Value) -> Option<PolicySource> {
        let root = ConfigPath::default();
        let entry = self.map(&root, entry, ENTRY)?;
        let groups = self.groups(&root.key("groups"), entry.get("groups"));
        let path = root.key("policy");
        let keys = match kind {
            PolicyKind::Conditions => WITH_CONDITIONS,
            PolicyKind::Expression => WITH_EXPRESSION,
        };
        let policy = self.required(&root, entry, "policy").and_then(|value| self.map(&path, value, keys))?;
        let effect = self.effect(&path, policy);
        let actions = self.patterns(&path, policy, "actions");
        let resources = self.patterns(&path, policy, "resources");
        let when = match kind {
            PolicyKind::Conditions => self.conditions(&path.key("conditions"), policy.get("conditions")),
            PolicyKind::Expression => self.expression(&path, policy),
        };
        Some(PolicySource {
            id: Arc::clone(&self.policy),
            effect: effect?,
            actions: actions?,
            resources: resources?,
            when: when?,
            groups: groups?,
        })
    }

    fn effect(&mut self, path: &ConfigPath, policy: &Map) -> Option<Effect> {
        let text = self.required_text(path, policy, "effect")?;
        let known = Effect::ALL.map(Effect::as_str);
        Effect::parse(text).or_else(|| self.unknown(path.key("effect"), "effect", text, nearest(text, known)))
    }

    fn patterns(&mut self, path: &ConfigPath, policy: &Map, key: &str) -> Option<Vec<Pattern>> {
        let value = self.required(path, policy, key)?;
        let texts = self.texts(&path.key(key), value)?;
        if texts.is_empty() {
            return self.invalid(path.key(key), "needs at least one pattern");
        }
        every(texts.into_iter().map(|(path, text)| match Pattern::parse(text) {
            Ok(pattern) => Some(pattern),
            Err(error) => self.invalid(path, format!("is wrong: {error}")),
        }))
    }

    fn conditions(&mut self, path: &ConfigPath, value: Option<&Value>) -> Option<When> {
        let Some(value) = value else { return Some(When::Always) };
        let Some(items) = value.as_list() else { return self.mismatch(path.clone(), "a list", value) };
        let conditions = every(items.iter().enumerate().map(|(at, item)| self.condition(&path.index(at), item)))?;
        Some(if conditions.is_empty() { When::Always } else { When::All(conditions) })
    }

    fn condition(&mut self, path: &ConfigPath, value: &Value) -> Option<Condition> {
        let map = self.map(path, value, CONDITION)?;
        let field = self.required_text(path, map, "field").and_then(|text| self.field(path.key("field"), text));
        let operator = self.required_text(path, map, "operator").and_then(|text| {
            let near = || nearest(text, Operator::ALL.map(Operator::as_str));
            Operator::parse(text).or_else(|| self.unknown(path.key("operator"), "operator", text, near()))
        });
        let (value_at, from_at) = (path.key("value"), path.key("value_from"));
        let (at, with) = match (map.get("value"), map.get("value_from")) {
            (Some(_), Some(_)) => return self.invalid(from_at, "is one too many: there is a `value` already"),
            (Some(value), None) => (value_at, Some(Comparand::Value(value.clone()))),
            (None, Some(Value::String(text))) => (from_at.clone(), Some(Comparand::Field(self.field(from_at, text)?))),
            (None, Some(other)) => return self.mismatch(from_at, "a string", other),
            (None, None) => (value_at, None),
        };
        match Condition::new(field?, operator?, with) {
            Ok(condition) => Some(condition),
            Err(ConditionError::Missing(_)) => self.missing(at),
            Err(ConditionError::Superfluous(operator)) => {
                self.invalid(at, format!("is one too many: `{operator}` compares with nothing"))
            }
            Err(ConditionError::Value(reason)) => self.invalid(at, reason),
        }
    }

    fn field(&mut self, path: ConfigPath, text: &str) -> Option<Field> {
        match Field::parse(text) {
            Ok(field) => Some(field),
            Err(FieldError::Unknown(text)) => self.unknown(path, "field", &text, nearest_field(&text)),
            Err(error @ FieldError::Path(_)) => self.invalid(path, format!("is wrong: {error}")),
        }
    }

    fn expression(&mut self, path: &ConfigPath, policy: &Map) -> Option<When> {
        let text = self.required_text(path, policy, "expression")?;
        match Expression::parse(text) {
            Ok(expression) => Some(When::Expression(Box::new(expression))),
            Err(error) => {
                let (policy, path) = (Arc::clone(&self.policy), path.key("expression"));
                self.report(PolicyError::Syntax { policy, path, offset: error.offset, reason: error.reason })
            }
        }
    }

    fn groups(&mut self, path: &ConfigPath, value: Option<&Value>) -> Option<Vec<Arc<str>>> {
        let Some(value) = value else { return Some(Vec::new()) };
        let mut groups: Vec<Arc<str>> = Vec::new();
        for (path, text) in self.texts(path, value)? {
            if text.is_empty() {
                return self.invalid(path, "is empty");
            }
            let group = qualified(text, &self.policy);
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        Some(groups)
    }

    /// The texts of a string, or of a list of strings, and where they are.
    fn texts<'v>(&mut self, path: &ConfigPath, value: &'v Value) -> Option<Vec<(ConfigPath, &'v str)>> {
        let items = match value {
            Value::String(text) => return Some(vec![(path.clone(), text)]),
            Value::List(list) => list.items(),
            other => return self.mismatch(path.clone(), "a string or a list of strings", other),
        };
        every(items.iter().enumerate().map(|(at, item)| match item.as_str() {
            Some(text) => Some((path.index(at), text)),
            None => self.mismatch(path.index(at), "a string", item),
        }))
    }

    /// A key nobody knows is an error: a misspelt `conditions` would make a policy apply always.
    fn map<'v>(&mut self, path: &ConfigPath, value: &'v Value, keys: &'static [&'static str]) -> Option<&'v Map> {
        let Some(map) = value.as_map() else { return self.mismatch(path.clone(), "a map", value) };
        for (key, _) in map.pairs() {
            if !keys.contains(&&**key) {
                let near = nearest(key, keys.iter().copied());
                self.unknown::<()>(path.key(Arc::clone(key)), "key", key, near);
            }
        }
        Some(map)
    }

    fn required<'v>(&mut self, path: &ConfigPath, map: &'v Map, key: &str) -> Option<&'v Value> {
        map.get(key).or_else(|| self.missing(path.key(key)))
    }

    fn required_text<'v>(&mut self, path: &ConfigPath, map: &'v Map, key: &str) -> Option<&'v str> {
        let value = self.required(path, map, key)?;
        value.as_str().or_else(|| self.mismatch(path.key(key), "a string", value))
    }

    fn missing<T>(&mut self, path: ConfigPath) -> Option<T> {
        let policy = Arc::clone(&self.policy);
        self.report(PolicyError::Missing { policy, path })
    }

    fn mismatch<T>(&mut self, path: ConfigPath, wanted: &str, found: &Value) -> Option<T> {
        self.invalid(path, format!("must be {wanted}, not {}", found.type_name()))
    }

    fn invalid<T>(&mut self, path: ConfigPath, reason: impl Into<String>) -> Option<T> {
        let (policy, reason) = (Arc::clone(&self.policy), reason.into());
        self.report(PolicyError::Invalid { policy, path, reason })
    }

    fn unknown<T>(
        &mut self,
        path: ConfigPath,
        what: &'static str,
        word: &str,
        suggestion: Option<String>,
    ) -> Option<T> {
        let policy = Arc::clone(&self.policy);
        self.report(PolicyError::Unknown { policy, path, what, word: word.to_owned(), suggestion })
    }

    fn report<T>(&mut self, error: PolicyError) -> Option<T> {
        self.errors.push(error);
        None
    }
}

/// All or none, but each is looked at, so that all mistakes are found.
fn every<T>(items: impl Iterator<Item = Option<T>>) -> Option<Vec<T>> {
    let items: Vec<Option<T>> = items.collect();
    items.into_iter().collect()
}

/// The field that was probably meant: another beginning, with the same path behind it.
fn nearest_field(text: &str) -> Option<String> {
    let dots: Vec<usize> = text.match_indices('.').map(|(at, _)| at).take(2).collect();
    let candidates: Vec<String> = Field::BEGINNINGS
        .into_iter()
        .filter_map(|beginning| {
            let end = dots.get(beginning.matches('.').count()).copied().unwrap_or(text.len());
            let candidate = format!("{beginning}{}", &text[end..]);
            Field::parse(&candidate).is_ok().then_some(candidate)
        })
        .collect();
    nearest(text, candidates.iter().map(String::as_str))
}

/// The id of a group as a policy names it. Text with a colon has a namespace, possibly an empty one.
fn qualified(group: &str, policy: &str) -> Arc<str> {
    match (group.split_once(':'), policy.split_once(':')) {
        (Some(("", name)), _) if !name.contains(':') => name.into(),
        (None, Some((namespace, _))) if !namespace.is_empty() => format!("{namespace}:{group}").into(),
        _ => group.into(),
    }
}
