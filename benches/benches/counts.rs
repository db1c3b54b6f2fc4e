//! How many instructions does a send, a receive, a spawn, an exit take? Counted by callgrind, so that the answer does not
//! depend on what else the machine does.
//!
//! Each path runs twice in a program of its own, with few operations and with many; what is more, divided by the
//! operations that are more, is its figure. Whatever a start costs cancels out. `--check [FILE]` compares with the
//! committed figures and fails when one is worse, `--renew` writes them. `benches/counts.sh` builds for this.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use perilune_benches::App;
use perilune_benches::counts::{Figures, Verdict, total};

/// Process, what it does, and the path's name.
const PATHS: [(&str, &str, &str); 5] = [
    ("paths", "send", "send"),
    ("paths", "receive", "receive"),
    ("ping_pong", "bench:processes", "send, receive, answer, receive"),
    ("paths", "spawn", "spawn"),
    ("paths", "exit", "exit"),
];

/// Enough that growing tables and rounds of the collector are a small part of either.
const FEW: u64 = 2_000;
const MANY: u64 = 10_000;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["--run", process, act, count] => {
            run(process, act, count.parse().unwrap_or(0));
            // Without ending those who still live, which would be counted.
            std::process::exit(0)
        }
        // Criterion's flag for a run that only shows that everything works.
        [.., "--test"] | ["--test", ..] => {
            PATHS.iter().for_each(|(process, act, _)| run(process, act, 10));
            ExitCode::SUCCESS
        }
        ["--check"] => check(&committed()),
        ["--check", file] if !Path::new(file).exists() => panic!("there is no file `{file}`"),
        ["--check", file] => check(Path::new(file)),
        ["--renew"] => renew(),
        _ => match measure() {
            Some(figures) => {
                print!("{figures}");
                ExitCode::SUCCESS
            }
            None => ExitCode::SUCCESS,
        },
    }
}

/// One worker, whose slices do not end: time would decide how often they did.
fn run(process: &str, act: &str, count: u64) {
    let app = App::start_with(1, |config| config.step_budget = Duration::from_secs(3600));
    app.time(process, count, act);
    std::mem::forget(app);
}

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("counts.txt")
}

fn check(file: &Path) -> ExitCode {
    if !file.exists() {
        println!("counts: skipped, no figures are committed; `just counts --renew` writes {}", file.display());
        return ExitCode::SUCCESS;
    }
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let committed = Figures::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let toolchain = toolchain();
    if committed.toolchain != toolchain {
        println!("counts: skipped, the figures are of `{}`, this is `{toolchain}`", committed.toolchain);
        return ExitCode::SUCCESS;
    }
    let Some(now) = measure() else { return ExitCode::SUCCESS };
    print!("{now}");
    match committed.compare(&now) {
        Verdict::Worse(lines) => {
            println!("counts: worse than {}; if that is meant, renew it: `just counts --renew`", file.display());
            lines.iter().for_each(|line| println!("  {line}"));
            ExitCode::FAILURE
        }
        Verdict::Kept(better) => {
            if !better.is_empty() {
                println!("counts: better; `just counts --renew` keeps it so");
                better.iter().for_each(|line| println!("  {line}"));
            }
            ExitCode::SUCCESS
        }
        Verdict::OtherToolchain => ExitCode::SUCCESS,
    }
}

fn renew() -> ExitCode {
    let Some(figures) = measure() else { return ExitCode::FAILURE };
    let head = "# Instructions for one operation, counted by callgrind. `just counts --renew` writes this file.\n";
    std::fs::write(committed(), format!("{head}{figures}")).unwrap_or_else(|error| panic!("{error}"));
    print!("{figures}");
    ExitCode::SUCCESS
}

/// The figures of this program, or none when there is nothing to count with.
fn measure() -> Option<Figures> {
    if first_line("valgrind", "--version").is_none() {
        println!("counts: skipped, there is no valgrind");
        return None;
    }
    let paths = PATHS.iter().map(|(process, act, name)| {
        let (few, many) = std::thread::scope(|scope| {
            let few = scope.spawn(|| instructions(process, act, FEW));
            let many = instructions(process, act, MANY);
            (few.join().unwrap_or_else(|_| panic!("{name} failed")), many)
        });
        ((*name).to_owned(), many.saturating_sub(few) / (MANY - FEW))
    });
    let paths = paths.collect();
    Some(Figures { toolchain: toolchain(), paths })
}

fn instructions(process: &str, act: &str, count: u64) -> u64 {
    let this = std::env::current_exe().unwrap_or_else(|error| panic!("{error}"));
    let file = std::env::temp_dir().join(format!("perilune-counts-{}-{process}-{act}-{count}", std::process::id()));
    let file = PathBuf::from(file.to_string_lossy().replace(':', "-"));
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", &format!("--callgrind-out-file={}", file.display())]);
    valgrind.arg(this).args(["--run", process, act, &count.to_string()]);
    let output = valgrind.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("valgrind: {error}"));
    let profile = std::fs::read_to_string(&file).unwrap_or_default();
    let _ = std::fs::remove_file(&file);
    match total(&profile).filter(|_| output.status.success()) {
        Some(total) => total,
        None => panic!("{process} {act}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)),
    }
}

/// What the instructions come from: both compilers, and what they compile for.
fn toolchain() -> String {
    let rust = first_line("rustc", "--version").unwrap_or_else(|| "unknown rustc".into());
    let cpp = first_line("c++", "--version").unwrap_or_else(|| "unknown c++".into());
    let checks = if cfg!(debug_assertions) { "checked" } else { "unchecked" };
    format!("{rust}, {cpp}, {} {}, {checks}", std::env::consts::ARCH, std::env::consts::OS)
}

fn first_line(program: &str, flag: &str) -> Option<String> {
    let output = Command::new(program).arg(flag).stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.lines().next().unwrap_or_default().to_owned())
}
