//! Many processes, killed, crashing and stopped at the worst of times.

mod support;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use perilune_supervisor::restart::{BackoffConfig, RestartConfig, RestartStrategy};
use perilune_supervisor::{
    Condition, EventKind, EventReceiver, Phase, Readiness, Received, ShutdownOptions, Supervisor, SupervisorConfig,
    SupervisorError,
};

use support::keeping::{at_once, event, options, shell, unlimited};
use support::{alive, block_on, kill, sized, until};

const LONG: Duration = Duration::from_secs(60);

/// Instances and their processes, as they are at one moment.
fn running(supervisor: &Supervisor) -> HashMap<String, u32> {
    let status = supervisor.status();
    status.into_iter().filter_map(|one| Some((one.display_name, one.pid?))).collect()
}

/// Live processes with a mark in their environment, by its value.
fn marked(mark: &str) -> HashMap<String, Vec<u32>> {
    let mut found: HashMap<String, Vec<u32>> = HashMap::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(environ) = std::fs::read(entry.path().join("environ")) else { continue };
        let text = String::from_utf8_lossy(&environ);
        let variables: HashMap<&str, &str> = text.split('\0').filter_map(|pair| pair.split_once('=')).collect();
        if variables.get("R6_MARK") == Some(&mark) && alive(pid) {
            let run = variables.get("SUP_RUN_ID").copied().unwrap_or_default();
            let instance = variables.get("SUP_INSTANCE").copied().unwrap_or_default();
            found.entry(format!("{instance} {run}")).or_default().push(pid);
        }
    }
    found
}

#[test]
fn r6_whoever_is_killed_comes_back_and_never_twice() {
    let seconds = sized(3, 60);
    block_on(async {
        let supervisor = Supervisor::new(unlimited());
        let mut events = supervisor.events();
        let mark = format!("{}-{seconds}", std::process::id());
        let spec = shell("w", "sleep 600 & sleep 600 & wait").env("R6_MARK", &mark).instances(20).restart(at_once());
        supervisor.register(spec.build()).await.unwrap();
        supervisor.start("w").await.unwrap();

        let mut random = 0x2545_f491_u32;
        let mut killed: HashMap<String, u32> = HashMap::new();
        let mut seen: HashMap<String, u32> = HashMap::new();
        let mut latencies: Vec<Duration> = Vec::new();
        let begun = Instant::now();
        // As many at least as there are instances, however slow the machine is.
        while begun.elapsed() < Duration::from_secs(seconds) || killed.values().sum::<u32>() <= 20 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let name = format!("w-{}", (random >> 16) % 20);
            // One that was killed and is not seen to have ended yet is the same process.
            let Some(pid) = running(&supervisor).get(&name).copied().filter(|pid| seen.get(&name) != Some(pid)) else {
                tokio::time::sleep(Duration::from_millis(1)).await;
                continue;
            };
            seen.insert(name.clone(), pid);
            let hit = Instant::now();
            kill("KILL", pid);
            *killed.entry(name.clone()).or_default() += 1;
            if latencies.len().is_multiple_of(4) {
                let mut watch = supervisor.watch("w", name[2..].parse().unwrap()).unwrap();
                while watch.current().pid.is_none_or(|now| now == pid) {
                    watch.changed().await.unwrap();
                }
                // Two trees of one instance would show as two runs.
                let trees = marked(&mark);
                let mut instances: HashMap<&str, usize> = HashMap::new();
                for run in trees.keys() {
                    *instances.entry(run.split(' ').next().unwrap()).or_default() += 1;
                }
                assert!(instances.values().all(|runs| *runs == 1), "{trees:?}");
            }
            latencies.push(hit.elapsed());
        }
        until("all are back", || {
            running(&supervisor).iter().filter(|(name, pid)| seen.get(*name) != Some(*pid)).count() == 20
        })
        .await;
        for status in supervisor.status() {
            assert_eq!(status.restart_count, killed.get(&status.display_name).copied().unwrap_or(0));
        }
        let kills: u32 = killed.values().sum();
        supervisor.shutdown(ShutdownOptions::default()).await;
        assert!(marked(&mark).is_empty());
        let (mut exits, mut last) = (0, 0);
        while let Some(received) = events.try_recv() {
            match received {
                Received::Lagged(missed) => last += missed,
                Received::Event(event) => {
                    assert_eq!(event.seq, last + 1);
                    last = event.seq;
                    exits += u32::from(matches!(&event.kind, EventKind::Exited { exit, .. } if exit.signal == Some(9)));
                }
            }
        }
        assert!(exits > 0);
        println!("r6: {kills} kills in {seconds} s, one tree for each instance");
    });
}

fn median_and_p99(times: &mut [Duration]) -> (Duration, Duration) {
    times.sort();
    (times[times.len() / 2], times[times.len() * 99 / 100])
}

/// Exit and respawn, as the supervisor tells of them.
#[test]
fn an_end_is_seen_and_answered_soon() {
    block_on(async {
        let supervisor = Supervisor::new(unlimited());
        supervisor.register(shell("a", "exec sleep 600").restart(at_once()).build()).await.unwrap();
        supervisor.start("a").await.unwrap();
        let mut events = supervisor.events();
        let (mut ends, mut starts) = (Vec::new(), Vec::new());
        for _ in 0..sized(100, 1000) {
            let pid = supervisor.handle("a", 0).unwrap().pid.unwrap();
            let hit = Instant::now();
            kill("KILL", pid);
            let sent = hit.elapsed();
            event(&mut events, |kind| matches!(kind, EventKind::Exited { .. })).await;
            ends.push(hit.elapsed().saturating_sub(sent));
            event(&mut events, |kind| matches!(kind, EventKind::Started { .. })).await;
            starts.push(hit.elapsed().saturating_sub(sent));
        }
        for (what, times, most) in [("exit seen", &mut ends, 20), ("respawned", &mut starts, 50)] {
            let (median, p99) = median_and_p99(times);
            println!("{what}: median {median:.1?}, p99 {p99:.1?}");
            // What is promised is promised for a machine with nothing else to do.
            assert!(p99 < sized(Duration::from_secs(10), Duration::from_millis(most)), "{what}: {p99:?}");
        }
    });
}

#[test]
fn r16_a_crash_loop_of_processes_ends() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let starts = folder.path().join("starts");
        let supervisor = Supervisor::new(SupervisorConfig::default());
        let mut events = supervisor.events();
        let backoff = BackoffConfig::Fixed { delay: Duration::from_millis(5) };
        let restart = RestartConfig { backoff, ..RestartConfig::default() };
        let line = format!("echo >> {}; exit 1", starts.display());
        supervisor.register(shell("loop", &line).restart(restart).build()).await.unwrap();
        let count = || std::fs::read_to_string(&starts).unwrap_or_default().lines().count();
        for round in 1..=2 {
            supervisor.start("loop").await.unwrap();
            let gave_up = event(&mut events, |kind| matches!(kind, EventKind::GaveUp { .. })).await;
            assert_eq!(gave_up, EventKind::GaveUp { count: 5, window: Some(Duration::from_secs(60)) });
            assert_eq!(count(), 6 * round);
        }
        println!("r16: 6 starts each time, then given up");
    });
}

#[test]
fn r17_a_stop_is_for_good_whatever_goes_on() {
    block_on(async {
        for round in 0..20 {
            let supervisor = Supervisor::new(unlimited());
            supervisor.register(shell("a", "exec sleep 600").restart(at_once()).build()).await.unwrap();
            let other = supervisor.clone();
            let starting = tokio::spawn(async move { other.start("a").await });
            if round % 2 == 0 {
                starting.await.unwrap().unwrap();
                kill("KILL", supervisor.handle("a", 0).unwrap().pid.unwrap());
            }
            let (first, second) = tokio::join!(supervisor.stop("a"), supervisor.stop("a"));
            first.unwrap();
            second.unwrap();
            let status = supervisor.status_of("a").unwrap().remove(0);
            // A start that comes after the stop is one more wish.
            if round % 2 == 0 {
                assert_eq!((status.phase, status.pid), (Phase::Idle, None));
            }
            supervisor.shutdown(ShutdownOptions::default()).await;
            assert_eq!(supervisor.running_count(), 0);
        }
    });
}

#[test]
fn r18_groups_are_restarted_in_their_order() {
    let rounds = sized(3, 100);
    block_on(async {
        for (strategy, expected) in [
            (RestartStrategy::OneForAll, "-e -d -c -a +a +b +c +d +e"),
            (RestartStrategy::RestForOne, "-e -d -c +b +c +d +e"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let book = folder.path().join("book");
            let mut config = unlimited();
            config.strategy = strategy;
            let supervisor = Supervisor::new(config);
            for name in ["a", "b", "c", "d", "e"] {
                let line = format!(
                    "trap 'echo -{name} >> {0}; exit 0' TERM; echo +{name} >> {0}; eval \"echo >&$SUP_NOTIFY_FD\"; \
                     while :; do sleep 600 & wait; done",
                    book.display()
                );
                let gated = options(|o| o.readiness = Readiness::NotifyFd);
                supervisor.register_with(shell(name, &line).restart(at_once()).build(), gated).await.unwrap();
                supervisor.start(name).await.unwrap();
                supervisor.wait_for(name, Condition::Ready, LONG).await.unwrap();
            }
            for _ in 0..rounds {
                std::fs::write(&book, "").unwrap();
                kill("KILL", supervisor.handle("b", 0).unwrap().pid.unwrap());
                let written =
                    || std::fs::read_to_string(&book).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
                until("all are back", || written().len() >= expected.len()).await;
                assert_eq!(written(), expected);
                supervisor.wait_for("e", Condition::Ready, LONG).await.unwrap();
            }
            supervisor.shutdown(ShutdownOptions::default()).await;
            println!("r18: {expected}, {rounds} times");
        }
    });
}

#[test]
fn r20_many_instances_do_not_slow_each_other_down() {
    let (registered, busy, seconds) = sized((200, 20, 2), (1000, 200, 60));
    block_on(async {
        let supervisor = Supervisor::new(unlimited());
        let slow: Vec<EventReceiver> = (0..10).map(|_| supervisor.events()).collect();
        for number in 0..registered {
            let backoff = BackoffConfig::Fixed { delay: Duration::from_secs(1) };
            let restart = RestartConfig { backoff, ..at_once() };
            let spec = shell(&format!("p{number}"), "sleep 1; exit 1").restart(restart);
            supervisor.register(spec.build()).await.unwrap();
        }
        for number in 0..busy {
            supervisor.start(&format!("p{number}")).await.unwrap();
        }
        supervisor.register(shell("probe", "exec sleep 600").build()).await.unwrap();
        let mut times = Vec::new();
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(seconds) {
            let asked = Instant::now();
            // Through the driver and back, and nothing else.
            supervisor.stop("probe").await.unwrap();
            times.push(asked.elapsed());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let (median, p99) = median_and_p99(&mut times);
        println!("r20: driver answers after {median:.1?}, p99 {p99:.1?}");
        assert!(p99 < sized(Duration::from_secs(10), Duration::from_millis(50)), "{p99:?}");
        let report = supervisor.shutdown(ShutdownOptions::default()).await;
        assert!(report.instances.iter().all(|one| one.error.is_none()));
        for mut slow in slow {
            let (mut last, mut missed) = (0, 0);
            while let Some(received) = slow.try_recv() {
                match received {
                    Received::Lagged(count) => (last, missed) = (last + count, missed + count),
                    Received::Event(event) => {
                        assert_eq!(event.seq, last + 1, "a gap that nobody told of");
                        last = event.seq;
                    }
                }
            }
            assert!(last > 0 && missed < last, "{missed} of {last}");
        }
    });
}

async fn three(supervisor: &Supervisor) -> Vec<u32> {
    supervisor.register(shell("a", "trap '' TERM; sleep 600 & sleep 600").instances(3).build()).await.unwrap();
    supervisor.start("a").await.unwrap();
    running(supervisor).into_values().collect()
}

fn all_gone(pids: &[u32]) {
    assert_eq!(pids.len(), 3);
    let begun = Instant::now();
    let patience = Duration::from_secs(sized(30, 5));
    while pids.iter().any(|pid| alive(*pid)) {
        assert!(begun.elapsed() < patience, "somebody is left");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn r23_the_last_handle_takes_all_along_inside_of_a_runtime() {
    block_on(async {
        let supervisor = Supervisor::new(unlimited());
        let pids = three(&supervisor).await;
        drop(supervisor);
        all_gone(&pids);
    });
}

#[test]
fn r23_a_runtime_that_goes_takes_all_along() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (supervisor, pids) = runtime.block_on(async {
        let supervisor = Supervisor::new(unlimited());
        let pids = three(&supervisor).await;
        (supervisor, pids)
    });
    let begun = Instant::now();
    drop(runtime);
    let took = begun.elapsed();
    println!("r23: the runtime was gone after {took:.2?}");
    assert!(took < Duration::from_secs(sized(20, 5)), "{took:?}");
    all_gone(&pids);
    // Nobody is there to do anything, and nobody waits for that.
    block_on(async {
        assert!(matches!(supervisor.start("a").await, Err(SupervisorError::ShuttingDown)));
        supervisor.shutdown(ShutdownOptions::default()).await;
    });
}

#[test]
fn r23_without_a_runtime_it_brings_its_own() {
    let supervisor = Supervisor::new(unlimited());
    // Any executor will do; this one has neither timers nor files.
    let bare = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let pids = bare.block_on(three(&supervisor));
    assert!(pids.iter().all(|pid| alive(*pid)));
    drop(supervisor);
    all_gone(&pids);
}
