//! Files that others take away, disks without room, and much at once.

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use perilune_supervisor::log::{self, LogConfig, LogEvent, LogRotationConfig, OutputOptions, Outputs};
use perilune_supervisor::process::ProcessSpec;
use support::sized;

const DEADLINE: Duration = Duration::from_secs(60);

fn open(log: LogConfig, folder: &Path) -> Outputs {
    let spec = ProcessSpec::builder().name("w").command("c").log(log).build();
    let mut options = OutputOptions::default();
    options.log_dir = Some(folder.to_owned());
    log::open(&spec, 0, options).unwrap()
}

fn out_file(rotation: Option<LogRotationConfig>) -> LogConfig {
    LogConfig { out_file: Some("f".into()), rotation, ..LogConfig::default() }
}

async fn eventually(what: &str, mut is: impl FnMut() -> bool) {
    let until = Instant::now() + DEADLINE;
    while !is() {
        assert!(Instant::now() < until, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_file_that_is_gone_is_made_again_though_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let sub = folder.path().join("sub");
    let config = LogConfig { out_file: Some("sub/f".into()), ..LogConfig::default() };
    let mut outputs = open(config, folder.path());
    outputs.stdout.write(b"gone\n").await;
    eventually("it is written", || fs::read(sub.join("f")).is_ok_and(|content| content == b"gone\n")).await;

    fs::remove_dir_all(&sub).unwrap();
    let since = Instant::now();
    eventually("it is there again", || sub.join("f").exists()).await;
    // Two seconds are promised; the rest is for a machine that is busy.
    assert!(since.elapsed() < Duration::from_secs(10));
    outputs.stdout.write(b"new\n").await;
    outputs.stdout.end().await;
    assert_eq!(fs::read(sub.join("f")).unwrap(), b"new\n");
    assert_eq!(outputs.counts.lost(), 0);
}

#[tokio::test]
async fn a_file_that_was_moved_away_is_complete_and_goes_on_in_another() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f");
    let moved = folder.path().join("moved");
    let mut outputs = open(out_file(None), folder.path());
    outputs.stdout.write(b"first\n").await;
    eventually("it is written", || fs::read(&path).unwrap() == b"first\n").await;
    fs::rename(&path, &moved).unwrap();
    let mut written = 0;
    let until = Instant::now() + DEADLINE;
    while !path.exists() {
        assert!(Instant::now() < until, "never opened again");
        outputs.stdout.write(b"between\n").await;
        written += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    outputs.stdout.write(b"last\n").await;
    outputs.stdout.end().await;
    let joined = [fs::read(&moved).unwrap(), fs::read(&path).unwrap()].concat();
    assert_eq!(joined, [b"first\n".to_vec(), b"between\n".repeat(written), b"last\n".to_vec()].concat());
}

#[tokio::test]
async fn files_are_opened_again_at_once_when_somebody_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f");
    let mut outputs = open(out_file(None), folder.path());
    for number in 0..20 {
        outputs.stdout.write(format!("{number}\n").as_bytes()).await;
        eventually("it is written", || fs::metadata(&path).unwrap().len() > 0).await;
        fs::rename(&path, folder.path().join(format!("moved-{number}"))).unwrap();
        log::reopen_logs().await.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), 0);
    }
    outputs.stdout.end().await;
    for number in 0..20 {
        let moved = fs::read_to_string(folder.path().join(format!("moved-{number}"))).unwrap();
        assert_eq!(moved, format!("{number}\n"));
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_put_aside_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    // The oldest file is a folder, which cannot be removed like one.
    fs::create_dir(folder.path().join("f.1")).unwrap();
    let rotation = LogRotationConfig { max_size: 10, max_files: 1, ..LogRotationConfig::default() };
    let mut outputs = open(out_file(Some(rotation)), folder.path());
    for _ in 0..100 {
        outputs.stdout.write(b"0123456789\n").await;
    }
    outputs.stdout.end().await;
    assert_eq!(fs::read(folder.path().join("f")).unwrap(), b"0123456789\n".repeat(100));
    let events: Vec<_> = std::iter::from_fn(|| outputs.events.try_next()).collect();
    assert!(matches!(events.as_slice(), [LogEvent::WriteFailed { .. }]), "told once: {events:?}");
}

/// Says that this process is the one with the limit, and where it writes.
const LIMITED: &str = "PERILUNE_TEST_LIMITED";

#[test]
fn r15_a_real_limit_of_the_system_stops_nobody() {
    if let Some(folder) = std::env::var_os(LIMITED) {
        return limited(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let script = r#"trap "" XFSZ; ulimit -f 512; exec "$0" --exact r15_a_real_limit_of_the_system_stops_nobody"#;
    let output = Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .env(LIMITED, folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

fn limited(folder: &Path) {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio.block_on(async {
        let path = folder.join("f");
        let mut outputs = open(out_file(None), folder);
        let line = [b"x".repeat(1023), b"\n".to_vec()].concat();
        for _ in 0..4096 {
            outputs.stdout.write(&line).await;
        }
        let full = fs::metadata(&path).unwrap().len();
        assert!((1..1 << 20).contains(&full), "the limit works: {full}");
        assert!(outputs.counts.lost() > 0);
        match outputs.events.try_next() {
            Some(LogEvent::WriteFailed { error, .. }) => assert!(error.contains("large"), "{error}"),
            other => panic!("{other:?}"),
        }

        // Somebody makes room, and it goes on by itself.
        fs::rename(&path, folder.join("full")).unwrap();
        eventually("it goes on", || fs::metadata(&path).is_ok_and(|metadata| metadata.len() > 0)).await;
        fs::rename(&path, folder.join("more")).unwrap();
        log::reopen_logs().await.unwrap();
        outputs.stdout.write(b"last\n").await;
        outputs.stdout.end().await;
        let kept: u64 = ["full", "more", "f"].map(|name| fs::metadata(folder.join(name)).unwrap().len()).iter().sum();
        assert_eq!(kept + outputs.counts.lost(), (4 << 20) + 5, "what is not there is counted");
    });
}

/// Writes numbered lines, while somebody moves the file away again and again.
async fn under_load(bytes: usize) {
    let folder = tempfile::tempdir().unwrap();
    let rotation = LogRotationConfig { max_size: 1 << 20, max_files: 10_000, ..LogRotationConfig::default() };
    let mut outputs = open(out_file(Some(rotation)), folder.path());
    let path = folder.path().join("f");
    let mut chunk = Vec::new();
    let (mut number, mut total, mut moved) = (0_u64, 0, 0);
    while total < bytes {
        chunk.clear();
        while chunk.len() < 64 << 10 {
            chunk.extend_from_slice(text_of(number).as_bytes());
            chunk.push(b'\n');
            number += 1;
        }
        total += chunk.len();
        outputs.stdout.write(&chunk).await;
        // It may just be gone, because it is being put aside.
        if moved < total * 10 / bytes && fs::rename(&path, folder.path().join(format!("moved-{moved}"))).is_ok() {
            moved += 1;
        }
    }
    outputs.stdout.end().await;
    assert_eq!(outputs.counts.lost(), 0);
    assert!(moved > 0);

    let paths = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let mut pieces: Vec<Vec<u8>> =
        paths.map(|path| fs::read(path).unwrap()).filter(|piece| !piece.is_empty()).collect();
    assert_eq!(pieces.iter().map(Vec::len).sum::<usize>(), total);
    let most = pieces.iter().map(Vec::len).max().unwrap();
    assert!(most <= (1 << 20) + 120, "{most}");
    // What was moved away may be cut within a line, so a piece is known by its first line that is whole.
    pieces.sort_by_key(|piece| {
        let at = piece.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        piece[at..].get(..16).map(<[u8]>::to_vec)
    });
    let mut expected = 0;
    for line in pieces.concat().split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        assert_eq!(String::from_utf8_lossy(line), text_of(expected));
        expected += 1;
    }
    assert_eq!(expected, number);
    println!("r15: {total} bytes in {} pieces, moved away {moved} times, all there", pieces.len());
}

fn text_of(number: u64) -> String {
    format!("{number:016} {}", "x".repeat((number % 97) as usize))
}

/// The full size is half a gigabyte on disk, and twice that in memory.
#[tokio::test]
async fn r15_many_megabytes_through_small_files_are_all_there() {
    under_load(sized(24, 500) << 20).await;
}

#[tokio::test]
async fn r5_endless_lines_and_empty_lines_are_all_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut outputs = open(out_file(None), folder.path());
    let lines = outputs.lines.subscribe();
    let (endless, empty) = (sized(256, 1600), sized(16, 160));
    for _ in 0..endless {
        outputs.stdout.write(&[b'x'; 64 << 10]).await;
    }
    for _ in 0..empty {
        outputs.stdout.write(&[b'\n'; 64 << 10]).await;
    }
    outputs.stdout.end().await;
    let content = fs::read(folder.path().join("f")).unwrap();
    assert_eq!(content.len(), (endless + empty) << 16);
    assert!(content[..endless << 16].iter().all(|byte| *byte == b'x'));
    assert!(content[endless << 16..].iter().all(|byte| *byte == b'\n'));
    drop(lines);
}
