//! Time values: lengths, instants, places, and the layouts that write them.
//!
//! Nothing here reads a clock. Whoever wants the present hands it in, so
//! every result depends only on its arguments, the zone database, and the zone
//! this machine is set up for.

mod calendar;
mod duration;
mod layout;
mod location;
mod moment;

pub(crate) use calendar::Civil;
pub(crate) use duration::Span;
pub(crate) use layout::Layout;
pub(crate) use location::{Location, LocationError};
pub(crate) use moment::Moment;

/// Layouts known by name, as `(name, layout)`.
pub(crate) const LAYOUTS: &[(&str, &str)] = &[
    ("ANSIC", "Mon Jan _2 15:04:05 2006"),
    ("UNIXDATE", "Mon Jan _2 15:04:05 MST 2006"),
    ("RUBYDATE", "Mon Jan 02 15:04:05 -0700 2006"),
    ("RFC822", "02 Jan 06 15:04 MST"),
    ("RFC822Z", "02 Jan 06 15:04 -0700"),
    ("RFC850", "Monday, 02-Jan-06 15:04:05 MST"),
    ("RFC1123", "Mon, 02 Jan 2006 15:04:05 MST"),
    ("RFC1123Z", "Mon, 02 Jan 2006 15:04:05 -0700"),
    ("RFC3339", RFC3339),
    ("RFC3339NANO", RFC3339_NANO),
    ("KITCHEN", "3:04PM"),
    ("STAMP", "Jan _2 15:04:05"),
    ("STAMP_MILLI", "Jan _2 15:04:05.000"),
    ("STAMP_MICRO", "Jan _2 15:04:05.000000"),
    ("STAMP_NANO", "Jan _2 15:04:05.000000000"),
    ("DATE_TIME", "2006-01-02 15:04:05"),
    ("DATE_ONLY", "2006-01-02"),
    ("TIME_ONLY", "15:04:05"),
];

/// RFC 3339 in whole seconds.
pub(crate) const RFC3339: &str = "2006-01-02T15:04:05Z07:00";

/// RFC 3339 with as much of the fraction as is not zero.
pub(crate) const RFC3339_NANO: &str = "2006-01-02T15:04:05.999999999Z07:00";

/// Month names; January is month 1.
pub(crate) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Weekday names; Sunday is day 0.
pub(crate) const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
