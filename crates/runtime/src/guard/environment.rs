use std::borrow::Cow;

use perilune_actor_core::{ErrorKind, Failure};
use perilune_lua_bindings::{Access, Environment, Origin, Resource, Services};

use super::Guarded;

impl<S: Services> Guarded<S> {
    fn variables(&self) -> Result<&dyn Environment, Failure> {
        self.inner.environment().ok_or_else(|| Failure::new(ErrorKind::Unavailable, "there are no variables here"))
    }
}

/// Whether it may is asked about the variable, by whatever name the script calls it.
impl<S: Services> Environment for Guarded<S> {
    fn get(&self, origin: &Origin<'_>, name: &str) -> Result<Vec<u8>, Failure> {
        let variables = self.variables()?;
        self.check(origin, &reading(&variables.resolve(name), name))?;
        variables.get(origin, name)
    }

    fn resolve<'a>(&self, name: &'a str) -> Cow<'a, str> {
        self.inner.environment().map_or(name.into(), |variables| variables.resolve(name))
    }

    fn set(&self, origin: &Origin<'_>, name: &str, value: &[u8]) -> Result<(), Failure> {
        let variables = self.variables()?;
        let variable = variables.resolve(name);
        let variable = Resource::Text(&variable);
        self.check(origin, &Access::new("env.set", variable, "not allowed to set variable", name))?;
        variables.set(origin, name, value)
    }

    /// Those that the script may read.
    fn all(&self, origin: &Origin<'_>) -> Result<Vec<(String, Vec<u8>)>, Failure> {
        let mut all = self.variables()?.all(origin)?;
        all.retain(|(name, _)| self.guard.admits(origin, &reading(name, name)).is_ok());
        Ok(all)
    }
}

fn reading<'a>(variable: &'a str, said: &'a str) -> Access<'a> {
    Access::new("env.get", Resource::Text(variable), "not allowed to get variable", said)
}
