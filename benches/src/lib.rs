//! Runs the processes of `app/` and takes the time they measure themselves, so that starting a program is not counted.

pub mod counts;

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use perilune_runtime::{Config, Runtime, application};

/// The one in the middle; of an even number, the larger of the two.
pub fn median(numbers: impl IntoIterator<Item = f64>) -> f64 {
    let mut numbers: Vec<f64> = numbers.into_iter().collect();
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

/// What `work` says it took, and the processor time of the thread that used most of it meanwhile. Where the system does
/// not tell the latter, both are the same.
pub fn busiest(work: impl FnOnce() -> Duration) -> (Duration, Duration) {
    let before = processor_times();
    let took = work();
    let spent = |(thread, time): (String, u64)| time.saturating_sub(before.get(&thread).copied().unwrap_or(0));
    let most = processor_times().into_iter().map(spent).max();
    (took, most.filter(|time| *time > 0).map_or(took, Duration::from_nanos))
}

/// The threads of this program, and for how many nanoseconds each has been on a processor.
fn processor_times() -> HashMap<String, u64> {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let time = |path: &Path| std::fs::read_to_string(path).ok()?.split(' ').next()?.parse().ok();
    threads
        .filter_map(|thread| Some((thread.file_name().into_string().ok()?, time(&thread.path().join("schedstat"))?)))
        .collect()
}

/// The benchmark application, running.
pub struct App(Runtime);

impl App {
    /// Starts it on that many workers.
    pub fn start(workers: usize) -> Self {
        Self::start_with(workers, |_| {})
    }

    /// Starts it with other settings.
    pub fn start_with(workers: usize, set: impl FnOnce(&mut Config)) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("app");
        let mut config = Config::default();
        config.workers = workers;
        set(&mut config);
        let loaded = application::load_folder(&folder).unwrap_or_else(|found| panic!("{found}"));
        Self(Runtime::start(loaded, config).unwrap_or_else(|error| panic!("{error}")))
    }

    /// Runs `bench:<name>` with `count` and `extra` as arguments; it returns the seconds it took.
    pub fn time(&self, name: &str, count: u64, extra: &str) -> Duration {
        let text = self.run(name, count, extra);
        match text.parse() {
            Ok(seconds) => Duration::from_secs_f64(seconds),
            Err(_) => panic!("{name} failed: {text}"),
        }
    }

    /// Runs it in the same way; what it returns, as text.
    pub fn run(&self, name: &str, count: u64, extra: &str) -> String {
        let args = vec![count.to_string(), extra.to_owned()];
        let command =
            self.0.run_command(&format!("bench:{name}"), None, args).unwrap_or_else(|error| panic!("{error}"));
        command.wait().text.unwrap_or_default()
    }

    /// The runtime itself.
    pub fn runtime(&self) -> &Runtime {
        &self.0
    }
}
