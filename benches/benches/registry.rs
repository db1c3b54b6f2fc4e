//! What does it cost to read one entry of twenty thousand, to find some, and to change one while processes run?

use criterion::{Criterion, criterion_group, criterion_main};
use perilune_benches::App;

fn entries(c: &mut Criterion) {
    let app = App::start_with(1, |config| config.registry_history = false);
    for what in ["get", "find", "find by pattern", "change", "change a library"] {
        c.bench_function(what, |b| b.iter_custom(|count| app.time("registry", count, what)));
    }
}

criterion_group!(benches, entries);
criterion_main!(benches);
