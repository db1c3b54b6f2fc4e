//! What does it cost to start a process, and to learn of its end?

use criterion::{Criterion, criterion_group, criterion_main};
use perilune_benches::App;

fn spawn_exit(c: &mut Criterion) {
    let app = App::start(1);
    c.bench_function("spawn, exit, monitor", |b| b.iter_custom(|count| app.time("spawn_exit", count, "")));
}

criterion_group!(benches, spawn_exit);
criterion_main!(benches);
