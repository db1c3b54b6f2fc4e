use super::*;
use crate::time::{LAYOUTS, Location};

/// 2009-02-04 21:00:57.0123456 at 8 hours behind UTC.
fn sample() -> Moment {
    let location = Location::with_rules("America/Los_Angeles", "PST8PDT,M3.2.0,M11.1.0");
    Moment::unix(1_233_810_057, 12_345_600, location)
}

fn check_format(layout: &str, expected: &str) {
    assert_eq!(sample().format(layout), expected, "{layout}");
}

#[test]
fn named_layouts_write_the_sample() {
    for (name, expected) in [
        ("ANSIC", "Wed Feb  4 21:00:57 2009"),
        ("UNIXDATE", "Wed Feb  4 21:00:57 PST 2009"),
        ("RUBYDATE", "Wed Feb 04 21:00:57 -0800 2009"),
        ("RFC822", "04 Feb 09 21:00 PST"),
        ("RFC822Z", "04 Feb 09 21:00 -0800"),
        ("RFC850", "Wednesday, 04-Feb-09 21:00:57 PST"),
        ("RFC1123", "Wed, 04 Feb 2009 21:00:57 PST"),
        ("RFC1123Z", "Wed, 04 Feb 2009 21:00:57 -0800"),
        ("RFC3339", "2009-02-04T21:00:57-08:00"),
        ("RFC3339NANO", "2009-02-04T21:00:57.0123456-08:00"),
        ("KITCHEN", "9:00PM"),
        ("STAMP", "Feb  4 21:00:57"),
        ("STAMP_MILLI", "Feb  4 21:00:57.012"),
        ("STAMP_MICRO", "Feb  4 21:00:57.012345"),
        ("STAMP_NANO", "Feb  4 21:00:57.012345600"),
        ("DATE_TIME", "2009-02-04 21:00:57"),
        ("DATE_ONLY", "2009-02-04"),
        ("TIME_ONLY", "21:00:57"),
    ] {
        let (_, layout) = LAYOUTS.iter().find(|(known, _)| *known == name).unwrap();
        check_format(layout, expected);
    }
}

#[test]
fn elements_are_told_from_literals() {
    for (layout, expected) in [
        ("", ""),
        ("am/pm", "am/pm"),
        ("AM/PM", "AM/PM"),
        ("3pm", "9pm"),
        ("January Janet Jan", "February Janet Feb"),
        ("Monday Month Mon", "Wednesday Month Wed"),
        ("Jan2006", "Feb2009"),
        ("MonMST", "WedPST"),
        ("1 01 1st", "2 02 2st"),
        ("2 02 _2 002 __2", "4 04  4 035  35"),
        ("2006 06 _2006", "2009 09 _2009"),
        ("15 3 03", "21 9 09"),
        ("4 04 5 05", "0 00 57 57"),
        (".0 .000 ,000 .000000000", ".0 .012 ,012 .012345600"),
        (".9 .999 ,999999 .999999999", " .012 ,012345 .0123456"),
        (".00000000000", ".012345600"),
        (".0001 .9990", ".0002 .9990"),
        ("-0700 -07:00 -07", "-0800 -08:00 -08"),
        ("-070000 -07:00:00", "-080000 -08:00:00"),
        ("Z0700 Z07:00 Z07", "-0800 -08:00 -08"),
        ("Z070000 Z07:00:00", "-080000 -08:00:00"),
        ("Zürich ☃ é", "Zürich ☃ é"),
    ] {
        check_format(layout, expected);
    }
}

#[test]
fn noon_and_midnight_are_twelve() {
    for (hour, expected) in
        [(0, "12:30am 12AM"), (1, "1:30am 01AM"), (11, "11:30am 11AM"), (12, "12:30pm 12PM"), (23, "11:30pm 11PM")]
    {
        let civil = Civil { hour, minute: 30, ..Civil::midnight(2024, 2, 29) };
        let moment = Moment::date(&civil, Location::utc());
        assert_eq!(moment.format("3:04pm 03PM"), expected);
    }
}

#[test]
fn offsets_are_written_for_every_place() {
    for (offset, expected) in [
        (0, "+0000 Z +00 Z +00:00:00"),
        (3_600, "+0100 +01:00 +01 +01 +01:00:00"),
        (-12_600, "-0330 -03:30 -03 -03 -03:30:00"),
        (20_700, "+0545 +05:45 +05 +05 +05:45:00"),
        (-20, "+0000 +00:00 +00 +00 -00:00:20"),
        (i32::MIN, "-59652314"),
    ] {
        let moment = Moment::unix(0, 0, Location::fixed("", offset));
        let text = moment.format("-0700 Z07:00 -07 Z07 -07:00:00");
        assert!(text.starts_with(expected), "{text}");
        assert_eq!(moment.format("MST"), moment.format("-0700"));
    }
}

#[test]
fn years_of_any_length_are_written() {
    for (year, expected) in
        [(0, "0000 00"), (7, "0007 07"), (-1, "-0001 00"), (12_345, "12345 45"), (-12_345, "-12345 00")]
    {
        let moment = Moment::date(&Civil::midnight(year, 1, 1), Location::utc());
        assert_eq!(moment.format("2006 06"), expected);
    }
}
