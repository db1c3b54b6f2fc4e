//! The life of one supervised process: how it ends, who is told, and what a controller can do meanwhile.

mod support;

use std::time::{Duration, Instant};

use perilune_exec_api::{Containment, EndReason, ExecErrorKind, OsSignal};
use perilune_exec_native::{Child, ChildOptions, ChildOutput, KillScope, Launch, OutputStream};
use rustix::process::Signal;
use support::{Collected, alive, block_on, child, numbers, says, signal, state, try_child, until};

const LONG: Duration = Duration::from_secs(60);
const STOP: OsSignal = OsSignal::TERM;

fn usr1() -> OsSignal {
    OsSignal::new(10).unwrap()
}

#[test]
fn end_of_its_own_is_told_to_all_who_wait() {
    block_on(async {
        let child = child("echo out; echo err >&2; exit 7", |_| ());
        assert_eq!((child.os_pid() > 1, child.containment()), (true, Containment::Scan));
        let child = std::sync::Arc::new(child);
        let waiting: Vec<_> = (0..3)
            .map(|_| (child.clone(), child.clone()))
            .map(|(one, other)| tokio::spawn(async move { (one.ended().await, other.finished().await) }))
            .collect();
        let a = child.finished().await;
        for waiting in waiting {
            assert_eq!(waiting.await.unwrap(), (a.exit.clone(), a.clone()));
        }
        assert_eq!((a.exit.code, a.exit.reason, a.exit.signal), (Some(7), EndReason::Exited, None));
        assert_eq!((a.leftovers.len(), a.left.len(), a.output_cut), (0, 0, false));
        assert_eq!(child.try_ended(), Some(a.exit));
        let output = child.output();
        assert_eq!(output.tail(OutputStream::Stdout), b"out\n");
        assert_eq!(output.tail(OutputStream::Stderr), b"err\n");
        assert_eq!((output.bytes(OutputStream::Stdout), output.bytes(OutputStream::Stderr)), (4, 4));
    });
}

#[test]
fn signal_from_outside_is_not_taken_for_a_stop() {
    block_on(async {
        let child = child("exec sleep 600", |_| ());
        assert_eq!(child.try_ended(), None);
        signal(child.os_pid(), Signal::KILL).unwrap();
        let exit = child.finished().await.exit;
        assert_eq!((exit.signal, exit.reason, exit.exit_code()), (Some(9), EndReason::Signaled, 137));
    });
}

#[test]
fn stop_tells_who_obeyed_from_who_was_forced() {
    block_on(async {
        let cases = [
            ("exec sleep 600; echo", LONG, (None, Some(15), EndReason::Stopped)),
            ("trap 'exit 0' TERM; echo; while :; do sleep 0.01; done", LONG, (Some(0), None, EndReason::Stopped)),
            ("trap 'exit 5' TERM; echo; while :; do sleep 0.01; done", LONG, (Some(5), None, EndReason::Stopped)),
            (
                "trap '' TERM; echo; while :; do sleep 600; done",
                Duration::from_millis(50),
                (None, Some(9), EndReason::StopTimeout),
            ),
        ];
        for (line, grace, expected) in cases {
            let child = child(line, |_| ());
            if line.contains("trap") {
                says(&child, "\n").await;
            }
            child.control().stop(STOP, grace, true).unwrap();
            let exit = child.finished().await.exit;
            assert_eq!((exit.code, exit.signal, exit.reason), expected, "{line}");
        }
    });
}

#[test]
fn stop_without_grace_asks_and_forces_at_once() {
    block_on(async {
        let child = child("trap '' TERM; echo; while :; do sleep 600; done", |_| ());
        says(&child, "\n").await;
        child.control().stop(STOP, Duration::ZERO, true).unwrap();
        assert_eq!(child.finished().await.exit.reason, EndReason::StopTimeout);
    });
}

#[test]
fn kill_ends_at_once_even_during_a_stop() {
    block_on(async {
        for stopped in [false, true] {
            let child = child("trap '' TERM; echo; while :; do sleep 600; done", |_| ());
            says(&child, "\n").await;
            let control = child.control();
            if stopped {
                control.stop(STOP, LONG, true).unwrap();
            }
            control.kill().unwrap();
            let exit = child.finished().await.exit;
            assert_eq!((exit.reason, exit.exit_code()), (EndReason::Killed, 137));
        }
    });
}

#[test]
fn what_comes_too_late_changes_nothing() {
    block_on(async {
        let child = child("exit 0", |_| ());
        child.ended().await;
        let control = child.control();
        assert!(control.has_ended());
        let late = [control.kill(), control.stop(STOP, LONG, true), control.ask(STOP), control.signal(usr1())];
        assert!(late.iter().all(|late| late.as_ref().is_err_and(|e| e.kind() == ExecErrorKind::AlreadyFinished)));
        assert_eq!(child.finished().await.exit.reason, EndReason::Exited);
    });
}

#[test]
fn controller_works_while_another_task_waits_and_from_a_plain_thread() {
    block_on(async {
        let child = child("trap 'echo one' USR1; trap 'exit 3' INT; echo; while :; do sleep 0.01; done", |_| ());
        says(&child, "\n").await;
        let (control, output) = (child.control(), child.output().clone());
        let waiting = tokio::spawn(async move { child.finished().await });
        let thread = |work: Box<dyn FnOnce() + Send>| std::thread::spawn(work).join().unwrap();
        let other = control.clone();
        thread(Box::new(move || other.signal(usr1()).unwrap()));
        until("it is told", || output.tail(OutputStream::Stdout) == b"\none\n").await;
        thread(Box::new(move || control.stop(OsSignal::INT, LONG, true).unwrap()));
        let exit = waiting.await.unwrap().exit;
        assert_eq!((exit.reason, exit.code), (EndReason::Stopped, Some(3)));
    });
}

#[test]
fn r7_suspended_process_obeys_a_stop() {
    block_on(async {
        let child = child("exec sleep 600", |_| ());
        child.control().signal(OsSignal::new(19).unwrap()).unwrap();
        until("it is suspended", || state(child.os_pid()) == Some('T')).await;
        child.control().stop(STOP, Duration::from_secs(2), true).unwrap();
        let exit = child.finished().await.exit;
        assert_eq!((exit.reason, exit.signal), (EndReason::Stopped, Some(15)));
    });
}

#[test]
fn r7_suspended_process_that_ignores_the_stop_is_forced_when_the_grace_is_over() {
    block_on(async {
        let child = child("trap '' TERM; echo; while :; do sleep 600; done", |_| ());
        says(&child, "\n").await;
        // The shell alone: suspended between fork and program, what it starts would keep it from being suspended, too.
        signal(child.os_pid(), Signal::STOP).unwrap();
        until("it is suspended", || state(child.os_pid()) == Some('T')).await;
        let start = Instant::now();
        child.control().stop(STOP, Duration::from_secs(2), true).unwrap();
        assert_eq!(child.finished().await.exit.reason, EndReason::StopTimeout);
        assert!(start.elapsed() >= Duration::from_secs(2));
    });
}

#[test]
fn stop_without_force_never_forces() {
    block_on(async {
        let child = child("trap 'echo asked' TERM; echo ready; while :; do sleep 0.01; done", |_| ());
        says(&child, "ready\n").await;
        child.control().stop(STOP, Duration::ZERO, false).unwrap();
        says(&child, "ready\nasked\n").await;
        assert_eq!(child.try_ended(), None);
        // The same request is not made twice; another is.
        child.control().ask(STOP).unwrap();
        child.control().ask(OsSignal::INT).unwrap();
        let finished = child.finished().await;
        assert_eq!((finished.exit.signal, finished.exit.reason), (Some(2), EndReason::Stopped));
        assert_eq!(child.output().tail(OutputStream::Stdout), b"ready\nasked\n");
    });
}

#[test]
fn stop_goes_on_when_nobody_waits_for_it() {
    block_on(async {
        let child = child("trap '' TERM; echo; while :; do sleep 600; done", |_| ());
        says(&child, "\n").await;
        child.control().stop(STOP, Duration::from_millis(100), true).unwrap();
        drop(tokio::time::timeout(Duration::from_millis(1), child.finished()).await);
        assert_eq!(child.finished().await.exit.reason, EndReason::StopTimeout);
    });
}

/// A leader that says its own number and that of somebody it started, who says when he is asked to end.
const FAMILY: &str = "sh -c 'trap \"echo 1\" TERM USR1; echo $$; while :; do sleep 0.01; done' & \
                      trap 'exit 4' TERM; wait";

#[test]
fn scope_group_asks_everybody() {
    block_on(async {
        let child = child(FAMILY, |_| ());
        let pid = numbers(&child, 1).await[0];
        child.control().stop(STOP, Duration::from_millis(200), true).unwrap();
        let finished = child.finished().await;
        assert!(finished.exit.code == Some(4) && finished.leftovers.contains(&pid), "{finished:?}");
        // Once, though the leader had gone before it obeyed.
        assert_eq!(child.output().tail(OutputStream::Stdout), format!("{pid}\n1\n").into_bytes());
    });
}

#[test]
fn scope_mixed_asks_the_leader_and_then_who_is_left() {
    block_on(async {
        let child = child(FAMILY, |options| {
            options.kill_scope = KillScope::Mixed;
            options.leftover_grace = Duration::from_millis(200);
        });
        let pid = numbers(&child, 1).await[0];
        child.control().stop(STOP, LONG, true).unwrap();
        let finished = child.finished().await;
        assert!(finished.exit.code == Some(4) && finished.leftovers.contains(&pid) && !alive(pid), "{finished:?}");
        assert_eq!(child.output().tail(OutputStream::Stdout), format!("{pid}\n1\n").into_bytes());
    });
}

#[test]
fn scope_leader_leaves_the_others_and_reports_them() {
    block_on(async {
        for force in [false, true] {
            let child = child(&FAMILY.replace("sleep 0.01", "sleep 0.1"), |options| {
                options.kill_scope = KillScope::Leader;
                options.drain_timeout = Duration::from_millis(50);
            });
            let pid = numbers(&child, 1).await[0];
            if force {
                child.control().kill().unwrap()
            } else {
                child.control().stop(STOP, LONG, true).unwrap()
            }
            let finished = child.finished().await;
            assert!(finished.left.contains(&pid) && finished.leftovers.is_empty() && alive(pid), "{finished:?}");
            assert!(finished.output_cut);
            signal(pid, Signal::KILL).unwrap();
        }
    });
}

#[test]
fn what_is_left_after_a_natural_end_is_swept_or_reported() {
    block_on(async {
        let line = "sleep 600 >/dev/null 2>&1 & echo $!; exit 0";
        let swept = child(line, |_| ());
        let finished = swept.finished().await;
        let pid = numbers(&swept, 1).await[0];
        assert_eq!((&finished.leftovers[..], alive(pid)), (&[pid][..], false));

        let spared = child(line, |options| options.sweep_on_exit = false);
        let finished = spared.finished().await;
        let pid = numbers(&spared, 1).await[0];
        assert_eq!((&finished.left[..], finished.leftovers.len(), alive(pid)), (&[pid][..], 0, true));
        signal(pid, Signal::KILL).unwrap();
    });
}

#[test]
fn drop_kills_or_leaves_it_running() {
    block_on(async {
        let dropped = child("sleep 600 & echo $!; echo $$; wait", |_| ());
        let pids = numbers(&dropped, 2).await;
        drop(dropped);
        until("both have ended", || !pids.iter().any(|pid| alive(*pid))).await;

        let sink = Collected::default();
        let go = tempfile::tempdir().unwrap();
        let line = format!("echo $$; while [ ! -e {}/go ]; do sleep 0.01; done; echo late", go.path().display());
        let detached = child(&line, |options| {
            options.kill_on_drop = false;
            options.stdout = vec![sink.sink()];
        });
        let pid = numbers(&detached, 1).await[0];
        let control = detached.control();
        drop(detached);
        assert!(alive(pid) && !control.has_ended());
        std::fs::write(go.path().join("go"), "").unwrap();
        // Read to its end, and reaped.
        until("it is gone", || state(pid).is_none()).await;
        until("all was read", || sink.is_told()).await;
        assert_eq!(String::from_utf8(sink.whole()).unwrap(), format!("{pid}\nlate\n"));
    });
}

#[test]
fn status_that_somebody_else_collects_is_lost_and_nobody_hangs() {
    use rustix::process::{WaitId, WaitIdOptions, waitid};

    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let collect = |child: &Child| {
        let pid = rustix::process::Pid::from_raw(child.os_pid() as i32).unwrap();
        signal(child.os_pid(), Signal::KILL).unwrap();
        waitid(WaitId::Pid(pid), WaitIdOptions::EXITED).unwrap().unwrap();
    };
    let start = || tokio.block_on(async { child("exec sleep 600", |_| ()) });
    // The runtime sleeps meanwhile, so nobody else sees the end.
    let child = start();
    collect(&child);
    assert!(child.control().signal(usr1()).is_err());
    let finished = tokio.block_on(child.finished());
    assert_eq!((finished.exit.code, finished.exit.signal, finished.exit.reason), (None, None, EndReason::Lost));

    // Whoever has seen the end before knows how it was.
    let child = start();
    signal(child.os_pid(), Signal::TERM).unwrap();
    block_on(until("it has ended", || state(child.os_pid()) == Some('Z')));
    let seen = child.try_ended().unwrap();
    collect(&child);
    let exit = tokio.block_on(child.finished()).exit;
    assert_eq!((seen.signal, exit.signal, exit.reason), (Some(15), Some(15), EndReason::Signaled));
}

#[test]
fn spawn_outside_of_a_runtime_is_an_error() {
    let error = Child::spawn(Launch::new("true"), ChildOptions::new("outside")).unwrap_err();
    assert!(error.to_string().contains("Tokio"), "{error}");
}

#[test]
fn child_may_be_dropped_outside_of_its_runtime_and_outlive_it() {
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let start = |line: &str| {
        let _inside = tokio.enter();
        child(line, |options| options.output = ChildOutput::new(100))
    };
    let (dropped, kept, stopped) = (start("exec sleep 600"), start("exec sleep 600"), start("exec sleep 600"));
    let pids = [dropped.os_pid(), kept.os_pid(), stopped.os_pid()];
    drop(dropped);
    block_on(until("it is gone", || state(pids[0]).is_none()));
    stopped.control().stop(STOP, LONG, true).unwrap();
    drop(tokio);
    block_on(until("they are gone", || pids.iter().all(|pid| state(*pid).is_none())));
    // Nobody is left who could tell, and those who ask are told all the same.
    assert_eq!(block_on(kept.finished()).exit.signal, Some(9));
    assert_eq!(block_on(stopped.finished()).exit.reason, EndReason::Stopped);
}

#[test]
fn control_group_limits_and_counts() {
    let parent = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].into_iter().map(std::path::Path::new);
    let own = |parent: &std::path::Path| parent.join(format!("perilune-child-{}", std::process::id()));
    let made = parent.filter(|parent| parent.join("cgroup.procs").exists()).find_map(|parent| {
        std::fs::create_dir(own(parent)).ok()?;
        Some(own(parent))
    });
    let Some(made) = made else {
        return println!("control_group_limits_and_counts: skipped, no control group can be made here");
    };
    block_on(async {
        let in_group = |cgroup: perilune_exec_native::CgroupOptions| {
            let cgroup = Some(cgroup);
            move |options: &mut ChildOptions| (options.containment, options.cgroup) = (Containment::Cgroup, cgroup)
        };
        let below = perilune_exec_native::CgroupOptions::below(&made);
        let held =
            child("(env -i setsid /bin/sh -c 'echo $$; sleep 600 & wait' &); sleep 600", in_group(below.clone()));
        let daemon = numbers(&held, 1).await[0];
        assert_eq!(held.containment(), Containment::Cgroup);
        held.control().stop(STOP, LONG, true).unwrap();
        held.finished().await;
        assert!(!alive(daemon));

        let mut limited = below.clone();
        limited.pids = Some(4);
        match try_child("sh", &["-c", "for i in 1 2 3 4 5 6; do sleep 600 & done; wait"], in_group(limited)) {
            Ok(limited) => assert_ne!(limited.finished().await.exit.code, Some(0)),
            Err(error) => println!("limits: skipped, {error}: the controllers are elsewhere"),
        }
        until("the folders are gone", || !std::fs::read_dir(&made).unwrap().any(|e| e.unwrap().path().is_dir())).await;

        // Without a group it is held as closely as can be; with limits that nobody could keep it is not started.
        let mut nowhere = perilune_exec_native::CgroupOptions::below("/no/such/group");
        let degraded = child("exit 0", in_group(nowhere.clone()));
        assert_eq!((degraded.containment(), degraded.finished().await.exit.code), (Containment::Scan, Some(0)));
        nowhere.memory = Some(1 << 20);
        assert!(try_child("true", &[], in_group(nowhere)).is_err());
    });
    std::fs::remove_dir(&made).unwrap();
}
