//! What folders and scripts become, with real files.

use std::fs;
use std::path::Path;

use perilune_actor_core::Placement;
use perilune_runtime::application::{
    ConfigData, Definition, Diagnostics, EntryId, Isolation, Loaded, load_file, load_folder,
};
use tempfile::TempDir;

const MODULES: &[&str] = &["time", "json", "exec"];

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let root = TempDir::new().unwrap();
    for (path, content) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    root
}

fn shown(root: &Path, diagnostics: &Diagnostics) -> Vec<String> {
    let prefix = format!("{}/", root.display());
    diagnostics
        .iter()
        .map(|d| {
            let place = |number: Option<u32>| number.map(|n| format!(":{n}")).unwrap_or_default();
            let (line, column) = (place(d.line), place(d.column));
            let severity = if d.is_error() { "E" } else { "W" };
            let help = d.help.as_ref().map(|help| format!(" ({help})"));
            let help = help.unwrap_or_default();
            format!("{severity} {}{line}{column} {}{help}", d.file, d.message).replace(&prefix, "")
        })
        .collect()
}

fn load(files: &[(&str, &[u8])]) -> (TempDir, Result<Loaded, Diagnostics>) {
    let root = folder(files);
    let loaded = load_folder(root.path());
    (root, loaded)
}

/// Loads and checks the files; all problems are `expected`.
fn check(files: &[(&str, &str)], expected: &[&str]) {
    let files: Vec<_> = files.iter().map(|(path, text)| (*path, text.as_bytes())).collect();
    check_bytes(&files, expected);
}

fn check_bytes(files: &[(&str, &[u8])], expected: &[&str]) {
    let (root, loaded) = load(files);
    let problems = match loaded {
        Ok(loaded) => {
            assert!(!loaded.warnings.has_errors());
            let mut problems = shown(root.path(), &loaded.warnings);
            problems.extend(shown(root.path(), &loaded.check(MODULES)));
            problems
        }
        Err(errors) => {
            assert!(errors.has_errors());
            shown(root.path(), &errors)
        }
    };
    assert_eq!(problems, expected);
}

/// One `_index.yaml` with these lines as its entries, from line 3 on.
fn check_entries(entries: &str, expected: &[&str]) {
    let text = format!("namespace: app\nentries:\n{entries}");
    check(&[("_index.yaml", &text), ("a.lua", "return 1")], expected);
}

fn loaded(files: &[(&str, &str)]) -> (TempDir, Loaded) {
    let files: Vec<_> = files.iter().map(|(path, text)| (*path, text.as_bytes())).collect();
    let (root, loaded) = load(&files);
    (root, loaded.unwrap())
}

#[test]
fn a_folder_becomes_entries() {
    let (root, loaded) = loaded(&[
        (
            "_index.yaml",
            "version: '1.0'\nnamespace: app\nmeta: {team: a, tier: 1}\nentries:\n  - name: worker\n    kind: process.lua\n    meta: {team: b, command: {name: work, short: Works, main: true}}\n    source: file://src/worker.lua\n    modules: [time]\n    imports: {lib: tools, far: 'x.y:lib'}\n  - name: thing\n    kind: http.router\n    data: {deep: [{text: 'file:///src/worker.lua'}]}\n    other: 1\n",
        ),
        ("src/worker.lua", "\u{feff}return function() end\r\n"),
        ("one/single.yml", "namespace: x.y\nname: lib\nkind: library.lua\nsource: return {}\nmeta: {k: 1}\n"),
        ("one/foreign.yaml", "namespace: [1]\nkind: Deployment\n"),
        (
            "hosts/_index.yaml",
            "namespace: h\nentries:\n  - {name: p, kind: process.host, isolation: dedicated, memory_limit: 64MB, placement: spread, host: {workers: 2, max_processes: 9}}\n  - {name: t, kind: terminal.host, hide_logs: true}\n",
        ),
        ("node_modules/_index.yaml", "broken: ["),
        (".git/_index.yaml", "broken: ["),
    ]);
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    let ids: Vec<_> = loaded.entries.keys().map(EntryId::as_str).collect();
    assert_eq!(ids, ["app:thing", "app:worker", "h:p", "h:t", "x.y:lib"]);

    let worker = &loaded.entries[&EntryId::parse("app:worker")];
    assert_eq!(worker.origin.file, root.path().join("_index.yaml"));
    assert_eq!(worker.origin.line, 5);
    assert_eq!(worker.source_path, Some(root.path().join("src/worker.lua")));
    assert_eq!(worker.meta.string("team").unwrap().unwrap().as_ref(), "b");
    assert_eq!(worker.meta.count("tier"), Ok(Some(1)));
    let command = worker.command().unwrap().unwrap();
    assert_eq!((command.name.as_str(), command.main), ("work", true));
    let code = worker.code().unwrap();
    assert_eq!(&*code.source, "return function() end\r\n");
    assert_eq!(&*code.method, "main");
    let imports = code.imports.iter().map(|import| import.target.as_str());
    assert_eq!(imports.collect::<Vec<_>>(), ["app:tools", "x.y:lib"]);
    assert_eq!(&*code.modules[0].text, "time");
    assert_eq!((code.modules[0].position.line, code.modules[0].position.column), (9, 15));

    let thing = &loaded.entries[&EntryId::parse("app:thing")];
    assert!(thing.data.get("other").is_none());
    let ConfigData::List(items) = &thing.data.get("deep").unwrap().data else {
        panic!("{:?}", thing.data);
    };
    assert_eq!(items[0].get("text").unwrap().as_str(), Some("return function() end\r\n"));

    let single = &loaded.entries[&EntryId::parse("x.y:lib")];
    let keys: Vec<_> = single.data.pairs().iter().map(|(key, _)| &*key.text).collect();
    assert_eq!(keys, ["source"]);
    match &loaded.entries[&EntryId::parse("h:p")].definition {
        Definition::Host(host) => {
            assert_eq!(host.isolation, Isolation::Dedicated);
            assert_eq!(host.memory_limit, Some(64 << 20));
            assert_eq!((host.workers, host.max_processes), (Some(2), 9));
            assert_eq!(host.placement, Placement::Spread);
        }
        other => panic!("{other:?}"),
    }
    let terminal = &loaded.entries[&EntryId::parse("h:t")].definition;
    assert!(matches!(terminal, Definition::Terminal(host) if host.hide_logs));
}

#[test]
fn directories_are_read_and_checked() {
    let (_root, loaded) = loaded(&[(
        "_index.yaml",
        "namespace: app\nentries:\n  - {name: a, kind: fs.directory, directory: var/a, auto_init: true}\n  - {name: b, kind: fs.directory, directory: /b}\n",
    )]);
    for (name, path, auto_init) in [("a", "var/a", true), ("b", "/b", false)] {
        match &loaded.entries[&EntryId::new("app", name)].definition {
            Definition::Directory(directory) => assert_eq!((&*directory.path, directory.auto_init), (path, auto_init)),
            other => panic!("{other:?}"),
        }
    }
    check_entries(
        "  - {name: a, kind: fs.directory}\n  - {name: b, kind: fs.directory, directory: '', auto_init: maybe}\n  - {name: c, kind: fs.directory, directory: [c], auto_int: true}\n",
        &[
            "E _index.yaml:3:5 entry `app:a` lacks the required key `directory`",
            "E _index.yaml:4:46 entry `app:b` needs a non-empty string as `directory`, not an empty one",
            "E _index.yaml:4:61 entry `app:b` needs true or false as `auto_init`, not a string",
            "E _index.yaml:5:46 entry `app:c` needs a string as `directory`, not a list",
            "W _index.yaml:5:51 unknown key `auto_int` in entry `app:c` (did you mean `auto_init`?)",
        ],
    );
}

#[test]
fn missing_keys_are_errors_with_their_place() {
    check(&[("_index.yaml", "")], &["E _index.yaml:1:1 file lacks the required key `namespace`"]);
    check(&[("_index.yaml", "# nothing\n")], &["E _index.yaml:1:1 file lacks the required key `namespace`"]);
    check(
        &[("_index.yaml", "namspace: app\nentries:\n- kind: x\n")],
        &[
            "E _index.yaml:1:1 file lacks the required key `namespace` (is `namspace` meant to be `namespace`?)",
            "W _index.yaml:1:1 unknown key `namspace` in the file (did you mean `namespace`?)",
            "E _index.yaml:3:3 entry lacks the required key `name`",
        ],
    );
    check_entries(
        "  - name: worker\n    kind: process.lua\n  - name: b\n  - name: ''\n    kind: x\n  - name: s\n    kind: process.service\n",
        &[
            "E _index.yaml:3:5 entry `app:worker` lacks the required key `source`",
            "E _index.yaml:5:5 entry `app:b` lacks the required key `kind`",
            "E _index.yaml:6:11 entry needs a non-empty string as `name`, not an empty one",
            "E _index.yaml:8:5 entry `app:s` lacks the required key `process`",
            "E _index.yaml:8:5 entry `app:s` lacks the required key `host`",
        ],
    );
}

#[test]
fn errors_show_the_line_they_are_about() {
    let (root, result) = load(&[("_index.yaml", b"namespace: app\nentries:\n  - name: w\n    kind: process.lua\n")]);
    let expected = "error: entry `app:w` lacks the required key `source`\n  --> _index.yaml:3:5\n   |\n 3 |   - name: w\n   |     ^";
    let text = result.unwrap_err().to_string();
    assert_eq!(text.replace(&format!("{}/", root.path().display()), ""), expected);
}

#[test]
fn wrong_types_are_errors_with_their_place() {
    check(&[("_index.yaml", "- a\n")], &["E _index.yaml:1:1 file holds a list, not a map"]);
    check(&[("_index.yaml", "namespace: a:b\n")], &["E _index.yaml:1:12 namespace `a:b` contains a colon"]);
    check(
        &[("_index.yaml", "namespace: app\nmeta: 1\nentries: {}\n")],
        &[
            "E _index.yaml:2:7 file needs a map as `meta`, not a number",
            "E _index.yaml:3:10 file needs a list as `entries`, not a map",
        ],
    );
    check_entries(
        "  - 5\n  - name: [w]\n    kind: x\n  - name: w\n    kind: process.lua\n    source: 1\n    method: []\n    modules: [a, 2]\n    imports: {l: 3}\n    meta: {command: {main: 7, name: n}}\n  - name: h\n    kind: process.host\n    isolation: alone\n    memory_limit: lots\n    host: {workers: -1, queue_size: x}\n  - {name: d, kind: terminal.host, data: [1]}\n  - {name: e, kind: process.host, placement: everywhere}\n  - {name: f, kind: process.host, placement: [local]}\n",
        &[
            "E _index.yaml:3:5 an entry must be a map, not a number",
            "E _index.yaml:4:11 entry needs a string as `name`, not a list",
            "E _index.yaml:8:13 entry `app:w` needs a string as `source`, not a number",
            "E _index.yaml:9:13 entry `app:w` needs a string as `method`, not a list",
            "E _index.yaml:10:18 entry `app:w` needs a non-empty string as `modules`, not a number",
            "E _index.yaml:11:18 entry `app:w` needs a non-empty string as `imports.l`, not a number",
            "E _index.yaml:12:28 entry `app:w` needs true or false as `meta.command.main`, not a number",
            "E _index.yaml:17:21 entry `app:h` needs a whole number from 0 as `host.workers`, not this number",
            "E _index.yaml:17:37 entry `app:h` needs a whole number from 0 as `host.queue_size`, not a string",
            "E _index.yaml:15:16 entry `app:h` needs `shared` or `dedicated` as `isolation`, not this text",
            "E _index.yaml:16:19 entry `app:h` needs a number of bytes such as 1048576 or 64MiB as `memory_limit`, not this text",
            "E _index.yaml:18:42 entry `app:d` needs a map as `data`, not a list",
            "E _index.yaml:19:46 entry `app:e` needs `auto`, `local` or `spread` as `placement`, not this text",
            "E _index.yaml:20:46 entry `app:f` needs a string as `placement`, not a list",
        ],
    );
}

#[test]
fn two_entries_with_one_id_are_an_error_naming_both_places() {
    check(
        &[
            ("a/_index.yaml", "namespace: app\nentries:\n  - {name: x, kind: k}\n"),
            ("b/_index.yaml", "namespace: app\nentries:\n  - {name: y, kind: k}\n  - {name: x, kind: k}\n"),
        ],
        &["E b/_index.yaml:4:5 entry `app:x` is defined twice (first at a/_index.yaml:3)"],
    );
}

#[test]
fn misspelt_keys_are_warnings_naming_the_right_one() {
    check_entries(
        "  - name: w\n    kind: process.lua\n    source: return 1\n    metod: run\n    colour: red\n    meta: {command: {name: w, shrot: x}}\n  - name: h\n    kind: process.host\n    host: {wrokers: 1}\n    lifecycle: {auto_strat: true, restart: {jiter: 1}}\n  - {name: k, kind: proces.lua}\n  - {name: d, kind: library.lua, method: x, data: {source: a, import: {}}}\n",
        &[
            "W _index.yaml:8:31 unknown key `shrot` in `meta.command` of entry `app:w` (did you mean `short`?)",
            "W _index.yaml:6:5 unknown key `metod` in entry `app:w` (did you mean `method`?)",
            "W _index.yaml:11:12 unknown key `wrokers` in `host` of entry `app:h` (did you mean `workers`?)",
            "W _index.yaml:12:17 unknown key `auto_strat` in `lifecycle` of entry `app:h` (did you mean `auto_start`?)",
            "W _index.yaml:12:45 unknown key `jiter` in `lifecycle.restart` of entry `app:h` (did you mean `jitter`?)",
            "W _index.yaml:13:21 entry `app:k` has the unknown kind `proces.lua` (did you mean `process.lua`?)",
            "W _index.yaml:14:63 unknown key `import` in entry `app:d` (did you mean `imports`?)",
            "W _index.yaml:14:34 key `method` of entry `app:d` has no effect (the configuration is what stands under `data`)",
        ],
    );
    check(
        &[("_index.yaml", "namespace: app\nentires: []\nname: x\nentries: []\n")],
        &[
            "W _index.yaml:2:1 unknown key `entires` in the file (did you mean `entries`?)",
            "W _index.yaml:3:1 key `name` has no effect beside `entries`",
        ],
    );
}

#[test]
fn file_references_stay_inside_the_root() {
    let entry = |path: &str| format!("namespace: app\nentries:\n  - {{name: x, kind: k, v: [\"file://{path}\"]}}\n");
    for path in ["b.lua", "../top.lua", "/sub/b.lua", "./../sub/../top.lua", "/top.lua"] {
        check(&[("sub/_index.yaml", &entry(path)), ("sub/b.lua", "b"), ("top.lua", "t")], &[]);
    }
    for path in ["../../x.lua", "/../x.lua", "//etc/passwd", "../../../../../etc/passwd"] {
        check(
            &[("sub/_index.yaml", &entry(path))],
            &[&format!("E sub/_index.yaml:3:28 entry `app:x`: `file://{path}` leaves the application root")],
        );
    }
    for (path, reason) in
        [("no.lua", "cannot be read: No such file or directory (os error 2)"), ("", "is not a regular file")]
    {
        check(
            &[("sub/_index.yaml", &entry(path))],
            &[&format!("E sub/_index.yaml:3:28 entry `app:x`: `file://{path}` {reason}")],
        );
    }
}

#[cfg(unix)]
#[test]
fn links_cannot_leave_the_root_nor_loop() {
    use std::os::unix::fs::symlink;
    let outside = folder(&[("secret.lua", b"s"), ("_index.yaml", b"namespace: o\n")]);
    let root = folder(&[("_index.yaml", b"namespace: app\nentries:\n  - {name: x, kind: k, v: 'file://link.lua'}\n")]);
    let path = root.path();
    symlink(outside.path().join("secret.lua"), path.join("link.lua")).unwrap();
    symlink(outside.path(), path.join("outer")).unwrap();
    symlink(path, path.join("loop")).unwrap();
    symlink(path.join("_index.yaml"), path.join("again.yaml")).unwrap();
    fs::create_dir(path.join("sub")).unwrap();
    symlink(outside.path().join("_index.yaml"), path.join("sub/_index.yaml")).unwrap();
    assert_eq!(
        shown(path, &load_folder(path).unwrap_err()),
        [
            "W outer link leaves the application root",
            "E sub/_index.yaml link leaves the application root",
            "E _index.yaml:3:27 entry `app:x`: `file://link.lua` leaves the application root",
        ]
    );
}

#[test]
fn odd_bytes_give_clear_results() {
    let good = "namespace: app\nentries:\n- {name: x, kind: k}\n";
    let crlf = format!("\u{feff}{}", good.replace('\n', "\r\n"));
    check(&[("_index.yaml", &crlf)], &[]);
    check_bytes(&[("_index.yaml", b"a: 1\nb: \xff\n")], &["E _index.yaml file is not valid UTF-8 (line 2)"]);
    check_bytes(&[("a.yaml", b"\xff\xfe")], &["W a.yaml file is not valid UTF-8 (line 1) (the file is skipped)"]);
    check(
        &[("a.yaml", "a: [")],
        &["W a.yaml:2:1 invalid YAML: while parsing a node, did not find expected node content (the file is skipped)"],
    );
    check_bytes(
        &[("_index.yaml", b"namespace: app\nname: x\nkind: process.lua\nsource: file://x.lua\n"), ("x.lua", b"\xc3")],
        &["E _index.yaml:4:9 entry `app:x`: `file://x.lua` is not valid UTF-8 (line 1)"],
    );
    let huge = "#".repeat(3 << 20);
    check(&[("_index.yaml", &huge)], &["E _index.yaml file is larger than 2 MiB"]);
    let nested = format!("namespace: {}", "[".repeat(100_000));
    check(&[("_index.yaml", &nested)], &["E _index.yaml:1:267 invalid YAML: recursion limit exceeded"]);
}

#[test]
fn a_root_that_is_no_folder_is_an_error() {
    let root = folder(&[("x", b"")]);
    for (path, reason) in [("x", "is not a folder"), ("y", "cannot be opened")] {
        let errors = load_folder(&root.path().join(path)).unwrap_err();
        assert!(errors.to_string().contains(reason), "{errors}");
    }
}

#[test]
fn imports_must_name_libraries() {
    check_entries(
        "  - {name: w, kind: process.lua, source: x, imports: {a: lib, b: libb, c: w, d: 'other:nothing', process: lib}}\n  - {name: lib, kind: library.lua, source: x}\n",
        &[
            "E _index.yaml:3:66 entry `app:w` imports `app:libb`, which does not exist (did you mean `app:lib`?)",
            "E _index.yaml:3:75 entry `app:w` imports `app:w`, which is of kind `process.lua`, not `library.lua`",
            "E _index.yaml:3:81 entry `app:w` imports `other:nothing`, which does not exist",
            "E _index.yaml:3:98 entry `app:w` imports a library as `process`, which is the name of a module",
        ],
    );
}

#[test]
fn import_cycles_are_named() {
    check_entries(
        "  - {name: a, kind: library.lua, source: x, imports: {b: b, d: d}}\n  - {name: b, kind: library.lua, source: x, imports: {c: c}}\n  - {name: c, kind: library.lua, source: x, imports: {b: b}}\n  - {name: d, kind: library.lua, source: x, imports: {d: d}}\n",
        &[
            "E _index.yaml:5:58 import cycle: `app:b` -> `app:c` -> `app:b`",
            "E _index.yaml:6:58 import cycle: `app:d` -> `app:d`",
        ],
    );
    let chain: String = (0..5000)
        .map(|n| format!("  - {{name: l{n}, kind: library.lua, source: x, imports: {{a: l{}}}}}\n", (n + 1).min(4999)))
        .collect();
    check_entries(&chain, &["E _index.yaml:5002:62 import cycle: `app:l4999` -> `app:l4999`"]);
}

#[test]
fn chains_of_imports_have_a_limit() {
    let chain = |length: usize| -> String {
        let library = |n| match n {
            0 => "  - {name: l0, kind: library.lua, source: x}\n".to_owned(),
            n => format!("  - {{name: l{n}, kind: library.lua, source: x, imports: {{a: l{}}}}}\n", n - 1),
        };
        (0..length).map(library).collect()
    };
    check_entries(&chain(101), &[]);
    let message = "entry `app:l101` has more than 100 imports below one another";
    check_entries(&chain(5000), &[&format!("E _index.yaml:104:61 {message}")]);
}

#[test]
fn unknown_modules_and_hosts_are_only_warnings() {
    check_entries(
        "  - {name: w, kind: process.lua, source: x, modules: [time, process, jsno, sql], meta: {default_host: hots}}\n  - {name: host, kind: process.host}\n  - {name: s, kind: process.service, process: host, host: host}\n",
        &[
            "W _index.yaml:5:47 entry `app:s` refers to `app:host`, which is of kind `process.host`, not `process.lua`",
            "W _index.yaml:3:70 entry `app:w` declares the unknown module `jsno` (did you mean `json`?)",
            "W _index.yaml:3:76 entry `app:w` declares the unknown module `sql`",
            "W _index.yaml:3:103 entry `app:w` refers to `app:hots`, which does not exist (did you mean `app:host`?)",
        ],
    );
}

#[test]
fn variables_need_storages_that_exist() {
    check_entries(
        "  - {name: m, kind: env.storage.memory}\n  - {name: o, kind: env.storage.os}\n  - {name: r, kind: env.storage.router, storages: [m, 'app:o', no, p, 5]}\n  - {name: e, kind: env.storage.router}\n  - {name: p, kind: process.lua, source: x}\n  - {name: v, kind: env.variable, variable: '', storage: [], default: {}, read_only: 1}\n",
        &[
            "E _index.yaml:5:71 entry `app:r` needs a non-empty string as `storages`, not a number",
            "E _index.yaml:6:5 entry `app:e` lacks the required key `storages`",
            "E _index.yaml:8:45 entry `app:v` needs a non-empty string as `variable`, not an empty one",
            "E _index.yaml:8:58 entry `app:v` needs a non-empty string as `storage`, not a list",
            "E _index.yaml:8:71 entry `app:v` needs text, a number, or true or false as `default`, not a map",
            "E _index.yaml:8:86 entry `app:v` needs true or false as `read_only`, not a number",
        ],
    );
    check_entries(
        "  - {name: mem, kind: env.storage.memory}\n  - {name: r, kind: env.storage.router, storages: [mem, memm, p]}\n  - {name: p, kind: process.lua, source: x}\n  - {name: v, kind: env.variable, storage: p, defualt: 1}\n  - {name: w, kind: env.variable, storage: 'x:y'}\n  - {name: v2, kind: env.variable, variable: v}\n",
        &[
            "W _index.yaml:6:47 unknown key `defualt` in entry `app:v` (did you mean `default`?)",
            "E _index.yaml:4:57 entry `app:r` refers to the storage `app:memm`, which does not exist (did you mean `app:mem`?)",
            "E _index.yaml:4:63 entry `app:r` refers to `app:p`, which is of kind `process.lua`, not a storage",
            "E _index.yaml:6:44 entry `app:v` refers to `app:p`, which is of kind `process.lua`, not a storage",
            "E _index.yaml:7:44 entry `app:w` refers to the storage `x:y`, which does not exist",
            "W _index.yaml:8:46 entry `app:v2` declares the variable `v` of `app:v` again (by this name scripts get that of `app:v`)",
        ],
    );
    check_entries(
        "  - {name: a, kind: env.storage.router, storages: [b]}\n  - {name: b, kind: env.storage.router, storages: [c, a]}\n  - {name: c, kind: env.storage.router, storages: []}\n  - {name: d, kind: env.storage.router, storages: [d]}\n",
        &[
            "E _index.yaml:4:55 storage cycle: `app:a` -> `app:b` -> `app:a`",
            "E _index.yaml:6:52 storage cycle: `app:d` -> `app:d`",
        ],
    );
}

#[test]
fn a_script_becomes_an_application_with_its_siblings() {
    let root = folder(&[
        ("main.lua", b"print(1)"),
        ("worker.lua", b"return {}"),
        ("a:b.lua", b"return 2"),
        ("processes.lua", b""),
        ("bad.lua", b"\xff"),
        (".hidden.lua", b""),
        ("notes.txt", b""),
        ("dir.lua/x.lua", b""),
    ]);
    let loaded = load_file(&root.path().join("main.lua")).unwrap();
    let ids: Vec<_> = loaded.entries.keys().map(EntryId::as_str).collect();
    assert_eq!(ids, ["app:a:b", "app:main", "app:processes", "app:terminal", "app:worker"]);
    assert_eq!(
        shown(root.path(), &loaded.warnings),
        [
            "W bad.lua script is not valid UTF-8 (line 1) (the script is skipped)",
            "W processes.lua the name `app:processes` already belongs to a process.host (the script is skipped)",
        ]
    );
    let main = &loaded.entries[&EntryId::parse("app:main")];
    assert!(main.runs_as_main_chunk && main.all_modules);
    assert_eq!(&*main.code().unwrap().source, "print(1)");
    assert_eq!(main.data.get("source").unwrap().as_str(), Some("print(1)"));
    let worker = &loaded.entries[&EntryId::parse("app:worker")];
    assert!(!worker.runs_as_main_chunk && worker.all_modules);
    let host = |name| &loaded.entries[&EntryId::new("app", name)].definition;
    assert!(matches!(host("processes"), Definition::Host(_)));
    assert!(matches!(host("terminal"), Definition::Terminal(_)));
    assert!(loaded.check(MODULES).is_empty());
}

#[test]
fn a_script_that_cannot_run_is_an_error() {
    let root = folder(&[("bad.lua", b"x\n\xff"), ("terminal.lua", b""), ("dir.lua/x", b"")]);
    for (name, expected) in [
        ("bad.lua", "E bad.lua script is not valid UTF-8 (line 2)"),
        ("no.lua", "E no.lua script cannot be read: No such file or directory (os error 2)"),
        ("dir.lua", "E dir.lua script is not a regular file"),
        (
            "terminal.lua",
            "E terminal.lua the name `app:terminal` belongs to the terminal.host of a script (rename the script)",
        ),
    ] {
        let errors = load_file(&root.path().join(name)).unwrap_err();
        assert_eq!(shown(root.path(), &errors), [expected]);
    }
}
