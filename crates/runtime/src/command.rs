use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};

use perilune_actor_core::{ExitReason, Pid, Scheduler, Signal, Value};
use perilune_lua_bindings::{Definition, Origin};

use crate::report;
use crate::services::show;

/// A command of an application, for a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommandInfo {
    /// What to type.
    pub name: String,
    /// One line about it.
    pub short: String,
    /// The entry it starts.
    pub id: String,
    /// Whether it is started when no command is named.
    pub is_main: bool,
}

/// A process that somebody waits for at the terminal.
pub struct Foreground {
    pub(crate) pid: Pid,
    pub(crate) definition: Arc<Definition>,
    pub(crate) scheduler: Arc<dyn Scheduler>,
    pub(crate) ended: Receiver<ExitReason>,
}

/// How a foreground process ended, as a program's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// The exit code.
    pub code: u8,
    /// What is left to say, on standard output for code 0 and on standard error otherwise.
    pub text: Option<String>,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text.as_deref().unwrap_or_default())
    }
}

impl Foreground {
    /// Its pid.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Waits for its end.
    pub fn wait(&self) -> Exit {
        self.ended.recv().map_or(Exit { code: 1, text: None }, |reason| self.exit(&reason))
    }

    /// Its end, if it has ended.
    pub fn try_wait(&self) -> Option<Exit> {
        match self.ended.try_recv() {
            Ok(reason) => Some(self.exit(&reason)),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Exit { code: 1, text: None }),
        }
    }

    /// Asks it to end.
    pub fn cancel(&self, reason: &str) {
        let reason = Some(reason.into());
        // It may have ended already.
        let _ = self.scheduler.deliver(self.pid, Signal::Cancel { from: None, deadline: None, reason });
    }

    fn exit(&self, reason: &ExitReason) -> Exit {
        let value = match reason {
            ExitReason::Failed(failure) => {
                let origin = Origin::new(self.pid, &self.definition);
                return Exit { code: 1, text: Some(report::failure(&origin, failure)) };
            }
            ExitReason::Normal(value) => value.as_deref(),
        };
        match value {
            None | Some(Value::Boolean(true)) => Exit { code: 0, text: None },
            Some(Value::Boolean(false)) => Exit { code: 1, text: None },
            Some(Value::String(_)) => Exit { code: 0, text: value.map(show) },
            Some(value) => match value.as_f64() {
                Some(code) if (0.0..=255.0).contains(&code) && code.fract() == 0.0 => {
                    Exit { code: code as u8, text: None }
                }
                Some(_) => Exit { code: 1, text: None },
                None => Exit { code: 0, text: None },
            },
        }
    }
}
