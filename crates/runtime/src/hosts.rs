use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use perilune_actor_core::{ErrorKind, Failure, HostId, HostSpec, Scheduler};
use perilune_lua_bindings::parse_duration;

use crate::application::{Definition, Entry};
use crate::registry::{Listener, Prepared, Transition};

/// How many different hosts may be added while an application runs: a name, once used, is kept for the life of the
/// program.
const MOST_NEW: usize = 1000;

/// How long the processes of a host that goes have to end, unless its entry says otherwise.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// How many hosts are stopped at once.
const STOP_THREADS: usize = 8;

/// The host of functions, which is no entry.
pub(crate) const FUNCTIONS: &str = "perilune:functions";

/// Where functions run.
pub(crate) fn functions_host() -> HostId {
    HostId::new(FUNCTIONS)
}

/// Keeps the scheduler's hosts as the entries have them.
pub(crate) struct Hosts {
    /// The scheduler has the workers, these have the services, and those the registry that has this.
    scheduler: Weak<dyn Scheduler>,
    /// How many names the scheduler has got from changes.
    added: Arc<AtomicUsize>,
}

impl Hosts {
    /// Adds the hosts among `entries`, and the one of functions.
    pub(crate) fn start<'a>(scheduler: &Arc<dyn Scheduler>, entries: impl Iterator<Item = &'a Arc<Entry>>) -> Self {
        scheduler.add_host(HostSpec::new(functions_host()));
        for host in entries.filter(|entry| entry.definition.is_host()) {
            scheduler.add_host(host_spec(host));
        }
        Self { scheduler: Arc::downgrade(scheduler), added: Arc::default() }
    }
}

impl Listener for Hosts {
    fn prepare(&self, change: &Transition<'_>) -> Result<Prepared, Failure> {
        let is_host = |entry: &&Arc<Entry>| entry.definition.is_host();
        let (mut kept, mut gone) = (Vec::new(), Vec::new());
        for step in change.steps {
            match (step.before.as_ref().filter(is_host), step.after.as_ref().filter(is_host)) {
                (_, Some(host)) => kept.push(Arc::clone(host)),
                (Some(host), None) => gone.push(Arc::clone(host)),
                (None, None) => {}
            }
        }
        let new = kept.iter().filter(|host| HostId::find(host.id.as_str()).is_none()).count();
        if self.added.load(Ordering::Relaxed) + new > MOST_NEW {
            let text = format!("no more than {MOST_NEW} hosts can be added while the application runs");
            return Err(Failure::new(ErrorKind::RateLimited, text));
        }
        let (added, adding, removing) =
            (Arc::clone(&self.added), Weak::clone(&self.scheduler), Weak::clone(&self.scheduler));
        let add = move || {
            added.fetch_add(new, Ordering::Relaxed);
            if let Some(scheduler) = adding.upgrade() {
                kept.iter().for_each(|host| scheduler.add_host(host_spec(host)));
            }
        };
        let stop = move || {
            let Some(scheduler) = removing.upgrade().filter(|_| !gone.is_empty()) else { return };
            let hosts = Mutex::new(gone.iter());
            let stop_all = || {
                let next = || hosts.lock().unwrap_or_else(PoisonError::into_inner).next();
                while let Some(host) = next() {
                    let id = HostId::new(host.id.as_str());
                    scheduler.stop_host(id, stop_timeout(host), "host shutdown".into());
                }
            };
            std::thread::scope(|scope| {
                for _ in 1..gone.len().min(STOP_THREADS) {
                    // This thread is enough, if there are no more to be had.
                    let _ = std::thread::Builder::new().spawn_scoped(scope, stop_all);
                }
                stop_all();
            });
        };
        Ok(Prepared::default().publish(add).finish(stop))
    }
}

/// What the scheduler is told about a host.
fn host_spec(entry: &Entry) -> HostSpec {
    let mut spec = HostSpec::new(HostId::new(entry.id.as_str()));
    if let Definition::Host(host) = &entry.definition {
        let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        spec.workers = host.workers.map_or(0, count);
        spec.max_actors = count(host.max_processes);
        spec.placement = host.placement;
    }
    spec
}

fn stop_timeout(entry: &Entry) -> Duration {
    own_stop_timeout(entry).unwrap_or(STOP_TIMEOUT)
}

/// How long the processes of a host have to end, if its entry says so.
pub(crate) fn own_stop_timeout(entry: &Entry) -> Option<Duration> {
    entry.data.get("lifecycle")?.get("stop_timeout")?.as_str().and_then(parse_duration)
}
