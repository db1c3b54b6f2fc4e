use std::borrow::Cow;

use perilune_actor_core::Failure;

use super::Origin;

/// Named texts that an application is configured with. Scripts see them as module `env`.
///
/// Called from worker threads, so nothing in here may wait.
///
/// ```
/// use perilune_actor_core::{ErrorKind, Failure};
/// use perilune_lua_bindings::{Environment, Origin};
///
/// /// One variable, which nobody can set.
/// struct Version;
///
/// impl Environment for Version {
///     fn get(&self, _: &Origin<'_>, name: &str) -> Result<Vec<u8>, Failure> {
///         match name {
///             "VERSION" => Ok(b"1.0".to_vec()),
///             _ => Err(Failure::new(ErrorKind::NotFound, format!("variable not found: {name}"))),
///         }
///     }
///
///     fn set(&self, _: &Origin<'_>, name: &str, _: &[u8]) -> Result<(), Failure> {
///         Err(Failure::new(ErrorKind::PermissionDenied, format!("not allowed to set {name}")))
///     }
///
///     fn all(&self, origin: &Origin<'_>) -> Result<Vec<(String, Vec<u8>)>, Failure> {
///         Ok(vec![("VERSION".into(), self.get(origin, "VERSION")?)])
///     }
/// }
/// ```
pub trait Environment: Send + Sync {
    /// The value of a variable.
    ///
    /// # Errors
    /// `NotFound` for a name that nobody declared, or that has no value.
    fn get(&self, origin: &Origin<'_>, name: &str) -> Result<Vec<u8>, Failure>;

    /// The name of the variable that a script means: what it said, unless a variable has several names. Who decides what
    /// may be read and set asks for this one.
    fn resolve<'a>(&self, name: &'a str) -> Cow<'a, str> {
        name.into()
    }

    /// Gives a variable another value.
    ///
    /// # Errors
    /// `NotFound` for a name that nobody declared, `PermissionDenied` for what can only be read.
    fn set(&self, origin: &Origin<'_>, name: &str, value: &[u8]) -> Result<(), Failure>;

    /// Every variable that has a value.
    ///
    /// # Errors
    /// What an implementation decides.
    fn all(&self, origin: &Origin<'_>) -> Result<Vec<(String, Vec<u8>)>, Failure>;
}
