use std::ffi::c_int;

use perilune_actor_core::{ErrorKind, Failure, Value};

use super::arguments::Arguments;
use crate::time::{Location, LocationError};
use crate::vm::{Functions, ONE, Object, Outcome, Raise, Stack};

/// A Location in a script's hands.
pub(super) struct LocationObject(pub(super) Location);

impl Object for LocationObject {
    const TAG: c_int = 24;
    const NAME: &'static str = "location";
}

const METHODS: Functions = &[(c"string", |stack| name(stack, "string"))];
const META: Functions = &[(c"__tostring", |stack| name(stack, "tostring"))];

pub(super) fn register(stack: Stack) {
    stack.register_object::<LocationObject>(METHODS, &[], META);
}

pub(super) fn add_functions(stack: Stack) {
    stack.set_functions(&[(c"load_location", load), (c"fixed_zone", fixed)]);
}

pub(super) fn push(stack: Stack, location: Location) {
    stack.push_object(LocationObject(location));
}

/// The Location that may be left out; the local one then.
pub(super) fn optional(arguments: &Arguments, number: i32) -> Result<Location, Raise> {
    if arguments.is_missing(number) {
        return Ok(Location::local());
    }
    Ok(arguments.object::<LocationObject>(number)?.0.clone())
}

fn name(stack: Stack, function: &str) -> Outcome {
    stack.push_str(stack.want_self::<LocationObject>(function)?.0.name());
    ONE
}

fn load(stack: Stack) -> Outcome {
    let name = Arguments::of_function(stack, "load_location").bytes(1)?;
    match Location::load(&String::from_utf8_lossy(name)) {
        Ok(location) => {
            push(stack, location);
            ONE
        }
        Err(error) => {
            let kind = match error {
                LocationError::EmptyName => ErrorKind::Invalid,
                LocationError::NotFound { .. } => ErrorKind::NotFound,
            };
            stack.fail(Failure::new(kind, error.to_string()))
        }
    }
}

fn fixed(stack: Stack) -> Outcome {
    let arguments = Arguments::of_function(stack, "fixed_zone");
    let name = arguments.text(1)?;
    let Ok(offset) = i32::try_from(arguments.integer(2)?) else { return arguments.bad(2, "out of range") };
    push(stack, Location::fixed(name, offset));
    ONE
}

/// A fixed place as `{name, offset}`, any other as its name.
pub(super) fn export(location: &Location) -> Value {
    let name = Value::from(location.name());
    match location.fixed_offset() {
        Some(offset) => vec![name, Value::Integer(offset.into())].into(),
        None => name,
    }
}

/// What [`export`] made; `None` too if the zone database lacks the place.
pub(super) fn import(data: &Value) -> Option<Location> {
    let Value::Table(table) = data else { return Location::load(data.as_str()?).ok() };
    let [name, Value::Integer(offset)] = table.array.as_slice() else { return None };
    Some(Location::fixed(name.as_str()?, i32::try_from(*offset).ok()?))
}
