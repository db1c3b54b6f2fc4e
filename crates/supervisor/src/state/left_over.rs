use std::time::Duration;

use perilune_exec_native::{EndedLeftOvers, LeftOver, Sighting, boot_id};

use super::PersistedState;

/// Ends what the supervisor that wrote this left running; to be called before anything new is started, by a thread that
/// may block.
///
/// Only what is provably its own is touched: processes that carry the mark of a run that was written down, and that
/// started in this boot and not before that run did, with all they started themselves. A process that merely has the
/// number of one that was written down is somebody else's.
pub fn end_left_overs(state: &PersistedState, grace: Duration) -> EndedLeftOvers {
    let boot = match boot_id() {
        Ok(boot) => boot,
        Err(error) => {
            tracing::warn!(%error, "whether anything of the last supervisor still runs cannot be known");
            return EndedLeftOvers::default();
        }
    };
    for (instance, os_pid) in state.instances.iter().filter_map(|instance| Some((instance, instance.pid?))) {
        if let Some(seen) = Sighting::of(os_pid).filter(|seen| !seen.ended) {
            let (spec, index) = (instance.spec_id, instance.instance_index);
            if instance.is_process(&seen, &boot) {
                tracing::warn!(os_pid, %spec, index, "a process of the last supervisor still runs and is ended");
            } else {
                tracing::debug!(os_pid, %spec, index, "a number that was written down is somebody else's");
            }
        }
    }
    let ended = perilune_exec_native::end_left_overs(&left_overs(state, &boot), grace);
    if !ended.left.is_empty() {
        tracing::error!(left = ?ended.left, "processes of the last supervisor cannot be ended");
    }
    ended
}

/// The runs of this boot that were not over.
fn left_overs(state: &PersistedState, boot: &str) -> Vec<LeftOver> {
    let of_this_boot = state.instances.iter().filter(|instance| instance.boot_id.as_deref() == Some(boot));
    let runs = of_this_boot.filter_map(|instance| {
        Some(LeftOver { run_id: instance.run_id?.to_string(), started: instance.kernel_started? })
    });
    runs.collect()
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use uuid::Uuid;

    use super::*;
    use crate::process::ProcessId;
    use crate::state::PersistedProcessInstance;

    #[test]
    fn only_whole_records_of_this_boot_count() {
        let mut state = PersistedState::new(Utc::now());
        let run = Uuid::new_v4();
        let mut add = |boot: Option<&str>, run_id, kernel_started| {
            let mut instance = PersistedProcessInstance::new(ProcessId::new(), 0);
            instance.pid = Some(10);
            (instance.boot_id, instance.run_id) = (boot.map(str::to_owned), run_id);
            instance.kernel_started = kernel_started;
            state.set_instance(instance);
        };
        add(Some("this"), Some(run), Some(7));
        add(Some("another"), Some(run), Some(7));
        add(None, Some(run), Some(7));
        add(Some("this"), None, Some(7));
        add(Some("this"), Some(run), None);
        assert_eq!(left_overs(&state, "this"), [LeftOver { run_id: run.to_string(), started: 7 }]);
    }
}
