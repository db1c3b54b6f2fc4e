use super::*;
use crate::time::{LAYOUTS, RFC3339, RFC3339_NANO};

fn layout(name: &str) -> &'static str {
    LAYOUTS.iter().find(|(known, _)| *known == name).unwrap().1
}

/// `expected` is RFC 3339 with its fraction, as seen from the result's place.
fn check_parse(layout: &str, text: &str, location: &Location, expected: &str) -> Moment {
    let moment = Layout::new(layout).parse(text, location);
    let moment = moment.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(moment.rfc3339_nano(), expected, "{layout} {text}");
    moment
}

fn check_utc(layout: &str, text: &str, expected: &str) {
    check_parse(layout, text, &Location::utc(), expected);
}

fn check_error(layout: &str, text: &str, expected: &str) {
    let error = Layout::new(layout).parse(text, &Location::utc()).unwrap_err();
    let expected = format!("cannot parse `{text}` as `{layout}`: {expected}");
    assert_eq!(error.to_string(), expected);
}

#[test]
fn texts_are_read_in_named_layouts() {
    let utc = "2010-02-04T21:00:57Z";
    let nano = "2010-02-04T21:00:57.0123456Z";
    for (name, text, expected) in [
        ("ANSIC", "Thu Feb  4 21:00:57 2010", utc),
        ("ANSIC", "Thu Feb 4 21:00:57 2010", utc),
        ("ANSIC", "thu feb  4 21:00:57 2010", utc),
        ("ANSIC", "THU FEB 4 21:00:57.0123456 2010", nano),
        ("ANSIC", "Mon Feb      4 21:00:57 2010", utc),
        ("UNIXDATE", "Thu Feb  4 21:00:57 UTC 2010", utc),
        ("RUBYDATE", "Thu Feb 04 21:00:57 -0800 2010", "2010-02-04T21:00:57-08:00"),
        ("RFC822Z", "04 Feb 10 21:00 +0100", "2010-02-04T21:00:00+01:00"),
        ("RFC850", "Thursday, 04-Feb-10 21:00:57 PST", utc),
        ("RFC1123", "Thu, 04 Feb 2010 21:00:57 PST", utc),
        ("RFC1123", "Thu, 04 Feb 2010 22:00:57 UTC", "2010-02-04T22:00:57Z"),
        ("RFC1123Z", "Thu, 04 Feb 2010 21:00:57 -0800", "2010-02-04T21:00:57-08:00"),
        ("RFC3339", "2010-02-04T21:00:57Z", utc),
        ("RFC3339", "2010-02-04T21:00:57-08:00", "2010-02-04T21:00:57-08:00"),
        ("RFC3339", "2010-02-04T21:00:57.0123456-08:00", "2010-02-04T21:00:57.0123456-08:00"),
        ("RFC3339", "2010-02-04T21:00:57,0123456Z", nano),
        ("RFC3339NANO", "2010-02-04T21:00:57Z", utc),
        ("RFC3339NANO", "2010-02-04T21:00:57.0123456Z", nano),
        ("KITCHEN", "9:07PM", "0000-01-01T21:07:00Z"),
        ("STAMP_MILLI", "Feb  4 21:00:57.012", "0000-02-04T21:00:57.012Z"),
        ("STAMP_NANO", "Feb  4 21:00:57.012345678", "0000-02-04T21:00:57.012345678Z"),
        ("DATE_TIME", "2010-02-04 21:00:57", utc),
        ("DATE_ONLY", "2010-02-04", "2010-02-04T00:00:00Z"),
        ("TIME_ONLY", "21:00:57", "0000-01-01T21:00:57Z"),
    ] {
        check_utc(layout(name), text, expected);
    }
}

#[test]
fn single_elements_are_read() {
    for (layout, text, expected) in [
        ("", "", "0000-01-01T00:00:00Z"),
        ("06", "69", "1969-01-01T00:00:00Z"),
        ("06", "68", "2068-01-01T00:00:00Z"),
        ("January", "mAY", "0000-05-01T00:00:00Z"),
        ("Jan 2", "Dec 31", "0000-12-31T00:00:00Z"),
        ("1/2/2006", "12/7/2024", "2024-12-07T00:00:00Z"),
        ("2006 002", "2024 060", "2024-02-29T00:00:00Z"),
        ("2006 002", "2023 060", "2023-03-01T00:00:00Z"),
        ("2006 002", "2024 366", "2024-12-31T00:00:00Z"),
        ("002 2006", "366 2024", "2024-12-31T00:00:00Z"),
        ("2006 __2", "2024   5", "2024-01-05T00:00:00Z"),
        ("2006-01-02 002", "2024-02-29 060", "2024-02-29T00:00:00Z"),
        ("15:4:5", "7:8:9", "0000-01-01T07:08:09Z"),
        ("3 pm", "12 am", "0000-01-01T00:00:00Z"),
        ("3 pm", "12 pm", "0000-01-01T12:00:00Z"),
        ("3 pm", "1 pm", "0000-01-01T13:00:00Z"),
        ("3 PM", "0 PM", "0000-01-01T12:00:00Z"),
        ("05.000", "07.125", "0000-01-01T00:00:07.125Z"),
        ("05.000", "07,125", "0000-01-01T00:00:07.125Z"),
        ("05.9", "07.1234567899", "0000-01-01T00:00:07.123456789Z"),
        ("05.999", "07", "0000-01-01T00:00:07Z"),
        ("05", "07.1234567899", "0000-01-01T00:00:07.123456789Z"),
        ("05.", "07.", "0000-01-01T00:00:07Z"),
        ("05-.000", "07-.500", "0000-01-01T00:00:07.5Z"),
        ("15 -07", "07 +01", "0000-01-01T07:00:00+01:00"),
        ("15 -070000", "07 +010203", "0000-01-01T07:00:00+01:02"),
        ("15 Z07:00:00", "07 Z", "0000-01-01T07:00:00Z"),
        ("15 Z0700", "07 +0000", "0000-01-01T07:00:00Z"),
        ("15 -0700", "07 -2460", "0000-01-01T07:00:00-25:00"),
        ("15 MST -0700", "07 UTC +0300", "0000-01-01T07:00:00Z"),
        ("é15☃", "é07☃", "0000-01-01T07:00:00Z"),
        ("2006 15", "2024     07", "2024-01-01T07:00:00Z"),
    ] {
        check_utc(layout, text, expected);
    }
}

#[test]
fn mismatches_name_the_text_and_the_part() {
    for (layout, text, expected) in [
        ("2006-01-02", "", "`` does not match `2006`"),
        ("2006-01-02", "20240-01-02", "`0-01-02` does not match `-`"),
        ("2006-01-02", "+024-01-02", "`+024-01-02` does not match `2006`"),
        ("2006-01-02", "2024-1-02", "`1-02` does not match `01`"),
        ("2006-01-02", "2024-01-02 ", "extra text ` `"),
        ("2006-01-02", "2024-01-02T00:00:00Z", "extra text `T00:00:00Z`"),
        ("2006-01-02", "not a date", "`not a date` does not match `2006`"),
        ("Jan _2 2006", "Foo  4 2006", "`Foo  4 2006` does not match `Jan`"),
        ("January 2", "Jan 2", "`Jan 2` does not match `January`"),
        ("Jan 2", "January 2", "`uary 2` does not match ` `"),
        ("Monday", "Someday", "`Someday` does not match `Monday`"),
        ("15:04", "15.04", "`.04` does not match `:`"),
        ("3PM", "3pm", "`pm` does not match `PM`"),
        ("06", "-5", "`-5` does not match `06`"),
        ("05.000", "07", "`` does not match `.000`"),
        ("05.000", "07.12", "`.12` does not match `.000`"),
        ("05.000", "07.1234", "extra text `4`"),
        ("05.000", "07:123", "`:123` does not match `.000`"),
        ("Z07:00", "+0100", "`+0100` does not match `Z07:00`"),
        ("-0700", "Z", "`Z` does not match `-0700`"),
        ("-0700", "x0100", "`x0100` does not match `-0700`"),
        ("MST", "pst", "`pst` does not match `MST`"),
        ("MST", "PS", "`PS` does not match `MST`"),
        ("MST", "ABCDEF", "`ABCDEF` does not match `MST`"),
        ("MST", "+24", "`+24` does not match `MST`"),
        ("04☃", "05é", "`é` does not match `☃`"),
        ("002", "60", "`60` does not match `002`"),
    ] {
        check_error(layout, text, expected);
    }
}

#[test]
fn values_out_of_range_are_named() {
    for (layout, text, expected) in [
        ("2006-01-02", "2024-13-01", "month out of range"),
        ("2006-01-02", "2024-00-01", "month out of range"),
        ("2006-01-02", "2024-01-00", "day out of range"),
        ("2006-01-02", "2024-01-32", "day out of range"),
        ("2006-01-02", "2024-02-30", "day out of range"),
        ("2006-01-02", "2023-02-29", "day out of range"),
        ("2006-01-02", "1900-02-29", "day out of range"),
        ("02-01-2006", "31-04-2024", "day out of range"),
        ("15:04:05", "24:00:00", "hour out of range"),
        ("3:04", "13:00", "hour out of range"),
        ("15:04:05", "23:60:00", "minute out of range"),
        ("15:04:05", "23:59:60", "second out of range"),
        ("-0700", "+2500", "zone offset hour out of range"),
        ("-0700", "+0061", "zone offset minute out of range"),
        ("2006 002", "2024 000", "day of year out of range"),
        ("2006 002", "2023 366", "day of year out of range"),
        ("2006-01 002", "2024-01 060", "day of year does not match month"),
        ("2006-01-02 002", "2024-02-28 060", "day of year does not match day"),
    ] {
        check_error(layout, text, expected);
    }
}

#[test]
fn texts_without_a_zone_are_read_in_the_location() {
    let new_york = Location::new_york();
    for (text, expected) in
        [("2024-01-15 12:00:00", "2024-01-15T12:00:00-05:00"), ("2024-07-15 12:00:00", "2024-07-15T12:00:00-04:00")]
    {
        let moment = check_parse(layout("DATE_TIME"), text, &new_york, expected);
        assert_eq!(moment.location().name(), "America/New_York");
    }
}

#[test]
fn texts_with_a_zone_keep_the_location_only_where_it_agrees() {
    let new_york = Location::new_york();
    let abbreviated = "2006-01-02 15:04 MST";
    let both = "2006-01-02 15:04 -0700 MST";
    for (layout, text, expected, place) in [
        (RFC3339, "2024-07-15T12:00:00-04:00", "2024-07-15T12:00:00-04:00", "America/New_York"),
        (RFC3339, "2024-07-15T12:00:00-05:00", "2024-07-15T12:00:00-05:00", ""),
        (RFC3339, "2024-07-15T12:00:00Z", "2024-07-15T12:00:00Z", "UTC"),
        (RFC3339, "2024-07-15T12:00:00+00:00", "2024-07-15T12:00:00Z", ""),
        (abbreviated, "2024-07-15 12:00 EDT", "2024-07-15T12:00:00-04:00", "America/New_York"),
        (abbreviated, "2024-01-15 12:00 EST", "2024-01-15T12:00:00-05:00", "America/New_York"),
        (abbreviated, "2024-01-15 12:00 EDT", "2024-01-15T11:00:00-05:00", "America/New_York"),
        (abbreviated, "2024-01-15 12:00 UTC", "2024-01-15T12:00:00Z", "UTC"),
        (abbreviated, "2024-01-15 12:00 CET", "2024-01-15T12:00:00Z", "CET"),
        (abbreviated, "2024-01-15 12:00 WITA", "2024-01-15T12:00:00Z", "WITA"),
        (abbreviated, "2024-01-15 12:00 CHADT", "2024-01-15T12:00:00Z", "CHADT"),
        (abbreviated, "2024-01-15 12:00 ChST", "2024-01-15T12:00:00Z", "ChST"),
        (abbreviated, "2024-01-15 12:00 GMT", "2024-01-15T12:00:00Z", "GMT"),
        (abbreviated, "2024-01-15 12:00 GMT-8", "2024-01-15T12:00:00-08:00", "GMT-8"),
        (abbreviated, "2024-01-15 12:00 +03", "2024-01-15T12:00:00Z", "+03"),
        (both, "2024-01-15 12:00 -0500 EST", "2024-01-15T12:00:00-05:00", "America/New_York"),
        (both, "2024-01-15 12:00 -0500 CST", "2024-01-15T12:00:00-05:00", "CST"),
    ] {
        let moment = check_parse(layout, text, &new_york, expected);
        assert_eq!(moment.location().name(), place, "{text}");
    }
}

#[test]
fn what_was_written_is_read_back() {
    for location in [Location::utc(), Location::new_york(), Location::fixed("", 20_700)] {
        for seconds in [-62_135_510_400, -1, 0, 1_710_054_000, 253_402_214_400] {
            let moment = Moment::unix(seconds, 120_000_000, location.clone());
            let text = moment.rfc3339_nano();
            check_parse(RFC3339_NANO, &text, &location, &text);
        }
    }
}
