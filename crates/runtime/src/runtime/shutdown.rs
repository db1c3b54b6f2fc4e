use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use perilune_actor_core::{HostId, Scheduler, WorkerInfo};

use super::Runtime;
use crate::application::Entry;
use crate::hosts::{functions_host, own_stop_timeout};
use crate::registry::Version;
use crate::supervision::SLACK;

/// How often a stopping application is asked whether anybody still acts.
const QUIET_CHECK: Duration = Duration::from_millis(20);

/// A time that nobody waits for to pass, and that can be added to the present.
const FAR: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

impl Runtime {
    /// Ends the application: services first, whoever depends on others before these, and the hosts they run on last. A
    /// cancel to every process, its own time to act on it, but no more than `shutdown.timeout` for the whole, then force.
    /// Force comes at once when nobody acts any more: all that is left waits for messages that nobody will send.
    pub fn stop(&self) {
        if self.stopped.swap(true, Ordering::AcqRel) {
            return;
        }
        let now = Instant::now();
        let limit = now.checked_add(self.config.shutdown_timeout).unwrap_or(now + FAR);
        let (tell, all_ended) = std::sync::mpsc::channel::<()>();
        // From here on no host is added.
        self.registry.close();
        let version = self.registry.version();
        let (held, free) = hosts_to_stop(&version);
        // Services are asked one after the other, hosts at once: the timeout is for the whole, not for each.
        std::thread::scope(|scope| {
            let stop_hosts = |hosts: Vec<StoppedHost>| {
                for (id, own) in hosts {
                    let tell = tell.clone();
                    scope.spawn(move || {
                        let left = limit.saturating_duration_since(Instant::now());
                        let grace = own.map_or(left, |own| own.min(left));
                        self.scheduler.stop_host(id, grace, "host shutdown".into());
                        drop(tell);
                    });
                }
            };
            stop_hosts(free);
            self.stop_services(limit);
            stop_hosts(held);
            drop(tell);
            // Ends when the last of them has let go of its end.
            while all_ended.recv_timeout(QUIET_CHECK) == Err(RecvTimeoutError::Timeout) {
                if self.is_quiet() {
                    self.scheduler.stop();
                    break;
                }
            }
        });
        self.scheduler.stop();
        self.end_programs(self.config.shutdown_timeout);
    }

    fn stop_services(&self, limit: Instant) {
        let down = self.supervision.stop(limit);
        loop {
            let moves = self.supervision.moves();
            if down.recv_timeout(QUIET_CHECK) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            if Instant::now().saturating_duration_since(limit) > SLACK {
                tracing::error!(target: "perilune::service", "services did not end in time");
                return;
            }
            if self.is_quiet() {
                self.supervision.force(moves);
            }
        }
    }

    /// Whether nothing can happen any more unless somebody outside makes it: no process runs or is about to, no timer is
    /// pending but deadlines of cancels, and nothing is in flight.
    fn is_quiet(&self) -> bool {
        let idle =
            |workers: &[WorkerInfo]| workers.iter().all(|worker| worker.runnable + worker.timers + worker.pending == 0);
        let slices = |workers: &[WorkerInfo]| workers.iter().map(|worker| worker.slices).sum::<u64>();
        // Workers answer one after the other. If none has run anything between two rounds, no message was on its way.
        let (first, second) = (self.scheduler.workers(), self.scheduler.workers());
        idle(&first) && idle(&second) && slices(&first) == slices(&second)
    }
}

/// The hosts, with the times that their entries give to their processes: those that services need, and the others.
fn hosts_to_stop(version: &Version) -> (Vec<StoppedHost>, Vec<StoppedHost>) {
    let services = || version.entries().filter_map(|entry| entry.definition.service());
    let needed: HashSet<_> = services().flat_map(|service| service.dependencies()).map(|it| &it.target).collect();
    let hosts = version.entries().filter(|entry| entry.definition.is_host());
    let (held, free): (Vec<_>, Vec<_>) = hosts.partition(|host| needed.contains(&host.id));
    let host = |entry: &Arc<Entry>| (HostId::new(entry.id.as_str()), own_stop_timeout(entry));
    let mut stopped = (held.into_iter().map(host).collect::<Vec<_>>(), free.into_iter().map(host).collect::<Vec<_>>());
    // Services may call functions until they have ended.
    let of_functions = if needed.is_empty() { &mut stopped.1 } else { &mut stopped.0 };
    of_functions.push((functions_host(), None));
    stopped
}

type StoppedHost = (HostId, Option<Duration>);
