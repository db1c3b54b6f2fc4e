//! What trees use, measured from processes that do something.

mod support;

use std::time::Duration;

use perilune_exec_api::{CommandLine, EnvMode, ExecRequest, ExecutorExt, Stop};
use perilune_exec_native::usage::{Sampler, TreeHandle, Usage};
use perilune_exec_native::{Child, ChildOptions, Launch, NativeExecutor, environment};
use support::{Started, block_on, shell, start};

fn handle(started: &Started) -> TreeHandle {
    TreeHandle::of_leader(started.process.os_pid().unwrap()).unwrap()
}

fn sample(sampler: &mut Sampler, trees: &[TreeHandle]) -> Vec<Option<Usage>> {
    sampler.sample(trees)
}

/// Ends them and waits until nothing is left: a test that is over takes nobody along.
async fn end(all: impl IntoIterator<Item = Started>) {
    for started in all {
        started.process.close(Stop::Force);
        started.process.swept().await;
    }
}

/// Until the tree has used something since the first sample that was taken.
async fn busy(sampler: &mut Sampler, tree: &TreeHandle) -> f64 {
    for _ in 0..3000 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let percent = sample(sampler, std::slice::from_ref(tree))[0].and_then(|usage| usage.cpu_percent);
        if let Some(percent) = percent.filter(|percent| *percent > 0.0) {
            return percent;
        }
    }
    panic!("it uses nothing");
}

#[test]
fn trees_that_work_are_told_from_those_that_wait() {
    block_on(async {
        let executor = NativeExecutor::new();
        // The one that works is a daemon, which is found by its mark.
        let working = "(setsid sh -c 'echo ready; while :; do :; done' &); sleep 600";
        let mut all = [start(&executor, shell(working)).await, start(&executor, shell("echo ready; sleep 600")).await];
        for started in &mut all {
            assert_eq!(started.line().await, "ready");
        }
        let trees = [handle(&all[0]), handle(&all[1])];
        let mut sampler = Sampler::new();
        let first = sample(&mut sampler, &trees);
        for usage in &first {
            let usage = usage.unwrap();
            assert!(usage.cpu_percent.is_none() && usage.memory_bytes > 64 << 10, "{usage:?}");
        }
        assert!(first[0].unwrap().processes >= 2);

        let mut alone = Sampler::new();
        sample(&mut alone, &trees[..1]);
        let percent = busy(&mut alone, &trees[0]).await;
        assert!(percent < 100.0 * 64.0, "{percent}");
        let second = sample(&mut sampler, &trees);
        let percents = second.iter().map(|usage| usage.unwrap().cpu_percent.unwrap()).collect::<Vec<_>>();
        assert!(percents[0] > 0.0 && percents[0] > percents[1], "{percents:?}");
        end(all).await;
    });
}

#[test]
fn memory_of_the_whole_tree_counts() {
    block_on(async {
        let executor = NativeExecutor::new();
        let hold = "head -c 20000000 /dev/zero | tail -c 20000000 | { sleep 600; }";
        let mut request = shell(&format!("{hold} & echo ready; wait"));
        request.stop_grace = Some(Duration::ZERO);
        let mut started = start(&executor, request).await;
        assert_eq!(started.line().await, "ready");
        let (tree, mut sampler) = (handle(&started), Sampler::new());
        for round in 0.. {
            let usage = sample(&mut sampler, std::slice::from_ref(&tree))[0].unwrap();
            if usage.memory_bytes > 20_000_000 && usage.processes >= 3 {
                break;
            }
            assert!(round < 3000, "{usage:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        end([started]).await;
    });
}

#[test]
fn trees_that_have_ended_use_nothing() {
    block_on(async {
        let executor = NativeExecutor::new();
        let (one, other) = (start(&executor, shell("sleep 600")).await, start(&executor, shell("sleep 600")).await);
        let (trees, mut sampler) = ([handle(&one), handle(&other), handle(&one)], Sampler::new());
        let first = sample(&mut sampler, &trees);
        assert!(first.iter().all(Option::is_some) && first[0] == first[2]);
        let os_pid = one.process.os_pid().unwrap();
        one.process.close(Stop::Force);
        one.process.wait().await.unwrap();
        let then = sample(&mut sampler, &trees);
        assert_eq!((then[0], then[2]), (None, None));
        assert!(then[1].unwrap().cpu_percent.is_some());
        one.process.swept().await;
        assert!(TreeHandle::of_leader(os_pid).is_none_or(|tree| sampler.sample([&tree])[0].is_none()));
        assert_eq!(sampler.sample([]), []);
        // What was forgotten begins anew.
        assert_eq!(sample(&mut sampler, &trees)[1].unwrap().cpu_percent, None);
        end([other]).await;
    });
}

#[test]
fn child_knows_its_tree() {
    block_on(async {
        let mut launch = Launch::new("sleep");
        launch.args = vec!["600".into()];
        launch.env = environment(&EnvMode::Clean, [("A", "b")]);
        let child = Child::spawn(launch, ChildOptions::new("one that is asked for what it uses")).unwrap();
        let (tree, mut sampler) = (child.tree(), Sampler::new());
        assert!(sampler.sample([&tree])[0].unwrap().memory_bytes > 0);
        drop(child);
        support::until("it has ended", || Sampler::new().sample([&tree])[0].is_none()).await;
    });
}

/// Prints what a sample costs; see `--nocapture`.
#[test]
fn one_pass_is_enough_for_many() {
    block_on(async {
        let executor = NativeExecutor::new();
        let (mut kept, mut trees) = (Vec::new(), Vec::new());
        for _ in 0..50 {
            let process = executor.start(ExecRequest::new(CommandLine::argv("sleep", ["600"]))).await.unwrap();
            trees.push(TreeHandle::of_leader(process.os_pid().unwrap()).unwrap());
            kept.push(process);
        }
        let mut sampler = Sampler::new();
        for count in [1, 50] {
            let before = std::time::Instant::now();
            for _ in 0..20 {
                let usages = sampler.sample(&trees[..count]);
                assert!(usages.len() == count && usages.iter().all(Option::is_some));
            }
            let all = std::fs::read_dir("/proc").unwrap().count();
            println!("{count} trees, about {all} processes: {:?}", before.elapsed() / 20);
        }
    });
}
