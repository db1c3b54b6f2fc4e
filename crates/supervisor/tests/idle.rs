//! What a hundred instances cost that do nothing, and how soon they are stopped. One test, so that nobody else's costs are
//! counted.

mod support;

use std::time::{Duration, Instant};

use perilune_supervisor::{ShutdownOptions, Supervisor};
use support::keeping::{shell, unlimited};
use support::{block_on, children, open_descriptors, processor_time, resident, sized, until};

const COUNT: u32 = 100;

#[test]
fn idle_instances_cost_little_and_stop_together() {
    block_on(async {
        let supervisor = Supervisor::new(unlimited());
        let spec = |name: &str, instances| shell(name, "exec sleep 600").instances(instances).build();
        // What is made once and kept, is there from here on.
        supervisor.register(spec("first", 10)).await.unwrap();
        supervisor.start("first").await.unwrap();
        let (files, memory) = (open_descriptors(), resident());

        supervisor.register(spec("w", COUNT)).await.unwrap();
        supervisor.start("w").await.unwrap();
        until("all run", || supervisor.running_count() == 10 + COUNT as usize).await;
        let each = |now: u64, before: u64| now.saturating_sub(before) as f64 / f64::from(COUNT);
        let files = each(open_descriptors() as u64, files as u64);
        let memory = each(resident(), memory) / 1024.0;
        println!("idle instance: {files} descriptors, {memory:.1} KiB");
        assert!(files <= 6.0, "{files}");
        assert!(memory <= 200.0, "{memory} KiB");

        // Samples of all are taken meanwhile.
        let (used, since) = (processor_time(), Instant::now());
        tokio::time::sleep(Duration::from_secs(sized(1, 20))).await;
        let busy = (processor_time() - used).as_secs_f64() / since.elapsed().as_secs_f64() * 100.0;
        println!("{} idle instances: {busy:.2} % of a core", 10 + COUNT);
        // A second is too short to be exact.
        assert!(busy <= sized(50.0, 2.0), "{busy} %");

        let since = Instant::now();
        supervisor.stop("w").await.unwrap();
        let took = since.elapsed();
        println!("{COUNT} stopped in parallel: {took:.2?}");
        assert!(took <= Duration::from_secs(sized(15, 3)), "{took:?}");
        assert!(supervisor.shutdown(ShutdownOptions::default()).await.is_clean());
        assert!(children().is_empty());
    });
}
