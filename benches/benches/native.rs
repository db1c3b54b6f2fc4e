//! What does native code gain, and what do slices cost there? Prints ratios of processor time of the busiest thread, each
//! the best of interleaved runs.

use std::time::Duration;

use perilune_benches::{App, busiest};

const KERNELS: [(&str, u64); 13] = [
    ("fib", 32),
    ("loop", 20_000_000),
    ("library_calls", 10_000_000),
    ("sieve", 2_000_000),
    ("mandelbrot", 400),
    ("bodies", 200_000),
    ("matrix", 200),
    ("objects", 10_000_000),
    ("records", 400_000),
    ("buffers", 10_000_000),
    ("strings", 200_000),
    ("sorting", 100_000),
    ("errors", 100_000),
];

fn start(native: &str, slice: Duration) -> App {
    App::start_with(1, |config| {
        config.set(&format!("lua.native={native}")).unwrap_or_else(|error| panic!("{error}"));
        config.step_budget = slice;
    })
}

fn main() {
    // Criterion's flag for a run that only shows that everything works.
    let quick = std::env::args().any(|arg| arg == "--test");
    let usual = Duration::from_millis(2);
    let endless = Duration::from_secs(3600);
    let apps = [start("off", usual), start("auto", usual), start("auto", endless)];
    for (name, count) in KERNELS {
        let (runs, count) = if quick { (1, count.min(10)) } else { (9, count) };
        let mut best = [Duration::MAX; 3];
        for _ in 0..runs {
            for (best, app) in best.iter_mut().zip(&apps) {
                *best = (*best).min(busiest(|| app.time("kernels", count, name)).1);
            }
        }
        let [interpreted, native, whole] = best.map(|time| time.as_secs_f64());
        println!(
            "{name}: {:.1} ms interpreted, {:.1} ms native, {:.2} times as fast; slices cost {:+.1} %",
            1e3 * interpreted,
            1e3 * native,
            interpreted / native,
            100.0 * (native / whole - 1.0),
        );
    }
}
