//! Every folder of `applications/` is an application that prints its `expected.txt`, on one worker and on two. It runs as
//! a copy, so it may write beside its files, and with the arguments that `arguments.txt` has, one a line.

mod program;

use std::fs;
use std::path::Path;

use program::{copy, run, without_numbers};
use tempfile::TempDir;

#[test]
fn every_application_prints_what_it_promises() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/applications");
    let mut names: Vec<_> =
        fs::read_dir(&root).unwrap().map(|item| item.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert!(!names.is_empty());
    for name in names {
        let expected = fs::read_to_string(root.join(&name).join("expected.txt")).unwrap();
        let arguments = fs::read_to_string(root.join(&name).join("arguments.txt")).unwrap_or_default();
        let arguments: Vec<_> = arguments.lines().collect();
        for workers in ["1", "2"] {
            let place = TempDir::new().unwrap();
            copy(&root.join(&name), &place.path().join(&name));
            let path = format!("./{name}");
            let ended = run(place.path(), &[&["run", "-s", "--workers", workers, &path], &arguments[..]].concat());
            let told = (without_numbers(&ended.stdout), ended.stderr, ended.code);
            assert_eq!(told, (expected.clone(), String::new(), Some(0)), "{name} on {workers}");
        }
    }
}
