//! What a process started itself ends with it, however it tried to get away.

mod support;

use std::time::Duration;

use perilune_exec_api::{Containment, EndReason, ExecErrorKind, ExecRequest, ExecutorExt, OsSignal, Stop};
use perilune_exec_native::{NativeConfig, NativeExecutor};
use rustix::process::Signal;
use support::{alive, block_on, shell, signal, start, state, until};

/// A daemon with a session of its own whose parent is gone, and which has let go of all streams. It writes its pid into
/// `fd` 1 of who starts it.
const DAEMON: &str = "(setsid sh -c 'echo $$; exec >/dev/null 2>&1 </dev/null; sleep 600 & wait' &)";

#[test]
fn daemon_ends_with_the_close_of_its_process() {
    block_on(async {
        for stop in [Stop::Graceful, Stop::Force] {
            let executor = NativeExecutor::new();
            let mut started = start(&executor, shell(&format!("{DAEMON}; echo $$; sleep 600"))).await;
            let pids = [started.pid().await, started.pid().await];
            assert!(pids.iter().all(|pid| alive(*pid)));
            started.process.close(stop);
            started.process.swept().await;
            assert!(pids.iter().all(|pid| !alive(*pid)), "{pids:?}");
        }
    });
}

#[test]
fn daemon_ends_with_the_end_of_its_process() {
    block_on(async {
        let executor = NativeExecutor::new();
        let mut started = start(&executor, shell(&format!("{DAEMON}; read -r line"))).await;
        let daemon = started.pid().await;
        started.process.write_stdin(b"\n".to_vec()).await.unwrap();
        assert!(started.process.wait().await.unwrap().success());
        // The daemon and what it waits for.
        assert!(started.process.swept().await >= 1);
        assert!(!alive(daemon));
    });
}

#[test]
fn daemon_is_left_alone_if_asked_for() {
    block_on(async {
        let executor = NativeExecutor::new();
        let mut request = shell("setsid sleep 600 >/dev/null 2>&1 </dev/null & echo $!");
        request.sweep_on_exit = false;
        let mut started = start(&executor, request).await;
        let daemon = started.pid().await;
        assert_eq!(started.process.wait().await.unwrap().reason, EndReason::Exited);
        assert_eq!(started.process.swept().await, 0);
        assert!(alive(daemon));
        signal(daemon, Signal::KILL).unwrap();
    });
}

#[test]
fn group_level_takes_whoever_stayed() {
    block_on(async {
        let executor = NativeExecutor::new();
        let mut request = shell("sleep 600 & echo $!; sh -c 'sleep 600 & echo $!; wait'");
        request.containment = Containment::Group;
        let mut started = start(&executor, request).await;
        let pids = [started.pid().await, started.pid().await];
        started.process.close(Stop::Graceful);
        started.process.swept().await;
        assert!(pids.iter().all(|pid| !alive(*pid)), "{pids:?}");
    });
}

#[test]
fn stubborn_tree_ends_by_force() {
    block_on(async {
        let executor = NativeExecutor::new();
        let mut request = shell(
            "trap '' TERM HUP; sh -c 'echo $$; while :; do sleep 600; done' & setsid sh -c 'trap \"\" TERM; echo $$; while :; do sleep 600; done' & wait; while :; do sleep 600; done",
        );
        request.stop_grace = Some(Duration::from_millis(50));
        let mut started = start(&executor, request).await;
        let pids = [started.pid().await, started.pid().await];
        started.process.close(Stop::Graceful);
        let exit = started.process.wait().await.unwrap();
        assert_eq!((exit.reason, exit.exit_code()), (EndReason::StopTimeout, 137));
        started.process.swept().await;
        assert!(pids.iter().all(|pid| !alive(*pid)), "{pids:?}");
    });
}

#[test]
fn suspended_process_obeys_too() {
    block_on(async {
        let executor = NativeExecutor::new();
        let process = executor.start(shell("exec sleep 600")).await.unwrap();
        let os_pid = process.os_pid().unwrap();
        process.signal(OsSignal::new(19).unwrap()).unwrap();
        until("it is suspended", || state(os_pid) == Some('T')).await;
        process.close(Stop::Graceful);
        let exit = process.wait().await.unwrap();
        assert_eq!((exit.reason, exit.exit_code()), (EndReason::Stopped, 128 + 15));
    });
}

#[test]
fn signal_reaches_the_whole_group() {
    block_on(async {
        let executor = NativeExecutor::new();
        let line = "trap 'wait; echo outer; exit 3' USR1; sh -c 'trap \"echo inner; exit\" USR1; echo ready; while :; do sleep 0.01; done' & wait";
        let mut started = start(&executor, shell(line)).await;
        assert_eq!(started.line().await, "ready");
        started.process.signal(OsSignal::new(10).unwrap()).unwrap();
        let mut lines = [started.line().await, started.line().await];
        lines.sort();
        assert_eq!(lines, ["inner", "outer"]);
        assert_eq!(started.process.wait().await.unwrap().code, Some(3));
    });
}

#[test]
fn asked_processes_are_asked_once() {
    block_on(async {
        let executor = NativeExecutor::new();
        let count = "n=0; trap 'n=$((n+1))' TERM; echo ready; while [ $n = 0 ]; do sleep 0.01; done; i=0; while [ $i -lt 30 ]; do sleep 0.01; i=$((i+1)); done; echo $n";
        let mut request = shell(&format!("setsid sh -c '{}' & {count}; wait", count.replace('\'', "'\\''")));
        request.stop_grace = Some(Duration::from_secs(60));
        let mut started = start(&executor, request).await;
        assert_eq!([started.line().await, started.line().await], ["ready", "ready"]);
        started.process.close(Stop::Graceful);
        assert_eq!([started.line().await, started.line().await], ["1", "1"]);
        started.process.wait().await.unwrap();
    });
}

#[test]
fn output_is_complete_though_others_hold_the_pipe() {
    block_on(async {
        let executor = NativeExecutor::new();
        // The first obeys; the second neither obeys nor stays in the group.
        for holder in ["sleep 600", "setsid sh -c 'trap \"\" TERM; while :; do sleep 600; done'"] {
            let started = start(&executor, shell(&format!("{holder} & printf all; exit 4"))).await;
            assert_eq!(started.process.wait().await.unwrap().code, Some(4));
            assert_eq!(started.stdout.read(100).await.unwrap().unwrap(), b"all");
            assert_eq!(started.stdout.read(100).await.unwrap(), None);
            started.process.swept().await;
        }
    });
}

#[test]
fn drop_ends_the_tree() {
    block_on(async {
        let executor = NativeExecutor::new();
        let mut started = start(&executor, shell(&format!("{DAEMON}; echo $$; sleep 600"))).await;
        let pids = [started.pid().await, started.pid().await];
        drop(started);
        until("all have ended", || pids.iter().all(|pid| !alive(*pid))).await;
    });
}

#[test]
fn control_group_leaves_nothing() {
    let parent = std::path::Path::new("/sys/fs/cgroup/unified");
    let parent = if parent.join("cgroup.procs").exists() { parent } else { std::path::Path::new("/sys/fs/cgroup") };
    let own = parent.join(format!("perilune-test-{}", std::process::id()));
    if !parent.join("cgroup.procs").exists() || std::fs::create_dir(&own).is_err() {
        return println!("control_group_leaves_nothing: skipped, no control group can be made here");
    }
    block_on(async {
        let mut config = NativeConfig::default();
        config.cgroup = Some(own.clone());
        let executor = NativeExecutor::with(config);
        // Without the mark, in a session of its own, without a parent: nothing else would find it.
        let line = "(env -i setsid /bin/sh -c 'echo $$; exec >/dev/null 2>&1; sleep 600 & wait' &); sleep 600";
        let mut request: ExecRequest = shell(line);
        request.containment = Containment::Cgroup;
        let mut started = start(&executor, request).await;
        let daemon = started.pid().await;
        assert_eq!(std::fs::read_dir(&own).unwrap().filter(|e| e.as_ref().unwrap().path().is_dir()).count(), 1);
        started.process.close(Stop::Force);
        started.process.swept().await;
        assert!(!alive(daemon));
        until("its folder is gone", || !std::fs::read_dir(&own).unwrap().any(|e| e.unwrap().path().is_dir())).await;
    });
    std::fs::remove_dir(&own).unwrap();
    let mut config = NativeConfig::default();
    config.cgroup = Some(own);
    let executor = NativeExecutor::with(config);
    let mut request = shell("true");
    request.containment = Containment::Cgroup;
    let refused = block_on(async { executor.start(request).await.err().unwrap() });
    assert_eq!(refused.kind(), ExecErrorKind::PermissionDenied);
}
