use std::collections::VecDeque;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::entry::Pending;
use super::{Answer, Core, Effect, InstanceKey, SpecKey, Ticket};
use crate::process::{ProcessError, ProcessState};
use crate::supervisor::{Condition, Desired, SupervisorError};

/// Somebody waits for an answer.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) ticket: Ticket,
    pub(super) starts: Vec<Start>,
    /// The runs that have to be over.
    pub(super) stops: Vec<(InstanceKey, Uuid)>,
    pub(super) rolling: Option<Rolling>,
    pub(super) wait: Option<Wait>,
    /// How many answers are still to come from runs.
    pub(super) asked: usize,
    /// The first thing that went wrong.
    pub(super) fault: Option<SupervisorError>,
    /// What goes wrong for one is no matter.
    pub(super) lenient: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    pub(super) key: InstanceKey,
    /// The newest launch that had failed before.
    pub(super) failed_before: Option<Uuid>,
}

/// The rest of a rolling restart.
#[derive(Debug)]
pub(super) struct Rolling {
    pub(super) rest: VecDeque<InstanceKey>,
    pub(super) batch: usize,
}

#[derive(Debug)]
pub(super) struct Wait {
    pub(super) spec: SpecKey,
    pub(super) condition: Condition,
    pub(super) until: Option<Instant>,
    pub(super) timeout: Duration,
}

enum Progress {
    Waits,
    Done,
    Failed(SupervisorError),
}

impl Job {
    pub(super) fn new(ticket: Ticket) -> Self {
        Self {
            ticket,
            starts: Vec::new(),
            stops: Vec::new(),
            rolling: None,
            wait: None,
            asked: 0,
            fault: None,
            lenient: false,
        }
    }

    pub(super) fn wake(&self) -> Option<Instant> {
        self.wait.as_ref()?.until
    }
}

impl Core {
    /// What a job has to know of an instance before it is started.
    pub(super) fn start_of(&self, key: InstanceKey) -> Start {
        let failure = self.look(key).and_then(|instance| instance.launch_failure.as_ref());
        Start { key, failed_before: failure.map(|(run, _)| *run) }
    }

    pub(super) fn check_jobs(&mut self) {
        let jobs = std::mem::take(&mut self.jobs);
        for mut job in jobs {
            if self.advance(&mut job) {
                let answer = job.fault.take().filter(|_| !job.lenient).map_or(Ok(Answer::Done), Err);
                self.effects.push(Effect::Reply { ticket: job.ticket, answer });
            } else {
                self.jobs.push(job);
            }
        }
    }

    /// Nothing is started any longer.
    pub(super) fn refuse_jobs(&mut self) {
        for job in &mut self.jobs {
            if !job.starts.is_empty() || job.wait.is_some() || job.rolling.is_some() {
                job.starts.clear();
                job.wait = None;
                job.rolling = None;
                job.lenient = false;
                job.fault.get_or_insert(SupervisorError::ShuttingDown);
            }
        }
    }

    /// What is waited for will not come.
    pub(super) fn fail_waits(&mut self, spec: SpecKey, reason: &str) {
        for index in 0..self.jobs.len() {
            let Some(wait) = self.jobs.get(index).and_then(|job| job.wait.as_ref()) else { continue };
            if wait.spec == spec && !self.meets(spec, wait.condition) {
                let fault = ProcessError::InvalidState(reason.to_owned()).into();
                if let Some(job) = self.jobs.get_mut(index) {
                    job.wait = None;
                    job.fault = Some(fault);
                }
            }
        }
    }

    /// A spec is gone.
    pub(super) fn forget_waits(&mut self, spec: SpecKey, name: &str) {
        for job in &mut self.jobs {
            if job.wait.as_ref().is_some_and(|wait| wait.spec == spec) {
                job.wait = None;
                job.fault = Some(SupervisorError::NotFound(name.to_owned()));
            }
        }
    }

    /// A run has answered what only it could do.
    pub(super) fn answered(&mut self, ticket: Ticket, result: Result<(), ProcessError>) {
        if let Some(job) = self.jobs.iter_mut().find(|job| job.ticket == ticket) {
            job.asked = job.asked.saturating_sub(1);
            if let Err(error) = result {
                job.fault.get_or_insert(error.into());
            }
        }
    }

    /// Whether there is nothing left to wait for.
    fn advance(&mut self, job: &mut Job) -> bool {
        let mut fault = None;
        job.stops.retain(|&(key, run)| match self.stop_progress(key, run) {
            Progress::Waits => true,
            Progress::Done => false,
            Progress::Failed(error) => {
                fault.get_or_insert(error);
                false
            }
        });
        let rolling = job.rolling.is_some();
        job.starts.retain(|start| match self.start_progress(*start, rolling) {
            Progress::Waits => true,
            Progress::Done => false,
            Progress::Failed(error) => {
                fault.get_or_insert(error);
                false
            }
        });
        if let Some(fault) = fault {
            job.fault.get_or_insert(fault);
        }
        if let Some(wait) = &job.wait {
            if self.meets(wait.spec, wait.condition) {
                job.wait = None;
            } else if wait.until.is_some_and(|until| until <= self.at.now) {
                job.fault.get_or_insert(SupervisorError::Timeout(wait.timeout));
                job.wait = None;
            }
        }
        if job.starts.is_empty() && job.fault.is_none() {
            self.next_batch(job);
        }
        job.starts.is_empty() && job.stops.is_empty() && job.wait.is_none() && job.asked == 0
    }

    fn next_batch(&mut self, job: &mut Job) {
        let Some(rolling) = &mut job.rolling else { return };
        let size = rolling.batch.min(rolling.rest.len());
        let batch: Vec<InstanceKey> = rolling.rest.drain(..size).collect();
        for key in batch {
            if self.look(key).is_some_and(|instance| !instance.leaving) {
                job.starts.push(self.start_of(key));
                self.restart_one(key);
            }
        }
    }

    fn stop_progress(&self, key: InstanceKey, run_id: Uuid) -> Progress {
        let Some(instance) = self.look(key) else { return Progress::Done };
        match &instance.run {
            Some(run) if run.id != run_id => Progress::Done,
            // Somebody wants it again, before it was its turn.
            Some(run) if run.cause.is_none() && instance.desired == Desired::Up => Progress::Done,
            Some(run) => match &run.stop_failed {
                Some(error) => Progress::Failed(ProcessError::SignalFailed(error.clone()).into()),
                None => Progress::Waits,
            },
            None => Progress::Done,
        }
    }

    /// With `ready`, it must have come to run.
    fn start_progress(&self, start: Start, ready: bool) -> Progress {
        let Some(instance) = self.look(start.key) else { return Progress::Done };
        if let Some((run, error)) = &instance.launch_failure
            && Some(*run) != start.failed_before
        {
            return Progress::Failed(ProcessError::SpawnFailed(error.clone()).into());
        }
        let down = instance.desired == Desired::Down;
        match &instance.run {
            Some(run) if run.stop_failed.is_some() => {
                let error = run.stop_failed.clone().unwrap_or_default();
                Progress::Failed(ProcessError::SignalFailed(error).into())
            }
            Some(run) if !run.launched => Progress::Waits,
            Some(run) if run.is_live() && !(ready && instance.state == ProcessState::Starting) => Progress::Done,
            Some(_) if down => Progress::Done,
            Some(_) => Progress::Waits,
            None => match instance.pending {
                Pending::Group => Progress::Waits,
                Pending::Dependency { .. } if ready => Progress::Waits,
                _ if ready && !down => {
                    let text = format!("`{}` did not become ready", self.name(start.key));
                    Progress::Failed(ProcessError::InvalidState(text).into())
                }
                _ => Progress::Done,
            },
        }
    }
}
