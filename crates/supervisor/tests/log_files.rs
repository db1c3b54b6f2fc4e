//! What is in the files, and when a new one is begun.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use perilune_supervisor::log::{
    self, LogConfig, LogError, LogEvent, LogRotationConfig, OutputOptions, Outputs, RotationMode,
};
use perilune_supervisor::process::ProcessSpec;
use proptest::prelude::*;

const DEADLINE: Duration = Duration::from_secs(60);

fn spec(log: LogConfig) -> ProcessSpec {
    ProcessSpec::builder().name("w").command("c").log(log).build()
}

fn options(folder: &Path) -> OutputOptions {
    let mut options = OutputOptions::default();
    options.log_dir = Some(folder.to_owned());
    options
}

fn open(log: LogConfig, folder: &Path) -> Outputs {
    log::open(&spec(log), 0, options(folder)).unwrap()
}

fn out_file(rotation: Option<LogRotationConfig>) -> LogConfig {
    LogConfig { out_file: Some("f".into()), rotation, ..LogConfig::default() }
}

fn pieces_of(max_size: u64) -> Option<LogRotationConfig> {
    Some(LogRotationConfig { max_size, max_files: 10_000, ..LogRotationConfig::default() })
}

/// The file and its old ones, oldest first.
fn pieces(folder: &Path) -> Vec<Vec<u8>> {
    let old = (1..).map(|number| folder.join(format!("f.{number}"))).take_while(|path| path.exists());
    let mut all: Vec<PathBuf> = old.collect();
    all.reverse();
    all.push(folder.join("f"));
    all.iter().map(|path| fs::read(path).unwrap_or_default()).collect()
}

async fn eventually(what: &str, mut is: impl FnMut() -> bool) {
    let until = Instant::now() + DEADLINE;
    while !is() {
        assert!(Instant::now() < until, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A clock that is set by hand.
fn clock_at(text: &str) -> (Arc<Mutex<DateTime<Utc>>>, log::Clock) {
    let now = Arc::new(Mutex::new(text.parse().unwrap()));
    let shared = Arc::clone(&now);
    (now, Arc::new(move || *shared.lock().unwrap()))
}

#[test]
fn bytes_are_exact_and_a_restart_appends() {
    let folder = tempfile::tempdir().unwrap();
    block_on(async {
        for bytes in [&b"\0\xFF\n\r\nno newline"[..], b"", b" here\n"] {
            let mut outputs = open(out_file(None), folder.path());
            outputs.stdout.write(bytes).await;
            outputs.stdout.end().await;
            // Another spec may have the file only when nobody has it.
            drop(outputs);
        }
    });
    assert_eq!(fs::read(folder.path().join("f")).unwrap(), b"\0\xFF\n\r\nno newline here\n");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn pieces_join_to_what_was_written(
        chunks in prop::collection::vec(
            prop::collection::vec(prop_oneof![1 => Just(b'\n'), 9 => any::<u8>()], 0..200),
            0..30,
        ),
        max_size in 1_u64..300,
        restart_at in 0_usize..30,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let spec = spec(out_file(pieces_of(max_size)));
        block_on(async {
            let mut outputs = log::open(&spec, 0, options(folder.path())).unwrap();
            for (index, chunk) in chunks.iter().enumerate() {
                if index == restart_at {
                    outputs.stdout.end().await;
                    outputs = log::open(&spec, 0, options(folder.path())).unwrap();
                }
                outputs.stdout.write(chunk).await;
            }
            outputs.stdout.end().await;
        });
        let pieces = pieces(folder.path());
        prop_assert_eq!(pieces.concat(), chunks.concat());
        for (index, piece) in pieces.iter().enumerate() {
            let is_last = index + 1 == pieces.len();
            prop_assert!(is_last || piece.ends_with(b"\n"), "cut within a line");
            // The line that fills the file is its last.
            let before = piece.strip_suffix(b"\n").unwrap_or(piece);
            let last_line = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            prop_assert!((last_line as u64) < max_size, "{} bytes before the last line", last_line);
            prop_assert!(is_last || piece.len() as u64 >= max_size, "a file of {} bytes is not full", piece.len());
        }
    }
}

#[test]
fn the_oldest_files_go() {
    let folder = tempfile::tempdir().unwrap();
    let rotation = Some(LogRotationConfig { max_size: 4, max_files: 2, ..LogRotationConfig::default() });
    let events = block_on(async {
        let mut outputs = open(out_file(rotation), folder.path());
        outputs.stdout.write(b"one\ntwo\nthree\nfour\nfive\n").await;
        outputs.stdout.end().await;
        std::iter::from_fn(|| outputs.events.try_next()).collect::<Vec<_>>()
    });
    assert_eq!(pieces(folder.path()), [&b"three\n"[..], b"four\n", b"five\n"]);
    let path = fs::canonicalize(folder.path()).unwrap().join("f");
    assert_eq!(events, vec![LogEvent::Rotated { path }; 4]);
}

#[test]
fn days_and_hours_have_their_files() {
    for (mode, first, later) in [
        (RotationMode::Daily, "2026-01-01T23:59:59Z", "2026-01-02T00:00:01Z"),
        (RotationMode::Hourly, "2026-01-01T11:59:59Z", "2026-01-01T12:00:00Z"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (now, clock) = clock_at(first);
        let rotation = Some(LogRotationConfig { mode, ..LogRotationConfig::default() });
        block_on(async {
            let mut options = options(folder.path());
            options.clock = clock;
            let mut outputs = log::open(&spec(out_file(rotation)), 0, options).unwrap();
            outputs.stdout.write(b"old\nover the ").await;
            *now.lock().unwrap() = later.parse().unwrap();
            outputs.stdout.write(b"end\nnew\n").await;
            outputs.stdout.write(b"newer\n").await;
            outputs.stdout.end().await;
        });
        assert_eq!(pieces(folder.path()), [&b"old\nover the end\n"[..], b"new\nnewer\n"], "{mode:?}");
    }
}

#[test]
fn old_files_are_compressed_beside_and_still_join() {
    let folder = tempfile::tempdir().unwrap();
    let rotation = LogRotationConfig { max_size: 1000, max_files: 100, compress: true, ..LogRotationConfig::default() };
    // One of a run before this one that was not compressed any more.
    fs::write(folder.path().join("f.1"), "before\n").unwrap();
    let lines: Vec<u8> = (0..2000).flat_map(|number| format!("line {number}\n").into_bytes()).collect();
    let plain = |number: &u32| folder.path().join(format!("f.{number}")).exists();
    block_on(async {
        let mut outputs = open(out_file(Some(rotation)), folder.path());
        for chunk in lines.chunks(777) {
            outputs.stdout.write(chunk).await;
        }
        outputs.stdout.end().await;
        eventually("all are compressed", || !(1..=100).any(|number| plain(&number))).await;
    });
    let mut joined = Vec::new();
    for number in (1..=100).rev() {
        let Ok(file) = fs::File::open(folder.path().join(format!("f.{number}.gz"))) else { continue };
        flate2::read::GzDecoder::new(file).read_to_end(&mut joined).unwrap();
    }
    joined.extend(fs::read(folder.path().join("f")).unwrap());
    assert_eq!(String::from_utf8_lossy(&joined), String::from_utf8_lossy(&[b"before\n".to_vec(), lines].concat()));
    assert!(!folder.path().join("f.gz.tmp").exists());
}

#[test]
fn both_outputs_share_a_file_beside_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let config = LogConfig {
        out_file: Some("out".into()),
        err_file: Some("./err".into()),
        combined_file: Some("sub/../both".into()),
        ..LogConfig::default()
    };
    fs::create_dir(folder.path().join("sub")).unwrap();
    block_on(async {
        let mut outputs = open(config, folder.path());
        let mut stderr = outputs.stderr.take().unwrap();
        for number in 0..200 {
            outputs.stdout.write(format!("out {number}\n").as_bytes()).await;
            stderr.write(format!("err {number}\n").as_bytes()).await;
        }
        outputs.stdout.end().await;
        stderr.end().await;
    });
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    let lines = |word: &str| (0..200).map(|number| format!("{word} {number}\n")).collect::<String>();
    assert_eq!(read("out"), lines("out"));
    assert_eq!(read("err"), lines("err"));
    let both: String = (0..200).map(|number| format!("out {number}\nerr {number}\n")).collect();
    assert_eq!(read("both"), both, "in the order in which it came");
}

#[test]
fn half_a_line_is_visible_before_it_is_complete() {
    for (config, text) in [
        (LogConfig::default(), "prompt> "),
        (LogConfig { timestamp: true, ..LogConfig::default() }, "[2026-01-01 00:00:00.000] [stdout] prompt> "),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (_, clock) = clock_at("2026-01-01T00:00:00Z");
        block_on(async {
            let config = LogConfig { combined_file: Some("f".into()), ..config };
            let mut options = options(folder.path());
            options.clock = clock;
            let mut outputs = log::open(&spec(config), 0, options).unwrap();
            outputs.stdout.write(b"prompt> ").await;
            let path = folder.path().join("f");
            eventually("it is visible", || fs::read_to_string(&path).unwrap() == text).await;
            outputs.stdout.write(b"answer\nnext\n").await;
            outputs.stdout.end().await;
            let next = text.replace("prompt> ", "next\n");
            assert_eq!(fs::read_to_string(&path).unwrap(), format!("{text}answer\n{next}"));
        });
    }
}

#[test]
fn the_rest_of_a_line_that_was_interrupted_is_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let config = LogConfig {
        combined_file: Some("f".into()),
        timestamp: true,
        timestamp_format: "t".into(),
        ..LogConfig::default()
    };
    let path = folder.path().join("f");
    block_on(async {
        let mut outputs = open(config, folder.path());
        let mut stderr = outputs.stderr.take().unwrap();
        outputs.stdout.write(b"half").await;
        eventually("it is visible", || fs::read_to_string(&path).unwrap() == "[t] [stdout] half").await;
        stderr.write(b"between\n").await;
        stderr.end().await;
        outputs.stdout.write(b" a line\n").await;
        outputs.stdout.end().await;
    });
    let expected = "[t] [stdout] half\n[t] [stderr] between\n[t] [stdout]  a line\n";
    assert_eq!(fs::read_to_string(&path).unwrap(), expected);
}

#[test]
fn lines_have_stamps() {
    let folder = tempfile::tempdir().unwrap();
    let (now, clock) = clock_at("2026-01-01T00:00:00.5Z");
    let config = LogConfig {
        combined_file: Some("f".into()),
        timestamp: true,
        timestamp_format: "%H:%M:%S%.3f".into(),
        max_line_bytes: 10,
        ..LogConfig::default()
    };
    block_on(async {
        let mut options = options(folder.path());
        options.clock = clock;
        let mut outputs = log::open(&spec(config), 0, options).unwrap();
        outputs.stdout.write(b"one\n\ntwo\r\nexactly 10\n").await;
        *now.lock().unwrap() = "2026-01-01T00:00:01Z".parse().unwrap();
        outputs.stdout.write(b"more than ten bytes\nlast").await;
        outputs.stdout.end().await;
        let mut stderr = outputs.stderr.take().unwrap();
        stderr.write(b"no end").await;
        stderr.end().await;
    });
    let expected = "[00:00:00.500] [stdout] one\n[00:00:00.500] [stdout] \n[00:00:00.500] [stdout] two\r\n\
                    [00:00:00.500] [stdout] exactly 10\n[00:00:01.000] [stdout] more than \n\
                    [00:00:01.000] [stdout] ten bytes\n\
                    [00:00:01.000] [stdout] last\n[00:00:01.000] [stderr] no end\n";
    assert_eq!(fs::read_to_string(folder.path().join("f")).unwrap(), expected);
}

#[test]
fn lines_are_objects() {
    let folder = tempfile::tempdir().unwrap();
    let (_, clock) = clock_at("2026-01-01T00:00:00.5Z");
    let config = LogConfig { combined_file: Some("f".into()), json: true, ..LogConfig::default() };
    block_on(async {
        let mut options = options(folder.path());
        options.clock = clock;
        let mut outputs = log::open(&spec(config), 0, options).unwrap();
        outputs.stdout.write(b"say \"hi\"\r\n\xFF").await;
        outputs.stdout.end().await;
    });
    let content = fs::read_to_string(folder.path().join("f")).unwrap();
    let expected = [r#"say \"hi\""#, "\u{FFFD}"].map(|msg| {
        format!(r#"{{"ts":"2026-01-01T00:00:00.500Z","name":"w","instance":0,"stream":"stdout","msg":"{msg}"}}"#)
    });
    assert_eq!(content.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn folders_are_made_and_permissions_kept() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let out_file = Some("a/b/{name}-{instance}.log".into());
    let outputs = open(LogConfig { out_file, file_mode: 0o600, ..LogConfig::default() }, folder.path());
    let metadata = fs::metadata(folder.path().join("a/b/w-0.log")).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    drop(outputs);
}

#[test]
fn what_cannot_be_opened_is_an_error_at_once() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("folder")).unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let error = |path: &str| {
        let config = LogConfig { out_file: Some("good".into()), err_file: Some(path.into()), ..LogConfig::default() };
        log::open(&spec(config), 0, options(folder.path())).unwrap_err()
    };
    assert!(matches!(error("folder"), LogError::CreateFailed { .. }));
    assert!(matches!(error("file/f"), LogError::DirectoryNotFound { .. }));
    let status = std::process::Command::new("mkfifo").arg(folder.path().join("pipe")).status().unwrap();
    assert!(status.success());
    assert!(matches!(error("pipe"), LogError::CreateFailed { .. }), "nobody waits for a reader");
}

#[test]
fn two_specs_cannot_have_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let first = spec(out_file(None));
    let mut outputs = log::open(&first, 0, options(folder.path())).unwrap();
    let error = log::open(&spec(out_file(None)), 0, options(folder.path())).unwrap_err();
    assert!(matches!(error, LogError::InUse { .. }), "{error}");
    drop(log::open(&first, 0, options(folder.path())).unwrap());
    block_on(outputs.stdout.end());
    // A device is nobody's.
    let null = || spec(LogConfig { combined_file: Some("/dev/null".into()), ..LogConfig::default() });
    let first = log::open(&null(), 0, options(folder.path())).unwrap();
    let second = log::open(&null(), 0, options(folder.path())).unwrap();
    drop((first, second));
}

#[test]
fn the_files_of_a_spec_are_known_before() {
    let config = LogConfig { out_file: Some("o.log".into()), combined_file: Some("/c".into()), ..LogConfig::default() };
    let spec = ProcessSpec::builder().name("w").command("c").instances(2).log(config).build();
    let expected = ["/c-0", "/c-1", "/logs/o-0.log", "/logs/o-1.log"].map(PathBuf::from);
    assert_eq!(log::paths(&spec, Some(Path::new("/logs"))), expected);
}

#[test]
fn a_shared_pipe_has_one_writer() {
    let folder = tempfile::tempdir().unwrap();
    let config = LogConfig { merge_stderr: true, err_file: Some("never".into()), ..out_file(None) };
    let outputs = open(config, folder.path());
    assert!(outputs.stderr.is_none());
    assert!(!folder.path().join("never").exists());
}
