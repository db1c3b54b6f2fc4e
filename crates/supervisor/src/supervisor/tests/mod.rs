//! The driver with runs that are no processes, in time that jumps.

mod fake;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use perilune_restart::{BackoffConfig, RestartConfig};
use tokio::time::Instant;

use self::fake::{Behaviour, Fake};
use super::*;
use crate::process::{ProcessSpec, ProcessSpecBuilder, ProcessState};

const SECOND: Duration = Duration::from_secs(1);

fn spec(name: &str) -> ProcessSpecBuilder {
    ProcessSpec::builder().name(name).command("true")
}

fn unlimited() -> SupervisorConfig {
    SupervisorConfig { max_restarts: u32::MAX, ..SupervisorConfig::default() }
}

fn at_once() -> RestartConfig {
    let backoff = BackoffConfig::Fixed { delay: Duration::ZERO };
    RestartConfig { max_restarts: u32::MAX, backoff, ..RestartConfig::default() }
}

async fn event(events: &mut EventReceiver, wanted: impl Fn(&EventKind) -> bool) -> EventKind {
    loop {
        match events.recv().await {
            Some(Received::Event(event)) if wanted(&event.kind) => return event.kind.clone(),
            Some(_) => {}
            None => panic!("the supervisor is gone"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn r16_a_crash_loop_is_six_starts_with_growing_delays() {
    let fake = Fake::new(Behaviour::crashing());
    let supervisor = Supervisor::with_launcher(SupervisorConfig::default(), fake.clone());
    let mut events = supervisor.events();
    supervisor.register(spec("loop").build()).await.unwrap();
    supervisor.start("loop").await.unwrap();
    event(&mut events, |kind| matches!(kind, EventKind::GaveUp { count: 5, .. })).await;

    let starts = fake.starts("loop");
    let delays: Vec<u64> = starts.windows(2).map(|pair| (pair[1] - pair[0]).as_secs()).collect();
    assert_eq!(delays, [1, 2, 4, 8, 16]);
    let status = supervisor.status_of("loop").unwrap().remove(0);
    assert_eq!((status.phase, status.restart_count, status.restarts_in_window), (Phase::GaveUp, 5, 5));
    tokio::time::sleep(1000 * SECOND).await;
    assert_eq!(fake.starts("loop").len(), 6);

    fake.behave(Behaviour::default());
    supervisor.start("loop").await.unwrap();
    tokio::time::sleep(SECOND).await;
    assert_eq!(supervisor.handle("loop", 0).unwrap().state, ProcessState::Running);
}

#[tokio::test(start_paused = true)]
async fn r17_two_stops_at_once_are_one_and_both_are_answered() {
    let fake = Fake::new(Behaviour { obeys_after: 3 * SECOND, ..Behaviour::default() });
    let supervisor = Supervisor::with_launcher(unlimited(), fake.clone());
    supervisor.register(spec("a").build()).await.unwrap();
    supervisor.start("a").await.unwrap();
    let begun = Instant::now();
    let (first, second, third) =
        tokio::join!(supervisor.stop("a"), supervisor.stop_instance("a", 0), supervisor.stop_all());
    for stopped in [first, second, third] {
        stopped.unwrap();
    }
    assert_eq!(begun.elapsed(), 3 * SECOND);
    assert_eq!(fake.stops("a"), 1);
    tokio::time::sleep(1000 * SECOND).await;
    assert_eq!(fake.starts("a").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn r17_a_stop_during_the_delay_is_for_good() {
    let fake = Fake::new(Behaviour::crashing());
    let supervisor = Supervisor::with_launcher(unlimited(), fake.clone());
    let mut events = supervisor.events();
    supervisor.register(spec("a").build()).await.unwrap();
    supervisor.start("a").await.unwrap();
    event(&mut events, |kind| matches!(kind, EventKind::RestartScheduled { attempt: 3, .. })).await;
    let begun = Instant::now();
    supervisor.stop("a").await.unwrap();
    assert_eq!(begun.elapsed(), Duration::ZERO);
    tokio::time::sleep(1000 * SECOND).await;
    assert_eq!(fake.starts("a").len(), 3);
}

#[tokio::test(start_paused = true)]
async fn r17_a_stop_during_a_slow_launch_is_for_good() {
    let fake = Fake::new(Behaviour { launches_after: 5 * SECOND, ..Behaviour::default() });
    let supervisor = Supervisor::with_launcher(unlimited(), fake.clone());
    supervisor.register(spec("a").build()).await.unwrap();
    let (started, stopped) = tokio::join!(supervisor.start("a"), async {
        tokio::time::sleep(SECOND).await;
        assert_eq!(supervisor.status_of("a").unwrap()[0].phase, Phase::Launching);
        supervisor.stop("a").await
    });
    started.unwrap();
    stopped.unwrap();
    assert_eq!((fake.starts("a").len(), fake.alive()), (1, 0));
    assert_eq!(supervisor.handle("a", 0).unwrap().state, ProcessState::Stopped { exit_code: None });
}

#[tokio::test(start_paused = true)]
async fn who_ends_a_launch_that_takes_too_long_is_told_so_and_it_ends_later() {
    let fake = Fake::new(Behaviour { launches_after: 1000 * SECOND, ..Behaviour::default() });
    let supervisor = Supervisor::with_launcher(unlimited(), fake.clone());
    supervisor.register(spec("a").build()).await.unwrap();
    let begun = Instant::now();
    let other = supervisor.clone();
    let starting = tokio::spawn(async move { other.start("a").await });
    tokio::task::yield_now().await;
    // The grace and the delay of its spec.
    for tries in 1..=2 {
        assert!(supervisor.stop("a").await.is_err());
        assert_eq!(begun.elapsed(), tries * 35 * SECOND);
    }
    assert!(supervisor.kill("a", 0).await.is_err());
    assert_eq!(begun.elapsed(), 75 * SECOND);
    assert!(starting.await.unwrap().is_err());
    tokio::time::sleep(1000 * SECOND).await;
    assert_eq!((fake.starts("a").len(), fake.alive(), fake.stops("a")), (1, 0, 1));

    supervisor.start("a").await.unwrap();
    let other = supervisor.clone();
    let restarting = tokio::spawn(async move { other.restart("a").await });
    tokio::time::sleep(SECOND).await;
    assert_eq!(supervisor.status_of("a").unwrap()[0].phase, Phase::Launching);
    let begun = Instant::now();
    let report = supervisor.shutdown(ShutdownOptions::within(10 * SECOND)).await;
    assert_eq!(begun.elapsed(), 15 * SECOND);
    assert!(report.forced && report.instances[0].error.is_some());
    assert!(restarting.await.unwrap().is_err());
    drop(supervisor);
    tokio::time::sleep(1000 * SECOND).await;
    assert_eq!(fake.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_slow_about_one_holds_up_another() {
    let slow = Behaviour { launches_after: 100 * SECOND, obeys_after: 100 * SECOND, ..Behaviour::default() };
    let fake = Fake::new(Behaviour::default());
    fake.behave_as("slow", slow);
    let supervisor = Supervisor::with_launcher(unlimited(), fake.clone());
    for name in ["slow", "quick"] {
        supervisor.register(spec(name).build()).await.unwrap();
    }
    let begun = Instant::now();
    let other = supervisor.clone();
    let starting = tokio::spawn(async move { other.start("slow").await });
    for _ in 0..10 {
        supervisor.start("quick").await.unwrap();
        supervisor.stop("quick").await.unwrap();
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
    starting.await.unwrap().unwrap();
    let other = supervisor.clone();
    let stopping = tokio::spawn(async move { other.stop("slow").await });
    tokio::task::yield_now().await;
    let begun = Instant::now();
    supervisor.start("quick").await.unwrap();
    supervisor.restart("quick").await.unwrap();
    assert_eq!(begun.elapsed(), Duration::ZERO);
    stopping.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_run_that_panics_is_lost_and_nothing_else_is() {
    let fake = Fake::new(Behaviour::default());
    fake.behave_as("bad", Behaviour { panics: true, ..Behaviour::default() });
    let supervisor = Supervisor::with_launcher(unlimited(), fake.clone());
    let mut events = supervisor.events();
    supervisor.register(spec("good").build()).await.unwrap();
    supervisor
        .register(spec("bad").restart(RestartConfig { max_restarts: 1, ..RestartConfig::default() }).build())
        .await
        .unwrap();
    supervisor.start("good").await.unwrap();
    let _ = supervisor.start("bad").await;
    event(&mut events, |kind| matches!(kind, EventKind::GaveUp { .. })).await;
    assert_eq!(supervisor.handle("bad", 0).unwrap().state, ProcessState::Crashed { exit_code: None });
    assert_eq!(supervisor.handle("good", 0).unwrap().state, ProcessState::Running);
}

#[tokio::test(start_paused = true)]
async fn a_slow_receiver_is_told_how_much_it_missed() {
    let fake = Fake::new(Behaviour::default());
    let config = SupervisorConfig { event_capacity: 16, ..unlimited() };
    let supervisor = Supervisor::with_launcher(config, fake);
    supervisor.register(spec("a").build()).await.unwrap();
    let mut events = supervisor.events();
    for _ in 0..10 {
        supervisor.start("a").await.unwrap();
        supervisor.stop("a").await.unwrap();
    }
    let Some(Received::Lagged(missed)) = events.recv().await else { panic!("nothing was missed") };
    let mut numbers = Vec::new();
    while let Some(received) = events.try_recv() {
        let Received::Event(event) = received else { panic!("it is told once") };
        numbers.push(event.seq);
    }
    assert_eq!(numbers.len(), 16);
    assert_eq!(numbers[0], 1 + missed + 1, "`Registered` came before");
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1));
}

#[tokio::test(start_paused = true)]
async fn a_watch_follows_one_instance() {
    let fake = Fake::new(Behaviour::default());
    let supervisor = Supervisor::with_launcher(unlimited(), fake);
    supervisor.register(spec("a").instances(2).build()).await.unwrap();
    let mut watch = supervisor.watch("a", 1).unwrap();
    assert_eq!(watch.current().phase, Phase::Idle);
    supervisor.start_instance("a", 1).await.unwrap();
    let status = watch.changed().await.unwrap();
    assert_eq!((status.phase, status.pid.is_some()), (Phase::Up, true));
    supervisor.start_instance("a", 0).await.unwrap();
    supervisor.stop_instance("a", 1).await.unwrap();
    assert_eq!(watch.changed().await.unwrap().phase, Phase::Idle);
    supervisor.stop("a").await.unwrap();
    supervisor.unregister("a").await.unwrap();
    while watch.changed().await.is_some() {}
    assert!(matches!(supervisor.watch("a", 0), Err(SupervisorError::NotFound(_))));
}

#[tokio::test(start_paused = true)]
async fn when_the_last_handle_goes_everything_is_killed() {
    let fake = Fake::new(Behaviour { obeys_after: 1000 * SECOND, ..Behaviour::default() });
    let supervisor = Supervisor::with_launcher(unlimited(), fake.clone());
    supervisor.register(spec("a").instances(5).build()).await.unwrap();
    supervisor.start("a").await.unwrap();
    let mut events = supervisor.events();
    drop(supervisor);
    while events.recv().await.is_some() {}
    assert_eq!((fake.alive(), fake.stops("a-0"), fake.kills("a-0")), (0, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn all_who_shut_down_get_one_report_also_afterwards() {
    let fake = Fake::new(Behaviour { obeys_after: 2 * SECOND, ..Behaviour::default() });
    let supervisor = Supervisor::with_launcher(unlimited(), fake);
    supervisor.register(spec("a").build()).await.unwrap();
    supervisor.start("a").await.unwrap();
    let options = ShutdownOptions::default();
    let (first, second) = tokio::join!(supervisor.shutdown(options), supervisor.shutdown(options));
    assert_eq!((first.took, first.instances.len(), first.is_clean()), (2 * SECOND, 1, true));
    assert_eq!(first, second);
    assert_eq!(supervisor.shutdown(ShutdownOptions::force()).await, first);
    assert!(matches!(supervisor.start("a").await, Err(SupervisorError::ShuttingDown)));
    assert_eq!(supervisor.handle("a", 0).unwrap().state, ProcessState::Stopped { exit_code: None });
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_and_left_is_done_all_the_same() {
    let fake = Fake::new(Behaviour { obeys_after: 2 * SECOND, ..Behaviour::default() });
    let supervisor = Supervisor::with_launcher(unlimited(), fake.clone());
    supervisor.register(spec("a").build()).await.unwrap();
    supervisor.start("a").await.unwrap();
    let left = tokio::time::timeout(SECOND, supervisor.stop("a")).await;
    assert!(left.is_err());
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!((fake.alive(), supervisor.running_count()), (0, 0));
}

/// Ten who never read, a thousand that are registered, two hundred that come and go.
#[tokio::test(start_paused = true)]
async fn r20_many_instances_and_slow_receivers_lose_nothing_but_what_they_are_told() {
    let fake = Fake::new(Behaviour::crashing());
    let supervisor = Supervisor::with_launcher(unlimited(), fake.clone());
    let mut receivers: Vec<EventReceiver> = (0..10).map(|_| supervisor.events()).collect();
    for number in 0..1000 {
        let restart = RestartConfig { backoff: BackoffConfig::Fixed { delay: SECOND }, ..at_once() };
        supervisor.register(spec(&format!("p{number}")).restart(restart).build()).await.unwrap();
    }
    for number in 0..200 {
        supervisor.start(&format!("p{number}")).await.unwrap();
    }
    tokio::time::sleep(20 * SECOND).await;
    assert_eq!((supervisor.process_count(), supervisor.list_names().len()), (1000, 1000));
    supervisor.shutdown(ShutdownOptions::default()).await;
    let all = fake.all_starts();
    assert!(all >= 200 * 19, "{all}");
    drop(supervisor);
    let mut ends = Vec::new();
    for receiver in &mut receivers {
        let mut next = 1;
        while let Some(received) = receiver.recv().await {
            match received {
                Received::Lagged(missed) => next += missed,
                Received::Event(event) => {
                    assert_eq!(event.seq, next);
                    next += 1;
                }
            }
        }
        ends.push(next);
    }
    assert!(ends.iter().all(|end| *end == ends[0] && *end > 4000), "{ends:?}");
}

#[tokio::test(start_paused = true)]
async fn samples_are_taken_as_often_as_that_was_asked_for() {
    let supervisor = Supervisor::with_launcher(unlimited(), Fake::new(Behaviour::default()));
    supervisor.register(spec("a").build()).await.unwrap();
    supervisor.start("a").await.unwrap();
    tokio::time::sleep(Duration::from_millis(1900)).await;
    assert_eq!(supervisor.handle("a", 0).unwrap().memory_bytes, None);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let handle = supervisor.handle("a", 0).unwrap();
    assert_eq!((handle.memory_bytes, handle.cpu_percent), (Some(1), Some(1.0)));
}

/// How often the thread of a runtime found nothing to do while `work` went on, in time that jumps from one timer to the next.
fn sleeps(work: impl Future<Output = ()>) -> usize {
    let sleeps = Arc::new(AtomicUsize::new(0));
    let counted = sleeps.clone();
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true).on_thread_park(move || {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    builder.build().unwrap().block_on(work);
    sleeps.load(Ordering::Relaxed)
}

#[test]
fn a_supervisor_with_nothing_to_look_at_does_not_wake() {
    const DAY: Duration = Duration::from_secs(86_400);
    let supervisor = || Supervisor::with_launcher(unlimited(), Fake::new(Behaviour::default()));
    let without = sleeps(async {
        let supervisor = supervisor();
        supervisor.register(spec("a").build()).await.unwrap();
        tokio::time::sleep(DAY).await;
    });
    let not_looked_at = sleeps(async {
        let supervisor = supervisor();
        let unseen = SupervisionOptions { sample: false, ..SupervisionOptions::default() };
        supervisor.register_with(spec("a").build(), unseen).await.unwrap();
        supervisor.start("a").await.unwrap();
        tokio::time::sleep(DAY).await;
    });
    let stopped = sleeps(async {
        let supervisor = supervisor();
        supervisor.register(spec("a").build()).await.unwrap();
        supervisor.start("a").await.unwrap();
        supervisor.stop("a").await.unwrap();
        tokio::time::sleep(DAY).await;
    });
    let running = sleeps(async {
        let supervisor = supervisor();
        supervisor.register(spec("a").build()).await.unwrap();
        supervisor.start("a").await.unwrap();
        tokio::time::sleep(DAY).await;
        assert_eq!(supervisor.handle("a", 0).unwrap().memory_bytes, Some(1));
    });
    assert!(without < 20 && not_looked_at < 20 && stopped < 20, "{without} {not_looked_at} {stopped}");
    // Each sample is a timer that fires.
    assert!(running >= 43_000, "{running}");
}
