//! From a text to the moment it names.

use super::rest::{Fault, Rest, gmt_offset};
use super::{Element, Layout, Pad, Problem};
use crate::time::{Civil, Location, MONTHS, Moment, Span, WEEKDAYS, calendar};

/// What the text has said so far.
#[derive(Default)]
struct Found {
    year: i64,
    month: Option<i64>,
    day: Option<i64>,
    year_day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanosecond: i64,
    afternoon: Option<bool>,
    utc: bool,
    offset: Option<i32>,
    abbreviation: Option<String>,
}

pub(super) fn parse(layout: &Layout, text: &str, location: &Location) -> Result<Moment, Problem> {
    let mut found = Found::default();
    let mut rest = Rest(text.as_bytes());
    for (index, part) in layout.parts.iter().enumerate() {
        let before = rest;
        let result = match part.element {
            None => rest.literal(layout.text(part).as_bytes()),
            Some(element) => {
                let mut later = layout.parts[index + 1..].iter();
                let next = later.find_map(|part| part.element);
                found.read(element, next, &mut rest)
            }
        };
        result.map_err(|fault| match fault {
            Fault::OutOfRange(field) => Problem::OutOfRange { field },
            Fault::Mismatch => Problem::Mismatch {
                // Of a literal some may have matched, of a value nothing.
                rest: match part.element {
                    None => rest.text(),
                    Some(_) => before.text(),
                },
                part: layout.text(part).into(),
            },
        })?;
    }
    if !rest.0.is_empty() {
        return Err(Problem::ExtraText { rest: rest.text() });
    }
    found.moment(location)
}

impl Found {
    fn read(&mut self, element: Element, next: Option<Element>, rest: &mut Rest) -> Result<(), Fault> {
        match element {
            Element::LongYear => self.year = rest.digits(4, 4)?,
            Element::Year => {
                let year = rest.digits(2, 2)?;
                // The first Unix times were in 1969 west of Greenwich.
                self.year = year + if year >= 69 { 1900 } else { 2000 };
            }
            Element::LongMonth => self.month = Some(rest.name(&MONTHS, false)? + 1),
            Element::Month => self.month = Some(rest.name(&MONTHS, true)? + 1),
            Element::NumberMonth(pad) => {
                self.month = Some(rest.number(pad, 1..=12, "month")?);
            }
            // The date decides, whatever weekday is claimed.
            Element::LongWeekday => {
                rest.name(&WEEKDAYS, false)?;
            }
            Element::Weekday => {
                rest.name(&WEEKDAYS, true)?;
            }
            // The range depends on a month that may be still to come.
            Element::Day(pad) => {
                rest.padding(pad, 1);
                self.day = Some(rest.number(pad, 0..=99, "day")?);
            }
            Element::YearDay(pad) => {
                rest.padding(pad, 2);
                let least = if pad == Pad::Zero { 3 } else { 1 };
                self.year_day = Some(rest.digits(least, 3)?);
            }
            Element::Hour => self.hour = rest.number(Pad::None, 0..=23, "hour")?,
            Element::Hour12(pad) => self.hour = rest.number(pad, 0..=12, "hour")?,
            Element::Minute(pad) => self.minute = rest.number(pad, 0..=59, "minute")?,
            Element::Second(pad) => {
                self.second = rest.number(pad, 0..=59, "second")?;
                if !matches!(next, Some(Element::Fraction { .. })) {
                    self.optional_fraction(rest);
                }
            }
            Element::Fraction { trim: true, .. } => self.optional_fraction(rest),
            Element::Fraction { digits, .. } => self.nanosecond = rest.fraction(digits)?,
            Element::HalfDay { upper } => {
                self.afternoon = Some(match (rest.take(2)?, upper) {
                    (b"AM", true) | (b"am", false) => false,
                    (b"PM", true) | (b"pm", false) => true,
                    _ => return Err(Fault::Mismatch),
                });
            }
            Element::Abbreviation => {
                if rest.skip(b"UTC") {
                    self.utc = true;
                } else {
                    self.abbreviation = Some(rest.abbreviation()?);
                }
            }
            Element::Offset { z, colon, finest } => {
                if z && rest.skip(b"Z") {
                    self.utc = true;
                } else {
                    self.offset = Some(rest.offset(colon, finest)?);
                }
            }
        }
        Ok(())
    }

    fn optional_fraction(&mut self, rest: &mut Rest) {
        if let Some(nanosecond) = rest.optional_fraction() {
            self.nanosecond = nanosecond;
        }
    }

    fn moment(self, location: &Location) -> Result<Moment, Problem> {
        let (month, day) = self.month_and_day()?;
        if day < 1 || day > calendar::days_in(self.year, month) {
            return Err(Problem::OutOfRange { field: "day" });
        }
        let civil = Civil {
            year: self.year,
            month,
            day,
            hour: match self.afternoon {
                Some(true) if self.hour < 12 => self.hour + 12,
                Some(false) if self.hour == 12 => 0,
                _ => self.hour,
            },
            minute: self.minute,
            second: self.second,
            nanosecond: self.nanosecond,
        };
        if self.utc {
            return Ok(Moment::date(&civil, Location::utc()));
        }

        let wall = Moment::date(&civil, Location::utc());
        let placed = |offset: i32, location: Location| {
            let behind = Span::from_nanoseconds(-i64::from(offset) * 1_000_000_000);
            wall.add(behind).in_location(location)
        };
        Ok(match (self.offset, self.abbreviation) {
            (None, None) => Moment::date(&civil, location.clone()),
            (None, Some(name)) => match location.offset_of(&name, wall.unix_seconds()) {
                Some(offset) => placed(offset, location.clone()),
                None => {
                    let offset = gmt_offset(&name).unwrap_or(0);
                    placed(offset, Location::fixed(&name, offset))
                }
            },
            (Some(offset), name) => {
                let here = placed(offset, location.clone());
                let unix = here.unix_seconds();
                let same_name = |name: &String| *name == location.abbreviation_at(unix);
                if location.offset_at(unix) == offset && name.as_ref().is_none_or(same_name) {
                    here
                } else {
                    let name = name.unwrap_or_default();
                    placed(offset, Location::fixed(&name, offset))
                }
            }
        })
    }

    fn month_and_day(&self) -> Result<(i64, i64), Problem> {
        let Some(year_day) = self.year_day else {
            return Ok((self.month.unwrap_or(1), self.day.unwrap_or(1)));
        };
        let last = if calendar::is_leap(self.year) { 366 } else { 365 };
        if year_day < 1 || year_day > last {
            let field = "day of year";
            return Err(Problem::OutOfRange { field });
        }
        let (mut month, mut day) = (1, year_day);
        while day > calendar::days_in(self.year, month) {
            day -= calendar::days_in(self.year, month);
            month += 1;
        }
        if self.month.is_some_and(|claimed| claimed != month) {
            return Err(Problem::YearDayDiffers { field: "month" });
        }
        if self.day.is_some_and(|claimed| claimed != day) {
            return Err(Problem::YearDayDiffers { field: "day" });
        }
        Ok((month, day))
    }
}

#[cfg(test)]
mod tests;
