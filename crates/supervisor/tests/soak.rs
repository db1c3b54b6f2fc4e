//! R24: instances live all kinds of lives for a long time, and what the supervisor uses does not grow. One test, so that
//! nobody else's use is counted.
//!
//! It takes ten seconds in a normal run, ten minutes in the full size, and as long as `PERILUNE_SOAK_SECONDS` says.

mod support;

use std::time::{Duration, Instant};

use perilune_supervisor::health::{CheckType, HealthCheckConfig, OnUnhealthy};
use perilune_supervisor::log::{LogConfig, LogQuery, LogRotationConfig};
use perilune_supervisor::process::ProcessError;
use perilune_supervisor::restart::{BackoffConfig, RestartConfig, RestartPolicy};
use perilune_supervisor::{ShutdownOptions, Supervisor, SupervisorError};
use support::keeping::{shell, unlimited};
use support::{children, open_descriptors, resident, sized};

const COUNT: u32 = 50;

/// What one life is like, by chance: it says much or little, has children or not, ends well, badly or not by itself.
const LIFE: &str = r#"
n=$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')
echo "begin $n"
[ $((n % 7)) = 0 ] && { trap '' TERM; echo deaf >&2; }
[ $((n % 5)) = 0 ] && sleep 600 &
[ $((n % 6)) = 0 ] && (setsid sleep 600 &)
[ $((n % 4)) = 0 ] && seq $((n % 20000))
sleep 0.$((n % 10)); sleep $((n % 4))
case $((n % 9)) in
    0) kill -KILL $$ ;;
    1 | 2) exit 0 ;;
    3) sleep 20 ;;
    *) exit $((n % 3 + 1)) ;;
esac
"#;

/// A name, and where it is found.
type Kind = (&'static str, fn(&Use) -> f64);

/// What is used at a moment.
#[derive(Clone, Copy, Debug)]
struct Use {
    at: f64,
    resident: f64,
    files: f64,
    threads: f64,
}

impl Use {
    fn now(since: Instant) -> Self {
        let threads = std::fs::read_dir("/proc/self/task").unwrap().count() as f64;
        let (resident, files) = (resident() as f64 / 1024.0, open_descriptors() as f64);
        Self { at: since.elapsed().as_secs_f64(), resident, files, threads }
    }
}

/// The least of each kind within each of ten parts of the time. What is used for a moment, by a check say, comes and goes;
/// what is lost stays.
fn floors(uses: &[Use]) -> Vec<Use> {
    let least = |part: &[Use], of: fn(&Use) -> f64| part.iter().map(of).fold(f64::MAX, f64::min);
    let parts = uses.chunks(uses.len().div_ceil(10));
    parts
        .map(|part| Use {
            at: part[0].at,
            resident: least(part, |one| one.resident),
            files: least(part, |one| one.files),
            threads: least(part, |one| one.threads),
        })
        .collect()
}

/// By how much it grows from the first to the last of these, on the line that fits best.
fn growth(uses: &[Use], of: impl Fn(&Use) -> f64) -> f64 {
    let count = uses.len() as f64;
    let mean = |value: &dyn Fn(&Use) -> f64| uses.iter().map(value).sum::<f64>() / count;
    let (at, value) = (mean(&|one| one.at), mean(&of));
    let up: f64 = uses.iter().map(|one| (one.at - at) * (of(one) - value)).sum();
    let along: f64 = uses.iter().map(|one| (one.at - at).powi(2)).sum();
    let long = uses.last().unwrap().at - uses.first().unwrap().at;
    if along > 0.0 { up / along * long } else { 0.0 }
}

fn least_and_most(uses: &[Use], of: impl Fn(&Use) -> f64) -> (f64, f64) {
    uses.iter().map(of).fold((f64::MAX, 0.0), |(least, most), one| (least.min(one), most.max(one)))
}

fn duration() -> Duration {
    let asked = std::env::var("PERILUNE_SOAK_SECONDS").ok().map(|text| text.parse().expect("a number of seconds"));
    Duration::from_secs(asked.unwrap_or(sized(10, 600)))
}

/// On a machine that is busy enough, a launch takes longer than an end may; then that is the answer.
fn done_or_late(answer: Result<(), SupervisorError>) {
    match answer {
        Ok(()) => {}
        Err(SupervisorError::Process(ProcessError::SignalFailed(text))) if text.contains("still being launched") => {}
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn r24_what_is_used_does_not_grow() {
    let long = duration();
    // As usual, and without its limit of time.
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    // What is opened once and kept, is open from here on.
    tokio.block_on(soak(Duration::from_millis(300), folder.path()));
    let before = open_descriptors();
    tokio.block_on(soak(long, folder.path()));
    tokio.block_on(support::until("nothing is left", || children().is_empty()));
    // In the same runtime: another one has descriptors of its own.
    tokio.block_on(support::until("everything is closed", || open_descriptors() <= before));
}

async fn soak(long: Duration, folder: &std::path::Path) {
    let mut config = unlimited();
    config.log_dir = Some(folder.to_owned());
    config.sample_interval = Duration::from_secs(1);
    let supervisor = Supervisor::new(config);
    let mut events = supervisor.events();
    for number in 0..COUNT {
        let name = format!("p{number}");
        let backoff = BackoffConfig::Fixed { delay: Duration::from_millis(u64::from(number) * 10) };
        let policy = RestartPolicy::Permanent;
        let restart = RestartConfig { max_restarts: u32::MAX, policy, backoff, ..RestartConfig::default() };
        let rotation = LogRotationConfig {
            max_size: 200 << 10,
            max_files: 3,
            compress: number % 3 == 0,
            ..LogRotationConfig::default()
        };
        let log = LogConfig {
            out_file: Some("{name}.out".into()),
            err_file: Some("{name}.err".into()),
            timestamp: number % 2 == 0,
            rotation: Some(rotation),
            ..LogConfig::default()
        };
        let mut spec = shell(&name, LIFE).restart(restart).log(log).build();
        spec.shutdown.timeout = Duration::from_millis(300);
        spec.shutdown.kill_delay = Duration::ZERO;
        spec.shutdown.leftover_grace = Duration::from_millis(200);
        let check_type = match number % 3 {
            0 => CheckType::Liveness,
            1 => CheckType::Command { command: "true".to_owned(), args: Vec::new() },
            // Bad now and then, and restarted for that.
            _ => CheckType::Command {
                command: "sh".to_owned(),
                args: vec!["-c".to_owned(), "[ $(($(date +%s) % 16)) -ge 3 ]".to_owned()],
            },
        };
        let mut health = HealthCheckConfig { check_type, ..HealthCheckConfig::default() };
        health.interval = Duration::from_secs(1);
        health.unhealthy_threshold = 2;
        health.on_unhealthy = OnUnhealthy::Restart;
        spec.health = Some(health);
        supervisor.register(spec).await.unwrap();
    }
    supervisor.start_all().await.unwrap();

    let since = Instant::now();
    let every = (long / 100).clamp(Duration::from_millis(100), Duration::from_secs(10));
    let (mut uses, mut round, mut told) = (Vec::new(), 0_u32, 0_u64);
    while since.elapsed() < long {
        tokio::time::sleep(every).await;
        uses.push(Use::now(since));
        // Others look on, and somebody does something by hand.
        round += 1;
        let name = format!("p{}", round % COUNT);
        drop(supervisor.logs(&name, 0, LogQuery { tail: 20, follow: true }).unwrap());
        match round % 5 {
            0 => done_or_late(supervisor.restart(&name).await),
            1 => {
                done_or_late(supervisor.stop(&name).await);
                supervisor.start(&name).await.unwrap();
            }
            2 => {
                let _ = supervisor.kill(&name, 0).await;
            }
            3 => supervisor.reopen_logs().await.unwrap(),
            _ => drop(supervisor.status()),
        }
        if round % 5 == 2 {
            // What was killed is down for good.
            supervisor.start(&name).await.unwrap();
        }
        while events.try_recv().is_some() {
            told += 1;
        }
    }
    let restarts: u32 = supervisor.status().iter().map(|status| status.restart_count).sum();
    assert!(supervisor.shutdown(ShutdownOptions::default()).await.instances.iter().all(|one| one.error.is_none()));
    if long < Duration::from_secs(5) {
        return;
    }
    assert!(restarts > COUNT && told > u64::from(COUNT), "{restarts} restarts, {told} events");

    // What is made once and kept comes in the beginning.
    let settled = &uses[uses.len() / 4..];
    let floors = floors(settled);
    println!("r24: {long:?}, {COUNT} instances, {restarts} restarts, {told} events");
    let kinds: [Kind; 3] =
        [("KiB resident", |one| one.resident), ("descriptors", |one| one.files), ("threads", |one| one.threads)];
    for (what, of) in kinds {
        let (least, most) = least_and_most(settled, of);
        println!("r24: {what}: {least} to {most}, {:+.2} from the first to the last tenth", growth(&floors, of));
    }
    // Lives are random, so nothing is exactly flat; whatever is lost once in each life would be far beyond.
    let grown = |of: fn(&Use) -> f64, allowed: f64| assert!(growth(&floors, of) < allowed, "{floors:?}");
    grown(|one| one.resident, 8.0 * 1024.0);
    grown(|one| one.files, 30.0);
    grown(|one| one.threads, 8.0);
}
