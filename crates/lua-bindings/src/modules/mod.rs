//! What scripts can load, one file each. A binding converts arguments, asks the contract, and converts the answer.

pub(crate) mod channel;
pub(crate) mod coroutine;
pub(crate) mod ctx;
pub(crate) mod errors;
pub(crate) mod events;
pub(crate) mod funcs;
pub(crate) mod io;
pub(crate) mod logger;
pub(crate) mod payload;
pub(crate) mod process;
pub(crate) mod registry;
pub(crate) mod security;
pub(crate) mod time;

use std::ffi::CStr;

use perilune_actor_core::{Failure, Tagged, Value};

use crate::vm::{Kind, NOTHING, Outcome, Stack, Vm};

type Make = fn(&Vm, Stack);

/// Modules that must be declared.
const DECLARED: [(&str, Make); 8] = [
    ("ctx", ctx::make),
    ("events", events::make),
    ("funcs", funcs::make),
    ("io", io::make),
    ("logger", logger::push),
    ("registry", registry::make),
    ("security", security::make),
    ("time", time::make),
];

/// Modules that every script has as globals.
pub(crate) const ALWAYS: [(&CStr, Make); 3] =
    [(c"channel", channel::make), (c"errors", errors::make), (c"process", process::make)];

/// What `require` finds without a declaration.
const BUILTIN: [&str; 11] =
    ["channel", "coroutine", "errors", "math", "os", "payload", "process", "string", "table", "utf8", "bit32"];

/// Names that a script may declare under `modules`.
pub const KNOWN_MODULES: &[&str] = &[
    "ctx",
    "events",
    "funcs",
    "io",
    "logger",
    "registry",
    "security",
    "time",
    "channel",
    "coroutine",
    "errors",
    "math",
    "os",
    "process",
    "string",
    "table",
    "utf8",
    "bit32",
];

pub(crate) fn find(name: &str) -> Option<(&'static str, Make)> {
    DECLARED.into_iter().find(|(known, _)| *known == name)
}

pub(crate) fn is_builtin(name: &str) -> bool {
    BUILTIN.contains(&name)
}

/// A host object as a value that can travel; what cannot becomes nil.
pub(crate) fn export(
    stack: Stack,
    index: i32,
    _nested: impl FnMut(i32) -> Result<Value, Failure>,
) -> Result<Value, Failure> {
    if let Some(failure) = errors::get(stack, index) {
        return Ok(Value::Error(failure));
    }
    Ok(time::export(stack, index).map_or(Value::Nil, |tagged| Value::Tagged(Box::new(tagged))))
}

/// Pushes what [`export`] made of a host object.
pub(crate) fn import(stack: Stack, tagged: &Tagged) {
    if tagged.tag == payload::TAG {
        payload::push(stack, &tagged.data);
    } else if !time::import(stack, tagged) {
        stack.push_nil();
    }
}

/// `print(...)`.
pub(crate) fn print(stack: Stack) -> Outcome {
    let vm = Vm::current();
    let line = line_of(stack, b"\t");
    if let Some(actor) = vm.actor() {
        match vm.services.terminal(actor.pid.host()).filter(|_| actor.is_foreground()) {
            Some(terminal) => {
                let mut line = line;
                line.push(b'\n');
                // A closed pipe is no reason to fail: the reader has seen enough.
                let _ = terminal.write(&line);
            }
            None => vm.services.print(&actor.origin(), &line),
        }
    }
    NOTHING
}

/// All arguments as text.
pub(crate) fn line_of(stack: Stack, separator: &[u8]) -> Vec<u8> {
    let mut line = Vec::new();
    for index in 1..=stack.top() {
        if index > 1 {
            line.extend_from_slice(separator);
        }
        match stack.kind(index) {
            Kind::String => line.extend_from_slice(stack.bytes(index).unwrap_or_default()),
            _ => {
                stack.reserve(2);
                line.extend_from_slice(stack.to_text(index));
                stack.pop(1);
            }
        }
    }
    line
}
