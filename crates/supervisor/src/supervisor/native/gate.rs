use std::io;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};

use async_trait::async_trait;
use perilune_exec_native::usage::TreeHandle;
use perilune_exec_native::{ChildOptions, Launch, OutputSink};
use tokio::sync::{Mutex, watch};

use crate::readiness::{LineMatcher, NotifyPipe, ReadySocket};
use crate::supervisor::Readiness;

/// Where a process shows that it is ready, as far as that is seen in what it does.
#[derive(Debug)]
pub(super) enum Gate {
    /// It is not; time or checks tell.
    None,
    Line(watch::Receiver<bool>),
    Notify(Mutex<NotifyPipe>),
    /// Until the run is over.
    Socket(StdMutex<Option<Arc<ReadySocket>>>),
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
            Readiness::NotifySocket => ReadySocket::attach(launch).map(Self::socket),
            Readiness::Immediate | Readiness::MinUptime(_) | Readiness::Healthy => Ok(Self::None),
        }
    }

    /// Waits until it is passed by somebody of that tree; for ever if it never is.
    pub(super) async fn passed(&self, tree: &TreeHandle) {
        let passed = match self {
            Self::None => false,
            Self::Line(seen) => seen.clone().wait_for(|seen| *seen).await.is_ok(),
            Self::Notify(pipe) => pipe.lock().await.ready().await,
            Self::Socket(socket) => match open(socket) {
                Some(socket) => socket.ready(tree).await,
                None => false,
            },
        };
        if !passed {
            std::future::pending().await
        }
    }

    /// Keeps the other end of the gate from breaking; for ever.
    pub(super) async fn hold(&self) {
        match self {
            Self::None | Self::Line(_) => {}
            Self::Notify(pipe) => pipe.lock().await.rest().await,
            Self::Socket(socket) => {
                if let Some(socket) = open(socket) {
                    socket.rest().await;
                }
            }
        }
        std::future::pending().await
    }

    /// The run is over: nobody else gets at a socket, which is closed when nobody waits at it.
    pub(super) fn close(&self) {
        if let Self::Socket(socket) = self {
            socket.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
    }

    fn socket(socket: ReadySocket) -> Self {
        Self::Socket(StdMutex::new(Some(Arc::new(socket))))
    }
}

fn open(socket: &StdMutex<Option<Arc<ReadySocket>>>) -> Option<Arc<ReadySocket>> {
    socket.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
