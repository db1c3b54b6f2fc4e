use std::ffi::c_int;

use perilune_actor_core::{ErrorKind, Failure, Table, Tagged, Value};

use crate::time::{Location, Moment, Span};
use crate::vm::{Functions, Kind, ONE, Object, Stack, Vm};

/// A Time in a script's hands.
struct MomentObject(Moment);

impl Object for MomentObject {
    const TAG: c_int = 22;
    const NAME: &'static str = "time";
}

/// A Duration.
struct SpanObject(Span);

impl Object for SpanObject {
    const TAG: c_int = 23;
    const NAME: &'static str = "duration";
}

const MOMENT: Functions = &[(c"unix", |stack| {
    stack.push_number(stack.want_self::<MomentObject>("unix")?.0.unix_seconds() as f64);
    ONE
})];

pub(super) fn register(stack: Stack) {
    stack.register_object::<MomentObject>(MOMENT, &[], &[]);
    stack.register_object::<SpanObject>(&[], &[], &[]);
}

pub(super) fn add_functions(_: &Vm, _: Stack) {}

pub(super) fn push_moment(stack: Stack, moment: Moment) {
    stack.push_object(MomentObject(moment));
}

/// A duration argument: nanoseconds, a Duration, or text.
pub(super) fn want_span(stack: Stack, index: i32) -> Result<Span, Failure> {
    let invalid = |text: String| Failure::new(ErrorKind::Invalid, text);
    match stack.kind(index) {
        Kind::Number => Span::from_nanoseconds_f64(stack.number(index).unwrap_or_default()).map_err(|e| invalid(e.to_string())),
        Kind::String => {
            let text = stack.bytes(index).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default();
            Span::parse(text).map_err(|error| invalid(error.to_string()))
        }
        _ => match stack.object::<SpanObject>(index) {
            Some(span) => Ok(span.0),
            None => Err(invalid(format!("duration expected, got {}", stack.type_name(index)))),
        },
    }
}

pub(super) fn export_moment(moment: &Moment) -> Tagged {
    let nanos = moment.unix_nanoseconds();
    let seconds = nanos.div_euclid(1_000_000_000) as i64;
    let rest = nanos.rem_euclid(1_000_000_000) as i64;
    let data = Table { array: vec![Value::Integer(seconds), Value::Integer(rest)], pairs: Vec::new() };
    Tagged { tag: "time.Time", data: Value::Table(Box::new(data)) }
}

/// A time object as plain data.
pub(crate) fn export(stack: Stack, index: i32) -> Option<Tagged> {
    if let Some(moment) = stack.object::<MomentObject>(index) {
        return Some(export_moment(&moment.0));
    }
    let span = stack.object::<SpanObject>(index)?;
    Some(Tagged { tag: "time.Duration", data: Value::Integer(span.0.nanoseconds()) })
}

/// Pushes what [`export`] made.
pub(crate) fn import(stack: Stack, tagged: &Tagged) -> bool {
    match (tagged.tag, &tagged.data) {
        ("time.Time", Value::Table(table)) => match table.array.as_slice() {
            [Value::Integer(seconds), Value::Integer(nanos), ..] => {
                push_moment(stack, Moment::unix(*seconds, *nanos, Location::local()));
                true
            }
            _ => false,
        },
        ("time.Duration", Value::Integer(nanos)) => {
            stack.push_object(SpanObject(Span::from_nanoseconds(*nanos)));
            true
        }
        _ => false,
    }
}
