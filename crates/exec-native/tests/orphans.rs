//! Orphans that this program becomes the parent of. The program is this test program, started again to run `inner`, so
//! that nobody else's processes are adopted.

mod support;

use std::process::{Command, Stdio};

use perilune_exec_native::{NativeExecutor, init_duties};
use rustix::process::Signal;
use support::{Started, alive, block_on, children, shell, signal, start, state, until};

const TASK: &str = "PERILUNE_TEST_TASK";

/// Two daemons with sessions of their own whose parents are gone, and which let go of all streams: one obeys the word in
/// its file, and one lives on.
const DAEMONS: &str = "
    (setsid sh -c 'echo 1 $$; exec >/dev/null 2>&1 </dev/null; until [ -e \"$WORD\" ]; do sleep 0.01; done' &)
    (setsid sh -c 'echo 2 $$; exec sleep 600 >/dev/null 2>&1 </dev/null' &)";

#[test]
fn orphans_of_runs_leave_no_zombies() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "inner", "--nocapture", "--test-threads=1"]).env(TASK, "adopt").stdin(Stdio::null());
    let ended = command.output().unwrap();
    let output = String::from_utf8_lossy(&ended.stdout);
    assert!(
        ended.status.success() && output.contains("nothing is left"),
        "{output}{}",
        String::from_utf8_lossy(&ended.stderr)
    );
}

/// Not a test of its own.
#[test]
fn inner() {
    if std::env::var(TASK).as_deref() == Ok("adopt") {
        init_duties(true).unwrap();
        block_on(async {
            ended_by_themselves().await;
            ended_with_their_run().await;
            ended_in_the_session().await;
            others_keep_their_status();
        });
        println!("\nnothing is left");
    }
}

fn parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat[stat.rfind(')')? + 1..].split_ascii_whitespace().nth(1)?.parse().ok()
}

/// In the order of `DAEMONS`, whichever is first to say its number.
async fn daemons(run: &mut Started) -> [u32; 2] {
    let mut lines = [run.line().await, run.line().await];
    lines.sort();
    lines.map(|line| line.split_once(' ').unwrap().1.parse().unwrap())
}

/// The run is over long before its daemons are.
async fn ended_by_themselves() {
    let folder = tempfile::TempDir::new().unwrap();
    let word = folder.path().join("word");
    let executor = NativeExecutor::new();
    let mut request = shell(DAEMONS);
    request.env.insert("WORD".to_owned(), word.display().to_string());
    request.sweep_on_exit = false;
    let mut run = start(&executor, request).await;
    let daemons = daemons(&mut run).await;
    assert!(run.process.wait().await.unwrap().success());
    assert_eq!(run.process.swept().await, 0);
    assert!(daemons.iter().all(|pid| alive(*pid) && parent(*pid) == Some(std::process::id())));

    looked().await;
    std::fs::write(&word, "").unwrap();
    until("the one that obeys is reaped", || state(daemons[0]).is_none()).await;
    assert!(alive(daemons[1]), "the other is left alone");
    signal(daemons[1], Signal::KILL).unwrap();
    until("both are reaped", || children().is_empty()).await;
}

/// Until somebody has looked for orphans from here on: one in the session of a run is known without.
async fn looked() {
    let executor = NativeExecutor::new();
    let mut run = start(&executor, shell("(true & echo $! &); read -r line")).await;
    let orphan = run.pid().await;
    until("it is reaped", || state(orphan).is_none()).await;
    run.process.write_stdin(b"\n".to_vec()).await.unwrap();
    run.process.wait().await.unwrap();
    run.process.swept().await;
}

/// What is ended with its run has had no time to be noticed before.
async fn ended_with_their_run() {
    let executor = NativeExecutor::new();
    for _ in 0..20 {
        let mut run = start(&executor, shell(&format!("{DAEMONS}; read -r line"))).await;
        let daemons = daemons(&mut run).await;
        run.process.write_stdin(b"\n".to_vec()).await.unwrap();
        assert!(run.process.wait().await.unwrap().success());
        run.process.swept().await;
        assert!(!daemons.iter().any(|pid| alive(*pid)));
    }
    until("all are reaped", || children().is_empty()).await;
}

/// While the run goes on, and without anybody having seen them alive.
async fn ended_in_the_session() {
    let executor = NativeExecutor::new();
    let mut run = start(&executor, shell("(true & true & true &); echo $$; read -r line")).await;
    let leader = run.pid().await;
    until("only the leader is left", || children() == [leader]).await;
    run.process.write_stdin(b"\n".to_vec()).await.unwrap();
    // Nobody has taken the status of the leader.
    assert_eq!(run.process.wait().await.unwrap().code, Some(0));
    run.process.swept().await;
    until("the leader is reaped", || children().is_empty()).await;
}

/// Children of this program that no run has to do with, during a run.
fn others_keep_their_status() {
    let mut children: Vec<_> =
        (0..3).map(|code| Command::new("sh").args(["-c", &format!("exit {code}")]).spawn().unwrap()).collect();
    let executor = NativeExecutor::new();
    tokio::task::block_in_place(|| {
        tokio::runtime::Handle::current().block_on(async {
            for _ in 0..3 {
                let run = start(&executor, shell("(setsid sleep 600 &)")).await;
                run.process.wait().await.unwrap();
                run.process.swept().await;
            }
            until("all that is left are they", || support::children().len() == 3).await;
        });
    });
    for (code, child) in children.iter_mut().enumerate() {
        assert_eq!(child.wait().unwrap().code(), Some(code as i32));
    }
}
