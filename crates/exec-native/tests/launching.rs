//! What a program finds when it starts, and what somebody is told whose program does not.

mod support;

use std::ffi::CString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use perilune_exec_api::{
    CommandLine, EnvMode, ExecError, ExecErrorKind, ExecRequest, Executor, ExecutorExt, Setting, Settings, StdinMode,
};
use perilune_exec_native::{Launch, NativeConfig, NativeExecutor, environment, launch, launch_tokio};
use support::{block_on, output, shell};

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

fn script(folder: &Path, name: &str, text: &str, mode: u32) -> String {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path.to_str().unwrap().to_owned()
}

async fn error_of(request: ExecRequest) -> ExecError {
    let executor = NativeExecutor::new();
    let process = executor.create(request).expect("a process");
    let error = process.start().await.expect_err("must not start");
    assert_eq!(executor.active(), 0);
    error
}

#[test]
fn program_has_three_descriptors() {
    block_on(async {
        // Open in this program, and inheritable at that.
        let file = fs::File::open("/dev/null").unwrap();
        let _inheritable: Vec<_> = (0..20).map(|_| rustix::io::dup(&file).unwrap()).collect();
        let listed = output(&NativeExecutor::new(), "ls /proc/self/fd").await;
        // The fourth is the folder that is listed.
        assert_eq!(listed.split_whitespace().collect::<Vec<_>>(), ["0", "1", "2", "3"]);
    });
}

#[test]
fn program_has_default_signals_and_leads_its_session() {
    block_on(async {
        let executor = NativeExecutor::new();
        let status = output(&executor, "grep -E '^Sig(Blk|Ign)' /proc/self/status").await;
        assert_eq!(status, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
        let stat = output(&executor, "echo $$; cat /proc/$$/stat").await;
        let (pid, stat) = stat.split_once('\n').unwrap();
        let fields: Vec<&str> = stat[stat.rfind(')').unwrap() + 2..].split(' ').collect();
        // Group, session and the lack of a terminal.
        assert_eq!((fields[2], fields[3], fields[4]), (pid, pid, "0"));
    });
}

#[test]
fn program_gets_its_variables_only() {
    block_on(async {
        let executor = NativeExecutor::new();
        let mut request = ExecRequest::new(CommandLine::argv("env", [""; 0]));
        request.env.insert("A".to_owned(), "1".to_owned());
        request.env.insert("SUP_RUN_ID".to_owned(), "not theirs to choose".to_owned());
        let process = executor.create(request).unwrap();
        let stdout = process.stdout().unwrap();
        process.start().await.unwrap();
        process.wait().await.unwrap();
        let text = String::from_utf8(stdout.read(10_000).await.unwrap().unwrap()).unwrap();
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        let path = "PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin".to_owned();
        assert_eq!(lines, ["A=1".to_owned(), path, format!("SUP_RUN_ID={}", process.id())]);
    });
}

#[test]
fn environment_has_modes() {
    let none: [(&str, &str); 0] = [];
    let own = std::env::vars().map(|(name, _)| name).find(|name| name != "PATH").unwrap();
    let inherited = environment(&EnvMode::Inherit, [(own.as_str(), "mine")]);
    assert_eq!(
        inherited.keys().filter(|name| *name != "PATH").count(),
        std::env::vars_os().filter(|(name, _)| name != "PATH").count()
    );
    assert_eq!(inherited[std::ffi::OsStr::new(&own)], "mine");
    let allowed = environment(&EnvMode::Allow(vec![own.clone(), "NOT_SET_AT_ALL".to_owned()]), none);
    let mut names: Vec<_> = allowed.keys().map(|name| name.to_str().unwrap()).collect();
    names.sort_by_key(|name| *name == "PATH");
    assert_eq!(names, [own.as_str(), "PATH"]);
}

#[test]
fn socket_where_this_program_is_waited_for_is_not_inherited() {
    const NAME: &str = "NOTIFY_SOCKET";
    const AGAIN: &str = "PERILUNE_TEST_SOCKET";
    if std::env::var_os(AGAIN).is_none() {
        // Variables of a program that runs cannot be changed safely, so there is another one.
        let mut again = std::process::Command::new(std::env::current_exe().unwrap());
        again.args(["--exact", "socket_where_this_program_is_waited_for_is_not_inherited"]);
        assert!(again.env(AGAIN, "yes").env(NAME, "/theirs").status().unwrap().success());
        return;
    }
    let none: [(&str, &str); 0] = [];
    let socket =
        |mode, given: &[(&str, &str)]| environment(&mode, given.iter().copied()).remove(std::ffi::OsStr::new(NAME));
    assert_eq!(environment(&EnvMode::Inherit, none)[std::ffi::OsStr::new(AGAIN)], "yes");
    assert_eq!(socket(EnvMode::Inherit, &[]), None);
    assert_eq!(socket(EnvMode::Inherit, &[(NAME, "/mine")]), Some("/mine".into()));
    assert_eq!(socket(EnvMode::Allow(vec![NAME.to_owned()]), &[]), Some("/theirs".into()));
}

#[test]
fn program_is_looked_for_on_its_own_path() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::create_dir(path.join("bin")).unwrap();
        script(path, "bin/mine", "#!/bin/sh\necho found\n", 0o755);
        let run = |path: &str, work_dir: &Path, program: &str| {
            let mut request = ExecRequest::new(CommandLine::argv(program, [""; 0]));
            request.env.insert("PATH".to_owned(), path.to_owned());
            request.work_dir = Some(work_dir.to_owned());
            request
        };
        let executor = NativeExecutor::new();
        let bin = path.join("bin");
        for request in [
            run(&format!("/nowhere:{}", bin.display()), Path::new("/"), "mine"),
            run("bin", path, "mine"),
            run("/nowhere", path, "bin/mine"),
            run("/nowhere", &bin, "./mine"),
        ] {
            let process = executor.start(request).await.unwrap();
            assert!(process.wait().await.unwrap().success());
        }
        assert_eq!(error_of(run("/bin", path, "mine")).await.kind(), ExecErrorKind::NotFound);
    });
}

#[test]
fn failures_say_what_is_wrong() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let argv = |program: String| ExecRequest::new(CommandLine::argv(program, [""; 0]));
        let check = async |request: ExecRequest, kind: ExecErrorKind, text: &str| {
            let error = error_of(request).await;
            assert!(error.kind() == kind && error.to_string().contains(text), "{error:?}");
        };

        check(argv("nowhere-to-be-found".to_owned()), ExecErrorKind::NotFound, "`nowhere-to-be-found`").await;
        check(argv("/no/where".to_owned()), ExecErrorKind::NotFound, "`/no/where`").await;
        let orphan = script(path, "orphan", "#!/no/interpreter\n", 0o755);
        check(argv(orphan), ExecErrorKind::NotFound, "interpreter").await;
        check(argv(script(path, "text", "echo no first line\n", 0o755)), ExecErrorKind::PermissionDenied, "text").await;
        check(argv(script(path, "plain", "#!/bin/sh\n", 0o644)), ExecErrorKind::PermissionDenied, "plain").await;
        check(argv(path.to_str().unwrap().to_owned()), ExecErrorKind::PermissionDenied, "cannot be executed").await;

        let mut missing = shell("true");
        missing.work_dir = Some(path.join("missing"));
        check(missing, ExecErrorKind::InvalidWorkDir, "missing").await;
        let mut file = shell("true");
        file.work_dir = Some(path.join("text"));
        check(file, ExecErrorKind::InvalidWorkDir, "text").await;
        // Both are wrong: the folder is what is named.
        let mut both = argv("nowhere-to-be-found".to_owned());
        both.work_dir = Some(path.join("missing"));
        check(both, ExecErrorKind::InvalidWorkDir, "missing").await;

        let long = ExecRequest::new(CommandLine::argv("true", ["x".repeat(1 << 20)]));
        check(long, ExecErrorKind::InvalidArgument, "too long").await;

        let busy = path.join("busy");
        fs::copy("/bin/true", &busy).unwrap();
        let writing = fs::OpenOptions::new().append(true).open(&busy).unwrap();
        let error = error_of(argv(busy.to_str().unwrap().to_owned())).await;
        assert!(matches!(error, ExecError::Busy { .. }) && error.is_retryable(), "{error:?}");
        drop(writing);
    });
}

#[test]
fn bad_requests_are_refused_before_anything_starts() {
    let executor = NativeExecutor::new();
    for name in ["", "A=B", "A\0"] {
        let mut request = shell("true");
        request.env.insert(name.to_owned(), "x".to_owned());
        assert_eq!(executor.create(request).err().map(|error| error.kind()), Some(ExecErrorKind::InvalidArgument));
    }
    let mut request = shell("true");
    request.env.insert("A".to_owned(), "x\0".to_owned());
    assert!(executor.create(request).is_err());
    let mut request = shell("true");
    request.work_dir = Some("a\0b".into());
    assert!(executor.create(request).is_err());
}

#[test]
fn start_without_a_runtime_is_an_error() {
    let process = NativeExecutor::new().create(shell("true")).unwrap();
    let mut start = process.start();
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    match start.as_mut().poll(&mut cx) {
        std::task::Poll::Ready(Err(error)) => assert!(error.to_string().contains("Tokio"), "{error}"),
        _ => panic!("must fail at once"),
    }
    drop(start);
    assert!(launch_tokio(Launch::new("true")).is_err());
}

#[test]
fn settings_decide_what_requests_leave_open() {
    block_on(async {
        let mut settings = Settings::default();
        settings.set("default_work_dir", Setting::Text("/tmp".to_owned()));
        settings.set("default_env", Setting::Map([("A".to_owned(), Setting::Text("default".to_owned()))].into()));
        settings.set("max_processes", Setting::Number(1));
        let executor = NativeExecutor::with(NativeConfig::from_settings(&settings).unwrap());
        assert_eq!(output(&executor, "pwd; echo $A").await, "/tmp\ndefault\n");
        let running = executor.start(shell("cat")).await.unwrap();
        let error = executor.start(shell("true")).await.err().unwrap();
        assert!(error.kind() == ExecErrorKind::ResourceExhausted && error.is_retryable());
        running.close_stdin().await.unwrap();
        running.wait().await.unwrap();
        assert_eq!(output(&executor, "echo again").await, "again\n");

        let mut config = NativeConfig::default();
        config.command_whitelist = vec!["echo a".to_owned()];
        let executor = NativeExecutor::with(config);
        assert!(executor.run(CommandLine::Auto("echo a".to_owned())).await.is_ok());
        for other in ["echo a ", "echo", "echo a; echo b"] {
            let error = executor.run(CommandLine::Auto(other.to_owned())).await.unwrap_err();
            assert_eq!(error.kind(), ExecErrorKind::NotAllowed);
        }
    });
}

#[test]
fn limits_hold_in_the_program() {
    block_on(async {
        let executor = NativeExecutor::new();
        let mut request = shell("ulimit -n; ulimit -c; ulimit -f");
        request.limits.open_files = Some(33);
        request.limits.core = Some(0);
        request.limits.file_size = Some(1024);
        let mut started = support::start(&executor, request).await;
        assert_eq!((started.line().await.as_str(), started.line().await.as_str()), ("33", "0"));

        let mut config = NativeConfig::default();
        config.launch.umask = Some(0o027);
        config.launch.nice = Some(5);
        config.launch.oom_score_adj = Some(500);
        config.launch.no_new_privs = true;
        let executor = NativeExecutor::with(config);
        let line = "umask; nice; cat /proc/self/oom_score_adj; grep NoNewPrivs /proc/self/status";
        assert_eq!(output(&executor, line).await, "0027\n5\n500\nNoNewPrivs:\t1\n");
    });
}

#[test]
fn identity_is_given_up() {
    if !is_root() {
        return println!("identity_is_given_up: skipped, only root can change users");
    }
    block_on(async {
        let executor = NativeExecutor::new();
        let mut request = shell("id -u; id -g; id -G");
        (request.identity.uid, request.identity.gid) = (Some(65534), Some(65533));
        let mut started = support::start(&executor, request).await;
        for expected in ["65534", "65533", "65533"] {
            assert_eq!(started.line().await, expected);
        }
        // This program is still who it was.
        assert!(is_root());

        // With more processes than it may have, such a user cannot execute anything. One that runs is one too many: what
        // is being started does not count itself.
        let mut request = shell("echo here; cat");
        request.identity.uid = Some(65534);
        let mut other = support::start(&executor, request).await;
        assert_eq!(other.line().await, "here");
        let mut request = shell("true");
        request.identity.uid = Some(65534);
        request.limits.processes = Some(0);
        let error = error_of(request).await;
        assert!(error.kind() == ExecErrorKind::ResourceExhausted && error.is_retryable(), "{error:?}");

        // A user that may not enter the folder is told about the folder.
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let mut request = shell("true");
        request.identity.uid = Some(65534);
        request.work_dir = Some(folder.path().to_owned());
        assert_eq!(error_of(request).await.kind(), ExecErrorKind::InvalidWorkDir);
    });
}

#[test]
fn launcher_hands_over_descriptors() {
    let (read, write) = rustix::pipe::pipe().unwrap();
    let mut plan = Launch::new("sh");
    plan.args = vec!["-c".into(), "echo through nine >&9; echo $0 >&1; ls /proc/self/fd >&9".into()];
    plan.env = environment(&EnvMode::Clean, [("A", "1")]);
    plan.options.extra_fds.push((std::sync::Arc::new(write), 9));
    let launched = launch(plan).unwrap();
    let mut poll = [rustix::event::PollFd::from_borrowed_fd(launched.pidfd(), rustix::event::PollFlags::IN)];
    rustix::event::poll(&mut poll, None).unwrap();
    let pid = rustix::process::Pid::from_raw(launched.os_pid() as i32);
    let (_, status) = rustix::process::waitpid(pid, rustix::process::WaitOptions::empty()).unwrap().unwrap();
    assert_eq!(status.exit_status(), Some(0));
    let mut buffer = [0; 100];
    let count = rustix::io::read(&read, &mut buffer).unwrap();
    assert_eq!(String::from_utf8_lossy(&buffer[..count]), "through nine\n0\n1\n2\n3\n9\n");

    let mut twice = Launch::new("true");
    let (_, write) = rustix::pipe::pipe().unwrap();
    let write = std::sync::Arc::new(write);
    twice.options.extra_fds = vec![(write.clone(), 9), (write.clone(), 9)];
    assert_eq!(launch(twice).unwrap_err().kind(), ExecErrorKind::InvalidArgument);
    assert!(CString::new("a\0").is_err() && launch(Launch::new("a\0")).is_err() && launch(Launch::new("")).is_err());
}

#[test]
fn launch_through_tokio_keeps_the_same_rules() {
    block_on(async {
        let mut plan = Launch::new("sh");
        plan.args = vec!["-c".into(), "ls /proc/self/fd; grep SigIgn /proc/self/status; pwd; env >&2".into()];
        plan.work_dir = Some("/tmp".into());
        plan.env = [("PATH".into(), "/usr/bin:/bin".into())].into();
        let output = launch_tokio(plan).unwrap().wait_with_output().await.unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text, "0\n1\n2\n3\nSigIgn:\t0000000000000000\n/tmp\n");
        assert!(String::from_utf8(output.stderr).unwrap().contains("PATH=/usr/bin:/bin\n"));

        assert_eq!(launch_tokio(Launch::new("nowhere-to-be-found")).unwrap_err().kind(), ExecErrorKind::NotFound);
        let mut plan = Launch::new("true");
        plan.work_dir = Some("/no/folder".into());
        assert_eq!(launch_tokio(plan).unwrap_err().kind(), ExecErrorKind::InvalidWorkDir);
    });
}

#[test]
fn program_without_input_reads_nothing() {
    block_on(async {
        let executor = NativeExecutor::new();
        let mut request = shell("cat; readlink /proc/self/fd/0");
        request.stdin = StdinMode::Null;
        let mut started = support::start(&executor, request).await;
        assert_eq!(started.line().await, "/dev/null");
    });
}
