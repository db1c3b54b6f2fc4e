//! Policies and identities, from what an application's files say.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use perilune_actor_core::{Failure, HostId};
use perilune_policy::{ConfigPath, List, Map, PolicyError, Principal, Scope, Step, Subject, Value};
use perilune_policy_rules::{PolicyKind, PolicySource, RuleEngine, RuleSet};

use crate::application::{
    ConfigData, ConfigValue, Diagnostics, Entry, EntryId, Loaded, Position, Severity, did_you_mean,
};
use crate::registry::{Listener, Prepared, Transition, Version, refusal};

/// Keeps the policies, and what hosts say of their processes, as the entries have them.
pub(crate) struct Policies {
    engine: Arc<RuleEngine>,
    subjects: Arc<Subjects>,
}

/// What the processes of a host, and those of a service, act for unless who starts them says otherwise.
#[derive(Default)]
pub(crate) struct Subjects {
    hosts: RwLock<HashMap<HostId, Subject>>,
    services: RwLock<HashMap<EntryId, Subject>>,
}

/// What is wrong with a policy, or with what a host says of its processes.
pub(crate) struct Problem<'a> {
    pub(crate) entry: &'a Entry,
    pub(crate) position: Position,
    pub(crate) message: String,
}

/// What a set of entries puts in force.
type InForce = (RuleSet, Found);

/// Subjects by the entries that have them.
#[derive(Default)]
struct Found {
    hosts: Vec<(EntryId, Subject)>,
    services: Vec<(EntryId, Subject)>,
}

impl Subjects {
    /// The subject of a host's processes.
    pub(crate) fn of(&self, host: HostId) -> Option<Subject> {
        self.hosts.read().unwrap_or_else(PoisonError::into_inner).get(&host).cloned()
    }

    /// The subject of a service's process on that host: its own, or else the host's.
    pub(crate) fn of_service(&self, service: &EntryId, host: HostId) -> Option<Subject> {
        let own = self.services.read().unwrap_or_else(PoisonError::into_inner).get(service).cloned();
        own.or_else(|| self.of(host))
    }

    fn set(&self, found: Found) {
        let hosts = found.hosts.into_iter().map(|(id, subject)| (HostId::new(id.as_str()), subject)).collect();
        *self.hosts.write().unwrap_or_else(PoisonError::into_inner) = hosts;
        *self.services.write().unwrap_or_else(PoisonError::into_inner) = found.services.into_iter().collect();
    }
}

impl Policies {
    /// Puts in force what is in `version`, which has been checked.
    pub(crate) fn start(engine: Arc<RuleEngine>, subjects: Arc<Subjects>, version: &Version) -> Self {
        if let Ok((set, found)) = read(version.entries().map(|entry| &**entry), &RuleSet::default()) {
            engine.put(set);
            subjects.set(found);
        }
        Self { engine, subjects }
    }
}

impl Listener for Policies {
    fn prepare(&self, change: &Transition<'_>) -> Result<Prepared, Failure> {
        let is_concerned = |entry: &Arc<Entry>| PolicyKind::parse(&entry.kind).is_some() || has_subject(entry);
        if !change.steps.iter().any(|step| step.before.iter().chain(&step.after).any(is_concerned)) {
            return Ok(Prepared::default());
        }
        let entries = change.new.entries().map(|entry| &**entry);
        let (set, found) = read(entries, &self.engine.current())
            .map_err(|problems| refusal(problems.into_iter().map(|problem| problem.message).collect()))?;
        let (engine, subjects) = (Arc::clone(&self.engine), Arc::clone(&self.subjects));
        Ok(Prepared::default().publish(move || {
            engine.put(set);
            subjects.set(found);
        }))
    }
}

/// Everything that is wrong with the policies of an application.
pub(crate) fn check(loaded: &Loaded) -> Diagnostics {
    rules(loaded).err().unwrap_or_default()
}

/// The policies of an application, or everything that is wrong with them.
pub(crate) fn rules(loaded: &Loaded) -> Result<RuleSet, Diagnostics> {
    read(loaded.entries.values(), &RuleSet::default()).map(|(set, _)| set).map_err(|problems| {
        let mut found = Diagnostics::default();
        for Problem { entry, position, message } in problems {
            found.push(loaded.diagnostic(entry, Severity::Error, position, message));
        }
        found
    })
}

fn read<'a>(entries: impl Iterator<Item = &'a Entry> + Clone, before: &RuleSet) -> Result<InForce, Vec<Problem<'a>>> {
    let (mut sources, mut found) = (Vec::new(), Vec::new());
    for entry in entries.clone() {
        let Some(kind) = PolicyKind::parse(&entry.kind) else { continue };
        match read_entry(entry, kind) {
            Ok(source) => sources.push(source),
            Err(errors) => found.extend(errors.into_iter().map(|error| {
                let position = place(&entry.data, error.path());
                Problem { entry, position, message: error.to_string() }
            })),
        }
    }
    if !found.is_empty() {
        return Err(found);
    }
    // Ids of entries are all different.
    let set = before.replaced(sources).unwrap_or_default();
    let subjects = of_entries(entries, &set)?;
    Ok((set, subjects))
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

pub(crate) fn map(value: &ConfigValue) -> Result<Map, String> {
    let pairs = value.pairs().iter().map(|(key, value)| Ok((&*key.text, plain(value)?)));
    Map::new(pairs.collect::<Result<Vec<_>, String>>()?).map_err(|error| format!("is {error}"))
}

const LIFECYCLE: &str = "lifecycle.security";

/// Whether what it runs may act for somebody of its own.
fn has_subject(entry: &Entry) -> bool {
    entry.definition.is_host() || entry.definition.service().is_some()
}

/// Reads `lifecycle.security` of all hosts and services.
fn of_entries<'a>(entries: impl Iterator<Item = &'a Entry>, set: &RuleSet) -> Result<Found, Vec<Problem<'a>>> {
    let (mut subjects, mut found) = (Found::default(), Vec::new());
    for entry in entries.filter(|entry| has_subject(entry)) {
        let security = entry.data.get("lifecycle").and_then(|lifecycle| lifecycle.get("security"));
        let Some(security) = security else { continue };
        let mut problems = Vec::new();
        // What is misread here would not be in force, so nothing is let pass.
        if check_keys(LIFECYCLE, security, &SECURITY, &mut problems) {
            let subject = subject(LIFECYCLE, entry.id.namespace(), security, set, &mut problems);
            let of_kind = if entry.definition.is_host() { &mut subjects.hosts } else { &mut subjects.services };
            of_kind.push((entry.id.clone(), subject));
        }
        found.extend(problems.into_iter().map(|(position, problem)| {
            let message = format!("entry `{}`: {problem}", entry.id);
            Problem { entry, position, message }
        }));
    }
    if found.is_empty() { Ok(subjects) } else { Err(found) }
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
    set: &RuleSet,
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
            match named.find(set, EntryId::resolve(text, namespace).as_str()) {
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
    pub(crate) fn find(self, set: &RuleSet, id: &str) -> Result<Scope, String> {
        let found = match self {
            Self::Group => set.scope(id).cloned(),
            Self::Policy => set.policy(id).map(|policy| Scope::new([policy.clone()])),
        };
        found.ok_or_else(|| {
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
