use std::ffi::c_int;
use std::sync::Arc;

use perilune_actor_core::{ErrorKind, Failure, Value};

use crate::copy;
use crate::modules::json;
use crate::vm::{Functions, Kind, NOTHING, ONE, Object, Outcome, Raise, Stack, Vm, raise};

/// A structured error in a script's hands.
pub(crate) struct ErrorObject {
    failure: Arc<Failure>,
    /// Where it was made, if by a script.
    frames: Vec<Frame>,
}

struct Frame {
    source: String,
    line: i32,
    name: String,
}

impl Object for ErrorObject {
    const TAG: c_int = 10;
    const NAME: &'static str = "error";
}

const KINDS: [(&std::ffi::CStr, ErrorKind); 11] = [
    (c"UNKNOWN", ErrorKind::Unknown),
    (c"INVALID", ErrorKind::Invalid),
    (c"NOT_FOUND", ErrorKind::NotFound),
    (c"ALREADY_EXISTS", ErrorKind::AlreadyExists),
    (c"PERMISSION_DENIED", ErrorKind::PermissionDenied),
    (c"UNAVAILABLE", ErrorKind::Unavailable),
    (c"INTERNAL", ErrorKind::Internal),
    (c"CANCELED", ErrorKind::Canceled),
    (c"CONFLICT", ErrorKind::Conflict),
    (c"TIMEOUT", ErrorKind::Timeout),
    (c"RATE_LIMITED", ErrorKind::RateLimited),
];

const METHODS: Functions = &[
    (c"kind", |stack| {
        stack.push_str(stack.want_self::<ErrorObject>("kind")?.failure.kind.as_str());
        ONE
    }),
    (c"message", |stack| {
        stack.push_str(&stack.want_self::<ErrorObject>("message")?.failure.message);
        ONE
    }),
    (c"retryable", |stack| {
        match stack.want_self::<ErrorObject>("retryable")?.failure.retryable {
            Some(retryable) => stack.push_boolean(retryable),
            None => stack.push_nil(),
        }
        ONE
    }),
    (c"details", |stack| {
        match stack.want_self::<ErrorObject>("details")?.failure.details.clone() {
            Some(details) => copy::push(stack, &Value::Table(details)),
            None => stack.push_nil(),
        }
        ONE
    }),
    (c"stack", |stack| {
        let error = stack.want_self::<ErrorObject>("stack")?;
        stack.push_str(error.failure.stack.as_deref().unwrap_or_default());
        ONE
    }),
];

const META: Functions = &[
    (c"__tostring", |stack| {
        stack.push_str(&stack.want_self::<ErrorObject>("tostring")?.failure.message);
        ONE
    }),
    (c"__concat", |stack| {
        replace_by_texts(stack);
        match (stack.bytes(1), stack.bytes(2)) {
            (Some(left), Some(right)) => {
                stack.push_bytes(&[left, right].concat());
                ONE
            }
            (left, _) => {
                let wrong = if left.is_none() { 1 } else { 2 };
                raise(format!("attempt to concatenate {} with error", stack.type_name(wrong)))
            }
        }
    }),
    (c"__len", |stack| {
        stack.push_number(stack.want_self::<ErrorObject>("len")?.failure.message.len() as f64);
        ONE
    }),
];

pub(crate) fn register(stack: Stack) {
    stack.register_object::<ErrorObject>(METHODS, &[], META);
}

pub(crate) fn make(_: &Vm, stack: Stack) {
    stack.push_table(0, KINDS.len() + 5);
    let module = stack.top();
    for (name, kind) in KINDS {
        stack.push_str(kind.as_str());
        stack.raw_set(module, name);
    }
    stack.set_functions(&[(c"new", new), (c"wrap", wrap), (c"is", is), (c"as", as_error), (c"call_stack", call_stack)]);
}

/// Pushes a structured error.
pub(crate) fn push(stack: Stack, failure: Failure) {
    push_shared(stack, Arc::new(failure));
}

pub(crate) fn push_shared(stack: Stack, failure: Arc<Failure>) {
    stack.push_object(ErrorObject { failure, frames: Vec::new() });
}

/// The structured error at `index`.
pub(crate) fn get(stack: Stack, index: i32) -> Option<Arc<Failure>> {
    stack.object::<ErrorObject>(index).map(|error| Arc::clone(&error.failure))
}

/// How many bytes the fields of a raised table may take to be a message.
const MAX_TABLE_TEXT: usize = 4 << 10;

/// Puts the message of every error among the arguments in its place.
pub(crate) fn replace_by_texts(stack: Stack) {
    for index in 1..=stack.top() {
        if stack.kind(index) == Kind::Userdata
            && let Some(error) = stack.object::<ErrorObject>(index)
        {
            stack.push_str(&error.failure.message);
            stack.replace(index);
        }
    }
}

/// What a raised value says. A table without a message says what is in it. May run a script's `__tostring`.
pub(crate) fn from_raised(stack: Stack, index: i32) -> Failure {
    if let Some(failure) = get(stack, index) {
        return Failure::clone(&failure);
    }
    let message = match stack.kind(index) {
        Kind::Table => message_of_table(stack, index),
        Kind::String | Kind::Number => text(stack, index).unwrap_or_default(),
        Kind::Boolean => stack.truthy(index).to_string(),
        _ => stack.type_name(index).to_owned(),
    };
    Failure::new(ErrorKind::Internal, message)
}

fn message_of_table(stack: Stack, index: i32) -> String {
    let top = stack.top();
    stack.reserve(3);
    let message = if stack.raw_get(index, c"message") == Kind::String {
        text(stack, stack.top())
    } else if stack.push_metatable(index) && stack.raw_get(stack.top(), c"__tostring") != Kind::Nil {
        Some(String::from_utf8_lossy(stack.to_text(index)).into_owned())
    } else {
        json::text(stack, index, MAX_TABLE_TEXT).ok().filter(|text| text.len() > "{}".len())
    };
    stack.set_top(top);
    message.unwrap_or_else(|| "error object of type table".to_owned())
}

fn text(stack: Stack, index: i32) -> Option<String> {
    stack.bytes(index).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

/// The failure that a main function returned as its second value.
pub(crate) fn second_result(stack: Stack) -> Option<Failure> {
    if let Some(failure) = get(stack, 2) {
        return Some(Failure::clone(&failure));
    }
    let message = (stack.kind(2) == Kind::String).then(|| text(stack, 2))??;
    Some(Failure { message, retryable: None, ..Failure::default() })
}

/// A new error that remembers where it was made.
fn push_made(stack: Stack, failure: Failure) -> Outcome {
    let frames: Vec<_> = (1..32)
        .map_while(|level| stack.place(level))
        .filter(|place| place.line > 0)
        .map(|place| Frame { source: place.source, line: place.line, name: place.name })
        .collect();
    let trace = stack.traceback();
    let stack_text = match failure.stack {
        Some(before) if !before.is_empty() => format!("{before}\n{trace}"),
        _ => trace,
    };
    let failure = Arc::new(Failure { stack: Some(stack_text), ..failure });
    stack.push_object(ErrorObject { failure, frames });
    ONE
}

fn new(stack: Stack) -> Outcome {
    match stack.kind(1) {
        Kind::String => push_made(stack, Failure { message: text(stack, 1).unwrap_or_default(), ..Failure::default() }),
        Kind::Table => {
            let failure = from_table(stack)?;
            push_made(stack, failure)
        }
        _ => stack.wrong(1, "new", "string or table"),
    }
}

fn from_table(stack: Stack) -> Result<Failure, Raise> {
    let top = stack.top();
    let field = |name, kind, what: &str| match stack.raw_get(1, name) {
        Kind::Nil => Ok(false),
        got if got == kind => Ok(true),
        _ => raise(format!("bad field '{}' of errors.new ({what} expected)", name.to_string_lossy())),
    };
    if !field(c"message", Kind::String, "string")? {
        return raise("bad field 'message' of errors.new (string expected, got nil)");
    }
    field(c"kind", Kind::String, "string")?;
    let has_retryable = field(c"retryable", Kind::Boolean, "boolean")?;
    let has_details = field(c"details", Kind::Table, "table")?;
    let details = if has_details {
        let limit = Vm::current().settings.limits.max_payload_bytes;
        match copy::read(stack, top + 4, limit)? {
            Value::Table(table)
                if !table.array.is_empty() || !table.pairs.iter().all(|(key, _)| key.as_bytes().is_some()) =>
            {
                return raise("bad field 'details' of errors.new (keys must be strings)");
            }
            Value::Table(table) => Some(table).filter(|table| !table.pairs.is_empty()),
            _ => None,
        }
    } else {
        None
    };
    Ok(Failure {
        message: text(stack, top + 1).unwrap_or_default(),
        kind: text(stack, top + 2).as_deref().map(ErrorKind::from).unwrap_or_default(),
        retryable: has_retryable.then(|| stack.truthy(top + 3)),
        explicit: has_retryable,
        details,
        stack: None,
        cause: None,
    })
}

fn wrap(stack: Stack) -> Outcome {
    let cause = match get(stack, 1) {
        Some(failure) => failure,
        None => match text(stack, 1) {
            Some(message) => Arc::new(Failure { message, ..Failure::default() }),
            None => return stack.wrong(1, "wrap", "error or string"),
        },
    };
    let context = match get(stack, 2) {
        Some(failure) => failure.message.clone(),
        None => stack.want_text(2, "wrap")?.to_owned(),
    };
    let before = cause.stack.clone().unwrap_or_default();
    let failure = Failure::clone(&cause);
    push_made(stack, Failure { stack: Some(format!("{context}\n{before}")), cause: Some(cause), ..failure })
}

fn is(stack: Stack) -> Outcome {
    let kind = stack.want_text(2, "is")?;
    let found = get(stack, 1).is_some_and(|failure| failure.is(&ErrorKind::from(kind)));
    stack.push_boolean(found);
    ONE
}

fn as_error(stack: Stack) -> Outcome {
    stack.set_top(1);
    if stack.object::<ErrorObject>(1).is_none() {
        stack.push_nil();
    }
    ONE
}

fn call_stack(stack: Stack) -> Outcome {
    let Some(error) = stack.object::<ErrorObject>(1) else {
        return NOTHING;
    };
    stack.push_table(0, 2);
    let result = stack.top();
    stack.push_str(&Vm::current().actor().map(|actor| actor.pid.to_string()).unwrap_or_default());
    stack.raw_set(result, c"thread");
    stack.push_table(error.frames.len(), 0);
    for (frame, level) in error.frames.iter().zip(1..) {
        stack.push_table(0, 5);
        let entry = stack.top();
        stack.push_number(f64::from(level));
        stack.raw_set(entry, c"level");
        stack.push_str(&frame.source);
        stack.raw_set(entry, c"source");
        stack.push_number(f64::from(frame.line));
        stack.raw_set(entry, c"line");
        stack.push_str(&frame.name);
        stack.raw_set(entry, c"name");
        stack.push_str("Lua");
        stack.raw_set(entry, c"type");
        stack.raw_seti(result + 1, level);
    }
    stack.raw_set(result, c"frames");
    ONE
}
