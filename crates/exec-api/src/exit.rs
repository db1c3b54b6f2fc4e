use std::time::{Duration, SystemTime};

/// How a process ended. An exit is a value, whatever its code.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExitInfo {
    /// What it returned, if it ended by itself.
    pub code: Option<i32>,
    /// What ended it, if it did not.
    pub signal: Option<i32>,
    /// Whether the system wrote an image of it.
    pub core_dumped: bool,
    /// Who wanted the end.
    pub reason: EndReason,
    /// Wall-clock time, for display only.
    pub started_at: SystemTime,
    /// Wall-clock time, for display only.
    pub ended_at: SystemTime,
    /// How long it ran, by the monotonic clock.
    pub duration: Duration,
    /// Whether a lack of memory ended it, where that can be known.
    pub oom_killed: Option<bool>,
}

impl ExitInfo {
    /// An end of that kind with no duration; backends fill in the rest.
    ///
    /// ```
    /// use perilune_exec_api::{EndReason, ExitInfo};
    ///
    /// let killed = ExitInfo::new(None, Some(9), EndReason::Killed);
    /// assert_eq!((killed.exit_code(), killed.success()), (137, false));
    /// ```
    pub fn new(code: Option<i32>, signal: Option<i32>, reason: EndReason) -> Self {
        let now = SystemTime::now();
        Self {
            code,
            signal,
            core_dumped: false,
            reason,
            started_at: now,
            ended_at: now,
            duration: Duration::ZERO,
            oom_killed: None,
        }
    }

    /// One number for both ways to end: the code, or 128 and the signal, or -1 when neither is known.
    pub fn exit_code(&self) -> i32 {
        match (self.code, self.signal) {
            (Some(code), _) => code,
            (None, Some(signal)) => 128 + signal,
            (None, None) => -1,
        }
    }

    /// Whether it ended by itself with code 0.
    pub fn success(&self) -> bool {
        self.code == Some(0)
    }
}

/// Who wanted the end of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndReason {
    /// The process itself.
    Exited,
    /// A signal that its executor did not send to stop it.
    Signaled,
    /// [`Stop::Graceful`](crate::Stop::Graceful), and it obeyed in time.
    Stopped,
    /// [`Stop::Graceful`](crate::Stop::Graceful), and it had to be forced.
    StopTimeout,
    /// [`Stop::Force`](crate::Stop::Force), or nobody held it any more.
    Killed,
    /// It ran for longer than its request allows.
    RunTimeout,
    /// Somebody else has collected its status.
    Lost,
}
