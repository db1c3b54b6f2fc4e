use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use perilune_exec_api::EndReason;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::core::{Observation, Order, RunEnd, Ticket};
use super::run::{Launcher, Notice, Run};
use crate::health::HealthCheckResult;
use crate::log::OutputLines;
use crate::process::{ProcessError, ProcessSpec};

/// What is asked of the task that has a run.
#[derive(Debug)]
pub(super) enum Wish {
    Stop(Arc<ProcessSpec>),
    Kill,
    Signal(i32, Ticket),
    Check(Arc<ProcessSpec>),
    Rotate(Ticket),
}

/// What a task tells of its run.
pub(super) enum Report {
    Launched(Arc<dyn Run>),
    Observed(Observation),
}

/// Where it tells that.
pub(super) type Reports = mpsc::UnboundedSender<(Uuid, Report)>;

/// The life of one run: launches it, does to it what is wished, and tells of its end.
///
/// Nothing here makes anybody else wait. Whatever was asked is answered, and the end is told once, also if something panics.
pub(super) async fn live(
    order: Order,
    launcher: Arc<dyn Launcher>,
    lines: OutputLines,
    mut wishes: mpsc::UnboundedReceiver<Wish>,
    reports: Reports,
) {
    let run_id = order.run_id;
    let name = order.spec.display_name(order.instance);
    let tell = Teller { run_id, reports, stage: Mutex::new(Stage::Launching) };
    let notice: Notice = {
        let reports = tell.reports.clone();
        Arc::new(move |kind| drop(reports.send((run_id, Report::Observed(Observation::Noticed(kind))))))
    };
    match launcher.launch(order, lines, notice).await {
        Ok(run) => {
            tell.launched(run.clone());
            let end = attend(&run, &mut wishes, &tell).await;
            drop(run);
            tell.ended(Observation::Ended(end));
        }
        Err(error) => tell.ended(Observation::LaunchFailed { error }),
    }
    wishes.close();
    while let Some(wish) = wishes.recv().await {
        tell.refuse(&name, wish);
    }
}

/// Stays with a run until its end.
async fn attend(run: &Arc<dyn Run>, wishes: &mut mpsc::UnboundedReceiver<Wish>, tell: &Teller) -> RunEnd {
    let mut ended = run.ended();
    let mut ready = run.ready();
    let mut open = true;
    // What takes its time. Dropped, and so ended, with the run.
    let mut work: JoinSet<Observation> = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            end = &mut ended => return end,
            () = &mut ready => {
                tell.observed(Observation::Ready);
                ready = run.hold();
            }
            wish = wishes.recv(), if open => match wish {
                Some(wish) => grant(run, wish, &mut work, tell),
                // Nobody is there any more to wish anything: whoever drops the run kills it.
                None => open = false,
            },
            Some(done) = work.join_next(), if !work.is_empty() => match done {
                Ok(observation) => tell.observed(observation),
                // A bug, of a check or of something else that takes its time: the worst that it can mean is a failed check.
                Err(error) => tell.observed(Observation::Checked(HealthCheckResult::unhealthy(
                    Duration::ZERO,
                    error.to_string(),
                ))),
            },
        }
    }
}

fn grant(run: &Arc<dyn Run>, wish: Wish, work: &mut JoinSet<Observation>, tell: &Teller) {
    let run = run.clone();
    match wish {
        Wish::Stop(spec) => drop(work.spawn(async move { stopped(run.stop(spec).await).await })),
        Wish::Kill => drop(work.spawn(async move { stopped(run.kill().await).await })),
        Wish::Signal(signal, ticket) => {
            let result = run.signal(signal);
            tell.observed(Observation::Answered { ticket, result });
        }
        Wish::Check(spec) => drop(work.spawn(async move { Observation::Checked(run.check(spec).await) })),
        Wish::Rotate(ticket) => drop(work.spawn(async move {
            let result = run.rotate().await;
            Observation::Rotated { ticket, result }
        })),
    }
}

/// An end is told elsewhere; here only that there is none.
async fn stopped(result: Result<(), String>) -> Observation {
    match result {
        Ok(()) => std::future::pending().await,
        Err(error) => Observation::StopFailed { error },
    }
}

struct Teller {
    run_id: Uuid,
    reports: Reports,
    stage: Mutex<Stage>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Launching,
    Launched,
    Ended,
}

impl Teller {
    fn observed(&self, observation: Observation) {
        drop(self.reports.send((self.run_id, Report::Observed(observation))));
    }

    fn launched(&self, run: Arc<dyn Run>) {
        self.reach(Stage::Launched);
        drop(self.reports.send((self.run_id, Report::Launched(run))));
    }

    fn ended(&self, observation: Observation) {
        self.reach(Stage::Ended);
        self.observed(observation);
    }

    fn reach(&self, stage: Stage) -> Stage {
        std::mem::replace(&mut *self.stage.lock().unwrap_or_else(PoisonError::into_inner), stage)
    }

    fn refuse(&self, name: &str, wish: Wish) {
        refuse(name, wish, |observation| self.observed(observation));
    }
}

/// Answers what can no longer be done.
pub(super) fn refuse(name: &str, wish: Wish, tell: impl FnOnce(Observation)) {
    let error = || ProcessError::InvalidState(format!("`{name}` does not run"));
    match wish {
        Wish::Signal(_, ticket) => tell(Observation::Answered { ticket, result: Err(error()) }),
        Wish::Rotate(ticket) => tell(Observation::Rotated { ticket, result: Err(error()) }),
        Wish::Stop(_) | Wish::Kill | Wish::Check(_) => {}
    }
}

impl Drop for Teller {
    /// Something panicked, or the runtime goes: the run is lost, and killed by being dropped.
    fn drop(&mut self) {
        match self.reach(Stage::Ended) {
            Stage::Launching => {
                let error = "it was given up while it was being launched".to_owned();
                self.observed(Observation::LaunchFailed { error });
            }
            Stage::Launched => self.observed(Observation::Ended(RunEnd {
                code: None,
                signal: None,
                reason: EndReason::Lost,
                leftovers: Vec::new(),
                tail: Vec::new(),
            })),
            Stage::Ended => {}
        }
    }
}
