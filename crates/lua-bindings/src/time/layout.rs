//! Layouts that show how one certain time is written.

use std::fmt;
use std::ops::Range;

use super::{Location, Moment};

mod format;
mod parse;
mod rest;

/// A way to write times, given by how it writes the reference time:
/// Monday, 2 January 2006, 15:04:05, seven hours behind UTC in the zone MST.
///
/// Each part of that time has a value of its own, so its digits alone say
/// where it goes: `2006-01-02` is a date, `3:04PM` a time of day. Whatever is
/// no part of the reference time stands for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    source: String,
    parts: Vec<Part>,
}

/// A piece of the source, either a literal or an element.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    range: Range<usize>,
    element: Option<Element>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    LongYear,
    Year,
    LongMonth,
    Month,
    NumberMonth(Pad),
    LongWeekday,
    Weekday,
    Day(Pad),
    YearDay(Pad),
    Hour,
    Hour12(Pad),
    Minute(Pad),
    Second(Pad),
    Fraction {
        separator: char,
        digits: usize,
        trim: bool,
    },
    HalfDay {
        upper: bool,
    },
    Abbreviation,
    Offset {
        /// `Z` instead of an offset of zero.
        z: bool,
        colon: bool,
        finest: Finest,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pad {
    None,
    Zero,
    Space,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Finest {
    Hour,
    Minute,
    Second,
}

/// Why a text is no time in some layout.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot parse `{text}` as `{layout}`: {problem}")]
pub(crate) struct ParseError {
    text: String,
    layout: String,
    problem: Problem,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Problem {
    Mismatch { rest: String, part: String },
    ExtraText { rest: String },
    OutOfRange { field: &'static str },
    YearDayDiffers { field: &'static str },
}

impl Layout {
    /// Takes any text apart; there is none that is no layout.
    pub(crate) fn new(source: &str) -> Layout {
        let mut parts = Vec::new();
        let (mut literal, mut position) = (0, 0);
        while let Some(next) = source[position..].chars().next() {
            let Some((element, length)) = element_at(&source[position..]) else {
                position += next.len_utf8();
                continue;
            };
            if literal < position {
                parts.push(Part::literal(literal..position));
            }
            parts.push(Part { range: position..position + length, element: Some(element) });
            position += length;
            literal = position;
        }
        if literal < position {
            parts.push(Part::literal(literal..position));
        }
        let source = source.into();
        Layout { source, parts }
    }

    /// Writes what clocks show at the moment's place.
    pub(crate) fn format(&self, moment: &Moment) -> String {
        format::format(self, moment)
    }

    /// Reads a text as the clocks in `location` would show it.
    ///
    /// Parts that the layout lacks are those of 0000-01-01T00:00:00. Names
    /// match in any case, a weekday only has to exist, and a fraction may
    /// follow the seconds even if the layout has none.
    ///
    /// An offset or abbreviation in the text decides the instant. The moment
    /// stays in `location` if that is its offset there; otherwise its place
    /// is fixed, with the abbreviation as name. An abbreviation unknown
    /// there, `UTC` and `GMT+3` aside, counts as offset zero.
    pub(crate) fn parse(&self, text: &str, location: &Location) -> Result<Moment, ParseError> {
        parse::parse(self, text, location).map_err(|problem| ParseError {
            text: text.into(),
            layout: self.source.clone(),
            problem,
        })
    }

    fn text(&self, part: &Part) -> &str {
        &self.source[part.range.clone()]
    }
}

impl Part {
    fn literal(range: Range<usize>) -> Part {
        let element = None;
        Part { range, element }
    }
}

/// The element that `rest` begins with, and its length.
fn element_at(rest: &str) -> Option<(Element, usize)> {
    if let Some(fraction) = fraction_at(rest) {
        return Some(fraction);
    }
    // An underscore before a year is no padding.
    if rest.starts_with("_2006") {
        return None;
    }
    ELEMENTS
        .iter()
        .find(|(text, element)| {
            let Some(after) = rest.strip_prefix(text) else {
                return false;
            };
            let is_name = matches!(element, Element::Month | Element::Weekday);
            // Words such as `Jane` or `Month` are not names cut short.
            !(is_name && after.starts_with(|c: char| c.is_ascii_lowercase()))
        })
        .map(|(text, element)| (*element, text.len()))
}

/// Zeros or nines behind a point or comma, unless the number goes on.
fn fraction_at(rest: &str) -> Option<(Element, usize)> {
    let separator = rest.chars().next().filter(|c| matches!(c, '.' | ','))?;
    let digit = rest[1..].chars().next().filter(|c| matches!(c, '0' | '9'))?;
    let after = rest[1..].trim_start_matches(digit);
    if after.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let length = rest.len() - after.len();
    let element = Element::Fraction { separator, digits: length - 1, trim: digit == '9' };
    Some((element, length))
}

const fn offset(z: bool, colon: bool, finest: Finest) -> Element {
    Element::Offset { z, colon, finest }
}

/// How the reference time is written. An entry stands before those it begins
/// with.
const ELEMENTS: &[(&str, Element)] = &[
    ("January", Element::LongMonth),
    ("Jan", Element::Month),
    ("Monday", Element::LongWeekday),
    ("Mon", Element::Weekday),
    ("MST", Element::Abbreviation),
    ("002", Element::YearDay(Pad::Zero)),
    ("01", Element::NumberMonth(Pad::Zero)),
    ("02", Element::Day(Pad::Zero)),
    ("03", Element::Hour12(Pad::Zero)),
    ("04", Element::Minute(Pad::Zero)),
    ("05", Element::Second(Pad::Zero)),
    ("06", Element::Year),
    ("15", Element::Hour),
    ("1", Element::NumberMonth(Pad::None)),
    ("2006", Element::LongYear),
    ("2", Element::Day(Pad::None)),
    ("__2", Element::YearDay(Pad::Space)),
    ("_2", Element::Day(Pad::Space)),
    ("3", Element::Hour12(Pad::None)),
    ("4", Element::Minute(Pad::None)),
    ("5", Element::Second(Pad::None)),
    ("PM", Element::HalfDay { upper: true }),
    ("pm", Element::HalfDay { upper: false }),
    ("-070000", offset(false, false, Finest::Second)),
    ("-07:00:00", offset(false, true, Finest::Second)),
    ("-0700", offset(false, false, Finest::Minute)),
    ("-07:00", offset(false, true, Finest::Minute)),
    ("-07", offset(false, false, Finest::Hour)),
    ("Z070000", offset(true, false, Finest::Second)),
    ("Z07:00:00", offset(true, true, Finest::Second)),
    ("Z0700", offset(true, false, Finest::Minute)),
    ("Z07:00", offset(true, true, Finest::Minute)),
    ("Z07", offset(true, false, Finest::Hour)),
];

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Mismatch { rest, part } => write!(f, "`{rest}` does not match `{part}`"),
            Problem::ExtraText { rest } => write!(f, "extra text `{rest}`"),
            Problem::OutOfRange { field } => write!(f, "{field} out of range"),
            Problem::YearDayDiffers { field } => {
                write!(f, "day of year does not match {field}")
            }
        }
    }
}
