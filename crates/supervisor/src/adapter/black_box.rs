mod session;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use uuid::Uuid;

use self::session::{Ready, Session};
use super::{
    Adapter, AdapterError, AdapterEvent, AdapterEventReceiver, AdapterEventSender, BlackBoxConfig, event_channel,
};
use crate::process::{ProcessError, RunController};

/// How long what was killed may take to go.
const UNKILLABLE: Duration = Duration::from_secs(10);

/// Observes a program of which nothing is known.
///
/// Tells the lines it writes, the files that change, and that neither happens; then it stops the program, if it is told so
/// by its configuration. Needs a Tokio runtime around its calls, and none to be dropped.
#[derive(Debug)]
pub struct BlackBoxAdapter {
    config: Arc<BlackBoxConfig>,
    session_id: String,
    stage: Stage,
    receiver: Option<AdapterEventReceiver>,
}

#[derive(Debug)]
enum Stage {
    /// Has what the session will tell through.
    New(AdapterEventSender),
    Started(Started),
    /// Only while it changes.
    Between,
}

#[derive(Debug)]
struct Started {
    pid: u32,
    control: RunController,
    state: watch::Receiver<State>,
}

/// What a session is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    /// The process is gone; its last events are not told yet.
    Ending,
    Over,
}

impl BlackBoxAdapter {
    /// One that has not been started. Fails with [`AdapterError::ConfigError`].
    pub fn new(config: BlackBoxConfig) -> Result<Self, AdapterError> {
        Self::with_session_id(config, Uuid::new_v4().to_string())
    }

    /// As [`new`](Self::new), with an id that is not a fresh one.
    pub fn with_session_id(config: BlackBoxConfig, session_id: impl Into<String>) -> Result<Self, AdapterError> {
        config.validate()?;
        let session_id = session_id.into();
        let (sender, receiver) = event_channel(session_id.clone(), config.buffer);
        Ok(Self { config: Arc::new(config), session_id, stage: Stage::New(sender), receiver: Some(receiver) })
    }

    /// What it was made with.
    #[must_use]
    pub fn config(&self) -> &BlackBoxConfig {
        &self.config
    }

    fn running(&self) -> Option<&Started> {
        match &self.stage {
            Stage::Started(started) if started.state() == State::Running => Some(started),
            _ => None,
        }
    }
}

impl Started {
    fn state(&self) -> State {
        // Nobody is there to change it any more if the runtime is gone.
        if self.state.has_changed().is_err() { State::Over } else { *self.state.borrow() }
    }
}

#[async_trait]
impl Adapter for BlackBoxAdapter {
    async fn start(&mut self) -> Result<(), AdapterError> {
        if !matches!(self.stage, Stage::New(_)) {
            return Err(AdapterError::AlreadyRunning);
        }
        let config = Arc::clone(&self.config);
        // Going through folders and loading a program both look at disks. Whatever of it is done when nobody waits for it
        // any more is undone by being dropped.
        let ready = tokio::task::spawn_blocking(move || Ready::new(&config)).await;
        let ready = ready.map_err(|_| AdapterError::Internal("the start was broken off".to_owned()))??;
        match std::mem::replace(&mut self.stage, Stage::Between) {
            Stage::New(sender) => {
                let (tell, state) = watch::channel(State::Running);
                let (pid, control) = (ready.pid(), ready.control());
                tokio::spawn(Session::new(&self.config, ready, sender, tell).run());
                self.stage = Stage::Started(Started { pid, control, state });
                Ok(())
            }
            other => {
                self.stage = other;
                Err(AdapterError::AlreadyRunning)
            }
        }
    }

    async fn poll(&mut self) -> Result<Option<AdapterEvent>, AdapterError> {
        let receiver = self.receiver.as_mut().ok_or(AdapterError::ChannelRecv)?;
        match self.stage {
            Stage::New(_) => Err(AdapterError::NotRunning),
            _ => Ok(receiver.recv().await),
        }
    }

    async fn stop(&mut self) -> Result<(), AdapterError> {
        let grace = self.config.process.grace;
        let started = self.running().ok_or(AdapterError::NotRunning)?;
        let mut state = started.state.clone();
        match started.control.stop(grace) {
            // It has ended by itself, and nobody has noticed yet.
            Ok(()) | Err(ProcessError::InvalidState(_)) => {}
            Err(error) => return Err(AdapterError::Internal(error.to_string())),
        }
        let limit = grace.saturating_add(UNKILLABLE);
        match tokio::time::timeout(limit, state.wait_for(|state| *state == State::Over)).await {
            Ok(_) => Ok(()),
            Err(_) => Err(AdapterError::Internal(format!("the program is there {UNKILLABLE:?} after SIGKILL"))),
        }
    }

    fn take_event_receiver(&mut self) -> Option<AdapterEventReceiver> {
        self.receiver.take()
    }

    fn session_id(&self) -> &str {
        &self.session_id
    }

    fn is_running(&self) -> bool {
        self.running().is_some()
    }

    fn pid(&self) -> Option<u32> {
        self.running().map(|started| started.pid)
    }

    fn adapter_type(&self) -> &'static str {
        session::ADAPTER_TYPE
    }
}

impl Drop for BlackBoxAdapter {
    fn drop(&mut self) {
        if let Stage::Started(started) = &self.stage {
            // Fails only if it has ended. Whoever took the receiver is told how.
            drop(started.control.kill());
        }
    }
}
