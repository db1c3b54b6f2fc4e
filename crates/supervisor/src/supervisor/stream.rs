use std::sync::Arc;

use tokio::sync::{broadcast, watch};

use super::{InstanceStatus, SupervisorEvent};
use crate::supervisor::board::View;

/// Everything that happens from the moment on when this was made.
///
/// One that is slow misses the oldest events and is told how many; nobody else notices.
#[derive(Debug)]
pub struct EventReceiver(pub(super) broadcast::Receiver<Arc<SupervisorEvent>>);

/// What an [`EventReceiver`] gets.
#[derive(Debug, Clone, PartialEq)]
pub enum Received {
    /// What happened next.
    Event(Arc<SupervisorEvent>),
    /// So many events came too fast and are gone.
    Lagged(u64),
}

impl EventReceiver {
    /// Waits for the next event. `None` when the supervisor is gone and all of its events were received.
    ///
    /// Can be dropped and called again; nothing is lost by that.
    pub async fn recv(&mut self) -> Option<Received> {
        match self.0.recv().await {
            Ok(event) => Some(Received::Event(event)),
            Err(broadcast::error::RecvError::Lagged(missed)) => Some(Received::Lagged(missed)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }

    /// The next event if there is one already.
    pub fn try_recv(&mut self) -> Option<Received> {
        match self.0.try_recv() {
            Ok(event) => Some(Received::Event(event)),
            Err(broadcast::error::TryRecvError::Lagged(missed)) => Some(Received::Lagged(missed)),
            Err(broadcast::error::TryRecvError::Empty | broadcast::error::TryRecvError::Closed) => None,
        }
    }
}

/// What one instance is at, followed from change to change. Whoever is slow sees only the newest.
#[derive(Debug)]
pub struct StatusWatch(pub(super) watch::Receiver<Arc<View>>);

impl StatusWatch {
    /// As it is now.
    #[must_use]
    pub fn current(&self) -> InstanceStatus {
        self.0.borrow().status()
    }

    /// Waits until it is different from what was seen last. `None` when the instance or the supervisor is gone.
    ///
    /// Can be dropped and called again; nothing is lost by that.
    pub async fn changed(&mut self) -> Option<InstanceStatus> {
        self.0.changed().await.ok()?;
        Some(self.0.borrow_and_update().status())
    }
}
