//! From a moment to its text.

use std::fmt::Write;

use super::{Element, Finest, Layout, Pad};
use crate::time::{Civil, MONTHS, Moment, WEEKDAYS};

pub(super) fn format(layout: &Layout, moment: &Moment) -> String {
    let civil = moment.civil();
    let mut out = String::with_capacity(layout.source.len() + 8);
    for part in &layout.parts {
        match part.element {
            None => out.push_str(layout.text(part)),
            Some(element) => push(&mut out, element, &civil, moment),
        }
    }
    out
}

fn push(out: &mut String, element: Element, civil: &Civil, moment: &Moment) {
    let hour12 = (civil.hour + 11) % 12 + 1;
    match element {
        Element::LongYear => number(out, civil.year, Pad::Zero, 4),
        // No two digits could tell years before 0 from later ones.
        Element::Year => number(out, civil.year.max(0) % 100, Pad::Zero, 2),
        Element::LongMonth => out.push_str(name(&MONTHS, civil.month - 1)),
        Element::Month => out.push_str(&name(&MONTHS, civil.month - 1)[..3]),
        Element::NumberMonth(pad) => number(out, civil.month, pad, 2),
        Element::LongWeekday => out.push_str(name(&WEEKDAYS, moment.weekday())),
        Element::Weekday => out.push_str(&name(&WEEKDAYS, moment.weekday())[..3]),
        Element::Day(pad) => number(out, civil.day, pad, 2),
        Element::YearDay(pad) => number(out, civil.year_day(), pad, 3),
        Element::Hour => number(out, civil.hour, Pad::Zero, 2),
        Element::Hour12(pad) => number(out, hour12, pad, 2),
        Element::Minute(pad) => number(out, civil.minute, pad, 2),
        Element::Second(pad) => number(out, civil.second, pad, 2),
        Element::Fraction { separator, digits, trim } => fraction(out, civil.nanosecond, separator, digits, trim),
        Element::HalfDay { upper } => out.push_str(match (civil.hour < 12, upper) {
            (true, true) => "AM",
            (true, false) => "am",
            (false, true) => "PM",
            (false, false) => "pm",
        }),
        Element::Abbreviation => {
            let seconds = moment.unix_seconds();
            let abbreviation = moment.location().abbreviation_at(seconds);
            if abbreviation.is_empty() {
                offset(out, moment, false, Finest::Minute);
            } else {
                out.push_str(&abbreviation);
            }
        }
        Element::Offset { z, colon, finest } => {
            if z && moment.location().offset_at(moment.unix_seconds()) == 0 {
                out.push('Z');
            } else {
                offset(out, moment, colon, finest);
            }
        }
    }
}

fn name(names: &[&'static str], index: i64) -> &'static str {
    names[index as usize % names.len()]
}

fn number(out: &mut String, value: i64, pad: Pad, width: usize) {
    if value < 0 {
        out.push('-');
    }
    let value = value.unsigned_abs();
    // Writing to a string cannot fail.
    let _ = match pad {
        Pad::None => write!(out, "{value}"),
        Pad::Zero => write!(out, "{value:0width$}"),
        Pad::Space => write!(out, "{value:width$}"),
    };
}

fn fraction(out: &mut String, nanosecond: i64, separator: char, digits: usize, trim: bool) {
    let all = format!("{nanosecond:09}");
    let mut shown = &all[..digits.min(9)];
    if trim {
        shown = shown.trim_end_matches('0');
    }
    // A separator with nothing behind it is trimmed as well.
    if !shown.is_empty() {
        out.push(separator);
        out.push_str(shown);
    }
}

fn offset(out: &mut String, moment: &Moment, colon: bool, finest: Finest) {
    let offset = moment.location().offset_at(moment.unix_seconds());
    let colon = if colon { ":" } else { "" };
    // Cut to what is shown first: 20 seconds behind UTC is no minus zero.
    let shown = match finest {
        Finest::Second => i64::from(offset),
        _ => i64::from(offset) / 60 * 60,
    };
    out.push(if shown < 0 { '-' } else { '+' });
    let seconds = shown.unsigned_abs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let _ = match finest {
        Finest::Hour => write!(out, "{hours:02}"),
        Finest::Minute => write!(out, "{hours:02}{colon}{minutes:02}"),
        Finest::Second => write!(out, "{hours:02}{colon}{minutes:02}{colon}{seconds:02}"),
    };
}

#[cfg(test)]
mod tests;
