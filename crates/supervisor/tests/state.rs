//! What a supervisor left running is ended by the next one, and nothing else.

mod support;

use std::collections::HashMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use perilune_supervisor::process::ProcessId;
use perilune_supervisor::state::{PersistedProcessInstance, StateManager, end_left_overs};
use uuid::Uuid;

use support::{alive, number_in, until};

/// What a supervisor that was killed leaves: nobody sees to it any more.
fn left_by_somebody(run: Uuid, folder: &Path, script: &str) -> Child {
    let env: HashMap<_, _> = [("SUP_RUN_ID", run.to_string())].into();
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", script]).envs(env).current_dir(folder).stdin(Stdio::null());
    shell.spawn().unwrap()
}

#[tokio::test]
async fn tree_of_a_run_that_was_written_down_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let run = Uuid::new_v4();
    let script = "setsid sh -c 'echo $$ > daemon; exec sleep 600' & sh -c 'echo $PPID > leader'; exec sleep 600";
    let mut child = left_by_somebody(run, folder.path(), script);
    let daemon = number_in(&folder.path().join("daemon")).await;
    let leader = number_in(&folder.path().join("leader")).await;
    assert_eq!(leader, child.id());

    let path = folder.path().join("state.json");
    let mut before = StateManager::load_or_create(&path).unwrap();
    let mut instance = PersistedProcessInstance::new(ProcessId::new(), 0);
    instance.set_process(leader, run);
    before.state_mut().set_instance(instance);
    before.save().unwrap();

    let after = StateManager::load_or_create(&path).unwrap();
    let ended =
        tokio::task::spawn_blocking(move || end_left_overs(after.state(), Duration::from_secs(20))).await.unwrap();
    assert!(ended.found.contains(&leader) && ended.found.contains(&daemon), "{ended:?}");
    assert!(ended.left.is_empty(), "{ended:?}");
    assert!(!alive(leader) && !alive(daemon));
    child.wait().unwrap();
}

#[tokio::test]
async fn process_that_has_the_number_and_not_the_mark_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = left_by_somebody(Uuid::new_v4(), folder.path(), "echo $$ > begun; exec sleep 600");
    let os_pid = number_in(&folder.path().join("begun")).await;
    let mut state = StateManager::load_or_create(folder.path().join("state.json")).unwrap();
    let mut instance = PersistedProcessInstance::new(ProcessId::new(), 0);
    // The number, its start and the boot are right; the run is another.
    instance.set_process(os_pid, Uuid::new_v4());
    state.state_mut().set_instance(instance);
    let ended = end_left_overs(state.state(), Duration::ZERO);
    assert_eq!((ended.found.len(), ended.left.len()), (0, 0));
    assert!(alive(os_pid) && child.try_wait().unwrap().is_none());
    child.kill().unwrap();
    child.wait().unwrap();
    until("its end", || !alive(os_pid)).await;
}

#[tokio::test]
async fn what_ran_in_another_boot_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let run = Uuid::new_v4();
    let mut child = left_by_somebody(run, folder.path(), "echo $$ > begun; exec sleep 600");
    let os_pid = number_in(&folder.path().join("begun")).await;
    let mut state = StateManager::load_or_create(folder.path().join("state.json")).unwrap();
    let mut instance = PersistedProcessInstance::new(ProcessId::new(), 0);
    instance.set_process(os_pid, run);
    instance.boot_id = Some("00000000-0000-0000-0000-000000000000".to_owned());
    state.state_mut().set_instance(instance);
    assert!(end_left_overs(state.state(), Duration::ZERO).found.is_empty());
    assert!(child.try_wait().unwrap().is_none());
    child.kill().unwrap();
    child.wait().unwrap();
}
