//! What tests of supervisors need.

use std::time::Duration;

use perilune_supervisor::process::{ProcessSpec, ProcessSpecBuilder};
use perilune_supervisor::restart::{BackoffConfig, RestartConfig};
use perilune_supervisor::{EventKind, EventReceiver, Received, SupervisionOptions, SupervisorConfig};

pub(crate) fn shell(name: &str, line: &str) -> ProcessSpecBuilder {
    ProcessSpec::builder().name(name).command("sh").args(["-c", line])
}

pub(crate) fn unlimited() -> SupervisorConfig {
    let mut config = SupervisorConfig::default();
    config.max_restarts = u32::MAX;
    config
}

pub(crate) fn at_once() -> RestartConfig {
    let backoff = BackoffConfig::Fixed { delay: Duration::ZERO };
    RestartConfig { max_restarts: u32::MAX, backoff, ..RestartConfig::default() }
}

pub(crate) fn options(change: impl FnOnce(&mut SupervisionOptions)) -> SupervisionOptions {
    let mut options = SupervisionOptions::default();
    change(&mut options);
    options
}

pub(crate) async fn event(events: &mut EventReceiver, wanted: impl Fn(&EventKind) -> bool) -> EventKind {
    loop {
        match events.recv().await {
            Some(Received::Event(event)) if wanted(&event.kind) => return event.kind.clone(),
            Some(_) => {}
            None => panic!("the supervisor is gone"),
        }
    }
}
