use std::ffi::c_int;

use perilune_actor_core::{ErrorKind, Failure};

use super::{push_snapshot_at, with_registry};
use crate::vm::{Functions, Kind, ONE, Object, Outcome, Raise, Stack};

/// A version of the entries, by its number.
pub(super) struct Version(u64);

impl Object for Version {
    const TAG: c_int = 42;
    const NAME: &'static str = "registry.Version";
}

/// All versions there are.
pub(super) struct History;

impl Object for History {
    const TAG: c_int = 43;
    const NAME: &'static str = "registry.History";
}

const METHODS: Functions = &[
    (c"id", |stack| {
        stack.push_number(stack.want_self::<Version>("id")?.0 as f64);
        ONE
    }),
    (c"string", |stack| {
        let Version(id) = stack.want_self("string")?;
        stack.push_str(&format!("v{id}"));
        ONE
    }),
    (c"previous", |stack| {
        let Version(id) = *stack.want_self("previous")?;
        neighbour(stack, |versions| versions.iter().rev().find(|version| **version < id).copied())
    }),
    (c"next", |stack| {
        let Version(id) = *stack.want_self("next")?;
        neighbour(stack, |versions| versions.iter().find(|version| **version > id).copied())
    }),
];

const META: Functions = &[
    (c"__tostring", |stack| {
        let Version(id) = stack.want_self("tostring")?;
        stack.push_str(&format!("registry.Version({id})"));
        ONE
    }),
    (c"__eq", |stack| {
        let versions = (stack.object::<Version>(1), stack.object::<Version>(2));
        stack.push_boolean(matches!(versions, (Some(Version(left)), Some(Version(right))) if left == right));
        ONE
    }),
];

const HISTORY: Functions = &[
    (c"versions", |stack| {
        stack.want_self::<History>("versions")?;
        push_all(stack)
    }),
    (c"get_version", get_version),
    (c"snapshot_at", |stack| {
        stack.want_self::<History>("snapshot_at")?;
        match stack.object::<Version>(2) {
            Some(Version(id)) => push_snapshot_at(stack, *id),
            None => stack.wrong(2, "snapshot_at", Version::NAME),
        }
    }),
];

const HISTORY_META: Functions = &[(c"__tostring", |stack| {
    stack.want_self::<History>("tostring")?;
    stack.push_str(History::NAME);
    ONE
})];

pub(super) fn register(stack: Stack) {
    stack.register_object::<Version>(METHODS, &[], META);
    stack.register_object::<History>(HISTORY, &[], HISTORY_META);
}

pub(super) fn push(stack: Stack, id: u64) -> Outcome {
    stack.push_object(Version(id));
    ONE
}

/// `registry.versions()`.
pub(super) fn push_all(stack: Stack) -> Outcome {
    with_registry(stack, |registry| {
        let versions = registry.versions();
        stack.push_table(versions.len(), 0);
        let list = stack.top();
        for (id, place) in versions.into_iter().zip(1..) {
            stack.push_object(Version(id));
            stack.raw_seti(list, place);
        }
        ONE
    })
}

/// The version at `index`: an object, or its number.
pub(super) fn want(stack: Stack, index: i32, function: &str) -> Result<Result<u64, Failure>, Raise> {
    if let Some(Version(id)) = stack.object(index) {
        return Ok(Ok(*id));
    }
    if !matches!(stack.kind(index), Kind::Number | Kind::String) {
        return stack.wrong(index, function, "number or registry.Version");
    }
    let number = stack.want_number(index, function)?;
    // Past 2^53 not every whole number is one of its own.
    let is_id = number.fract() == 0.0 && (0.0..=(1u64 << 53) as f64).contains(&number);
    let failure = || Failure::new(ErrorKind::Invalid, "version must be a whole number, not negative");
    Ok(if is_id { Ok(number as u64) } else { Err(failure()) })
}

fn neighbour(stack: Stack, pick: impl FnOnce(&[u64]) -> Option<u64>) -> Outcome {
    with_registry(stack, |registry| {
        match pick(&registry.versions()) {
            Some(id) => stack.push_object(Version(id)),
            None => stack.push_nil(),
        }
        ONE
    })
}

fn get_version(stack: Stack) -> Outcome {
    stack.want_self::<History>("get_version")?;
    let id = match want(stack, 2, "get_version")? {
        Ok(id) => id,
        Err(failure) => return stack.fail(failure),
    };
    // Asking for its entries says why it is not there.
    with_registry(stack, |registry| match registry.at(id) {
        Ok(_) => push(stack, id),
        Err(failure) => stack.fail(failure),
    })
}
