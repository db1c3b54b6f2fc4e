//! The part of a text that is not yet read.

use std::ops::RangeInclusive;

use super::{Finest, Pad};

/// Reads from the front. A fault may leave half a value read; keep a copy
/// from before to show what did not match.
///
/// Works on bytes: a text may be cut anywhere without regard to characters,
/// because everything that is read as a value is ASCII.
#[derive(Clone, Copy)]
pub(super) struct Rest<'a>(pub(super) &'a [u8]);

pub(super) enum Fault {
    Mismatch,
    OutOfRange(&'static str),
}

impl<'a> Rest<'a> {
    pub(super) fn text(self) -> String {
        String::from_utf8_lossy(self.0).into_owned()
    }

    pub(super) fn skip(&mut self, prefix: &[u8]) -> bool {
        let after = self.0.strip_prefix(prefix);
        self.0 = after.unwrap_or(self.0);
        after.is_some()
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Fault> {
        let (taken, after) = self.0.split_at_checked(length).ok_or(Fault::Mismatch)?;
        self.0 = after;
        Ok(taken)
    }

    /// Any number of spaces matches any other, except none in the middle of
    /// the text.
    pub(super) fn literal(&mut self, mut literal: &[u8]) -> Result<(), Fault> {
        while let Some((&next, after)) = literal.split_first() {
            if next == b' ' {
                if self.0.first().is_some_and(|byte| *byte != b' ') {
                    return Err(Fault::Mismatch);
                }
                literal = without_spaces(literal);
                self.0 = without_spaces(self.0);
            } else if self.skip(&[next]) {
                literal = after;
            } else {
                return Err(Fault::Mismatch);
            }
        }
        Ok(())
    }

    pub(super) fn padding(&mut self, pad: Pad, most: usize) {
        for _ in 0..most {
            if pad == Pad::Space {
                self.skip(b" ");
            }
        }
    }

    /// As many digits as there are, up to `most`.
    pub(super) fn digits(&mut self, least: usize, most: usize) -> Result<i64, Fault> {
        let length = count_digits(self.0).min(most);
        if length < least {
            return Err(Fault::Mismatch);
        }
        self.take(length).map(value)
    }

    /// One or two digits; two if the layout pads with zeros.
    pub(super) fn number(&mut self, pad: Pad, range: RangeInclusive<i64>, field: &'static str) -> Result<i64, Fault> {
        let number = self.digits(if pad == Pad::Zero { 2 } else { 1 }, 2)?;
        if !range.contains(&number) {
            return Err(Fault::OutOfRange(field));
        }
        Ok(number)
    }

    /// The index of the name that comes next, in upper or lower case, whole
    /// or as its first three letters.
    pub(super) fn name(&mut self, names: &[&str], short: bool) -> Result<i64, Fault> {
        for (index, name) in (0..).zip(names) {
            let name = if short { &name[..3] } else { name };
            let head = self.0.get(..name.len());
            if head.is_some_and(|head| head.eq_ignore_ascii_case(name.as_bytes())) {
                self.take(name.len())?;
                return Ok(index);
            }
        }
        Err(Fault::Mismatch)
    }

    /// Seconds ahead of UTC.
    pub(super) fn offset(&mut self, colon: bool, finest: Finest) -> Result<i32, Fault> {
        let negative = match self.take(1)? {
            b"+" => false,
            b"-" => true,
            _ => return Err(Fault::Mismatch),
        };
        let parts = match finest {
            Finest::Hour => 1,
            Finest::Minute => 2,
            Finest::Second => 3,
        };
        // Some write offsets of 24 hours or 60 minutes, so those pass.
        let limits = [(24, "zone offset hour"), (60, "zone offset minute"), (60, "zone offset second")];
        let (mut total, mut unit) = (0, 3600);
        for (index, (limit, field)) in limits.into_iter().take(parts).enumerate() {
            if colon && index > 0 && !self.skip(b":") {
                return Err(Fault::Mismatch);
            }
            total += self.number(Pad::Zero, 0..=limit, field)? as i32 * unit;
            unit /= 60;
        }
        Ok(if negative { -total } else { total })
    }

    /// A zone abbreviation other than `UTC`.
    pub(super) fn abbreviation(&mut self) -> Result<String, Fault> {
        let length = abbreviation_length(self.0).ok_or(Fault::Mismatch)?;
        self.take(length).map(|name| Rest(name).text())
    }

    /// A separator and digits, if they are there.
    pub(super) fn optional_fraction(&mut self) -> Option<i64> {
        let [b'.' | b',', digits @ ..] = self.0 else {
            return None;
        };
        let (digits, after) = digits.split_at(count_digits(digits));
        if digits.is_empty() {
            return None;
        }
        self.0 = after;
        Some(nanoseconds(digits))
    }

    /// A separator and exactly so many digits.
    pub(super) fn fraction(&mut self, count: usize) -> Result<i64, Fault> {
        let [b'.' | b',', digits @ ..] = self.0 else {
            return Err(Fault::Mismatch);
        };
        if count_digits(digits) < count {
            return Err(Fault::Mismatch);
        }
        let (digits, after) = digits.split_at(count);
        self.0 = after;
        Ok(nanoseconds(digits))
    }
}

/// The offset that an abbreviation such as `GMT+3` tells by itself.
pub(super) fn gmt_offset(abbreviation: &str) -> Option<i32> {
    let offset = abbreviation.strip_prefix("GMT")?;
    offset.parse::<i32>().ok()?.checked_mul(3600)
}

fn without_spaces(mut text: &[u8]) -> &[u8] {
    while let Some(after) = text.strip_prefix(b" ") {
        text = after;
    }
    text
}

fn count_digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

fn value(digits: &[u8]) -> i64 {
    digits.iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0'))
}

/// The fraction of a second; digits beyond the ninth are cut.
fn nanoseconds(digits: &[u8]) -> i64 {
    let places = (0..9).map(|place| digits.get(place).unwrap_or(&b'0') - b'0');
    places.fold(0, |value, digit| value * 10 + i64::from(digit))
}

/// Three to five capitals, as far as those are ever zones, or a signed hour
/// where a zone has no name. `None` if nothing of the kind comes next.
fn abbreviation_length(text: &[u8]) -> Option<usize> {
    if text.starts_with(b"ChST") || text.starts_with(b"MeST") {
        return Some(4);
    }
    if let Some(after) = text.strip_prefix(b"GMT") {
        return Some(3 + signed_hour_length(after).unwrap_or(0));
    }
    if let Some(length) = signed_hour_length(text) {
        return Some(length);
    }
    let capitals = text.iter().take_while(|byte| byte.is_ascii_uppercase());
    match capitals.take(6).count() {
        3 => Some(3),
        4 if text[3] == b'T' || text.starts_with(b"WITA") => Some(4),
        5 if text[4] == b'T' => Some(5),
        _ => None,
    }
}

fn signed_hour_length(text: &[u8]) -> Option<usize> {
    let [b'+' | b'-', digits @ ..] = text else {
        return None;
    };
    let length = count_digits(digits);
    let hour = digits[..length]
        .iter()
        .try_fold(0u32, |hour, digit| hour.checked_mul(10)?.checked_add(u32::from(digit - b'0')))?;
    (length > 0 && hour <= 23).then_some(1 + length)
}
