//! Runs that are processes of this machine.

mod gate;
mod secrets;
mod stopping;
mod wanted;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use perilune_exec_api::{Containment, ExecError, OsSignal};
use perilune_exec_native::usage::{Sampler, TreeHandle};
use perilune_exec_native::{CgroupOptions, Child, ChildOptions, ChildOutput, init_duties};
use tokio::time::timeout;
use uuid::Uuid;

use self::gate::Gate;
use self::secrets::Secrets;
use self::wanted::Wanted;
use super::core::{Order, Rotation, RotationFailed, RunEnd, level};
use super::run::{Boxed, Launcher, Notice, Run, Usage};
use super::{SupervisionOptions, SupervisorConfig};
use crate::beside::Surroundings;
use crate::credentials::{CredentialProvider, CredentialRefresher, ProfileId, RefreshConfig};
use crate::health::{HealthCheckResult, run_check};
use crate::log::{self, LogEvents, OutputCounts, OutputLines, OutputOptions};
use crate::process::launch::{causes, launch};
use crate::process::{ProcessError, ProcessSpec};

/// How long what was killed may take to go.
const UNKILLABLE: Duration = Duration::from_secs(5);
/// So many of the last lines are told of.
const LAST_LINES: usize = 20;

/// What all runs need beside what they are to run.
pub(super) struct NativeLauncher {
    terms: Terms,
    sampler: Arc<Mutex<Sampler>>,
    refreshing: Option<Refreshing>,
}

#[derive(Clone)]
struct Terms {
    cgroup: Option<PathBuf>,
    log_dir: Option<PathBuf>,
    credentials: Option<Arc<dyn CredentialProvider>>,
}

impl NativeLauncher {
    pub(super) fn new(
        config: &SupervisorConfig,
        credentials: Option<Arc<dyn CredentialProvider>>,
        refreshing: Option<Refreshing>,
    ) -> Self {
        // Whoever is the first process of its system has these duties anyway.
        if (config.init_duties || std::process::id() == 1)
            && let Err(error) = init_duties(true)
        {
            tracing::error!(error = causes(&error), "orphans are left to the system");
        }
        let terms = Terms { cgroup: config.cgroup_parent.clone(), log_dir: config.log_dir.clone(), credentials };
        Self { terms, sampler: Arc::default(), refreshing }
    }
}

impl Launcher for NativeLauncher {
    fn launch(&self, order: Order, lines: OutputLines, notice: Notice) -> Boxed<'static, Result<Arc<dyn Run>, String>> {
        let terms = self.terms.clone();
        Box::pin(async move {
            let name = order.spec.display_name(order.instance);
            // Disks, sources of secrets and the system may take their time.
            let (_waits, wanted) = Wanted::new();
            let spawned = tokio::task::spawn_blocking(move || spawn(order, lines, &terms, notice, &wanted)).await;
            match spawned {
                Ok(Ok(run)) => Ok(Arc::new(run) as Arc<dyn Run>),
                Ok(Err(error)) => Err(format!("`{name}`: {error}")),
                // What it said may be anything, a secret too.
                Err(_) => Err(format!("`{name}`: starting it panicked")),
            }
        })
    }

    fn refresh_config(&self) -> Option<RefreshConfig> {
        self.refreshing.as_ref().map(|(_, config)| config.clone())
    }

    fn refresh(&self, profile: String) -> Boxed<'static, Result<(), Option<String>>> {
        let refresher = self.refreshing.as_ref().map(|(refresher, _)| refresher.clone());
        Box::pin(async move {
            let Some(refresher) = refresher else { return Err(None) };
            let refreshed = tokio::task::spawn_blocking(move || {
                let refreshed = ProfileId::new(profile).and_then(|profile| refresher.refresh(&profile));
                // What else it says may be anything.
                refreshed.map_err(|error| error.field().map(str::to_owned))
            });
            refreshed.await.unwrap_or(Err(None))
        })
    }

    fn sample(&self, runs: Vec<(Uuid, Arc<dyn Run>)>) -> Boxed<'static, Vec<(Uuid, Usage)>> {
        let sampler = self.sampler.clone();
        Box::pin(async move {
            let trees: Vec<(Uuid, TreeHandle)> =
                runs.into_iter().filter_map(|(id, run)| Some((id, run.tree()?))).collect();
            let looked = tokio::task::spawn_blocking(move || {
                let mut sampler = sampler.lock().unwrap_or_else(PoisonError::into_inner);
                let usages = sampler.sample(trees.iter().map(|(_, tree)| tree));
                trees.into_iter().map(|(id, _)| id).zip(usages).collect::<Vec<_>>()
            });
            let used = |(id, usage): (Uuid, Option<perilune_exec_native::usage::Usage>)| {
                let usage = usage.map(|usage| Usage {
                    cpu_percent: usage.cpu_percent.map(|percent| percent as f32),
                    memory_bytes: Some(usage.memory_bytes),
                });
                (id, usage.unwrap_or_default())
            };
            match looked.await {
                Ok(usages) => usages.into_iter().map(used).collect(),
                Err(error) => {
                    tracing::error!(%error, "nobody knows what processes use");
                    Vec::new()
                }
            }
        })
    }
}

/// Who renews secrets, and when.
pub(super) type Refreshing = (Arc<dyn CredentialRefresher>, RefreshConfig);

struct NativeRun {
    name: String,
    child: Child,
    gate: Gate,
    around: Surroundings,
    lines: OutputLines,
    counts: OutputCounts,
    files: tokio::sync::Mutex<LogEvents>,
    secrets: Option<Secrets>,
    notice: Notice,
}

fn spawn(
    order: Order,
    lines: OutputLines,
    terms: &Terms,
    notice: Notice,
    wanted: &Wanted,
) -> Result<NativeRun, String> {
    let Order { run_id, instance, spec, options } = order;
    let secrets = Secrets::apply(&spec, instance, &options, terms.credentials.as_ref(), wanted)?;
    let variables = secrets.as_ref().map(Secrets::env).unwrap_or_default();
    let mut env: BTreeMap<String, String> = spec.env.clone().into_iter().collect();
    env.extend(variables.iter().cloned());
    let mut launch = launch(&spec, instance, &options, variables, run_id);

    let mut output = OutputOptions::default();
    output.log_dir.clone_from(&terms.log_dir);
    output.secrets = secrets.as_ref().map(Secrets::values).unwrap_or_default();
    output.lines = Some(lines);
    let outputs = log::open(&spec, instance, output).map_err(|error| causes(&error))?;
    let mut child = child_options(&spec, &options, run_id, terms);
    child.stdout.push(Box::new(outputs.stdout));
    if let Some(stderr) = outputs.stderr {
        child.stderr.push(Box::new(stderr));
    }
    let gate = Gate::prepare(&options.readiness, &mut launch, &mut child)
        .map_err(|error| format!("its readiness cannot be watched: {error}"))?;

    wanted.check()?;
    let child = Child::spawn(launch, child).map_err(|error| causes(&error))?;
    if !wanted.is_wanted() {
        // Dropping it does that only to those that are not to live on, and this one was never there for anybody.
        drop(child.control().kill());
    }
    let around = Surroundings {
        env_mode: options.env_mode.clone(),
        strip_sensitive_env: options.strip_sensitive_env,
        env,
        work_dir: spec.cwd.clone(),
        identity: options.identity.clone(),
        os_pid: Some(child.os_pid()),
        redactor: outputs.redactor,
    };
    Ok(NativeRun {
        name: spec.display_name(instance),
        child,
        gate,
        around,
        lines: outputs.lines,
        counts: outputs.counts,
        files: tokio::sync::Mutex::new(outputs.events),
        secrets,
        notice,
    })
}

fn child_options(spec: &ProcessSpec, options: &SupervisionOptions, run_id: Uuid, terms: &Terms) -> ChildOptions {
    let mut child = ChildOptions::new(run_id.to_string());
    child.cgroup = terms.cgroup.clone().map(CgroupOptions::below);
    child.containment = match options.containment {
        // The closest there is, where nothing else was asked for.
        Containment::Scan if terms.cgroup.is_some() => Containment::Cgroup,
        asked => asked,
    };
    child.kill_scope = spec.shutdown.kill_scope.into();
    child.sweep_on_exit = spec.shutdown.sweep_on_exit;
    child.leftover_grace = spec.shutdown.leftover_grace;
    child.drain_timeout = spec.shutdown.drain_timeout;
    child.kill_on_drop = spec.shutdown.kill_on_drop;
    child.merge_stderr = spec.log.merge_stderr;
    // What is kept is kept with the lines.
    child.output = ChildOutput::new(0);
    child
}

impl Run for NativeRun {
    fn pid(&self) -> u32 {
        self.child.os_pid()
    }

    fn containment(&self) -> &'static str {
        level(self.child.containment())
    }

    fn ready(&self) -> Boxed<'_, ()> {
        Box::pin(async { self.gate.passed(&self.child.tree()).await })
    }

    fn hold(&self) -> Boxed<'_, ()> {
        Box::pin(self.gate.hold())
    }

    fn ended(&self) -> Boxed<'_, RunEnd> {
        Box::pin(self.see_to_the_end())
    }

    fn stop(&self, spec: Arc<ProcessSpec>) -> Boxed<'_, Result<(), String>> {
        Box::pin(self.stop_by(spec))
    }

    fn kill(&self) -> Boxed<'_, Result<(), String>> {
        Box::pin(self.kill_now())
    }

    fn signal(&self, signal: i32) -> Result<(), ProcessError> {
        let failed = |reason: String| ProcessError::SignalFailed(format!("`{}`: {reason}", self.name));
        let signal = OsSignal::new(signal.into()).map_err(|error| failed(error.to_string()))?;
        self.child.control().signal(signal).map_err(|error| match error {
            ExecError::AlreadyFinished => ProcessError::InvalidState(format!("`{}` does not run", self.name)),
            error => failed(causes(&error)),
        })
    }

    fn check(&self, spec: Arc<ProcessSpec>) -> Boxed<'_, HealthCheckResult> {
        Box::pin(async move {
            let config = spec.health.clone().unwrap_or_default();
            run_check(&config, &self.around).await
        })
    }

    fn rotate(&self) -> Boxed<'_, Result<Rotation, RotationFailed>> {
        Box::pin(self.rotate_secrets())
    }

    fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.secrets.as_ref()?.expires_at()
    }

    fn counts(&self) -> Option<OutputCounts> {
        Some(self.counts.clone())
    }

    fn tree(&self) -> Option<TreeHandle> {
        Some(self.child.tree())
    }
}

impl NativeRun {
    async fn see_to_the_end(&self) -> RunEnd {
        let mut files = self.files.lock().await;
        let finished = self.child.finished();
        tokio::pin!(finished);
        let mut open = true;
        let finished = loop {
            tokio::select! {
                finished = &mut finished => break finished,
                event = files.next(), if open => match event {
                    Some(event) => (self.notice)(event.into()),
                    None => open = false,
                },
            }
        };
        while let Some(event) = files.try_next() {
            (self.notice)(event.into());
        }
        // Before anybody is told: the next run may have a file of that name.
        if let Some(secrets) = &self.secrets {
            secrets.remove().await;
        }
        self.gate.close();
        RunEnd {
            code: finished.exit.code,
            signal: finished.exit.signal,
            reason: finished.exit.reason,
            leftovers: finished.leftovers,
            tail: self.lines.tail(LAST_LINES).into_iter().map(|line| line.content).collect(),
        }
    }

    async fn kill_now(&self) -> Result<(), String> {
        match self.child.control().kill() {
            Ok(()) | Err(ExecError::AlreadyFinished) => {}
            Err(error) => return Err(format!("`{}`: {}", self.name, causes(&error))),
        }
        match timeout(UNKILLABLE, self.child.ended()).await {
            Ok(_) => Ok(()),
            Err(_) => Err(format!("`{}` could not be ended: it is there {UNKILLABLE:?} after SIGKILL", self.name)),
        }
    }
}
