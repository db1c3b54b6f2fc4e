//! Does computing use all workers, and what do slices cost? Prints ratios, each the best of interleaved runs: of time on
//! the clock, and of the processor time of the busiest thread, which other programs on the machine disturb less.

use std::time::Duration;

use perilune_benches::{App, busiest};

/// The shortest of several: on the clock, and of the busiest thread.
struct Best(Duration, Duration);

impl Best {
    fn take(&mut self, work: impl FnOnce() -> Duration) {
        let (clock, busiest) = busiest(work);
        *self = Self(self.0.min(clock), self.1.min(busiest));
    }
}

/// Each run is in a new program: where the memory of one happens to lie makes calls faster or slower by a tenth.
fn compare(title: &str, runs: usize, apps: [&dyn Fn() -> App; 2], work: impl Fn(&App) -> Duration) {
    let mut best = [const { Best(Duration::MAX, Duration::MAX) }; 2];
    for _ in 0..runs {
        for (best, start) in best.iter_mut().zip(apps) {
            let app = start();
            best.take(|| work(&app));
        }
    }
    let [one, other] = best;
    let ratio = |one: Duration, other: Duration| one.as_secs_f64() / other.as_secs_f64();
    println!(
        "{title}: {:.3} on the clock ({:.1?} to {:.1?}), {:.3} of processor time",
        ratio(one.0, other.0),
        one.0,
        other.0,
        ratio(one.1, other.1)
    );
}

fn main() {
    // Criterion's flag for a run that only shows that everything works.
    let quick = std::env::args().any(|arg| arg == "--test");
    let (runs, n, count) = if quick { (1, "15", 1000) } else { (5, "32", 10_000_000) };

    let (one, two): (&dyn Fn() -> App, &dyn Fn() -> App) = (&|| App::start(1), &|| App::start(2));
    compare("speed-up of 4 computing processes by a second worker", runs, [one, two], |app| app.time("cpu", 4, n));

    // A slice that never ends against the usual ones.
    let whole: &dyn Fn() -> App = &|| App::start_with(1, |config| config.step_budget = Duration::from_secs(3600));
    let loops = |app: &App| app.time("libraries", count, "");
    compare("cost of slices on calls, fib", runs, [one, whole], |app| app.time("fib", n.parse().unwrap_or(15), ""));
    compare("cost of slices on a loop", runs, [one, whole], loops);
    println!("library calls, ns a round: {:.1}", loops(&one()).as_nanos() as f64 / count as f64);
}
