use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use super::lock;
use super::subscription::{OutputReceiver, Subscribers};
use crate::ring::TailRing;

/// Which of its outputs a process wrote to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OutputStream {
    /// Descriptor 1.
    Stdout,
    /// Descriptor 2.
    Stderr,
}

/// What a process writes, for those who look on, from the moment it is spawned with this. Can be kept when the process is gone, and holds nothing of the system's.
#[derive(Clone, Debug)]
pub struct ChildOutput {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    stdout: Outlet,
    stderr: Outlet,
    subscribers: Subscribers,
    pumps: watch::Sender<Pumps>,
}

#[derive(Debug)]
struct Outlet {
    tail: Mutex<TailRing>,
    bytes: AtomicU64,
}

/// Those that read the pipes.
#[derive(Clone, Copy, Debug, Default)]
struct Pumps {
    open: usize,
    cut: bool,
}

impl ChildOutput {
    /// One that keeps so many of the newest bytes of each stream.
    pub fn new(tail: usize) -> Self {
        let outlet = || Outlet { tail: Mutex::new(TailRing::new(tail)), bytes: AtomicU64::new(0) };
        let (stdout, stderr) = (outlet(), outlet());
        let (subscribers, pumps) = (Subscribers::default(), watch::Sender::default());
        Self { shared: Arc::new(Shared { stdout, stderr, subscribers, pumps }) }
    }

    /// The newest bytes of a stream.
    pub fn tail(&self, stream: OutputStream) -> Vec<u8> {
        lock(&self.outlet(stream).tail).to_vec()
    }

    /// How many bytes came so far.
    pub fn bytes(&self, stream: OutputStream) -> u64 {
        self.outlet(stream).bytes.load(Ordering::Relaxed)
    }

    /// Everything that comes from now on, of both streams, as far as it is received in time: whoever is slow misses
    /// something and is told how much. The process is never slowed down.
    pub fn subscribe(&self) -> OutputReceiver {
        self.shared.subscribers.add()
    }

    pub(super) fn push(&self, stream: OutputStream, bytes: &[u8]) {
        let outlet = self.outlet(stream);
        lock(&outlet.tail).push(bytes);
        outlet.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.shared.subscribers.push(stream, bytes);
    }

    /// One more that reads.
    pub(super) fn opened(&self) {
        self.shared.pumps.send_modify(|pumps| pumps.open += 1);
    }

    /// One less. The last tells those who wait.
    pub(super) fn closed(&self, cut: bool) {
        let mut last = false;
        self.shared.pumps.send_modify(|pumps| {
            pumps.open -= 1;
            pumps.cut |= cut;
            last = pumps.open == 0;
        });
        if last {
            self.shared.subscribers.end();
        }
    }

    /// Waits until all has been read and given away; whether the end was not reached.
    pub(super) async fn ended(&self) -> bool {
        let mut pumps = self.shared.pumps.subscribe();
        // The sender is in `self`, so there always is an answer.
        pumps.wait_for(|pumps| pumps.open == 0).await.is_ok_and(|pumps| pumps.cut)
    }

    fn outlet(&self, stream: OutputStream) -> &Outlet {
        match stream {
            OutputStream::Stdout => &self.shared.stdout,
            OutputStream::Stderr => &self.shared.stderr,
        }
    }
}
