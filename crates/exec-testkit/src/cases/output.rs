use std::sync::Arc;

use perilune_exec_api::{ByteStream, ExecErrorKind, Stop};

use super::starting::print;
use crate::program::Program;
use crate::stage::{Stage, beside, kind, read_all};

/// Far more than a pipe holds.
const MUCH: usize = 8 << 20;

pub async fn output_arrives_in_order_and_then_ends(stage: &Stage<'_>) {
    let text: String = (0..2000).map(|line| format!("line {line}\n")).collect();
    let process = stage.create(&print(&text, 0));
    let stdout = process.stdout().unwrap();
    process.start().await.unwrap();
    assert_eq!(String::from_utf8(read_all(&*stdout).await).unwrap(), text);
    for _ in 0..3 {
        assert_eq!(stdout.read(1).await.unwrap(), None);
    }
}

pub async fn outputs_are_apart(stage: &Stage<'_>) {
    let process = stage.start(&Program::Print { out: "one".to_owned(), err: "two".to_owned(), code: 0 }).await;
    let (stdout, stderr) = (process.stdout().unwrap(), process.stderr().unwrap());
    assert_eq!(read_all(&*stderr).await, b"two");
    assert_eq!(read_all(&*stdout).await, b"one");
}

pub async fn read_gives_no_more_than_asked_for(stage: &Stage<'_>) {
    let process = stage.start(&print("abcdefg", 0)).await;
    let stdout = process.stdout().unwrap();
    assert_eq!(kind(stdout.read(0).await), ExecErrorKind::InvalidArgument);
    let mut all = Vec::new();
    while let Some(chunk) = stdout.read(3).await.unwrap() {
        assert!((1..=3).contains(&chunk.len()));
        all.extend(chunk);
    }
    assert_eq!(all, b"abcdefg");
}

/// Everything up to the end, waiting only for what is not there.
async fn read_what_is_there(stream: &dyn ByteStream, most: usize) -> Vec<u8> {
    let (mut all, mut buffer) = (Vec::new(), vec![0; most]);
    loop {
        match stream.try_read(&mut buffer) {
            Some(Ok(0)) => return all,
            Some(Ok(count)) => all.extend(&buffer[..count]),
            Some(Err(error)) => panic!("{error}"),
            None => match stream.read(most).await.expect("output") {
                Some(chunk) => all.extend(chunk),
                None => return all,
            },
        }
    }
}

pub async fn reads_that_do_not_wait_miss_nothing(stage: &Stage<'_>) {
    let text: String = (0..2000).map(|line| format!("line {line}\n")).collect();
    for most in [1000, 64 << 10] {
        let process = stage.start(&print(&text, 0)).await;
        let stdout = process.stdout().unwrap();
        assert_eq!(String::from_utf8(read_what_is_there(&*stdout, most).await).unwrap(), text);
        // Whether it is known at once or not.
        assert!(matches!(stdout.try_read(&mut [0]), None | Some(Ok(0))));
        assert_eq!(stdout.read(1).await.unwrap(), None);
    }
}

pub async fn read_that_does_not_wait_does_not_wait(stage: &Stage<'_>) {
    let process = stage.start(&Program::Cat).await;
    let stdout = process.stdout().unwrap();
    assert!(stdout.try_read(&mut [0; 4]).is_none());
    process.write_stdin(b"abc".to_vec()).await.unwrap();
    assert_eq!(stdout.read(1).await.unwrap(), Some(b"a".to_vec()));
    process.close_stdin().await.unwrap();
    assert_eq!(read_what_is_there(&*stdout, 1).await, b"bc");
}

pub async fn read_that_does_not_wait_is_refused_as_others_are(stage: &Stage<'_>) {
    let process = stage.start(&print("unread", 0)).await;
    let stdout = process.stdout().unwrap();
    assert!(matches!(stdout.try_read(&mut []).map(kind), Some(ExecErrorKind::InvalidArgument)));
    stdout.close();
    // A stream may leave the answer to `read`.
    assert!(stdout.try_read(&mut [0]).is_none_or(|read| kind(read) == ExecErrorKind::Closed));
    assert_eq!(kind(stdout.read(1).await), ExecErrorKind::Closed);
}

pub async fn reads_that_do_not_wait_get_what_was_kept_during_the_wait(stage: &Stage<'_>) {
    let process = stage.start(&Program::Flood(MUCH)).await;
    let stdout = process.stdout().unwrap();
    let waiting = process.clone();
    let waiter = beside(async move { waiting.wait().await.unwrap() });
    let output = read_what_is_there(&*stdout, 10_000).await;
    assert!(waiter.await.unwrap().success());
    assert_eq!(output.len(), MUCH);
    assert!(output.iter().all(|byte| *byte == b'x'));
}

pub async fn stream_is_the_same_every_time(stage: &Stage<'_>) {
    let process = stage.create(&Program::Cat);
    let (before, error) = (process.stdout().unwrap(), process.stderr().unwrap());
    process.start().await.unwrap();
    assert!(Arc::ptr_eq(&before, &process.stdout().unwrap()));
    assert!(Arc::ptr_eq(&error, &process.stderr().unwrap()));
    assert!(!Arc::ptr_eq(&before, &error));
}

pub async fn stream_taken_before_the_start_misses_nothing(stage: &Stage<'_>) {
    let process = stage.create(&print("early", 0));
    let stdout = process.stdout().unwrap();
    let reader = beside(async move { read_all(&*stdout).await });
    tokio::task::yield_now().await;
    process.start().await.unwrap();
    assert_eq!(reader.await.unwrap(), b"early");
}

pub async fn stream_can_be_read_after_the_wait(stage: &Stage<'_>) {
    let process = stage.start(&print("tail", 3)).await;
    let stdout = process.stdout().unwrap();
    assert_eq!(process.wait().await.unwrap().code, Some(3));
    process.close(Stop::Force);
    drop(process);
    assert_eq!(read_all(&*stdout).await, b"tail");
}

pub async fn unread_output_does_not_hold_up_the_wait(stage: &Stage<'_>) {
    let process = stage.start(&Program::Flood(MUCH)).await;
    assert!(process.wait().await.unwrap().success());
}

pub async fn taken_output_is_kept_during_the_wait(stage: &Stage<'_>) {
    let process = stage.start(&Program::Flood(MUCH)).await;
    let stdout = process.stdout().unwrap();
    assert!(process.wait().await.unwrap().success());
    let output = read_all(&*stdout).await;
    assert_eq!(output.len(), MUCH);
    assert!(output.iter().all(|byte| *byte == b'x'));
}

pub async fn dropped_read_loses_nothing(stage: &Stage<'_>) {
    let process = stage.start(&Program::Cat).await;
    let stdout = process.stdout().unwrap();
    let waiting = stdout.clone();
    let reader = beside(async move { waiting.read(1).await });
    tokio::task::yield_now().await;
    reader.abort();
    assert!(reader.await.is_err());
    process.write_stdin(b"abc".to_vec()).await.unwrap();
    process.close_stdin().await.unwrap();
    assert_eq!(read_all(&*stdout).await, b"abc");
}

pub async fn stream_of_a_closed_process_is_refused(stage: &Stage<'_>) {
    let process = stage.start(&Program::Cat).await;
    let before = process.stdout().unwrap();
    process.close(Stop::Graceful);
    assert_eq!(kind(process.stdout()), ExecErrorKind::Closed);
    assert_eq!(kind(process.stderr()), ExecErrorKind::Closed);
    assert!(read_all(&*before).await.is_empty());
    let never = stage.create(&Program::Cat);
    never.close(Stop::Force);
    assert_eq!(kind(never.stdout()), ExecErrorKind::Closed);
}

pub async fn closed_stream_refuses_reads(stage: &Stage<'_>) {
    let process = stage.start(&print("unread", 0)).await;
    let stdout = process.stdout().unwrap();
    stdout.close();
    stdout.close();
    assert_eq!(kind(stdout.read(1).await), ExecErrorKind::Closed);
    process.wait().await.unwrap();
    assert_eq!(kind(stdout.read(1).await), ExecErrorKind::Closed);
}

pub async fn closing_a_stream_ends_a_read_that_waits(stage: &Stage<'_>) {
    let process = stage.start(&Program::Sleep).await;
    let stdout = process.stdout().unwrap();
    let waiting = stdout.clone();
    let reader = beside(async move { waiting.read(1).await });
    tokio::task::yield_now().await;
    stdout.close();
    assert_eq!(kind(reader.await.unwrap()), ExecErrorKind::Closed);
}

pub async fn process_that_writes_to_a_closed_stream_ends(stage: &Stage<'_>) {
    let process = stage.start(&Program::Cat).await;
    process.stdout().unwrap().close();
    // Something else that is being started may have a copy of the stream until its program runs, so it can take a while.
    while process.write_stdin(b"to nobody".to_vec()).await.is_ok() {
        tokio::task::yield_now().await;
    }
    // A signal, or a code if the program would rather report it.
    assert!(!process.wait().await.unwrap().success());
}

pub async fn streams_of_a_failed_start_end(stage: &Stage<'_>) {
    let process = stage.create(&Program::Missing);
    let stdout = process.stdout().unwrap();
    let waiting = stdout.clone();
    let reader = beside(async move { waiting.read(1).await });
    tokio::task::yield_now().await;
    assert!(process.start().await.is_err());
    assert_eq!(reader.await.unwrap().unwrap(), None);
    assert_eq!(stdout.read(1).await.unwrap(), None);
}
