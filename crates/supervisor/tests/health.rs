//! Checks against servers and programs.

mod support;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use perilune_exec_api::EnvMode;
use perilune_supervisor::health::{CheckType, HealthCheckConfig, HealthCheckResult, run_check};
use perilune_supervisor::{Surroundings, health};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use support::{PATIENCE, alive, bare, number_in, until};

/// A server that answers every request with these pieces, each sent by itself, and then closes or waits for ever.
async fn server(pieces: &[&str], closes: bool) -> SocketAddr {
    let pieces: Vec<Vec<u8>> = pieces.iter().map(|piece| piece.as_bytes().to_vec()).collect();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, pieces.clone(), closes));
        }
    });
    address
}

async fn answer(mut stream: TcpStream, pieces: Vec<Vec<u8>>, closes: bool) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => request.push(byte),
            Err(_) => return,
        }
    }
    stream.set_nodelay(true).unwrap();
    for piece in pieces {
        // Who asked may have heard enough.
        if stream.write_all(&piece).await.is_err() {
            return;
        }
        tokio::task::yield_now().await;
    }
    if !closes {
        std::future::pending::<()>().await;
    }
}

async fn check_within(check_type: CheckType, timeout: Duration, around: &Surroundings) -> HealthCheckResult {
    let config = HealthCheckConfig { check_type, timeout, ..HealthCheckConfig::default() };
    assert_eq!(config.validate(), Ok(()));
    run_check(&config, around).await
}

async fn http(address: SocketAddr, status: &[u16], body: Option<&str>) -> HealthCheckResult {
    let url = format!("http://{address}/health");
    let kind = CheckType::Http { url, expected_status: status.to_vec(), expected_body: body.map(str::to_owned) };
    check_within(kind, PATIENCE, &bare()).await
}

#[track_caller]
fn good(result: &HealthCheckResult) {
    assert!(result.healthy && result.error.is_none(), "{result:?}");
}

#[track_caller]
fn bad(result: &HealthCheckResult, error: &str) {
    assert!(!result.healthy, "{result:?}");
    assert!(result.error.as_deref().is_some_and(|found| found.contains(error)), "{result:?}");
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\nall is well\n";

#[tokio::test]
async fn good_answer_is_healthy() {
    let address = server(&[OK], true).await;
    good(&http(address, &[], None).await);
    good(&http(address, &[204, 200], None).await);
    let result = http(address, &[], Some("is well")).await;
    good(&result);
    assert_eq!(result.details.as_deref(), Some("status 200"));
}

#[tokio::test]
async fn other_status_is_not() {
    let address = server(&["HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n"], true).await;
    let result = http(address, &[], None).await;
    bad(&result, "the answer was 503 instead of 200");
    assert_eq!(result.details.as_deref(), Some("status 503"));
    bad(&http(address, &[200, 204], None).await, "the answer was 503 instead of 200 or 204");
    good(&http(address, &[503], None).await);
}

#[tokio::test]
async fn redirect_is_not_followed() {
    let good_one = server(&[OK], true).await;
    let moved = format!("HTTP/1.1 302 Found\r\nlocation: http://{good_one}/\r\ncontent-length: 0\r\n\r\n");
    let address = server(&[&moved], true).await;
    bad(&http(address, &[], None).await, "the answer was 302 instead of 200");
}

#[tokio::test]
async fn body_is_searched_across_reads() {
    let whole = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nall i\r\n6\r\ns well\r\n0\r\n\r\n";
    let address = server(&[whole], true).await;
    good(&http(address, &[], Some("all is well")).await);
    let bytes: Vec<String> = whole.chars().map(String::from).collect();
    let bytes: Vec<&str> = bytes.iter().map(String::as_str).collect();
    let address = server(&bytes, true).await;
    good(&http(address, &[], Some("all is well")).await);
    bad(&http(address, &[], Some("all is bad")).await, "does not contain `all is bad`");
}

#[tokio::test]
async fn only_the_beginning_of_a_huge_body_is_searched() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n";
    let filler = "x".repeat((64 << 10) - 4);
    // An end would never come.
    let address = server(&[head, &filler, "here", "late", &filler], false).await;
    good(&http(address, &[], Some("here")).await);
    bad(&http(address, &[], Some("late")).await, "the first 64 KiB of the answer do not contain `late`");
}

#[tokio::test]
async fn answer_that_breaks_off_is_a_failure() {
    let address = server(&[&OK[..OK.len() - 5]], true).await;
    bad(&http(address, &[], Some("well")).await, "the answer broke off");
    // What was looked for had come.
    good(&http(address, &[], Some("all")).await);
    let address = server(&["HTTP/1.1 200"], true).await;
    bad(&http(address, &[], None).await, "no answer");
    let address = server(&[], true).await;
    bad(&http(address, &[], None).await, "no answer");
}

#[tokio::test]
async fn who_speaks_something_else_is_a_failure() {
    let address = server(&["220 mail.example ESMTP\r\n"], false).await;
    bad(&http(address, &[], None).await, "no answer");
}

#[tokio::test]
async fn server_that_hangs_is_given_up_in_time() {
    for pieces in [&[][..], &["HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", "a"]] {
        let address = server(pieces, false).await;
        let (url, body) = (format!("http://{address}/"), Some("b".to_owned()));
        let kind = CheckType::Http { url, expected_status: vec![], expected_body: body };
        let timeout = Duration::from_millis(300);
        let result = check_within(kind, timeout, &bare()).await;
        bad(&result, "no answer within 300ms");
        assert!(result.duration >= timeout);
    }
}

#[tokio::test]
async fn https_fails_with_a_reason_even_unvalidated() {
    let url = "https://127.0.0.1/".to_owned();
    let check_type = CheckType::Http { url, expected_status: vec![], expected_body: None };
    let config = HealthCheckConfig { check_type, ..HealthCheckConfig::default() };
    bad(&run_check(&config, &bare()).await, "`https` is not supported");
}

/// A port that nobody listens at: it was somebody's a moment ago.
async fn closed_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn connecting_is_enough_for_tcp() {
    let tcp = |address: SocketAddr| CheckType::Tcp { host: address.ip().to_string(), port: address.port() };
    let address = server(&[], false).await;
    good(&check_within(tcp(address), PATIENCE, &bare()).await);
    let result = check_within(tcp(closed_port().await), PATIENCE, &bare()).await;
    bad(&result, "could not connect to `127.0.0.1`");
    bad(&http(closed_port().await, &[], None).await, "could not connect");
}

fn shell(text: &str) -> CheckType {
    CheckType::Command { command: "/bin/sh".to_owned(), args: vec!["-c".to_owned(), text.to_owned()] }
}

#[tokio::test]
async fn program_that_ends_with_0_is_healthy_and_its_output_is_told() {
    let result = check_within(shell("echo fine; echo so far >&2"), PATIENCE, &bare()).await;
    good(&result);
    let details = result.details.unwrap();
    assert!(details.contains("fine\n") && details.contains("so far\n"), "{details:?}");
    let result = check_within(shell("echo broken; exit 3"), PATIENCE, &bare()).await;
    bad(&result, "`/bin/sh` ended with 3");
    assert_eq!(result.details.as_deref(), Some("broken\n"));
    bad(&check_within(shell("kill -9 $$"), PATIENCE, &bare()).await, "`/bin/sh` was ended by signal 9");
}

#[tokio::test]
async fn program_has_what_the_instance_has_and_a_run_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let mut around = bare();
    around.env.insert("GREETING".to_owned(), "hello".to_owned());
    around.env.insert("SUP_RUN_ID".to_owned(), "that of the instance".to_owned());
    around.work_dir = Some(folder.path().to_owned());
    around.os_pid = Some(4711);
    let script = "pwd; echo $GREETING $SUP_PID; test \"$SUP_RUN_ID\" && test \"$SUP_RUN_ID\" != 'that of the instance'";
    let result = check_within(shell(script), PATIENCE, &around).await;
    good(&result);
    let expected = format!("{}\nhello 4711\n", folder.path().canonicalize().unwrap().display());
    assert_eq!(result.details, Some(expected));
}

#[tokio::test]
async fn script_is_a_path_and_may_be_missing() {
    let script = |path: &str, args: &[&str]| CheckType::Script {
        path: path.into(),
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
    };
    good(&check_within(script("/bin/sh", &["-c", "exit 0"]), PATIENCE, &bare()).await);
    bad(&check_within(script("/nonexistent/check", &[]), PATIENCE, &bare()).await, "`/nonexistent/check` not found");
}

#[tokio::test]
async fn only_the_beginning_of_much_output_is_told() {
    let result = check_within(shell("echo first; head -c 3000000 /dev/zero | tr '\\0' x"), PATIENCE, &bare()).await;
    good(&result);
    let details = result.details.unwrap();
    assert!(details.starts_with("first\nxxx") && details.len() == 4096, "{}", details.len());
    let result = check_within(shell("head -c 9000 /dev/zero | tr '\\0' '\\377'"), PATIENCE, &bare()).await;
    assert!(result.details.is_some_and(|details| details.len() <= 4096 && details.contains('\u{fffd}')));
}

#[tokio::test]
async fn r19_script_that_hangs_and_forks_is_gone_at_its_timeout() {
    let folder = tempfile::tempdir().unwrap();
    let mut around = bare();
    around.work_dir = Some(folder.path().to_owned());
    // One child stays, one leaves the session and its parent; nobody obeys.
    let script = "trap '' TERM; echo begun
        (trap '' TERM; sh -c 'echo $PPID > stays'; while :; do sleep 600; done) &
        setsid sh -c 'trap \"\" TERM; (sh -c \"echo \\$PPID > leaves\"; while :; do sleep 600; done) & exit' &
        while :; do sleep 600; done";
    let timeout = Duration::from_secs(3);
    let start = Instant::now();
    let result = check_within(shell(script), timeout, &around).await;
    bad(&result, "`/bin/sh` did not end within 3s");
    assert_eq!(result.details.as_deref(), Some("begun\n"));
    assert!(start.elapsed() < PATIENCE);
    for name in ["stays", "leaves"] {
        let os_pid = number_in(&folder.path().join(name)).await;
        assert!(!alive(os_pid), "{name}");
    }
}

#[tokio::test]
async fn script_that_leaves_somebody_with_its_pipes_does_not_hang() {
    let folder = tempfile::tempdir().unwrap();
    let mut around = bare();
    around.work_dir = Some(folder.path().to_owned());
    let result = check_within(shell("(sh -c 'echo $PPID > left'; sleep 600) & echo done"), PATIENCE, &around).await;
    good(&result);
    assert!(result.duration < Duration::from_secs(30), "{result:?}");
    if folder.path().join("left").exists() {
        let left = number_in(&folder.path().join("left")).await;
        until("the end of what was left behind", || !alive(left)).await;
    }
}

#[tokio::test]
async fn check_that_is_given_up_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut around = bare();
    around.work_dir = Some(folder.path().to_owned());
    let checking =
        tokio::spawn(
            async move { check_within(shell("sh -c 'echo $PPID > begun'; sleep 600"), PATIENCE, &around).await },
        );
    let script = number_in(&folder.path().join("begun")).await;
    checking.abort();
    until("the end of the script", || !alive(script)).await;
}

#[tokio::test]
async fn zombie_is_not_alive() {
    let liveness = |os_pid| {
        let mut around = bare();
        around.os_pid = os_pid;
        async move { check_within(CheckType::Liveness, PATIENCE, &around).await }
    };
    let mut child = std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
    let os_pid = child.id();
    good(&liveness(Some(os_pid)).await);
    drop(child.stdin.take());
    until("the end of the child", || !alive(os_pid)).await;
    bad(&liveness(Some(os_pid)).await, "has ended and is a zombie");
    child.wait().unwrap();
    bad(&liveness(Some(u32::MAX)).await, "there is no process 4294967295");
    bad(&liveness(None).await, "it has no process");
}

#[tokio::test]
async fn no_check_says_nothing_bad() {
    good(&check_within(CheckType::None, PATIENCE, &bare()).await);
    assert_eq!(health::HealthStatus::default(), health::HealthStatus::Unknown);
}

#[tokio::test]
async fn secrets_in_what_a_check_writes_cannot_be_read() {
    let around = bare();
    around.redactor.learn(["hunter2-correct-horse"]);
    // The secret is where the rest is cut off.
    let line = "head -c 4090 /dev/zero | tr '\\0' x; echo hunter2-correct-horse; exit 1";
    let shell =
        |line: &str| CheckType::Command { command: "sh".to_owned(), args: vec!["-c".to_owned(), line.to_owned()] };
    let found = check_within(shell(line), PATIENCE, &around).await;
    let details = found.details.unwrap();
    assert!(!found.healthy && details.len() == 4096 && !details.contains("hunter2"), "{details}");
    let found = check_within(shell("echo hunter2-correct-horse >&2"), PATIENCE, &around).await;
    assert_eq!(found.details.as_deref(), Some("[REDACTED]\n"));
    let missing = CheckType::Command { command: "hunter2-correct-horse".to_owned(), args: Vec::new() };
    let error = check_within(missing, PATIENCE, &around).await.error.unwrap();
    assert!(error.contains("[REDACTED]") && !error.contains("hunter2"), "{error}");
}

#[tokio::test]
async fn checks_have_no_notification_socket() {
    const NAME: &str = "NOTIFY_SOCKET";
    if std::env::var_os(NAME).as_deref() != Some("/of the runtime".as_ref()) {
        let mut again = std::process::Command::new(std::env::current_exe().unwrap());
        again.args(["--exact", "checks_have_no_notification_socket"]).env(NAME, "/of the runtime");
        assert!(again.status().unwrap().success());
        return;
    }
    for (strip, own) in [(false, false), (true, false), (false, true), (true, true)] {
        let mut around = Surroundings::default();
        (around.env_mode, around.strip_sensitive_env) = (EnvMode::Inherit, strip);
        if own {
            around.env.insert(NAME.to_owned(), "@of-the-instance".to_owned());
        }
        let found = check_within(shell("echo ${NOTIFY_SOCKET-none}"), PATIENCE, &around).await;
        assert_eq!(found.details.as_deref(), Some("none\n"));
    }
}

#[tokio::test]
async fn checks_see_no_variables_that_the_instance_must_not_see() {
    const TOKEN: &str = "TOKEN_OF_THE_RUNTIME";
    if std::env::var_os(TOKEN).is_none() {
        // Variables of a program that runs cannot be changed safely, so there is another one.
        let mut again = std::process::Command::new(std::env::current_exe().unwrap());
        again.args(["--exact", "checks_see_no_variables_that_the_instance_must_not_see"]).env(TOKEN, "seen");
        assert!(again.status().unwrap().success());
        return;
    }
    let line = format!("echo ${TOKEN}, $KEY_SECRET, ${{HARMLESS-$PATH}}");
    let check = || CheckType::Command { command: "sh".to_owned(), args: vec!["-c".to_owned(), line.clone()] };
    let mut around = Surroundings::default();
    around.env.insert("KEY_SECRET".to_owned(), "its own".to_owned());
    let path = std::env::var("PATH").unwrap();
    for (mode, strip, token) in [
        (EnvMode::Inherit, false, "seen"),
        (EnvMode::Inherit, true, ""),
        (EnvMode::Allow(vec![TOKEN.to_owned(), "PATH".to_owned()]), false, "seen"),
        (EnvMode::Allow(vec![TOKEN.to_owned(), "PATH".to_owned()]), true, ""),
    ] {
        (around.env_mode, around.strip_sensitive_env) = (mode, strip);
        let found = check_within(check(), PATIENCE, &around).await;
        assert_eq!(found.details, Some(format!("{token}, its own, {path}\n")));
    }
}
