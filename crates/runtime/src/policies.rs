//! Policies and identities, from what an application's files say.

use std::collections::HashMap;
use std::fmt;

use perilune_actor_core::HostId;
use perilune_policy::{ConfigPath, List, Map, PolicyEngine, PolicyError, Principal, Scope, Step, Subject, Value};
use perilune_policy_rules::{PolicyKind, PolicySource, RuleEngine};

use crate::application::{
    ConfigData, ConfigValue, Diagnostics, Entry, EntryId, Loaded, Position, Severity, did_you_mean,
};

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

/// A configuration map as policies see it.
pub(crate) fn map(value: &ConfigValue) -> Result<Map, String> {
    let pairs = value.pairs().iter().map(|(key, value)| Ok((&*key.text, plain(value)?)));
    Map::new(pairs.collect::<Result<Vec<_>, String>>()?).map_err(|error| format!("is {error}"))
}

/// What the processes of a host act for unless who starts them says otherwise, by host.
pub(crate) type HostSubjects = HashMap<HostId, Subject>;

const LIFECYCLE: &str = "lifecycle.security";

/// Reads `lifecycle.security` of all hosts.
pub(crate) fn host_subjects(loaded: &Loaded, engine: &RuleEngine) -> Result<HostSubjects, Diagnostics> {
    let (mut subjects, mut found) = (HostSubjects::new(), Diagnostics::default());
    for entry in loaded.entries.values() {
        let security = entry.data.get("lifecycle").and_then(|lifecycle| lifecycle.get("security"));
        let Some(security) = security.filter(|_| is_host(entry)) else { continue };
        let mut problems = Vec::new();
        // What is misread here would not be in force, so nothing is let pass.
        if check_keys(LIFECYCLE, security, &SECURITY, &mut problems) {
            let subject = subject(LIFECYCLE, entry.id.namespace(), security, engine, &mut problems);
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

/// What is wrong with what was read, and where.
pub(crate) type Problems = Vec<(Position, String)>;

const SECURITY: [&str; 3] = ["actor", "groups", "policies"];
const ACTOR: [&str; 2] = ["id", "meta"];

/// Reads `actor: {id, meta}`, `groups` and `policies` from `value`, which messages call `what`. Ids without a namespace
/// have that one.
pub(crate) fn subject(
    what: &str,
    namespace: &str,
    value: &ConfigValue,
    engine: &RuleEngine,
    problems: &mut Problems,
) -> Subject {
    let mut scope = Scope::default();
    for named in [Named::Group, Named::Policy] {
        let items = value.list(named.key()).unwrap_or_else(|error| {
            problems.push((error.position(), format!("{what} {error}")));
            None
        });
        for item in items.unwrap_or_default() {
            let Some(text) = item.as_str() else {
                let problem = format!("the id of a {named} must be a string, not {}", item.type_name());
                problems.push((item.position, problem));
                continue;
            };
            match named.find(engine, EntryId::resolve(text, namespace).as_str()) {
                Ok(found) => scope = scope.union(&found),
                Err(problem) => problems.push((item.position, problem)),
            }
        }
    }
    Subject { principal: principal(what, value, problems), scope: Some(scope) }
}

/// What has an id and makes a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    Group,
    Policy,
}

impl Named {
    fn key(self) -> &'static str {
        match self {
            Self::Group => "groups",
            Self::Policy => "policies",
        }
    }

    /// The scope of that id.
    ///
    /// # Errors
    /// There is none; says which one is near.
    pub(crate) fn find(self, engine: &RuleEngine, id: &str) -> Result<Scope, String> {
        let found = match self {
            Self::Group => engine.scope(id),
            Self::Policy => engine.policy(id).map(|policy| Scope::new([policy])),
        };
        found.ok_or_else(|| {
            let set = engine.current();
            let mut ids: Vec<&str> = match self {
                Self::Group => set.scope_ids().map(|id| &**id).collect(),
                Self::Policy => set.policy_ids().map(|id| &**id).collect(),
            };
            ids.sort_unstable();
            let same_name = |other: &&str| other.split_once(':').is_some_and(|(_, name)| name == id);
            let near = ids.iter().copied().find(same_name).or_else(|| did_you_mean(id, ids.iter().copied()));
            let help = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            format!("there is no {self} `{id}`{help}")
        })
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Group => "policy group",
            Self::Policy => "policy",
        })
    }
}

fn principal(what: &str, value: &ConfigValue, problems: &mut Problems) -> Option<Principal> {
    let Some(actor) = value.get("actor") else {
        problems.push((value.position, format!("{what} lacks the required key `actor`")));
        return None;
    };
    let own = format!("`actor` of {what}");
    if !check_keys(&own, actor, &ACTOR, problems) {
        return None;
    }
    let id = actor.required_string("id").map_err(|error| (error.position(), format!("{own} {error}")));
    let meta = map_at(&own, actor, "meta");
    match (id, meta) {
        (Ok(id), Ok(meta)) => Some(Principal::new(&**id, meta)),
        (id, meta) => {
            problems.extend([id.err(), meta.err()].into_iter().flatten());
            None
        }
    }
}

/// The map under `key`, as policies see it; nothing is an empty one.
pub(crate) fn map_at(what: &str, value: &ConfigValue, key: &str) -> Result<Map, (Position, String)> {
    match value.map(key) {
        Err(error) => Err((error.position(), format!("{what} {error}"))),
        Ok(None) => Ok(Map::EMPTY),
        Ok(Some(found)) => map(found).map_err(|problem| (found.position, format!("`{key}` of {what} {problem}"))),
    }
}

/// Whether it is a map; what is no known key of it is a problem, too.
pub(crate) fn check_keys(what: &str, value: &ConfigValue, known: &[&str], problems: &mut Problems) -> bool {
    let is_map = matches!(value.data, ConfigData::Map(_));
    if !is_map {
        problems.push((value.position, format!("{what} must be a map, not {}", value.type_name())));
    }
    for (key, _) in value.pairs() {
        if !known.contains(&&*key.text) {
            let near = did_you_mean(&key.text, known.iter().copied());
            let help = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            problems.push((key.position, format!("{what} has the unknown key `{}`{help}", key.text)));
        }
    }
    is_map
}
