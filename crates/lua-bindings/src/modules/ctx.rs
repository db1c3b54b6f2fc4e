//! `ctx`: what an actor has from those who started it.

use std::sync::Arc;

use perilune_actor_core::{ErrorKind, Failure, Value};

use crate::copy;
use crate::inherited::Inherited;
use crate::vm::{Kind, ONE, Outcome, Raise, Stack, Vm};

pub(crate) fn make(_: &Vm, stack: Stack) {
    stack.push_table(0, 2);
    stack.set_functions(&[(c"get", get), (c"all", all)]);
}

fn get(stack: Stack) -> Outcome {
    let key = stack.want_text(1, "get")?;
    if key.is_empty() {
        return stack.invalid("key cannot be empty");
    }
    let Some(actor) = Vm::current().actor() else { return stack.invalid("no context found") };
    match actor.inherited().and_then(|inherited| inherited.get(key)) {
        Some(value) => {
            copy::push(stack, value);
            ONE
        }
        None => stack.fail(Failure::new(ErrorKind::NotFound, format!("key not found: {key}"))),
    }
}

fn all(stack: Stack) -> Outcome {
    let Some(actor) = Vm::current().actor() else { return stack.invalid("no context found") };
    let values = actor.inherited().map_or_else(|| Value::Table(Box::default()), |inherited| inherited.to_value());
    copy::push(stack, &values);
    ONE
}

/// What is inherited with the context values of the table at `index` added. Raises when it is no such table.
pub(crate) fn want_merged(
    stack: Stack,
    index: i32,
    function: &str,
    before: Option<&Inherited>,
) -> Result<Arc<Inherited>, Raise> {
    stack.want_kind(index, function, Kind::Table, "table")?;
    let limit = Vm::current().settings.limits.max_payload_bytes;
    let (mut values, mut position) = (Vec::new(), 0);
    stack.reserve(4);
    // Each value by itself: the table is not passed on as a whole, so it has no identity to keep.
    while let Some(next) = stack.next(index, position) {
        position = next;
        let key = stack.top() - 1;
        let text = if stack.kind(key) == Kind::String { stack.bytes(key) } else { None };
        let Some(text) = text.and_then(|bytes| std::str::from_utf8(bytes).ok()) else {
            return Err(Raise::Argument(index, format!("to '{function}' (keys must be strings)")));
        };
        values.push((text.into(), copy::read(stack, key + 1, limit)?));
        stack.pop(2);
    }
    Ok(Arc::new(before.cloned().unwrap_or_default().with(values)))
}
