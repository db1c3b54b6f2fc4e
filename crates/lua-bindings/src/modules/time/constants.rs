use crate::time::{LAYOUTS, Location, MONTHS, WEEKDAYS};
use crate::vm::Stack;

const DURATIONS: [(&str, f64); 6] = [
    ("NANOSECOND", 1.0),
    ("MICROSECOND", 1e3),
    ("MILLISECOND", 1e6),
    ("SECOND", 1e9),
    ("MINUTE", 60e9),
    ("HOUR", 3600e9),
];

/// Puts the module's constants into the table on top.
pub(super) fn add(stack: Stack) {
    let module = stack.top();
    let add = |name: &str, push: &dyn Fn()| {
        stack.push_str(name);
        push();
        stack.raw_set_top(module);
    };
    for (name, nanoseconds) in DURATIONS {
        add(name, &|| stack.push_number(nanoseconds));
    }
    for (name, number) in MONTHS.iter().zip(1..) {
        add(&name.to_ascii_uppercase(), &|| stack.push_number(f64::from(number)));
    }
    for (name, number) in WEEKDAYS.iter().zip(0..) {
        add(&name.to_ascii_uppercase(), &|| stack.push_number(f64::from(number)));
    }
    for (name, layout) in LAYOUTS {
        add(name, &|| stack.push_str(layout));
    }
    add("utc", &|| super::location::push(stack, Location::utc()));
    add("localtz", &|| super::location::push(stack, Location::local()));
}
