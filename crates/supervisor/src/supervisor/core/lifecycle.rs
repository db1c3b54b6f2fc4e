use std::time::Duration;

use perilune_exec_api::EndReason;
use perilune_restart::{Ended, RestartDecision, RestartStrategy, StayReason};

use super::entry::{Pending, Run, StopCause};
use super::{Core, Effect, InstanceKey, Order, RunEnd};
use crate::health::{CheckType, HealthChecker, HealthStatus};
use crate::log::OutputCounts;
use crate::process::ProcessState;
use crate::supervisor::{Desired, EventKind, ExitClassification, LastExit, OnExceeded, Readiness};

impl Core {
    /// Launches an instance that has no run, or has it wait for what it depends on.
    pub(super) fn launch(&mut self, key: InstanceKey, restart: bool) {
        let shutting_down = self.is_shutting_down();
        let satisfied = self.dependencies_are_there(key.spec);
        let (now, utc) = (self.at.now, self.at.utc);
        let Some(entry) = self.entries.get(&key.spec) else { return };
        let (spec, options) = (entry.spec.clone(), entry.options.clone());
        let run_id = (self.ids)();
        let Some(instance) = self.instance(key) else { return };
        if instance.run.is_some() || instance.desired == Desired::Down || instance.leaving || shutting_down {
            return;
        }
        if !satisfied {
            let waits = matches!(instance.pending, Pending::Dependency { .. });
            instance.pending = Pending::Dependency { restart };
            if !waits {
                self.leave_group(key);
                self.report_failed_dependencies(key);
            }
            return;
        }
        instance.pending = Pending::Idle;
        if restart {
            instance.restart_count = instance.restart_count.saturating_add(1);
            instance.last_restart = Some(utc);
        }
        instance.restart_needed = false;
        instance.run = Some(Run {
            id: run_id,
            launched: false,
            since: now,
            spec: spec.clone(),
            options: options.clone(),
            cause: None,
            stop_failed: None,
            proven: false,
            over_memory: 0,
            checks: None,
            expires: None,
        });
        self.runs.insert(run_id, key);
        let order = Order { run_id, instance: key.instance, spec, options };
        self.effects.push(Effect::Launch(Box::new(order)));
    }

    pub(super) fn launched(
        &mut self,
        key: InstanceKey,
        pid: u32,
        containment: &'static str,
        counts: Option<OutputCounts>,
    ) {
        let (now, utc) = (self.at.now, self.at.utc);
        let Some(instance) = self.instance(key) else { return };
        let Some(run) = instance.run.as_mut().filter(|run| !run.launched) else { return };
        run.launched = true;
        run.since = now;
        run.checks = run
            .spec
            .health
            .clone()
            .filter(|health| health.check_type != CheckType::None)
            .map(|health| HealthChecker::new(health, now));
        let gated = !matches!(run.options.readiness, Readiness::Immediate);
        let stopping = run.cause.is_some();
        instance.run_id = Some(run.id);
        instance.last_pid = Some(pid);
        instance.started_at = Some(utc);
        instance.containment = containment;
        instance.counts = counts;
        instance.ready = !gated;
        instance.health = HealthStatus::Unknown;
        self.set_state(key, if gated { ProcessState::Starting } else { ProcessState::Running });
        self.emit(key, EventKind::Started { pid });
        if stopping {
            self.set_state(key, ProcessState::Stopping);
        }
    }

    pub(super) fn launch_failed(&mut self, key: InstanceKey, error: String) {
        let utc = self.at.utc;
        let Some(instance) = self.instance(key) else { return };
        let Some(run) = instance.run.take() else { return };
        instance.run_id = Some(run.id);
        instance.launch_failure = Some((run.id, error.clone()));
        let exit = LastExit {
            code: None,
            signal: None,
            classification: ExitClassification::Unknown,
            error: Some(error),
            at: utc,
            uptime: Duration::ZERO,
            leftovers_killed: 0,
        };
        instance.last_exit = Some(exit.clone());
        instance.ready = false;
        self.runs.remove(&run.id);
        self.set_state(key, ProcessState::Crashed { exit_code: None });
        self.emit(key, EventKind::Exited { exit, tail: Vec::new() });
        self.follow(key, run.cause, Ended::failed(), Duration::ZERO);
    }

    /// A run that waits to be ready is.
    pub(super) fn ready(&mut self, key: InstanceKey) {
        let Some(instance) = self.instance(key) else { return };
        let waits = instance.state == ProcessState::Starting && !instance.ready;
        if waits && instance.run.as_ref().is_some_and(Run::is_live) {
            instance.ready = true;
            self.set_state(key, ProcessState::Running);
            self.emit(key, EventKind::Ready);
            self.expect_refresh(key);
        }
    }

    pub(super) fn ended(&mut self, key: InstanceKey, end: RunEnd) {
        let (now, utc) = (self.at.now, self.at.utc);
        let Some(instance) = self.instance(key) else { return };
        let Some(run) = instance.run.take() else { return };
        self.runs.remove(&run.id);
        let uptime = now.saturating_duration_since(run.since);
        let Some(instance) = self.instance(key) else { return };
        let (asked, state) = (instance.state == ProcessState::Stopping, final_state(&instance.state, &end));
        let exit = LastExit {
            code: end.code,
            signal: end.signal,
            classification: classify(run.cause, &end),
            error: None,
            at: utc,
            uptime,
            leftovers_killed: u32::try_from(end.leftovers.len()).unwrap_or(u32::MAX),
        };
        instance.last_exit = Some(exit.clone());
        instance.ready = false;
        instance.health = HealthStatus::Unknown;
        instance.cpu_percent = None;
        instance.memory_bytes = None;
        self.set_state(key, state.clone());
        if !end.leftovers.is_empty() {
            self.emit(key, EventKind::LeftoversKilled { pids: end.leftovers });
        }
        let unasked = !asked && matches!(state, ProcessState::Crashed { .. });
        self.emit(key, EventKind::Exited { exit, tail: if unasked { end.tail } else { Vec::new() } });
        self.follow(key, run.cause, Ended { code: end.code, signal: end.signal, retryable: true }, uptime);
    }

    /// What comes after the end of a run.
    fn follow(&mut self, key: InstanceKey, cause: Option<StopCause>, ended: Ended, uptime: Duration) {
        let shutting_down = self.is_shutting_down();
        let grouped = self.in_group(key);
        let Some(instance) = self.instance(key) else { return };
        if shutting_down || instance.leaving || instance.desired == Desired::Down {
            instance.pending = Pending::Idle;
            return;
        }
        match cause {
            Some(StopCause::Start) => self.launch(key, false),
            Some(StopCause::Restart | StopCause::Dependency) => self.launch(key, true),
            Some(StopCause::Group) if grouped => {
                instance.pending = Pending::Group;
                self.ended_in_group(key);
            }
            Some(StopCause::Group) => self.launch(key, true),
            Some(StopCause::Unhealthy) => {
                instance.pending = Pending::Idle;
                self.left_down(key);
            }
            Some(StopCause::Failed | StopCause::TimedOut) => self.decide(key, Ended::failed(), uptime),
            Some(StopCause::Unwanted) | None => self.decide(key, ended, uptime),
        }
    }

    /// Asks the policy.
    fn decide(&mut self, key: InstanceKey, ended: Ended, uptime: Duration) {
        let now = self.at.now;
        let Some(instance) = self.instance(key) else { return };
        instance.pending = Pending::Idle;
        match instance.restarts.decide(&ended, uptime, now) {
            RestartDecision::Stay(StayReason::GaveUp { count, window }) => self.give_up(key, count, window),
            RestartDecision::Stay(_) => {
                self.leave_group(key);
                self.left_down(key);
            }
            RestartDecision::Restart { attempt, delay } => {
                if !self.intensity.record(now) {
                    self.exceed(key);
                    return;
                }
                self.emit(key, EventKind::RestartScheduled { attempt, delay });
                self.restart_dependants(key);
                match self.config.strategy {
                    RestartStrategy::OneForOne => self.back_off(key, delay),
                    RestartStrategy::OneForAll | RestartStrategy::RestForOne => self.restart_group(key, delay),
                }
            }
        }
    }

    fn back_off(&mut self, key: InstanceKey, delay: Duration) {
        let at = self.later(delay);
        if let Some(instance) = self.instance(key) {
            instance.pending = Pending::Backoff { at };
        }
        if delay.is_zero() {
            self.launch(key, true);
        }
    }

    pub(super) fn later(&self, delay: Duration) -> std::time::Instant {
        self.at.now.checked_add(delay).unwrap_or(self.at.now + FAR)
    }

    /// It failed too often by its own limit.
    fn give_up(&mut self, key: InstanceKey, count: usize, window: Option<Duration>) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.stay_down(key, count, window);
        if self.config.on_exceeded == OnExceeded::StopAll {
            let reason = format!("`{}` failed too often", self.name(key));
            self.fail(reason);
        }
    }

    /// All together failed too often.
    fn exceed(&mut self, key: InstanceKey) {
        let (count, window) = (self.config.max_restarts, self.config.window);
        self.stay_down(key, count, Some(window));
        let grouped = self.config.strategy != RestartStrategy::OneForOne;
        if grouped || self.config.on_exceeded == OnExceeded::StopAll {
            let within = humantime::format_duration(window);
            self.fail(format!("more than {count} restarts within {within}, the last one of `{}`", self.name(key)));
        }
    }

    fn stay_down(&mut self, key: InstanceKey, count: u32, window: Option<Duration>) {
        if let Some(instance) = self.instance(key) {
            instance.pending = Pending::GaveUp;
        }
        self.emit(key, EventKind::GaveUp { count, window });
        self.leave_group(key);
        self.left_down(key);
    }

    /// Begins to end a run. A wish from outside replaces the reason of an end that is under way.
    pub(super) fn end(&mut self, key: InstanceKey, cause: StopCause) {
        let Some(instance) = self.instance(key) else { return };
        let state = instance.state.clone();
        let Some(run) = instance.run.as_mut() else { return };
        let first = run.cause.is_none();
        if first || cause.is_wish() {
            run.cause = Some(cause);
        }
        let again = run.stop_failed.take().is_some();
        let (run_id, launched, spec) = (run.id, run.launched, run.spec.clone());
        let killed = !first && launched && state != ProcessState::Stopping;
        let newest = self.entries.get(&key.spec).map_or(spec, |entry| entry.spec.clone());
        if launched && state.is_running() {
            self.set_state(key, ProcessState::Stopping);
        }
        if first || again || killed {
            self.effects.push(Effect::Stop { run_id, spec: newest });
        }
    }

    /// Time has come to look at an instance.
    pub(super) fn wake(&mut self, key: InstanceKey) {
        let now = self.at.now;
        let Some(instance) = self.instance(key) else { return };
        let starting = instance.state == ProcessState::Starting;
        match (&mut instance.run, instance.pending) {
            (None, Pending::Backoff { at }) if at <= now => self.launch(key, true),
            (None, Pending::GaveUp) if instance.restarts.begin_trial(now) => self.launch(key, true),
            (Some(run), _) if run.is_live() => {
                let min_uptime = run.spec.restart.min_uptime;
                if !run.proven && run.has_lasted(min_uptime, now) {
                    run.proven = true;
                    instance.restarts.record_success();
                }
                let options = run.options.clone();
                let late = |time: Duration| run.has_lasted(time, now);
                let too_long = options.run_timeout.is_some_and(late);
                let in_time = matches!(options.readiness, Readiness::MinUptime(uptime) if late(uptime));
                let too_late = starting && late(options.start_timeout);
                let (run_id, spec) = (run.id, run.spec.clone());
                let check = run.checks.as_mut().is_some_and(|checks| {
                    let due = checks.is_check_due(now);
                    if due {
                        checks.check_started(now);
                    }
                    due
                });
                if starting && in_time {
                    self.ready(key);
                } else if too_late || too_long {
                    self.end(key, StopCause::TimedOut);
                    return;
                }
                if too_long {
                    self.end(key, StopCause::TimedOut);
                } else if check {
                    self.effects.push(Effect::Check { run_id, spec });
                }
            }
            _ => {}
        }
    }
}

/// Further than anything lasts, where time ends before that.
const FAR: Duration = Duration::from_secs(365 * 24 * 3600);

fn final_state(state: &ProcessState, end: &RunEnd) -> ProcessState {
    let ours = matches!(end.reason, EndReason::Killed | EndReason::StopTimeout) && end.code.is_none();
    match (end.reason, end.code) {
        (EndReason::Lost, _) => ProcessState::Crashed { exit_code: None },
        _ if ours => ProcessState::Terminated,
        (_, code) if *state == ProcessState::Stopping => ProcessState::Stopped { exit_code: code },
        (_, Some(0)) => ProcessState::Stopped { exit_code: Some(0) },
        (_, code) => ProcessState::Crashed { exit_code: code },
    }
}

fn classify(cause: Option<StopCause>, end: &RunEnd) -> ExitClassification {
    match (cause, end.code, end.signal) {
        (Some(StopCause::TimedOut), ..) => ExitClassification::Timeout,
        (_, Some(0), _) => ExitClassification::CleanSuccess,
        (_, Some(_), _) => ExitClassification::CleanError,
        (_, None, Some(_)) => ExitClassification::Signal,
        (_, None, None) => ExitClassification::Unknown,
    }
}
