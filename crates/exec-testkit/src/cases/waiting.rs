use std::sync::Arc;
use std::time::Duration;

use perilune_exec_api::{EndReason, ExecErrorKind, ExecState, OsSignal, Process, Stop};

use super::starting::print;
use crate::program::Program;
use crate::stage::{Stage, beside, kind, read_all};

pub async fn exit_codes_are_reported(stage: &Stage<'_>) {
    for code in [0, 1, 2, 127, 255] {
        let exit = stage.start(&print("", code)).await.wait().await.unwrap();
        assert_eq!((exit.code, exit.signal, exit.reason), (Some(code), None, EndReason::Exited));
        assert_eq!((exit.exit_code(), exit.success()), (code, code == 0));
        assert!(exit.ended_at >= exit.started_at);
    }
}

pub async fn wait_before_the_start_is_refused(stage: &Stage<'_>) {
    let process = stage.create(&Program::Cat);
    assert_eq!(kind(process.wait().await), ExecErrorKind::NotStarted);
    assert_eq!(process.state(), ExecState::Created);
}

pub async fn wait_for_a_process_that_was_closed_before_is_refused(stage: &Stage<'_>) {
    let process = stage.create(&Program::Cat);
    process.close(Stop::Force);
    assert_eq!(kind(process.wait().await), ExecErrorKind::Closed);
}

pub async fn second_wait_repeats_the_exit(stage: &Stage<'_>) {
    let process = stage.start(&print("", 7)).await;
    let first = process.wait().await.unwrap();
    assert_eq!(process.wait().await.unwrap(), first);
    process.close(Stop::Force);
    assert_eq!(process.wait().await.unwrap(), first);
}

pub async fn all_who_wait_get_the_same_exit(stage: &Stage<'_>) {
    let process = stage.start(&Program::Line).await;
    let wait = |process: Arc<dyn Process>| beside(async move { process.wait().await.unwrap() });
    let waiters: Vec<_> = (0..8).map(|_| wait(process.clone())).collect();
    tokio::task::yield_now().await;
    process.write_stdin(b"go\n".to_vec()).await.unwrap();
    let exit = process.wait().await.unwrap();
    for waiter in waiters {
        assert_eq!(waiter.await.unwrap(), exit);
    }
}

pub async fn dropped_wait_changes_nothing(stage: &Stage<'_>) {
    let process = stage.start(&Program::Line).await;
    assert!(tokio::time::timeout(Duration::from_millis(20), process.wait()).await.is_err());
    assert_eq!(process.state(), ExecState::Running);
    let stdout = process.stdout().unwrap();
    process.write_stdin(b"still there\n".to_vec()).await.unwrap();
    assert_eq!(read_all(&*stdout).await, b"still there\n");
    assert!(process.wait().await.unwrap().success());
}

pub async fn others_may_read_and_write_during_a_wait(stage: &Stage<'_>) {
    let process = stage.start(&Program::Cat).await;
    let stdout = process.stdout().unwrap();
    let waiting = process.clone();
    let waiter = beside(async move { waiting.wait().await });
    for text in ["one", "two", "three"] {
        process.write_stdin(text.into()).await.unwrap();
        let mut all = Vec::new();
        while all.len() < text.len() {
            all.extend(stdout.read(100).await.unwrap().expect("not the end"));
        }
        assert_eq!(all, text.as_bytes());
    }
    process.close_stdin().await.unwrap();
    assert!(waiter.await.unwrap().unwrap().success());
}

pub async fn waited_for_process_is_closed(stage: &Stage<'_>) {
    let process = stage.start(&print("", 0)).await;
    process.wait().await.unwrap();
    assert_eq!(process.state(), ExecState::Closed);
    assert_eq!(kind(process.stdout()), ExecErrorKind::Closed);
    assert_eq!(kind(process.signal(OsSignal::TERM)), ExecErrorKind::AlreadyFinished);
    assert!(process.start().await.is_err());
}

/// Polls once.
async fn at_once<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
        std::task::Poll::Ready(value) => std::task::Poll::Ready(value),
        std::task::Poll::Pending => panic!("must not wait"),
    })
    .await
}

pub async fn no_read_waits_after_the_wait(stage: &Stage<'_>) {
    let text = "x".repeat(10_000);
    let process = stage.start(&print(&text, 0)).await;
    let (stdout, stderr) = (process.stdout().unwrap(), process.stderr().unwrap());
    process.wait().await.unwrap();
    let mut count = 0;
    while let Some(chunk) = at_once(stdout.read(1000)).await.unwrap() {
        count += chunk.len();
    }
    assert_eq!(count, text.len());
    assert_eq!(at_once(stderr.read(1)).await.unwrap(), None);
}
