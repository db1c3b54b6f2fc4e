//! How long does an answer take while endless loops keep every worker busy? Prints milliseconds.

use perilune_benches::App;

fn main() {
    // Criterion's flag for a run that only shows that everything works.
    let quick = std::env::args().any(|arg| arg == "--test");
    let (runs, count) = if quick { (1, 3) } else { (5, 300) };
    for workers in [1, 2] {
        for partner in ["local", "spread", "auto"] {
            // The best run says what the runtime does, the others what else the machine did.
            let trips = |_| {
                let how = format!("{workers} {partner}");
                let line = App::start(workers).run("fair", count, &how);
                let mut trips = line.split(' ').filter_map(|number| number.parse::<f64>().ok());
                let mut next = || trips.next().unwrap_or_else(|| panic!("fair failed: {line}"));
                (next(), next(), next())
            };
            let mut all: Vec<(f64, f64, f64)> = (0..runs).map(trips).collect();
            all.sort_by(|one, other| one.1.total_cmp(&other.1));
            let list = |pick: fn(&(f64, f64, f64)) -> f64| {
                all.iter().map(|trip| format!("{:.1}", pick(trip))).collect::<Vec<_>>().join(" ")
            };
            println!(
                "{workers} workers, an endless loop on each, echo placed {partner}, ms: median {}, p99 {}, max {}",
                list(|trip| trip.0),
                list(|trip| trip.1),
                list(|trip| trip.2),
            );
        }
    }
}
