use std::io;

use async_trait::async_trait;
use perilune_exec_native::{ChildOptions, Launch, OutputSink};
use tokio::sync::{Mutex, watch};

use crate::readiness::{LineMatcher, NotifyPipe};
use crate::supervisor::Readiness;

/// Where a process shows that it is ready, as far as that is seen in what it does.
#[derive(Debug)]
pub(super) enum Gate {
    /// It is not; time or checks tell.
    None,
    Line(watch::Receiver<bool>),
    Notify(Mutex<NotifyPipe>),
}

impl Gate {
    /// Adds what is needed to what is launched.
    pub(super) fn prepare(readiness: &Readiness, launch: &mut Launch, child: &mut ChildOptions) -> io::Result<Self> {
        match readiness {
            Readiness::LogLine(pattern) => {
                let (seen, gate) = watch::channel(false);
                for sinks in [&mut child.stdout, &mut child.stderr] {
                    let lines = Some(LineMatcher::new(pattern.clone()));
                    sinks.push(Box::new(Lookout { lines, seen: seen.clone() }));
                }
                Ok(Self::Line(gate))
            }
            Readiness::NotifyFd => NotifyPipe::attach(launch).map(|pipe| Self::Notify(Mutex::new(pipe))),
            Readiness::Immediate | Readiness::MinUptime(_) | Readiness::Healthy => Ok(Self::None),
        }
    }

    /// Waits until it is passed; for ever if it never is.
    pub(super) async fn passed(&self) {
        let passed = match self {
            Self::None => false,
            Self::Line(seen) => seen.clone().wait_for(|seen| *seen).await.is_ok(),
            Self::Notify(pipe) => pipe.lock().await.ready().await,
        };
        if !passed {
            std::future::pending().await
        }
    }

    /// Keeps the other end of the gate from breaking; for ever.
    pub(super) async fn hold(&self) {
        if let Self::Notify(pipe) = self {
            pipe.lock().await.rest().await;
        }
        std::future::pending().await
    }
}

/// Sees every byte of one output, and looks for the line.
struct Lookout {
    lines: Option<LineMatcher>,
    seen: watch::Sender<bool>,
}

impl Lookout {
    fn found(&mut self) {
        self.lines = None;
        self.seen.send_replace(true);
    }
}

#[async_trait]
impl OutputSink for Lookout {
    async fn write(&mut self, bytes: &[u8]) {
        if self.lines.as_mut().is_some_and(|lines| lines.feed(bytes)) {
            self.found();
        }
    }

    async fn end(&mut self) {
        if self.lines.as_mut().is_some_and(LineMatcher::end) {
            self.found();
        }
    }
}
