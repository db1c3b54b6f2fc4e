use chrono::{DateTime, Utc};

use super::{ProcessError, ProcessSpec, ProcessState};

/// One instance of a spec, as it was at one moment.
#[derive(Debug)]
pub struct ProcessHandle {
    /// What it was started from.
    pub spec: ProcessSpec,
    /// Which of the instances, from 0.
    pub instance: u32,
    /// What it was at.
    pub state: ProcessState,
    /// The number of its process; there is one exactly while [`ProcessState::is_running`] holds.
    pub pid: Option<u32>,
    /// When the newest process of this instance started; stays after its end.
    pub started_at: Option<DateTime<Utc>>,
    /// How often it was started again, by itself or by hand.
    pub restart_count: u32,
    /// When it was started again last.
    pub last_restart: Option<DateTime<Utc>>,
    /// 100 is one core, for the process and all it started together.
    pub cpu_percent: Option<f32>,
    /// Resident memory of the process and all it started together.
    pub memory_bytes: Option<u64>,
}

impl ProcessHandle {
    /// The handle of an instance that never ran.
    ///
    /// # Panics
    ///
    /// When the spec has no such instance.
    #[must_use]
    #[track_caller]
    pub fn new(spec: ProcessSpec, instance: u32) -> Self {
        match Self::try_new(spec, instance) {
            Ok(handle) => handle,
            Err(error) => panic!("{error}"),
        }
    }

    /// [`new`](Self::new) without panicking: [`ProcessError::InvalidState`] when there is no such instance.
    pub fn try_new(spec: ProcessSpec, instance: u32) -> Result<Self, ProcessError> {
        spec.has_instance(instance)?;
        Ok(Self {
            spec,
            instance,
            state: ProcessState::Stopped { exit_code: None },
            pid: None,
            started_at: None,
            restart_count: 0,
            last_restart: None,
            cpu_percent: None,
            memory_bytes: None,
        })
    }

    /// The name, with the number of the instance if there are several.
    #[must_use]
    pub fn display_name(&self) -> String {
        self.spec.display_name(self.instance)
    }

    /// Whole seconds since the start, by the wall clock; `None` unless it runs.
    #[must_use]
    pub fn uptime_secs(&self) -> Option<i64> {
        let started = self.started_at.filter(|_| self.state.is_running())?;
        Some((Utc::now() - started).num_seconds().max(0))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn spec(instances: u32) -> ProcessSpec {
        ProcessSpec::builder().name("worker").command("sleep").instances(instances).build()
    }

    #[test]
    fn four_instances_have_four_names() {
        let spec = spec(4);
        let names: Vec<_> = (0..4).map(|i| ProcessHandle::new(spec.clone(), i).display_name()).collect();
        assert_eq!(names, ["worker-0", "worker-1", "worker-2", "worker-3"]);
    }

    #[test]
    fn a_single_instance_has_the_plain_name() {
        assert_eq!(ProcessHandle::new(spec(1), 0).display_name(), "worker");
    }

    #[test]
    fn inv_0008_and_0009_a_new_handle_has_no_pid_and_no_start() {
        let handle = ProcessHandle::new(spec(1), 0);
        assert_eq!(handle.state, ProcessState::Stopped { exit_code: None });
        assert_eq!(handle.pid, None);
        assert_eq!(handle.started_at, None);
        assert_eq!((handle.restart_count, handle.last_restart), (0, None));
        assert_eq!((handle.cpu_percent, handle.memory_bytes), (None, None));
    }

    #[test]
    #[should_panic(expected = "`worker` has 4 instances, so there is no instance 4")]
    fn inv_0010_a_handle_of_a_missing_instance_panics() {
        let _ = ProcessHandle::new(spec(4), 4);
    }

    #[test]
    fn inv_0010_a_missing_instance_is_an_error_for_those_who_try() {
        let error = ProcessHandle::try_new(spec(1), 1).unwrap_err();
        assert!(matches!(error, ProcessError::InvalidState(_)));
        assert_eq!(
            error.to_string(),
            "invalid state for operation: `worker` has 1 instance, so there is no instance 1"
        );
    }

    #[test]
    fn only_what_runs_has_an_uptime() {
        let mut handle = ProcessHandle::new(spec(1), 0);
        handle.started_at = Some(Utc::now() - Duration::from_secs(90));
        assert_eq!(handle.uptime_secs(), None);
        handle.state = ProcessState::Running;
        assert!(handle.uptime_secs().unwrap() >= 90);
        handle.state = ProcessState::Stopping;
        assert_eq!(handle.uptime_secs(), None);
    }
}
