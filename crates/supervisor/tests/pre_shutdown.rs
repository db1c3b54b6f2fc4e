//! Commands that run before a process is asked to end.

mod support;

use std::time::{Duration, Instant};

use perilune_supervisor::Surroundings;
use perilune_supervisor::shutdown::{ShutdownConfig, ShutdownError, run_pre_shutdown_commands};

use support::{PATIENCE, alive, bare, number_in, until};

fn config(commands: &[&str], timeout: Duration) -> ShutdownConfig {
    ShutdownConfig {
        pre_shutdown_commands: commands.iter().map(|text| (*text).to_owned()).collect(),
        pre_shutdown_timeout: timeout,
        ..ShutdownConfig::default()
    }
}

fn in_folder(folder: &tempfile::TempDir) -> Surroundings {
    let mut around = bare();
    around.work_dir = Some(folder.path().to_owned());
    around
}

#[tokio::test]
async fn commands_run_in_order_with_what_the_instance_has() {
    let folder = tempfile::tempdir().unwrap();
    let mut around = in_folder(&folder);
    around.env.insert("GREETING".to_owned(), "hello".to_owned());
    around.env.insert("SUP_NOTIFY_FD".to_owned(), "3".to_owned());
    around.os_pid = Some(4711);
    let commands = ["echo $GREETING $SUP_PID ${SUP_NOTIFY_FD-none} > out", "pwd >> out", "echo last >> out"];
    assert_eq!(run_pre_shutdown_commands(&config(&commands, PATIENCE), &around).await, []);
    let folder_name = folder.path().canonicalize().unwrap();
    let expected = format!("hello 4711 none\n{}\nlast\n", folder_name.display());
    assert_eq!(std::fs::read_to_string(folder.path().join("out")).unwrap(), expected);
}

#[tokio::test]
async fn failure_is_told_and_the_next_command_runs() {
    let folder = tempfile::tempdir().unwrap();
    let commands = ["exit 3", "kill -9 $$", "echo done > out"];
    let wrong = run_pre_shutdown_commands(&config(&commands, PATIENCE), &in_folder(&folder)).await;
    let failed = |text: &str| ShutdownError::PreShutdownFailed(text.to_owned());
    assert_eq!(wrong, [failed("`exit 3` ended with 3"), failed("`kill -9 $$` was ended by signal 9")]);
    assert!(folder.path().join("out").exists());
}

#[tokio::test]
async fn command_that_cannot_run_is_told() {
    let mut around = bare();
    around.work_dir = Some("/nonexistent".into());
    let wrong = run_pre_shutdown_commands(&config(&["true"], PATIENCE), &around).await;
    assert_eq!(wrong.len(), 1);
    assert!(wrong[0].to_string().starts_with("pre-shutdown command failed: `true` working directory"), "{}", wrong[0]);
}

#[tokio::test]
async fn time_is_for_all_of_them_together_and_ends_the_whole_tree() {
    let folder = tempfile::tempdir().unwrap();
    let hangs = "trap '' TERM; (trap '' TERM; sh -c 'echo $PPID > child'; while :; do sleep 600; done) & wait";
    let commands = ["true", hangs, "echo never > out"];
    let timeout = Duration::from_secs(2);
    let start = Instant::now();
    let wrong = run_pre_shutdown_commands(&config(&commands, timeout), &in_folder(&folder)).await;
    assert_eq!(wrong, [ShutdownError::Timeout(timeout)]);
    assert!(start.elapsed() >= timeout);
    let child = number_in(&folder.path().join("child")).await;
    assert!(!alive(child));
    assert!(!folder.path().join("out").exists());
}

#[tokio::test]
async fn who_stops_waiting_ends_the_command() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(&["sh -c 'echo $PPID > child'; sleep 600"], PATIENCE);
    let around = in_folder(&folder);
    let running = tokio::spawn(async move { run_pre_shutdown_commands(&config, &around).await });
    let command = number_in(&folder.path().join("child")).await;
    running.abort();
    until("the end of the command", || !alive(command)).await;
}

#[tokio::test]
async fn failures_are_told_without_secrets() {
    let around = bare();
    around.redactor.learn(["hunter2-correct-horse"]);
    let wrong = run_pre_shutdown_commands(&config(&["exit 3 # hunter2-correct-horse"], PATIENCE), &around).await;
    let [ShutdownError::PreShutdownFailed(reason)] = wrong.as_slice() else { panic!("{wrong:?}") };
    assert_eq!(reason, "`exit 3 # [REDACTED]` ended with 3");
}
