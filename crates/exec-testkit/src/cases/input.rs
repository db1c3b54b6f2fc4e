use std::time::Duration;

use perilune_exec_api::{ExecErrorKind, OsSignal, StdinEof, StdinMode};

use super::starting::print;
use crate::program::Program;
use crate::stage::{Stage, beside, kind, read_all};

const QUIET: Duration = Duration::from_millis(50);

pub async fn input_arrives_and_ends(stage: &Stage<'_>) {
    let process = stage.start(&Program::Cat).await;
    for text in ["banana\n", "apple\n", "cherry\n"] {
        process.write_stdin(text.into()).await.unwrap();
    }
    process.close_stdin().await.unwrap();
    process.close_stdin().await.unwrap();
    assert_eq!(kind(process.write_stdin(b"more".to_vec()).await), ExecErrorKind::StdinClosed);
    assert_eq!(read_all(&*process.stdout().unwrap()).await, b"banana\napple\ncherry\n");
    assert!(process.wait().await.unwrap().success());
}

pub async fn empty_write_ends_the_input(stage: &Stage<'_>) {
    let process = stage.start(&Program::Cat).await;
    process.write_stdin(Vec::new()).await.unwrap();
    assert!(process.wait().await.unwrap().success());
}

pub async fn large_input_is_complete(stage: &Stage<'_>) {
    let process = stage.start(&Program::Cat).await;
    let stdout = process.stdout().unwrap();
    let reader = beside(async move { read_all(&*stdout).await });
    let data: Vec<u8> = (0..2_000_000_u32).map(|number| (number % 251) as u8).collect();
    process.write_stdin(data.clone()).await.unwrap();
    process.close_stdin().await.unwrap();
    assert!(reader.await.unwrap() == data);
}

pub async fn input_without_a_pipe_is_refused(stage: &Stage<'_>) {
    let mut request = stage.request(&Program::Cat);
    request.stdin = StdinMode::Null;
    let process = stage.start_request(request).await;
    assert_eq!(kind(process.write_stdin(b"x".to_vec()).await), ExecErrorKind::StdinClosed);
    assert_eq!(process.stdin_pending(), None);
    assert!(process.wait().await.unwrap().success());
}

pub async fn write_before_the_start_is_refused(stage: &Stage<'_>) {
    let process = stage.create(&Program::Cat);
    assert_eq!(kind(process.write_stdin(b"x".to_vec()).await), ExecErrorKind::NotStarted);
    assert_eq!(kind(process.close_stdin().await), ExecErrorKind::NotStarted);
}

pub async fn write_after_the_end_is_refused(stage: &Stage<'_>) {
    let process = stage.start(&print("", 0)).await;
    process.wait().await.unwrap();
    assert_eq!(kind(process.write_stdin(b"x".to_vec()).await), ExecErrorKind::StdinClosed);
}

pub async fn writer_that_is_held_up_learns_of_the_end(stage: &Stage<'_>) {
    let process = stage.start(&Program::Sleep).await;
    let writing = process.clone();
    let writer = beside(async move { writing.write_stdin(vec![b'x'; 1 << 20]).await });
    if stage.can("stdin_idle", |can| can.stdin_idle) {
        while process.stdin_pending() == Some(0) {
            tokio::task::yield_now().await;
        }
    }
    process.signal(OsSignal::KILL).unwrap();
    assert_eq!(kind(writer.await.unwrap()), ExecErrorKind::StdinClosed);
}

pub async fn input_ends_after_the_first_write_if_asked_for(stage: &Stage<'_>) {
    let mut request = stage.request(&Program::Cat);
    request.stdin_eof = Some(StdinEof::AfterFirstWrite);
    let process = stage.start_request(request).await;
    process.write_stdin(b"once".to_vec()).await.unwrap();
    assert_eq!(kind(process.write_stdin(b"twice".to_vec()).await), ExecErrorKind::StdinClosed);
    assert_eq!(read_all(&*process.stdout().unwrap()).await, b"once");
}

pub async fn input_is_idle_when_all_of_it_was_read(stage: &Stage<'_>) {
    if !stage.can("stdin_idle", |can| can.stdin_idle) {
        return;
    }
    let process = stage.start(&Program::Cat).await;
    assert!(tokio::time::timeout(QUIET * 3, process.stdin_idle(QUIET)).await.is_err(), "nothing was written");
    process.write_stdin(b"all of it".to_vec()).await.unwrap();
    process.stdin_idle(QUIET).await.unwrap();
    assert_eq!(process.stdin_pending(), Some(0));
    process.close_stdin().await.unwrap();
    assert_eq!(kind(process.stdin_idle(QUIET).await), ExecErrorKind::StdinClosed);
    assert_eq!(read_all(&*process.stdout().unwrap()).await, b"all of it");
}

pub async fn input_that_nobody_reads_is_not_idle(stage: &Stage<'_>) {
    if !stage.can("stdin_idle", |can| can.stdin_idle) {
        return;
    }
    let process = stage.start(&Program::Sleep).await;
    process.write_stdin(b"unread".to_vec()).await.unwrap();
    assert_eq!(process.stdin_pending(), Some(6));
    assert!(tokio::time::timeout(QUIET * 3, process.stdin_idle(QUIET)).await.is_err());
}

pub async fn idle_input_ends_if_asked_for(stage: &Stage<'_>) {
    if !stage.can("stdin_idle", |can| can.stdin_idle) {
        return;
    }
    let mut request = stage.request(&Program::Cat);
    request.stdin_eof = Some(StdinEof::Idle(QUIET));
    let process = stage.start_request(request).await;
    process.write_stdin(b"and that was it".to_vec()).await.unwrap();
    assert_eq!(read_all(&*process.stdout().unwrap()).await, b"and that was it");
    assert!(process.wait().await.unwrap().success());
}
