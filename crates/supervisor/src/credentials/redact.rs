use std::borrow::Cow;
use std::fmt;

use super::pattern::{Pattern, PatternError, built_in};
use super::secrets::Secrets;
use super::stream::RedactStream;

/// Makes secrets unreadable: those it was told, and whatever looks like one.
///
/// ```
/// use perilune_supervisor::credentials::SecretRedactor;
///
/// let redactor = SecretRedactor::new().with_pattern(r"ticket-\d+").with_secret("correct horse");
/// assert_eq!(redactor.redact("password=battery-staple"), "password=[REDACTED]");
/// assert_eq!(redactor.redact("ticket-12: correct horse"), "[REDACTED]: [REDACTED]");
/// ```
#[derive(Clone)]
pub struct SecretRedactor {
    patterns: Vec<Pattern>,
    secrets: Secrets,
}

/// What stands where a secret was.
pub(super) const REPLACEMENT: &str = "[REDACTED]";

/// Names of variables that contain one of these hold secrets.
const SENSITIVE: [&str; 10] = [
    "API_KEY",
    "APIKEY",
    "SECRET",
    "TOKEN",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "CREDENTIAL",
    "PRIVATE_KEY",
    "ACCESS_KEY",
];

/// And those that begin with one of these: what services give their users to log in with.
const VENDORS: [&str; 11] = [
    "ANTHROPIC_",
    "AWS_ACCESS_",
    "AWS_SESSION_",
    "GEMINI_",
    "GH_PAT",
    "GITHUB_PAT",
    "GITLAB_PAT",
    "MISTRAL_",
    "OPENAI_",
    "OPENROUTER_",
    "STRIPE_",
];

impl SecretRedactor {
    /// Looks for everything that has the form of a well-known kind of secret.
    #[must_use]
    pub fn new() -> Self {
        Self { patterns: built_in().to_vec(), secrets: Secrets::default() }
    }

    /// Looks for these values and for nothing else.
    #[must_use]
    pub fn known(secrets: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        Self { patterns: Vec::new(), secrets: Secrets::default() }.with_secrets(secrets)
    }

    /// Looks for matches of a regular expression, too. If it has a group named `secret`, only that is replaced.
    ///
    /// # Panics
    ///
    /// If it is not one; see [`try_with_pattern`](Self::try_with_pattern).
    #[must_use]
    pub fn with_pattern(self, pattern: &str) -> Self {
        match self.try_with_pattern(pattern) {
            Ok(redactor) => redactor,
            Err(error) => panic!("{error}"),
        }
    }

    /// As [`with_pattern`](Self::with_pattern), for expressions that come from outside.
    pub fn try_with_pattern(mut self, pattern: &str) -> Result<Self, PatternError> {
        self.patterns.push(Pattern::new(pattern)?);
        Ok(self)
    }

    /// Looks for this value, too, wherever it is. Shorter than 8 bytes it is not looked for: it would be found in text that
    /// has nothing to do with it. Of a value with several lines, the longer lines are looked for one by one, too.
    #[must_use]
    pub fn with_secret(self, secret: impl AsRef<str>) -> Self {
        self.with_secrets([secret])
    }

    /// As [`with_secret`](Self::with_secret), for many.
    #[must_use]
    pub fn with_secrets(mut self, secrets: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let secrets: Vec<_> = secrets.into_iter().collect();
        if !self.secrets.add(secrets.iter().map(|secret| secret.as_ref().as_bytes())) {
            tracing::error!("too many secrets to look for");
        }
        self
    }

    /// The text as it may be shown; borrowed if there is nothing to hide.
    #[must_use]
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut shown = Cow::Borrowed(text);
        if let Some(replaced) = self.exact_in(text) {
            shown = Cow::Owned(replaced);
        }
        match self.patterns_in(shown.as_bytes()) {
            Cow::Borrowed(_) => shown,
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// For bytes that come piece by piece. A line without end is looked at in pieces of `longest_line` bytes.
    #[must_use]
    pub fn stream(&self, longest_line: usize) -> RedactStream {
        RedactStream::new(self.clone(), longest_line)
    }

    /// Whether a variable of that name holds a secret, as far as the name tells.
    #[must_use]
    pub fn is_sensitive_env_name(name: &str) -> bool {
        let name = name.to_ascii_uppercase().replace('-', "_");
        SENSITIVE.iter().any(|part| name.contains(part)) || VENDORS.iter().any(|vendor| name.starts_with(vendor))
    }

    /// The value as it may be shown.
    #[must_use]
    pub fn redact_env_value<'a>(name: &str, value: &'a str) -> &'a str {
        if Self::is_sensitive_env_name(name) { REPLACEMENT } else { value }
    }

    pub(super) fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    pub(super) fn has_patterns(&self) -> bool {
        !self.patterns.is_empty()
    }

    fn exact_in(&self, text: &str) -> Option<String> {
        let found = self.secrets.find(text.as_bytes());
        if found.is_empty() {
            return None;
        }
        let mut shown = String::with_capacity(text.len());
        let mut at = 0;
        for region in found {
            // Secrets are text, so they begin and end between characters.
            shown.push_str(text.get(at..region.start).unwrap_or_default());
            shown.push_str(REPLACEMENT);
            at = region.end;
        }
        shown.push_str(text.get(at..).unwrap_or_default());
        Some(shown)
    }

    /// Matches of patterns replaced, for any bytes.
    pub(super) fn patterns_in<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        let mut shown = Cow::Borrowed(text);
        for pattern in &self.patterns {
            if let Some(replaced) = pattern.replace(&shown, REPLACEMENT.as_bytes()) {
                shown = Cow::Owned(replaced);
            }
        }
        shown
    }
}

impl Default for SecretRedactor {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SecretRedactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretRedactor")
            .field("patterns", &self.patterns.len())
            .field("secrets", &self.secrets.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_known() {
        for name in
            ["API_KEY", "my-api-key", "MYAPIKEY", "Db_Password", "GITHUB_TOKEN", "CLIENT_SECRET", "X_CREDENTIALS_FILE"]
        {
            assert!(SecretRedactor::is_sensitive_env_name(name), "{name}");
        }
        assert!(SecretRedactor::is_sensitive_env_name("ANTHROPIC_AUTH"));
        for name in ["PATH", "HOME", "LANG", "KEYBOARD", "MONKEY", "PASS", "AWS_REGION", "GITHUB_REPOSITORY"] {
            assert!(!SecretRedactor::is_sensitive_env_name(name), "{name}");
        }
        assert_eq!(SecretRedactor::redact_env_value("API_KEY", "x"), "[REDACTED]");
        assert_eq!(SecretRedactor::redact_env_value("LANG", "C"), "C");
    }

    #[test]
    fn what_is_unchanged_is_borrowed() {
        let redactor = SecretRedactor::new().with_secret("hunter2hunter2");
        assert!(matches!(redactor.redact("nothing to see"), Cow::Borrowed("nothing to see")));
        assert_eq!(redactor.redact("é hunter2hunter2 é"), "é [REDACTED] é");
    }

    #[test]
    fn it_does_not_tell_its_secrets() {
        let redactor = SecretRedactor::known(["hunter2hunter2"]);
        assert!(!format!("{redactor:?} {:?}", redactor.stream(10)).contains("hunter2"));
    }

    #[test]
    fn lines_of_a_key_are_found_one_by_one() {
        let key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ\nend\n";
        let shown = SecretRedactor::known([key]).redact("log: MIIEvQIBADANBgkqhkiG9w0BAQ, and the end").into_owned();
        assert_eq!(shown, "log: [REDACTED], and the end");
        assert_eq!(SecretRedactor::known([key]).redact(key), "[REDACTED]");
    }

    #[test]
    fn a_group_named_secret_is_all_that_goes() {
        let redactor = SecretRedactor::known([""; 0]).with_pattern(r"pin: (?P<secret>\d+)").with_pattern("x*");
        assert_eq!(redactor.redact("é pin: 1234 xx é"), "é pin: [REDACTED] [REDACTED] é");
    }

    #[test]
    fn a_bad_pattern_is_an_error_or_a_panic() {
        let error = SecretRedactor::new().try_with_pattern("(").unwrap_err();
        assert_eq!(error.to_string(), "invalid pattern `(`");
        assert!(std::error::Error::source(&error).is_some());
        let panic = std::panic::catch_unwind(|| SecretRedactor::new().with_pattern("(")).unwrap_err();
        assert!(panic.downcast_ref::<String>().unwrap().contains("invalid pattern `(`"));
    }
}
