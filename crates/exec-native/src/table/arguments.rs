//! What macOS says of the arguments of a process: their count, the path of the program, zeros, the arguments and then the
//! environment, each text with a zero behind it.

/// The environment, as far as it was given out.
pub(super) fn environment(text: &[u8]) -> Option<&[u8]> {
    let (count, rest) = text.split_first_chunk()?;
    let path = rest.iter().position(|byte| *byte == 0)?;
    let mut rest = rest.get(path..)?;
    rest = rest.get(rest.iter().position(|byte| *byte != 0)?..)?;
    for _ in 0..i32::from_ne_bytes(*count) {
        let end = rest.iter().position(|byte| *byte == 0)?;
        rest = rest.get(end + 1..)?;
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(count: i32, text: &str, expected: Option<&str>) {
        let text = [&count.to_ne_bytes()[..], text.as_bytes()].concat();
        assert_eq!(environment(&text), expected.map(str::as_bytes));
    }

    #[test]
    fn arguments_are_no_environment() {
        check(2, "/bin/cat\0\0\0\0cat\0SUP_RUN_ID=not\0A=1\0SUP_RUN_ID=x\0\0", Some("A=1\0SUP_RUN_ID=x\0\0"));
        check(3, "/bin/cat\0cat\0\0b\0A=1\0", Some("A=1\0"));
        check(1, "/bin/cat\0cat\0", Some(""));
    }

    #[test]
    fn what_is_cut_off_has_none() {
        check(2, "/bin/cat\0\0cat\0b", None);
        check(2, "/bin/cat\0\0", None);
        check(2, "/bin/cat", None);
        check(1, "", None);
        assert_eq!(environment(b"\x01\0"), None);
    }
}
