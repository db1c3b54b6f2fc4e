use super::{CredentialConfig, CredentialError};

/// What giving new secrets to a process that runs takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotationPlan {
    /// Its file gets new contents now.
    pub rewrite_file: bool,
    /// Then it is told so, by this signal.
    pub signal: Option<String>,
    /// It sees all of the new secrets only when it is started again.
    pub restart_needed: bool,
}

impl RotationPlan {
    /// By the settings: a file can be swapped while a process runs if they say that it looks again; variables cannot.
    #[must_use]
    pub fn of(config: &CredentialConfig) -> Self {
        let swaps = config.hot_swap && config.config_file.is_some();
        Self {
            rewrite_file: swaps,
            signal: swaps.then(|| config.hot_swap_signal.clone()),
            restart_needed: !swaps || !config.env_mapping.is_empty(),
        }
    }
}

/// Follows the rotations of one instance: one at a time, and whether a restart is owed.
///
/// ```
/// use perilune_supervisor::credentials::{CredentialConfig, Rotation};
/// # fn renew() -> bool { true }
/// # let config: CredentialConfig = toml::from_str("profile = 'mail'\nenv_mapping = { key = 'KEY' }").unwrap();
///
/// let mut rotation = Rotation::default();
/// let plan = rotation.begin(&config)?;
/// // Variables do not change while the process runs.
/// assert!(plan.restart_needed);
/// assert!(rotation.begin(&config).is_err());
/// rotation.finish(renew());
/// assert!(rotation.is_restart_needed());
/// # Ok::<(), perilune_supervisor::credentials::CredentialError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rotation {
    under_way: Option<RotationPlan>,
    restart_needed: bool,
}

impl Rotation {
    /// Begins one and tells what it takes; refused while one is under way.
    pub fn begin(&mut self, config: &CredentialConfig) -> Result<RotationPlan, CredentialError> {
        if self.under_way.is_some() {
            return Err(CredentialError::RotationInProgress(config.profile.clone()));
        }
        let plan = RotationPlan::of(config);
        self.under_way = Some(plan.clone());
        Ok(plan)
    }

    /// It is through. One that failed has changed nothing; the answer is the plan of one that did not.
    pub fn finish(&mut self, succeeded: bool) -> Option<RotationPlan> {
        let plan = self.under_way.take().filter(|_| succeeded)?;
        self.restart_needed |= plan.restart_needed;
        Some(plan)
    }

    /// Whether one is under way.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }

    /// Whether the process has secrets that are not the newest.
    #[must_use]
    pub fn is_restart_needed(&self) -> bool {
        self.restart_needed
    }

    /// A new run has begun, with what was the newest then.
    pub fn started(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> CredentialConfig {
        toml::from_str(&format!("profile = 'mail'\n{text}")).unwrap()
    }

    fn check(text: &str, rewrite_file: bool, signal: Option<&str>, restart_needed: bool) {
        let expected = RotationPlan { rewrite_file, signal: signal.map(str::to_owned), restart_needed };
        assert_eq!(RotationPlan::of(&config(text)), expected, "{text}");
    }

    #[test]
    fn only_a_file_is_swapped_and_only_if_the_process_looks_again() {
        check("config_file = '/x'\nhot_swap = true", true, Some("SIGHUP"), false);
        check("config_file = '/x'\nhot_swap = true\nhot_swap_signal = 'USR1'", true, Some("USR1"), false);
        check("config_file = '/x'", false, None, true);
        check("env_mapping = { a = 'A' }", false, None, true);
        check("config_file = '/x'\nhot_swap = true\nenv_mapping = { a = 'A' }", true, Some("SIGHUP"), true);
    }

    #[test]
    fn one_rotation_at_a_time() {
        let (mut rotation, config) = (Rotation::default(), config("config_file = '/x'\nhot_swap = true"));
        assert!(rotation.begin(&config).is_ok() && rotation.is_under_way());
        let error = rotation.begin(&config).unwrap_err();
        assert_eq!(error.to_string(), "secrets of profile `mail` are being renewed already");
        assert!(rotation.finish(true).is_some() && !rotation.is_under_way());
        assert_eq!(rotation.finish(true), None);
        assert!(rotation.begin(&config).is_ok());
    }

    #[test]
    fn restart_is_owed_until_it_happens_and_not_after_a_failure() {
        let (mut rotation, config) = (Rotation::default(), config("env_mapping = { a = 'A' }"));
        rotation.begin(&config).unwrap();
        assert_eq!(rotation.finish(false), None);
        assert!(!rotation.is_restart_needed());
        rotation.begin(&config).unwrap();
        assert!(rotation.finish(true).is_some_and(|plan| plan.restart_needed));
        assert!(rotation.is_restart_needed());
        rotation.started();
        assert!(!rotation.is_restart_needed());
    }
}
