//! Thousands of runs leave nothing behind, whatever becomes of their runners. One test, so that nobody else's processes are
//! counted.
//!
//! R1 to R3 at the level of runners.

mod support;

use std::time::{Duration, Instant};

use perilune_supervisor::process::{ProcessError, ProcessRunner};
use support::{block_on, children, open_descriptors, program, resident, shell, sized, started, until};

#[test]
fn r1_r2_r3_thousands_of_runs_leave_nothing() {
    let runs = sized(1000, 10_000);
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
        let took = start.elapsed();
        assert_eq!(children(), [0; 0]);
        until("their descriptors are closed", closed).await;
        let grown = resident().saturating_sub(memory);
        println!("r1: {runs} runs in {took:.1?} with {} KiB more", grown >> 10);
        assert!(grown < 8 << 20, "{grown} bytes more");
        assert!(took < Duration::from_secs(60), "{took:?}");

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
        let took = start.elapsed();
        println!("r2: all of 1000 gone after {took:.2?}");
        assert!(took < Duration::from_secs(sized(30, 5)), "{took:?}");

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
        println!("r3: 1000 starts failed, nothing was left");
    });
}
