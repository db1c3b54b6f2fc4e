//! Thousands of supervised processes leave nothing behind, whatever becomes of who started them. One test, so that nobody
//! else's processes are counted.

mod support;

use std::time::{Duration, Instant};

use perilune_exec_api::{ExecErrorKind, OsSignal};
use perilune_exec_native::{Child, ChildOptions, Launch};
use support::{block_on, child, children, open_descriptors, sized, try_child, until};

#[test]
fn thousands_leave_nothing() {
    block_on(async {
        child("exit 0", |_| ()).finished().await;
        until("the first has been reaped", || children().is_empty()).await;
        let before = open_descriptors();
        let closed = || open_descriptors() <= before;

        // To the end, several at once.
        let run = async |rounds: u32| {
            for _ in 0..rounds {
                assert!(try_child("true", &[], |_| ()).unwrap().finished().await.exit.success());
            }
        };
        let tasks: Vec<_> = (0..4).map(|_| tokio::spawn(run(500))).collect();
        for task in tasks {
            task.await.unwrap();
        }
        until("2000 have been reaped", || children().is_empty()).await;
        until("their descriptors are closed", closed).await;

        // Dropped while they run, in a wait, in a stop.
        for round in 0..1000_u64 {
            let child = child("sleep 600 & sleep 600", |_| ());
            match round % 4 {
                0 => {}
                1 => drop(tokio::time::timeout(Duration::from_micros(round), child.finished()).await),
                2 => drop(tokio::time::timeout(Duration::from_micros(round), child.ended()).await),
                _ => {
                    child.control().stop(OsSignal::TERM, Duration::from_secs(60), true).unwrap();
                    drop(tokio::time::timeout(Duration::from_micros(round), child.finished()).await);
                }
            }
        }
        let start = Instant::now();
        until("all have been reaped", || children().is_empty()).await;
        until("their descriptors are closed", closed).await;
        assert!(start.elapsed() < Duration::from_secs(sized(30, 5)), "{:?}", start.elapsed());

        // Failures to start.
        for round in 0..1000 {
            let (program, kind) = match round % 4 {
                0 => ("there-is-no-such-program", ExecErrorKind::NotFound),
                1 => ("true", ExecErrorKind::InvalidWorkDir),
                2 => ("/", ExecErrorKind::PermissionDenied),
                _ => ("true", ExecErrorKind::PermissionDenied),
            };
            let mut launch = Launch::new(program);
            match round % 4 {
                1 => launch.work_dir = Some("/no/such/folder".into()),
                // Nobody may have more files open than the system allows, not even root.
                3 => launch.options.limits.open_files = Some(u64::MAX - 1),
                _ => {}
            }
            let error = Child::spawn(launch, ChildOptions::new(format!("failing-{round}"))).unwrap_err();
            assert_eq!(error.kind(), kind, "{error:?}");
        }
        assert_eq!(children(), [0; 0]);
        until("nothing was left open", closed).await;
        assert!(child("exit 0", |_| ()).finished().await.exit.success());
    });
}
