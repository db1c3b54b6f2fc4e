//! Large amounts, lost amounts, and pipes that somebody else holds.

mod support;

use perilune_exec_api::{CommandLine, ExecError, ExecRequest, Executor, ExecutorExt};
use perilune_exec_native::{NativeConfig, NativeExecutor};
use support::{block_on, shell};

/// A number that depends on every byte and its place.
fn digest(sum: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(sum, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[test]
fn large_output_arrives_byte_for_byte() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("data");
        let data: Vec<u8> = (0..64_u32 << 20).map(|at| (at ^ (at >> 7) ^ (at >> 15)) as u8).collect();
        std::fs::write(&file, &data).unwrap();
        let executor = NativeExecutor::new();
        let process = executor.create(ExecRequest::new(CommandLine::argv("cat", [file.to_str().unwrap()]))).unwrap();
        let stdout = process.stdout().unwrap();
        process.start().await.unwrap();
        // A wait beside it, which reads along when nobody else does.
        let waiting = process.clone();
        let waiter = tokio::spawn(async move { waiting.wait().await.unwrap() });
        let (mut count, mut sum) = (0, 0);
        while let Some(chunk) = stdout.read(1 << 20).await.unwrap() {
            count += chunk.len();
            sum = digest(sum, &chunk);
        }
        assert!(waiter.await.unwrap().success());
        assert_eq!((count, sum), (data.len(), digest(0, &data)));
    });
}

#[test]
fn stream_that_was_read_without_waiting_wakes_those_who_wait() {
    block_on(async {
        let executor = NativeExecutor::new();
        let process = executor.start(ExecRequest::new(CommandLine::argv("cat", [""; 0]))).await.unwrap();
        let stdout = process.stdout().unwrap();
        let mut buffer = [0; 1000];
        for round in 0..20 {
            // Fast, so that nobody watches the pipe any more.
            let much: Vec<u8> = (0..30_000).map(|at| (at % 251) as u8 ^ round).collect();
            process.write_stdin(much.clone()).await.unwrap();
            let mut all = Vec::new();
            while all.len() < much.len() {
                match stdout.try_read(&mut buffer) {
                    Some(count) => all.extend(&buffer[..count.unwrap()]),
                    None => all.extend(stdout.read(1000).await.unwrap().unwrap()),
                }
            }
            assert!(all == much);
            // Then slowly, by two who wait.
            let readers = [(); 2].map(|()| {
                let stdout = stdout.clone();
                tokio::spawn(async move { stdout.read(1).await.unwrap() })
            });
            tokio::task::yield_now().await;
            process.write_stdin(vec![round; 2]).await.unwrap();
            for reader in readers {
                assert_eq!(reader.await.unwrap(), Some(vec![round]));
            }
            assert!(stdout.try_read(&mut buffer).is_none());
        }
        process.close_stdin().await.unwrap();
        assert_eq!(stdout.read(1).await.unwrap(), None);
        assert!(process.wait().await.unwrap().success());
    });
}

#[test]
fn end_is_known_at_once_to_those_who_do_not_wait() {
    block_on(async {
        let executor = NativeExecutor::new();
        let process = executor.start(shell("printf text")).await.unwrap();
        let (stdout, mut buffer) = (process.stdout().unwrap(), [0; 100]);
        process.wait().await.unwrap();
        assert_eq!(stdout.try_read(&mut buffer).unwrap().unwrap(), 4);
        assert_eq!(&buffer[..4], b"text");
        assert_eq!(stdout.try_read(&mut buffer).unwrap().unwrap(), 0);
        assert_eq!(stdout.try_read(&mut buffer).unwrap().unwrap(), 0);
    });
}

#[test]
fn both_outputs_flood_at_once_and_nobody_reads() {
    block_on(async {
        let executor = NativeExecutor::new();
        let process =
            executor.start(shell("head -c 8388608 /dev/zero >&2 & head -c 8388608 /dev/zero; wait")).await.unwrap();
        assert!(process.wait().await.unwrap().success());
    });
}

#[test]
fn what_is_not_kept_is_reported_once() {
    block_on(async {
        let mut config = NativeConfig::default();
        config.max_unread = 100_000;
        let executor = NativeExecutor::with(config);
        let process = executor.start(shell("head -c 1000000 /dev/zero")).await.unwrap();
        let stdout = process.stdout().unwrap();
        assert!(process.wait().await.unwrap().success());
        let mut kept = 0;
        let lost = loop {
            match stdout.read(4096).await {
                Ok(Some(chunk)) => kept += chunk.len(),
                Ok(None) => panic!("the end without a word about what is missing"),
                Err(ExecError::OutputLost { bytes }) => break bytes,
                Err(error) => panic!("{error}"),
            }
        };
        assert_eq!((kept, lost), (100_000, 900_000));
        assert_eq!(stdout.read(1).await.unwrap(), None);
    });
}

#[test]
fn stream_taken_late_has_the_newest_and_says_what_is_missing() {
    block_on(async {
        let executor = NativeExecutor::new();
        let process = executor.start(shell("head -c 2000000 /dev/zero; echo; echo end; read -r line")).await.unwrap();
        let waiting = process.clone();
        let waiter = tokio::spawn(async move { waiting.wait().await.unwrap() });
        // Much more than a pipe holds, so all of it but a pipe's fill has been dropped or put aside when the shell has come to read.
        process.write_stdin(b"\n".to_vec()).await.unwrap();
        support::until("the input was read", || process.stdin_pending().is_none_or(|left| left == 0)).await;
        match process.stdout() {
            Ok(stdout) => {
                let lost = stdout.read(1 << 20).await;
                assert!(matches!(lost, Err(ExecError::OutputLost { bytes: 1.. })), "{lost:?}");
                let mut rest = Vec::new();
                while let Some(chunk) = stdout.read(1 << 20).await.unwrap() {
                    rest.extend(chunk);
                }
                // What was put aside, and what was still in the pipe.
                assert!(rest.len() <= (64 + 256) << 10 && rest.ends_with(b"\nend\n"), "{}", rest.len());
            }
            // The wait was faster.
            Err(error) => assert!(matches!(error, ExecError::Closed)),
        }
        waiter.await.unwrap();
    });
}

#[test]
fn output_of_a_process_in_a_hurry_is_never_cut() {
    block_on(async {
        let executor = NativeExecutor::new();
        for round in 0..200 {
            let text = format!("{round} ").repeat(300);
            let process = executor.create(ExecRequest::new(CommandLine::argv("printf", ["%s", &text]))).unwrap();
            let stdout = process.stdout().unwrap();
            process.start().await.unwrap();
            process.wait().await.unwrap();
            let mut all = Vec::new();
            while let Some(chunk) = stdout.read(1000).await.unwrap() {
                all.extend(chunk);
            }
            assert_eq!(String::from_utf8(all).unwrap(), text);
        }
    });
}
