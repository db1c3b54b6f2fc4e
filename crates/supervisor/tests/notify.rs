//! Processes that say at a socket that they are ready. Those that say so are this test program, started again to run
//! `sender`.
#![cfg(target_os = "linux")]

mod support;

use std::collections::HashSet;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::time::Duration;

use perilune_supervisor::process::{ProcessSpec, ProcessState};
use perilune_supervisor::restart::{RestartConfig, RestartPolicy};
use perilune_supervisor::{
    Condition, EventKind, ExitClassification, Readiness, ShutdownOptions, SupervisionOptions, Supervisor,
};

use support::keeping::{at_once, event, options, shell, unlimited};
use support::{block_on, until};

const LONG: Duration = Duration::from_secs(60);
const TASK: &str = "PERILUNE_TEST_TASK";
/// Runs `sender` in the place of a shell, or below it.
const SENDER: &str = "\"$PROGRAM\" --exact sender --nocapture --test-threads=1";

/// Not a test of its own. Does what its task says, one line after the other.
#[test]
fn sender() {
    let Ok(task) = std::env::var(TASK) else { return };
    let address = std::env::var("NOTIFY_SOCKET").unwrap();
    for line in task.lines() {
        match line.split_once(' ').unwrap_or((line, "")) {
            ("send", text) => send(&address, text.as_bytes()),
            ("flood", text) => (0..5_000).for_each(|_| send(&address, text.as_bytes())),
            ("oversized", text) => send(&address, format!("{text}\n{}\n{text}", "x".repeat(10_000)).as_bytes()),
            ("binary", _) => send(&address, &[0xff, 0, b'\n', 0xfe, b'R']),
            ("say", file) => std::fs::write(file, "said").unwrap(),
            ("wait", file) => {
                while !Path::new(file).exists() {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            ("stay", _) => loop {
                std::thread::park();
            },
            other => panic!("{other:?}"),
        }
    }
}

/// Waits for as long as there is no room for it.
fn send(address: &str, text: &[u8]) {
    let name = address.strip_prefix('@').unwrap();
    let sent = UnixDatagram::unbound().unwrap().send_to_addr(text, &SocketAddr::from_abstract_name(name).unwrap());
    assert_eq!(sent.unwrap(), text.len());
}

fn spec(folder: &Path, line: &str, task: &str) -> ProcessSpec {
    let program = std::env::current_exe().unwrap();
    let spec = shell("a", line).cwd(folder).restart(at_once());
    spec.env("PROGRAM", program.to_str().unwrap()).env(TASK, task).build()
}

fn by_socket() -> SupervisionOptions {
    options(|o| o.readiness = Readiness::NotifySocket)
}

/// One that has written its address down.
async fn started(folder: &Path, line: &str, task: &str) -> (Supervisor, String) {
    let supervisor = Supervisor::new(unlimited());
    let line = format!("echo $NOTIFY_SOCKET >> addresses; {line}");
    supervisor.register_with(spec(folder, &line, task), by_socket()).await.unwrap();
    supervisor.start("a").await.unwrap();
    let written = || std::fs::read_to_string(folder.join("addresses")).unwrap_or_default();
    until("it has an address", || written().ends_with('\n')).await;
    (supervisor, written().trim().to_owned())
}

fn is_ready(supervisor: &Supervisor) -> bool {
    let status = supervisor.status_of("a").unwrap().remove(0);
    assert_eq!(status.state, if status.ready { ProcessState::Running } else { ProcessState::Starting });
    status.ready
}

/// Those of these sockets that are there.
fn listed(addresses: &str) -> Vec<&str> {
    let all = std::fs::read_to_string("/proc/net/unix").unwrap();
    addresses.lines().filter(|address| all.contains(address)).collect()
}

#[test]
fn leader_and_whoever_it_started_may_say_that_it_is_ready() {
    for line in [
        format!("exec {SENDER}"),
        format!("{SENDER} & exec sleep 600"),
        format!("(setsid {SENDER} >/dev/null 2>&1 &); exec sleep 600"),
    ] {
        block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let (supervisor, _) = started(folder.path(), &line, "wait go\nsend STATUS=up\nsend READY=1\nstay").await;
            assert!(!is_ready(&supervisor));
            std::fs::write(folder.path().join("go"), "").unwrap();
            supervisor.wait_for("a", Condition::Ready, LONG).await.unwrap();
            assert!(is_ready(&supervisor));
            supervisor.shutdown(ShutdownOptions::default()).await;
        });
    }
}

#[test]
fn what_others_say_means_nothing() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let line = format!("exec {SENDER}");
        let (supervisor, address) = started(folder.path(), &line, "wait go\nsend READY=1\nstay").await;
        // There is never room for so many: most have been looked at when the last is sent.
        let sending = tokio::task::spawn_blocking(move || (0..2_000).for_each(|_| send(&address, b"READY=1")));
        sending.await.unwrap();
        assert!(!is_ready(&supervisor));
        std::fs::write(folder.path().join("go"), "").unwrap();
        supervisor.wait_for("a", Condition::Ready, LONG).await.unwrap();
        supervisor.shutdown(ShutdownOptions::default()).await;
    });
}

#[test]
fn what_is_malformed_is_passed_over_and_floods_hold_up_nobody() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let task = "send READY=0\noversized READY=1\nbinary\nsend\nflood STATUS=not yet\nsay first\nwait go\n\
                    send READY=1\nflood READY=1\nflood STATUS=yes\nsay second\nstay";
        let (supervisor, _) = started(folder.path(), &format!("exec {SENDER}"), task).await;
        until("the first flood is over", || folder.path().join("first").exists()).await;
        assert!(!is_ready(&supervisor));
        std::fs::write(folder.path().join("go"), "").unwrap();
        supervisor.wait_for("a", Condition::Ready, LONG).await.unwrap();
        until("the second flood is over", || folder.path().join("second").exists()).await;
        supervisor.stop("a").await.unwrap();
    });
}

#[test]
fn each_run_has_a_socket_of_its_own_and_none_is_left() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let supervisor = Supervisor::new(unlimited());
        let line = format!("echo $NOTIFY_SOCKET >> addresses; [ $(wc -l < addresses) -lt 3 ] || exec {SENDER}; exit 1");
        supervisor.register_with(spec(folder.path(), &line, "send READY=1\nstay"), by_socket()).await.unwrap();
        supervisor.start("a").await.unwrap();
        supervisor.wait_for("a", Condition::Ready, LONG).await.unwrap();
        assert_eq!(supervisor.status_of("a").unwrap()[0].restart_count, 2);
        let addresses = std::fs::read_to_string(folder.path().join("addresses")).unwrap();
        assert_eq!(addresses.lines().collect::<HashSet<_>>().len(), 3);
        // Whoever else is just being started has a copy of everything until its program runs.
        until("the old ones are closed", || listed(&addresses).len() == 1).await;
        assert_eq!(listed(&addresses), [addresses.lines().last().unwrap()]);
        supervisor.stop("a").await.unwrap();
        until("all of them are closed", || listed(&addresses).is_empty()).await;
    });
}

#[test]
fn who_never_says_so_is_stopped_in_time_and_has_failed() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let supervisor = Supervisor::new(unlimited());
        let mut events = supervisor.events();
        let mut options = by_socket();
        options.start_timeout = Duration::from_millis(200);
        let mut spec = spec(folder.path(), "exec sleep 600", "");
        spec.restart = RestartConfig { policy: RestartPolicy::Temporary, ..RestartConfig::default() };
        supervisor.register_with(spec, options).await.unwrap();
        supervisor.start("a").await.unwrap();
        assert!(supervisor.wait_for("a", Condition::Ready, LONG).await.is_err());
        let ended = event(&mut events, |kind| matches!(kind, EventKind::Exited { .. })).await;
        let EventKind::Exited { exit, .. } = ended else { unreachable!() };
        assert_eq!(exit.classification, ExitClassification::Timeout);
    });
}

fn may_change_user() -> bool {
    const SETGID_AND_SETUID: u64 = 1 << 6 | 1 << 7;
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap();
    u64::from_str_radix(effective.trim(), 16).unwrap() & SETGID_AND_SETUID == SETGID_AND_SETUID
}

#[test]
fn other_users_reach_it_from_any_folder() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        if !may_change_user() {
            return println!(
                "other_users_reach_it_from_any_folder: skipped, this needs the privilege to change the user"
            );
        }
        let supervisor = Supervisor::new(unlimited());
        // Another user may not be let into the folder of this program.
        let copy = folder.path().join("program");
        std::fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
        for path in [folder.path(), &copy] {
            std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        }
        let mut spec = spec(Path::new("/"), &format!("exec {SENDER}"), "send READY=1\nstay");
        spec.env.insert("PROGRAM".to_owned(), copy.to_str().unwrap().to_owned());
        let mut options = by_socket();
        (options.identity.uid, options.identity.gid) = (Some(65534), Some(65534));
        supervisor.register_with(spec, options).await.unwrap();
        supervisor.start("a").await.unwrap();
        supervisor.wait_for("a", Condition::Ready, LONG).await.unwrap();
        supervisor.shutdown(ShutdownOptions::default()).await;
    });
}
