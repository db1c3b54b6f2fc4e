use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use perilune_exec_api::{ExecError, OsSignal};

use super::NativeRun;
use super::wanted::Wanted;
use crate::credentials::{
    self, AppliedCredentials, CredentialConfig, CredentialError, CredentialProvider, ExposeSecret, ProfileId,
    Recipient, RotationPlan, SecretSet, SharedRedactor,
};
use crate::process::launch::causes;
use crate::process::{ProcessError, ProcessSpec};
use crate::shutdown::parse_signal;
use crate::supervisor::SupervisionOptions;
use crate::supervisor::core::{Rotation, RotationFailed};

/// The secrets of one run, and where new ones come from.
pub(super) struct Secrets {
    config: CredentialConfig,
    provider: Arc<dyn CredentialProvider>,
    /// Nothing any more once the run is over.
    applied: Arc<Mutex<Option<AppliedCredentials>>>,
    /// When they are of no use any more, if that is known. Beside them, for whoever asks must not wait for their file.
    expires_at: Arc<Mutex<Option<DateTime<Utc>>>>,
    rotations: Mutex<credentials::Rotation>,
}

impl Secrets {
    /// Fetches them and writes their file. Blocks as long as their source and the disk need.
    pub(super) fn apply(
        spec: &ProcessSpec,
        instance: u32,
        options: &SupervisionOptions,
        provider: Option<&Arc<dyn CredentialProvider>>,
        wanted: &Wanted,
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
        let fetched = Fetched::from(config, provider).map_err(|error| causes(&error))?;
        // The file of a run that comes too late would take the place of another one's.
        wanted.check()?;
        let applied = AppliedCredentials::apply(config, &fetched, &recipient).map_err(|error| causes(&error))?;
        Ok(Some(Self {
            config: config.clone(),
            provider: provider.clone(),
            expires_at: Arc::new(Mutex::new(applied.expires_at())),
            applied: Arc::new(Mutex::new(Some(applied))),
            rotations: Mutex::default(),
        }))
    }

    fn rotations(&self) -> MutexGuard<'_, credentials::Rotation> {
        self.rotations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Variables that the process gets.
    pub(super) fn env(&self) -> Vec<(String, String)> {
        let applied = self.applied.lock().unwrap_or_else(PoisonError::into_inner);
        let pairs = applied.iter().flat_map(AppliedCredentials::env);
        pairs.map(|(name, value)| (name.to_owned(), value.expose_secret().to_owned())).collect()
    }

    /// When they are of no use any more, if that is known.
    pub(super) fn expires_at(&self) -> Option<DateTime<Utc>> {
        *self.expires_at.lock().unwrap_or_else(PoisonError::into_inner)
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
    async fn renew(&self, plan: RotationPlan, redactor: SharedRedactor) -> Result<(), NotRenewed> {
        let (config, provider, applied) = (self.config.clone(), self.provider.clone(), self.applied.clone());
        let expires_at = self.expires_at.clone();
        let renewed = tokio::task::spawn_blocking(move || {
            let fetched = Fetched::from(&config, &provider)?;
            // Before the process can know them, and so write them.
            redactor.learn(fetched.0.iter().map(|(_, value)| value.expose_secret()));
            // Not while a source takes its time: the end of the run waits for this.
            let mut applied = applied.lock().unwrap_or_else(PoisonError::into_inner);
            match applied.as_mut() {
                Some(applied) => {
                    applied.renew(&config, &fetched, &plan)?;
                    *expires_at.lock().unwrap_or_else(PoisonError::into_inner) = applied.expires_at();
                    Ok(())
                }
                None => Err(NotRenewed { reason: "it has ended".to_owned(), field: None }),
            }
        });
        // What a panic says may be anything, a secret too.
        renewed.await.unwrap_or_else(|_| Err(NotRenewed { reason: "renewing panicked".to_owned(), field: None }))
    }
}

/// Why a run has no new secrets, and which one is missing if that is all.
struct NotRenewed {
    reason: String,
    field: Option<String>,
}

impl From<CredentialError> for NotRenewed {
    fn from(error: CredentialError) -> Self {
        Self { reason: causes(&error), field: error.field().map(str::to_owned) }
    }
}

/// What a source has given already.
struct Fetched(SecretSet);

impl Fetched {
    fn from(config: &CredentialConfig, provider: &dyn CredentialProvider) -> Result<Self, CredentialError> {
        provider.fetch(&ProfileId::new(config.profile.as_str())?).map(Self)
    }
}

impl CredentialProvider for Fetched {
    fn fetch(&self, _: &ProfileId) -> Result<SecretSet, CredentialError> {
        Ok(self.0.clone())
    }
}

impl NativeRun {
    pub(super) async fn rotate_secrets(&self) -> Result<Rotation, RotationFailed> {
        let invalid = |reason: String| ProcessError::InvalidState(format!("`{}`: {reason}", self.name));
        let failed = |reason: String| ProcessError::SignalFailed(format!("`{}`: {reason}", self.name));
        let Some(secrets) = &self.secrets else { return Err(invalid("it has no credentials".to_owned()).into()) };
        let plan = secrets.rotations().begin(&secrets.config).map_err(|error| invalid(causes(&error)))?;
        let _ends = Ends(secrets);
        let signal = plan.signal.as_deref().map(parse_signal).transpose().map_err(|error| failed(error.to_string()))?;
        let signal = signal.map(|number| OsSignal::new(number.into())).transpose();
        let signal = signal.map_err(|error| failed(causes(&error)))?;
        let restart_needed = plan.restart_needed;
        secrets
            .renew(plan, self.around.redactor.clone())
            .await
            .map_err(|not| RotationFailed { error: invalid(not.reason), field: not.field })?;
        if let Some(signal) = signal {
            // It alone knows what that means; what it has started may know nothing better than to end.
            self.child.control().signal_leader(signal).map_err(|error| match error {
                ExecError::AlreadyFinished => invalid("it has ended".to_owned()),
                error => failed(causes(&error)),
            })?;
        }
        Ok(if restart_needed { Rotation::RestartNeeded } else { Rotation::Swapped })
    }
}

/// The next rotation may begin, whatever became of this one.
struct Ends<'a>(&'a Secrets);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.rotations().finish(false);
    }
}
