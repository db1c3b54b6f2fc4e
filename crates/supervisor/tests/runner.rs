//! A runner, from its start to every end it can come to.

mod support;

use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use perilune_exec_api::{Containment, EndReason, EnvMode};
use perilune_supervisor::SupervisionOptions;
use perilune_supervisor::log::LogStream;
use perilune_supervisor::process::{ProcessError, ProcessRunner, ProcessSpec, ProcessState};
use perilune_supervisor::shutdown::{KillScope, ShutdownConfig};
use support::{alive, block_on, kill, program, ready, shell, sized, started, state, until};

const LONG: Duration = Duration::from_secs(60);
const STUBBORN: &str = "trap '' TERM; echo; while :; do sleep 600; done";

fn stopped(exit_code: impl Into<Option<i32>>) -> ProcessState {
    ProcessState::Stopped { exit_code: exit_code.into() }
}

fn crashed(exit_code: impl Into<Option<i32>>) -> ProcessState {
    ProcessState::Crashed { exit_code: exit_code.into() }
}

fn is_invalid(result: Result<(), ProcessError>) -> bool {
    matches!(result, Err(ProcessError::InvalidState(_)))
}

fn with_shutdown(line: &str, set: impl FnOnce(&mut ShutdownConfig)) -> ProcessSpec {
    let mut spec = shell(line);
    set(&mut spec.shutdown);
    spec
}

#[test]
fn example_of_a_life() {
    block_on(async {
        let spec = ProcessSpec::builder()
            .name("agent")
            .command("sleep")
            .args(["600"])
            .env("ANTHROPIC_API_KEY", "a key")
            .cwd("/")
            .build();
        let mut runner = ProcessRunner::new(spec, 0);
        runner.start().unwrap();
        assert!(runner.state().is_running());
        assert!(runner.pid().is_some());
        let start = Instant::now();
        runner.stop(LONG).await.unwrap();
        assert!(runner.state().has_exited());
        assert_eq!(runner.state(), &stopped(None));
        assert!(start.elapsed() < LONG, "{:?}", start.elapsed());
    });
}

#[test]
fn example_of_a_process_that_ends_well() {
    block_on(async {
        let spec = ProcessSpec::builder().name("task").command("sh").args(["-c", "echo hello && exit 0"]).build();
        let mut runner = ProcessRunner::new(spec, 0);
        runner.start().unwrap();
        let status = runner.wait().await;
        assert!(status.is_some());
        assert!(status.unwrap().success());
        assert!(matches!(runner.state(), ProcessState::Stopped { exit_code: Some(0) }));
        assert_eq!(runner.recent_output(LogStream::Stdout), b"hello\n");
    });
}

#[test]
fn example_of_a_process_that_fails() {
    block_on(async {
        let spec = ProcessSpec::builder().name("failing-task").command("sh").args(["-c", "exit 1"]).build();
        let mut runner = ProcessRunner::new(spec, 0);
        runner.start().unwrap();
        let status = runner.wait().await;
        assert!(!status.unwrap().success());
        assert!(matches!(runner.state(), ProcessState::Crashed { exit_code: Some(1) }));
    });
}

#[test]
fn inv_0009_a_start_is_remembered_and_a_failure_is_not_one() {
    block_on(async {
        let mut runner = ProcessRunner::new(program("there-is-no-such-program"), 0);
        assert_eq!((runner.state(), runner.started_at(), runner.run_id()), (&stopped(None), None, None));
        runner.start().unwrap_err();
        assert_eq!((runner.started_at(), runner.run_id().is_some()), (None, true));

        let mut runner = started(shell("exit 3"));
        let (first, run) = (runner.started_at(), runner.run_id());
        assert!(first.is_some());
        runner.wait().await.unwrap();
        assert_eq!((runner.started_at(), runner.run_id()), (first, run));
        runner.start().unwrap();
        assert!(runner.started_at() >= first && runner.run_id() != run);
        assert_eq!((runner.exit_code(), runner.last_exit()), (None, None));
    });
}

#[test]
#[should_panic(expected = "there is no instance 1")]
fn inv_0010_a_runner_of_a_missing_instance_panics() {
    let _ = ProcessRunner::new(program("true"), 1);
}

#[test]
fn ctr_0005_start_fails_while_it_runs_and_touches_nothing() {
    block_on(async {
        let mut runner = ready(STUBBORN).await;
        let (pid, run) = (runner.pid(), runner.run_id());
        assert!(is_invalid(runner.start()));
        assert_eq!((runner.state(), runner.pid(), runner.run_id()), (&ProcessState::Running, pid, run));
        // Also while it stops.
        drop(tokio::time::timeout(Duration::from_millis(1), runner.stop(LONG)).await);
        assert_eq!((runner.state(), runner.pid(), runner.last_pid()), (&ProcessState::Stopping, None, pid));
        assert!(is_invalid(runner.start()));
        assert!(alive(pid.unwrap()));
    });
}

#[test]
fn ctr_0006_stop_fails_unless_it_runs() {
    block_on(async {
        let mut runner = ProcessRunner::new(shell(STUBBORN), 0);
        assert!(is_invalid(runner.stop(LONG).await));
        runner.start().unwrap();
        until("it is ready", || !runner.recent_output(LogStream::Stdout).is_empty()).await;
        drop(tokio::time::timeout(Duration::from_millis(1), runner.stop(LONG)).await);
        assert!(is_invalid(runner.stop(LONG).await));
        runner.kill().await.unwrap();
        assert_eq!(runner.state(), &ProcessState::Terminated);
        assert!(is_invalid(runner.stop(LONG).await));
    });
}

#[test]
fn ctr_0007_stop_asks_and_then_forces() {
    block_on(async {
        let mut obeys = ready("trap 'echo asked; exit 0' TERM; echo; while :; do sleep 0.01; done").await;
        obeys.stop(LONG).await.unwrap();
        assert_eq!(obeys.recent_output(LogStream::Stdout), b"\nasked\n");
        let mut refuses = ready(STUBBORN).await;
        let start = Instant::now();
        refuses.stop(Duration::from_millis(300)).await.unwrap();
        assert!(start.elapsed() >= Duration::from_millis(300));
        assert_eq!((obeys.state(), refuses.state()), (&stopped(0), &ProcessState::Terminated));
    });
}

#[test]
fn every_stop_ends_in_the_state_that_its_status_says() {
    block_on(async {
        let handler = |code: u32| format!("trap 'exit {code}' TERM; echo; while :; do sleep 0.01; done");
        let short = Duration::from_millis(50);
        let cases = [
            (handler(0), LONG, stopped(0), Some(0), EndReason::Stopped),
            (handler(5), LONG, stopped(5), Some(5), EndReason::Stopped),
            ("echo; exec sleep 600".to_owned(), LONG, stopped(None), Some(143), EndReason::Stopped),
            (STUBBORN.to_owned(), short, ProcessState::Terminated, Some(137), EndReason::StopTimeout),
            (STUBBORN.to_owned(), Duration::ZERO, ProcessState::Terminated, Some(137), EndReason::StopTimeout),
        ];
        for (line, grace, end, code, reason) in cases {
            let mut runner = ready(&line).await;
            runner.stop(grace).await.unwrap();
            assert_eq!((runner.state(), runner.exit_code()), (&end, code), "{line}");
            assert_eq!(runner.last_exit().map(|exit| exit.reason), Some(reason));
            // It has been told, and there is nobody left to wait for.
            assert_eq!((runner.wait().await, runner.try_wait(), runner.pid()), (None, None, None));
        }
    });
}

#[test]
fn every_natural_end_has_its_state() {
    block_on(async {
        let cases = [
            ("exit 0", stopped(0), 0, None),
            ("exit 77", crashed(77), 77, None),
            ("kill -KILL $$", crashed(None), 137, Some(9)),
            ("kill -TERM $$", crashed(None), 143, Some(15)),
            ("kill -SEGV $$", crashed(None), 139, Some(11)),
        ];
        for (line, end, code, signal) in cases {
            // The same whether somebody waits or looks.
            let mut waits = started(shell(line));
            let status = waits.wait().await.unwrap();
            assert_eq!((waits.state(), waits.exit_code(), status.signal()), (&end, Some(code), signal), "{line}");
            let mut looks = started(shell(line));
            let mut status = None;
            until("it has ended", || {
                status = status.or(looks.try_wait());
                status.is_some()
            })
            .await;
            assert_eq!((looks.state(), looks.exit_code()), (&end, Some(code)), "{line}");
            assert_eq!(status.unwrap().code(), waits.last_exit().unwrap().code);
            assert_eq!((looks.wait().await, looks.try_wait()), (None, None));
        }
    });
}

#[test]
fn kill_is_at_once_whatever_is_under_way() {
    block_on(async {
        let mut idle = ProcessRunner::new(shell("exit 0"), 0);
        assert!(is_invalid(idle.kill().await));
        for stopping in [false, true] {
            let mut runner = ready(STUBBORN).await;
            if stopping {
                drop(tokio::time::timeout(Duration::from_millis(1), runner.stop(LONG)).await);
            }
            runner.kill().await.unwrap();
            assert_eq!((runner.state(), runner.exit_code()), (&ProcessState::Terminated, Some(137)));
        }
        // What had ended before keeps its end.
        let mut ended = started(shell("exit 3"));
        let pid = ended.last_pid().unwrap();
        until("it has ended", || !alive(pid)).await;
        ended.kill().await.unwrap();
        assert_eq!(ended.state(), &crashed(3));
    });
}

#[test]
fn stop_of_one_that_has_ended_unseen_is_its_own_end() {
    block_on(async {
        let mut runner = started(shell("exit 3"));
        let pid = runner.last_pid().unwrap();
        until("it has ended", || !alive(pid)).await;
        assert_eq!(runner.state(), &ProcessState::Running);
        runner.stop(LONG).await.unwrap();
        assert_eq!((runner.state(), runner.exit_code()), (&crashed(3), Some(3)));
    });
}

#[test]
fn one_that_has_ended_unseen_can_be_started_again_and_not_signalled() {
    block_on(async {
        let mut runner = started(shell("exit 3"));
        let pid = runner.last_pid().unwrap();
        until("it has ended", || !alive(pid)).await;
        assert!(is_invalid(runner.signal("HUP")));
        assert_eq!(runner.state(), &crashed(3));
        runner.start().unwrap();
        let pid = runner.last_pid().unwrap();
        until("it has ended", || !alive(pid)).await;
        runner.start().unwrap();
        assert!(runner.state().is_running());
    });
}

#[test]
fn starts_that_fail_say_why_and_leave_a_crash() {
    block_on(async {
        let mut bad_folder = program("true");
        bad_folder.cwd = Some("/no/such/folder".into());
        let mut bad_spec = program("true");
        bad_spec.args = vec!["a\0b".to_owned()];
        let mut bad_signal = program("true");
        bad_signal.shutdown.signal = "SIGNOTHING".to_owned();
        let cases = [
            (program("there-is-no-such-program"), "`there-is-no-such-program` not found", 127),
            (bad_folder, "`/no/such/folder`", 126),
            (program("/etc"), "`/etc` cannot be executed", 126),
            (bad_spec, "argument 1", 126),
            (bad_signal, "SIGNOTHING", 126),
        ];
        for (spec, text, code) in cases {
            let mut runner = ProcessRunner::new(spec, 0);
            let error = runner.start().unwrap_err();
            assert!(matches!(&error, ProcessError::SpawnFailed(why) if why.starts_with("`worker`: ")), "{error}");
            assert!(error.to_string().contains(text), "{error}");
            assert_eq!((runner.state(), runner.pid(), runner.exit_code()), (&crashed(None), None, Some(code)));
            assert!(runner.last_exit().is_none() && !runner.is_retryable());
            assert_eq!(runner.wait().await, None);
            // It is idle, and may be tried again.
            assert!(matches!(runner.start(), Err(ProcessError::SpawnFailed(_))));
        }
    });
}

#[test]
fn start_outside_of_a_runtime_is_an_error() {
    let mut runner = ProcessRunner::new(program("true"), 0);
    let error = runner.start().unwrap_err();
    assert!(error.to_string().contains("Tokio runtime"), "{error}");
    assert_eq!(runner.state(), &crashed(None));
}

#[test]
fn signals_reach_it_by_name_and_by_number() {
    block_on(async {
        let mut idle = ProcessRunner::new(shell("exit 0"), 0);
        assert!(is_invalid(idle.signal("HUP")));
        let mut runner = ready("trap 'echo one' USR1; trap 'echo two' HUP; echo; while :; do sleep 0.01; done").await;
        let written = |runner: &ProcessRunner| runner.recent_output(LogStream::Stdout);
        runner.signal("SIGUSR1").unwrap();
        until("it has it", || written(&runner) == b"\none\n").await;
        runner.signal(1).unwrap();
        until("it has it", || written(&runner) == b"\none\ntwo\n").await;
        for bad in ["nothing", "0", "65", ""] {
            assert!(matches!(runner.signal(bad), Err(ProcessError::SignalFailed(_))), "{bad:?}");
        }
        drop(tokio::time::timeout(Duration::ZERO, runner.stop(LONG)).await);
        assert!(is_invalid(runner.signal("HUP")));
    });
}

#[test]
fn signal_that_ends_it_is_no_stop() {
    block_on(async {
        let mut runner = ready("echo; exec sleep 600").await;
        runner.signal("TERM").unwrap();
        assert_eq!(runner.wait().await.unwrap().signal(), Some(15));
        assert_eq!(runner.state(), &crashed(None));
        let mut runner = ready("echo; exec sleep 600").await;
        kill("KILL", runner.pid().unwrap());
        runner.wait().await.unwrap();
        assert_eq!((runner.state(), runner.exit_code()), (&crashed(None), Some(137)));
    });
}

#[test]
fn controller_ends_it_while_another_task_waits() {
    block_on(async {
        let idle = ProcessRunner::new(shell("exit 0"), 0).controller();
        assert!(is_invalid(idle.stop(LONG)) && is_invalid(idle.kill()) && is_invalid(idle.signal("HUP")));
        for (line, force, end) in [
            ("trap 'exit 4' TERM; echo; while :; do sleep 0.01; done", false, stopped(4)),
            (STUBBORN, true, ProcessState::Terminated),
        ] {
            let mut runner = ready(line).await;
            let controller = runner.controller();
            let waiting = tokio::spawn(async move {
                runner.wait().await.unwrap();
                runner
            });
            let other = controller.clone();
            let ask = move || if force { other.kill() } else { other.stop(LONG) };
            std::thread::spawn(ask).join().unwrap().unwrap();
            let mut runner = waiting.await.unwrap();
            assert_eq!(runner.state(), &end);
            // Whatever comes next is not its affair.
            runner.start().unwrap();
            assert!(is_invalid(controller.kill()));
            assert!(runner.state().is_running() && alive(runner.pid().unwrap()));
        }
    });
}

#[test]
fn what_a_controller_began_is_seen_by_the_runner() {
    block_on(async {
        let mut runner = ready(STUBBORN).await;
        runner.controller().stop(LONG).unwrap();
        assert_eq!(runner.try_wait(), None);
        assert_eq!((runner.state(), runner.pid()), (&ProcessState::Stopping, None));
        assert!(is_invalid(runner.stop(LONG).await) && is_invalid(runner.start()));
        runner.controller().stop(Duration::ZERO).unwrap();
        assert_eq!(runner.wait().await.unwrap().signal(), Some(9));
        assert_eq!(runner.state(), &ProcessState::Terminated);
    });
}

#[test]
fn waits_and_stops_may_be_given_up() {
    block_on(async {
        let mut runner = ready(STUBBORN).await;
        drop(tokio::time::timeout(Duration::from_millis(5), runner.wait()).await);
        assert_eq!(runner.state(), &ProcessState::Running);
        drop(tokio::time::timeout(Duration::from_millis(5), runner.stop(Duration::from_millis(200))).await);
        assert_eq!(runner.state(), &ProcessState::Stopping);
        // Nobody waits, and yet it is forced.
        let pid = runner.last_pid().unwrap();
        until("it is gone", || !alive(pid)).await;
        assert_eq!(runner.wait().await.unwrap().signal(), Some(9));
        assert_eq!(runner.state(), &ProcessState::Terminated);
    });
}

#[test]
fn stop_without_force_says_that_it_was_outlived() {
    block_on(async {
        let mut spec = with_shutdown(STUBBORN, |shutdown| shutdown.force_kill = false);
        spec.shutdown.signal = "usr1".to_owned();
        spec.args[1] = "trap '' USR1; echo; while :; do sleep 600; done".to_owned();
        let mut runner = started(spec);
        until("it is ready", || !runner.recent_output(LogStream::Stdout).is_empty()).await;
        let error = runner.stop(Duration::from_millis(50)).await.unwrap_err();
        assert!(matches!(&error, ProcessError::SignalFailed(why) if why.contains("outlived")), "{error}");
        assert_eq!(runner.state(), &ProcessState::Stopping);
        runner.kill().await.unwrap();
        assert_eq!(runner.state(), &ProcessState::Terminated);
    });
}

#[test]
fn r7_suspended_process_is_stopped_all_the_same() {
    block_on(async {
        let mut obeys = ready("echo; exec sleep 600").await;
        let mut refuses = ready(STUBBORN).await;
        for pid in [obeys.pid().unwrap(), refuses.pid().unwrap()] {
            kill("STOP", pid);
            until("it is suspended", || state(pid) == Some('T')).await;
        }
        obeys.stop(Duration::from_secs(2)).await.unwrap();
        let start = Instant::now();
        refuses.stop(Duration::from_secs(2)).await.unwrap();
        let took = start.elapsed();
        println!("r7: forced after {took:.2?}");
        assert!(took >= Duration::from_secs(2));
        // A second is promised; in a normal run others may have most of the machine.
        assert!(took < Duration::from_secs(sized(10, 3)), "{took:?}");
        assert_eq!((obeys.state(), refuses.state()), (&stopped(None), &ProcessState::Terminated));
    });
}

#[test]
fn stop_is_over_when_nothing_is_left() {
    block_on(async {
        // The leader obeys, and what it started does not.
        let line = "sh -c 'trap \"\" TERM; echo $$; while :; do sleep 600; done' & trap 'exit 0' TERM; wait; wait";
        for scope in [KillScope::Group, KillScope::Mixed] {
            let mut runner = started(with_shutdown(line, |shutdown| {
                shutdown.kill_scope = scope;
                shutdown.leftover_grace = Duration::from_millis(100);
            }));
            until("it is ready", || !runner.recent_output(LogStream::Stdout).is_empty()).await;
            let pid = String::from_utf8(runner.recent_output(LogStream::Stdout)).unwrap().trim().parse().unwrap();
            runner.stop(LONG).await.unwrap();
            assert_eq!(runner.state(), &stopped(0));
            assert!(!alive(pid) && runner.leftovers_killed().contains(&pid), "{:?}", runner.leftovers_killed());
        }
    });
}

#[test]
fn scope_leader_reports_who_is_left() {
    block_on(async {
        let line = "sleep 600 >/dev/null 2>&1 & echo $!; wait";
        let mut runner = started(with_shutdown(line, |shutdown| shutdown.kill_scope = KillScope::Leader));
        until("it is ready", || runner.recent_output(LogStream::Stdout).ends_with(b"\n")).await;
        let pid = String::from_utf8(runner.recent_output(LogStream::Stdout)).unwrap().trim().parse().unwrap();
        runner.stop(LONG).await.unwrap();
        assert_eq!((runner.state(), runner.leftovers_left(), alive(pid)), (&stopped(None), &[pid][..], true));
        kill("KILL", pid);
    });
}

#[test]
fn natural_end_takes_along_what_was_left() {
    block_on(async {
        let mut runner = started(shell("sleep 600 & echo $!; exit 2"));
        assert_eq!(runner.wait().await.unwrap().code(), Some(2));
        let pid = String::from_utf8(runner.recent_output(LogStream::Stdout)).unwrap().trim().parse().unwrap();
        assert!(!alive(pid));
        assert_eq!((runner.state(), runner.leftovers_killed()), (&crashed(2), &[pid][..]));
    });
}

#[test]
fn drop_kills_or_detaches() {
    block_on(async {
        let runner = started(shell("sleep 600 & echo; wait"));
        let pid = runner.pid().unwrap();
        drop(runner);
        until("it is gone", || state(pid).is_none()).await;

        let folder = tempfile::tempdir().unwrap();
        let go = folder.path().join("go");
        let line = format!("while [ ! -e {0} ]; do sleep 0.01; done; echo x; rm {0}", go.display());
        let runner = started(with_shutdown(&line, |shutdown| shutdown.kill_on_drop = false));
        let pid = runner.pid().unwrap();
        drop(runner);
        std::fs::write(&go, "").unwrap();
        until("it has gone on", || !go.exists()).await;
        until("it is gone", || state(pid).is_none()).await;
    });
}

#[test]
fn drop_works_outside_of_a_runtime_and_after_it() {
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (before, after) = {
        let _inside = tokio.enter();
        (started(shell("sleep 600 & wait")), started(shell("sleep 600 & wait")))
    };
    let pids = [before.pid().unwrap(), after.pid().unwrap()];
    drop(before);
    block_on(until("it is gone", || state(pids[0]).is_none()));
    drop(tokio);
    drop(after);
    block_on(until("it is gone", || state(pids[1]).is_none()));
}

#[test]
fn subscriber_before_the_start_misses_nothing() {
    block_on(async {
        let mut runner = ProcessRunner::new(shell("echo out; echo err >&2"), 0);
        for _ in 0..2 {
            let mut receiver = runner.subscribe_output();
            runner.start().unwrap();
            runner.wait().await.unwrap();
            let (mut out, mut err) = (Vec::new(), Vec::new());
            while let Some(chunk) = receiver.recv().await {
                let to = if chunk.stream == LogStream::Stdout { &mut out } else { &mut err };
                to.extend_from_slice(&chunk.bytes);
            }
            assert_eq!((&out[..], &err[..], receiver.missed()), (&b"out\n"[..], &b"err\n"[..], 0));
            assert_eq!((runner.output_bytes(LogStream::Stdout), runner.output_bytes(LogStream::Stderr)), (4, 4));
        }
    });
}

#[test]
fn process_finds_what_its_spec_and_options_say() {
    block_on(async {
        let mut spec = shell("env; pwd; umask; ls /proc/self/fd | tr '\\n' ' '");
        spec.env.insert("SUP_NAME".to_owned(), "mine".to_owned());
        spec.env.insert("SUP_RUN_ID".to_owned(), "not mine".to_owned());
        spec.cwd = Some("/".into());
        spec.log.merge_stderr = true;
        let mut options = SupervisionOptions::default();
        options.env_mode = EnvMode::Clean;
        options.umask = Some(0o027);
        options.containment = Containment::Group;
        let mut runner = ProcessRunner::try_new(spec, 0, options, None).unwrap();
        runner.start().unwrap();
        assert_eq!(runner.containment(), Some(Containment::Group));
        runner.wait().await.unwrap();
        let text = String::from_utf8(runner.recent_output(LogStream::Stdout)).unwrap();
        let has = |line: &str| text.lines().any(|found| found == line);
        assert!(has("SUP_NAME=mine") && has("SUP_INSTANCE=0") && has("/") && has("0027"), "{text}");
        assert!(has(&format!("SUP_RUN_ID={}", runner.run_id().unwrap())), "{text}");
        assert!(text.ends_with("0 1 2 3 "), "{text}");
        // The rest of this program's variables it has only if it is to.
        let own = std::env::vars().find(|(name, _)| name.starts_with("CARGO")).unwrap();
        assert!(!has(&format!("{}={}", own.0, own.1)), "{text}");
        let mut inherits = started(shell("env"));
        inherits.wait().await.unwrap();
        let text = String::from_utf8(inherits.recent_output(LogStream::Stdout)).unwrap();
        assert!(text.lines().any(|found| found == format!("{}={}", own.0, own.1)), "{text}");
    });
}

#[test]
fn log_files_have_everything_when_a_wait_or_a_stop_is_over() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let (out, all) = (folder.path().join("logs/out"), folder.path().join("logs/all"));
        let mut spec = shell("echo first; echo error >&2; printf 'no end'");
        (spec.log.out_file, spec.log.combined_file) = (Some(out.clone()), Some(all.clone()));
        let mut runner = ProcessRunner::new(spec, 0);
        for runs in 1..=3 {
            runner.start().unwrap();
            runner.wait().await.unwrap();
            // The next run appends.
            assert_eq!(std::fs::read_to_string(&out).unwrap(), "first\nno end".repeat(runs));
        }
        assert_eq!(std::fs::read_to_string(&all).unwrap().matches("error\n").count(), 3);

        let mut spec = shell("trap 'echo last; exit' TERM; echo; while :; do sleep 0.01; done");
        spec.log.out_file = Some(folder.path().join("stopped"));
        let mut runner = started(spec);
        until("it is ready", || !runner.recent_output(LogStream::Stdout).is_empty()).await;
        runner.stop(LONG).await.unwrap();
        assert_eq!(std::fs::read_to_string(folder.path().join("stopped")).unwrap(), "\nlast\n");

        let mut spec = program("true");
        spec.log.out_file = Some("/proc/no/such/folder/log".into());
        let mut runner = ProcessRunner::new(spec, 0);
        let error = runner.start().unwrap_err();
        assert!(matches!(&error, ProcessError::SpawnFailed(why) if why.contains("/proc/no")), "{error}");
        assert_eq!((runner.state(), runner.last_pid()), (&crashed(None), None));
    });
}
