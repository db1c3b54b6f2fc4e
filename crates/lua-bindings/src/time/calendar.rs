//! Calendar arithmetic, before any question of zones.
//!
//! The calendar is the Gregorian one, carried back before its introduction.
//! Sums run in `i128`, where seven parts of any `i64` size cannot overflow.

pub(super) const SECONDS_PER_DAY: i64 = 86_400;
pub(super) const NANOS: i128 = 1_000_000_000;

/// After this many days dates fall on the same weekdays again.
pub(super) const DAYS_PER_CYCLE: i64 = 146_097;

/// From 0000-03-01, where the counting below starts, to 1970-01-01.
const DAYS_TO_EPOCH: i128 = 719_468;

/// What a clock and a calendar on a wall show.
///
/// As a question, any part may be out of range and rolls over into the next
/// larger one: October 32 is November 1. As an answer, every part is in
/// range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Civil {
    /// Astronomical year: 0 precedes 1.
    pub(crate) year: i64,
    /// 1 to 12.
    pub(crate) month: i64,
    /// 1 to 31.
    pub(crate) day: i64,
    /// 0 to 23.
    pub(crate) hour: i64,
    /// 0 to 59.
    pub(crate) minute: i64,
    /// 0 to 59.
    pub(crate) second: i64,
    /// 0 to 999,999,999.
    pub(crate) nanosecond: i64,
}

impl Civil {
    /// Nanoseconds from 1970-01-01 00:00:00 on the same wall.
    pub(super) fn nanoseconds(&self) -> i128 {
        let months = i128::from(self.month) - 1;
        let year = i128::from(self.year) + months.div_euclid(12);
        let month = months.rem_euclid(12) + 1;
        let days = days_before(year, month) + i128::from(self.day) - 1;
        let hours = days * 24 + i128::from(self.hour);
        let minutes = hours * 60 + i128::from(self.minute);
        let seconds = minutes * 60 + i128::from(self.second);
        seconds * NANOS + i128::from(self.nanosecond)
    }

    /// The reverse of [`Civil::nanoseconds`].
    pub(super) fn at(seconds: i64, nanosecond: u32) -> Civil {
        let (year, month, day) = date(seconds.div_euclid(SECONDS_PER_DAY));
        let second = seconds.rem_euclid(SECONDS_PER_DAY);
        Civil {
            year,
            month,
            day,
            hour: second / 3600,
            minute: second / 60 % 60,
            second: second % 60,
            nanosecond: i64::from(nanosecond),
        }
    }

    /// 1 to 366, for parts in range.
    pub(super) fn year_day(&self) -> i64 {
        (1..self.month).map(|month| days_in(self.year, month)).sum::<i64>() + self.day
    }
}

pub(super) fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// The length of a month from 1 to 12.
pub(super) fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// 0 for Sunday, given days since 1970-01-01, which was a Thursday.
pub(super) fn weekday(days: i64) -> i64 {
    (days.rem_euclid(7) + 4) % 7
}

/// Days from 1970-01-01 to the first of a month from 1 to 12.
///
/// Years start in March here, so that the leap day comes last and month
/// lengths follow one line: 153 days in every five months.
fn days_before(year: i128, month: i128) -> i128 {
    let year = if month <= 2 { year - 1 } else { year };
    let cycle = year.div_euclid(400);
    let year = year.rem_euclid(400);
    let month = (month + 9) % 12;
    let in_cycle = year * 365 + year / 4 - year / 100 + (153 * month + 2) / 5;
    cycle * i128::from(DAYS_PER_CYCLE) + in_cycle - DAYS_TO_EPOCH
}

/// Year, month and day of a day since 1970-01-01; counts as `days_before`.
fn date(days: i64) -> (i64, i64, i64) {
    // No overflow: a day is 86,400 of the seconds that fit the type.
    let days = days + DAYS_TO_EPOCH as i64;
    let cycle = days.div_euclid(DAYS_PER_CYCLE);
    let in_cycle = days.rem_euclid(DAYS_PER_CYCLE);
    let year = (in_cycle - in_cycle / 1_460 + in_cycle / 36_524 - in_cycle / 146_096) / 365;
    let in_year = in_cycle - (365 * year + year / 4 - year / 100);
    let month = (5 * in_year + 2) / 153;
    let day = in_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = cycle * 400 + year + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
impl Civil {
    /// Midnight at the start of a day.
    pub(super) fn midnight(year: i64, month: i64, day: i64) -> Civil {
        Civil { year, month, day, hour: 0, minute: 0, second: 0, nanosecond: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: [i64; 7], expected: [i64; 7]) {
        let nanoseconds = civil(given).nanoseconds();
        let seconds = nanoseconds.div_euclid(NANOS) as i64;
        let nanosecond = nanoseconds.rem_euclid(NANOS) as u32;
        assert_eq!(Civil::at(seconds, nanosecond), civil(expected), "{given:?}");
    }

    fn civil([year, month, day, hour, minute, second, nanosecond]: [i64; 7]) -> Civil {
        Civil { year, month, day, hour, minute, second, nanosecond }
    }

    #[test]
    fn parts_out_of_range_roll_over() {
        let cases = [
            ([2011, 11, 18, 7, 56, 35, 0], [2011, 11, 18, 7, 56, 35, 0]),
            ([2011, 11, 19, -17, 56, 35, 0], [2011, 11, 18, 7, 56, 35, 0]),
            ([2011, 11, 18, 8, -4, 35, 0], [2011, 11, 18, 7, 56, 35, 0]),
            ([2011, 11, 18, 7, 57, -25, 0], [2011, 11, 18, 7, 56, 35, 0]),
            ([2011, 12, -12, 7, 56, 35, 0], [2011, 11, 18, 7, 56, 35, 0]),
            ([2012, -1, 18, 7, 56, 35, 0], [2011, 11, 18, 7, 56, 35, 0]),
            ([2010, 23, 18, 7, 56, 35, 0], [2011, 11, 18, 7, 56, 35, 0]),
            ([2011, 10, 32, 0, 0, 0, 0], [2011, 11, 1, 0, 0, 0, 0]),
            ([2023, 2, 29, 0, 0, 0, 0], [2023, 3, 1, 0, 0, 0, 0]),
            ([2024, 3, 0, 0, 0, 0, 0], [2024, 2, 29, 0, 0, 0, 0]),
            ([1970, 1, 1, 0, 0, 0, -1], [1969, 12, 31, 23, 59, 59, 999_999_999]),
            ([0, 1, 0, 24, 60, 60, 0], [0, 1, 1, 1, 1, 0, 0]),
            ([1970, 1, 15_297, 7, 56, 35, 0], [2011, 11, 18, 7, 56, 35, 0]),
            ([1970, 1, -25_508, 7, 56, 35, 0], [1900, 2, 28, 7, 56, 35, 0]),
        ];
        for (given, expected) in cases {
            check(given, expected);
        }
    }

    #[test]
    fn days_of_a_thousand_years_follow_one_another() {
        let mut days = -400 * 366;
        let (mut year, mut month, mut day) = date(days);
        for _ in 0..366_000 {
            days += 1;
            day += 1;
            if day > days_in(year, month) {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
            assert_eq!(date(days), (year, month, day));
            let midnight = Civil::midnight(year, month, day).nanoseconds();
            assert_eq!(midnight, i128::from(days * SECONDS_PER_DAY) * NANOS);
        }
    }

    #[test]
    fn weekdays_and_year_days_are_those_of_the_calendar() {
        let cases = [
            ((1970, 1, 1), 4, 1),
            ((2023, 12, 31), 0, 365),
            ((2024, 2, 29), 4, 60),
            ((2024, 12, 31), 2, 366),
            ((2000, 3, 1), 3, 61),
            ((1900, 3, 1), 4, 60),
            ((1, 1, 1), 1, 1),
            ((-1, 12, 31), 5, 365),
        ];
        for ((year, month, day), expected, year_day) in cases {
            let civil = Civil::midnight(year, month, day);
            let days = civil.nanoseconds().div_euclid(NANOS * 86_400) as i64;
            assert_eq!(weekday(days), expected, "{civil:?}");
            assert_eq!(civil.year_day(), year_day, "{civil:?}");
        }
    }

    #[test]
    fn no_part_is_too_large() {
        let _ = civil([i64::MAX; 7]).nanoseconds();
        let _ = civil([i64::MIN; 7]).nanoseconds();
        let _ = Civil::at(i64::MAX, 0);
        let _ = Civil::at(i64::MIN, 0);
    }
}
