//! What do policies add to sending a message: to one receiver, to many in turn, where the call itself decides? Prints
//! nanoseconds, each the median of interleaved runs.

use perilune_benches::{App, median};

fn main() {
    // Criterion's flag for a run that only shows that everything works.
    let quick = std::env::args().any(|arg| arg == "--test");
    let (runs, count) = if quick { (1, 1000) } else { (31, 200_000) };
    let app = App::start(1);
    let nanos = |how: &str| app.time("guarded", count, how).as_nanos() as f64 / count as f64;
    for (policies, receivers, title) in [
        ("everything", 1, "to one receiver"),
        ("everything", 1000, "to 1000 receivers in turn"),
        ("everything", 20_000, "to 20000 receivers in turn, more than are remembered"),
        ("attributes", 1, "to one receiver, by its pid and the sender's"),
    ] {
        let (with, without) = (format!("{policies} {receivers}"), format!("nothing {receivers}"));
        let pairs: Vec<(f64, f64)> = (0..runs).map(|_| (nanos(&with), nanos(&without))).collect();
        let with = median(pairs.iter().map(|(with, _)| *with));
        let without = median(pairs.iter().map(|(_, without)| *without));
        let ratio = median(pairs.iter().map(|(with, without)| with / without));
        println!("{title}: {with:.0} ns with policies, {without:.0} ns without; ratio {ratio:.3}");
    }
}
