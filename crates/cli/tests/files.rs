//! Volumes over real files: what leads outside, what is no file, how large files and many of them are.
#![cfg(target_os = "linux")]

mod program;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use program::{Ended, Program, folder, run};
use tempfile::TempDir;

/// Runs on a volume `app:data` in the folder `data`, beside others; `open` and `show` are known.
const INDEX: &str = r#"
namespace: app
entries:
  - { name: terminal, kind: terminal.host }
  - { name: processes, kind: process.host }
  - { name: data, kind: fs.directory, directory: data, auto_init: true }
  - { name: self, kind: fs.directory, directory: /proc/self }
  - { name: dev, kind: fs.directory, directory: /dev }
  - name: main
    kind: process.lua
    meta: { command: { name: main, main: true } }
    source: file://main.lua
    modules: [fs, funcs, time]
    imports: { base: "app:base" }
  - name: child
    kind: process.lua
    source: file://child.lua
    modules: [fs]
  - { name: function, kind: function.lua, source: file://child.lua, modules: [fs] }
  - { name: base, kind: library.lua, source: file://base.lua, modules: [fs] }
"#;

const BASE: &str = r#"
local fs = require("fs")
local base = {}

--- A result, or what went wrong, on one line.
function base.show(value, err)
    return err and string.format("%s: %s", err:kind(), err:message()) or tostring(value)
end

--- How many descriptors this program has open.
function base.descriptors()
    return #assert(fs.get("app:self"):readdir("fd"))
end

--- A line of what the system says about this program, in KiB.
function base.memory(name)
    local status = assert(fs.get("app:self"):readfile("status"))
    return tonumber(string.match(status, name .. ":%s+(%d+) kB"))
end

return base
"#;

fn application(main: &str, child: &str) -> TempDir {
    let body =
        "local fs, base = require('fs'), require('base')\nlocal vol = fs.get('app:data')\nlocal show = base.show\n";
    let main = format!("{body}local function main(...)\n{main}\nend\nreturn {{ main = main }}");
    let child = format!(
        "local fs = require('fs')\nlocal vol = fs.get('app:data')\nlocal function main(...)\n{child}\nend\nreturn {{ main = main }}"
    );
    folder(&[("_index.yaml", INDEX), ("main.lua", &main), ("child.lua", &child), ("base.lua", BASE)])
}

/// Runs a body of `main` in that folder, which prints `expected`.
fn check(root: &TempDir, expected: &str) {
    for workers in ["1", "2"] {
        let ended = run(root.path(), &["run", "-s", "--workers", workers, "."]);
        assert_eq!((ended.stdout.as_str(), ended.stderr.as_str(), ended.code), (expected, "", Some(0)), "on {workers}");
    }
}

#[test]
fn links_lead_about_in_the_volume_and_not_out_of_it() {
    let root = application(
        r#"
        local links = { "absolute", "up", "hop", "outside", "outside/secret", "outside/new", "sub/back/../../up", "chain" }
        for _, path in links do
            for _, method in { "readfile", "open", "exists", "stat", "readdir" } do
                local value, err = vol[method](vol, path)
                assert(value == nil and err:kind() == "PermissionDenied", path .. " " .. method .. ": " .. show(value, err))
                assert(err:message():find("path leaves the volume", 1, true), err:message())
            end
            for _, mode in { "w", "a", "r+", "w+", "a+" } do
                assert(select(2, vol:open(path, mode)):kind() == "PermissionDenied", path .. mode)
            end
            assert(select(2, vol:writefile(path, "x")):kind() == "PermissionDenied", path)
        end
        for _, path in { "outside/new", "outside/../data/new" } do
            assert(select(2, vol:mkdir(path)):kind() == "PermissionDenied", path)
            assert(select(2, vol:remove(path)):kind() == "PermissionDenied", path)
        end
        print(show(vol:readfile("inside")), show(vol:readfile("folder/back/inside")), show(vol:stat("folder/").type))
        print(show(vol:exists("dangling")), show(vol:readfile("dangling")))
        print(show(vol:readfile("loop")))
        print(show(vol:open("loop/x", "w")))
        for _, item in vol:readdir("/") do
            if item.name == "inside" or item.name == "outside" then print(item.name, item.type, item.is_dir) end
        end
        -- What is written goes where the link leads; what is removed is the link.
        print(show(vol:writefile("inside", "new")), show(vol:readfile("sub/file")), show(vol:readdir("sub")[2].type))
        print(show(vol:open("dangling", "w"):write("made")), show(vol:readfile("sub/made")), vol:remove("sub/made"))
        print(show(vol:remove("folder/")))
        print(show(vol:writefile("inside", "in")))
        "#,
        "",
    );
    let data = root.path().join("data");
    fs::create_dir_all(data.join("sub")).unwrap();
    fs::create_dir(root.path().join("other")).unwrap();
    fs::write(root.path().join("other/secret"), "secret").unwrap();
    fs::write(data.join("sub/file"), "in").unwrap();
    let secret = root.path().join("other/secret");
    for (name, target) in [
        ("absolute", secret.to_str().unwrap()),
        ("up", "../other/secret"),
        ("hop", "sub/../../other/secret"),
        ("outside", "../other"),
        ("chain", "hop"),
        ("inside", "./sub/../sub//file"),
        ("folder", "sub"),
        ("sub/back", ".."),
        ("dangling", "sub/made"),
        ("loop", "loop"),
    ] {
        symlink(target, data.join(name)).unwrap();
    }
    let expected = "in\tin\tdirectory\n\
        false\tNotFound: could not read `dangling`: not found\n\
        Invalid: could not read `loop`: too many links\n\
        Invalid: could not open `loop/x`: too many links\n\
        inside\tlink\tfalse\n\
        outside\tlink\tfalse\n\
        true\tnew\tfile\n\
        true\tmade\ttrue\n\
        true\n\
        true\n";
    for workers in ["1", "2"] {
        let ended = run(root.path(), &["run", "-s", "--workers", workers, "."]);
        assert_eq!((ended.stdout.as_str(), ended.stderr.as_str(), ended.code), (expected, "", Some(0)));
        // The link, not the folder it leads to.
        assert!(fs::symlink_metadata(data.join("folder")).is_err() && data.join("sub/file").is_file());
        symlink("sub", data.join("folder")).unwrap();
    }
    assert_eq!(fs::read_to_string(&secret).unwrap(), "secret");
    let others: Vec<_> = fs::read_dir(root.path().join("other")).unwrap().collect();
    assert_eq!(others.len(), 1);
}

/// Somebody exchanges a folder of the volume for a link to the outside, over and over, while a script uses it.
#[test]
fn folder_that_becomes_a_link_at_the_worst_moment_leads_nowhere() {
    let root = application(
        r#"
        local inside, refused = 0, 0
        print("ready")
        while inside < 500 or refused < 500 do
            local text, err = vol:readfile("flip/deep/secret")
            if text then
                assert(text == "harmless", text)
                inside += 1
            else
                refused += 1
            end
            local stream = vol:open("flip/deep/log", "a")
            if stream then stream:write("x") end
            vol:writefile("flip/deep/whole", "x")
        end
        print("done")
        "#,
        "",
    );
    let data = root.path().join("data");
    for (path, text) in [("data/real/deep", "harmless"), ("other/deep", "secret")] {
        fs::create_dir_all(root.path().join(path)).unwrap();
        fs::write(root.path().join(path).join("secret"), text).unwrap();
    }
    let mut program = Program::start(root.path(), &["run", "-s", "."]);
    // What is loaded must not change while it is.
    program.wait_for_line("ready");
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            symlink("../other", data.join("link")).unwrap();
            let begun = Instant::now();
            // Not for ever: if the program fails, so shall this test.
            while !over.load(Ordering::Relaxed) && begun.elapsed() < Duration::from_secs(120) {
                fs::rename(data.join("real"), data.join("flip")).unwrap();
                fs::rename(data.join("flip"), data.join("real")).unwrap();
                fs::rename(data.join("link"), data.join("flip")).unwrap();
                fs::rename(data.join("flip"), data.join("link")).unwrap();
            }
        });
        let ended = program.end();
        over.store(true, Ordering::Relaxed);
        assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("ready\ndone\n", ""));
    });
    let others: Vec<_> = fs::read_dir(root.path().join("other/deep")).unwrap().collect();
    assert_eq!(others.len(), 1, "{others:?}");
}

#[test]
fn what_is_no_file_is_refused_at_once() {
    let root = application(
        r#"
        for _, name in { "pipe", "socket" } do
            for _, mode in { "r", "w", "a", "r+" } do
                print(show(vol:open(name, mode)))
            end
            print(show(vol:readfile(name)))
            print(show(vol:writefile(name, "x")))
            print(show(vol:stat(name).type))
        end
        local dev = fs.get("app:dev")
        for _, name in { "null", "zero", "tty", "full" } do
            print(show(dev:open(name, "r+")))
        end
        print(show(dev:readfile("zero")))
        "#,
        "",
    );
    fs::create_dir(root.path().join("data")).unwrap();
    assert!(Command::new("mkfifo").arg(root.path().join("data/pipe")).status().unwrap().success());
    let _socket = UnixListener::bind(root.path().join("data/socket")).unwrap();
    let mut expected = String::new();
    for name in ["pipe", "socket"] {
        for verb in ["open", "open", "open", "open", "read", "write"] {
            expected.push_str(&format!("Invalid: could not {verb} `{name}`: not a regular file\n"));
        }
        expected.push_str("other\n");
    }
    let ended = run(root.path(), &["run", "-s", "."]);
    // Whether there is a terminal, and who may use it, differs from machine to machine.
    let (ours, devices) = ended.stdout.split_at(expected.len());
    assert_eq!((ours, ended.stderr.as_str(), ended.code), (expected.as_str(), "", Some(0)));
    let devices: Vec<_> = devices.lines().filter(|line| !line.contains("tty")).collect();
    assert_eq!(devices.len(), 4);
    assert!(devices.iter().all(|line| line.ends_with(": not a regular file")), "{devices:?}");
}

#[test]
fn large_file_takes_no_more_memory_than_a_small_one() {
    // `PERILUNE_TEST_MIB=1024` for one of a GiB.
    let mib = std::env::var("PERILUNE_TEST_MIB").map_or(128, |text| text.parse::<u64>().unwrap());
    let root = application(
        &format!(
            r#"
            local size = {mib} * 1024 * 1024
            local stream = vol:open("large", "w")
            assert(stream:seek("set", size - 1) and stream:write("\n") and stream:close())
            print(select(2, vol:readfile("large")):message():find("larger than 16777216 bytes", 1, true) ~= nil)
            local before, read = base.memory("VmHWM"), 0
            stream = vol:open("large")
            for piece in function() return stream:read() end do
                read += #piece
            end
            print(read == size, stream:read(), stream:seek("set", size - 1000), #stream:read(2 ^ 40))
            print(base.memory("VmHWM") - before < 40 * 1024 or base.memory("VmHWM") - before)
            local scanner = vol:open("large"):scanner()
            print(scanner:scan(), scanner:err():kind())
            -- Short lines, many of them.
            local line = string.rep("x", 99) .. "\n"
            local lines = string.rep(line, 655)
            stream = vol:open("lines", "w")
            for _ = 1, {mib} do
                for _ = 1, 4 do stream:write(lines) end
            end
            before = base.memory("VmHWM")
            scanner = vol:open("lines"):scanner()
            local count = 0
            while scanner:scan() do
                count += 1
            end
            print(count == {mib} * 4 * 655, base.memory("VmHWM") - before < 40 * 1024)
            vol:remove("large")
            vol:remove("lines")
            "#
        ),
        "",
    );
    let size = mib * 1024 * 1024;
    check(&root, &format!("true\ntrue\tnil\t{}\t1000\ntrue\nfalse\tInvalid\ntrue\ttrue\n", size - 1000));
}

#[test]
fn descriptors_are_given_back() {
    let root = application(
        r#"
        local time = require("time")
        vol:writefile("a", string.rep("x", 300000))
        local before = base.descriptors()
        for i = 1, 10000 do
            local stream = vol:open("a", i % 2 == 0 and "r" or "a")
            if i % 100 == 0 then stream:read() end
            stream:close()
        end
        print("closed", base.descriptors() - before)
        -- With a process, however it ends: at once, for nobody uses the file just then.
        local events = process.events()
        for _, how in { "return", "raise" } do
            for _ = 1, 20 do
                process.spawn_monitored("app:child", "app:processes", how, process.pid())
                events:receive()
            end
            print(how, base.descriptors() - before)
        end
        for _ = 1, 20 do
            assert(require("funcs").call("app:function", "call"))
        end
        print("call", base.descriptors() - before)
        -- One that is ended while it uses its files: as soon as the system has let go of them.
        for _ = 1, 100 do
            local pid = process.spawn_monitored("app:child", "app:processes", "busy", process.pid())
            process.inbox():receive()
            process.terminate(pid)
            events:receive()
        end
        while base.descriptors() > before do
            time.sleep("1ms")
        end
        print("terminated", base.descriptors() - before)
        "#,
        r#"
        local how, parent = ...
        local streams = {}
        for i = 1, 20 do streams[i] = vol:open("a") end
        if how == "raise" then error("raised") end
        if how == "busy" then
            for _, stream in streams do
                coroutine.spawn(function() while true do stream:read(1000) stream:seek("set", 0) end end)
                coroutine.spawn(function() while true do vol:open("a") end end)
            end
            process.send(parent, "busy")
            process.inbox():receive()
        end
        return true
        "#,
    );
    let mut program = Program::start(root.path(), &["run", "-s", "--set", "logger.level=error", "."]);
    program.wait_for_line("terminated\t0");
    let ended = program.end();
    assert_eq!(
        (ended.stdout.as_str(), ended.code),
        ("closed\t0\nreturn\t0\nraise\t0\ncall\t0\nterminated\t0\n", Some(0))
    );
}

#[test]
fn program_without_descriptors_says_so_and_recovers() {
    let root = application(
        r#"
        local streams, err = {}, nil
        vol:writefile("a", "text")
        repeat
            streams[#streams + 1], err = vol:open("a")
        until err
        print(err:kind(), err:retryable(), err:message())
        print(show(vol:writefile("a", "other")), show(vol:readdir("/")))
        for _, stream in streams do stream:close() end
        print(show(vol:writefile("a", "new")), show(vol:readfile("a")), #vol:readdir("/"))
        "#,
        "",
    );
    let limited = format!("ulimit -n 100; exec '{}' run -s .", env!("CARGO_BIN_EXE_perilune"));
    let output = Command::new("sh").args(["-c", &limited]).current_dir(root.path()).output().unwrap();
    let too_many = |verb: &str, path: &str| format!("could not {verb} `{path}`: too many open files");
    let expected = format!(
        "Unavailable\ttrue\t{}\nUnavailable: {}\tUnavailable: {}\ntrue\tnew\t1\n",
        too_many("open", "a"),
        too_many("write", "a"),
        too_many("list", "/"),
    );
    let told = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(told, (expected, String::new()));
}

#[test]
fn file_written_as_a_whole_keeps_its_permissions_and_leaves_nothing_beside_it() {
    let root = application(r#"print(show(vol:writefile("a", "new")), show(vol:writefile("b", "new")))"#, "");
    let data = root.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("a"), "old").unwrap();
    fs::set_permissions(data.join("a"), fs::Permissions::from_mode(0o640)).unwrap();
    check(&root, "true\ttrue\n");
    assert_eq!(fs::metadata(data.join("a")).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(names(&data), ["a", "b"]);
    // Whoever took the right to write it away meant something by it. Nobody can take it from the superuser.
    fs::set_permissions(data.join("a"), fs::Permissions::from_mode(0o440)).unwrap();
    if fs::OpenOptions::new().write(true).open(data.join("a")).is_err() {
        check(&root, "PermissionDenied: could not write `a`: permission denied\ttrue\n");
        assert_eq!(names(&data), ["a", "b"]);
    } else {
        eprintln!("skipped: this user may write everything");
    }
}

#[test]
fn file_written_as_a_whole_survives_the_end_of_the_program() {
    let root = application(
        r#"
        local letters = { "a", "b" }
        local round = 0
        while true do
            round += 1
            vol:writefile("whole", string.rep(letters[1 + round % 2], 4000000))
            print("written")
        end
        "#,
        "",
    );
    let data = root.path().join("data");
    for _ in 0..20 {
        let mut program = Program::start(root.path(), &["run", "-s", "."]);
        program.wait_for_line("written");
        // Kills it, somewhere in the next one.
        drop(program);
        let text = fs::read(data.join("whole")).unwrap();
        assert!(text.len() == 4_000_000 && text.iter().all(|byte| *byte == text[0]));
    }
    // What it was about to write may be left beside it.
    assert!(names(&data).iter().all(|name| name == "whole" || name.starts_with(".perilune-")));
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|item| item.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn names_may_be_any_bytes() {
    use std::os::unix::ffi::OsStrExt;
    let root = application(
        r#"
        print(show(vol:readfile("\255\n")), #vol:readdir("/"), vol:readdir("/")[1].name == "\255\n")
        print(show(vol:remove("\255\n")))
        print(show(vol:writefile("\255\n", "text")))
        "#,
        "",
    );
    fs::create_dir(root.path().join("data")).unwrap();
    fs::write(root.path().join("data").join(std::ffi::OsStr::from_bytes(b"\xff\n")), "text").unwrap();
    check(&root, "text\t1\ttrue\ntrue\ntrue\n");
}

#[test]
fn missing_directory_is_a_warning_and_an_error_of_whoever_uses_it() {
    let root = folder(&[
        (
            "_index.yaml",
            "namespace: app\nentries:\n  - { name: data, kind: fs.directory, directory: data }\n  \
             - { name: terminal, kind: terminal.host }\n  \
             - { name: main, kind: process.lua, source: file://main.lua, modules: [fs], meta: { command: { name: m, main: true } } }\n",
        ),
        (
            "main.lua",
            "local function main()\n  local vol = require('fs').get('app:data')\n  local _, err = vol:mkdir('a')\n  \
             print(err:kind(), err:retryable(), err)\n  require('fs')\nend\nreturn { main = main }\n",
        ),
    ]);
    let warning = "warning: entry `app:data`: there is no directory `data`\n";
    let Ended { stdout, stderr, code } = run(root.path(), &["run", "."]);
    assert_eq!(
        (stdout.as_str(), code),
        ("Unavailable\ttrue\tcould not make the folder `a`: directory of the volume does not exist\n", Some(0))
    );
    assert!(
        stderr.starts_with(warning) && stderr.contains("./_index.yaml:3") && stderr.contains("auto_init"),
        "{stderr}"
    );
    assert!(run(root.path(), &["check", "."]).stderr.starts_with(warning));
    fs::create_dir(root.path().join("data")).unwrap();
    assert_eq!(run(root.path(), &["check", "."]).stdout, "no problems found\n");
}
