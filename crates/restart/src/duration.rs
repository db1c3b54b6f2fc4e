//! Durations as text, for `#[serde(with = "perilune_restart::duration")]`: `"5s"`, `"1m 30s"`.
//!
//! Text in every format. Behind a tag, serde no longer says whether a format is read by humans, so a choice made
//! while writing could not be repeated while reading.

use std::fmt;
use std::time::Duration;

use serde::de::{Error, Visitor};
use serde::{Deserializer, Serializer};

/// As text.
pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&humantime::format_duration(*duration))
}

/// From text; numbers are refused, for they do not tell their unit.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    deserializer.deserialize_str(Text)
}

struct Text;

impl Visitor<'_> for Text {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration such as `5s` or `1m 30s`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        parse(text).ok_or_else(|| E::custom(format_args!("`{text}` is not a duration such as `5s` or `1m 30s`")))
    }
}

/// Item by item: summing up several, `humantime` panics when the sum just passes what a duration can hold.
fn parse(text: &str) -> Option<Duration> {
    let mut sum = Duration::ZERO;
    let (mut start, mut unit) = (0, false);
    for (at, character) in text.char_indices() {
        if unit && character.is_ascii_digit() {
            sum = sum.checked_add(humantime::parse_duration(text.get(start..at)?).ok()?)?;
            (start, unit) = (at, false);
        }
        unit |= character.is_alphabetic();
    }
    sum.checked_add(humantime::parse_duration(text.get(start..)?).ok()?)
}

/// The same for a duration that may be absent.
pub mod option {
    use std::fmt;
    use std::time::Duration;

    use serde::de::{Error, Visitor};
    use serde::{Deserializer, Serializer};

    /// As text, or nothing.
    pub fn serialize<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => serializer.serialize_some(&humantime::format_duration(*duration).to_string()),
            None => serializer.serialize_none(),
        }
    }

    /// From text, or nothing.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        deserializer.deserialize_option(Maybe)
    }

    struct Maybe;

    impl<'de> Visitor<'de> for Maybe {
        type Value = Option<Duration>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            super::Text.expecting(f)
        }

        fn visit_none<E: Error>(self) -> Result<Option<Duration>, E> {
            Ok(None)
        }

        fn visit_unit<E: Error>(self) -> Result<Option<Duration>, E> {
            Ok(None)
        }

        fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Duration>, D::Error> {
            super::deserialize(deserializer).map(Some)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_is_read_as_people_write_it() {
        let check = |text, expected| assert_eq!(parse(text), expected, "{text:?}");
        check("5s", Some(Duration::from_secs(5)));
        check("1m 30s", Some(Duration::from_secs(90)));
        check("1m30s", Some(Duration::from_secs(90)));
        check(" 2 hours  1.5 sec ", Some(Duration::from_millis(7_201_500)));
        check("250ms", Some(Duration::from_millis(250)));
        check("10µs 5us", Some(Duration::from_micros(15)));
        check("0", Some(Duration::ZERO));
        check("0s", Some(Duration::ZERO));
        for wrong in ["", " ", "5", "s", "5 x", "-5s", "5s -1s", "1..5s", "1m 30", "1m s", "1e3s", "0.1ns", "5s,"] {
            check(wrong, None);
        }
    }

    #[test]
    fn no_sum_is_too_large_to_be_refused() {
        assert_eq!(parse("18446744073709551615s"), Some(Duration::from_secs(u64::MAX)));
        assert_eq!(parse("18446744073709551615s 1000ms"), None);
        assert_eq!(parse("18446744073709551615s 1000000000ns"), None);
        assert_eq!(parse("18446744073709551616s"), None);
        assert_eq!(parse("99999999999999999years"), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(secs: u64, nanos in 0..1_000_000_000u32) {
            let duration = Duration::new(secs, nanos);
            prop_assert_eq!(parse(&humantime::format_duration(duration).to_string()), Some(duration));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*", near in "[0-9]{1,20}(s|ms|ns|y| |m|\\.){0,3}[0-9]{0,20}(s|ms|ns)?") {
            let _ = (parse(&text), parse(&near));
        }
    }
}
