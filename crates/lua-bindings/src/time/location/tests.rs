use super::*;

const WINTER: i64 = 1_704_067_200; // 2024-01-01T00:00:00Z
const SUMMER: i64 = 1_719_792_000; // 2024-07-01T00:00:00Z

fn check(location: &Location, unix: i64, offset: i32, abbreviation: &str) {
    assert_eq!(location.offset_at(unix), offset, "{location} {unix}");
    assert_eq!(location.abbreviation_at(unix), abbreviation, "{location} {unix}");
}

#[test]
fn some_names_need_no_database() {
    assert_eq!(Location::load("UTC").unwrap().name(), "UTC");
    assert_eq!(Location::load("Local").unwrap().name(), "Local");
    assert_eq!(Location::default().to_string(), "UTC");
    assert_eq!(Location::load("").unwrap_err(), LocationError::EmptyName);
}

#[test]
fn unknown_names_are_not_found() {
    let long = "x".repeat(10_000);
    for name in ["No/Where", "Etc/Unknown", "../UTC", "/etc/localtime", "a\0b", "é", &long] {
        let error = Location::load(name).unwrap_err();
        let name = name.to_string();
        assert_eq!(error, LocationError::NotFound { name });
    }
    let error = Location::load("No/Where").unwrap_err();
    assert_eq!(error.to_string(), "location `No/Where` not found");
}

#[test]
fn fixed_locations_have_one_offset_for_ever() {
    let location = Location::fixed("ODD", -12_345);
    assert_eq!(location.name(), "ODD");
    for unix in [i64::MIN, 0, WINTER, SUMMER, i64::MAX] {
        check(&location, unix, -12_345, "ODD");
        check(&Location::utc(), unix, 0, "UTC");
    }
    check(&Location::fixed("", i32::MIN), 0, i32::MIN, "");
}

#[test]
fn named_locations_follow_their_rules() {
    let new_york = Location::new_york();
    check(&new_york, WINTER, -18_000, "EST");
    check(&new_york, SUMMER, -14_400, "EDT");
    // 2024-03-10T07:00:00Z, when summer time began.
    check(&new_york, 1_710_054_000 - 1, -18_000, "EST");
    check(&new_york, 1_710_054_000, -14_400, "EDT");
}

#[test]
fn rules_hold_beyond_the_years_of_the_database() {
    let cycle = DAYS_PER_CYCLE * SECONDS_PER_DAY;
    let new_york = Location::new_york();
    for cycles in [1, 19, 20, 21, 1_000_000, 700_000_000] {
        check(&new_york, WINTER + cycles * cycle, -18_000, "EST");
        check(&new_york, SUMMER + cycles * cycle, -14_400, "EDT");
    }
    for unix in [i64::MIN, Timestamp::MIN.as_second(), Timestamp::MAX.as_second(), i64::MAX] {
        let _ = new_york.offset_at(unix);
        let _ = Location::local().abbreviation_at(unix);
    }
}

#[test]
fn abbreviations_stand_for_the_offset_in_force() {
    let new_york = Location::new_york();
    let changing_back = 1_730_597_400; // 2024-11-03 01:30 on the wall, twice
    for (wall, name, expected) in [
        (SUMMER, "EDT", Some(-14_400)),
        (SUMMER, "EST", Some(-18_000)),
        (WINTER, "EDT", Some(-14_400)),
        (WINTER, "EST", Some(-18_000)),
        (changing_back, "EDT", Some(-14_400)),
        (changing_back, "EST", Some(-18_000)),
        (SUMMER, "CET", None),
        (i64::MAX, "EST", Some(-18_000)),
        (i64::MIN, "CET", None),
    ] {
        assert_eq!(new_york.offset_of(name, wall), expected, "{name} {wall}");
    }
    assert_eq!(Location::utc().offset_of("UTC", WINTER), Some(0));
    assert_eq!(Location::fixed("ODD", 7).offset_of("ODD", WINTER), Some(7));
    assert_eq!(Location::fixed("ODD", 7).offset_of("UTC", WINTER), None);
}

#[test]
fn zone_database_is_searched_in_any_case() {
    let Ok(location) = Location::load("america/new_york") else {
        eprintln!("skipped: this machine has no zone database");
        return;
    };
    assert_eq!(location.name(), "America/New_York");
    check(&location, WINTER, -18_000, "EST");
    check(&location, SUMMER, -14_400, "EDT");
}
