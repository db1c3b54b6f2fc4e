use std::collections::VecDeque;
use std::sync::Arc;

use super::LogLine;
use super::lines::{LineReceiver, Received};

/// Which lines somebody wants to see.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// So many of those that are kept, at most.
    pub tail: usize,
    /// Whether also those that come from now on.
    pub follow: bool,
}

/// The lines that somebody asked for.
#[derive(Debug)]
pub struct LogReceiver {
    pub(super) kept: VecDeque<Arc<LogLine>>,
    pub(super) live: Option<LineReceiver>,
}

impl LogReceiver {
    /// The next one: first those that were kept, oldest first, then those that come. `None` when there are no more.
    /// Cancelling loses nothing.
    pub async fn next(&mut self) -> Option<Received> {
        if let Some(line) = self.kept.pop_front() {
            return Some(Received::Line(line));
        }
        match &mut self.live {
            Some(live) => live.next().await,
            None => None,
        }
    }
}
