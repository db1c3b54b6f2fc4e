use std::sync::{Arc, Mutex, PoisonError};

use super::NativeRun;
use crate::credentials::{
    AppliedCredentials, CredentialConfig, CredentialProvider, ExposeSecret, Recipient, RotationPlan,
};
use crate::process::launch::causes;
use crate::process::{ProcessError, ProcessSpec};
use crate::shutdown::parse_signal;
use crate::supervisor::SupervisionOptions;
use crate::supervisor::core::Rotation;
use crate::supervisor::run::Run;

/// The secrets of one run, and where new ones come from.
pub(super) struct Secrets {
    config: CredentialConfig,
    provider: Arc<dyn CredentialProvider>,
    /// Nothing any more once the run is over.
    applied: Arc<Mutex<Option<AppliedCredentials>>>,
}

impl Secrets {
    /// Fetches them and writes their file. Blocks as long as their source and the disk need.
    pub(super) fn apply(
        spec: &ProcessSpec,
        instance: u32,
        options: &SupervisionOptions,
        provider: Option<&Arc<dyn CredentialProvider>>,
    ) -> Result<Option<Self>, String> {
        let Some(config) = &spec.credentials else { return Ok(None) };
        let Some(provider) = provider else {
            return Err(format!("profile `{}` not found: there is no source of credentials", config.profile));
        };
        let recipient = Recipient {
            name: spec.name.clone(),
            instance,
            instances: spec.instances,
            work_dir: spec.cwd.clone(),
            uid: options.identity.uid,
            gid: options.identity.gid,
        };
        let applied = AppliedCredentials::apply(config, provider, &recipient).map_err(|error| causes(&error))?;
        let applied = Arc::new(Mutex::new(Some(applied)));
        Ok(Some(Self { config: config.clone(), provider: provider.clone(), applied }))
    }

    /// Variables that the process gets.
    pub(super) fn env(&self) -> Vec<(String, String)> {
        let applied = self.applied.lock().unwrap_or_else(PoisonError::into_inner);
        let pairs = applied.iter().flat_map(AppliedCredentials::env);
        pairs.map(|(name, value)| (name.to_owned(), value.expose_secret().to_owned())).collect()
    }

    /// All that nobody may see.
    pub(super) fn values(&self) -> Vec<String> {
        let applied = self.applied.lock().unwrap_or_else(PoisonError::into_inner);
        let values = applied.iter().flat_map(AppliedCredentials::values);
        values.map(|value| value.expose_secret().to_owned()).collect()
    }

    /// The run is over: so is their file.
    pub(super) async fn remove(&self) {
        let applied = self.applied.clone();
        let removed = tokio::task::spawn_blocking(move || {
            applied.lock().unwrap_or_else(PoisonError::into_inner).take().map(AppliedCredentials::remove)
        });
        if let Ok(Some(Err(error))) = removed.await {
            tracing::error!(error = causes(&error), "secrets stay in their file");
        }
    }

    /// Fetches new ones, and replaces the file if the process looks at it again. What fails changes nothing.
    async fn renew(&self, plan: RotationPlan) -> Result<(), String> {
        let (config, provider, applied) = (self.config.clone(), self.provider.clone(), self.applied.clone());
        let renewed = tokio::task::spawn_blocking(move || {
            // One at a time.
            let mut applied = applied.lock().unwrap_or_else(PoisonError::into_inner);
            match applied.as_mut() {
                Some(applied) => applied.renew(&config, &provider, &plan).map_err(|error| causes(&error)),
                None => Err("it has ended".to_owned()),
            }
        });
        renewed.await.unwrap_or_else(|error| Err(error.to_string()))
    }
}

impl NativeRun {
    pub(super) async fn rotate_secrets(&self) -> Result<Rotation, ProcessError> {
        let invalid = |reason: &str| ProcessError::InvalidState(format!("`{}`: {reason}", self.name));
        let Some(secrets) = &self.secrets else { return Err(invalid("it has no credentials")) };
        let plan = RotationPlan::of(&secrets.config);
        secrets.renew(plan.clone()).await.map_err(|error| invalid(&error))?;
        if let Some(signal) = &plan.signal {
            let signal = parse_signal(signal).map_err(|error| ProcessError::SignalFailed(error.to_string()))?;
            self.signal(signal)?;
        }
        Ok(if plan.restart_needed { Rotation::RestartNeeded } else { Rotation::Swapped })
    }
}
