use std::borrow::Cow;

use perilune_policy::Fault;
use regex::{Regex, RegexBuilder};

/// The longest regular expression, in bytes.
const PATTERN: usize = 1024;
/// The most memory one may take once compiled, in bytes.
const COMPILED: usize = 256 * 1024;
/// The longest text one is tried on, in bytes. Time grows with the product of both.
const TEXT: usize = 64 * 1024;

/// A regular expression that cannot take long, whatever it and the text are.
#[derive(Clone, Debug)]
pub(crate) struct Matcher(Regex);

impl Matcher {
    /// # Errors
    /// What is wrong with it, as the end of a sentence.
    pub(crate) fn new(pattern: &str) -> Result<Self, Cow<'static, str>> {
        if pattern.len() > PATTERN {
            return Err("is longer than 1024 bytes".into());
        }
        RegexBuilder::new(pattern).size_limit(COMPILED).dfa_size_limit(COMPILED).build().map(Self).map_err(|error| {
            match error {
                regex::Error::CompiledTooBig(_) => "is too large once compiled".into(),
                other => format!("is no regular expression: {}", reason(&other)).into(),
            }
        })
    }

    pub(crate) fn matches(&self, text: &str) -> Result<bool, Fault> {
        if text.len() > TEXT {
            return Err(Fault::new("a text of more than 64 KiB is not tried on regular expressions"));
        }
        Ok(self.0.is_match(text))
    }
}

/// The message draws the pattern first; its last line says what is wrong.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::Matcher;

    #[test]
    fn what_is_wrong_is_told_in_one_line() {
        let check = |pattern: &str, expected| assert_eq!(Matcher::new(pattern).unwrap_err(), expected, "{pattern:?}");
        check("(a", "is no regular expression: unclosed group");
        check(r"\1", "is no regular expression: backreferences are not supported");
        check(
            "a(?=b)",
            "is no regular expression: look-around, including look-ahead and look-behind, is not supported",
        );
        check("((a{100}){100}){100}", "is too large once compiled");
        check(&"a".repeat(1025), "is longer than 1024 bytes");
    }

    #[test]
    fn matching_is_not_anchored_and_bounded() {
        let matcher = Matcher::new(r"^(a+)+$|\bx\w").unwrap();
        for (text, expected) in [("aaa", true), ("see xy", true), ("aab", false), ("", false)] {
            assert_eq!(matcher.matches(text), Ok(expected), "{text:?}");
        }
        assert_eq!(matcher.matches(&"b".repeat(64 * 1024)), Ok(false));
        assert!(matcher.matches(&"b".repeat(64 * 1024 + 1)).is_err());
    }
}
