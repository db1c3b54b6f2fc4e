//! What trees use: time of processors, and memory.
//!
//! A look at the table of processes costs the same for one tree as for all, so all are asked for at once.
//!
//! ```
//! use perilune_exec_api::{CommandLine, ExecRequest, Executor, ExecutorExt, Process};
//! use perilune_exec_native::NativeExecutor;
//! use perilune_exec_native::usage::{Sampler, TreeHandle};
//!
//! # let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
//! # tokio.block_on(async {
//! let executor = NativeExecutor::new();
//! let process = executor.start(ExecRequest::new(CommandLine::Auto("sleep 600".to_owned()))).await?;
//! let tree = process.os_pid().and_then(TreeHandle::of_leader).unwrap();
//!
//! let mut sampler = Sampler::new();
//! let first = sampler.sample([&tree])[0].unwrap();
//! assert!(first.memory_bytes > 0 && first.cpu_percent.is_none());
//! let second = sampler.sample([&tree])[0].unwrap();
//! assert!(second.cpu_percent.is_some());
//! # Ok::<(), perilune_exec_api::ExecError>(())
//! # }).unwrap();
//! ```

mod count;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Instant;

use crate::lineage::Root;
use crate::roll;
use crate::table::{Entry, Processes};
use crate::tree::Tree;

use count::Count;

/// Refers to the tree of a process, and keeps nothing of it.
#[derive(Clone)]
pub struct TreeHandle(Weak<Tree>);

impl TreeHandle {
    /// The tree of the process with that number, if it was started here and its tree is still there.
    pub fn of_leader(os_pid: u32) -> Option<Self> {
        roll::find(os_pid).map(|tree| Self::of(&tree))
    }

    pub(crate) fn of(tree: &Arc<Tree>) -> Self {
        Self(Arc::downgrade(tree))
    }

    /// Whether the process with that number belongs to it: the leader, and whatever would be ended with it. One that has
    /// ended belongs to it until its status is collected; nobody does once that of the leader is.
    ///
    /// Reads files of the system, and blocks so long.
    pub fn has(&self, os_pid: u32) -> bool {
        self.0.upgrade().is_some_and(|tree| tree.has(os_pid))
    }
}

impl fmt::Debug for TreeHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let leader = self.0.upgrade().map(|tree| tree.leader());
        f.debug_struct("TreeHandle").field("leader", &leader).finish()
    }
}

/// What a whole tree uses.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Usage {
    /// Between the last two samples; 100 is one processor all the time, and several processes may use more. `None` for the
    /// first sample, and if there was no time between the two.
    pub cpu_percent: Option<f64>,
    /// What is in memory. Of what several processes share, each has its own.
    pub memory_bytes: u64,
    /// How many processes it has.
    pub processes: usize,
}

/// Takes samples, and remembers the last of each tree.
#[derive(Debug, Default)]
pub struct Sampler {
    /// By number and start of the leader.
    before: HashMap<(u32, u64), Sample>,
}

#[derive(Debug)]
struct Sample {
    at: Instant,
    count: Count,
}

impl Sampler {
    /// One that knows of no sample.
    pub fn new() -> Self {
        Self::default()
    }

    /// A sample of each of these trees, in their order. `None` for those whose leader has ended, and those that the
    /// system says nothing of. What is remembered of others is forgotten.
    ///
    /// Reads files of the system, and blocks so long.
    pub fn sample<'a>(&mut self, trees: impl IntoIterator<Item = &'a TreeHandle>) -> Vec<Option<Usage>> {
        let trees: Vec<Option<Arc<Tree>>> = trees.into_iter().map(|tree| tree.0.upgrade()).collect();
        let mut processes = Processes::read();
        let at = Instant::now();
        // If it was there after the list was made, its number was its own when it was.
        let running = |tree: &Arc<Tree>| (!tree.is_reaped() && tree.peek().is_none()).then(|| tree.clone());
        let trees: Vec<Option<Arc<Tree>>> = trees.iter().map(|tree| tree.as_ref().and_then(running)).collect();

        let mut numbers = HashMap::new();
        let mut roots: Vec<Root<'_>> = Vec::new();
        for tree in trees.iter().flatten() {
            numbers.entry(tree.leader()).or_insert_with(|| {
                roots.push(tree.root(HashSet::new()));
                roots.len() - 1
            });
        }
        let members = processes.all_members(&roots);
        let listed: HashMap<u32, &Entry> = processes.all.iter().map(|entry| (entry.pid, entry)).collect();
        let ended = ended_by_parent(&processes.all);

        let mut after = HashMap::new();
        let mut usages = Vec::with_capacity(trees.len());
        for tree in &trees {
            usages.push(tree.as_ref().and_then(|tree| {
                let leader = **listed.get(&tree.leader())?;
                let own = members.get(*numbers.get(&tree.leader())?)?;
                let alive: Vec<Entry> = std::iter::once(leader).chain(own.iter().copied()).collect();
                let uncollected = alive.iter().filter_map(|entry| ended.get(&entry.pid)).flatten().copied();
                let mut count = Count::of(&alive, uncollected);
                if let Some(cgroup) = tree.cgroup() {
                    count.take_counters(cgroup.folder());
                }
                let before = self.before.get(&leader.identity());
                let usage = Usage {
                    cpu_percent: before
                        .and_then(|before| count.percent_since(&before.count, at.duration_since(before.at))),
                    memory_bytes: count.memory_bytes(),
                    processes: alive.len(),
                };
                after.insert(leader.identity(), Sample { at, count });
                Some(usage)
            }));
        }
        self.before = after;
        usages
    }
}

/// Those that have ended and were not collected.
fn ended_by_parent(all: &[Entry]) -> HashMap<u32, Vec<Entry>> {
    let mut ended: HashMap<u32, Vec<Entry>> = HashMap::new();
    for entry in all.iter().filter(|entry| entry.ended) {
        ended.entry(entry.parent).or_default().push(*entry);
    }
    ended
}
