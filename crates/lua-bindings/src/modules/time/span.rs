use std::ffi::c_int;

use perilune_actor_core::{ErrorKind, Failure, Value};

use crate::time::Span;
use crate::vm::{Functions, Kind, ONE, Object, Outcome, Stack};

/// A Duration in a script's hands.
pub(super) struct SpanObject(pub(super) Span);

impl Object for SpanObject {
    const TAG: c_int = 23;
    const NAME: &'static str = "duration";
}

const METHODS: Functions = &[
    (c"nanoseconds", |stack| number(stack, "nanoseconds", |span| span.nanoseconds() as f64)),
    (c"microseconds", |stack| number(stack, "microseconds", |span| span.microseconds() as f64)),
    (c"milliseconds", |stack| number(stack, "milliseconds", |span| span.milliseconds() as f64)),
    (c"seconds", |stack| number(stack, "seconds", Span::seconds)),
    (c"minutes", |stack| number(stack, "minutes", Span::minutes)),
    (c"hours", |stack| number(stack, "hours", Span::hours)),
];

const META: Functions = &[
    (c"__tostring", |stack| {
        stack.push_str(&stack.want_self::<SpanObject>("tostring")?.0.to_string());
        ONE
    }),
    (c"__eq", |stack| compare(stack, Span::eq)),
    (c"__lt", |stack| compare(stack, Span::lt)),
    (c"__le", |stack| compare(stack, Span::le)),
];

pub(super) fn register(stack: Stack) {
    stack.register_object::<SpanObject>(METHODS, &[], META);
}

pub(super) fn add_functions(stack: Stack) {
    stack.set_functions(&[(c"parse_duration", parse)]);
}

pub(super) fn push(stack: Stack, span: Span) {
    stack.push_object(SpanObject(span));
}

/// The duration at `index`: nanoseconds, a Duration, or text.
pub(super) fn want(stack: Stack, index: i32) -> Result<Span, Failure> {
    let invalid = |text: String| Failure::new(ErrorKind::Invalid, text);
    let span = match stack.kind(index) {
        Kind::Number => Span::from_nanoseconds_f64(stack.number(index).unwrap_or_default()),
        Kind::String => Span::parse(&String::from_utf8_lossy(stack.bytes(index).unwrap_or_default())),
        _ => match stack.object::<SpanObject>(index) {
            Some(span) => Ok(span.0),
            None => return Err(invalid(format!("duration expected, got {}", stack.type_name(index)))),
        },
    };
    span.map_err(|error| invalid(error.to_string()))
}

fn number(stack: Stack, method: &str, get: fn(Span) -> f64) -> Outcome {
    stack.push_number(get(stack.want_self::<SpanObject>(method)?.0));
    ONE
}

fn compare(stack: Stack, holds: fn(&Span, &Span) -> bool) -> Outcome {
    let left = stack.want_self::<SpanObject>("compare")?;
    let Some(right) = stack.object::<SpanObject>(2) else { return stack.wrong(2, "compare", SpanObject::NAME) };
    stack.push_boolean(holds(&left.0, &right.0));
    ONE
}

fn parse(stack: Stack) -> Outcome {
    match want(stack, 1) {
        Ok(span) => {
            push(stack, span);
            ONE
        }
        Err(failure) => stack.fail(failure),
    }
}

pub(super) fn export(span: Span) -> Value {
    Value::Integer(span.nanoseconds())
}

/// What [`export`] made.
pub(super) fn import(data: &Value) -> Option<Span> {
    match data {
        Value::Integer(nanoseconds) => Some(Span::from_nanoseconds(*nanoseconds)),
        _ => None,
    }
}
