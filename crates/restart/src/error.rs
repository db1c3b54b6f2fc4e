/// Why a [`RestartConfig`](crate::RestartConfig) makes no sense.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Delays would shrink, or have no length.
    #[error("multiplier `{multiplier}` is not a finite number of at least 1")]
    Multiplier {
        /// The value.
        multiplier: f64,
    },
    /// Not a fraction.
    #[error("jitter `{jitter}` is not between 0 and 1")]
    Jitter {
        /// The value.
        jitter: f64,
    },
}

/// Why things that depend on each other cannot be put in order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OrderError {
    /// Two have one name.
    #[error("there are two of the name `{name}`")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// One depends on what is not there.
    #[error("`{name}` depends on `{dependency}`, which does not exist")]
    Unknown {
        /// Who depends.
        name: String,
        /// On what.
        dependency: String,
    },
    /// Each of these waits for the next one, and the last for the first.
    #[error("dependency cycle: {}", around(.names))]
    Cycle {
        /// Every member once. Whoever comes first in the input comes first.
        names: Vec<String>,
    },
}

fn around(names: &[String]) -> String {
    let closed = names.iter().chain(names.first());
    closed.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" -> ")
}
