use std::ffi::{CStr, c_int};

use perilune_actor_core::{ErrorKind, Failure, Value};

use crate::copy;
use crate::modules::{errors, json, time};
use crate::vm::{Functions, Kind, ONE, Object, Outcome, Stack, Vm};

/// What a value that shall become a payload is called on its way.
pub(crate) const TAG: &str = "payload";

/// A value and the form it is in. What lives in the VM is its companion.
struct Payload {
    format: Format,
    scalar: Option<Value>,
}

impl Object for Payload {
    const TAG: c_int = 30;
    const NAME: &'static str = "payload";
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// Any value.
    Lua,
    /// Text that is JSON.
    Json,
    /// Text.
    String,
    /// Bytes that mean nothing here.
    Bytes,
}

const FORMATS: [(&CStr, Format); 4] =
    [(c"LUA", Format::Lua), (c"JSON", Format::Json), (c"STRING", Format::String), (c"BYTES", Format::Bytes)];

impl Format {
    fn name(self) -> &'static str {
        match self {
            Self::Lua => "lua/any",
            Self::Json => "json/plain",
            Self::String => "text/plain",
            Self::Bytes => "application/octet-stream",
        }
    }
}

const METHODS: Functions = &[
    (c"data", |stack| {
        stack.want_self::<Payload>("data")?;
        push_data(stack, 1);
        ONE
    }),
    (c"get_format", |stack| {
        stack.push_str(stack.want_self::<Payload>("get_format")?.format.name());
        ONE
    }),
    (c"transcode", transcode),
    (c"unmarshal", |stack| {
        let payload = stack.want_self::<Payload>("unmarshal")?;
        push_data(stack, 1);
        match payload.format {
            Format::Json => give(stack, json::decode(stack, stack.top())),
            Format::Lua | Format::String | Format::Bytes => ONE,
        }
    }),
];

const META: Functions = &[(c"__tostring", |stack| {
    let payload = stack.want_self::<Payload>("tostring")?;
    stack.push_str(&format!("payload.Payload({})", payload.format.name()));
    ONE
})];

pub(crate) fn register(stack: Stack) {
    stack.register_object::<Payload>(METHODS, &[], META);
}

pub(crate) fn make(_: &Vm, stack: Stack) {
    stack.push_table(0, 2);
    let module = stack.top();
    stack.set_functions(&[(c"new", new)]);
    stack.push_table(0, FORMATS.len());
    for (name, format) in FORMATS {
        stack.push_str(format.name());
        stack.raw_set(module + 1, name);
    }
    stack.set_readonly(module + 1);
    stack.raw_set(module, c"format");
}

/// Pushes a Payload that holds a value which has come from elsewhere.
pub(crate) fn push(stack: Stack, value: &Value) {
    stack.reserve(4);
    copy::push(stack, value);
    wrap(stack, Format::Lua);
}

/// The same with a value that nobody needs afterwards.
pub(crate) fn push_owned(stack: Stack, value: Value) {
    stack.reserve(4);
    copy::push_owned(stack, value);
    wrap(stack, Format::Lua);
}

/// Pops a value and pushes a Payload that holds it; a Payload stays as it is.
fn wrap(stack: Stack, format: Format) {
    let value = stack.top();
    stack.reserve(1);
    let scalar = match stack.kind(value) {
        // Never one inside another: nothing counts how deep that goes.
        Kind::Userdata if stack.object::<Payload>(value).is_some() => return,
        Kind::None | Kind::Nil => Some(Value::Nil),
        Kind::Boolean => Some(Value::Boolean(stack.truthy(value))),
        Kind::Number => Some(Value::Number(stack.number(value).unwrap_or_default())),
        _ => None,
    };
    let is_scalar = scalar.is_some();
    stack.push_object(Payload { format, scalar });
    stack.insert(value);
    if is_scalar {
        stack.pop(1);
    } else {
        Vm::current().set_companion(stack, value);
    }
}

/// Pushes what the Payload at `index` holds. False for anything else.
pub(crate) fn push_data(stack: Stack, index: i32) -> bool {
    let Some(payload) = stack.object::<Payload>(index) else { return false };
    match &payload.scalar {
        Some(value) => copy::push(stack, value),
        None => Vm::current().push_companion(stack, index),
    }
    true
}

fn new(stack: Stack) -> Outcome {
    if stack.kind(1) == Kind::None {
        return stack.wrong(1, "new", "value");
    }
    stack.set_top(1);
    wrap(stack, Format::Lua);
    ONE
}

fn give(stack: Stack, pushed: Result<(), Failure>) -> Outcome {
    match pushed {
        Ok(()) => ONE,
        Err(failure) => stack.fail(failure),
    }
}

fn transcode(stack: Stack) -> Outcome {
    let payload = stack.want_self::<Payload>("transcode")?;
    let name = stack.want_text(2, "transcode")?;
    let Some((_, format)) = FORMATS.into_iter().find(|(_, format)| format.name() == name) else {
        return stack.invalid(format!("unknown payload format `{name}`"));
    };
    stack.set_top(1);
    if format != payload.format {
        push_data(stack, 1);
        if let Err(failure) = convert(stack, payload.format, format) {
            return stack.fail(failure);
        }
        wrap(stack, format);
    }
    ONE
}

/// Replaces the data on top by the same in another form.
fn convert(stack: Stack, from: Format, to: Format) -> Result<(), Failure> {
    let data = stack.top();
    match (from, to) {
        (Format::Lua, Format::Json) => json::encode(stack, data),
        (Format::Lua, Format::String | Format::Bytes) => {
            push_text(stack, data, to)?;
            if to == Format::String { check_text(stack) } else { Ok(()) }
        }
        (Format::Json, Format::Lua) => json::decode(stack, data),
        // Bytes and texts say nothing about themselves: they may be JSON.
        (_, Format::Json) => json::check(stack.bytes(data).unwrap_or_default()),
        (Format::Bytes, Format::String) => check_text(stack),
        _ => Ok(()),
    }
}

fn check_text(stack: Stack) -> Result<(), Failure> {
    match std::str::from_utf8(stack.bytes(stack.top()).unwrap_or_default()) {
        Ok(_) => Ok(()),
        Err(_) => Err(Failure::new(ErrorKind::Invalid, "bytes that are not UTF-8 are no text")),
    }
}

/// Pushes a value that is a text, or that nobody would write in two ways.
fn push_text(stack: Stack, index: i32, to: Format) -> Result<(), Failure> {
    match stack.kind(index) {
        Kind::String | Kind::Number | Kind::Boolean | Kind::Integer => {
            stack.to_text(index);
            return Ok(());
        }
        Kind::Buffer if to == Format::Bytes => {
            stack.push_bytes(&stack.buffer(index).unwrap_or_default());
            return Ok(());
        }
        _ => {}
    }
    let text = time::text(stack, index).or_else(|| Some(errors::get(stack, index)?.message.clone()));
    let text = text.ok_or_else(|| {
        let text = format!("a {} is no text; JSON may be a form for it", stack.type_name(index));
        Failure::new(ErrorKind::Invalid, text)
    })?;
    stack.push_str(&text);
    Ok(())
}
