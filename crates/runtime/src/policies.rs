//! Policies and identities, from what an application's files say.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use perilune_actor_core::{Failure, HostId};
use perilune_policy::{ConfigPath, List, Map, PolicyError, Principal, Scope, Step, Subject, Value};
use perilune_policy_rules::{PolicyKind, PolicySource, RuleEngine, RuleSet};

use crate::application::{ConfigData, ConfigValue, Entry, EntryId, Loaded, Position};
use crate::registry::{Listener, Prepared, Transition, Version, refusal};

/// Keeps the policies, and what hosts say of their processes, as the entries have them.
pub(crate) struct Policies {
    engine: Arc<RuleEngine>,
    subjects: Arc<HostSubjects>,
}

/// What the processes of a host act for unless who starts them says otherwise.
#[derive(Default)]
pub(crate) struct HostSubjects(RwLock<HashMap<HostId, Subject>>);

/// What is wrong with a policy, or with what a host says of its processes.
pub(crate) struct Problem<'a> {
    pub(crate) entry: &'a Entry,
    pub(crate) position: Position,
    pub(crate) message: String,
}

/// What a set of entries puts in force.
type InForce = (RuleSet, Vec<(EntryId, Subject)>);

impl HostSubjects {
    /// The subject of a host's processes.
    pub(crate) fn of(&self, host: HostId) -> Option<Subject> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&host).cloned()
    }

    fn set(&self, subjects: Vec<(EntryId, Subject)>) {
        let subjects = subjects.into_iter().map(|(id, subject)| (HostId::new(id.as_str()), subject)).collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = subjects;
    }
}

impl Policies {
    /// Puts in force what is in `version`, which has been checked.
    pub(crate) fn start(engine: Arc<RuleEngine>, subjects: Arc<HostSubjects>, version: &Version) -> Self {
        if let Ok((set, of_hosts)) = read(version.entries().map(|entry| &**entry), &RuleSet::default()) {
            engine.put(set);
            subjects.set(of_hosts);
        }
        Self { engine, subjects }
    }
}

impl Listener for Policies {
    fn prepare(&self, change: &Transition<'_>) -> Result<Prepared, Failure> {
        let is_concerned = |entry: &Arc<Entry>| PolicyKind::parse(&entry.kind).is_some() || entry.definition.is_host();
        if !change.steps.iter().any(|step| step.before.iter().chain(&step.after).any(is_concerned)) {
            return Ok(Prepared::default());
        }
        let entries = change.new.entries().map(|entry| &**entry);
        let (set, of_hosts) = read(entries, &self.engine.current())
            .map_err(|problems| refusal(problems.into_iter().map(|problem| problem.message).collect()))?;
        let (engine, subjects) = (Arc::clone(&self.engine), Arc::clone(&self.subjects));
        Ok(Prepared::default().publish(move || {
            engine.put(set);
            subjects.set(of_hosts);
        }))
    }
}

/// Everything that is wrong with the policies of an application.
pub(crate) fn check(loaded: &Loaded) -> Result<(), Vec<Problem<'_>>> {
    read(loaded.entries.values(), &RuleSet::default()).map(drop)
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
    let subjects = host_subjects(entries, &set)?;
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

fn map(value: &ConfigValue) -> Result<Map, String> {
    let pairs = value.pairs().iter().map(|(key, value)| Ok((&*key.text, plain(value)?)));
    Map::new(pairs.collect::<Result<Vec<_>, String>>()?).map_err(|error| format!("is {error}"))
}

/// Reads `lifecycle.security` of all hosts.
fn host_subjects<'a>(
    entries: impl Iterator<Item = &'a Entry>,
    set: &RuleSet,
) -> Result<Vec<(EntryId, Subject)>, Vec<Problem<'a>>> {
    let (mut subjects, mut found) = (Vec::new(), Vec::new());
    for entry in entries.filter(|entry| entry.definition.is_host()) {
        let security = entry.data.get("lifecycle").and_then(|lifecycle| lifecycle.get("security"));
        let Some(security) = security else { continue };
        let mut problems = Vec::new();
        let subject = subject(&entry.id, security, set, &mut problems);
        subjects.push((entry.id.clone(), subject));
        found.extend(problems.into_iter().map(|(position, problem)| {
            let message = format!("entry `{}`: {problem}", entry.id);
            Problem { entry, position, message }
        }));
    }
    if found.is_empty() { Ok(subjects) } else { Err(found) }
}

type Problems = Vec<(Position, String)>;

const SECURITY: [&str; 3] = ["actor", "groups", "policies"];
const ACTOR: [&str; 2] = ["id", "meta"];

/// Reads `{actor: {id, meta}, groups, policies}`. What is misread here would not be in force, so nothing is let pass.
fn subject(own: &EntryId, security: &ConfigValue, set: &RuleSet, problems: &mut Problems) -> Subject {
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
                "groups" => set.scope(id.as_str()).map(|group| scope.union(group)),
                _ => set.policy(id.as_str()).map(|policy| scope.with(policy)),
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
