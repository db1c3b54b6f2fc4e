use super::{CredentialProvider, not_found};
use crate::credentials::{CredentialError, ProfileId, SecretSet};

/// Asks several providers, one after the other: the first that has the profile gives all of it. An error other than that
/// it has none ends the search, so that a broken source is noticed and not passed over.
#[derive(Default)]
pub struct ChainProvider {
    providers: Vec<Box<dyn CredentialProvider>>,
}

impl ChainProvider {
    /// One that has nobody to ask.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks this one when those before have nothing.
    #[must_use]
    pub fn then(mut self, provider: impl CredentialProvider + 'static) -> Self {
        self.providers.push(Box::new(provider));
        self
    }
}

impl CredentialProvider for ChainProvider {
    fn fetch(&self, profile: &ProfileId) -> Result<SecretSet, CredentialError> {
        for provider in &self.providers {
            match provider.fetch(profile) {
                Err(CredentialError::ProfileNotFound(_)) => {}
                found => return found,
            }
        }
        Err(not_found(profile))
    }
}

impl std::fmt::Debug for ChainProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChainProvider").field("providers", &self.providers.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::credentials::MemoryProvider;

    struct Broken;

    impl CredentialProvider for Broken {
        fn fetch(&self, _: &ProfileId) -> Result<SecretSet, CredentialError> {
            Err(CredentialError::Invalid("broken".to_owned()))
        }
    }

    fn memory(profile: &str, value: &str) -> MemoryProvider {
        let memory = MemoryProvider::new();
        memory.insert(ProfileId::new(profile).unwrap(), SecretSet::from_iter([("key", value)]));
        memory
    }

    #[test]
    fn first_that_has_the_profile_gives_it() {
        let chain = ChainProvider::new().then(memory("a", "1")).then(memory("a", "2")).then(memory("b", "3"));
        let value = |profile: &str| {
            let set = chain.fetch(&ProfileId::new(profile).unwrap())?;
            Ok::<_, CredentialError>(set.get("key").unwrap().expose_secret().to_owned())
        };
        assert_eq!(value("a").unwrap(), "1");
        assert_eq!(value("b").unwrap(), "3");
        assert!(matches!(value("c"), Err(CredentialError::ProfileNotFound(name)) if name == "c"));
    }

    #[test]
    fn broken_source_is_not_passed_over() {
        let chain = ChainProvider::new().then(memory("a", "1")).then(Broken).then(memory("b", "3"));
        assert!(chain.fetch(&ProfileId::new("a").unwrap()).is_ok());
        assert!(matches!(chain.fetch(&ProfileId::new("b").unwrap()), Err(CredentialError::Invalid(_))));
    }
}
