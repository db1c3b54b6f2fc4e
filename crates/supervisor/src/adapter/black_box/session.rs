use std::collections::BTreeMap;
use std::time::Instant;

use perilune_exec_api::{EndReason, EnvMode, ExitInfo};
use perilune_exec_native::environment;
use tokio::sync::watch;
use tokio::time;

use super::State;
use crate::ExitClassification;
use crate::adapter::lines::Lines;
use crate::adapter::stall::{Stall, StallDetector};
use crate::adapter::watch::Watch;
use crate::adapter::{
    AdapterError, AdapterEventSender, AdapterPayload, BlackBoxConfig, EnvironmentConfig, ProcessExited, ProcessStarted,
    Severity,
};
use crate::credentials::SecretRedactor;
use crate::log::LogStream;
use crate::process::{OutputChunk, OutputReceiver, ProcessError, ProcessRunner, RunController};
use crate::supervisor::SupervisionOptions;

pub(super) const ADAPTER_TYPE: &str = "black-box";

/// A program that runs and is observed. Dropping it ends both.
#[derive(Debug)]
pub(super) struct Ready {
    runner: ProcessRunner,
    output: OutputReceiver,
    watch: Option<Watch>,
    started: ProcessStarted,
    redactor: SecretRedactor,
}

impl Ready {
    /// Observes files first, so that no change is too early. Blocks.
    pub(super) fn new(config: &BlackBoxConfig) -> Result<Self, AdapterError> {
        let process = &config.process;
        let working_dir = match &process.working_dir {
            Some(folder) => std::path::absolute(folder)?,
            None => std::env::current_dir()?,
        };
        let roots = config.roots();
        let watch = if roots.is_empty() { None } else { Some(Watch::start(&config.filesystem, &roots)?) };

        let options = SupervisionOptions { env_mode: env_mode(&config.environment), ..SupervisionOptions::default() };
        let env: BTreeMap<String, String> = environment(&options.env_mode, &process.env)
            .into_iter()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
            .collect();
        let secrets = env.iter().filter(|(name, _)| SecretRedactor::is_sensitive_env_name(name));
        let redactor = SecretRedactor::known(secrets.map(|(_, value)| value));

        let spec = config.spec(ADAPTER_TYPE)?;
        let mut runner = ProcessRunner::try_new(spec, 0, options, None).map_err(internal)?;
        let output = runner.subscribe_output();
        runner.start().map_err(|error| match error {
            ProcessError::SpawnFailed(reason) => AdapterError::SpawnFailed { reason, retryable: runner.is_retryable() },
            error => internal(error),
        })?;
        let started = ProcessStarted {
            pid: runner.last_pid().unwrap_or_default(),
            command: process.command.clone(),
            args: process.args.iter().map(|arg| redactor.redact(arg).into_owned()).collect(),
            working_dir,
            env: shown(env),
            adapter_type: ADAPTER_TYPE.to_owned(),
        };
        Ok(Self { runner, output, watch, started, redactor })
    }

    pub(super) fn pid(&self) -> u32 {
        self.started.pid
    }

    pub(super) fn control(&self) -> RunController {
        self.runner.controller()
    }
}

/// Tells everything that is seen of a program until it has ended.
#[derive(Debug)]
pub(super) struct Session {
    ready: Ready,
    events: AdapterEventSender,
    state: watch::Sender<State>,
    lines: Lines,
    stall: StallDetector,
    stalled: bool,
    config: BlackBoxConfig,
}

/// What can happen.
enum Seen {
    Exit,
    Output(Option<OutputChunk>),
    Change(Option<AdapterPayload>),
    Silence,
}

impl Session {
    pub(super) fn new(
        config: &BlackBoxConfig,
        ready: Ready,
        events: AdapterEventSender,
        state: watch::Sender<State>,
    ) -> Self {
        let longest = usize::try_from(ready.runner.spec().log.max_line_bytes).unwrap_or(usize::MAX);
        let stall = StallDetector::new(&config.stall, now());
        let lines = Lines::new(longest, &ready.redactor);
        Self { ready, events, state, lines, stall, stalled: false, config: config.clone() }
    }

    pub(super) async fn run(mut self) {
        self.events.send(AdapterPayload::ProcessStarted(self.ready.started.clone()));
        let (mut writes, mut changes) = (true, self.ready.watch.is_some());
        loop {
            let deadline = self.stall.deadline().map(time::Instant::from_std);
            let Ready { runner, output, watch, .. } = &mut self.ready;
            let seen = tokio::select! {
                chunk = output.recv(), if writes => Seen::Output(chunk),
                _ = runner.wait() => Seen::Exit,
                change = next(watch), if changes => Seen::Change(change),
                () = until(deadline) => Seen::Silence,
            };
            match seen {
                Seen::Exit => break,
                Seen::Output(Some(chunk)) => {
                    self.activity();
                    self.output(&chunk);
                }
                Seen::Output(None) => writes = false,
                Seen::Change(Some(change)) => self.change(change),
                Seen::Change(None) => changes = false,
                Seen::Silence => self.silence(),
            }
        }
        self.state.send_replace(State::Ending);
        self.end().await;
    }

    /// The process is gone, and what it did last is to be told.
    async fn end(mut self) {
        while let Some(chunk) = self.ready.output.recv().await {
            self.output(&chunk);
        }
        self.finish_lines();
        if let Some(mut watch) = self.ready.watch.take() {
            watch.finish();
            while let Some(change) = watch.recv().await {
                self.events.send(change);
            }
        }
        let runner = &self.ready.runner;
        let leftovers = runner.leftovers_killed();
        if !leftovers.is_empty() {
            let message = format!("it left {} processes behind, which were ended", leftovers.len());
            let pids: Vec<_> = leftovers.iter().map(ToString::to_string).collect();
            self.events.send(AdapterPayload::warning("leftovers_killed", message, "pids", pids.join(" ")));
        }
        let exit = runner.last_exit();
        self.events.send(AdapterPayload::ProcessExited(ProcessExited {
            pid: self.ready.started.pid,
            exit_code: exit.and_then(|exit| exit.code),
            signal: exit.and_then(|exit| exit.signal),
            uptime: exit.map(|exit| exit.duration).unwrap_or_default(),
            classification: classify(exit, self.stalled),
        }));
        // Whoever sees that it is over finds the events complete.
        drop(self.events);
        self.state.send_replace(State::Over);
    }

    fn output(&mut self, chunk: &OutputChunk) {
        if chunk.lost > 0 {
            // What comes now does not belong to what came before.
            self.finish_lines();
            let message = "output was lost, because there was too much at once".to_owned();
            self.events.send(AdapterPayload::warning("output_lost", message, "bytes", chunk.lost));
        }
        let events = &self.events;
        self.lines.push(chunk.stream, &chunk.bytes, &mut |stream, line| tell_line(events, stream, line));
    }

    fn finish_lines(&mut self) {
        let events = &self.events;
        self.lines.finish(&mut |stream, line| tell_line(events, stream, line));
    }

    fn change(&mut self, change: AdapterPayload) {
        if matches!(change, AdapterPayload::FilesystemChange { .. }) {
            self.activity();
        }
        self.events.send(change);
    }

    fn activity(&mut self) {
        if let Some(idle) = self.stall.activity(now()) {
            self.events.send(AdapterPayload::Progress {
                signal_type: "resumed".to_owned(),
                description: format!("active again after {} s", idle.as_secs()),
            });
        }
    }

    fn silence(&mut self) {
        // It is none if something waits to be seen.
        if let Some(chunk) = self.ready.output.try_recv() {
            self.activity();
            return self.output(&chunk);
        }
        if let Some(change) = self.ready.watch.as_mut().and_then(Watch::try_recv) {
            return self.change(change);
        }
        let Some(Stall { idle, threshold, count, limit }) = self.stall.check(now()) else { return };
        self.events.send(AdapterPayload::StallDetected { idle_duration: idle, threshold, stall_count: count });
        if limit {
            self.give_up(count);
        }
    }

    fn give_up(&mut self, count: u32) {
        self.stall.disable();
        let stopped = self.ready.runner.controller().stop(self.config.process.grace);
        // Otherwise it has ended just now, or has been asked to, by itself or somebody else.
        self.stalled = stopped.is_ok();
        let (severity, message) = match stopped {
            Ok(()) => (Severity::Error, format!("it is stopped after {count} stalls in a row")),
            Err(ProcessError::InvalidState(_)) => return,
            Err(error) => (Severity::Error, format!("it stalls and cannot be stopped: {error}")),
        };
        let context = BTreeMap::from([("stall_count".to_owned(), count.to_string())]);
        let category = "max_stalls".to_owned();
        self.events.send(AdapterPayload::Diagnostic { severity, category, message, context });
    }
}

fn tell_line(events: &AdapterEventSender, stream: LogStream, line: String) {
    events.send(AdapterPayload::Output { stream, line });
}

async fn next(watch: &mut Option<Watch>) -> Option<AdapterPayload> {
    match watch {
        Some(watch) => watch.recv().await,
        None => None,
    }
}

async fn until(deadline: Option<time::Instant>) {
    match deadline {
        Some(deadline) => time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// As timers see it.
fn now() -> Instant {
    time::Instant::now().into_std()
}

fn env_mode(config: &EnvironmentConfig) -> EnvMode {
    if !config.inherit {
        return EnvMode::Clean;
    }
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    EnvMode::Allow(names.filter(|name| !config.exclude.contains(name)).collect())
}

fn shown(env: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let shown = |(name, value): (String, String)| {
        let value = SecretRedactor::redact_env_value(&name, &value).to_owned();
        (name, value)
    };
    env.into_iter().map(shown).collect()
}

fn classify(exit: Option<&ExitInfo>, stalled: bool) -> ExitClassification {
    match exit {
        _ if stalled => ExitClassification::Timeout,
        None => ExitClassification::Unknown,
        Some(exit) => match (exit.reason, exit.code, exit.signal) {
            (EndReason::RunTimeout, ..) => ExitClassification::Timeout,
            (_, Some(0), _) => ExitClassification::CleanSuccess,
            (_, Some(_), _) => ExitClassification::CleanError,
            (_, None, Some(_)) => ExitClassification::Signal,
            (_, None, None) => ExitClassification::Unknown,
        },
    }
}

fn internal(error: ProcessError) -> AdapterError {
    AdapterError::Internal(error.to_string())
}
