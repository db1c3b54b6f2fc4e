//! Files of lines like `NAME=value`.

use crate::credentials::SecretSet;

/// Reads the file, or tells the number of the line that cannot be read.
///
/// `export` before a name is passed over. A value in single quotes is taken as it is; in double quotes, a backslash before
/// `n`, `r`, `t`, `"`, `\`, `$` means what it does elsewhere; without quotes it ends at a `#` that follows a space.
pub(super) fn parse(text: &str) -> Result<SecretSet, usize> {
    let mut set = SecretSet::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = pair(line).ok_or(index + 1)?;
        set.insert(name, value);
    }
    Ok(set)
}

/// `NAME="value"`, so that [`parse`] reads the same. Names and values are checked by whoever calls.
pub(in crate::credentials) fn line(name: &str, value: &str) -> String {
    let mut line = String::with_capacity(name.len() + 2 * value.len() + 4);
    line.push_str(name);
    line.push_str("=\"");
    for c in value.chars() {
        match c {
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            '"' | '\\' | '$' => line.extend(['\\', c]),
            _ => line.push(c),
        }
    }
    line.push_str("\"\n");
    line
}

fn pair(line: &str) -> Option<(&str, String)> {
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, rest) = line.split_once('=')?;
    let name = name.trim();
    if name.is_empty() || name.contains(char::is_whitespace) {
        return None;
    }
    let rest = rest.trim_start();
    let (value, after) = match rest.chars().next() {
        Some('\'') => {
            let (value, after) = rest.get(1..)?.split_once('\'')?;
            (value.to_owned(), after)
        }
        Some('"') => quoted(rest.get(1..)?)?,
        _ => (bare(rest).to_owned(), ""),
    };
    let after = after.trim_start();
    (after.is_empty() || after.starts_with('#')).then_some((name, value))
}

fn bare(rest: &str) -> &str {
    let comment = if rest.starts_with('#') { Some(0) } else { rest.find(" #").or_else(|| rest.find("\t#")) };
    rest.get(..comment.unwrap_or(rest.len())).unwrap_or(rest).trim_end()
}

fn quoted(rest: &str) -> Option<(String, &str)> {
    // With room for all of it, no copy stays behind while it grows.
    let mut value = String::with_capacity(rest.len());
    let mut chars = rest.chars();
    loop {
        match chars.next()? {
            '"' => return Some((value, chars.as_str())),
            '\\' => match chars.next()? {
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                't' => value.push('\t'),
                c @ ('"' | '\\' | '$') => value.push(c),
                other => value.extend(['\\', other]),
            },
            c => value.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::ExposeSecret;

    use super::*;

    fn read(text: &str) -> Result<Vec<(String, String)>, usize> {
        let set = parse(text)?;
        Ok(set.iter().map(|(name, value)| (name.to_owned(), value.expose_secret().to_owned())).collect())
    }

    fn check(line: &str, expected: Option<&str>) {
        let expected = expected.map(|value| vec![("A".to_owned(), value.to_owned())]).ok_or(1);
        assert_eq!(read(line), expected, "{line:?}");
    }

    #[test]
    fn values_have_quotes_or_not() {
        check("A=b", Some("b"));
        check("  export A = b c  ", Some("b c"));
        check("A=b # c", Some("b"));
        check("A=b#c", Some("b#c"));
        check("A=# c", Some(""));
        check("A=", Some(""));
        check("A=b=c", Some("b=c"));
        check(r"A='b \n # c' # d", Some(r"b \n # c"));
        check(r#"A="b\n\"c\" \\ \$ \x""#, Some("b\n\"c\" \\ $ \\x"));
    }

    #[test]
    fn line_that_cannot_be_read_is_counted_and_not_shown() {
        for line in ["A", "=b", "A B=c", "A='b", "A=\"b", "A=\"b\\", "A='b' c"] {
            check(line, None);
        }
        assert_eq!(read("# first\n\nA=b\noops"), Err(4));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(value in "[^\\x00]*") {
            prop_assert_eq!(read(&line("A", &value)), Ok(vec![("A".to_owned(), value)]));
        }
    }
}
