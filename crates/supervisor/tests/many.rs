//! Thousands of runs leave nothing behind, whatever becomes of their runners. One test, so that nobody else's processes are
//! counted.
//!
//! The full number of runs takes about a minute: `PERILUNE_RUNS=10000 cargo test --release -p perilune-supervisor --test
//! many -- --nocapture` prints how long they took.

mod support;

use std::time::{Duration, Instant};

use perilune_supervisor::process::{ProcessError, ProcessRunner};
use support::{block_on, children, open_descriptors, program, resident, shell, started, until};

#[test]
fn thousands_of_runs_leave_nothing() {
    let runs: u32 = std::env::var("PERILUNE_RUNS").ok().map_or(1000, |runs| runs.parse().expect("a number"));
    block_on(async {
        for _ in 0..100 {
            started(program("true")).wait().await.unwrap();
        }
        until("the first have been reaped", || children().is_empty()).await;
        let (before, memory) = (open_descriptors(), resident());
        let closed = || open_descriptors() <= before;

        let start = Instant::now();
        let mut runner = ProcessRunner::new(program("true"), 0);
        for _ in 0..runs {
            runner.start().unwrap();
            assert!(runner.wait().await.unwrap().success());
        }
        println!("{runs} runs in {:?}", start.elapsed());
        assert_eq!(children(), [0; 0]);
        until("their descriptors are closed", closed).await;
        let grown = resident().saturating_sub(memory);
        assert!(grown < 8 << 20, "{grown} bytes more");

        // Runners that are dropped: as they are, after a wait or a stop that was given up.
        for round in 0..1000_u64 {
            let mut runner = started(shell("sleep 600 & sleep 600"));
            let while_it = Duration::from_micros(round);
            match round % 3 {
                0 => {}
                1 => drop(tokio::time::timeout(while_it, runner.wait()).await),
                _ => drop(tokio::time::timeout(while_it, runner.stop(Duration::from_secs(60))).await),
            }
        }
        let start = Instant::now();
        until("all have been reaped", || children().is_empty()).await;
        until("their descriptors are closed", closed).await;
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());

        for round in 0..1000 {
            let mut spec = program(if round % 2 == 0 { "there-is-no-such-program" } else { "true" });
            if round % 2 == 1 {
                spec.cwd = Some("/no/such/folder".into());
            }
            let mut runner = ProcessRunner::new(spec, 0);
            assert!(matches!(runner.start(), Err(ProcessError::SpawnFailed(_))));
        }
        assert_eq!(children(), [0; 0]);
        until("nothing was left open", closed).await;
        assert!(started(program("true")).wait().await.unwrap().success());
    });
}
