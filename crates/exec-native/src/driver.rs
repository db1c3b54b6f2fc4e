//! The task that sees one process to its end.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use perilune_exec_api::{EndReason, ExitInfo};

use crate::asked::{Asked, describe};
use crate::process::Inner;
use crate::race::{First, both, race};
use crate::tree::{FAR, Status, Tree};
use crate::undertaker::TOGETHER;

/// Sees one process to its end.
pub(crate) struct Driver {
    inner: Arc<Inner>,
    tree: Arc<Tree>,
    at: (Instant, SystemTime),
    ended: bool,
}

impl Driver {
    pub(crate) fn new(inner: Arc<Inner>, tree: Arc<Tree>, at: (Instant, SystemTime)) -> Self {
        Self { inner, tree, at, ended: false }
    }

    pub(crate) async fn drive(mut self) {
        self.leader().await;
        self.publish();
        let (stdout, stderr) = (self.inner.stdout.clone(), self.inner.stderr.clone());
        let (tree, shared, id) = (self.tree.clone(), self.inner.shared.clone(), self.inner.id);
        // From here on nobody is kept waiting by this task but those who read; the process itself may go.
        drop(self);
        let last_bytes = async {
            let late = async {
                tree.swept_unhurried().await;
                tokio::time::sleep(shared.config().drain_timeout).await;
            };
            if let First::Right(()) = race(both(stdout.ended(), stderr.ended()), late).await {
                stdout.no_more();
                stderr.no_more();
            }
        };
        let others = async {
            tree.swept_unhurried().await;
            shared.leave(id);
        };
        both(last_bytes, others).await;
    }

    /// Waits for the end of the leader, and asks for it when its time is over.
    async fn leader(&self) {
        let mut ended = pin!(self.tree.watch());
        if let Some(timeout) = self.inner.terms.timeout {
            let late = tokio::time::sleep_until((self.at.0 + timeout.min(FAR)).into());
            match race(ended.as_mut(), late).await {
                First::Left(()) => return,
                First::Right(()) => self.inner.stop(Asked::Timeout),
            }
        }
        ended.await;
    }

    /// Makes the end known.
    fn publish(&mut self) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let inner = &self.inner;
        let status = self.tree.peek().unwrap_or(Status::Lost);
        if status == Status::Lost {
            tracing::error!(os_pid = self.tree.leader(), "somebody else has collected the status of a process");
        }
        let asked = inner.asked();
        let info = describe(status, asked, &self.tree, self.at, Instant::now());
        // Those who are told find nobody active, and nothing to write to.
        inner.shared.ended(inner.id, Some(&self.tree));
        inner.input.end();
        inner.exit.send_replace(Some(info));
        if inner.terms.sweep_on_exit || asked.is_some() {
            self.tree.sweep(TOGETHER);
        } else {
            self.tree.reap(Vec::new(), Vec::new());
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // The runtime it ran on has gone. What is left to do needs none.
        if !self.ended {
            self.tree.end_by(Some(Instant::now()));
            self.ended = true;
            self.inner.shared.ended(self.inner.id, Some(&self.tree));
            self.inner.input.end();
            self.inner.exit.send_replace(Some(ExitInfo::new(None, Some(libc::SIGKILL), EndReason::Killed)));
            self.inner.stdout.end();
            self.inner.stderr.end();
        }
    }
}
