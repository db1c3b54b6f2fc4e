use perilune_exec_api::OsSignal;

use super::ShutdownError;

/// The number of a signal: a name with or without `SIG`, in any case, `RTMIN+n`, or a number from 1 to 64.
pub fn parse_signal(text: &str) -> Result<i32, ShutdownError> {
    let invalid = || ShutdownError::InvalidSignal(format!("`{text}`"));
    let name = text.trim().to_ascii_uppercase();
    let name = name.strip_prefix("SIG").unwrap_or(&name);
    let number = match name.strip_prefix("RTMIN") {
        Some("") => RTMIN,
        Some(more) => {
            let above = more.strip_prefix('+').and_then(digits).ok_or_else(invalid)?;
            RTMIN.checked_add(above).ok_or_else(invalid)?
        }
        None => match NAMES.iter().find(|(known, _)| *known == name) {
            Some((_, number)) => *number,
            None => digits(name).ok_or_else(invalid)?,
        },
    };
    OsSignal::new(number.into()).map(OsSignal::number).map_err(|_| invalid())
}

/// A number without a sign.
fn digits(text: &str) -> Option<i32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// The first one that libraries leave to programs.
const RTMIN: i32 = 34;

/// As Linux numbers them.
const NAMES: [(&str, i32); 33] = [
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("ILL", 4),
    ("TRAP", 5),
    ("ABRT", 6),
    ("IOT", 6),
    ("BUS", 7),
    ("FPE", 8),
    ("KILL", 9),
    ("USR1", 10),
    ("SEGV", 11),
    ("USR2", 12),
    ("PIPE", 13),
    ("ALRM", 14),
    ("TERM", 15),
    ("STKFLT", 16),
    ("CHLD", 17),
    ("CONT", 18),
    ("STOP", 19),
    ("TSTP", 20),
    ("TTIN", 21),
    ("TTOU", 22),
    ("URG", 23),
    ("XCPU", 24),
    ("XFSZ", 25),
    ("VTALRM", 26),
    ("PROF", 27),
    ("WINCH", 28),
    ("IO", 29),
    ("POLL", 29),
    ("PWR", 30),
    ("SYS", 31),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<i32>) {
        let found = parse_signal(text);
        match expected {
            Some(number) => assert_eq!(found, Ok(number), "{text:?}"),
            None => assert_eq!(found, Err(ShutdownError::InvalidSignal(format!("`{text}`"))), "{text:?}"),
        }
    }

    #[test]
    fn names_have_a_prefix_or_not_and_any_case() {
        for text in ["TERM", "SIGTERM", "sigterm", "SigTerm", " term "] {
            check(text, Some(15));
        }
        for (name, number) in [("INT", 2), ("QUIT", 3), ("KILL", 9), ("HUP", 1), ("USR1", 10), ("USR2", 12)] {
            check(name, Some(number));
        }
    }

    #[test]
    fn every_standard_signal_has_a_name() {
        for number in 1..=31 {
            let named: Vec<_> = NAMES.iter().filter(|(_, known)| *known == number).collect();
            assert!(!named.is_empty(), "{number}");
            for (name, _) in named {
                check(name, Some(number));
                check(&format!("SIG{name}"), Some(number));
            }
        }
    }

    #[test]
    fn numbers_go_from_1_to_64() {
        check("1", Some(1));
        check("64", Some(64));
        for text in ["0", "65", "-1", "99999999999999999999", "1.5", "0x1", "+15"] {
            check(text, None);
        }
    }

    #[test]
    fn real_time_signals_are_counted_from_the_first() {
        check("RTMIN", Some(34));
        check("sigrtmin+1", Some(35));
        check("RTMIN+30", Some(64));
        for text in ["RTMIN+31", "RTMIN-1", "RTMIN+-1", "RTMIN+", "RTMIN1", "RTMIN+2147483647"] {
            check(text, None);
        }
    }

    #[test]
    fn anything_else_is_no_signal() {
        for text in ["", "SIG", "SIGNOPE", "SIGSIGTERM", "TERM INT", "SIG15X"] {
            check(text, None);
        }
    }
}
