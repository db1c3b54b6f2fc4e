use std::ffi::c_int;

use perilune_actor_core::Value;

use crate::copy;
use crate::services::Level;
use crate::vm::{Functions, Kind, NOTHING, ONE, Object, Outcome, Raise, Stack, Vm};

/// A logger with a name and fields that go into every record.
#[derive(Clone, Default)]
struct Logger {
    name: String,
    fields: Vec<(String, Value)>,
}

impl Object for Logger {
    const TAG: c_int = 13;
    const NAME: &'static str = "logger";
}

const METHODS: Functions = &[
    (c"debug", |stack| log(stack, "debug", Level::Debug)),
    (c"info", |stack| log(stack, "info", Level::Info)),
    (c"warn", |stack| log(stack, "warn", Level::Warn)),
    (c"error", |stack| log(stack, "error", Level::Error)),
    (c"with", |stack| {
        let logger = stack.want_self::<Logger>("with")?;
        stack.want_kind(2, "with", Kind::Table, "table")?;
        let mut made = logger.clone();
        for (name, value) in fields(stack)? {
            made.fields.retain(|(known, _)| *known != name);
            made.fields.push((name, value));
        }
        stack.push_object(made);
        ONE
    }),
    (c"named", |stack| {
        let logger = stack.want_self::<Logger>("named")?;
        let name = stack.want_text(2, "named")?;
        let name = if logger.name.is_empty() { name.to_owned() } else { format!("{}.{name}", logger.name) };
        stack.push_object(Logger { name, fields: logger.fields.clone() });
        ONE
    }),
];

const META: Functions = &[(c"__tostring", |stack| {
    let logger = stack.want_self::<Logger>("tostring")?;
    stack.push_str(&format!("logger({})", logger.name));
    ONE
})];

pub(crate) fn register(stack: Stack) {
    stack.register_object::<Logger>(METHODS, &[], META);
}

pub(crate) fn push(_: &Vm, stack: Stack) {
    stack.push_object(Logger::default());
}

fn fields(stack: Stack) -> Result<Vec<(String, Value)>, Raise> {
    if stack.kind(3) != Kind::Table && stack.kind(2) != Kind::Table {
        return Ok(Vec::new());
    }
    let index = if stack.kind(3) == Kind::Table { 3 } else { 2 };
    let limit = Vm::current().settings.limits.max_payload_bytes;
    let mut fields = Vec::new();
    let mut position = 0;
    while let Some(next) = stack.next(index, position) {
        position = next;
        let (key, value) = (stack.top() - 1, stack.top());
        // What cannot travel is still worth a word in a log.
        let value = copy::read(stack, value, limit).unwrap_or_else(|_| Value::from(stack.type_name(value)));
        stack.reserve(2);
        let name = String::from_utf8_lossy(stack.to_text(key)).into_owned();
        fields.push((name, value));
        stack.pop(3);
    }
    Ok(fields)
}

fn log(stack: Stack, method: &str, level: Level) -> Outcome {
    let logger = stack.want_self::<Logger>(method)?;
    let message = String::from_utf8_lossy(stack.want_bytes(2, method)?).into_owned();
    if !stack.is_nothing(3) {
        stack.want_kind(3, method, Kind::Table, "table")?;
    }
    let mut all = logger.fields.clone();
    if stack.kind(3) == Kind::Table {
        all.extend(fields(stack)?);
    }
    let vm = Vm::current();
    if let Some(actor) = vm.actor() {
        vm.services.log(&actor.origin(), level, &logger.name, &message, &all);
    }
    NOTHING
}
