//! What does a message cost: back and forth, along a ring, from many to one; on one worker, and across two?

use criterion::{Criterion, criterion_group, criterion_main};
use perilune_benches::App;

fn messages(c: &mut Criterion) {
    for (workers, host, place) in [(1, "bench:processes", "one worker"), (2, "bench:spread", "two workers")] {
        let app = App::start(workers);
        for name in ["ping_pong", "ring", "fan_in"] {
            let title = format!("{name}, {place}");
            c.bench_function(&title, |b| b.iter_custom(|count| app.time(name, count.max(100), host)));
        }
    }
}

criterion_group!(benches, messages);
criterion_main!(benches);
