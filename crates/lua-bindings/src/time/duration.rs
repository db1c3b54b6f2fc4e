//! Lengths of time.

use std::fmt;

const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// The magnitude of the shortest span. One more than that of the longest.
const LIMIT: u64 = 1 << 63;

/// A signed length of time in whole nanoseconds, up to about 292 years.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Span(i64);

/// Why a value is not a length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DurationError {
    /// The text does not follow the grammar.
    #[error("invalid duration `{text}`")]
    Invalid {
        /// What was given.
        text: String,
    },
    /// A number has no unit behind it.
    #[error("missing unit in duration `{text}`")]
    MissingUnit {
        /// What was given.
        text: String,
    },
    /// A number is followed by something that is no unit.
    #[error("unknown unit `{unit}` in duration `{text}`")]
    UnknownUnit {
        /// What stood in the place of a unit.
        unit: String,
        /// What was given.
        text: String,
    },
    /// The length does not fit.
    #[error("duration `{text}` is out of range")]
    OutOfRange {
        /// What was given.
        text: String,
    },
    /// NaN has no length.
    #[error("duration is not a number")]
    NotANumber,
}

impl Span {
    /// No time at all.
    pub(crate) const ZERO: Span = Span(0);

    /// Takes whole nanoseconds.
    pub(crate) const fn from_nanoseconds(nanoseconds: i64) -> Span {
        Span(nanoseconds)
    }

    /// Takes nanoseconds and cuts the fraction.
    pub(crate) fn from_nanoseconds_f64(nanoseconds: f64) -> Result<Span, DurationError> {
        if nanoseconds.is_nan() {
            return Err(DurationError::NotANumber);
        }
        // 2^63 is exact as a double, the longest span is not.
        let limit = LIMIT as f64;
        if nanoseconds < -limit || nanoseconds >= limit {
            let text = nanoseconds.to_string();
            return Err(DurationError::OutOfRange { text });
        }
        Ok(Span(nanoseconds as i64))
    }

    /// Reads texts such as `1h30m`, `-1.5s` or `0`.
    ///
    /// An optional sign is followed by one or more numbers, each with a
    /// unit: `ns`, `us` or `µs`, `ms`, `s`, `m`, `h`. Units may repeat and
    /// come in any order; their lengths add up.
    pub(crate) fn parse(text: &str) -> Result<Span, DurationError> {
        let invalid = || DurationError::Invalid { text: text.into() };
        let out_of_range = || DurationError::OutOfRange { text: text.into() };

        let (negative, mut rest) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        if rest == "0" {
            return Ok(Span::ZERO);
        }
        if rest.is_empty() {
            return Err(invalid());
        }

        let mut total: u64 = 0;
        while !rest.is_empty() {
            let (whole, after) = split_digits(rest);
            let (fraction, after) = match after.strip_prefix('.') {
                Some(after) => split_digits(after),
                None => ("", after),
            };
            if whole.is_empty() && fraction.is_empty() {
                return Err(invalid());
            }

            let end = after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len());
            let (unit, after) = after.split_at(end);
            if unit.is_empty() {
                return Err(DurationError::MissingUnit { text: text.into() });
            }
            let Some(scale) = unit_length(unit) else {
                let (unit, text) = (unit.into(), text.into());
                return Err(DurationError::UnknownUnit { unit, text });
            };
            rest = after;

            total = whole_number(whole)
                .and_then(|whole| whole.checked_mul(scale))
                .and_then(|part| part.checked_add(fraction_of(fraction, scale)))
                .and_then(|part| part.checked_add(total))
                .filter(|total| *total <= LIMIT)
                .ok_or_else(out_of_range)?;
        }

        let signed = if negative { 0i64.checked_sub_unsigned(total) } else { i64::try_from(total).ok() };
        signed.map(Span).ok_or_else(out_of_range)
    }

    /// The length in nanoseconds.
    pub(crate) const fn nanoseconds(self) -> i64 {
        self.0
    }

    /// The length in whole microseconds, cut towards zero.
    pub(crate) const fn microseconds(self) -> i64 {
        self.0 / MICROSECOND as i64
    }

    /// The length in whole milliseconds, cut towards zero.
    pub(crate) const fn milliseconds(self) -> i64 {
        self.0 / MILLISECOND as i64
    }

    /// The length in seconds with their fraction.
    pub(crate) fn seconds(self) -> f64 {
        self.in_units(SECOND)
    }

    /// The length in minutes with their fraction.
    pub(crate) fn minutes(self) -> f64 {
        self.in_units(MINUTE)
    }

    /// The length in hours with their fraction.
    pub(crate) fn hours(self) -> f64 {
        self.in_units(HOUR)
    }

    /// The same length for the standard library; `None` below zero.
    pub(crate) fn to_std(self) -> Option<std::time::Duration> {
        u64::try_from(self.0).ok().map(std::time::Duration::from_nanos)
    }

    fn in_units(self, unit: u64) -> f64 {
        // Splitting first keeps nanoseconds that a direct division would
        // round away with the length as a double.
        let unit = unit as i64;
        (self.0 / unit) as f64 + (self.0 % unit) as f64 / unit as f64
    }
}

/// Writes the largest fitting unit first and leaves out a zero fraction:
/// `1h0m0s`, `1.5ms`, `100µs`, `0s`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.0.unsigned_abs();
        let mut text = String::new();
        if self.0 < 0 {
            text.push('-');
        }
        if length == 0 {
            text.push_str("0s");
        } else if length < MICROSECOND {
            text.push_str(&format!("{length}ns"));
        } else if length < MILLISECOND {
            text.push_str(&with_fraction(length, MICROSECOND, "µs"));
        } else if length < SECOND {
            text.push_str(&with_fraction(length, MILLISECOND, "ms"));
        } else {
            if length >= HOUR {
                text.push_str(&format!("{}h", length / HOUR));
            }
            if length >= MINUTE {
                text.push_str(&format!("{}m", length % HOUR / MINUTE));
            }
            text.push_str(&with_fraction(length % MINUTE, SECOND, "s"));
        }
        f.pad(&text)
    }
}

fn with_fraction(length: u64, unit: u64, name: &str) -> String {
    let (whole, fraction) = (length / unit, length % unit);
    if fraction == 0 {
        return format!("{whole}{name}");
    }
    let width = unit.ilog10() as usize;
    let digits = format!("{fraction:0width$}");
    format!("{whole}.{}{name}", digits.trim_end_matches('0'))
}

fn split_digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

/// `None` if the number is too large. No digits are zero, as in `.5s`.
fn whole_number(digits: &str) -> Option<u64> {
    if digits.is_empty() {
        return Some(0);
    }
    digits.parse().ok()
}

/// The nanoseconds in `0.digits` of a unit.
fn fraction_of(digits: &str, unit: u64) -> u64 {
    let (mut value, mut scale) = (0u64, 1f64);
    for digit in digits.bytes() {
        let next = 10u64.checked_mul(value).and_then(|tens| tens.checked_add(u64::from(digit - b'0')));
        // Digits that no longer fit are far below a nanosecond, even in hours.
        let Some(next) = next.filter(|next| *next <= LIMIT) else {
            break;
        };
        (value, scale) = (next, scale * 10.0);
    }
    // Floating point on purpose: a third of an hour, written with enough
    // digits, comes out as 20 minutes and not one nanosecond less.
    (value as f64 * (unit as f64 / scale)) as u64
}

fn unit_length(name: &str) -> Option<u64> {
    Some(match name {
        "ns" => 1,
        // The micro sign, and the Greek letter that looks the same.
        "us" | "\u{b5}s" | "\u{3bc}s" => MICROSECOND,
        "ms" => MILLISECOND,
        "s" => SECOND,
        "m" => MINUTE,
        "h" => HOUR,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
