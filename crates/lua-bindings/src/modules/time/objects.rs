use perilune_actor_core::{Tagged, Value};

use super::location::LocationObject;
use super::moment::MomentObject;
use super::span::SpanObject;
use super::{constants, location, moment, span};
use crate::time::Moment;
use crate::vm::Stack;

const TIME: &str = "time.Time";
const DURATION: &str = "time.Duration";
const LOCATION: &str = "time.Location";

/// Makes the kinds of objects known to the VM.
pub(super) fn register(stack: Stack) {
    moment::register(stack);
    span::register(stack);
    location::register(stack);
}

/// Puts what is about them into the module, which is on top.
pub(super) fn add_functions(stack: Stack) {
    constants::add(stack);
    moment::add_functions(stack);
    span::add_functions(stack);
    location::add_functions(stack);
}

pub(super) fn export_moment(moment: &Moment) -> Tagged {
    Tagged { tag: TIME, data: moment::export(moment) }
}

/// A time object as plain data.
pub(crate) fn export(stack: Stack, index: i32) -> Option<Tagged> {
    if let Some(moment) = stack.object::<MomentObject>(index) {
        return Some(export_moment(&moment.0));
    }
    if let Some(span) = stack.object::<SpanObject>(index) {
        return Some(Tagged { tag: DURATION, data: span::export(span.0) });
    }
    let location = stack.object::<LocationObject>(index)?;
    Some(Tagged { tag: LOCATION, data: location::export(&location.0) })
}

/// A time object as text for people and other programs, which reads back as the same.
pub(crate) fn text(stack: Stack, index: i32) -> Option<String> {
    if let Some(moment) = stack.object::<MomentObject>(index) {
        return Some(moment.0.to_string());
    }
    if let Some(span) = stack.object::<SpanObject>(index) {
        return Some(span.0.to_string());
    }
    Some(stack.object::<LocationObject>(index)?.0.name().to_owned())
}

/// Pushes what [`export`] made. Pushes nothing, and says so, when it is something else.
pub(crate) fn import(stack: Stack, tagged: &Tagged) -> bool {
    fn push<T>(stack: Stack, read: fn(&Value) -> Option<T>, push: fn(Stack, T), data: &Value) -> bool {
        read(data).map(|object| push(stack, object)).is_some()
    }
    match tagged.tag {
        TIME => push(stack, moment::import, moment::push, &tagged.data),
        DURATION => push(stack, span::import, span::push, &tagged.data),
        LOCATION => push(stack, location::import, location::push, &tagged.data),
        _ => false,
    }
}
