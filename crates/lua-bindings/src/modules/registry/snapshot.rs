use std::ffi::c_int;
use std::sync::Arc;

use perilune_actor_core::{Failure, Value};

use super::{changes, entries, version, with_registry};
use crate::services::registry::{Effort, EntryRegistry, EntrySnapshot, Filter};
use crate::task::{await_result, check_wait};
use crate::vm::{Functions, ONE, Object, Outcome, Stack, Vm};

/// The entries of one version, in a script's hands.
struct Snapshot(Arc<dyn EntrySnapshot>);

impl Object for Snapshot {
    const TAG: c_int = 40;
    const NAME: &'static str = "registry.Snapshot";
}

const METHODS: Functions = &[
    (c"get", |stack| {
        let Snapshot(snapshot) = stack.want_self("get")?;
        match entries::want_id(stack, 2, "get")? {
            Ok(id) => entries::push_one(stack, &**snapshot, &id),
            Err(failure) => stack.fail(failure),
        }
    }),
    (c"version", |stack| version::push(stack, stack.want_self::<Snapshot>("version")?.0.version())),
    (c"changes", |stack| {
        stack.want_self::<Snapshot>("changes")?;
        changes::push(stack)
    }),
];

const WAITING: Functions = &[
    (c"entries", |stack| {
        let Snapshot(snapshot) = stack.want_self("entries")?;
        with_registry(stack, |registry| find(stack, &*registry, Arc::clone(snapshot), Filter::new()))
    }),
    (c"find", |stack| {
        let Snapshot(snapshot) = stack.want_self("find")?;
        match entries::read_filter(stack, 2) {
            Ok(filter) => with_registry(stack, |registry| find(stack, &*registry, Arc::clone(snapshot), filter)),
            Err(failure) => stack.fail(failure),
        }
    }),
    (c"namespace", |stack| {
        let Snapshot(snapshot) = stack.want_self("namespace")?;
        let filter = vec![(".ns".to_owned(), Value::from(stack.want_text(2, "namespace")?))];
        with_registry(stack, |registry| find(stack, &*registry, Arc::clone(snapshot), filter))
    }),
];

const META: Functions = &[(c"__tostring", |stack| {
    let Snapshot(snapshot) = stack.want_self("tostring")?;
    stack.push_str(&format!("registry.Snapshot({})", snapshot.version()));
    ONE
})];

pub(super) fn register(stack: Stack) {
    stack.register_object::<Snapshot>(METHODS, WAITING, META);
}

pub(super) fn push(stack: Stack, snapshot: Arc<dyn EntrySnapshot>) -> Outcome {
    stack.push_object(Snapshot(snapshot));
    ONE
}

/// Pushes the entries that fit, in order of their ids. What may take long is looked for beside the workers.
pub(super) fn find(
    stack: Stack,
    registry: &dyn EntryRegistry,
    snapshot: Arc<dyn EntrySnapshot>,
    filter: Filter,
) -> Outcome {
    let waits = match snapshot.effort(&filter) {
        Effort::Little => false,
        Effort::Much => check_wait(Vm::current(), stack).is_ok(),
        Effort::Any => true,
    };
    if !waits {
        return entries::push_found(stack, &*snapshot, snapshot.find(&filter));
    }
    let begin = |done: Box<dyn FnOnce(Found) + Send>| {
        registry.later(Box::new(move || {
            let found = snapshot.find(&filter);
            done((snapshot, found));
        }));
    };
    await_result(stack, begin, |stack, (snapshot, found)| entries::push_found(stack, &*snapshot, found))
}

/// What was found, and where.
type Found = (Arc<dyn EntrySnapshot>, Result<Vec<Arc<str>>, Failure>);
