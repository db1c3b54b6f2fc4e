use super::*;

fn check(text: &str, expected: i64) {
    assert_eq!(Span::parse(text), Ok(Span(expected)), "{text:?}");
}

fn check_error(text: &str, expected: &str) {
    let error = Span::parse(text).unwrap_err();
    assert_eq!(error.to_string(), expected, "{text:?}");
}

#[test]
fn texts_are_read_as_nanoseconds() {
    let cases = [
        ("0", 0),
        ("-0", 0),
        ("+0", 0),
        ("0s", 0),
        ("5s", 5_000_000_000),
        ("30s", 30_000_000_000),
        ("1478s", 1_478_000_000_000),
        ("-5s", -5_000_000_000),
        ("+5s", 5_000_000_000),
        ("5.0s", 5_000_000_000),
        ("5.6s", 5_600_000_000),
        ("5.s", 5_000_000_000),
        (".5s", 500_000_000),
        ("1.004s", 1_004_000_000),
        ("1.0040s", 1_004_000_000),
        ("100.00100s", 100_001_000_000),
        ("10ns", 10),
        ("11us", 11_000),
        ("12\u{b5}s", 12_000),
        ("12\u{3bc}s", 12_000),
        ("13ms", 13_000_000),
        ("14s", 14_000_000_000),
        ("15m", 900_000_000_000),
        ("16h", 57_600_000_000_000),
        ("3h30m", 12_600_000_000_000),
        ("10.5s4m", 250_500_000_000),
        ("-2m3.4s", -123_400_000_000),
        ("1h2m3s4ms5us6ns", 3_723_004_005_006),
        ("39h9m14.425s", 140_954_425_000_000),
        ("1h1h", 7_200_000_000_000),
        ("1.9ns", 1),
        ("52763797000ns", 52_763_797_000),
        ("0.3333333333333333333h", 1_200_000_000_000),
        ("0.100000000000000000000h", 360_000_000_000),
        ("0.830103483285477580700h", 2_988_372_539_827),
        ("9007199254740993ns", (1 << 53) + 1),
        ("9223372036854775807ns", i64::MAX),
        ("9223372036854775.807us", i64::MAX),
        ("9223372036s854ms775us807ns", i64::MAX),
        ("-9223372036854775808ns", i64::MIN),
        ("-9223372036854775.808us", i64::MIN),
        ("-2562047h47m16.854775808s", i64::MIN),
    ];
    for (text, expected) in cases {
        check(text, expected);
    }
}

#[test]
fn texts_outside_the_grammar_are_refused() {
    for text in ["", "-", "+", "abc", "s", ".", ".s", "-.s", "+.s", " 1s", "--1s", "1s-1s"] {
        check_error_starts(text, &["invalid duration", "unknown unit"]);
    }
    check_error("5", "missing unit in duration `5`");
    check_error("1.5", "missing unit in duration `1.5`");
    check_error("1.5.5s", "missing unit in duration `1.5.5s`");
    check_error("00", "missing unit in duration `00`");
    check_error("1 s", "unknown unit ` s` in duration `1 s`");
    check_error("1s ", "unknown unit `s ` in duration `1s `");
    check_error("3d", "unknown unit `d` in duration `3d`");
    check_error("1H", "unknown unit `H` in duration `1H`");
    check_error("1é2s", "unknown unit `é` in duration `1é2s`");
}

fn check_error_starts(text: &str, expected: &[&str]) {
    let error = Span::parse(text).unwrap_err().to_string();
    assert!(expected.iter().any(|start| error.starts_with(start)), "{error}");
}

#[test]
fn overflow_is_an_error_and_never_wraps() {
    for text in [
        "9223372036854775808ns",
        "9223372036854775.808us",
        "-9223372036854775809ns",
        "-9223372036854775.809us",
        "9223372036854775807ns1ns",
        "18446744073709551616ns",
        "3000000h",
        "99999999999999999999999h",
    ] {
        check_error(text, &format!("duration `{text}` is out of range"));
    }
}

#[test]
fn lengths_are_written_with_their_largest_unit() {
    let cases = [
        (0, "0s"),
        (1, "1ns"),
        (999, "999ns"),
        (1_100, "1.1µs"),
        (100_000, "100µs"),
        (1_500_000, "1.5ms"),
        (2_200_000, "2.2ms"),
        (999_999_999, "999.999999ms"),
        (1_000_000_000, "1s"),
        (3_300_000_000, "3.3s"),
        (60_000_000_000, "1m0s"),
        (245_000_000_000, "4m5s"),
        (245_001_000_000, "4m5.001s"),
        (3_600_000_000_000, "1h0m0s"),
        (5_445_500_000_000, "1h30m45.5s"),
        (18_367_001_000_000, "5h6m7.001s"),
        (480_000_000_001, "8m0.000000001s"),
        (-1, "-1ns"),
        (-1_500_000_000, "-1.5s"),
        (i64::MAX, "2562047h47m16.854775807s"),
        (i64::MIN, "-2562047h47m16.854775808s"),
    ];
    for (nanoseconds, expected) in cases {
        let text = Span(nanoseconds).to_string();
        assert_eq!(text, expected);
        check(&text, nanoseconds);
    }
}

#[test]
fn small_units_are_cut_and_large_units_keep_fractions() {
    let span = Span(-5_445_500_000_999);
    assert_eq!(span.nanoseconds(), -5_445_500_000_999);
    assert_eq!(span.microseconds(), -5_445_500_000);
    assert_eq!(span.milliseconds(), -5_445_500);
    assert_eq!(Span(1_500_000_000).seconds(), 1.5);
    assert_eq!(Span(90_000_000_000).minutes(), 1.5);
    assert_eq!(Span(-5_400_000_000_000).hours(), -1.5);
    assert_eq!(Span(1).seconds(), 1e-9);
}

#[test]
fn numbers_lose_their_fraction_and_must_fit() {
    assert_eq!(Span::from_nanoseconds_f64(1.9), Ok(Span(1)));
    assert_eq!(Span::from_nanoseconds_f64(-1.9), Ok(Span(-1)));
    assert_eq!(Span::from_nanoseconds_f64(-0.0), Ok(Span(0)));
    let lowest = -9_223_372_036_854_775_808.0;
    assert_eq!(Span::from_nanoseconds_f64(lowest), Ok(Span(i64::MIN)));
    for number in [-lowest, lowest * 1.1, 1e300, f64::INFINITY, f64::NEG_INFINITY] {
        let error = Span::from_nanoseconds_f64(number).unwrap_err();
        assert!(matches!(error, DurationError::OutOfRange { .. }), "{number}");
    }
    let error = Span::from_nanoseconds_f64(f64::NAN).unwrap_err();
    assert_eq!(error, DurationError::NotANumber);
}

#[test]
fn only_lengths_from_zero_up_exist_in_the_standard_library() {
    let second = std::time::Duration::from_secs(1);
    assert_eq!(Span(1_000_000_000).to_std(), Some(second));
    assert_eq!(Span::ZERO.to_std(), Some(std::time::Duration::ZERO));
    assert_eq!(Span(-1).to_std(), None);
}
