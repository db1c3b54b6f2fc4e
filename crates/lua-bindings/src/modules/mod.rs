//! What scripts can load, one file each. A binding converts arguments, asks the contract, and converts the answer.

mod base64;
pub(crate) mod channel;
pub(crate) mod coroutine;
pub(crate) mod ctx;
mod env;
pub(crate) mod errors;
pub(crate) mod events;
pub(crate) mod exec;
pub(crate) mod fs;
pub(crate) mod funcs;
mod hash;
pub(crate) mod io;
mod json;
pub(crate) mod logger;
pub(crate) mod os;
pub(crate) mod payload;
pub(crate) mod process;
pub(crate) mod registry;
pub(crate) mod security;
pub(crate) mod stream;
pub(crate) mod supervise;
pub(crate) mod time;
mod uuid;

use std::ffi::CStr;

use perilune_actor_core::{Failure, Tagged, Value};

use crate::vm::{Kind, NOTHING, Outcome, Stack, Vm};

type Make = fn(&Vm, Stack);

/// Modules that must be declared.
const DECLARED: [(&str, Make); 16] = [
    ("base64", base64::make),
    ("ctx", ctx::make),
    ("env", env::make),
    ("events", events::make),
    ("exec", exec::make),
    ("fs", fs::make),
    ("funcs", funcs::make),
    ("hash", hash::make),
    ("io", io::make),
    ("json", json::make),
    ("logger", logger::push),
    ("registry", registry::make),
    ("security", security::make),
    ("supervise", supervise::make),
    ("time", time::make),
    ("uuid", uuid::make),
];

/// Modules that every script has as globals.
pub(crate) const ALWAYS: [(&CStr, Make); 4] =
    [(c"channel", channel::make), (c"errors", errors::make), (c"payload", payload::make), (c"process", process::make)];

/// What `require` finds without a declaration.
const BUILTIN: [&str; 11] =
    ["channel", "coroutine", "errors", "math", "os", "payload", "process", "string", "table", "utf8", "bit32"];

/// Names that a script may declare under `modules`.
pub const KNOWN_MODULES: &[&str] = &[
    "base64",
    "ctx",
    "env",
    "events",
    "exec",
    "fs",
    "funcs",
    "hash",
    "io",
    "json",
    "logger",
    "registry",
    "security",
    "supervise",
    "time",
    "uuid",
    "channel",
    "coroutine",
    "errors",
    "math",
    "os",
    "payload",
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
    mut nested: impl FnMut(i32) -> Result<Value, Failure>,
) -> Result<Value, Failure> {
    stack.reserve(2);
    if payload::push_data(stack, index) {
        let data = nested(stack.top());
        stack.pop(1);
        return data;
    }
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
