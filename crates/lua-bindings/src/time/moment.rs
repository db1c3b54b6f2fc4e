//! Instants, seen from a place.

use std::cmp::Ordering;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use super::calendar::{self, Civil, NANOS, SECONDS_PER_DAY};
use super::{Layout, Location, RFC3339, RFC3339_NANO, Span};

/// 0001-01-01T00:00:00Z, which stands for no time at all.
const ZERO_SECONDS: i64 = -62_135_596_800;

/// An instant to the nanosecond, and the place whose clocks show it.
///
/// Unix seconds fill an `i64`, some 292 thousand million years both ways.
/// Results beyond that are held at the first or the last instant.
///
/// A moment taken from the clock may carry a monotonic reading. Two moments
/// that both have one are compared and subtracted by it, so a clock set back
/// in between does no harm. Calendar operations and changes of place drop
/// it: what they change is what the wall shows.
#[derive(Debug, Clone)]
pub(crate) struct Moment {
    seconds: i64,
    nanosecond: u32,
    location: Location,
    monotonic: Option<i64>,
}

impl Moment {
    /// Counts from 1970-01-01T00:00:00Z. Nanoseconds may lie outside one
    /// second, on either side.
    pub(crate) fn unix(seconds: i64, nanoseconds: i64, location: Location) -> Moment {
        let total = i128::from(seconds) * NANOS + i128::from(nanoseconds);
        Moment::at(total, location)
    }

    /// Takes a reading of the system clock.
    pub(crate) fn from_system(time: SystemTime, location: Location) -> Moment {
        let total = match time.duration_since(UNIX_EPOCH) {
            Ok(after) => after.as_nanos() as i128,
            Err(error) => -(error.duration().as_nanos() as i128),
        };
        Moment::at(total, location)
    }

    /// The instant at which clocks in `location` show `civil`, whose parts
    /// roll over where they are out of range.
    ///
    /// A wall time that clocks skip or show twice yields an instant that is
    /// right in one of the two zones around the change; which is not
    /// promised.
    pub(crate) fn date(civil: &Civil, location: Location) -> Moment {
        let wall = civil.nanoseconds();
        let seconds = saturate(wall.div_euclid(NANOS));
        // The first offset belongs to an instant that is wrong by just this
        // offset. It is close enough unless clocks change in between, so
        // look again from there.
        let mut offset = location.offset_at(seconds);
        if offset != 0 {
            offset = location.offset_at(seconds.saturating_sub(offset.into()));
        }
        Moment::at(wall - i128::from(offset) * NANOS, location)
    }

    /// The same moment with a reading of a clock that is never set.
    ///
    /// Readings are nanoseconds from any origin, the same for all moments.
    pub(crate) fn with_monotonic(mut self, reading: i64) -> Moment {
        self.monotonic = Some(reading);
        self
    }

    /// The reading that [`Moment::with_monotonic`] gave it.
    pub(crate) fn monotonic(&self) -> Option<i64> {
        self.monotonic
    }

    /// Seconds since 1970-01-01T00:00:00Z, cut downwards.
    pub(crate) fn unix_seconds(&self) -> i64 {
        self.seconds
    }

    /// Nanoseconds since 1970-01-01T00:00:00Z, exactly.
    pub(crate) fn unix_nanoseconds(&self) -> i128 {
        i128::from(self.seconds) * NANOS + i128::from(self.nanosecond)
    }

    /// [`Moment::unix_seconds`] as the nearest double.
    pub(crate) fn unix_f64(&self) -> f64 {
        self.seconds as f64
    }

    /// [`Moment::unix_nanoseconds`] as the nearest double: for present dates
    /// one of those 256 nanoseconds apart.
    pub(crate) fn unix_nano_f64(&self) -> f64 {
        self.unix_nanoseconds() as f64
    }

    /// Whether this is 0001-01-01T00:00:00Z, in any place.
    pub(crate) fn is_zero(&self) -> bool {
        self.seconds == ZERO_SECONDS && self.nanosecond == 0
    }

    /// The place whose clocks show it.
    pub(crate) fn location(&self) -> &Location {
        &self.location
    }

    /// The same instant seen from another place.
    pub(crate) fn in_location(&self, location: Location) -> Moment {
        Moment { location, monotonic: None, ..*self }
    }

    /// The same instant in UTC.
    pub(crate) fn utc(&self) -> Moment {
        self.in_location(Location::utc())
    }

    /// The moment `span` later, or earlier if it is negative.
    pub(crate) fn add(&self, span: Span) -> Moment {
        let total = self.unix_nanoseconds() + i128::from(span.nanoseconds());
        Moment {
            monotonic: self.monotonic.and_then(|reading| reading.checked_add(span.nanoseconds())),
            ..Moment::at(total, self.location.clone())
        }
    }

    /// How much later this is than `other`, or the longest span if that is
    /// longer.
    pub(crate) fn sub(&self, other: &Moment) -> Span {
        let nanoseconds = match (self.monotonic, other.monotonic) {
            (Some(mine), Some(theirs)) => mine.saturating_sub(theirs),
            _ => saturate(self.unix_nanoseconds() - other.unix_nanoseconds()),
        };
        Span::from_nanoseconds(nanoseconds)
    }

    /// Adds to the parts of the date and lets them roll over: one month
    /// after October 31 is December 1.
    pub(crate) fn add_date(&self, years: i64, months: i64, days: i64) -> Moment {
        let civil = self.civil();
        let civil = Civil {
            year: civil.year.saturating_add(years),
            month: civil.month.saturating_add(months),
            day: civil.day.saturating_add(days),
            ..civil
        };
        Moment::date(&civil, self.location.clone())
    }

    /// Rounds down to a multiple of `step` since the zero time. A step that
    /// is not positive leaves the instant as it is.
    pub(crate) fn truncate(&self, step: Span) -> Moment {
        Moment::at(self.unix_nanoseconds() - self.past_multiple(step), self.location.clone())
    }

    /// Rounds to the nearest multiple of `step` since the zero time, halves
    /// up. A step that is not positive leaves the instant as it is.
    pub(crate) fn round(&self, step: Span) -> Moment {
        let past = self.past_multiple(step);
        let step = i128::from(step.nanoseconds());
        let change = if past * 2 < step || step <= 0 { -past } else { step - past };
        Moment::at(self.unix_nanoseconds() + change, self.location.clone())
    }

    /// Orders by instant, whatever the places.
    ///
    /// Not an `Ord`: a mixture of moments with and without monotonic
    /// readings may have no consistent order once the clock was set.
    fn compare(&self, other: &Moment) -> Ordering {
        match (self.monotonic, other.monotonic) {
            (Some(mine), Some(theirs)) => mine.cmp(&theirs),
            _ => self.unix_nanoseconds().cmp(&other.unix_nanoseconds()),
        }
    }

    /// Whether this comes before `other`.
    pub(crate) fn before(&self, other: &Moment) -> bool {
        self.compare(other).is_lt()
    }

    /// Whether this comes after `other`.
    pub(crate) fn after(&self, other: &Moment) -> bool {
        self.compare(other).is_gt()
    }

    /// Whether both are the same instant, whatever the places.
    pub(crate) fn equal(&self, other: &Moment) -> bool {
        self.compare(other).is_eq()
    }

    /// What clock and calendar show.
    pub(crate) fn civil(&self) -> Civil {
        Civil::at(self.wall_seconds(), self.nanosecond)
    }

    /// The year; 0 precedes 1.
    pub(crate) fn year(&self) -> i64 {
        self.civil().year
    }

    /// 1 to 12.
    pub(crate) fn month(&self) -> i64 {
        self.civil().month
    }

    /// 1 to 31.
    pub(crate) fn day(&self) -> i64 {
        self.civil().day
    }

    /// 0 to 23.
    pub(crate) fn hour(&self) -> i64 {
        self.civil().hour
    }

    /// 0 to 59.
    pub(crate) fn minute(&self) -> i64 {
        self.civil().minute
    }

    /// 0 to 59.
    pub(crate) fn second(&self) -> i64 {
        self.civil().second
    }

    /// 0 to 999,999,999.
    pub(crate) fn nanosecond(&self) -> i64 {
        self.nanosecond.into()
    }

    /// 0 for Sunday to 6 for Saturday.
    pub(crate) fn weekday(&self) -> i64 {
        calendar::weekday(self.wall_seconds().div_euclid(SECONDS_PER_DAY))
    }

    /// 1 to 366.
    pub(crate) fn year_day(&self) -> i64 {
        self.civil().year_day()
    }

    /// Written as `layout` writes the reference time.
    pub(crate) fn format(&self, layout: &str) -> String {
        Layout::new(layout).format(self)
    }

    /// RFC 3339 in whole seconds, such as `2006-01-02T15:04:05Z`.
    pub(crate) fn rfc3339(&self) -> String {
        self.format(RFC3339)
    }

    /// RFC 3339 with as much of the fraction as is not zero.
    pub(crate) fn rfc3339_nano(&self) -> String {
        self.format(RFC3339_NANO)
    }

    fn at(unix_nanoseconds: i128, location: Location) -> Moment {
        let first = i128::from(i64::MIN) * NANOS;
        let last = i128::from(i64::MAX) * NANOS + NANOS - 1;
        let total = unix_nanoseconds.clamp(first, last);
        Moment {
            seconds: total.div_euclid(NANOS) as i64,
            nanosecond: total.rem_euclid(NANOS) as u32,
            location,
            monotonic: None,
        }
    }

    fn wall_seconds(&self) -> i64 {
        let offset = self.location.offset_at(self.seconds);
        self.seconds.saturating_add(offset.into())
    }

    fn past_multiple(&self, step: Span) -> i128 {
        if step <= Span::ZERO {
            return 0;
        }
        let since_zero = self.unix_nanoseconds() - i128::from(ZERO_SECONDS) * NANOS;
        since_zero.rem_euclid(step.nanoseconds().into())
    }
}

/// RFC 3339 with its fraction.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.rfc3339_nano())
    }
}

fn saturate(value: i128) -> i64 {
    value.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}

#[cfg(test)]
mod tests;
