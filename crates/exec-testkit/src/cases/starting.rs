use std::collections::HashSet;

use perilune_exec_api::{CommandLine, ExecErrorKind, ExecRequest, ExecState, Process, Stop};

use crate::program::Program;
use crate::stage::{Stage, kind, read_all};

pub fn print(out: &str, code: i32) -> Program {
    Program::Print { out: out.to_owned(), err: String::new(), code }
}

pub async fn process_is_created_then_runs_then_has_exited(stage: &Stage<'_>) {
    let process = stage.create(&Program::Cat);
    assert_eq!((process.state(), process.os_pid()), (ExecState::Created, None));
    process.start().await.unwrap();
    assert_eq!(process.state(), ExecState::Running);
    let stdout = process.stdout().unwrap();
    process.close_stdin().await.unwrap();
    assert!(read_all(&*stdout).await.is_empty());
    // Its output has ended, it itself may need a moment.
    while process.state() == ExecState::Running {
        tokio::task::yield_now().await;
    }
    assert_eq!((process.state(), process.os_pid()), (ExecState::Exited, None));
    process.wait().await.unwrap();
    assert_eq!(process.state(), ExecState::Closed);
}

pub async fn program_that_is_missing_fails_the_start(stage: &Stage<'_>) {
    let process = stage.create(&Program::Missing);
    let error = process.start().await.unwrap_err();
    assert_eq!(error.kind(), ExecErrorKind::NotFound);
    assert!(!error.is_retryable());
    assert_eq!(stage.executor.active(), 0);
    assert_eq!(process.state(), ExecState::Closed);
    assert_eq!(kind(process.wait().await), ExecErrorKind::Closed);
}

pub async fn folder_that_is_missing_fails_the_start(stage: &Stage<'_>) {
    let mut request = stage.request(&Program::WorkDir);
    request.work_dir = Some("/there/is no/such folder".into());
    let process = stage.executor.create(request).unwrap();
    let error = process.start().await.unwrap_err();
    assert_eq!(error.kind(), ExecErrorKind::InvalidWorkDir);
    assert!(error.to_string().contains("/there/is no/such folder"), "{error}");
    assert_eq!(stage.executor.active(), 0);
}

pub async fn second_start_is_refused(stage: &Stage<'_>) {
    let process = stage.start(&Program::Cat).await;
    assert_eq!(kind(process.start().await), ExecErrorKind::AlreadyStarted);
    assert_eq!(stage.executor.active(), 1);
    process.close_stdin().await.unwrap();
    assert!(process.wait().await.unwrap().success());
}

pub async fn closed_process_does_not_start(stage: &Stage<'_>) {
    let process = stage.create(&Program::Cat);
    process.close(Stop::Graceful);
    assert_eq!(kind(process.start().await), ExecErrorKind::Closed);
    assert_eq!((process.state(), stage.executor.active()), (ExecState::Closed, 0));
}

pub async fn command_without_a_word_is_refused(stage: &Stage<'_>) {
    for command in [CommandLine::Auto("  ".to_owned()), CommandLine::Shell(String::new()), CommandLine::argv("", [""])]
    {
        assert_eq!(kind(stage.executor.create(ExecRequest::new(command))), ExecErrorKind::InvalidArgument);
    }
}

async fn output_of(process: &dyn Process) -> String {
    let stdout = process.stdout().unwrap();
    process.start().await.unwrap();
    let output = read_all(&*stdout).await;
    process.wait().await.unwrap();
    String::from_utf8(output).unwrap()
}

pub async fn variables_of_the_request_reach_the_process(stage: &Stage<'_>) {
    for value in ["", "a value", "ä=b\n'\"$x"] {
        let mut request = stage.request(&Program::Variable("GIVEN".to_owned()));
        request.env.insert("GIVEN".to_owned(), value.to_owned());
        assert_eq!(output_of(&*stage.executor.create(request).unwrap()).await, value);
    }
}

pub async fn environment_of_the_runtime_does_not_reach_the_process(stage: &Stage<'_>) {
    // Cargo sets it for every test.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    let process = stage.create(&Program::Variable("CARGO_MANIFEST_DIR".to_owned()));
    assert_eq!(output_of(&*process).await, "");
}

pub async fn process_runs_in_its_folder(stage: &Stage<'_>) {
    let folder = std::env::temp_dir().canonicalize().unwrap();
    let mut request = stage.request(&Program::WorkDir);
    request.work_dir = Some(folder.clone());
    let output = output_of(&*stage.executor.create(request).unwrap()).await;
    assert_eq!(output.trim_end(), folder.to_str().unwrap());
}

pub async fn ids_are_never_the_same(stage: &Stage<'_>) {
    let processes: Vec<_> = (0..20).map(|_| stage.create(&Program::Cat)).collect();
    let ids: HashSet<String> = processes.iter().map(|process| process.id().to_string()).collect();
    assert_eq!(ids.len(), processes.len());
}
