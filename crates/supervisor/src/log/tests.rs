//! Disks that fail, and disks that take their time.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use super::disk::Disk;
use super::{LogConfig, LogEvent, LogEvents, LogFiles, LogStream, OutputOptions, Outputs, open};
use crate::process::ProcessSpec;

const DEADLINE: Duration = Duration::from_secs(60);

/// Writes so many bytes and then nothing, until it may write more.
#[derive(Default)]
struct Full {
    room: AtomicUsize,
    refused: AtomicUsize,
}

impl Disk for Full {
    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<usize> {
        let room = self.room.load(Ordering::SeqCst).min(bytes.len());
        if room == 0 {
            self.refused.fetch_add(1, Ordering::SeqCst);
            return Err(io::ErrorKind::StorageFull.into());
        }
        file.write_all(&bytes[..room])?;
        self.room.fetch_sub(room, Ordering::SeqCst);
        Ok(room)
    }
}

/// Does not come back while it is stuck, with files of one folder.
struct Stuck {
    folder: std::path::PathBuf,
    device: u64,
    is_stuck: Mutex<bool>,
    wake: Condvar,
}

impl Stuck {
    fn set(&self, stuck: bool) {
        *self.is_stuck.lock().unwrap() = stuck;
        self.wake.notify_all();
    }
}

impl Disk for Stuck {
    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<usize> {
        use std::os::unix::fs::MetadataExt;
        if file.metadata()?.dev() == self.device {
            let stuck = self.is_stuck.lock().unwrap();
            drop(self.wake.wait_while(stuck, |stuck| *stuck).unwrap());
        }
        file.write(bytes)
    }
}

fn stuck_on(folder: &Path) -> Arc<Stuck> {
    use std::os::unix::fs::MetadataExt;
    let device = fs::metadata(folder).unwrap().dev();
    Arc::new(Stuck { folder: folder.to_owned(), device, is_stuck: Mutex::new(true), wake: Condvar::new() })
}

fn outputs(config: LogConfig, folder: &Path, files: &LogFiles) -> Outputs {
    let spec = ProcessSpec::builder().name("w").command("c").log(config).build();
    let options = OutputOptions { log_dir: Some(folder.to_owned()), files: files.clone(), ..OutputOptions::default() };
    open(&spec, 0, options).unwrap()
}

fn out_file() -> LogConfig {
    LogConfig { out_file: Some("f".into()), ..LogConfig::default() }
}

async fn eventually(what: &str, mut is: impl FnMut() -> bool) {
    let until = Instant::now() + DEADLINE;
    while !is() {
        assert!(Instant::now() < until, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn drain(events: &mut LogEvents) -> Vec<LogEvent> {
    std::iter::from_fn(|| events.try_next()).collect()
}

#[tokio::test]
async fn a_full_disk_loses_what_does_not_fit_into_memory_and_tells_how_much() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(Full::default());
    disk.room.store(100, Ordering::SeqCst);
    let mut outputs = outputs(out_file(), folder.path(), &LogFiles::on(disk.clone()));
    let line = [b"x".repeat(1023), b"\n".to_vec()].concat();
    let path = folder.path().join("f");

    // The process never waits for long: 4 MiB are taken although only 100 bytes can be written.
    outputs.stdout.write(&line).await;
    eventually("the disk refuses", || disk.refused.load(Ordering::SeqCst) > 0).await;
    for _ in 1..4096 {
        outputs.stdout.write(&line).await;
    }
    let lost = outputs.counts.lost();
    assert!(lost >= 3 << 20, "memory is bounded: {lost}");
    assert_eq!(outputs.counts.written(LogStream::Stdout), 4 << 20);
    assert_eq!(fs::metadata(&path).unwrap().len(), 100);

    // It is tried again, and goes on by itself.
    disk.room.store(usize::MAX, Ordering::SeqCst);
    eventually("what waited is written", || fs::metadata(&path).unwrap().len() == (4 << 20) - lost).await;
    outputs.stdout.write(b"after\n").await;
    outputs.stdout.end().await;
    let content = fs::read(&path).unwrap();
    assert!(content.ends_with(b"x\nafter\n"));
    assert_eq!(content.len() as u64, (4 << 20) - lost + 6);
    assert_eq!(outputs.counts.lost(), lost, "nothing more");

    let events = drain(&mut outputs.events);
    let failures = events.iter().filter(|event| matches!(event, LogEvent::WriteFailed { .. })).count();
    assert_eq!(failures, 1, "{events:?}");
    let told: u64 =
        events.iter().map(|event| if let LogEvent::OutputLost { bytes } = event { *bytes } else { 0 }).sum();
    assert_eq!(told, lost, "{events:?}");
}

#[tokio::test]
async fn an_end_does_not_wait_for_a_full_disk() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(Full::default());
    disk.room.store(3, Ordering::SeqCst);
    let mut outputs = outputs(out_file(), folder.path(), &LogFiles::on(disk.clone()));
    outputs.stdout.write(b"0123456789\n").await;
    outputs.stdout.end().await;
    assert_eq!(fs::read(folder.path().join("f")).unwrap(), b"012");
    assert_eq!(outputs.counts.lost(), 8);
    assert!(drain(&mut outputs.events).contains(&LogEvent::OutputLost { bytes: 8 }));
}

#[tokio::test]
async fn behind_half_a_line_a_formatted_line_is_still_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(Full::default());
    disk.room.store(5, Ordering::SeqCst);
    let config = LogConfig { json: true, combined_file: Some("f".into()), ..LogConfig::default() };
    let mut outputs = outputs(config, folder.path(), &LogFiles::on(disk.clone()));
    outputs.stdout.write(b"lost\n").await;
    outputs.stdout.end().await;
    disk.room.store(usize::MAX, Ordering::SeqCst);
    let mut stderr = outputs.stderr.take().unwrap();
    stderr.write(b"kept\n").await;
    stderr.end().await;
    let content = fs::read_to_string(folder.path().join("f")).unwrap();
    let line = content.lines().last().unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(line).unwrap()["msg"], "kept", "{content}");
}

#[tokio::test]
async fn a_stuck_disk_makes_the_process_wait_and_fills_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let disk = stuck_on(folder.path());
    let mut outputs = outputs(out_file(), folder.path(), &LogFiles::on(disk.clone()));
    let source = Arc::clone(&outputs.stdout.sources()[0]);
    let writing = async {
        for _ in 0..400 {
            outputs.stdout.write(&[b'x'; 16 << 10]).await;
        }
        outputs.stdout.end().await;
    };
    tokio::pin!(writing);
    tokio::select! {
        () = &mut writing => panic!("nobody waited"),
        () = eventually("the queue is full", || source.queued() + (17 << 10) > 1 << 20) => {}
    }
    let queued = source.queued();
    assert!(queued <= 1 << 20, "{queued}");
    disk.set(false);
    tokio::time::timeout(DEADLINE, &mut writing).await.unwrap();
    assert_eq!(fs::metadata(disk.folder.join("f")).unwrap().len(), 400 * (16 << 10));
    assert_eq!(source.queued(), 0);
}

#[tokio::test]
async fn many_small_writes_fill_no_memory_either() {
    let folder = tempfile::tempdir().unwrap();
    let disk = stuck_on(folder.path());
    let files = LogFiles::on(disk.clone());
    let spec = ProcessSpec::builder().name("w").command("c").log(out_file()).build();
    // Every write at another moment, so that none can be joined with the one before.
    let moment = Arc::new(AtomicUsize::new(0));
    let options = OutputOptions {
        log_dir: Some(folder.path().to_owned()),
        files,
        clock: Arc::new(move || {
            let second = moment.fetch_add(1, Ordering::SeqCst);
            chrono::DateTime::from_timestamp(second as i64, 0).unwrap()
        }),
        ..OutputOptions::default()
    };
    let mut outputs = open(&spec, 0, options).unwrap();
    let source = Arc::clone(&outputs.stdout.sources()[0]);
    let mut taken = 0_u64;
    let writing = async {
        loop {
            outputs.stdout.write(b"x").await;
            taken += 1;
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = writing => unreachable!(),
        () = eventually("the queue is full", || source.queued() + 129 > 1 << 20) => {}
    }
    assert!(taken <= (1 << 20) / 128, "{taken}");
    disk.set(false);
    outputs.stdout.end().await;
    // The one that was waiting has queued nothing.
    assert_eq!(fs::metadata(folder.path().join("f")).unwrap().len(), taken);
}

#[tokio::test]
async fn a_stuck_disk_holds_up_no_other_disk() {
    use std::os::unix::fs::MetadataExt;
    let slow = tempfile::tempdir().unwrap();
    let Ok(quick) = tempfile::tempdir_in("/dev/shm") else {
        eprintln!("skipped: there is no second disk");
        return;
    };
    if fs::metadata(quick.path()).unwrap().dev() == fs::metadata(slow.path()).unwrap().dev() {
        eprintln!("skipped: there is no second disk");
        return;
    }
    let disk = stuck_on(slow.path());
    let files = LogFiles::on(disk.clone());
    let mut held = outputs(out_file(), slow.path(), &files);
    held.stdout.write(b"slow\n").await;
    let mut free = outputs(out_file(), quick.path(), &files);
    free.stdout.write(b"quick\n").await;
    tokio::time::timeout(DEADLINE, free.stdout.end()).await.unwrap();
    assert_eq!(fs::read(quick.path().join("f")).unwrap(), b"quick\n");
    disk.set(false);
    held.stdout.end().await;
    assert_eq!(fs::read(slow.path().join("f")).unwrap(), b"slow\n");
}

#[tokio::test]
async fn threads_are_there_only_while_there_are_files() {
    let folder = tempfile::tempdir().unwrap();
    let files = LogFiles::on(Arc::new(super::disk::System));
    for _ in 0..3 {
        let outputs: Vec<_> = (0..100)
            .map(|number| {
                let out_file = Some(format!("f{number}").into());
                outputs(LogConfig { out_file, ..LogConfig::default() }, folder.path(), &files)
            })
            .collect();
        assert!(format!("{files:?}").ends_with("files: 100, lanes: 1 }"), "{files:?}");
        drop(outputs);
        eventually("files are closed", || format!("{files:?}").contains("files: 0,")).await;
    }
    eventually("the thread has ended", || format!("{files:?}").ends_with("files: 0, lanes: 0 }")).await;
}
