/// Makes secrets unreadable.
#[derive(Debug, Clone, Default)]
pub struct SecretRedactor {}

/// What stands where a secret was.
const REPLACEMENT: &str = "[REDACTED]";

/// Names of variables that contain one of these hold secrets.
const SENSITIVE: [&str; 6] = ["API_KEY", "APIKEY", "SECRET", "TOKEN", "PASSWORD", "CREDENTIAL"];

impl SecretRedactor {
    /// Whether a variable of that name holds a secret, as far as the name tells.
    #[must_use]
    pub fn is_sensitive_env_name(name: &str) -> bool {
        let name = name.to_ascii_uppercase().replace('-', "_");
        SENSITIVE.iter().any(|part| name.contains(part))
    }

    /// The value as it may be shown.
    #[must_use]
    pub fn redact_env_value<'a>(name: &str, value: &'a str) -> &'a str {
        if Self::is_sensitive_env_name(name) { REPLACEMENT } else { value }
    }
}
