use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use perilune_exec_api::EndReason;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::core::{Observation, Order, Rotation, RotationFailed, RunEnd, Ticket};
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
    let (launched, kept) = launched(&name, launcher.launch(order, lines, notice), &mut wishes, &tell).await;
    match launched {
        Ok(run) => {
            tell.launched(run.clone());
            if let Some(at) = run.expires_at() {
                tell.observed(Observation::Expires { at: Some(at) });
            }
            let end = attend(&run, kept, &mut wishes, &tell).await;
            drop(run);
            tell.ended(Observation::Ended(end));
        }
        Err(error) => {
            tell.ended(Observation::LaunchFailed { error });
            kept.into_iter().for_each(|wish| tell.refuse(&name, wish));
        }
    }
    wishes.close();
    while let Some(wish) = wishes.recv().await {
        tell.refuse(&name, wish);
    }
}

/// Waits for a launch, and keeps what is wished meanwhile.
///
/// Nobody can end what is not there yet, and a source of secrets or a disk may need for ever. So whoever wants the end is
/// told after some time that it did not come; it does when the launch is over.
async fn launched(
    name: &str,
    launch: impl Future<Output = Result<Arc<dyn Run>, String>>,
    wishes: &mut mpsc::UnboundedReceiver<Wish>,
    tell: &Teller,
) -> (Result<Arc<dyn Run>, String>, Vec<Wish>) {
    tokio::pin!(launch);
    let (mut kept, mut open, mut late): (Vec<Wish>, bool, Option<Instant>) = (Vec::new(), true, None);
    loop {
        tokio::select! {
            biased;
            launched = &mut launch => return (launched, kept),
            wish = wishes.recv(), if open => match wish {
                Some(wish) => {
                    if let Some(at) = patience(&wish).and_then(|time| Instant::now().checked_add(time)) {
                        late = Some(late.map_or(at, |late| late.min(at)));
                        // Whoever asks again asks for the same.
                        kept.retain(|kept| std::mem::discriminant(kept) != std::mem::discriminant(&wish));
                    }
                    kept.push(wish);
                }
                None => {
                    open = false;
                    kept.push(Wish::Kill);
                }
            },
            () = sleep_until(late.unwrap_or_else(Instant::now)), if late.is_some() => {
                late = None;
                let error = format!("`{name}` is still being launched, and ends when that is over");
                tell.observed(Observation::StopFailed { error });
            }
        }
    }
}

/// How long a launch may keep somebody waiting who wants the end.
fn patience(wish: &Wish) -> Option<Duration> {
    match wish {
        Wish::Stop(spec) => Some(spec.shutdown.timeout.saturating_add(spec.shutdown.kill_delay)),
        Wish::Kill => Some(LATE_KILL),
        Wish::Signal(..) | Wish::Check(_) | Wish::Rotate(_) => None,
    }
}

/// As long as a kill may take.
const LATE_KILL: Duration = Duration::from_secs(5);

/// Stays with a run until its end.
async fn attend(
    run: &Arc<dyn Run>,
    kept: Vec<Wish>,
    wishes: &mut mpsc::UnboundedReceiver<Wish>,
    tell: &Teller,
) -> RunEnd {
    let mut ended = run.ended();
    let mut ready = run.ready();
    let mut open = true;
    // What takes its time. Dropped, and so ended, with the run.
    let mut work: JoinSet<Option<Observation>> = JoinSet::new();
    kept.into_iter().for_each(|wish| grant(run, wish, &mut work, tell));
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
                // Nobody is there any more to wish anything.
                None => {
                    open = false;
                    grant(run, Wish::Kill, &mut work, tell);
                }
            },
            Some(done) = work.join_next(), if !work.is_empty() => match done {
                Ok(observation) => observation.into_iter().for_each(|observation| tell.observed(observation)),
                // A bug, of a check or of something else that takes its time: the worst that it can mean is a failed check.
                Err(error) => tell.observed(Observation::Checked(HealthCheckResult::unhealthy(
                    Duration::ZERO,
                    error.to_string(),
                ))),
            },
        }
    }
}

fn grant(run: &Arc<dyn Run>, wish: Wish, work: &mut JoinSet<Option<Observation>>, tell: &Teller) {
    let run = run.clone();
    match wish {
        Wish::Stop(spec) => drop(work.spawn(async move { stopped(run.stop(spec).await).await })),
        Wish::Kill => drop(work.spawn(async move { stopped(run.kill().await).await })),
        Wish::Signal(signal, ticket) => {
            let result = run.signal(signal);
            tell.observed(Observation::Answered { ticket, result });
        }
        Wish::Check(spec) => drop(work.spawn(async move { Some(Observation::Checked(run.check(spec).await)) })),
        Wish::Rotate(ticket) => {
            let owed = Owed { run_id: tell.run_id, ticket, reports: Some(tell.reports.clone()) };
            drop(work.spawn(async move {
                let result = run.rotate().await;
                if result.is_ok() {
                    owed.expires(run.expires_at());
                }
                owed.answer(result);
                None
            }));
        }
    }
}

/// An end is told elsewhere; here only that there is none.
async fn stopped(result: Result<(), String>) -> Option<Observation> {
    match result {
        Ok(()) => std::future::pending().await,
        Err(error) => Some(Observation::StopFailed { error }),
    }
}

/// Somebody waits for what comes of a rotation, also if the run ends first.
struct Owed {
    run_id: Uuid,
    ticket: Ticket,
    /// Until it is told.
    reports: Option<Reports>,
}

impl Owed {
    fn expires(&self, at: Option<DateTime<Utc>>) {
        if let Some(reports) = &self.reports {
            drop(reports.send((self.run_id, Report::Observed(Observation::Expires { at }))));
        }
    }

    fn answer(mut self, result: Result<Rotation, RotationFailed>) {
        self.tell(result);
    }

    fn tell(&mut self, result: Result<Rotation, RotationFailed>) {
        if let Some(reports) = self.reports.take() {
            let observation = Observation::Rotated { ticket: self.ticket, result };
            drop(reports.send((self.run_id, Report::Observed(observation))));
        }
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        self.tell(Err(ProcessError::InvalidState("it has ended before it had new secrets".to_owned()).into()));
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
        Wish::Rotate(ticket) => tell(Observation::Rotated { ticket, result: Err(error().into()) }),
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
