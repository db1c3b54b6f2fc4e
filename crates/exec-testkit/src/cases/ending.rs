use std::time::Duration;

use perilune_exec_api::{EndReason, ExecErrorKind, ExecState, OsSignal, Process, Stop};

use super::starting::print;
use crate::program::Program;
use crate::stage::{Stage, beside, kind, read_all};

const MOMENT: Duration = Duration::from_millis(100);
const AGES: Duration = Duration::from_secs(3600);

pub async fn signal_ends_a_process(stage: &Stage<'_>) {
    if !stage.can("signals", |can| can.signals) {
        return;
    }
    for signal in [OsSignal::TERM, OsSignal::KILL, OsSignal::HUP] {
        let process = stage.start(&Program::Sleep).await;
        process.signal(signal).unwrap();
        let exit = process.wait().await.unwrap();
        assert_eq!((exit.code, exit.signal, exit.reason), (None, Some(signal.number()), EndReason::Signaled));
        assert_eq!(exit.exit_code(), 128 + signal.number());
    }
}

pub async fn signal_before_the_start_is_refused(stage: &Stage<'_>) {
    let process = stage.create(&Program::Sleep);
    assert_eq!(kind(process.signal(OsSignal::TERM)), ExecErrorKind::NotStarted);
    process.close(Stop::Force);
    assert_eq!(kind(process.signal(OsSignal::TERM)), ExecErrorKind::Closed);
}

pub async fn signal_after_the_end_is_refused(stage: &Stage<'_>) {
    let process = stage.start(&print("", 0)).await;
    while process.state() == ExecState::Running {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let error = process.signal(OsSignal::TERM).unwrap_err();
    assert_eq!(error.kind(), ExecErrorKind::AlreadyFinished);
    assert!(error.to_string().contains("already finished"));
}

pub async fn obedient_process_is_stopped(stage: &Stage<'_>) {
    let process = stage.start(&Program::Sleep).await;
    process.close(Stop::Graceful);
    let exit = process.wait().await.unwrap();
    assert_eq!((exit.reason, exit.exit_code()), (EndReason::Stopped, 128 + 15));
}

async fn stubborn(stage: &Stage<'_>, grace: Duration) -> std::sync::Arc<dyn Process> {
    let mut request = stage.request(&Program::Stubborn);
    request.stop_grace = Some(grace);
    let process = stage.executor.create(request).unwrap();
    let stdout = process.stdout().unwrap();
    process.start().await.unwrap();
    let mut ready = Vec::new();
    while ready != b"ready\n" {
        ready.extend(stdout.read(100).await.unwrap().expect("not the end"));
    }
    process
}

pub async fn stubborn_process_is_stopped_by_force(stage: &Stage<'_>) {
    let process = stubborn(stage, MOMENT).await;
    process.close(Stop::Graceful);
    let exit = process.wait().await.unwrap();
    assert_eq!((exit.reason, exit.exit_code()), (EndReason::StopTimeout, 128 + 9));
    process.swept().await;
}

pub async fn force_ends_a_process_at_once(stage: &Stage<'_>) {
    let process = stubborn(stage, AGES).await;
    process.close(Stop::Force);
    let exit = process.wait().await.unwrap();
    assert_eq!((exit.reason, exit.exit_code()), (EndReason::Killed, 128 + 9));
}

pub async fn force_after_a_request_is_force(stage: &Stage<'_>) {
    let process = stubborn(stage, AGES).await;
    process.close(Stop::Graceful);
    process.close(Stop::Force);
    process.close(Stop::Graceful);
    let exit = process.wait().await.unwrap();
    assert_eq!((exit.reason, exit.exit_code()), (EndReason::Killed, 128 + 9));
}

pub async fn close_may_come_at_any_time(stage: &Stage<'_>) {
    let process = stage.start(&print("", 5)).await;
    assert_eq!(process.wait().await.unwrap().code, Some(5));
    for stop in [Stop::Graceful, Stop::Force, Stop::Graceful] {
        process.close(stop);
    }
    assert_eq!(process.wait().await.unwrap().code, Some(5));
    let never = stage.create(&Program::Cat);
    for stop in [Stop::Graceful, Stop::Force] {
        never.close(stop);
    }
    assert_eq!(never.state(), ExecState::Closed);
}

pub async fn waiting_survives_the_close(stage: &Stage<'_>) {
    let process = stage.start(&Program::Sleep).await;
    let waiting = process.clone();
    let waiter = beside(async move { waiting.wait().await });
    tokio::task::yield_now().await;
    process.close(Stop::Graceful);
    assert_eq!(waiter.await.unwrap().unwrap().exit_code(), 128 + 15);
}

pub async fn dropping_the_last_handle_ends_the_process(stage: &Stage<'_>) {
    let process = stubborn(stage, AGES).await;
    let (stdout, other) = (process.stdout().unwrap(), process.clone());
    drop(process);
    assert_eq!(other.state(), ExecState::Running);
    drop(other);
    assert!(read_all(&*stdout).await.is_empty());
}

pub async fn closed_process_goes_on_ending_without_its_handle(stage: &Stage<'_>) {
    let process = stubborn(stage, MOMENT).await;
    let stdout = process.stdout().unwrap();
    process.close(Stop::Graceful);
    drop(process);
    assert!(read_all(&*stdout).await.is_empty());
}

pub async fn process_that_runs_too_long_is_ended(stage: &Stage<'_>) {
    let mut request = stage.request(&Program::Sleep);
    request.timeout = Some(MOMENT);
    let exit = stage.start_request(request).await.wait().await.unwrap();
    assert_eq!((exit.reason, exit.exit_code()), (EndReason::RunTimeout, 128 + 15));
    assert!(exit.duration >= MOMENT);
}

pub async fn nothing_is_left_of_a_process_that_never_ran(stage: &Stage<'_>) {
    let process = stage.create(&Program::Cat);
    assert_eq!(process.swept().await, 0);
    process.close(Stop::Force);
    assert_eq!(process.swept().await, 0);
}

pub async fn active_counts_those_that_run(stage: &Stage<'_>) {
    assert_eq!(stage.executor.active(), 0);
    let _created = stage.create(&Program::Cat);
    let processes = [stage.start(&Program::Cat).await, stage.start(&Program::Cat).await];
    assert_eq!(stage.executor.active(), 2);
    processes[0].close_stdin().await.unwrap();
    processes[0].wait().await.unwrap();
    assert_eq!(stage.executor.active(), 1);
}

pub async fn shutdown_ends_all_and_starts_no_more(stage: &Stage<'_>) {
    let created = stage.create(&Program::Cat);
    let processes = [stage.start(&Program::Sleep).await, stubborn(stage, AGES).await];
    stage.executor.shutdown(MOMENT).await;
    assert_eq!(stage.executor.active(), 0);
    assert_eq!(processes[0].wait().await.unwrap().exit_code(), 128 + 15);
    assert_eq!(processes[1].wait().await.unwrap().exit_code(), 128 + 9);
    assert!(created.start().await.is_err());
    stage.executor.shutdown(MOMENT).await;
}
