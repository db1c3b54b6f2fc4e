//! What the `io` module does with the program's own input and output.

mod program;

use std::io::Write;
use std::process::{Command, Stdio};

use program::folder;

/// Runs a script with that input; gives standard output, standard error and the exit code.
fn check(script: &str, args: &[&str], input: &[u8]) -> (String, String, Option<i32>) {
    let worker = "return { main = function() return tostring(select(2, io.write('x')):kind()) end }";
    let root = folder(&[("main.lua", script), ("worker.lua", worker)]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_perilune"))
        .args([&["run", "-s", "main.lua"], args].concat())
        .current_dir(root.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Dropped at the end of the statement: the input ends here.
    child.stdin.take().unwrap().write_all(input).unwrap();
    let ended = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (text(ended.stdout), text(ended.stderr), ended.status.code())
}

#[test]
fn lines_come_without_their_ends_and_the_last_needs_none() {
    let script = r#"
        for line in io.readline do print("[" .. line .. "]") end
        print(io.readline(), io.read(1))
    "#;
    let expected = "[one]\n[]\n[two]\n[three]\nnil\tnil\n";
    assert_eq!(check(script, &[], b"one\n\ntwo\r\nthree"), (expected.into(), String::new(), Some(0)));
}

#[test]
fn bytes_come_as_they_are() {
    let script = r#"
        local all = ""
        while true do
            local bytes = io.read(3)
            if not bytes then break end
            assert(#bytes <= 3)
            all ..= bytes
        end
        print(#all, all == "a\0b\255\ncdef")
    "#;
    assert_eq!(check(script, &[], b"a\0b\xff\ncdef").0, "9\ttrue\n");
}

#[test]
fn reading_holds_up_nobody_else() {
    let script = r#"
        local time = require("time")
        local ticks = 0
        coroutine.spawn(function()
            for _ = 1, 3 do time.sleep("1ms") ticks += 1 end
            process.send(process.pid(), "done")
        end)
        coroutine.spawn(function() io.readline() end)
        process.inbox():receive()
        print(ticks)
        return 0
    "#;
    assert_eq!(check(script, &[], b"").0, "3\n");
}

#[test]
fn output_goes_where_it_is_sent() {
    let script = r#"
        io.write("a", 1, "\n")
        io.print("b", true)
        io.eprint("to", "stderr")
        io.flush()
        print(table.concat(io.args(), ","), ...)
    "#;
    let (stdout, stderr, code) = check(script, &["x", "y z"], b"");
    assert_eq!((&*stdout, &*stderr, code), ("a1\nb\ttrue\nx,y z\tx\ty z\n", "to\tstderr\n", Some(0)));
}

#[test]
fn wrong_sizes_and_other_hosts_are_told() {
    let script = r#"
        print(select(2, io.read(0)):kind(), select(2, io.read(1e9)):kind(), pcall(io.read, {}))
        process.spawn_monitored("app:worker", "app:processes")
        print(process.events():receive().result)
    "#;
    let (stdout, ..) = check(script, &[], b"");
    let mut lines = stdout.lines();
    let first = lines.next().unwrap_or_default();
    assert!(first.starts_with("Invalid\tInvalid\tfalse\t") && first.contains("number expected"), "{first}");
    assert_eq!(lines.next(), Some("Unavailable"));
}
