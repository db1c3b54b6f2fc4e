use std::ffi::c_int;

use perilune_actor_core::Value;

use super::arguments::Arguments;
use super::location::{self, LocationObject};
use super::span::{self, SpanObject};
use crate::time::{Civil, Layout, Location, Moment};
use crate::vm::{Functions, ONE, Object, Outcome, Raise, Return, Stack};

/// A Time in a script's hands.
pub(super) struct MomentObject(pub(super) Moment);

impl Object for MomentObject {
    const TAG: c_int = 22;
    const NAME: &'static str = "time";
}

const METHODS: Functions = &[
    (c"add", |stack| {
        let moment = this(stack, "add")?;
        give(stack, moment.add(Arguments::of_method(stack, "add").span(1)?))
    }),
    (c"sub", |stack| {
        let moment = this(stack, "sub")?;
        let other = Arguments::of_method(stack, "sub").object::<MomentObject>(1)?;
        span::push(stack, moment.sub(&other.0));
        ONE
    }),
    (c"add_date", |stack| {
        let moment = this(stack, "add_date")?;
        let arguments = Arguments::of_method(stack, "add_date");
        let (years, months, days) = (arguments.integer(1)?, arguments.integer(2)?, arguments.integer(3)?);
        give(stack, moment.add_date(years, months, days))
    }),
    (c"before", |stack| compare(stack, "before", Moment::before)),
    (c"after", |stack| compare(stack, "after", Moment::after)),
    (c"equal", |stack| compare(stack, "equal", Moment::equal)),
    (c"format", |stack| {
        let moment = this(stack, "format")?;
        stack.push_str(&moment.format(Arguments::of_method(stack, "format").text(1)?));
        ONE
    }),
    (c"format_rfc3339", |stack| {
        stack.push_str(&this(stack, "format_rfc3339")?.rfc3339());
        ONE
    }),
    (c"unix", |stack| number(stack, "unix", Moment::unix_f64)),
    (c"unix_nano", |stack| number(stack, "unix_nano", Moment::unix_nano_f64)),
    (c"date", |stack| {
        let civil = this(stack, "date")?.civil();
        give_parts(stack, [civil.year, civil.month, civil.day])
    }),
    (c"clock", |stack| {
        let civil = this(stack, "clock")?.civil();
        give_parts(stack, [civil.hour, civil.minute, civil.second])
    }),
    (c"year", |stack| part(stack, "year", Moment::year)),
    (c"month", |stack| part(stack, "month", Moment::month)),
    (c"day", |stack| part(stack, "day", Moment::day)),
    (c"hour", |stack| part(stack, "hour", Moment::hour)),
    (c"minute", |stack| part(stack, "minute", Moment::minute)),
    (c"second", |stack| part(stack, "second", Moment::second)),
    (c"nanosecond", |stack| part(stack, "nanosecond", Moment::nanosecond)),
    (c"weekday", |stack| part(stack, "weekday", Moment::weekday)),
    (c"year_day", |stack| part(stack, "year_day", Moment::year_day)),
    (c"is_zero", |stack| {
        stack.push_boolean(this(stack, "is_zero")?.is_zero());
        ONE
    }),
    (c"utc", |stack| give(stack, this(stack, "utc")?.utc())),
    (c"in_local", |stack| give(stack, this(stack, "in_local")?.in_location(Location::local()))),
    (c"in_location", |stack| {
        let moment = this(stack, "in_location")?;
        let location = Arguments::of_method(stack, "in_location").object::<LocationObject>(1)?;
        give(stack, moment.in_location(location.0.clone()))
    }),
    (c"location", |stack| {
        location::push(stack, this(stack, "location")?.location().clone());
        ONE
    }),
    (c"round", |stack| {
        let moment = this(stack, "round")?;
        give(stack, moment.round(Arguments::of_method(stack, "round").object::<SpanObject>(1)?.0))
    }),
    (c"truncate", |stack| {
        let moment = this(stack, "truncate")?;
        give(stack, moment.truncate(Arguments::of_method(stack, "truncate").object::<SpanObject>(1)?.0))
    }),
];

const META: Functions = &[
    (c"__tostring", |stack| {
        stack.push_str(&this(stack, "tostring")?.to_string());
        ONE
    }),
    (c"__eq", |stack| compare(stack, "compare", Moment::equal)),
    (c"__lt", |stack| compare(stack, "compare", Moment::before)),
    (c"__le", |stack| compare(stack, "compare", |left, right| !left.after(right))),
];

pub(super) fn register(stack: Stack) {
    stack.register_object::<MomentObject>(METHODS, &[], META);
}

pub(super) fn add_functions(stack: Stack) {
    stack.set_functions(&[(c"date", date), (c"unix", unix), (c"parse", parse)]);
}

pub(super) fn push(stack: Stack, moment: Moment) {
    stack.push_object(MomentObject(moment));
}

// --- functions

fn date(stack: Stack) -> Outcome {
    let arguments = Arguments::of_function(stack, "date");
    let civil = Civil {
        year: arguments.integer(1)?,
        month: arguments.integer(2)?,
        day: arguments.integer(3)?,
        hour: arguments.integer(4)?,
        minute: arguments.integer(5)?,
        second: arguments.integer(6)?,
        nanosecond: arguments.integer(7)?,
    };
    give(stack, Moment::date(&civil, location::optional(&arguments, 8)?))
}

fn unix(stack: Stack) -> Outcome {
    let arguments = Arguments::of_function(stack, "unix");
    let seconds = arguments.integer(1)?;
    let nanoseconds = if arguments.is_missing(2) { 0 } else { arguments.integer(2)? };
    give(stack, Moment::unix(seconds, nanoseconds, Location::local()))
}

fn parse(stack: Stack) -> Outcome {
    let arguments = Arguments::of_function(stack, "parse");
    let (layout, text) = (arguments.text(1)?, arguments.bytes(2)?);
    let location = location::optional(&arguments, 3)?;
    // Layouts are written by who writes the script. Texts come from anywhere, so none of them may raise.
    let Ok(text) = std::str::from_utf8(text) else { return stack.invalid("cannot parse text that is not UTF-8") };
    match Layout::new(layout).parse(text, &location) {
        Ok(moment) => give(stack, moment),
        Err(error) => stack.invalid(error.to_string()),
    }
}

// --- methods

fn this<'a>(stack: Stack, method: &str) -> Result<&'a Moment, Raise> {
    Ok(&stack.want_self::<MomentObject>(method)?.0)
}

fn give(stack: Stack, moment: Moment) -> Outcome {
    push(stack, moment);
    ONE
}

fn give_parts(stack: Stack, parts: [i64; 3]) -> Outcome {
    for part in parts {
        stack.push_number(part as f64);
    }
    Ok(Return::Values(3))
}

fn number(stack: Stack, method: &str, get: fn(&Moment) -> f64) -> Outcome {
    stack.push_number(get(this(stack, method)?));
    ONE
}

fn part(stack: Stack, method: &str, get: fn(&Moment) -> i64) -> Outcome {
    stack.push_number(get(this(stack, method)?) as f64);
    ONE
}

fn compare(stack: Stack, method: &'static str, holds: fn(&Moment, &Moment) -> bool) -> Outcome {
    let moment = this(stack, method)?;
    let other = Arguments::of_method(stack, method).object::<MomentObject>(1)?;
    stack.push_boolean(holds(moment, &other.0));
    ONE
}

// --- copies

/// Seconds, nanosecond, monotonic reading if there is one, and the place.
pub(super) fn export(moment: &Moment) -> Value {
    vec![
        Value::Integer(moment.unix_seconds()),
        Value::Integer(moment.nanosecond()),
        moment.monotonic().map_or(Value::Nil, Value::Integer),
        location::export(moment.location()),
    ]
    .into()
}

/// What [`export`] made.
pub(super) fn import(data: &Value) -> Option<Moment> {
    let Value::Table(table) = data else { return None };
    let [Value::Integer(seconds), Value::Integer(nanosecond), monotonic, place] = table.array.as_slice() else {
        return None;
    };
    // The instant is what matters most: it survives a place that the zone database no longer has.
    let moment = Moment::unix(*seconds, *nanosecond, location::import(place).unwrap_or_default());
    Some(match monotonic {
        Value::Integer(reading) => moment.with_monotonic(*reading),
        _ => moment,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_of_any_shape_is_taken_or_refused() {
        let half = Value::Number(0.5);
        let list = |values: &[Value]| Value::from(values.to_vec());
        let integer = Value::Integer;
        for data in [Value::Nil, half.clone(), list(&[]), list(&[integer(1), integer(2)])] {
            assert!(import(&data).is_none(), "{data:?}");
        }
        let places = [
            Value::Nil,
            half.clone(),
            Value::from("nowhere/at_all"),
            Value::String(b"\xff".as_slice().into()),
            list(&[Value::from("x")]),
            list(&[half.clone(), integer(1)]),
            list(&[Value::from("x"), integer(i64::MAX)]),
        ];
        for place in places {
            let data = list(&[integer(i64::MAX), integer(i64::MIN), half.clone(), place]);
            let moment = import(&data).unwrap();
            assert_eq!(moment.location().name(), "UTC", "{data:?}");
            assert_eq!(moment.monotonic(), None);
        }
    }

    #[test]
    fn copies_keep_instant_place_and_reading() {
        let places = [Location::utc(), Location::local(), Location::fixed("", -1), Location::fixed("UTC", 3600)];
        for place in places {
            let moment = Moment::unix(-1, 999_999_999, place.clone()).with_monotonic(-5);
            let copy = import(&export(&moment)).unwrap();
            assert_eq!(copy.unix_nanoseconds(), moment.unix_nanoseconds());
            assert_eq!(copy.monotonic(), Some(-5));
            assert_eq!(format!("{:?}", copy.location()), format!("{place:?}"));
        }
    }
}
