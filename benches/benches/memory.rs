//! How much memory does an idle process take? Prints bytes, from the resident size of this program.

use perilune_benches::App;

fn resident_bytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    let kibibytes: f64 = line.trim().trim_end_matches(" kB").trim().parse().unwrap_or(0.0);
    kibibytes * 1024.0
}

fn main() {
    let quick = std::env::args().any(|arg| arg == "--test");
    let counts: &[u64] = if quick { &[1000] } else { &[100_000, 1_000_000] };
    for &count in counts {
        let app = App::start(1);
        // Whatever is loaded once is not the crowd's.
        app.time("spawn_exit", 1, "");
        let before = resident_bytes();
        let runtime = app.runtime();
        let crowd = runtime.run_command("bench:crowd", None, vec![count.to_string()]);
        let crowd = crowd.unwrap_or_else(|error| panic!("{error}"));
        while runtime.whereis("crowd").is_none() {
            if crowd.try_wait().is_some() {
                panic!("the crowd ended early");
            }
            std::thread::yield_now();
        }
        println!("{count} idle processes: {:.0} bytes each", (resident_bytes() - before) / count as f64);
    }
}
