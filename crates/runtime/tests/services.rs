//! Services of an application, seen by the program that runs it.

use std::time::{Duration, Instant};

use perilune_runtime::application::load_folder;
use perilune_runtime::{Config, Runtime, ServiceInfo, ServiceState};

const INDEX: &str = "\
namespace: app
entries:
  - {name: processes, kind: process.host}
  - {name: waits, kind: process.lua, source: 'return { main = function() process.events():receive() end }'}
  - {name: fails, kind: process.lua, source: 'return { main = function() error(\"boom\") end }'}
  - {name: ends, kind: process.lua, source: 'return { main = function() end }'}
  - {name: first, kind: process.service, process: waits, host: processes, lifecycle: {auto_start: true}}
  - name: hopeless
    kind: process.service
    process: fails
    host: processes
    lifecycle: {auto_start: true, restart: {initial_delay: 1ms, max_attempts: 3}}
  - {name: brief, kind: process.service, process: ends, host: processes, lifecycle: {auto_start: true}}
  - {name: unwanted, kind: process.service, process: waits, host: processes}
";

fn runtime() -> Runtime {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("_index.yaml"), INDEX).unwrap();
    let mut config = Config::default();
    config.workers = 1;
    Runtime::start(load_folder(folder.path()).unwrap(), config).unwrap()
}

fn states(runtime: &Runtime) -> Vec<(String, ServiceState)> {
    runtime.services().into_iter().map(|ServiceInfo { id, state, .. }| (id, state)).collect()
}

/// Brief, first, hopeless and unwanted, in this order.
fn wait_for(runtime: &Runtime, expected: [ServiceState; 4]) {
    let names = ["app:brief", "app:first", "app:hopeless", "app:unwanted"];
    let expected: Vec<_> = names.into_iter().map(str::to_owned).zip(expected).collect();
    let deadline = Instant::now() + Duration::from_secs(60);
    while states(runtime) != expected {
        assert!(Instant::now() < deadline, "{:?}", runtime.services());
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn services_are_seen_from_their_start_to_their_end() {
    use ServiceState::{Exited, Failed, Running, Stopped, Unknown};
    let runtime = runtime();
    wait_for(&runtime, [Unknown; 4]);
    assert!(runtime.processes().is_empty());

    runtime.start_services().unwrap();
    wait_for(&runtime, [Exited, Running, Failed, Unknown]);
    let services = runtime.services();
    assert_eq!(services[1].pid, Some(runtime.processes()[0].pid));
    assert_eq!((services[2].pid, services[2].restarts), (None, 2));
    assert!(services[2].failure.as_ref().unwrap().ends_with("boom"), "{services:?}");

    runtime.stop();
    wait_for(&runtime, [Exited, Stopped, Failed, Unknown]);
    assert!(runtime.processes().is_empty());
    runtime.stop();
}

#[test]
fn a_runtime_that_is_dropped_takes_its_services_along() {
    let runtime = runtime();
    runtime.start_services().unwrap();
    runtime.start_services().unwrap();
    drop(runtime);
}
