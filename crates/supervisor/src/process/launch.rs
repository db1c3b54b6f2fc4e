//! How a spec becomes a process.

use std::error::Error;

use perilune_exec_api::ExecError;
use perilune_exec_native::{Launch, environment};
use uuid::Uuid;

use super::{ProcessError, ProcessSpec};
use crate::credentials::SecretRedactor;
use crate::supervisor::SupervisionOptions;

/// What starts that instance. `secrets` are variables that its credentials become.
pub(crate) fn launch(
    spec: &ProcessSpec,
    instance: u32,
    options: &SupervisionOptions,
    secrets: Vec<(String, String)>,
    run_id: Uuid,
) -> Launch {
    let none: [(&str, &str); 0] = [];
    let mut launch = Launch::new(&spec.command);
    launch.args = spec.args.iter().map(Into::into).collect();
    launch.work_dir = spec.cwd.clone();
    launch.env = environment(&options.env_mode, none);
    if options.strip_sensitive_env {
        launch.env.retain(|name, _| !SecretRedactor::is_sensitive_env_name(&name.to_string_lossy()));
    }
    let given = spec.env.iter().map(|(name, value)| (name.clone(), value.clone())).chain(secrets);
    launch.env.extend(given.map(|(name, value)| (name.into(), value.into())));
    // Whoever sets these has a reason. The last one is what its whole tree is recognised by.
    for (name, value) in [("SUP_NAME", spec.name.clone()), ("SUP_INSTANCE", instance.to_string())] {
        launch.env.entry(name.into()).or_insert_with(|| value.into());
    }
    launch.env.insert("SUP_RUN_ID".into(), run_id.to_string().into());
    launch.options.identity = options.identity.clone();
    launch.options.limits = options.limits.clone();
    launch.options.umask = options.umask;
    launch.options.nice = options.nice;
    launch.options.oom_score_adj = options.oom_score_adj;
    launch.options.no_new_privs = options.no_new_privs;
    launch.options.die_with_runtime = options.die_with_runtime;
    launch
}

/// Variables that the credentials of an instance become. Those who start it by hand have no source of any.
pub(crate) fn secrets(spec: &ProcessSpec) -> Result<Vec<(String, String)>, String> {
    match &spec.credentials {
        None => Ok(Vec::new()),
        Some(credentials) => {
            Err(format!("profile `{}` not found: there is no source of credentials", credentials.profile))
        }
    }
}

/// The error of a start that failed, with its whole cause.
pub(super) fn spawn_failed(name: &str, error: &ExecError) -> ProcessError {
    ProcessError::SpawnFailed(format!("`{name}`: {}", causes(error)))
}

/// An error and all that led to it.
pub(crate) fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
