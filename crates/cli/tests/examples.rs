//! Every folder of `examples/` is an application that prints its `expected.txt`, and every script of `fragments/` is a
//! program that prints the lines at its top which start with `--= `: on one worker and on two.

mod program;

use std::fs;
use std::path::{Path, PathBuf};

use program::{folder, run, sorted, without_numbers};

/// Those that print as their workers end, in whatever order.
const PRINT_BY_COMPLETION: [&str; 2] = ["worker-pool", "pool.lua"];

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")
}

fn fragments() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fragments")
}

/// What is in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let items = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = items.map(|item| item.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Runs `what` in `folder`, which prints `expected` and ends well.
fn check(folder: &Path, what: &str, options: &[&str], expected: &str) {
    let by_completion = PRINT_BY_COMPLETION.contains(&what);
    let path = format!("./{what}");
    for workers in ["1", "2"] {
        let args = [&["run", "-s", "--workers", workers], options, &[&path]].concat();
        let ended = run(folder, &args);
        let mut printed = without_numbers(&ended.stdout);
        if by_completion {
            printed = sorted(&printed);
        }
        assert_eq!((printed.as_str(), ended.stderr.as_str()), (expected, ""), "{what} on {workers}");
        assert_eq!(ended.code, Some(0), "{what} on {workers}");
    }
}

#[test]
fn every_example_prints_what_it_promises() {
    let root = examples();
    let folders: Vec<_> = names(&root).into_iter().filter(|name| root.join(name).is_dir()).collect();
    assert!(folders.len() >= 7, "{folders:?}");
    for name in folders {
        let promise = root.join(&name).join("expected.txt");
        let expected = fs::read_to_string(&promise).unwrap_or_else(|error| panic!("{}: {error}", promise.display()));
        check(&root, &name, &[], &expected);
    }
}

#[test]
fn every_example_script_prints_what_it_promises() {
    let scripts: Vec<_> = names(&examples()).into_iter().filter(|name| name.ends_with(".lua")).collect();
    assert_eq!(scripts, ["hello.lua"]);
    check(&examples(), "hello.lua", &[], "hello, moon\n");
    let ended = run(&examples(), &["run", "hello.lua", "you"]);
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str(), ended.code), ("hello, you\n", "", Some(0)));
}

#[test]
fn check_finds_nothing_wrong_with_the_examples() {
    for name in names(&examples()) {
        let ended = run(&examples(), &["check", &name]);
        let told = (ended.stdout.as_str(), ended.stderr.as_str(), ended.code);
        assert_eq!(told, ("no problems found\n", "", Some(0)), "{name}");
    }
}

#[test]
fn every_example_has_a_command_that_says_what_it_does() {
    for name in names(&examples()).into_iter().filter(|name| !name.ends_with(".lua")) {
        let ended = run(&examples(), &["run", &format!("./{name}"), "list"]);
        let lines: Vec<_> = ended.stdout.lines().collect();
        let [line] = lines.as_slice() else { panic!("{name}: {lines:?}") };
        assert!(line.contains(" (default)  [app:") && line.len() > 40, "{name}: {line}");
        assert_eq!(ended.code, Some(0));
    }
}

#[test]
fn every_fragment_runs_as_a_script() {
    let (programs, workers): (Vec<_>, Vec<_>) =
        names(&fragments()).into_iter().partition(|name| expected_of(&fragments().join(name)).is_some());
    assert_eq!((programs.len(), workers.len()), (31, 9), "{programs:?} and {workers:?}");
    // Away from the workspace: only a folder and its scripts.
    let copies: Vec<_> = names(&fragments())
        .into_iter()
        .map(|name| (name.clone(), fs::read(fragments().join(&name)).unwrap()))
        .collect();
    let copies: Vec<_> = copies.iter().map(|(name, text)| (name.as_str(), text)).collect();
    let root = folder(&copies);
    for name in programs {
        let expected = expected_of(&fragments().join(&name)).unwrap();
        // Some leave a worker waiting for a message that nobody sends.
        check(root.path(), &name, &["--set", "shutdown.timeout=1ms"], &expected);
    }
}

/// The lines that a fragment prints; `None` for one that is only spawned by others.
fn expected_of(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).unwrap();
    let lines: Vec<_> = text.lines().map_while(|line| line.strip_prefix("--=")).collect();
    let lines = lines.iter().filter(|line| !line.is_empty());
    text.starts_with("--=").then(|| lines.map(|line| format!("{}\n", line.trim_start())).collect())
}
