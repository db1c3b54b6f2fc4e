//! `registry`: the application's entries, and changing them while it runs.

mod change_set;
mod changes;
mod entries;
mod snapshot;
mod version;

use std::sync::Arc;

use perilune_actor_core::{ErrorKind, Failure};

use self::version::History;
use crate::services::Origin;
use crate::services::registry::{ApplyDone, EntryRegistry};
use crate::task::await_result;
use crate::vm::{Functions, Kind, ONE, Outcome, Stack, Vm, raise};

const FUNCTIONS: Functions = &[
    (c"get", get),
    (c"parse_id", parse_id),
    (c"snapshot", |stack| with_registry(stack, |registry| snapshot::push(stack, registry.current()))),
    (c"snapshot_at", snapshot_at),
    (c"current_version", |stack| with_registry(stack, |registry| version::push(stack, registry.current().version()))),
    (c"versions", version::push_all),
    (c"history", |stack| {
        with_registry(stack, |_| {
            stack.push_object(History);
            ONE
        })
    }),
    (c"build_delta", changes::delta),
];

const WAITING: Functions = &[(c"find", find), (c"apply_version", apply_version)];

pub(crate) fn register(stack: Stack) {
    snapshot::register(stack);
    changes::register(stack);
    version::register(stack);
}

pub(crate) fn make(_: &Vm, stack: Stack) {
    stack.push_table(0, FUNCTIONS.len() + WAITING.len());
    stack.set_functions(FUNCTIONS);
    stack.set_waiting_functions(WAITING);
}

fn with_registry(stack: Stack, work: impl FnOnce(Arc<dyn EntryRegistry>) -> Outcome) -> Outcome {
    match Vm::current().services.registry() {
        Some(registry) => work(registry),
        None => stack.fail(Failure::new(ErrorKind::Unavailable, "there is no registry here")),
    }
}

fn get(stack: Stack) -> Outcome {
    let id = match entries::want_id(stack, 1, "get")? {
        Ok(id) => id,
        Err(failure) => return stack.fail(failure),
    };
    with_registry(stack, |registry| entries::push_one(stack, &*registry.current(), &id))
}

fn find(stack: Stack) -> Outcome {
    let filter = match entries::read_filter(stack, 1) {
        Ok(filter) => filter,
        Err(failure) => return stack.fail(failure),
    };
    with_registry(stack, |registry| snapshot::find(stack, &*registry, registry.current(), filter))
}

fn parse_id(stack: Stack) -> Outcome {
    let text = stack.want_text(1, "parse_id")?;
    if text.is_empty() {
        return stack.invalid("id cannot be empty");
    }
    let (namespace, name) = text.split_once(':').unwrap_or(("", text));
    stack.push_table(0, 2);
    let table = stack.top();
    stack.push_str(namespace);
    stack.raw_set(table, c"ns");
    stack.push_str(name);
    stack.raw_set(table, c"name");
    ONE
}

fn snapshot_at(stack: Stack) -> Outcome {
    if stack.is_nothing(1) {
        return stack.invalid("snapshot_at requires a version");
    }
    let version = match version::want(stack, 1, "snapshot_at")? {
        // An object that a script got from here names a version that is there, a number may be anything.
        Ok(0) if stack.kind(1) != Kind::Userdata => return stack.invalid("version must be a whole number above 0"),
        Ok(version) => version,
        Err(failure) => return stack.fail(failure),
    };
    push_snapshot_at(stack, version)
}

fn push_snapshot_at(stack: Stack, version: u64) -> Outcome {
    with_registry(stack, |registry| match registry.at(version) {
        Ok(found) => snapshot::push(stack, found),
        Err(failure) => stack.fail(failure),
    })
}

fn apply_version(stack: Stack) -> Outcome {
    let version = match version::want(stack, 1, "apply_version")? {
        Ok(version) => version,
        Err(failure) => return stack.fail(failure),
    };
    with_registry(stack, |registry| {
        await_change(
            stack,
            |origin, done| registry.apply_version(origin, version, done),
            |stack, result| match result {
                Ok(_) => stack.done(),
                Err(failure) => stack.fail(failure),
            },
        )
    })
}

/// Begins a change and waits until it is made or refused.
fn await_change(
    stack: Stack,
    begin: impl FnOnce(&Origin<'_>, ApplyDone),
    finish: impl FnOnce(Stack, Result<u64, Failure>) -> Outcome + Send + 'static,
) -> Outcome {
    let Some(actor) = Vm::current().actor() else { return raise("no context found") };
    await_result(stack, |done| begin(&actor.origin(), done), finish)
}
