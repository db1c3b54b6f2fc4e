//! The rows. Each prints what was seen, a line for each part.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::library::{Ended, Kept, Library, Life, Program};
use crate::system::{self, alive, started};

pub const ALL: [(&str, &str); 14] = [
    ("r1", "10,000 runs"),
    ("r2", "1,000 given up"),
    ("r3", "1,000 failing starts"),
    ("r4", "1 GiB on each output"),
    ("r5", "unusual output"),
    ("r6", "20 killed at random for 20 s"),
    ("r7", "a suspended process is stopped"),
    ("r8", "a tree is stopped"),
    ("r9", "a leader leaves somebody"),
    ("r10", "last 1,000 lines, 200 times, under load"),
    ("r11", "this program is killed, with 20 trees"),
    ("r12", "the starting threads end"),
    ("r13", "a careless parent"),
    ("r16", "a crash loop with 5 restarts"),
];

pub fn take<L: Library>(row: &str) -> ExitCode {
    let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let threads = threads.expect("threads");
    match row {
        "r1" => threads.block_on(r1::<L>()),
        "r2" => threads.block_on(r2::<L>()),
        "r3" => threads.block_on(r3::<L>()),
        "r4" => threads.block_on(r4::<L>()),
        "r5" => threads.block_on(r5::<L>()),
        "r6" => threads.block_on(r6::<L>()),
        "r7" => threads.block_on(r7::<L>()),
        "r8" => threads.block_on(r8::<L>()),
        "r9" => threads.block_on(r9::<L>()),
        "r10" => threads.block_on(r10::<L>()),
        "r11" => r11::<L>(),
        "r12" => r12::<L>(&threads),
        "r13" => {
            system::be_careless();
            // Threads have the signals of the one that starts them.
            let careless = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            careless.expect("threads").block_on(r13::<L>());
        }
        "r16" => threads.block_on(r16::<L>()),
        _ => return ExitCode::FAILURE,
    }
    ExitCode::SUCCESS
}

fn sized(full: u64) -> u64 {
    let part = std::env::var("SIZE").ok().and_then(|size| size.parse().ok()).unwrap_or(1);
    (full / part).max(1)
}

fn yes(holds: bool) -> &'static str {
    if holds { "yes" } else { "**no**" }
}

async fn pause(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

/// Whether something became so in time.
async fn within(seconds: u64, mut holds: impl FnMut() -> bool) -> bool {
    let since = Instant::now();
    while !holds() {
        if since.elapsed() > Duration::from_secs(seconds) {
            return false;
        }
        pause(5).await;
    }
    true
}

async fn begun<L: Library>(program: &Program) -> L::Life {
    L::start(program).await.unwrap_or_else(|error| panic!("a start: {error}"))
}

fn files(folder: &Path) -> (std::path::PathBuf, std::path::PathBuf) {
    (folder.join("out"), folder.join("err"))
}

async fn r1<L: Library>() {
    let program = Program::new("true");
    for _ in 0..100 {
        begun::<L>(&program).await.wait().await.expect("an end");
    }
    let (files, memory, used, since) =
        (system::descriptors(), system::memory("VmRSS"), system::processor_time(), Instant::now());
    let runs = sized(10_000);
    for _ in 0..runs {
        assert_eq!(begun::<L>(&program).await.wait().await, Ok(Ended { code: Some(0), signal: None }));
    }
    let (took, used) = (since.elapsed(), system::processor_time() - used);
    println!(
        "{runs} in {took:.1?}, {used:.1} s of processors; zombies {}, descriptors {:+}, {} KiB more",
        system::zombies(),
        system::descriptors() as i64 - files as i64,
        system::memory("VmRSS").saturating_sub(memory),
    );
}

async fn r2<L: Library>() {
    begun::<L>(&Program::new("true")).await.wait().await.expect("an end");
    let files = system::descriptors();
    // The grandchild has a session of its own, as daemons have.
    let program = Program::shell("setsid sleep 600 & sleep 600");
    for round in 0..sized(1000) {
        let life = begun::<L>(&program).await;
        let patience = Duration::from_micros(round);
        match round % 3 {
            0 => drop(life),
            1 => drop(tokio::time::timeout(patience, life.wait()).await),
            _ => drop(tokio::time::timeout(patience, life.stop(Duration::from_secs(60))).await),
        }
    }
    let gone = within(5, || started().is_empty() && system::zombies() == 0).await;
    println!(
        "all gone after 5 s: {}; left {}, zombies {}, descriptors {:+}",
        yes(gone),
        started().len(),
        system::zombies(),
        system::descriptors() as i64 - files as i64
    );
}

async fn r3<L: Library>() {
    begun::<L>(&Program::new("true")).await.wait().await.expect("an end");
    let (files, mut errors, mut said) = (system::descriptors(), 0, Vec::new());
    let rounds = sized(1000);
    for round in 0..rounds {
        let program = if round % 2 == 0 {
            Program::new("there-is-no-such-program")
        } else {
            Program { cwd: Some("/no/such/folder".into()), ..Program::new("true") }
        };
        match L::start(&program).await {
            Ok(life) => drop(life),
            Err(error) => {
                errors += 1;
                if round < 2 {
                    said.push(error);
                }
            }
        }
    }
    let works = begun::<L>(&Program::new("true")).await.wait().await.is_ok();
    println!(
        "{errors} errors, descriptors {:+}, works again: {}; names the program: {}, the folder: {}",
        system::descriptors() as i64 - files as i64,
        yes(works),
        yes(said.first().is_some_and(|said| said.contains("there-is-no-such-program"))),
        yes(said.get(1).is_some_and(|said| said.contains("/no/such/folder"))),
    );
}

const LINE: &str = "a line of a usual length, as programs write them all day long, with a number 0123456789\n";

/// Whether a file is `unit` again and again, so many bytes of it.
fn is_exact(path: &Path, unit: &[u8], length: u64) -> bool {
    let file = fs::File::open(path).expect("a file");
    let whole = file.metadata().expect("a size").len();
    let (mut reader, mut at, mut buffer) = (BufReader::with_capacity(1 << 20, file), 0, vec![0; 1 << 20]);
    loop {
        let read = reader.read(&mut buffer).expect("a file");
        if read == 0 {
            return whole == length;
        }
        for byte in &buffer[..read] {
            if *byte != unit[at] {
                return false;
            }
            at = (at + 1) % unit.len();
        }
    }
}

async fn r4<L: Library>() {
    let each = sized(1 << 30);
    let line = LINE.trim_end();
    let script = format!("yes '{line}' | head -c {each} & yes '{line}' | head -c {each} >&2; wait");
    for with_files in [false, true] {
        let folder = TempDir::new().expect("a folder");
        let files = files(folder.path());
        let program = Program { files: with_files.then(|| files.clone()), ..Program::shell(&script) };
        let (memory, used, since) = (system::memory("VmRSS"), system::processor_time(), Instant::now());
        begun::<L>(&program).await.wait().await.expect("an end");
        let (took, used) = (since.elapsed(), system::processor_time() - used);
        let grown = system::memory("VmHWM").saturating_sub(memory);
        print!(
            "{}: {took:.1?}, {used:.1} s of processors, {grown} KiB more at most",
            if with_files { "files" } else { "read" }
        );
        if with_files {
            let exact = is_exact(&files.0, LINE.as_bytes(), each) && is_exact(&files.1, LINE.as_bytes(), each);
            print!(", exact: {}", yes(exact));
        }
        println!();
    }
}

async fn r5<L: Library>() {
    let line = sized(100 << 20);
    let binary = sized(8_000_000) / 4 * 4;
    let empty = sized(10_000_000);
    let cases: [(&str, String, &[u8], u64); 3] = [
        ("a line of 100 MiB", format!("head -c {line} /dev/zero | tr '\\0' x"), b"x", line),
        ("empty lines", format!("yes '' | head -c {empty}"), b"\n", empty),
        ("binary", format!("yes \"$(printf '\\377\\376\\001')\" | head -c {binary}"), b"\xff\xfe\x01\n", binary),
    ];
    let memory = system::memory("VmRSS");
    for (what, script, unit, length) in cases {
        let folder = TempDir::new().expect("a folder");
        let files = files(folder.path());
        let program = Program { files: Some(files.clone()), ..Program::shell(&script) };
        let used = system::processor_time();
        begun::<L>(&program).await.wait().await.expect("an end");
        let used = system::processor_time() - used;
        print!("{what}: exact {}, {used:.1} s of processors; ", yes(is_exact(&files.0, unit, length)));
    }
    println!("{} KiB more at most", system::memory("VmHWM").saturating_sub(memory));
}

async fn r6<L: Library>() {
    let mut kept = Vec::new();
    for number in 0..20 {
        let program = Program::shell("setsid sleep 600 & sleep 600 & wait").env("INSTANCE", number);
        kept.push(L::keep(&program, None, Duration::ZERO).await);
    }
    let (mut random, mut killed, mut last) = (0x2545_f491_u32, vec![0_u32; 20], vec![None; 20]);
    let (mut late, mut overlaps, mut looks) = (0, 0, 0);
    let mut times = Vec::new();
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(sized(20)) {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let number = (random >> 16) as usize % 20;
        let Some(pid) = kept[number].pid().filter(|pid| last[number] != Some(*pid)) else {
            pause(1).await;
            continue;
        };
        // It has to have started others, or there is nothing to meet.
        within(5, || system::with_variable("INSTANCE", &number.to_string()).len() >= 3).await;
        last[number] = Some(pid);
        system::kill(pid);
        let hit = Instant::now();
        killed[number] += 1;
        let back = within(10, || kept[number].pid().is_some_and(|now| now != pid)).await;
        times.push(hit.elapsed());
        late += u32::from(!back);
        if let Some(now) = kept[number].pid() {
            looks += 1;
            let tree = system::with_variable("INSTANCE", &number.to_string());
            // Whoever is neither the new leader nor its child is of a run before.
            let old =
                tree.iter().filter(|one| **one != now && system::state(**one).is_some_and(|(_, parent)| parent != now));
            let old: Vec<u32> = old.copied().collect();
            // Between fork and exec a child of a child may look like one; who stays is old.
            pause(5).await;
            overlaps += u32::from(
                old.iter().any(|one| alive(*one) && system::state(*one).is_some_and(|(_, parent)| parent != now)),
            );
        }
    }
    let counted = kept.iter().zip(&killed).filter(|(kept, killed)| kept.restarts() == **killed).count();
    times.sort();
    println!(
        "{} kills; back in {:.1?} (median), never back {late}; counts right {counted} of 20; the old tree is still there at {overlaps} of {looks} looks",
        killed.iter().sum::<u32>(),
        times[times.len() / 2],
    );
    for one in kept {
        one.stop().await;
    }
    within(5, || started().is_empty()).await;
    println!("left after the end: {}", started().len());
}

async fn r7<L: Library>() {
    for (what, script) in
        [("obeys", "exec sleep 600"), ("ignores the request", "trap '' TERM; echo; while :; do sleep 600; done")]
    {
        let life = begun::<L>(&Program::shell(script)).await;
        let pid = life.pid();
        pause(200).await;
        system::signal(pid, libc::SIGSTOP);
        within(5, || system::state(pid).is_some_and(|(state, _)| state == 'T')).await;
        let since = Instant::now();
        let ended = tokio::time::timeout(Duration::from_secs(30), life.stop(Duration::from_secs(2))).await;
        println!(
            "{what}: {:.2?}, {}",
            since.elapsed(),
            match ended {
                Ok(Ok(Ended { signal: Some(9), .. })) => "forced",
                Ok(Ok(_)) => "obeyed",
                Ok(Err(_)) => "an error",
                Err(_) => "never",
            }
        );
    }
}

const TREE: &str = r#"
depth=$1
trap "$2" TERM
echo $$ >>"$DIR/pids"
if [ "$depth" -gt 1 ]; then
    next=$((depth - 1))
    sh "$DIR/tree" $next "" &
    timeout 600 sh "$DIR/tree" $next ":" &
    (setsid sh "$DIR/tree" $next ":" >/dev/null 2>&1 &)
fi
while :; do sleep 600 & wait $!; done
"#;

async fn r8<L: Library>() {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("tree"), TREE).expect("a file");
    let program = Program::shell("exec sh \"$DIR/tree\" 5 :").env("DIR", folder.path().display());
    let life = begun::<L>(&program).await;
    let pids = || fs::read_to_string(folder.path().join("pids")).unwrap_or_default();
    let all = within(60, || pids().lines().count() >= 121).await;
    assert!(all, "only {} have started", pids().lines().count());
    let since = Instant::now();
    let stopped = tokio::time::timeout(Duration::from_secs(60), life.stop(Duration::from_secs(2))).await;
    let took = since.elapsed();
    let left = pids().lines().filter(|pid| alive(pid.parse().expect("a number"))).count();
    pause(5000).await;
    let later = pids().lines().filter(|pid| alive(pid.parse().expect("a number"))).count();
    println!(
        "held by {}: left of 121 when the stop returns ({took:.1?}): {left}, 5 s later: {later}{}",
        L::holds_by(),
        match stopped {
            Ok(Ok(_)) => String::new(),
            Ok(Err(error)) => format!(" ({error})"),
            Err(_) => " (never returned)".to_owned(),
        }
    );
}

async fn r9<L: Library>() {
    for (what, holder) in [
        ("plain", "sleep 600"),
        ("ignores the request", "sh -c 'trap \"\" TERM; while :; do sleep 600; done'"),
        ("in a session of its own", "setsid sleep 600"),
    ] {
        let folder = TempDir::new().expect("a folder");
        let files = files(folder.path());
        let script = format!("{holder} & echo $!; sleep 0.3; printf all; exit 4");
        let program = Program { files: Some(files.clone()), ..Program::shell(&script) };
        let since = Instant::now();
        let life = begun::<L>(&program).await;
        let ended = tokio::time::timeout(Duration::from_secs(20), life.wait()).await;
        // Not what the leader itself takes.
        let took = since.elapsed().saturating_sub(Duration::from_millis(300));
        let written = fs::read_to_string(&files.0).unwrap_or_default();
        let pid: u32 = written.lines().next().and_then(|line| line.parse().ok()).unwrap_or_default();
        let gone = !alive(pid);
        println!(
            "{what}: {}, gone: {}, output complete: {}",
            match ended {
                Ok(Ok(Ended { code: Some(4), .. })) => format!("{took:.2?}"),
                Ok(other) => format!("{took:.2?} ({other:?})"),
                Err(_) => "**never returns**".to_owned(),
            },
            yes(gone),
            yes(written.contains("all")),
        );
        started().into_iter().for_each(system::kill);
    }
}

async fn r10<L: Library>() {
    let mut busy: Vec<_> =
        (0..2).map(|_| Command::new("sh").args(["-c", "while :; do :; done"]).spawn().expect("a shell")).collect();
    let expected: String = (1..=1000).map(|line| format!("{line}\n")).collect();
    let (rounds, mut missing) = (sized(200), 0);
    for _ in 0..rounds {
        let folder = TempDir::new().expect("a folder");
        let files = files(folder.path());
        let program = Program { files: Some(files.clone()), ..Program::shell("exec seq 1000") };
        begun::<L>(&program).await.wait().await.expect("an end");
        missing += u32::from(fs::read_to_string(&files.0).unwrap_or_default() != expected);
    }
    for busy in &mut busy {
        busy.kill().and_then(|()| busy.wait()).expect("its end");
    }
    println!("incomplete {missing} of {rounds}");
}

/// Keeps 20 trees and waits to be killed.
pub fn victim<L: Library>() -> ExitCode {
    L::prepare();
    // One thread: where that is what a process dies with, it is the one that starts them.
    let thread = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a thread");
    thread.block_on(async {
        let program = Program { dies_with_us: true, ..Program::shell("setsid sleep 600 & sleep 600 & exec sleep 600") };
        let mut lives = Vec::new();
        for _ in 0..20 {
            lives.push(begun::<L>(&program).await);
        }
        for life in &lives {
            println!("{}", life.pid());
        }
        std::future::pending::<()>().await;
    });
    ExitCode::SUCCESS
}

fn r11<L: Library>() {
    let own = std::env::current_exe().expect("the name of this program");
    let victim = Command::new(own).args(["--victim", L::WORD]).stdout(Stdio::piped()).spawn();
    let mut victim = victim.expect("this program");
    let lines = BufReader::new(victim.stdout.take().expect("a pipe")).lines();
    let leaders: Vec<u32> = lines.take(20).map(|line| line.expect("a line").parse().expect("a number")).collect();
    std::thread::sleep(Duration::from_secs(1));
    let before = started().len();
    victim.kill().and_then(|()| victim.wait()).expect("its end");
    std::thread::sleep(Duration::from_secs(1));
    let first = leaders.iter().filter(|pid| alive(**pid)).count();
    std::thread::sleep(Duration::from_secs(3));
    println!("leaders left after 1 s: {first} of 20; of all {before} left after 4 s: {}", started().len());
}

fn r12<L: Library>(threads: &tokio::runtime::Runtime) {
    let program = Program { dies_with_us: true, ..Program::new("sleep") };
    let program = Program { args: vec!["600".to_owned()], ..program };
    let mut lives = Vec::new();
    for _ in 0..20 {
        let (handle, program) = (threads.handle().clone(), program.clone());
        let starting = std::thread::spawn(move || handle.block_on(begun::<L>(&program)));
        lives.push(starting.join().expect("a thread"));
    }
    std::thread::sleep(Duration::from_secs(1));
    let live = lives.iter().filter(|life| alive(life.pid())).count();
    println!("{live} of 20 live on");
}

async fn r13<L: Library>() {
    let folder = TempDir::new().expect("a folder");
    let (mut said, mut right) = (Vec::new(), true);
    // Each looks at itself: a shell blocks signals now and then, of its own accord.
    for (what, script, code) in [
        ("fds", "exec ls /proc/self/fd >\"$DIR/fds\"", 0),
        ("masks", "exec grep -E '^Sig(Ign|Blk)' /proc/self/status >\"$DIR/masks\"", 0),
        ("exit", "echo >\"$DIR/exit\"; exit 3", 3),
    ] {
        let ended = match L::start(&Program::shell(script).env("DIR", folder.path().display())).await {
            Ok(life) => tokio::time::timeout(Duration::from_secs(20), life.wait()).await,
            Err(error) => Ok(Err(error)),
        };
        right &= ended == Ok(Ok(Ended { code: Some(code), signal: None }));
        // Whoever is not told of the end right must not look too soon.
        let written = || fs::read_to_string(folder.path().join(what)).unwrap_or_default();
        within(5, || !written().is_empty()).await;
        said.push(written());
    }
    // One is that of `ls` itself.
    let numbers = said[0].lines().filter(|number| number.parse::<u32>().is_ok_and(|number| number > 3));
    let masks: HashMap<&str, &str> = said[1].lines().filter_map(|line| line.split_once(":\t")).collect();
    let none = |name: &str| masks.get(name).is_some_and(|mask| mask.trim().bytes().all(|digit| digit == b'0'));
    println!(
        "descriptors inherited: {}; nothing ignored: {}, nothing blocked: {}; exit status right: {}",
        numbers.count(),
        yes(none("SigIgn")),
        yes(none("SigBlk")),
        yes(right),
    );
}

async fn r16<L: Library>() {
    let folder = TempDir::new().expect("a folder");
    let program = Program::shell("echo >>\"$DIR/starts\"; exit 1").env("DIR", folder.path().display());
    let kept = L::keep(&program, Some(5), Duration::from_millis(10)).await;
    let ends = within(30, || !kept.is_active()).await;
    pause(1000).await;
    let starts = fs::read_to_string(folder.path().join("starts")).unwrap_or_default().lines().count();
    println!("{starts} starts, then given up: {}", yes(ends));
    kept.stop().await;
}
