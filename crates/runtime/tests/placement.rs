//! Where processes are put: as their host says, and otherwise as their spawn says.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use perilune_actor_core::ActorInfo;
use perilune_runtime::{Config, Runtime, application};
use tempfile::TempDir;

/// Children of one kind; even, so that two workers in turn get the same number.
const CHILDREN: usize = 6;

const ENTRIES: &str = r#"
namespace: app
entries:
  - {name: terminal, kind: terminal.host}
  - {name: turns, kind: process.host, placement: spread}
  - {name: beside, kind: process.host, placement: local}
  - {name: narrow, kind: process.host, placement: spread, host: {workers: 1}}
  - {name: any, kind: process.host}
  - {name: idle, kind: process.lua, source: "return function() process.inbox():receive() end"}
  - {name: parent, kind: process.lua, source: file://parent.lua}
"#;

const PARENT: &str = r#"
local kinds = {
    ["host says spread"] = { {}, "app:turns" },
    ["host says local"] = { {}, "app:beside" },
    ["host has one worker"] = { {}, "app:narrow" },
    ["spawn says local"] = { { placement = "local" }, "app:turns" },
    ["spawn says spread"] = { { placement = "spread" }, "app:beside" },
    ["spawn says spread on one worker"] = { { placement = "spread" }, "app:narrow" },
}
local function main(children)
    for kind, how in kinds do
        for i = 1, tonumber(children) do
            assert(process.with_options(how[1]):with_name(kind .. ": " .. i):spawn("app:idle", how[2]))
        end
    end
    local spread = process.with_options({ placement = "spread" })
    for number = 1, 2 do
        local partner = assert(spread:with_name("partner: " .. number):spawn("app:idle", "app:any"))
        local own = assert(process.with_context({}):with_name("own " .. number .. ": 1"):spawn("app:idle", "app:any", process.pid(), 1))
        for i = 1, tonumber(children) do
            local builder = process.with_context({}):with_name("beside partner " .. number .. ": " .. i)
            assert(builder:spawn("app:idle", "app:any", 1, process.pid(), partner, own))
        end
    end
    process.registry.register("ready")
    process.inbox():receive()
end
return { main = main }
"#;

/// One job that computes for ever, and others of its entry from time to time.
const JOBS: &str = r#"
namespace: app
entries:
  - {name: terminal, kind: terminal.host}
  - {name: any, kind: process.host}
  - name: job
    kind: process.lua
    source: |
      return function(_, computes)
          while computes do end
          process.inbox():receive()
      end
  - name: parent
    kind: process.lua
    modules: [time]
    source: |
      return function()
          process.registry.register("parent")
          local first = assert(process.spawn("app:job", "app:any", process.pid(), true))
          assert(process.registry.register("first", first))
          while true do
              assert(process.spawn("app:job", "app:any", process.pid(), false))
              time.sleep("20ms")
          end
      end
"#;

/// How many children of each kind are on the parent's worker, and how many elsewhere.
fn placed(workers: usize) -> BTreeMap<String, (usize, usize)> {
    let root = TempDir::new().expect("a folder");
    fs::write(root.path().join("_index.yaml"), ENTRIES).expect("a file");
    fs::write(root.path().join("parent.lua"), PARENT).expect("a file");
    let mut config = Config::default();
    config.workers = workers;
    let loaded = application::load_folder(root.path()).expect("an application");
    let runtime = Runtime::start(loaded, config).expect("a runtime");
    let parent = runtime.run_command("app:parent", None, vec![CHILDREN.to_string()]).expect("a parent");
    let deadline = Instant::now() + Duration::from_secs(120);
    let ready = loop {
        if let Some(pid) = runtime.whereis("ready") {
            break pid;
        }
        assert!(parent.try_wait().is_none(), "the parent ended early");
        assert!(Instant::now() < deadline, "the parent is not ready");
        std::thread::sleep(Duration::from_millis(5));
    };
    let processes = runtime.processes();
    let home = processes.iter().find(|info| info.pid == ready).expect("the parent").worker;
    let mut counts = BTreeMap::new();
    for info in processes.iter().filter(|info| info.pid != ready) {
        let (kind, _) = info.names.first().and_then(|name| name.split_once(": ")).expect("a child's name");
        let (here, there): &mut (usize, usize) = counts.entry(kind.to_owned()).or_default();
        *(if info.worker == home { here } else { there }) += 1;
    }
    runtime.stop();
    counts
}

#[test]
fn on_two_workers_the_spawn_overrides_the_host() {
    let counts = placed(2);
    let of = |kind: &str| counts[kind];
    let (all, half) = ((CHILDREN, 0), (CHILDREN / 2, CHILDREN / 2));
    assert_eq!(of("host says spread"), half);
    assert_eq!(of("host says local"), all);
    assert_eq!(of("spawn says local"), all);
    assert_eq!(of("spawn says spread"), half);
    // Whoever is given the pids of others is going to talk to them, and to its parent if there are none.
    let mut beside = ["beside partner 1", "beside partner 2"].map(of);
    beside.sort_unstable();
    assert_eq!(beside, [(0, CHILDREN), all]);
    assert_eq!((of("own 1"), of("own 2")), ((1, 0), (1, 0)));
    // A host's limit holds whatever a spawn says: its only worker is the parent's or it is not.
    for kind in ["host has one worker", "spawn says spread on one worker"] {
        assert!([all, (0, CHILDREN)].contains(&of(kind)), "{kind}: {:?}", of(kind));
    }
}

#[test]
fn entry_that_computes_is_put_where_nobody_does_although_it_is_given_a_pid() {
    let root = TempDir::new().expect("a folder");
    fs::write(root.path().join("_index.yaml"), JOBS).expect("a file");
    let mut config = Config::default();
    config.workers = 2;
    let loaded = application::load_folder(root.path()).expect("an application");
    let runtime = Runtime::start(loaded, config).expect("a runtime");
    let parent = runtime.run_command("app:parent", None, Vec::new()).expect("a parent");
    let deadline = Instant::now() + Duration::from_secs(120);
    let elsewhere = || {
        let processes = runtime.processes();
        let has = |info: &ActorInfo, name: &str| info.names.iter().any(|own| &**own == name);
        let worker = |name: &str| processes.iter().find(|info| has(info, name)).map(|info| info.worker);
        let (home, first) = (worker("parent"), worker("first"));
        if first.is_some() {
            assert_eq!(home, first, "nobody could know of the first one");
        }
        processes.iter().any(|info| first.is_some() && Some(info.worker) != home && info.names.is_empty())
    };
    while !elsewhere() {
        assert!(parent.try_wait().is_none(), "the parent ended early");
        assert!(Instant::now() < deadline, "all jobs are on one worker");
        std::thread::sleep(Duration::from_millis(5));
    }
    runtime.stop();
}

#[test]
fn on_one_worker_every_placement_is_that_worker() {
    let counts = placed(1);
    assert_eq!(counts.len(), 11);
    assert!(counts.values().all(|(_, there)| *there == 0), "{counts:?}");
}
