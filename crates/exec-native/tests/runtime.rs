//! What becomes of processes when the program that started them ends, is killed, lacks descriptors, or was started badly.
//! Such programs are this test program itself, started again to run `inner` with a task.

mod support;

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use perilune_exec_api::{CommandLine, ExecErrorKind, ExecRequest, Executor, ExecutorExt};
use perilune_exec_native::{Child as Supervised, ChildOptions, Launch, NativeExecutor};
use support::{alive, block_on, child, shell, start, try_child, until};

const TASK: &str = "PERILUNE_TEST_TASK";

/// This program as another one with something to do.
fn another(task: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "inner", "--nocapture", "--test-threads=1"]).env(TASK, task);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

/// The numbers that it says, one per line, behind this word.
fn said(output: &mut impl BufRead, word: &str) -> Vec<u32> {
    let mut line = String::new();
    while output.read_line(&mut line).unwrap() > 0 {
        if let Some((_, numbers)) = line.split_once(word) {
            return numbers.split_whitespace().map(|number| number.parse().unwrap()).collect();
        }
        line.clear();
    }
    panic!("it has ended without `{word}`");
}

/// Not a test of its own.
#[test]
fn inner() {
    match std::env::var(TASK).as_deref() {
        Ok("start and hang") => start_and_hang(),
        Ok("run out of descriptors") => run_out_of_descriptors(),
        Ok("start from a dying thread") => start_from_a_dying_thread(),
        Ok("supervise from a dying thread") => supervise_from_a_dying_thread(),
        Ok("starts that fail") => starts_that_fail(),
        _ => {}
    }
}

fn start_and_hang() {
    block_on(async {
        let executor = NativeExecutor::new();
        let mut all = Vec::new();
        let mut processes = Vec::new();
        for _ in 0..20 {
            let process = executor.start(ExecRequest::new(CommandLine::argv("sleep", ["600"]))).await.unwrap();
            all.push(process.os_pid().unwrap().to_string());
            processes.push(process);
        }
        println!("\nstarted {}", all.join(" "));
        std::future::pending::<()>().await;
    });
}

#[test]
fn r11_processes_die_with_a_runtime_that_is_killed() {
    let mut runtime = another("start and hang");
    let mut output = BufReader::new(runtime.stdout.take().unwrap());
    let pids = said(&mut output, "started ");
    assert_eq!((pids.len(), pids.iter().all(|pid| alive(*pid))), (20, true));
    let killed = std::time::Instant::now();
    runtime.kill().unwrap();
    runtime.wait().unwrap();
    block_on(until("they are gone", || !pids.iter().any(|pid| alive(*pid))));
    println!("r11: leaders gone after {:.2?}", killed.elapsed());
}

fn start_from_a_dying_thread() {
    // The thread that asks for a process is not the one it is tied to.
    let executor = std::sync::Arc::new(NativeExecutor::new());
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut processes = Vec::new();
    for _ in 0..20 {
        let (executor, handle) = (executor.clone(), tokio.handle().clone());
        let thread = std::thread::spawn(move || handle.block_on(executor.start(shell("read -r line"))).unwrap());
        processes.push(thread.join().unwrap());
    }
    tokio.block_on(async {
        for process in processes {
            process.write_stdin(b"\n".to_vec()).await.unwrap();
            assert!(process.wait().await.unwrap().success());
        }
    });
    println!("\nalive 20");
}

#[test]
fn r12_processes_outlive_the_thread_that_asked_for_them() {
    let mut runtime = another("start from a dying thread");
    let mut output = BufReader::new(runtime.stdout.take().unwrap());
    assert_eq!(said(&mut output, "alive "), [20]);
    output.read_to_string(&mut String::new()).unwrap();
    assert!(runtime.wait().unwrap().success());
}

fn supervise_from_a_dying_thread() {
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let line = format!("while [ ! -e {}/go ]; do sleep 0.01; done", folder.path().display());
    let children: Vec<_> = (0..20)
        .map(|_| {
            let (handle, line) = (tokio.handle().clone(), line.clone());
            let thread = std::thread::spawn(move || {
                let _inside = handle.enter();
                child(&line, |_| ())
            });
            thread.join().unwrap()
        })
        .collect();
    std::fs::write(folder.path().join("go"), "").unwrap();
    tokio.block_on(async {
        for child in &children {
            assert!(child.finished().await.exit.success());
        }
    });
    println!("\nalive 20");
}

#[test]
fn r12_supervised_processes_outlive_the_thread_that_asked_for_them() {
    let mut runtime = another("supervise from a dying thread");
    let mut output = BufReader::new(runtime.stdout.take().unwrap());
    assert_eq!(said(&mut output, "alive "), [20]);
    output.read_to_string(&mut String::new()).unwrap();
    assert!(runtime.wait().unwrap().success());
}

fn starts_that_fail() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let count = || std::fs::read_dir("/proc/self/fd").unwrap().count() as u64;
    let launched = |change: &dyn Fn(&mut Launch), round: u64| {
        let mut launch = Launch::new("true");
        change(&mut launch);
        Supervised::spawn(launch, ChildOptions::new(format!("fails-{round}")))
    };
    block_on(async {
        child("true", |_| ()).finished().await;
        until("the first is gone", || support::children().is_empty()).await;
        let (before, limit) = (count(), getrlimit(Resource::Nofile));
        let (mut round, mut failed, mut exhausted) = (0, 0, 0);
        while failed < 1000 {
            round += 1;
            let kind = match round % 4 {
                0 => launched(&|launch| launch.program = "there-is-no-such-program".into(), round)
                    .map_err(|error| (error.kind(), ExecErrorKind::NotFound)),
                1 => launched(&|launch| launch.work_dir = Some("/no/such/folder".into()), round)
                    .map_err(|error| (error.kind(), ExecErrorKind::InvalidWorkDir)),
                // More than the system allows anybody.
                2 => launched(&|launch| launch.options.limits.open_files = Some(1 << 40), round)
                    .map_err(|error| (error.kind(), ExecErrorKind::PermissionDenied)),
                _ => {
                    let free = before + round / 4 % 4;
                    setrlimit(Resource::Nofile, Rlimit { current: Some(free), maximum: limit.maximum }).unwrap();
                    let child = try_child("sh", &["-c", "exit 3"], |options| options.merge_stderr = round % 8 == 3);
                    let child = match child {
                        Ok(child) => Ok((child.finished().await.exit.code == Some(3)).then_some(child).unwrap()),
                        Err(error) => {
                            exhausted += 1;
                            assert!(error.is_retryable(), "{error:?}");
                            Err((error.kind(), ExecErrorKind::ResourceExhausted))
                        }
                    };
                    setrlimit(Resource::Nofile, limit).unwrap();
                    child
                }
            };
            match kind {
                Ok(child) => drop(child),
                Err((kind, expected)) => {
                    failed += 1;
                    assert_eq!(kind, expected, "round {round}");
                }
            }
            until("everything is closed", || count() <= before).await;
        }
        assert!(support::children().is_empty());
        assert_eq!(child("exit 4", |_| ()).finished().await.exit.code, Some(4));
        println!("\nfailed {failed} {exhausted}");
    });
}

#[test]
fn r3_starts_that_fail_are_errors_and_leave_nothing() {
    let mut runtime = another("starts that fail");
    let mut output = BufReader::new(runtime.stdout.take().unwrap());
    let failed = said(&mut output, "failed ");
    println!("r3: {} starts failed, {} of them without descriptors, nothing was left", failed[0], failed[1]);
    assert!(failed[0] == 1000 && failed[1] >= 100, "{failed:?}");
    output.read_to_string(&mut String::new()).unwrap();
    assert!(runtime.wait().unwrap().success());
}

fn run_out_of_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    block_on(async {
        let executor = NativeExecutor::new();
        executor.start(shell("true")).await.unwrap().wait().await.unwrap();
        let before = getrlimit(Resource::Nofile);
        for free in 0..12 {
            let open = std::fs::read_dir("/proc/self/fd").unwrap().count() as u64;
            setrlimit(Resource::Nofile, Rlimit { current: Some(open + free), maximum: before.maximum }).unwrap();
            let started = executor.start(shell("exit 3")).await;
            match started {
                Ok(process) => assert_eq!(process.wait().await.unwrap().code, Some(3)),
                Err(error) => {
                    assert!(error.kind() == ExecErrorKind::ResourceExhausted && error.is_retryable(), "{error:?}");
                }
            }
            setrlimit(Resource::Nofile, before).unwrap();
            assert_eq!(executor.active(), 0);
            until("everything is closed", || std::fs::read_dir("/proc/self/fd").unwrap().count() as u64 <= open).await;
            assert_eq!(executor.start(shell("exit 4")).await.unwrap().wait().await.unwrap().code, Some(4));
        }
    });
    println!("\ndone 1");
}

#[test]
fn lack_of_descriptors_is_an_error_that_passes() {
    let mut runtime = another("run out of descriptors");
    let mut output = BufReader::new(runtime.stdout.take().unwrap());
    assert_eq!(said(&mut output, "done "), [1]);
    output.read_to_string(&mut String::new()).unwrap();
    assert!(runtime.wait().unwrap().success());
}

#[test]
fn r23_processes_end_with_the_tokio_runtime() {
    for background in [false, true] {
        let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let executor = NativeExecutor::new();
        let (process, pids) = tokio.block_on(async {
            let mut started =
                start(&executor, shell("trap '' TERM; sleep 600 & echo $!; echo $$; wait; sleep 600")).await;
            let pids = [started.pid().await, started.pid().await];
            (started.process, pids)
        });
        let waiting = process.clone();
        tokio.spawn(async move { waiting.wait().await });
        if background {
            tokio.shutdown_background();
        } else {
            drop(tokio);
        }
        // Neither runtime nor handle is needed for that.
        block_on(until("they are gone", || !pids.iter().any(|pid| alive(*pid))));
        assert_eq!(executor.active(), 0);
        assert!(block_on(process.wait()).is_ok());
        drop(process);
    }
}

#[test]
fn r13_what_the_program_inherited_is_put_right_for_others() {
    // As under `nohup`, with a parent that leaves no status of its children, and where `env` can do that, blocked signals.
    let blocks = Command::new("env").args(["--block-signal=TERM", "true"]).output().is_ok_and(|it| it.status.success());
    if !blocks {
        println!("r13: signals are not blocked, because `env` cannot do that here");
    }
    let env = if blocks { "env --block-signal=TERM,USR2,CHLD" } else { "" };
    let shell =
        format!("trap '' HUP PIPE CHLD USR1; exec {env} \"$0\" --exact inner_bad_start --nocapture --test-threads=1");
    let mut command = Command::new("sh");
    command.args(["-c", &shell]).arg(std::env::current_exe().unwrap()).env(TASK, "bad start");
    let mut output = String::new();
    let mut runtime = command.stdout(Stdio::piped()).spawn().unwrap();
    runtime.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    assert!(runtime.wait().unwrap().success(), "{output}");
    assert!(output.contains("bad start is put right"), "{output}");
}

/// Not a test of its own.
#[test]
fn inner_bad_start() {
    if std::env::var(TASK).as_deref() != Ok("bad start") {
        return;
    }
    block_on(async {
        let executor = NativeExecutor::new();
        let status = support::output(&executor, "grep -E '^Sig(Blk|Ign)' /proc/self/status").await;
        assert_eq!(status, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
        for code in [0, 9] {
            let exit = executor.start(shell(&format!("exit {code}"))).await.unwrap().wait().await.unwrap();
            assert_eq!(exit.code, Some(code));
        }
        // Likewise one that is supervised, though there are files that it could inherit.
        let started = std::thread::spawn({
            let handle = tokio::runtime::Handle::current();
            move || {
                let file = std::fs::File::open("/dev/null").unwrap();
                let _inheritable: Vec<_> = (0..50).map(|_| rustix::io::dup(&file).unwrap()).collect();
                let _inside = handle.enter();
                child("ls /proc/self/fd; grep -E '^Sig(Blk|Ign)' /proc/self/status; exit 9", |_| ())
            }
        });
        let child = started.join().unwrap();
        assert_eq!(child.finished().await.exit.code, Some(9));
        let written = String::from_utf8(child.output().tail(perilune_exec_native::OutputStream::Stdout)).unwrap();
        assert_eq!(written, format!("0\n1\n2\n3\n{status}"));
    });
    println!("\nbad start is put right");
}
