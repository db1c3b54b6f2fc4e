use std::fmt;
use std::sync::Arc;

/// The address of an entry: `namespace:name`.
///
/// The text is split at its first colon, so names may hold further colons.
/// Cloning copies no text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId {
    // INVARIANT: equal ids have equal texts, so the derived comparisons hold;
    // `namespace` is determined by the text.
    text: Arc<str>,
    namespace: usize,
}

impl EntryId {
    /// Joins the two parts. An empty namespace leaves only the name.
    ///
    /// A colon inside `namespace` would move the split when the text is parsed
    /// again; the loader refuses such namespaces.
    pub fn new(namespace: &str, name: &str) -> Self {
        let text = if namespace.is_empty() && !name.contains(':') {
            Arc::from(name)
        } else {
            Arc::from(format!("{namespace}:{name}"))
        };
        EntryId { text, namespace: namespace.len() }
    }

    /// Splits at the first colon; without one the namespace is empty.
    pub fn parse(text: &str) -> Self {
        Self::resolve(text, "")
    }

    /// Like [`EntryId::parse`], but text without a colon gets `own_namespace`.
    pub fn resolve(text: &str, own_namespace: &str) -> Self {
        match text.split_once(':') {
            Some((namespace, name)) => Self::new(namespace, name),
            None => Self::new(own_namespace, text),
        }
    }

    /// The part before the first colon, possibly empty.
    pub fn namespace(&self) -> &str {
        &self.text[..self.namespace]
    }

    /// The part after the first colon.
    pub fn name(&self) -> &str {
        let rest = &self.text[self.namespace..];
        rest.strip_prefix(':').unwrap_or(rest)
    }

    /// The whole id, as [`EntryId::parse`] reads it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn shared(&self) -> Arc<str> {
        Arc::clone(&self.text)
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntryId({:?})", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::EntryId;

    fn check(text: &str, namespace: &str, name: &str) {
        let id = EntryId::parse(text);
        assert_eq!((id.namespace(), id.name()), (namespace, name), "{text:?}");
        assert_eq!(EntryId::parse(id.as_str()), id, "{text:?}");
        assert_eq!(EntryId::new(namespace, name), id, "{text:?}");
    }

    #[test]
    fn ids_split_at_the_first_colon() {
        check("app:worker", "app", "worker");
        check("app.jobs:a.b", "app.jobs", "a.b");
        check("app:a:b", "app", "a:b");
        check("worker", "", "worker");
        check(":worker", "", "worker");
        check(":a:b", "", "a:b");
        check("::a", "", ":a");
        check("app:", "app", "");
        check("", "", "");
        check("ä:ö", "ä", "ö");
    }

    #[test]
    fn references_without_a_colon_get_the_own_namespace() {
        assert_eq!(EntryId::resolve("lib", "app").as_str(), "app:lib");
        assert_eq!(EntryId::resolve("x:lib", "app").as_str(), "x:lib");
        assert_eq!(EntryId::resolve(":lib", "app").as_str(), "lib");
    }
}
