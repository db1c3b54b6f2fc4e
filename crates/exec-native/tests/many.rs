//! Thousands of processes leave nothing behind. One test, so that nobody else's processes are counted.

mod support;

use std::sync::Arc;
use std::time::Duration;

use perilune_exec_api::{CommandLine, ExecErrorKind, ExecRequest, Executor, ExecutorExt, Stop};
use perilune_exec_native::NativeExecutor;
use support::{block_on, children, open_descriptors, shell, until};

fn program(name: &str) -> ExecRequest {
    ExecRequest::new(CommandLine::argv(name, [""; 0]))
}

#[test]
fn thousands_leave_nothing() {
    block_on(async {
        let executor = Arc::new(NativeExecutor::new());
        // What is opened once and kept, is open from here on.
        executor.start(program("true")).await.unwrap().wait().await.unwrap();
        until("the first has been reaped", || children().is_empty()).await;
        let before = open_descriptors();
        // That of the first may be closed a moment later; whoever loses one each time shows all the same.
        let closed = || open_descriptors() <= before;

        let run = async |executor: Arc<NativeExecutor>| {
            for _ in 0..500 {
                let process = executor.start(program("true")).await.unwrap();
                assert!(process.wait().await.unwrap().success());
            }
        };
        let tasks: Vec<_> = (0..4).map(|_| tokio::spawn(run(executor.clone()))).collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(executor.active(), 0);
        until("2000 have been reaped", || children().is_empty()).await;
        until("their descriptors are closed", closed).await;

        for round in 0..300 {
            let request = match round % 3 {
                0 => program("there-is-no-such-program"),
                1 => with_folder("/no/such/folder"),
                _ => program("/"),
            };
            assert!(executor.start(request).await.is_err());
        }
        assert_eq!((executor.active(), children().len()), (0, 0));
        assert!(closed(), "{before} before, {} now", open_descriptors());

        // Dropped at any moment: before the start, in it, while it runs, during a wait, after a close.
        for round in 0..500_u64 {
            let process = executor.create(shell("sleep 600 & sleep 600")).unwrap();
            let mut start = process.start();
            if round % 5 == 0 {
                drop(tokio::time::timeout(Duration::ZERO, &mut start).await);
                continue;
            }
            start.await.unwrap();
            match round % 5 {
                1 => {}
                2 => drop(tokio::time::timeout(Duration::from_micros(round), process.wait()).await),
                3 => process.close(Stop::Graceful),
                _ => process.close(Stop::Force),
            }
        }
        until("all have ended", || executor.active() == 0).await;
        until("all have been reaped", || children().is_empty()).await;
        until("their descriptors are closed", closed).await;

        executor.shutdown(Duration::ZERO).await;
        let refused = executor.start(program("true")).await.err().unwrap();
        assert_eq!(refused.kind(), ExecErrorKind::Closed);
    });
}

fn with_folder(folder: &str) -> ExecRequest {
    let mut request = program("true");
    request.work_dir = Some(folder.into());
    request
}
