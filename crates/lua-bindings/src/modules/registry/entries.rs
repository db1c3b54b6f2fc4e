//! Entries and filters, on the stack and off it.

use std::ffi::CStr;
use std::sync::Arc;

use perilune_actor_core::{ErrorKind, Failure, Value};

use crate::copy;
use crate::services::registry::{Change, EntrySnapshot, EntryValue, Filter};
use crate::vm::{Kind, ONE, Outcome, Raise, Stack, Vm, raise};

fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(ErrorKind::Invalid, message)
}

// --- ids

/// The id at `index`: text, or a table with `ns` and `name`.
pub(super) fn want_id(stack: Stack, index: i32, function: &str) -> Result<Result<String, Failure>, Raise> {
    Ok(match stack.kind(index) {
        Kind::Table => id_of_table(stack, index),
        _ => match stack.want_text(index, function)? {
            "" => Err(invalid("id cannot be empty")),
            text => Ok(text.to_owned()),
        },
    })
}

fn id_of_table(stack: Stack, index: i32) -> Result<String, Failure> {
    let part = |key| {
        stack.reserve(1);
        let kind = stack.raw_get(index, key);
        let text = (kind == Kind::String).then(|| stack.bytes(stack.top()).unwrap_or_default().to_vec());
        stack.pop(1);
        text.and_then(|bytes| String::from_utf8(bytes).ok())
    };
    match (part(c"ns"), part(c"name")) {
        (Some(namespace), Some(_)) if namespace.contains(':') => Err(invalid("`id.ns` must not contain a colon")),
        (Some(namespace), Some(name)) => Ok(format!("{namespace}:{name}")),
        _ => Err(invalid("`id` needs text as `ns` and `name`")),
    }
}

// --- from the stack

/// Reads the entry at `index`, which is a table.
pub(super) fn read_entry(stack: Stack, index: i32) -> Result<EntryValue, Failure> {
    stack.reserve(4);
    let mut position = 0;
    while let Some(next) = stack.next(index, position) {
        position = next;
        let key = stack.top() - 1;
        let name = if stack.kind(key) == Kind::String { stack.bytes(key).unwrap_or_default() } else { b"" };
        if ![&b"id"[..], b"kind", b"meta", b"data"].contains(&name) {
            let shown =
                if stack.kind(key) == Kind::String { String::from_utf8_lossy(name).into_owned() } else { "?".into() };
            return Err(invalid(format!("unknown key `{shown}` of an entry; its configuration belongs into `data`")));
        }
        stack.pop(2);
    }
    let id = match stack.raw_get(index, c"id") {
        Kind::Nil => return Err(invalid("an entry needs an `id`")),
        Kind::Table => id_of_table(stack, stack.top())?,
        _ => read_text(stack, "id")?,
    };
    let kind = match stack.raw_get(index, c"kind") {
        Kind::Nil => return Err(invalid(format!("entry `{id}` lacks the required key `kind`"))),
        _ => read_text(stack, "kind")?,
    };
    let meta = read_config(stack, index, c"meta", &id)?;
    let data = read_config(stack, index, c"data", &id)?;
    stack.pop(4);
    Ok(EntryValue { id, kind, meta, data })
}

/// The text on top.
fn read_text(stack: Stack, key: &str) -> Result<String, Failure> {
    let top = stack.top();
    if stack.kind(top) != Kind::String {
        return Err(invalid(format!("`{key}` of an entry must be text, not {}", stack.type_name(top))));
    }
    let text = std::str::from_utf8(stack.bytes(top).unwrap_or_default());
    text.map(str::to_owned).map_err(|_| invalid(format!("`{key}` of an entry is not valid UTF-8")))
}

/// Reads a part of an entry, and leaves it on the stack.
fn read_config(stack: Stack, entry: i32, name: &CStr, id: &str) -> Result<Value, Failure> {
    let limit = Vm::current().settings.limits.max_payload_bytes;
    stack.raw_get(entry, name);
    let value = stack.top();
    if stack.is_nothing(value) {
        return Ok(Value::from_iter([]));
    }
    copy::read(stack, value, limit).map_err(|failure| {
        let path = culprit(stack, value, &name.to_string_lossy(), limit);
        let problem = failure.message.replacen("cannot send", "cannot hold", 1);
        Failure { message: format!("entry `{id}`: `{path}` {problem}"), ..failure }
    })
}

/// Which key of a table is the one that cannot be read.
fn culprit(stack: Stack, table: i32, path: &str, limit: usize) -> String {
    let top = stack.top();
    let mut position = 0;
    while stack.kind(table) == Kind::Table {
        stack.set_top(top);
        let Some(next) = stack.next(table, position) else { break };
        position = next;
        if copy::read(stack, top + 2, limit).is_err() {
            let key = if stack.kind(top + 1) == Kind::String { stack.bytes(top + 1) } else { None };
            return match key {
                Some(key) => format!("{path}.{}", String::from_utf8_lossy(key)),
                None => path.to_owned(),
            };
        }
    }
    path.to_owned()
}

/// Reads the entries of the list at `index`, which is a table.
pub(super) fn read_list(stack: Stack, index: i32) -> Result<Vec<EntryValue>, Failure> {
    let mut entries = Vec::new();
    for place in 1.. {
        stack.reserve(1);
        stack.raw_geti(index, place);
        match stack.kind(stack.top()) {
            Kind::Nil => break,
            Kind::Table => entries.push(read_entry(stack, stack.top())?),
            _ => {
                let got = stack.type_name(stack.top());
                return Err(invalid(format!("item {place} of a list of entries must be a table, not {got}")));
            }
        }
        stack.pop(1);
    }
    stack.pop(1);
    Ok(entries)
}

/// Reads the conditions at `index`. What they mean is for the registry to say, also of keys and values that mean nothing.
pub(super) fn read_filter(stack: Stack, index: i32) -> Result<Filter, Failure> {
    if stack.kind(index) != Kind::Table {
        return Err(invalid(format!("filter must be a table, not {}", stack.type_name(index))));
    }
    let mut filter = Filter::new();
    let mut position = 0;
    stack.reserve(2);
    while let Some(next) = stack.next(index, position) {
        position = next;
        let (key, value) = (stack.top() - 1, stack.top());
        let name = if stack.kind(key) == Kind::String { stack.bytes(key) } else { None };
        if let Some(name) = name.and_then(|name| std::str::from_utf8(name).ok()) {
            let value = match stack.kind(value) {
                Kind::String => Value::String(stack.bytes(value).unwrap_or_default().into()),
                Kind::Number => Value::Number(stack.number(value).unwrap_or_default()),
                Kind::Boolean => Value::Boolean(stack.truthy(value)),
                _ => Value::Nil,
            };
            filter.push((name.to_owned(), value));
        }
        stack.pop(2);
    }
    Ok(filter)
}

// --- to the stack

/// `entry, nil` or `nil, err`.
pub(super) fn push_one(stack: Stack, snapshot: &dyn EntrySnapshot, id: &str) -> Outcome {
    let Some(actor) = Vm::current().actor() else { return raise("no context found") };
    match snapshot.get(&actor.origin(), id) {
        Ok(entry) => {
            push_entry(stack, &entry);
            ONE
        }
        Err(failure) => stack.fail(failure),
    }
}

/// Pushes those of the entries that the caller may see.
pub(super) fn push_found(stack: Stack, snapshot: &dyn EntrySnapshot, found: Result<Vec<Arc<str>>, Failure>) -> Outcome {
    let Some(actor) = Vm::current().actor() else { return raise("no context found") };
    let ids = match found {
        Ok(ids) => ids,
        Err(failure) => return stack.fail(failure),
    };
    stack.reserve(2);
    stack.push_table(ids.len(), 0);
    let list = stack.top();
    let mut place = 0;
    for id in ids {
        match snapshot.get(&actor.origin(), &id) {
            Ok(entry) => {
                push_entry(stack, &entry);
                place += 1;
                stack.raw_seti(list, place);
            }
            Err(failure) if matches!(failure.kind, ErrorKind::PermissionDenied | ErrorKind::NotFound) => {}
            Err(failure) => return stack.fail(failure),
        }
    }
    ONE
}

pub(super) fn push_entry(stack: Stack, entry: &EntryValue) {
    stack.reserve(2);
    stack.push_table(0, 4);
    let table = stack.top();
    stack.push_str(&entry.id);
    stack.raw_set(table, c"id");
    stack.push_str(&entry.kind);
    stack.raw_set(table, c"kind");
    copy::push(stack, &entry.meta);
    stack.raw_set(table, c"meta");
    copy::push(stack, &entry.data);
    stack.raw_set(table, c"data");
}

/// Pushes operations as `{kind, id, entry}`; of what is deleted, the entry has only its id.
pub(super) fn push_changes<'a>(stack: Stack, changes: impl ExactSizeIterator<Item = &'a Change>) {
    stack.reserve(4);
    stack.push_table(changes.len(), 0);
    let list = stack.top();
    for (change, place) in changes.zip(1..) {
        stack.push_table(0, 3);
        let operation = stack.top();
        stack.push_str(change.id());
        stack.raw_set(operation, c"id");
        let kind = match change {
            Change::Create(entry) | Change::Update(entry) => {
                push_entry(stack, entry);
                if matches!(change, Change::Create(_)) { "entry.create" } else { "entry.update" }
            }
            Change::Delete(id) => {
                stack.push_table(0, 1);
                stack.push_str(id);
                stack.raw_set(operation + 1, c"id");
                "entry.delete"
            }
        };
        stack.raw_set(operation, c"entry");
        stack.push_str(kind);
        stack.raw_set(operation, c"kind");
        stack.raw_seti(list, place);
    }
}
