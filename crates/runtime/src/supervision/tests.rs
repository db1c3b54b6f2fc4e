use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::{Duration, Instant};

use perilune_actor_core::{ErrorKind, ExitReason, Failure, HostId, Pid};
use proptest::prelude::*;

use super::fleet::{Effect, Fleet, Refused, Startups};
use super::info::ServiceState;
use super::notice::Notice;
use super::plan::{Plan, plans};
use crate::application::{Entries, EntryId, load_folder};

const SECOND: Duration = Duration::from_secs(1);

/// A fleet, the time, and what became of the effects. Services are called by their names without namespace.
struct Stage {
    fleet: Fleet,
    now: Instant,
    /// The run that was asked for last, by service.
    runs: HashMap<String, u64>,
    log: Vec<String>,
}

/// Services, each with what is in its `lifecycle` block.
fn read(services: &[(&str, &str)]) -> Vec<Plan> {
    let folder = tempfile::TempDir::new().unwrap();
    let mut text = "namespace: app\nentries:\n  - {name: host, kind: process.host}\n".to_owned();
    for (name, lifecycle) in services {
        let data = format!("process: p, host: host, lifecycle: {{{lifecycle}}}");
        text.push_str(&format!("  - {{name: {name}, kind: process.service, {data}}}\n"));
    }
    std::fs::write(folder.path().join("_index.yaml"), text).unwrap();
    let loaded = load_folder(folder.path()).unwrap();
    let entries: Vec<_> = loaded.entries.values().cloned().map(Arc::new).collect();
    plans(entries.iter(), |id| loaded.entry(id).is_some()).unwrap()
}

fn id(name: &str) -> EntryId {
    EntryId::new("app", name)
}

/// The process of that run.
fn pid(run: u64) -> Pid {
    Pid::local(HostId::new("app:host"), NonZeroU64::new(run).unwrap())
}

fn failure(message: &str) -> Failure {
    Failure::new(ErrorKind::Internal, message)
}

impl Stage {
    /// Every service starts with the application and has delays without jitter, unless it says otherwise.
    fn new(services: &[(&str, &str)]) -> Self {
        Self { fleet: Fleet::new(read(services), 1), now: Instant::now(), runs: HashMap::new(), log: Vec::new() }
    }

    fn started(services: &[(&str, &str)]) -> Self {
        let mut stage = Self::new(services);
        stage.start();
        stage
    }

    fn note(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            let who = |runs: &HashMap<String, u64>, of: Pid| {
                let known = runs.iter().find(|(_, run)| pid(**run) == of);
                known.map_or_else(|| "a former one".to_owned(), |(name, _)| name.clone())
            };
            let text = match effect {
                Effect::Spawn { entry, run } => {
                    self.runs.insert(entry.id.name().into(), run);
                    format!("spawn {}", entry.id.name())
                }
                Effect::Cancel { pid, grace } => format!("cancel {} {grace:?}", who(&self.runs, pid)),
                Effect::Terminate { pid } => format!("terminate {}", who(&self.runs, pid)),
                Effect::Tell { id, notice } => match notice {
                    Notice::Running { .. } => format!("{} runs", id.name()),
                    Notice::Restarting { attempt, delay, .. } => format!("{} again {attempt} {delay:?}", id.name()),
                    Notice::Waiting { failure } => format!("{} waits: {failure}", id.name()),
                    Notice::Exited => format!("{} exited", id.name()),
                    Notice::GaveUp { .. } => format!("{} gave up", id.name()),
                    Notice::Stopping => format!("{} stops", id.name()),
                    Notice::Stopped => format!("{} stopped", id.name()),
                },
            };
            self.log.push(text);
        }
    }

    fn start(&mut self) {
        let effects = self.fleet.start(self.now);
        self.note(effects);
    }

    /// The process of a service's last run is there.
    fn up(&mut self, name: &str) {
        let run = self.runs[name];
        let effects = self.fleet.spawned(&id(name), run, Ok(pid(run)), self.now);
        self.note(effects);
    }

    fn refuse(&mut self, name: &str, for_good: bool) {
        let refused = Refused { failure: Arc::new(failure("no")), for_good };
        let effects = self.fleet.spawned(&id(name), self.runs[name], Err(refused), self.now);
        self.note(effects);
    }

    fn end(&mut self, name: &str, reason: ExitReason) {
        let effects = self.fleet.ended(&id(name), self.runs[name], &reason, self.now);
        self.note(effects);
    }

    fn crash(&mut self, name: &str) {
        self.end(name, ExitReason::failed(failure("boom")));
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        let effects = self.fleet.tick(self.now);
        self.note(effects);
    }

    fn stop(&mut self, limit: Duration) {
        let effects = self.fleet.stop(self.now + limit, self.now);
        self.note(effects);
    }

    fn replace(&mut self, services: &[(&str, &str)]) {
        let effects = self.fleet.replace(read(services), self.now);
        self.note(effects);
    }

    /// What was done since this was asked last.
    fn done(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }

    fn state(&self, name: &str) -> ServiceState {
        let infos = self.fleet.infos();
        infos.iter().find(|info| info.id == id(name).as_str()).map(|info| info.state).unwrap()
    }

    /// Who kept everything from starting, if it is decided.
    fn startup(&mut self) -> Option<Vec<String>> {
        let names = |startups: Startups| match startups {
            Ok(()) => Vec::new(),
            Err(refused) => refused.iter().map(|(id, failure)| format!("{}: {failure}", id.name())).collect(),
        };
        self.fleet.startup().map(names)
    }
}

const AUTO: &str = "auto_start: true, restart: {jitter: 0}";

#[test]
fn whoever_is_depended_on_runs_first_and_the_others_start_together() {
    let mut stage = Stage::started(&[
        ("web", "auto_start: true, depends_on: [db, cache]"),
        ("db", ""),
        ("cache", AUTO),
        ("alone", "stop_timeout: 1s"),
    ]);
    assert_eq!(stage.done(), ["spawn cache", "spawn db"]);
    assert_eq!(stage.startup(), None);
    stage.up("db");
    assert_eq!(stage.done(), ["db runs"]);
    assert_eq!((stage.state("web"), stage.state("alone")), (ServiceState::Starting, ServiceState::Unknown));
    stage.up("cache");
    assert_eq!(stage.done(), ["cache runs", "spawn web"]);
    assert_eq!(stage.startup(), None);
    stage.up("web");
    assert_eq!(stage.startup(), Some(vec![]));
    assert_eq!((stage.startup(), stage.state("web")), (None, ServiceState::Running));
}

#[test]
fn a_dependency_that_has_done_its_work_is_no_obstacle() {
    let mut stage = Stage::started(&[("migrate", AUTO), ("web", "auto_start: true, requires: [migrate]")]);
    let run = stage.runs["migrate"];
    // It has ended before anybody heard that it runs.
    stage.end("migrate", ExitReason::Normal(None));
    assert_eq!(stage.done(), ["spawn migrate"]);
    let effects = stage.fleet.spawned(&id("migrate"), run, Ok(pid(run)), stage.now);
    stage.note(effects);
    assert_eq!(stage.done(), ["migrate runs", "migrate exited", "spawn web"]);
    assert_eq!(stage.state("migrate"), ServiceState::Exited);
}

#[test]
fn a_normal_end_is_the_end() {
    let mut stage = Stage::started(&[("a", AUTO)]);
    stage.up("a");
    stage.end("a", ExitReason::Normal(None));
    assert_eq!(stage.done(), ["spawn a", "a runs", "a exited"]);
    stage.pass(1000 * SECOND);
    assert_eq!((stage.done(), stage.fleet.next_deadline()), (vec![], None));
    stage.stop(SECOND);
    assert_eq!((stage.state("a"), stage.fleet.is_down()), (ServiceState::Exited, true));
}

#[test]
fn failures_are_followed_by_starts_after_growing_delays() {
    let mut stage = Stage::started(&[("a", "auto_start: true, restart: {jitter: 0, max_delay: 3s}")]);
    let mut delays = Vec::new();
    for _ in 0..4 {
        stage.up("a");
        stage.crash("a");
        assert_eq!(stage.state("a"), ServiceState::Starting);
        let delay = stage.fleet.next_deadline().unwrap() - stage.now;
        stage.done();
        stage.pass(delay - Duration::from_nanos(1));
        assert_eq!(stage.done(), [""; 0]);
        stage.pass(Duration::from_nanos(1));
        assert_eq!(stage.done(), ["spawn a"]);
        delays.push(delay.as_secs());
    }
    assert_eq!(delays, [1, 2, 3, 3]);

    // A run that was long enough is a success, and the next failure the first one.
    stage.up("a");
    stage.pass(5 * SECOND);
    stage.crash("a");
    assert_eq!(stage.done(), ["a runs", "a again 1 1s"]);
    assert_eq!(stage.fleet.infos()[0].restarts, 5);
}

#[test]
fn so_many_failures_in_a_row_are_enough() {
    let mut stage = Stage::started(&[("a", "auto_start: true, restart: {jitter: 0, max_attempts: 2}")]);
    stage.up("a");
    stage.crash("a");
    stage.pass(SECOND);
    stage.up("a");
    stage.crash("a");
    assert_eq!(stage.done(), ["spawn a", "a runs", "a again 1 1s", "spawn a", "a runs", "a gave up"]);
    assert_eq!((stage.state("a"), stage.fleet.next_deadline()), (ServiceState::Failed, None));
    assert_eq!(stage.fleet.infos()[0].failure.as_deref(), Some("boom"));
}

#[test]
fn only_a_script_that_says_so_itself_is_given_up_at_once() {
    let said = Failure { retryable: Some(false), explicit: true, ..failure("final") };
    for (failure, expected) in [
        (said.clone(), "a gave up"),
        (Failure { retryable: Some(true), ..said.clone() }, "a again 1 1s"),
        // As errors of the runtime are.
        (failure("boom"), "a again 1 1s"),
        (Failure { retryable: None, ..failure("boom") }, "a again 1 1s"),
    ] {
        let mut stage = Stage::started(&[("a", AUTO)]);
        stage.up("a");
        stage.end("a", ExitReason::failed(failure));
        assert_eq!(stage.done(), ["spawn a", "a runs", expected]);
    }
}

#[test]
fn a_required_service_that_does_not_start_ends_the_start() {
    let mut stage = Stage::started(&[("a", AUTO), ("b", AUTO), ("c", "auto_start: true, depends_on: [a]")]);
    stage.refuse("a", false);
    let expected = vec!["a: no".to_owned(), "c: it depends on `app:a`, which did not start".to_owned()];
    assert_eq!(stage.startup(), Some(expected));
    assert_eq!(stage.state("a"), ServiceState::Failed);
}

#[test]
fn an_optional_service_that_does_not_start_is_tried_again() {
    const OPTIONAL: &str = "auto_start: true, startup: optional, restart: {jitter: 0}";
    let mut stage = Stage::started(&[("a", OPTIONAL), ("b", &format!("{OPTIONAL}, depends_on: [a]")), ("c", OPTIONAL)]);
    stage.refuse("a", false);
    stage.refuse("c", true);
    let waits = "b waits: it depends on `app:a`, which did not start";
    assert_eq!(stage.done(), ["spawn a", "spawn c", "a again 1 1s", waits, "c gave up"]);
    assert_eq!(stage.startup(), Some(vec![]));
    stage.pass(SECOND);
    stage.up("a");
    assert_eq!(stage.done(), ["spawn a", "a runs", "spawn b"]);
}

#[test]
fn a_start_that_takes_too_long_has_failed() {
    let mut stage = Stage::started(&[("a", "auto_start: true, start_timeout: 2s")]);
    let late = stage.runs["a"];
    stage.pass(2 * SECOND);
    assert_eq!(stage.startup(), Some(vec!["a: it did not start within 2s".to_owned()]));
    // What comes to life after all is not left alone.
    let effects = stage.fleet.spawned(&id("a"), late, Ok(pid(late)), stage.now);
    stage.note(effects);
    assert_eq!(stage.done(), ["spawn a", "terminate a"]);
}

#[test]
fn everybody_stops_before_what_it_depends_on() {
    let mut stage = Stage::started(&[
        ("web", "auto_start: true, depends_on: [db], stop_timeout: 1s"),
        ("log", AUTO),
        ("db", "depends_on: [log]"),
        ("other", AUTO),
    ]);
    for name in ["log", "other", "db", "web"] {
        stage.up(name);
    }
    stage.done();
    stage.stop(3 * SECOND);
    assert_eq!(stage.done(), ["web stops", "cancel web 1s", "other stops", "cancel other 3s"]);
    stage.pass(SECOND);
    // However it ends.
    stage.crash("web");
    assert_eq!(stage.done(), ["web stopped", "db stops", "cancel db 2s"]);
    let forced = stage.fleet.force();
    stage.note(forced);
    let mut forced = stage.done();
    forced.sort();
    assert_eq!(forced, ["terminate db", "terminate other"]);
    stage.crash("other");
    stage.crash("db");
    assert_eq!(stage.done(), ["other stopped", "db stopped", "log stops", "cancel log 2s"]);
    assert!(!stage.fleet.is_down());
    stage.end("log", ExitReason::Normal(None));
    assert!(stage.fleet.is_down());
    assert_eq!((stage.state("web"), stage.state("log")), (ServiceState::Stopped, ServiceState::Stopped));
    stage.pass(1000 * SECOND);
    assert_eq!(stage.done(), ["log stopped"]);
}

#[test]
fn a_stop_reaches_those_that_wait_and_those_that_are_starting() {
    let mut stage =
        Stage::started(&[("a", AUTO), ("b", AUTO), ("c", AUTO), ("d", "auto_start: true, depends_on: [b]")]);
    stage.up("a");
    stage.crash("a");
    stage.done();
    stage.stop(20 * SECOND);
    assert_eq!(stage.done(), ["c stops", "b stops"]);
    assert_eq!((stage.state("a"), stage.state("d")), (ServiceState::Stopped, ServiceState::Stopped));
    assert!(!stage.fleet.is_down());
    stage.pass(4 * SECOND);
    stage.up("b");
    assert_eq!(stage.done(), ["cancel b 6s"]);
    // The other one never answers.
    stage.pass(6 * SECOND);
    assert_eq!(stage.done(), ["c stopped"]);
    stage.crash("b");
    assert!(stage.fleet.is_down());
}

#[test]
fn services_follow_their_entries() {
    const OTHER: &str = "auto_start: true, stop_timeout: 1s, restart: {jitter: 0}";
    let mut stage = Stage::started(&[("a", AUTO), ("b", AUTO), ("c", "stop_timeout: 2s")]);
    stage.up("a");
    stage.up("b");
    stage.done();
    stage.replace(&[("a", OTHER), ("c", "stop_timeout: 3s"), ("d", AUTO)]);
    assert_eq!(stage.done(), ["b stops", "cancel b 10s", "a stops", "cancel a 10s", "spawn d"]);
    stage.end("b", ExitReason::Normal(None));
    stage.crash("a");
    assert_eq!(stage.done(), ["b stopped", "a stopped", "spawn a"]);
    let ids: Vec<_> = stage.fleet.infos().into_iter().map(|info| info.id).collect();
    assert_eq!(ids, ["app:a", "app:c", "app:d"]);
    stage.up("a");
    stage.up("d");
    stage.stop(20 * SECOND);
    assert_eq!(stage.done(), ["a runs", "d runs", "d stops", "cancel d 10s", "a stops", "cancel a 1s"]);
}

proptest! {
    /// Whatever happens: nobody starts before what it depends on, nobody has two processes, and a stop ends everybody
    /// in the opposite order.
    #[test]
    fn order_is_kept_whatever_happens(
        edges in proptest::collection::vec(proptest::collection::vec(any::<prop::sample::Index>(), 0..3), 1..6),
        happenings in proptest::collection::vec((0..6u32, any::<prop::sample::Index>()), 0..40),
    ) {
        let count = edges.len();
        let depends_on: Vec<Vec<usize>> = edges
            .iter()
            .enumerate()
            .map(|(at, edges)| edges.iter().filter(|_| at > 0).map(|edge| edge.index(at.max(1))).collect())
            .collect();
        let names: Vec<String> = (0..count).map(|at| format!("s{at}")).collect();
        let lifecycles: Vec<String> = depends_on
            .iter()
            .map(|on| {
                let on: Vec<_> = on.iter().map(|at| names[*at].clone()).collect();
                // More time than passes here: what starts late is another test.
                format!("auto_start: true, startup: optional, start_timeout: 1h, depends_on: [{}]", on.join(", "))
            })
            .collect();
        let services: Vec<_> = names.iter().map(String::as_str).zip(lifecycles.iter().map(String::as_str)).collect();
        let mut stage = Stage::started(&services);
        let mut live: HashMap<String, bool> = HashMap::new();
        let mut asked = Vec::new();
        let mut exited = std::collections::HashSet::new();
        let mut stopping = false;
        let mut happenings = happenings.into_iter();
        for round in 0..400 {
            for text in stage.done() {
                let (what, name) = text.split_once(' ').unwrap();
                if what == "spawn" {
                    prop_assert!(!stopping, "nobody starts any more");
                    prop_assert_eq!(live.insert(name.into(), false), None, "it has a process already");
                    let at: usize = name[1..].parse().unwrap();
                    for on in &depends_on[at] {
                        let ready = live.get(&names[*on]) == Some(&true) || exited.contains(&names[*on]);
                        prop_assert!(ready, "{} before {}", name, names[*on]);
                    }
                } else if what == "cancel" {
                    let name = name.split_once(' ').unwrap().0;
                    let at: usize = name[1..].parse().unwrap();
                    for later in (0..count).filter(|later| depends_on[*later].contains(&at)) {
                        prop_assert!(!live.contains_key(&names[later]), "{} before {}", name, names[later]);
                    }
                    asked.push(name.to_owned());
                }
            }
            let (kind, place) = match happenings.next() {
                Some(happening) => happening,
                None if !stopping => {
                    stopping = true;
                    stage.stop(20 * SECOND);
                    continue;
                }
                None if stage.fleet.is_down() => break,
                // Whoever was asked ends, and the rest is answered.
                None => {
                    let name = names[round % count].clone();
                    match live.get(&name) {
                        Some(false) => { stage.up(&name); live.insert(name, true); }
                        Some(true) if asked.contains(&name) => { stage.end(&name, ExitReason::Normal(None)); live.remove(&name); }
                        _ => {}
                    }
                    continue;
                }
            };
            let name = names[place.index(count)].clone();
            match (kind, live.get(&name).copied()) {
                (0 | 1, Some(false)) => { stage.up(&name); live.insert(name, true); }
                (2, Some(false)) => { stage.refuse(&name, false); live.remove(&name); }
                (3, Some(true)) => { stage.crash(&name); live.remove(&name); }
                (4, Some(true)) => {
                    stage.end(&name, ExitReason::Normal(None));
                    exited.insert(name.clone());
                    live.remove(&name);
                }
                (5, _) => stage.pass(SECOND),
                _ => {}
            }
        }
        prop_assert!(stage.fleet.is_down());
        prop_assert!(live.is_empty(), "{:?}", live);
    }
}
