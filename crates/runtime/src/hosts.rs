use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use perilune_actor_core::{ErrorKind, Failure, HostId, HostSpec, Placement, Scheduler};
use perilune_lua_bindings::parse_duration;

use crate::application::{Definition, Entry};
use crate::registry::{Listener, Prepared, Transition};

/// How many different hosts may be added while an application runs: a name, once used, is kept for the life of the
/// program.
const MOST_NEW: usize = 1000;

/// How long the processes of a host that goes have to end, unless its entry says otherwise.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// Keeps the scheduler's hosts as the entries have them.
pub(crate) struct Hosts {
    /// The scheduler has the workers, these have the services, and those the registry that has this.
    scheduler: Weak<dyn Scheduler>,
    /// How many names the scheduler has got from changes.
    added: Arc<AtomicUsize>,
}

impl Hosts {
    /// Adds the hosts among `entries`.
    pub(crate) fn start<'a>(scheduler: &Arc<dyn Scheduler>, entries: impl Iterator<Item = &'a Arc<Entry>>) -> Self {
        for spec in entries.filter_map(|entry| host_spec(entry)) {
            scheduler.add_host(spec());
        }
        Self { scheduler: Arc::downgrade(scheduler), added: Arc::default() }
    }
}

impl Listener for Hosts {
    fn prepare(&self, change: &Transition<'_>) -> Result<Prepared, Failure> {
        let is_host = |entry: &&Arc<Entry>| entry.definition.is_host();
        let kept: Vec<_> =
            change.steps.iter().filter_map(|step| step.after.as_ref()).filter(is_host).cloned().collect();
        let gone =
            change.steps.iter().filter(|step| !step.after.as_ref().is_some_and(|entry| entry.definition.is_host()));
        let gone: Vec<_> = gone.filter_map(|step| step.before.as_ref()).filter(is_host).cloned().collect();
        if kept.is_empty() && gone.is_empty() {
            return Ok(Prepared::default());
        }
        let new = kept.iter().filter(|entry| HostId::find(entry.id.as_str()).is_none()).count();
        if self.added.load(Ordering::Relaxed) + new > MOST_NEW {
            let text = format!("no more than {MOST_NEW} hosts can be added while the application runs");
            return Err(Failure::new(ErrorKind::RateLimited, text));
        }
        let added = Arc::clone(&self.added);
        let (adding, removing) = (Weak::clone(&self.scheduler), Weak::clone(&self.scheduler));
        let add = move || {
            added.fetch_add(new, Ordering::Relaxed);
            if let Some(scheduler) = adding.upgrade() {
                for spec in kept.iter().filter_map(|entry| host_spec(entry)) {
                    scheduler.add_host(spec());
                }
            }
        };
        let stop = move || {
            if let Some(scheduler) = removing.upgrade() {
                std::thread::scope(|scope| {
                    for entry in &gone {
                        let scheduler = &scheduler;
                        scope.spawn(move || {
                            let id = HostId::new(entry.id.as_str());
                            scheduler.stop_host(id, stop_timeout(entry), "host shutdown".into());
                        });
                    }
                });
            }
        };
        Ok(Prepared::default().publish(add).finish(stop))
    }
}

/// What the scheduler is told about a host. Making it keeps the host's name, so that is for whoever adds it.
fn host_spec(entry: &Entry) -> Option<impl FnOnce() -> HostSpec + '_> {
    entry.definition.is_host().then(|| {
        move || {
            let mut spec = HostSpec::new(HostId::new(entry.id.as_str()));
            if let Definition::Host(host) = &entry.definition {
                let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
                spec.workers = host.workers.map_or(0, count);
                spec.max_actors = count(host.max_processes);
                spec.placement = match host.placement.as_deref() {
                    Some("local") => Placement::Local,
                    Some("spread") => Placement::Spread,
                    _ => Placement::Auto,
                };
            }
            spec
        }
    })
}

fn stop_timeout(entry: &Entry) -> Duration {
    let text = || entry.data.get("lifecycle")?.get("stop_timeout")?.as_str();
    text().and_then(parse_duration).unwrap_or(STOP_TIMEOUT)
}
