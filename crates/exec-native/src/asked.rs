//! Who wanted the end of a process, and what that makes of how it ended.

use std::time::{Duration, Instant, SystemTime};

use perilune_exec_api::{EndReason, ExitInfo};

use crate::tree::{Status, Tree};

/// How the end was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Graceful(Duration),
    Timeout,
    Force,
}

impl Asked {
    /// What holds when this is asked after that: more can be asked of somebody who was asked to obey, and nothing of the
    /// others.
    pub(crate) fn after(self, before: Option<Self>) -> Self {
        match before {
            None | Some(Self::Graceful(_)) => self,
            Some(before) => before,
        }
    }
}

/// The end of the leader of a tree, which was started at `at`.
pub(crate) fn describe(
    status: Status,
    asked: Option<Asked>,
    tree: &Tree,
    at: (Instant, SystemTime),
    ended: Instant,
) -> ExitInfo {
    let (code, signal, core_dumped) = match status {
        Status::Exited(code) => (Some(code), None, false),
        Status::Signaled { signal, core_dumped } => (None, Some(signal), core_dumped),
        Status::Lost => (None, None, false),
    };
    let killed = tree.was_forced() && signal == Some(libc::SIGKILL);
    let reason = match (status, asked) {
        (Status::Lost, _) => EndReason::Lost,
        (_, Some(Asked::Timeout)) => EndReason::RunTimeout,
        (_, Some(Asked::Force)) if killed => EndReason::Killed,
        (_, Some(Asked::Graceful(_))) if killed => EndReason::StopTimeout,
        (_, Some(Asked::Graceful(_))) => EndReason::Stopped,
        // It obeyed what came before the force.
        (_, Some(Asked::Force)) if tree.asked() != 0 => EndReason::Stopped,
        (Status::Exited(_), _) => EndReason::Exited,
        (Status::Signaled { .. }, _) => EndReason::Signaled,
    };
    let mut info = ExitInfo::new(code, signal, reason);
    let duration = ended.saturating_duration_since(at.0);
    info.core_dumped = core_dumped;
    (info.started_at, info.duration) = (at.1, duration);
    info.ended_at = at.1.checked_add(duration).unwrap_or(at.1);
    info
}
