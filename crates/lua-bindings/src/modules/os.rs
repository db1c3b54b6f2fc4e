//! What replaces functions of the language's own library.

use std::ffi::CStr;
use std::time::SystemTime;

use crate::time::{Civil, Location, Moment};
use crate::vm::{Kind, ONE, Outcome, Raise, Stack, Vm, raise};

/// `os.time(parts?)`. The parts are those of a local clock, as `os.date("*t")` gives them; the language's own function
/// takes them for UTC, and knows nothing before 1970.
pub(crate) fn time(stack: Stack) -> Outcome {
    let moment = if stack.is_nothing(1) {
        let now = Vm::current().with(|_, cx| cx.wall());
        Moment::from_system(now.unwrap_or_else(|_| SystemTime::now()), Location::utc())
    } else {
        stack.want_kind(1, "time", Kind::Table, "table")?;
        let civil = Civil {
            year: part(stack, c"year", None)?,
            month: part(stack, c"month", None)?,
            day: part(stack, c"day", None)?,
            hour: part(stack, c"hour", Some(12))?,
            minute: part(stack, c"min", Some(0))?,
            second: part(stack, c"sec", Some(0))?,
            nanosecond: 0,
        };
        Moment::date(&civil, Location::local())
    };
    stack.push_number(moment.unix_seconds() as f64);
    ONE
}

fn part(stack: Stack, name: &CStr, default: Option<i64>) -> Result<i64, Raise> {
    /// Far beyond all dates, and exact.
    const LIMIT: f64 = (1u64 << 53) as f64;
    stack.raw_get(1, name);
    let number = stack.number(stack.top());
    stack.pop(1);
    match (number, default) {
        (Some(number), _) if number.abs() <= LIMIT => Ok(number.trunc() as i64),
        (Some(_), _) => raise(format!("field '{}' of the date table is out of range", name.to_string_lossy())),
        (None, Some(default)) => Ok(default),
        (None, None) => raise(format!("field '{}' missing in date table", name.to_string_lossy())),
    }
}
