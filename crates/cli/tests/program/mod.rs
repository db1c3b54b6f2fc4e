//! The built program, run as its users run it.
#![allow(dead_code, reason = "every test file uses a part of it")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use tempfile::TempDir;

/// No test comes near it; a program that hangs fails its test after this.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// `None` after a signal.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A running program; it is ended with the test.
pub(crate) struct Program {
    child: Child,
    lines: Receiver<String>,
    stderr: Receiver<String>,
    stdout: String,
    input: Option<ChildStdin>,
}

/// Runs the program in `folder` to its end.
pub(crate) fn run(folder: &Path, args: &[&str]) -> Ended {
    Program::start(folder, args).end()
}

/// Runs the program in a folder with these files. It ends with `code`, and its standard error holds `expected`, in this
/// order; without any, it is empty. Returns its standard output.
pub(crate) fn check<T: AsRef<[u8]>>(files: &[(&str, T)], args: &[&str], code: i32, expected: &[&str]) -> String {
    let root = folder(files);
    let Ended { code: ended, stdout, stderr } = run(root.path(), args);
    let stderr = without_numbers(&stderr);
    let shown = format!("{args:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}");
    let mut rest = stderr.as_str();
    for fragment in expected {
        let Some(place) = rest.find(fragment) else { panic!("`{fragment}` is missing or not in its place: {shown}") };
        rest = &rest[place + fragment.len()..];
    }
    assert!(!expected.is_empty() || stderr.is_empty(), "{shown}");
    assert_eq!(ended, Some(code), "{shown}");
    stdout
}

/// The same for a start that fails: nothing of it runs.
pub(crate) fn refused<T: AsRef<[u8]>>(files: &[(&str, T)], args: &[&str], code: i32, expected: &[&str]) {
    let stdout = check(files, args, code, expected);
    assert_eq!(stdout, "", "{args:?}");
}

impl Program {
    pub(crate) fn start(folder: &Path, args: &[&str]) -> Self {
        Self::start_with(folder, args, &[])
    }

    /// With those variables in its environment, beside those of the test.
    pub(crate) fn start_with(folder: &Path, args: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::spawn(folder, args, variables, Stdio::null())
    }

    /// With an input, see [`Program::say`].
    pub(crate) fn start_with_input(folder: &Path, args: &[&str]) -> Self {
        Self::spawn(folder, args, &[], Stdio::piped())
    }

    fn spawn(folder: &Path, args: &[&str], variables: &[(&str, &str)], stdin: Stdio) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_perilune"))
            .args(args)
            .envs(variables.iter().copied())
            .current_dir(folder)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (tell_line, lines) = channel();
        let (tell_stderr, stderr) = channel();
        let mut stdout_pipe = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            let mut line = Vec::new();
            while stdout_pipe.read_until(b'\n', &mut line).unwrap() > 0 {
                let text = String::from_utf8_lossy(&std::mem::take(&mut line)).into_owned();
                if tell_line.send(text).is_err() {
                    return;
                }
            }
        });
        let mut stderr_pipe = child.stderr.take().unwrap();
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            stderr_pipe.read_to_end(&mut bytes).unwrap();
            tell_stderr.send(String::from_utf8_lossy(&bytes).into_owned())
        });
        let input = child.stdin.take();
        Self { child, lines, stderr, stdout: String::new(), input }
    }

    pub(crate) fn os_pid(&self) -> u32 {
        self.child.id()
    }

    /// Writes a line to its input.
    pub(crate) fn say(&mut self, line: &str) {
        let input = self.input.as_mut().expect("it has no input");
        writeln!(input, "{line}").unwrap();
    }

    /// There is no more input.
    pub(crate) fn end_input(&mut self) {
        self.input = None;
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// The next line that it prints, without its end.
    pub(crate) fn next_line(&mut self) -> String {
        let line = self.lines.recv_timeout(PATIENCE).expect("no further line was printed");
        self.stdout.push_str(&line);
        line.trim_end_matches('\n').to_owned()
    }

    /// Waits until it has printed this line.
    pub(crate) fn wait_for_line(&mut self, expected: &str) {
        while self.next_line() != expected {}
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Ended {
        // Ends when the pipe does, which is when the program does.
        let stderr = self.stderr.recv_timeout(PATIENCE).expect("the program did not end");
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            self.stdout.push_str(&line);
        }
        let code = self.child.wait().unwrap().code();
        Ended { code, stdout: std::mem::take(&mut self.stdout), stderr }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Without effect on one that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder with these files; missing folders on the way are made.
pub(crate) fn folder<T: AsRef<[u8]>>(files: &[(&str, T)]) -> TempDir {
    let root = TempDir::new().unwrap();
    for (path, content) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    root
}

/// Copies a folder and all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for item in fs::read_dir(from).unwrap() {
        let item = item.unwrap();
        match item.file_type().unwrap().is_dir() {
            true => copy(&item.path(), &to.join(item.file_name())),
            false => fs::copy(item.path(), to.join(item.file_name())).map(drop).unwrap(),
        }
    }
}

/// The text with every pid's number, which differs from run to run, replaced: `{app:processes|…}`.
pub(crate) fn without_numbers(text: &str) -> String {
    let mut parts = text.split("|0x");
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_hexdigit());
        let is_pid = rest.starts_with('}') && part.len() - rest.len() >= 5;
        result.push_str(if is_pid { "|…" } else { "|0x" });
        result.push_str(if is_pid { rest } else { part });
    }
    result
}

/// The lines in alphabetical order.
pub(crate) fn sorted(text: &str) -> String {
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines.into_iter().map(|line| format!("{line}\n")).collect()
}
