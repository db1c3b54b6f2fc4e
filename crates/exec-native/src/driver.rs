//! The task that sees one process to its end.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use perilune_exec_api::{EndReason, ExitInfo};

use crate::launch::register_tree;
use crate::process::{Asked, Inner};
use crate::race::{First, both, race};
use crate::tree::{Status, Tree, Watched};

/// Longer than any process runs, and short enough to be added to any moment.
pub(crate) const FAR: Duration = Duration::from_secs(60 * 60 * 24 * 365 * 30);

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
        let watched = register_tree(Watched(self.tree.clone()));
        let mut deadline = self.inner.terms.timeout;
        while self.tree.peek().is_none() {
            let ready = async {
                match &watched {
                    Ok(watched) => drop(watched.readable().await.map(|mut guard| guard.clear_ready())),
                    // No room for one more among those that are watched: look now and then.
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            };
            let Some(timeout) = deadline else {
                ready.await;
                continue;
            };
            let late = tokio::time::sleep_until((self.at.0 + timeout.min(FAR)).into());
            if let First::Right(()) = race(ready, late).await {
                deadline = None;
                self.inner.stop(Asked::Timeout);
            }
        }
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
        let mut info = describe(status, asked, self.tree.was_forced());
        let duration = self.at.0.elapsed();
        (info.started_at, info.duration) = (self.at.1, duration);
        info.ended_at = self.at.1.checked_add(duration).unwrap_or(self.at.1);
        // Those who are told find nobody active, and nothing to write to.
        inner.shared.ended(inner.id, Some(&self.tree));
        inner.input.end();
        inner.exit.send_replace(Some(info));
        if inner.terms.sweep_on_exit || asked.is_some() {
            self.tree.sweep();
        } else {
            self.tree.reap(0);
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // The runtime it ran on has gone. What is left to do needs none.
        if !self.ended {
            self.tree.stop(Instant::now());
            self.ended = true;
            self.inner.shared.ended(self.inner.id, Some(&self.tree));
            self.inner.input.end();
            self.inner.exit.send_replace(Some(ExitInfo::new(None, Some(libc::SIGKILL), EndReason::Killed)));
            self.inner.stdout.end();
            self.inner.stderr.end();
        }
    }
}

fn describe(status: Status, asked: Option<Asked>, forced: bool) -> ExitInfo {
    let (code, signal, core_dumped) = match status {
        Status::Exited(code) => (Some(code), None, false),
        Status::Signaled { signal, core_dumped } => (None, Some(signal), core_dumped),
        Status::Lost => (None, None, false),
    };
    let killed = forced && signal == Some(libc::SIGKILL);
    let reason = match (status, asked) {
        (Status::Lost, _) => EndReason::Lost,
        (_, Some(Asked::Timeout)) => EndReason::RunTimeout,
        (_, Some(Asked::Force)) if killed => EndReason::Killed,
        (_, Some(Asked::Graceful(_))) if killed => EndReason::StopTimeout,
        (_, Some(Asked::Graceful(_))) => EndReason::Stopped,
        (Status::Exited(_), _) => EndReason::Exited,
        (Status::Signaled { .. }, _) => EndReason::Signaled,
    };
    let mut info = ExitInfo::new(code, signal, reason);
    info.core_dumped = core_dumped;
    info
}
