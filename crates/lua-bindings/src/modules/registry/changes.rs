use std::cell::RefCell;
use std::ffi::c_int;

use perilune_actor_core::Failure;

use super::change_set::ChangeSet;
use super::{await_change, entries, version, with_registry};
use crate::services::registry::EntryValue;
use crate::vm::{Functions, Kind, ONE, Object, Outcome, Stack};

/// A change set, in a script's hands.
struct Changes(RefCell<ChangeSet>);

impl Object for Changes {
    const TAG: c_int = 41;
    const NAME: &'static str = "registry.Changes";
}

const METHODS: Functions = &[
    (c"create", |stack| put(stack, "create", ChangeSet::create)),
    (c"update", |stack| put(stack, "update", ChangeSet::update)),
    (c"delete", |stack| {
        let changes = stack.want_self::<Changes>("delete")?;
        let id = match entries::want_id(stack, 2, "delete")? {
            Ok(id) => id,
            Err(failure) => return stack.fail(failure),
        };
        with_registry(stack, |registry| {
            itself(stack, registry.check_id(&id).and_then(|()| changes.0.borrow_mut().delete(id)))
        })
    }),
    (c"ops", |stack| {
        let changes = stack.want_self::<Changes>("ops")?;
        // A copy: making the tables may raise, and the set must not stay borrowed then.
        let operations: Vec<_> = changes.0.borrow().operations().cloned().collect();
        entries::push_changes(stack, operations.iter());
        ONE
    }),
];

const WAITING: Functions = &[(c"apply", apply)];

const META: Functions = &[(c"__tostring", |stack| {
    let count = stack.want_self::<Changes>("tostring")?.0.borrow().operations().len();
    let noun = if count == 1 { "operation" } else { "operations" };
    stack.push_str(&format!("registry.Changes({count} {noun})"));
    ONE
})];

pub(super) fn register(stack: Stack) {
    stack.register_object::<Changes>(METHODS, WAITING, META);
}

/// Pushes an empty change set.
pub(super) fn push(stack: Stack) -> Outcome {
    stack.push_object(Changes(RefCell::default()));
    ONE
}

fn put(stack: Stack, function: &str, put: impl FnOnce(&mut ChangeSet, EntryValue) -> Result<(), Failure>) -> Outcome {
    let changes = stack.want_self::<Changes>(function)?;
    stack.want_kind(2, function, Kind::Table, "table")?;
    let entry = match entries::read_entry(stack, 2) {
        Ok(entry) => entry,
        Err(failure) => return stack.fail(failure),
    };
    with_registry(stack, |registry| {
        let done = registry.check(&entry).and_then(|()| put(&mut changes.0.borrow_mut(), entry));
        itself(stack, done)
    })
}

/// The change set again, so that calls can follow one another.
fn itself(stack: Stack, result: Result<(), Failure>) -> Outcome {
    match result {
        Ok(()) => {
            stack.copy(1);
            ONE
        }
        Err(failure) => stack.fail(failure),
    }
}

fn apply(stack: Stack) -> Outcome {
    let changes = stack.want_self::<Changes>("apply")?;
    with_registry(stack, |registry| {
        crate::task::check_wait(crate::vm::Vm::current(), stack)?;
        let operations = match changes.0.borrow_mut().begin() {
            Ok(operations) => operations,
            Err(failure) => return stack.fail(failure),
        };
        await_change(
            stack,
            |origin, done| registry.apply(origin, operations, done),
            |stack, result| {
                // The coroutine still has the change set where it was.
                let changes = stack.want_self::<Changes>("apply")?;
                changes.0.borrow_mut().end(result.is_ok());
                match result {
                    Ok(id) => version::push(stack, id),
                    Err(failure) => stack.fail(failure),
                }
            },
        )
    })
}

/// `registry.build_delta(from, to)`.
pub(super) fn delta(stack: Stack) -> Outcome {
    stack.want_kind(1, "build_delta", Kind::Table, "table")?;
    stack.want_kind(2, "build_delta", Kind::Table, "table")?;
    let lists = entries::read_list(stack, 1).and_then(|from| Ok((from, entries::read_list(stack, 2)?)));
    let (from, to) = match lists {
        Ok(lists) => lists,
        Err(failure) => return stack.fail(failure),
    };
    with_registry(stack, |registry| match registry.delta(&from, &to) {
        Ok(changes) => {
            entries::push_changes(stack, changes.iter());
            ONE
        }
        Err(failure) => stack.fail(failure),
    })
}
