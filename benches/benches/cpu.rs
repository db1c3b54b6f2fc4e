//! Does computing use all workers, and what do slices cost? Prints ratios, each the median of interleaved runs.

use std::time::Duration;

use perilune_benches::{App, median};

fn compare(title: &str, runs: usize, mut one: impl FnMut() -> Duration, mut other: impl FnMut() -> Duration) {
    let ratios = (0..runs).map(|_| one().as_secs_f64() / other().as_secs_f64());
    println!("{title}: {:.3}", median(ratios));
}

fn main() {
    // Criterion's flag for a run that only shows that everything works.
    let quick = std::env::args().any(|arg| arg == "--test");
    let (runs, n, count) = if quick { (1, "15", 1000) } else { (7, "32", 10_000_000) };

    let (one, two) = (App::start(1), App::start(2));
    compare(
        "speed-up of 4 computing processes by a second worker",
        runs,
        || one.time("cpu", 4, n),
        || two.time("cpu", 4, n),
    );

    // A slice that never ends against the usual ones.
    let whole = App::start_with(1, |config| config.step_budget = Duration::from_secs(3600));
    let slices = || one.time("fib", n.parse().unwrap_or(15), "");
    compare("cost of slices on calls, fib", runs, slices, || whole.time("fib", n.parse().unwrap_or(15), ""));
    let loops = |app: &App| app.time("libraries", count, "");
    compare("cost of slices on a loop", runs, || loops(&one), || loops(&whole));
    println!("library calls, ns a round: {:.1}", loops(&one).as_nanos() as f64 / count as f64);
}
