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
            let above: i32 = more.strip_prefix('+').and_then(|more| more.parse().ok()).ok_or_else(invalid)?;
            RTMIN.checked_add(above).ok_or_else(invalid)?
        }
        None => match NAMES.iter().find(|(known, _)| *known == name) {
            Some((_, number)) => *number,
            None => name.parse().map_err(|_| invalid())?,
        },
    };
    OsSignal::new(number.into()).map(OsSignal::number).map_err(|_| invalid())
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
