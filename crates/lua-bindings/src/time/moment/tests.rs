use super::*;

const ZERO: Moment = Moment { seconds: ZERO_SECONDS, nanosecond: 0, location: Location::utc(), monotonic: None };
const LONGEST: Span = Span::from_nanoseconds(i64::MAX);
const LOWEST: Span = Span::from_nanoseconds(i64::MIN);

fn civil([year, month, day, hour, minute, second, nanosecond]: [i64; 7]) -> Civil {
    Civil { year, month, day, hour, minute, second, nanosecond }
}

fn utc(parts: [i64; 7]) -> Moment {
    Moment::date(&civil(parts), Location::utc())
}

fn check(moment: &Moment, expected: &str) {
    assert_eq!(moment.to_string(), expected);
}

#[test]
fn zero_time_is_the_first_second_of_year_one() {
    check(&ZERO, "0001-01-01T00:00:00Z");
    assert!(ZERO.is_zero());
    assert!(utc([1, 1, 1, 0, 0, 0, 0]).is_zero());
    assert!(ZERO.in_location(Location::new_york()).is_zero());
    assert!(!Moment::unix(0, 0, Location::utc()).is_zero());
    assert_eq!(ZERO.unix_seconds(), -62_135_596_800);
    assert_eq!(ZERO.weekday(), 1);
}

#[test]
fn unix_times_carry_nanoseconds_over() {
    for (seconds, nanoseconds, expected) in [
        (0, 0, "1970-01-01T00:00:00Z"),
        (1_221_681_866, 0, "2008-09-17T20:04:26Z"),
        (-1_221_681_866, 0, "1931-04-16T03:55:34Z"),
        (0, 1_500_000_000, "1970-01-01T00:00:01.5Z"),
        (0, -1, "1969-12-31T23:59:59.999999999Z"),
        (1_000_000_000, 0, "2001-09-09T01:46:40Z"),
    ] {
        check(&Moment::unix(seconds, nanoseconds, Location::utc()), expected);
    }
    let moment = Moment::unix(-1, 250_000_000, Location::utc());
    assert_eq!(moment.unix_seconds(), -1);
    assert_eq!(moment.unix_nanoseconds(), -750_000_000);
    assert_eq!(moment.unix_f64(), -1.0);
    assert_eq!(moment.unix_nano_f64(), -750_000_000.0);
}

#[test]
fn system_times_before_and_after_1970_are_taken() {
    let second = std::time::Duration::from_millis(1_500);
    let after = Moment::from_system(UNIX_EPOCH + second, Location::utc());
    check(&after, "1970-01-01T00:00:01.5Z");
    let before = Moment::from_system(UNIX_EPOCH - second, Location::utc());
    check(&before, "1969-12-31T23:59:58.5Z");
}

#[test]
fn parts_are_those_on_the_wall() {
    let moment = Moment::unix(1_233_810_057, 42, Location::fixed("PST", -28_800));
    let parts = [
        moment.year(),
        moment.month(),
        moment.day(),
        moment.hour(),
        moment.minute(),
        moment.second(),
        moment.nanosecond(),
    ];
    assert_eq!(parts, [2009, 2, 4, 21, 0, 57, 42]);
    assert_eq!(moment.civil(), civil(parts));
    assert_eq!((moment.weekday(), moment.year_day()), (3, 35));
    let moment = moment.utc();
    assert_eq!((moment.weekday(), moment.year_day()), (4, 36));
    assert_eq!(moment.location().name(), "UTC");
}

#[test]
fn dates_are_resolved_in_their_zone() {
    let new_york = Location::new_york();
    let london = Location::london();
    for (location, parts, expected) in [
        (&new_york, [2024, 1, 15, 12, 0, 0, 0], "2024-01-15T12:00:00-05:00"),
        (&new_york, [2024, 7, 15, 12, 0, 0, 0], "2024-07-15T12:00:00-04:00"),
        (&new_york, [2024, 3, 10, 1, 59, 59, 0], "2024-03-10T01:59:59-05:00"),
        (&new_york, [2024, 3, 10, 3, 0, 0, 0], "2024-03-10T03:00:00-04:00"),
        // Skipped: earlier than asked for here, later in London below.
        (&new_york, [2024, 3, 10, 2, 30, 0, 0], "2024-03-10T01:30:00-05:00"),
        // Shown twice: the first time here, the second in London.
        (&new_york, [2024, 11, 3, 1, 30, 0, 0], "2024-11-03T01:30:00-04:00"),
        (&new_york, [2024, 11, 3, 2, 0, 0, 0], "2024-11-03T02:00:00-05:00"),
        (&london, [2024, 3, 31, 0, 59, 59, 0], "2024-03-31T00:59:59Z"),
        (&london, [2024, 3, 31, 1, 30, 0, 0], "2024-03-31T02:30:00+01:00"),
        (&london, [2024, 3, 31, 2, 0, 0, 0], "2024-03-31T02:00:00+01:00"),
        (&london, [2024, 10, 27, 1, 30, 0, 0], "2024-10-27T01:30:00Z"),
        (&london, [2024, 14, 27, 36, 90, 0, 0], "2025-02-28T13:30:00Z"),
    ] {
        check(&Moment::date(&civil(parts), location.clone()), expected);
    }
}

#[test]
fn added_dates_roll_over() {
    let start = utc([2011, 10, 31, 7, 56, 35, 9]);
    for (years, months, days, expected) in [
        (0, 0, 0, "2011-10-31T07:56:35.000000009Z"),
        (0, 1, 0, "2011-12-01T07:56:35.000000009Z"),
        (-1, 0, 1, "2010-11-01T07:56:35.000000009Z"),
        (0, 4, 0, "2012-03-02T07:56:35.000000009Z"),
        (0, -8, 0, "2011-03-03T07:56:35.000000009Z"),
        (4, 4, 1, "2016-03-03T07:56:35.000000009Z"),
        (0, 0, -304, "2010-12-31T07:56:35.000000009Z"),
    ] {
        check(&start.add_date(years, months, days), expected);
    }
    let noon = Moment::date(&civil([2024, 3, 9, 12, 0, 0, 0]), Location::new_york());
    check(&noon.add_date(0, 0, 1), "2024-03-10T12:00:00-04:00");
}

#[test]
fn spans_are_added_and_measured() {
    let start = utc([2009, 11, 23, 0, 0, 0, 0]);
    let span = Span::parse("24h0.5s").unwrap();
    let end = start.add(span);
    check(&end, "2009-11-24T00:00:00.5Z");
    assert_eq!(end.sub(&start), span);
    assert_eq!(start.sub(&end).nanoseconds(), -span.nanoseconds());
    assert_eq!(utc([2300, 1, 1, 0, 0, 0, 0]).sub(&ZERO), LONGEST);
    assert_eq!(ZERO.sub(&utc([2300, 1, 1, 0, 0, 0, 0])), LOWEST);
}

#[test]
fn monotonic_readings_outweigh_a_clock_set_back() {
    let place = Location::utc();
    let first = Moment::unix(1_000, 0, place.clone()).with_monotonic(5);
    let second = Moment::unix(400, 0, place.clone()).with_monotonic(8);
    assert_eq!(second.sub(&first).nanoseconds(), 3);
    assert!(second.after(&first) && first.before(&second));

    let later = first.add(Span::from_nanoseconds(3));
    assert!(later.equal(&second));
    assert_eq!(later.unix_nanoseconds(), 1_000_000_000_003);

    let wall = second.in_location(place.clone());
    assert_eq!(wall.sub(&first).seconds(), -600.0);
    assert!(first.truncate(Span::ZERO).after(&second.round(Span::ZERO)));
    assert!(first.add_date(0, 0, 0).after(&second));
    // A reading that no longer fits is dropped.
    let end = first.with_monotonic(i64::MAX).add(Span::from_nanoseconds(1));
    assert!(end.after(&second));
    let low = Moment::unix(0, 0, place.clone()).with_monotonic(i64::MIN);
    let high = Moment::unix(0, 0, place).with_monotonic(i64::MAX);
    assert_eq!(high.sub(&low), LONGEST);
}

#[test]
fn comparison_ignores_places() {
    let here = Moment::unix(1_700_000_000, 0, Location::new_york());
    assert!(here.equal(&here.utc()));
    assert!(!here.before(&here.utc()) && !here.after(&here.utc()));
    assert!(here.before(&here.utc().add(Span::from_nanoseconds(1))));
}

#[test]
fn instants_are_rounded_to_multiples_since_the_zero_time() {
    let moment = utc([2012, 12, 7, 12, 15, 30, 918_273_645]);
    for (step, rounded, truncated) in [
        ("1ns", "12:15:30.918273645", "12:15:30.918273645"),
        ("1us", "12:15:30.918274", "12:15:30.918273"),
        ("1ms", "12:15:30.918", "12:15:30.918"),
        ("1s", "12:15:31", "12:15:30"),
        ("2s", "12:15:30", "12:15:30"),
        ("1m", "12:16:00", "12:15:00"),
        ("10m", "12:20:00", "12:10:00"),
        ("1h", "12:00:00", "12:00:00"),
        ("0", "12:15:30.918273645", "12:15:30.918273645"),
        ("-1h", "12:15:30.918273645", "12:15:30.918273645"),
    ] {
        let step = Span::parse(step).unwrap();
        check(&moment.round(step), &format!("2012-12-07T{rounded}Z"));
        check(&moment.truncate(step), &format!("2012-12-07T{truncated}Z"));
    }
}

#[test]
fn halves_are_rounded_up_on_both_sides_of_the_zero_time() {
    let second = Span::from_nanoseconds(1_000_000_000);
    let half = Span::from_nanoseconds(500_000_000);
    check(&ZERO.add(half).round(second), "0001-01-01T00:00:01Z");
    let before = Moment::unix(ZERO_SECONDS - 1, 500_000_000, Location::utc());
    assert!(before.round(second).is_zero());
    check(&before.truncate(second), "0000-12-31T23:59:59Z");
    // Weeks begin on Monday, as year 1 did.
    let week = Span::parse("168h").unwrap();
    check(&utc([2024, 2, 29, 5, 0, 0, 0]).truncate(week), "2024-02-26T00:00:00Z");
}

#[test]
fn instants_beyond_the_range_are_held_at_its_ends() {
    let last = Moment::unix(i64::MAX, i64::MAX, Location::new_york());
    assert_eq!(last.unix_seconds(), i64::MAX);
    assert!(last.add(LONGEST).equal(&last));
    let first = Moment::unix(i64::MIN, i64::MIN, Location::london());
    assert_eq!(first.unix_seconds(), i64::MIN);
    assert!(first.add(LOWEST).equal(&first));
    for moment in [first, last] {
        let _ = moment.to_string();
        let _ = moment.round(LONGEST);
        let _ = moment.truncate(LONGEST);
        let _ = moment.add_date(i64::MAX, i64::MIN, i64::MAX);
    }
    for parts in [[i64::MIN; 7], [i64::MAX; 7]] {
        let _ = Moment::date(&civil(parts), Location::new_york()).to_string();
    }
}
