use std::borrow::Cow;

use perilune_policy::Fault;
use regex::{Regex, RegexBuilder};

/// The longest regular expression, in bytes.
const PATTERN: usize = 1024;

/// How large an expression may be once compiled, and the longest text one of that size is tried on, both in bytes. The
/// worst of them take time by the product, which is the same for all: about a tenth of a second.
const SIZES: [(usize, usize); 4] =
    [(8 * 1024, 64 * 1024), (32 * 1024, 16 * 1024), (128 * 1024, 4 * 1024), (512 * 1024, 1024)];

/// A regular expression that cannot take long, whatever it and the text are.
#[derive(Clone, Debug)]
pub(crate) struct Matcher {
    regex: Regex,
    longest: usize,
}

impl Matcher {
    /// # Errors
    /// What is wrong with it, as the end of a sentence.
    pub(crate) fn new(pattern: &str) -> Result<Self, Cow<'static, str>> {
        if pattern.len() > PATTERN {
            return Err("is longer than 1024 bytes".into());
        }
        for (size, longest) in SIZES {
            match RegexBuilder::new(pattern).size_limit(size).build() {
                Ok(regex) => return Ok(Self { regex, longest }),
                Err(regex::Error::CompiledTooBig(_)) => {}
                Err(other) => return Err(format!("is no regular expression: {}", reason(&other)).into()),
            }
        }
        Err("is too large once compiled".into())
    }

    pub(crate) fn pattern(&self) -> &str {
        self.regex.as_str()
    }

    pub(crate) fn matches(&self, text: &str) -> Result<bool, Fault> {
        if text.len() > self.longest {
            let longest = self.longest;
            return Err(Fault::new(format!(
                "a text of more than {longest} bytes is not tried on a regular expression of that size"
            )));
        }
        Ok(self.regex.is_match(text))
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
        self.regex.as_str() == other.regex.as_str()
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
    }

    #[test]
    fn larger_expressions_are_tried_on_shorter_texts() {
        let check = |pattern: &str, longest: usize| {
            let matcher = Matcher::new(pattern).unwrap();
            assert_eq!(matcher.matches(&"b".repeat(longest)), Ok(false), "{pattern}");
            assert!(matcher.matches(&"b".repeat(longest + 1)).is_err(), "{pattern}");
        };
        check("^/srv/[a-z]+[.]log$", 64 * 1024);
        check(r"^job-\d{1,5}$", 16 * 1024);
        check(r"^\w+@\w+$", 4 * 1024);
        check(r"^\w+(-\w+){7}$", 1024);
    }
}
