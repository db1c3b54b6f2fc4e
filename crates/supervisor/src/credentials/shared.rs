use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::{RedactStream, SecretRedactor};

/// A redactor that several use, and that learns of more secrets meanwhile. Clones are the same one.
///
/// Nothing is ever forgotten: who got a new secret may still write the old one.
///
/// ```
/// use perilune_supervisor::credentials::{SecretRedactor, SharedRedactor};
///
/// let shared = SharedRedactor::new(SecretRedactor::known(["the old one"]));
/// let mut stream = shared.stream(1024);
/// shared.learn(["the new one"]);
/// assert_eq!(stream.push(b"neither the old one nor the new one").as_ref(), b"neither [REDACTED] nor [REDACTED]");
/// ```
#[derive(Clone)]
pub struct SharedRedactor(Arc<Shared>);

struct Shared {
    redactor: RwLock<SecretRedactor>,
    /// One more with each change.
    version: AtomicU64,
}

impl SharedRedactor {
    /// Looks for what `redactor` looks for, and for what it learns.
    #[must_use]
    pub fn new(redactor: SecretRedactor) -> Self {
        Self(Arc::new(Shared { redactor: RwLock::new(redactor), version: AtomicU64::new(0) }))
    }

    /// Looks for these values, too. What is shown after this call is without them, in streams that were made before, too.
    pub fn learn(&self, secrets: impl IntoIterator<Item = impl AsRef<str>>) {
        let mut redactor = self.0.redactor.write().unwrap_or_else(PoisonError::into_inner);
        *redactor = redactor.clone().with_secrets(secrets);
        self.0.version.fetch_add(1, Ordering::Release);
    }

    /// The text as it may be shown.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        self.0.redactor.read().unwrap_or_else(PoisonError::into_inner).redact(text).into_owned()
    }

    /// For bytes that come piece by piece. A line without end is looked at in pieces of `longest_line` bytes.
    #[must_use]
    pub fn stream(&self, longest_line: usize) -> RedactStream {
        let (redactor, version) = self.newest();
        RedactStream::new(redactor, longest_line).that_learns(self.clone(), version)
    }

    pub(super) fn version(&self) -> u64 {
        self.0.version.load(Ordering::Acquire)
    }

    pub(super) fn newest(&self) -> (SecretRedactor, u64) {
        let redactor = self.0.redactor.read().unwrap_or_else(PoisonError::into_inner);
        // Only who may write changes it.
        (redactor.clone(), self.version())
    }
}

impl Default for SharedRedactor {
    /// Looks for nothing yet.
    fn default() -> Self {
        Self::new(SecretRedactor::known([""; 0]))
    }
}

impl fmt::Debug for SharedRedactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedRedactor").field("version", &self.version()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_back_is_looked_at_with_what_was_learnt() {
        let shared = SharedRedactor::new(SecretRedactor::known(["hunter2-old"]));
        let mut stream = shared.stream(100);
        // It may be the old one.
        assert_eq!(stream.push(b"<hunter2-").as_ref(), b"<");
        shared.learn(["hunter2-new"]);
        assert_eq!(stream.push(b"new> <hunter2-o").as_ref(), b"[REDACTED]> <");
        assert_eq!(stream.push(b"ld>").as_ref(), b"[REDACTED]>");
        assert_eq!(stream.push(b" hunter2-ne").as_ref(), b" ");
        assert_eq!(stream.finish(), b"hunter2-ne");
    }

    #[test]
    fn all_who_share_it_learn() {
        let shared = SharedRedactor::default();
        let (other, mut stream) = (shared.clone(), shared.stream(100));
        assert_eq!(stream.push(b"correct horse ").as_ref(), b"correct horse ");
        other.learn(["correct horse"]);
        assert_eq!(shared.redact("correct horse"), "[REDACTED]");
        assert_eq!(stream.push(b"correct horse!").as_ref(), b"[REDACTED]!");
        assert!(!format!("{shared:?}").contains("horse"));
    }
}
