//! Runs that are processes of this machine.

mod gate;
mod stopping;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use perilune_exec_api::{ExecError, OsSignal};
use perilune_exec_native::{CgroupOptions, Child, ChildOptions, ChildOutput, OutputStream};
use tokio::time::timeout;
use uuid::Uuid;

use self::gate::Gate;
use super::SupervisorConfig;
use super::core::{Order, Rotation, RunEnd, level};
use super::run::{Boxed, Launcher, Notice, OutputFigures, Run, Usage};
use crate::beside::Surroundings;
use crate::health::{HealthCheckResult, run_check};
use crate::process::launch::{causes, launch, secrets};
use crate::process::runner::output::sinks;
use crate::process::{ProcessError, ProcessSpec};

/// How long what was killed may take to go.
const UNKILLABLE: Duration = Duration::from_secs(5);
/// So many of the last lines are told of.
const LAST_LINES: usize = 20;

pub(super) struct NativeLauncher {
    cgroup: Option<PathBuf>,
}

impl NativeLauncher {
    pub(super) fn new(config: &SupervisorConfig) -> Self {
        Self { cgroup: config.cgroup_parent.clone() }
    }
}

impl Launcher for NativeLauncher {
    fn launch(&self, order: Order, notice: Notice) -> Boxed<'static, Result<Arc<dyn Run>, String>> {
        let cgroup = self.cgroup.clone().map(CgroupOptions::below);
        Box::pin(async move {
            let name = order.spec.display_name(order.instance);
            // The system may take its time to load a program.
            let spawned = tokio::task::spawn_blocking(move || spawn(order, cgroup, notice)).await;
            match spawned {
                Ok(Ok(run)) => Ok(Arc::new(run) as Arc<dyn Run>),
                Ok(Err(error)) => Err(format!("`{name}`: {error}")),
                Err(error) => Err(format!("`{name}`: {error}")),
            }
        })
    }

    fn sample(&self, runs: Vec<(Uuid, Arc<dyn Run>)>) -> Boxed<'static, Vec<(Uuid, Usage)>> {
        Box::pin(async move { runs.into_iter().map(|(id, _)| (id, Usage::default())).collect() })
    }
}

struct NativeRun {
    name: String,
    child: Child,
    output: ChildOutput,
    gate: Gate,
    around: Surroundings,
    notice: Notice,
}

fn spawn(order: Order, cgroup: Option<CgroupOptions>, notice: Notice) -> Result<NativeRun, String> {
    let Order { run_id, instance, spec, options } = order;
    let secrets = secrets(&spec)?;
    let mut env: BTreeMap<String, String> = spec.env.clone().into_iter().collect();
    env.extend(secrets.iter().cloned());
    let mut launch = launch(&spec, instance, &options, secrets, run_id);
    let mut child = ChildOptions::new(run_id.to_string());
    child.containment = options.containment;
    child.cgroup = cgroup;
    child.kill_scope = spec.shutdown.kill_scope.into();
    child.sweep_on_exit = spec.shutdown.sweep_on_exit;
    child.leftover_grace = spec.shutdown.leftover_grace;
    child.drain_timeout = spec.shutdown.drain_timeout;
    child.kill_on_drop = spec.shutdown.kill_on_drop;
    child.merge_stderr = spec.log.merge_stderr;
    let output = ChildOutput::new(usize::try_from(spec.log.tail_bytes).unwrap_or(usize::MAX));
    child.output = output.clone();
    (child.stdout, child.stderr) = sinks(&spec, instance).map_err(|error| causes(&error))?;
    let gate = Gate::prepare(&options.readiness, &mut launch, &mut child)
        .map_err(|error| format!("its readiness cannot be watched: {error}"))?;
    let child = Child::spawn(launch, child).map_err(|error| causes(&error))?;
    let around = Surroundings {
        env_mode: options.env_mode.clone(),
        env,
        work_dir: spec.cwd.clone(),
        identity: options.identity.clone(),
        os_pid: Some(child.os_pid()),
    };
    Ok(NativeRun { name: spec.display_name(instance), child, output, gate, around, notice })
}

impl Run for NativeRun {
    fn pid(&self) -> u32 {
        self.child.os_pid()
    }

    fn containment(&self) -> &'static str {
        level(self.child.containment())
    }

    fn ready(&self) -> Boxed<'_, ()> {
        Box::pin(self.gate.passed())
    }

    fn hold(&self) -> Boxed<'_, ()> {
        Box::pin(self.gate.hold())
    }

    fn ended(&self) -> Boxed<'_, RunEnd> {
        Box::pin(async move {
            let finished = self.child.finished().await;
            RunEnd {
                code: finished.exit.code,
                signal: finished.exit.signal,
                reason: finished.exit.reason,
                leftovers: finished.leftovers,
                tail: self.last_lines(),
            }
        })
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

    fn reopen_logs(&self) {}

    fn rotate(&self) -> Boxed<'_, Result<Rotation, ProcessError>> {
        Box::pin(async { Ok(Rotation::RestartNeeded) })
    }

    fn output(&self) -> OutputFigures {
        let bytes = |stream| self.output.bytes(stream);
        OutputFigures { out: bytes(OutputStream::Stdout), err: bytes(OutputStream::Stderr), lost: 0 }
    }
}

impl NativeRun {
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

    /// Of what it wrote to both of its outputs; those of the standard error output come last and are kept first.
    fn last_lines(&self) -> Vec<String> {
        let lines = |stream| -> Vec<String> {
            let tail = self.output.tail(stream);
            let text = String::from_utf8_lossy(&tail);
            text.lines().map(str::to_owned).collect()
        };
        let err = lines(OutputStream::Stderr);
        let room = LAST_LINES.saturating_sub(err.len());
        let out = lines(OutputStream::Stdout);
        let last = |lines: Vec<String>, count: usize| {
            let skipped = lines.len().saturating_sub(count);
            lines.into_iter().skip(skipped)
        };
        last(out, room).chain(last(err, LAST_LINES)).collect()
    }
}
