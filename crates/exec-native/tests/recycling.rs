//! R14: numbers of processes that have ended belong to others, and those are never signalled. The programs are this test
//! program, started again in a namespace of its own where it says which number comes next.

mod support;

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child as Foreign, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use perilune_exec_api::{Containment, OsSignal};
use perilune_exec_native::Child;
use support::{alive, block_on, child, numbers, says, sized, state, until};

const TASK: &str = "PERILUNE_TEST_TASK";
const NEXT: &str = "/proc/sys/kernel/ns_last_pid";
const STOP: OsSignal = OsSignal::TERM;

/// Runs a task where numbers can be chosen, unless that is not possible here.
fn in_own_namespace(name: &str, task: &str) {
    let namespace = ["--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c"];
    // Not the first process itself: that one becomes the parent of all orphans, and collects them.
    let probe = Command::new("unshare").args(namespace).arg(format!("echo 300 > {NEXT}; exit $?")).output();
    if !probe.is_ok_and(|probe| probe.status.success()) {
        return println!("{name}: skipped, no namespace of processes can be made here, or numbers not be chosen in it");
    }
    let line = "\"$0\" --exact inner --nocapture --test-threads=1; exit $?";
    let output = Command::new("unshare")
        .args(namespace)
        .arg(line)
        .arg(std::env::current_exe().unwrap())
        .env(TASK, task)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("nobody was hit"),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    print!(
        "{}",
        text.lines().filter(|line| line.starts_with("r14")).map(|line| format!("{line}\n")).collect::<String>()
    );
}

#[test]
fn r14_whoever_gets_the_number_of_an_ended_process_is_left_alone() {
    in_own_namespace("r14", "one by one");
}

#[test]
fn r14_in_a_crowd_of_few_numbers_nobody_else_is_signalled() {
    in_own_namespace("r14", "crowd");
}

/// Not a test of its own.
#[test]
fn inner() {
    match std::env::var(TASK).as_deref() {
        Ok("one by one") => block_on(one_by_one()),
        Ok("crowd") => block_on(crowd()),
        _ => return,
    }
    println!("\nnobody was hit");
}

/// Somebody else with that number, who leads a group. None if a thread of this test has got the number: those keep theirs.
fn foreign(number: u32) -> Option<Foreign> {
    for _ in 0..100 {
        std::fs::write(NEXT, (number - 1).to_string()).unwrap();
        let mut command = Command::new("sleep");
        let mut foreign = command.arg("600").env_clear().process_group(0).stdin(Stdio::null()).spawn().unwrap();
        if foreign.id() == number {
            return Some(foreign);
        }
        foreign.kill().unwrap();
        foreign.wait().unwrap();
    }
    assert!(std::path::Path::new(&format!("/proc/self/task/{number}")).exists(), "number {number} is never free");
    None
}

fn is_untouched(mut foreign: Foreign) {
    assert_eq!(foreign.try_wait().unwrap(), None, "somebody else was hit");
    foreign.kill().unwrap();
    foreign.wait().unwrap();
}

async fn is_free(number: u32) {
    until("its number is free", || state(number).is_none()).await;
}

/// What runs here starts nothing while a number is waited for: that would take it.
async fn one_by_one() {
    let rounds = sized(5, 50);
    for level in [Containment::Group, Containment::Scan] {
        for _ in 0..rounds {
            while !leader_is_somebody_else(level).await {}
            while !leftover_is_somebody_else(level).await {}
            while !member_is_somebody_else_during_a_stop(level).await {}
        }
    }
    println!("\nr14: {} numbers were somebody else's", 6 * rounds);
}

/// Whether there was somebody else. All that can be asked for is asked for after the end.
async fn leader_is_somebody_else(level: Containment) -> bool {
    let process = child("exit 0", |options| options.containment = level);
    let number = process.os_pid();
    process.finished().await;
    is_free(number).await;
    let Some(foreign) = foreign(number) else { return false };
    let control = process.control();
    for late in [control.kill(), control.stop(STOP, Duration::ZERO, true), control.ask(STOP), control.signal(STOP)] {
        assert!(late.is_err());
    }
    drop(process);
    is_untouched(foreign);
    true
}

/// What is left of one process is swept while its leader's children have ended and their numbers are taken.
async fn leftover_is_somebody_else(level: Containment) -> bool {
    // Obeys, and its parent, which does not, collects it. The leader ends when its number has been told.
    let line = "trap \"\" TERM; (trap - TERM; exec sleep 600) & echo $!; kill -USR1 $PPID; wait; echo; exec sleep 600";
    let process = child(&format!("trap 'exit 0' USR1; sh -c '{line}' & wait"), |options| {
        options.containment = level;
        options.leftover_grace = Duration::from_millis(300);
    });
    let number = numbers(&process, 1).await[0];
    is_free(number).await;
    let Some(foreign) = foreign(number) else { return false };
    let finished = process.finished().await;
    assert!(!finished.leftovers.is_empty(), "{finished:?}");
    is_untouched(foreign);
    true
}

async fn member_is_somebody_else_during_a_stop(level: Containment) -> bool {
    let line = "trap '' TERM; (trap - TERM; exec sleep 600) & echo $!; wait; echo; exec sleep 600";
    let process: Child = child(line, |options| options.containment = level);
    let number = numbers(&process, 1).await[0];
    process.control().stop(STOP, Duration::from_millis(300), true).unwrap();
    is_free(number).await;
    let Some(foreign) = foreign(number) else { return false };
    process.finished().await;
    assert!(!alive(process.os_pid()));
    is_untouched(foreign);
    true
}

/// Numbers are few and are used again at once, while others who have nothing to do with it come and go.
async fn crowd() {
    let over = AtomicBool::new(false);
    let rounds = sized(150, 1500);
    let ended = std::thread::scope(|scope| {
        let end = End(&over);
        let others: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut count = 0;
                    while !over.load(Ordering::Relaxed) {
                        let mut other = Command::new("sleep").arg("0.02").env_clear().spawn().unwrap();
                        let ended = other.wait().unwrap();
                        assert_eq!((ended.code(), ended.signal()), (Some(0), None), "somebody else was hit");
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        let numbers = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                std::fs::write(NEXT, "60").unwrap();
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                for round in 0..rounds {
                    few_lives(round).await;
                }
                until("all have been reaped", || support::children().len() <= 4).await;
            });
        });
        drop(end);
        numbers.join().unwrap();
        others.into_iter().map(|other| other.join().unwrap()).sum::<u32>()
    });
    println!("\nr14: {rounds} trees and {ended} others shared few numbers");
}

/// The others end even if this test fails.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

async fn few_lives(round: u32) {
    let line = "sleep 0.01 & (setsid sleep 600 &); echo; sleep 600";
    let process = child(line, |options| options.leftover_grace = Duration::from_millis(20));
    match round % 5 {
        0 => {}
        1 => {
            process.control().kill().unwrap();
            process.finished().await;
        }
        2 => {
            says(&process, "\n").await;
            process.control().stop(STOP, Duration::from_millis(20), true).unwrap();
            process.finished().await;
        }
        3 => process.control().stop(STOP, Duration::ZERO, true).unwrap(),
        _ => {
            says(&process, "\n").await;
            let _ = process.control().signal(OsSignal::INT);
            process.control().stop(STOP, Duration::from_millis(20), true).ok();
            process.finished().await;
        }
    }
}
