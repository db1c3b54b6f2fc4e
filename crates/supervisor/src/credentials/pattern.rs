use std::sync::LazyLock;

use regex::bytes::Regex;

/// Why a regular expression cannot be looked for.
#[derive(Debug, Clone, thiserror::Error)]
#[error("invalid pattern `{pattern}`")]
pub struct PatternError {
    pattern: String,
    source: regex::Error,
}

/// Whether what matches may be a secret.
type Plausible = fn(&[u8]) -> bool;

/// A form that secrets have.
#[derive(Clone)]
pub(super) struct Pattern {
    regex: Regex,
    /// What an expression cannot say.
    plausible: Plausible,
}

impl Pattern {
    pub(super) fn new(pattern: &str) -> Result<Self, PatternError> {
        let failed = |source| PatternError { pattern: pattern.to_owned(), source };
        // What is valid for text never matches a part of a character.
        regex::Regex::new(pattern).map_err(failed)?;
        Ok(Self { regex: Regex::new(pattern).map_err(failed)?, plausible: |_| true })
    }

    /// `None` if there is nothing to replace.
    pub(super) fn replace(&self, text: &[u8], replacement: &[u8]) -> Option<Vec<u8>> {
        if !self.regex.is_match(text) {
            return None;
        }
        let mut shown = Vec::with_capacity(text.len());
        let mut at = 0;
        for captures in self.regex.captures_iter(text) {
            let Some(found) = captures.name("secret").or_else(|| captures.get(0)) else { continue };
            if found.is_empty() || !(self.plausible)(found.as_bytes()) {
                continue;
            }
            shown.extend_from_slice(text.get(at..found.start()).unwrap_or_default());
            shown.extend_from_slice(replacement);
            at = found.end();
        }
        if at == 0 {
            return None;
        }
        shown.extend_from_slice(text.get(at..).unwrap_or_default());
        Some(shown)
    }
}

/// Forms of well-known kinds of secrets. A test compiles them all.
pub(super) fn built_in() -> &'static [Pattern] {
    static PATTERNS: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
        let pattern = |(text, plausible): &(&str, Plausible)| {
            Regex::new(text).ok().map(|regex| Pattern { regex, plausible: *plausible })
        };
        BUILT_IN.iter().filter_map(pattern).collect()
    });
    &PATTERNS
}

/// Where there are letters only, it may be words.
fn has_digit(text: &[u8]) -> bool {
    text.iter().any(u8::is_ascii_digit)
}

fn mixed(text: &[u8]) -> bool {
    has_digit(text) && text.iter().any(u8::is_ascii_alphabetic)
}

fn not_words(text: &[u8]) -> bool {
    text.iter().any(|byte| !byte.is_ascii_alphabetic() && *byte != b'-')
}

fn always(_: &[u8]) -> bool {
    true
}

fn not_replaced(text: &[u8]) -> bool {
    !text.starts_with(b"[REDACTED")
}

const BUILT_IN: [(&str, Plausible); 23] = [
    // Private keys, with all that follows up to the end, or as long as it looks like one.
    (
        r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?:(?s:.*?)-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|(?:(?:\s|\\n)+[A-Za-z0-9+/=]{20,})*)",
        always,
    ),
    // Keys of model, payment and mail services.
    (r"\bsk-(?:[A-Za-z0-9]{2,12}-)*(?-u:[A-Za-z0-9_-]{20,})", mixed),
    (r"\b(?:sk|rk|pk)_(?:live|test)_(?-u:[A-Za-z0-9]{16,})", always),
    (r"\bwhsec_(?-u:[A-Za-z0-9+/=]{24,})", mixed),
    (r"\b(?:gsk_|xai-|hf_|r8_|pplx-)(?-u:[A-Za-z0-9]{30,})", mixed),
    (r"\bSG\.(?-u:[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64})", always),
    // Keys of clouds, their ids, and what goes with them.
    (r"\b(?:AKIA|ASIA|AGPA|AIDA|AROA|ABIA|ACCA)(?-u:[A-Z2-7]{16})\b", always),
    (r"\bAIza(?-u:[A-Za-z0-9_-]{35})", always),
    (r"\bya29\.(?-u:[A-Za-z0-9_-]{20,})", always),
    (r"\bAccountKey=(?P<secret>(?-u:[A-Za-z0-9+/]{40,}={0,2}))", always),
    // Forges and registries of packages.
    (r"\bgh[pousr]_(?-u:[A-Za-z0-9]{30,})", always),
    (r"\bgithub_pat_(?-u:[A-Za-z0-9_]{40,})", always),
    (r"\bgl(?:pat|dt|rt|ptt|cbt|oas|ft)-(?-u:[A-Za-z0-9_-]{20,})", always),
    (r"\b(?:npm_(?-u:[A-Za-z0-9]{36,})|pypi-(?-u:[A-Za-z0-9_-]{40,})|ATBB(?-u:[A-Za-z0-9]{24,}))", mixed),
    // Chats.
    (r"\bxox[abeoprs]-(?-u:[A-Za-z0-9-]{10,})|\bxapp-\d-(?-u:[A-Za-z0-9-]{20,})", has_digit),
    (r"\bhooks\.slack\.com/services/(?P<secret>T(?-u:[A-Za-z0-9]+/B[A-Za-z0-9]+/[A-Za-z0-9]{16,}))", always),
    (
        r"\b(?-u:[MNO][A-Za-z0-9]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40})|\b\d{8,10}:AA(?-u:[A-Za-z0-9_-]{33})",
        always,
    ),
    // Tokens that say of themselves what they are.
    (r"\beyJ(?-u:[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*)", always),
    (r"(?i)\b(?:bearer|authorization:\s*(?:basic|token))\s+(?P<secret>(?-u:[a-z0-9._~+/=-]{16,}))", not_words),
    // What is said to be one.
    (
        r#"(?i)(?:api[_-]?key|access[_-]?key|secret[_-]?key|private[_-]?key|token|secret|passw(?:or)?d|passphrase)"\s*:\s*"(?P<secret>[^"\\\s]{6,})""#,
        not_replaced,
    ),
    (
        r#"(?i)(?:api[_-]?key|access[_-]?key|secret[_-]?key|private[_-]?key|token|secret|passw(?:or)?d|passphrase)['"]?\s{0,4}=\s{0,4}["'](?P<secret>[^"']{4,})["']"#,
        not_replaced,
    ),
    (
        r#"(?i)(?:api[_-]?key|access[_-]?key|secret[_-]?key|private[_-]?key|token|secret|passw(?:or)?d|passphrase)['"]?\s{0,4}=\s{0,4}(?P<secret>[^\s"',;&]{6,})"#,
        not_replaced,
    ),
    (r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@]*:(?P<secret>[^\s/@]{3,})@", not_replaced),
];

#[cfg(test)]
mod tests {
    use super::super::SecretRedactor;
    use super::*;

    #[test]
    fn every_built_in_pattern_compiles() {
        for (text, _) in BUILT_IN {
            regex::Regex::new(text).unwrap();
        }
        assert_eq!(built_in().len(), BUILT_IN.len());
    }

    /// Put together here, so that nobody who searches for leaks finds one in this file.
    fn fake(prefix: &str, length: usize) -> String {
        let letters: Vec<char> = "a1B2c3D4e5F6g7H8i9J0".chars().collect();
        prefix.chars().chain(letters.iter().cycle().take(length).copied()).collect()
    }

    #[test]
    fn secrets_of_every_kind_are_found() {
        let jwt = format!("{}.{}.{}", fake("eyJ", 20), fake("eyJ", 30), fake("", 40));
        let key =
            format!("-----BEGIN {0}PRIVATE KEY-----\n{1}\n{1}\n-----END {0}PRIVATE KEY-----", "EC ", fake("M", 60));
        for secret in [
            fake("sk-", 40),
            fake("sk-ant-api03-", 80),
            fake("sk-proj-", 60),
            fake("sk_live_", 24),
            fake("rk_test_", 24),
            fake("whsec_", 32),
            fake("gsk_", 50),
            fake("hf_", 34),
            format!("{}.{}", fake("SG.", 22), fake("", 43)),
            format!("AKIA{}", "QWERTYUIOP234567"),
            format!("ASIA{}", "QWERTYUIOP234567"),
            fake("AIza", 35),
            fake("ya29.", 60),
            fake("ghp_", 36),
            fake("ghs_", 36),
            fake("github_pat_", 80),
            fake("glpat-", 20),
            fake("npm_", 36),
            fake("pypi-", 100),
            fake("xoxb-", 40),
            fake("xapp-1-", 40),
            format!("{}.{}.{}", fake("M", 23), fake("", 6), fake("", 30)),
            fake("123456789:AA", 33),
            jwt,
            key,
        ] {
            for text in [format!("before {secret} after"), format!("\"{secret}\""), secret.clone()] {
                let shown = SecretRedactor::new().redact(&text).into_owned();
                assert_eq!(shown, text.replace(&secret, "[REDACTED]"));
            }
        }
    }

    #[test]
    fn values_that_are_said_to_be_secret_go_and_their_names_stay() {
        for (text, expected) in [
            ("api_key=abc123def", "api_key=[REDACTED]"),
            ("APIKEY = 'abc123 def'", "APIKEY = '[REDACTED]'"),
            ("url?token=abc123def&page=2", "url?token=[REDACTED]&page=2"),
            ("aws_secret_access_key=abc/123+def", "aws_secret_access_key=[REDACTED]"),
            ("DB_PASSWORD=battery-staple;x", "DB_PASSWORD=[REDACTED];x"),
            (r#"{"client_secret": "abc123def"}"#, r#"{"client_secret": "[REDACTED]"}"#),
            ("Authorization: Bearer abc.123-def_456789", "Authorization: Bearer [REDACTED]"),
            ("authorization: Basic dXNlcjpwYXNzd29yZA==", "authorization: Basic [REDACTED]"),
            ("postgres://me:battery@db/app", "postgres://me:[REDACTED]@db/app"),
        ] {
            assert_eq!(SecretRedactor::new().redact(text), expected);
            assert_eq!(SecretRedactor::new().redact(expected), expected, "once is enough");
        }
    }

    #[test]
    fn prose_is_left_alone() {
        for text in [
            "the password must be at least twelve characters long",
            "Password: please enter your password",
            "token expired, secret not found, api key missing",
            "max_tokens=4096 tokens=12 token_count=123456",
            "the bearer of this letter, bearer responsibilities-and-duties",
            "a task-management-system-for-everybody and sk-learn-is-not-a-secret-at-all",
            "see https://example.org:8080/path?page=2#top and mail me@example.org",
            "commit 4f0c1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b, uuid 0b0a6f9e-6f5e-4a55-8f6e-2f3c7d1b9a11",
            "-----BEGIN CERTIFICATE-----",
            "akia is a word, and so is AKIAshort",
            "secret = None, password = nil",
            "12:34:56.789 [INFO] listening on 127.0.0.1:3000",
        ] {
            assert_eq!(SecretRedactor::new().redact(text), text);
        }
    }

    #[test]
    fn after_the_head_of_a_key_only_what_looks_like_one_goes() {
        let head = "-----BEGIN PRIVATE KEY-----";
        let text = format!("{head}\n{}\nand the rest of the story", fake("M", 64));
        assert_eq!(SecretRedactor::new().redact(&text), "[REDACTED]\nand the rest of the story");
    }
}
