//! Policies and identities, from what an application's files say.

use std::collections::HashMap;

use perilune_actor_core::HostId;
use perilune_policy::{ConfigPath, List, Map, PolicyEngine, PolicyError, Principal, Scope, Step, Subject, Value};
use perilune_policy_rules::{PolicyKind, PolicySource, RuleEngine};

use crate::application::{ConfigData, ConfigValue, Diagnostics, Entry, EntryId, Loaded, Position, Severity};

/// All policies of an application, or everything that is wrong with them.
pub(crate) fn read(loaded: &Loaded) -> Result<Vec<PolicySource>, Diagnostics> {
    let (mut sources, mut found) = (Vec::new(), Diagnostics::default());
    for entry in loaded.entries.values() {
        let Some(kind) = PolicyKind::parse(&entry.kind) else { continue };
        match read_entry(entry, kind) {
            Ok(source) => sources.push(source),
            Err(errors) => {
                for error in errors {
                    let position = place(&entry.data, error.path());
                    let message = error.to_string();
                    found.push(loaded.diagnostic(entry, Severity::Error, position, message));
                }
            }
        }
    }
    if found.has_errors() { Err(found) } else { Ok(sources) }
}

fn read_entry(entry: &Entry, kind: PolicyKind) -> Result<PolicySource, Vec<PolicyError>> {
    let value = plain(&entry.data).map_err(|reason| {
        vec![PolicyError::Invalid { policy: entry.id.as_str().into(), path: ConfigPath::default(), reason }]
    })?;
    PolicySource::read(entry.id.as_str(), kind, &value)
}

/// The value that a path leads to, or the last one on the way that is there.
fn place(mut value: &ConfigValue, path: Option<&ConfigPath>) -> Position {
    let mut position = value.position;
    for step in path.map_or(&[][..], ConfigPath::steps) {
        let next = match (step, &value.data) {
            (Step::Key(key), ConfigData::Map(pairs)) => {
                pairs.iter().find(|(known, _)| *known.text == **key).map(|(known, value)| {
                    position = known.position;
                    value
                })
            }
            (Step::Index(index), ConfigData::List(items)) => items.get(*index).inspect(|item| position = item.position),
            _ => None,
        };
        match next {
            Some(next) => value = next,
            None => break,
        }
    }
    position
}

/// A configuration value as policies see it.
pub(crate) fn plain(value: &ConfigValue) -> Result<Value, String> {
    Ok(match &value.data {
        ConfigData::Null => Value::Nil,
        ConfigData::Bool(value) => (*value).into(),
        ConfigData::Integer(value) => (*value).into(),
        ConfigData::Float(value) => (*value).into(),
        ConfigData::String(text) => (&**text).into(),
        ConfigData::List(items) => {
            let items = items.iter().map(plain).collect::<Result<Vec<_>, _>>()?;
            List::new(items).map_err(|error| format!("is {error}"))?.into()
        }
        ConfigData::Map(_) => map(value)?.into(),
    })
}

fn map(value: &ConfigValue) -> Result<Map, String> {
    let pairs = value.pairs().iter().map(|(key, value)| Ok((&*key.text, plain(value)?)));
    Map::new(pairs.collect::<Result<Vec<_>, String>>()?).map_err(|error| format!("is {error}"))
}

/// What the processes of a host act for unless who starts them says otherwise, by host.
pub(crate) type HostSubjects = HashMap<HostId, Subject>;

/// Reads `lifecycle.security` of all hosts.
pub(crate) fn host_subjects(loaded: &Loaded, engine: &RuleEngine) -> Result<HostSubjects, Diagnostics> {
    let (mut subjects, mut found) = (HostSubjects::new(), Diagnostics::default());
    for entry in loaded.entries.values() {
        let security = entry.data.get("lifecycle").and_then(|lifecycle| lifecycle.get("security"));
        let Some(security) = security.filter(|_| is_host(entry)) else { continue };
        let mut problems = Vec::new();
        let subject = subject(&entry.id, security, engine, &mut problems);
        if problems.is_empty() {
            subjects.insert(HostId::new(entry.id.as_str()), subject);
        }
        for (position, problem) in problems {
            let message = format!("entry `{}`: {problem}", entry.id);
            found.push(loaded.diagnostic(entry, Severity::Error, position, message));
        }
    }
    if found.has_errors() { Err(found) } else { Ok(subjects) }
}

fn is_host(entry: &Entry) -> bool {
    matches!(entry.kind.as_str(), "process.host" | "terminal.host")
}

type Problems = Vec<(Position, String)>;

const SECURITY: [&str; 3] = ["actor", "groups", "policies"];
const ACTOR: [&str; 2] = ["id", "meta"];

/// Reads `{actor: {id, meta}, groups, policies}`. What is misread here would not be in force, so nothing is let pass.
fn subject(own: &EntryId, security: &ConfigValue, engine: &RuleEngine, problems: &mut Problems) -> Subject {
    check_keys("lifecycle.security", security, &SECURITY, problems);
    let mut scope = Scope::default();
    for (key, what) in [("groups", "policy group"), ("policies", "policy")] {
        let items = security.list(key).unwrap_or_else(|error| {
            problems.push((error.position(), format!("lifecycle.security {error}")));
            None
        });
        for item in items.unwrap_or_default() {
            let id = item.as_str().map(|text| EntryId::resolve(text, own.namespace()));
            let found = id.as_ref().and_then(|id| match key {
                "groups" => engine.scope(id.as_str()).map(|group| scope.union(&group)),
                _ => engine.policy(id.as_str()).map(|policy| scope.with(&policy)),
            });
            match (found, id) {
                (Some(wider), _) => scope = wider,
                (None, Some(id)) => problems.push((item.position, format!("there is no {what} `{id}`"))),
                (None, None) => problems.push((item.position, format!("the id of a {what} must be a string"))),
            }
        }
    }
    Subject { principal: principal(security, problems), scope: Some(scope) }
}

fn principal(security: &ConfigValue, problems: &mut Problems) -> Option<Principal> {
    let Some(actor) = security.get("actor") else {
        problems.push((security.position, "lifecycle.security lacks the required key `actor`".into()));
        return None;
    };
    check_keys("lifecycle.security.actor", actor, &ACTOR, problems);
    let id =
        actor.required_string("id").map_err(|error| (error.position(), format!("lifecycle.security.actor {error}")));
    let meta = match actor.get("meta") {
        None => Ok(Map::EMPTY),
        Some(meta) if matches!(meta.data, ConfigData::Map(_)) => map(meta).map_err(|problem| (meta.position, problem)),
        Some(meta) => Err((meta.position, "must be a map".into())),
    };
    let meta = meta.map_err(|(position, problem)| (position, format!("lifecycle.security.actor.meta {problem}")));
    match (id, meta) {
        (Ok(id), Ok(meta)) => Some(Principal::new(&**id, meta)),
        (id, meta) => {
            problems.extend([id.err(), meta.err()].into_iter().flatten());
            None
        }
    }
}

fn check_keys(what: &str, value: &ConfigValue, known: &[&str], problems: &mut Problems) {
    if !matches!(value.data, ConfigData::Map(_)) {
        return problems.push((value.position, format!("{what} must be a map, not {}", value.type_name())));
    }
    for (key, _) in value.pairs() {
        if !known.contains(&&*key.text) {
            let near = crate::application::did_you_mean(&key.text, known.iter().copied());
            let help = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            problems.push((key.position, format!("{what} has the unknown key `{}`{help}", key.text)));
        }
    }
}
