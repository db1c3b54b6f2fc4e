use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use perilune_exec_api::EndReason;
use perilune_exec_native::usage::TreeHandle;
use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;

use crate::health::HealthCheckResult;
use crate::log::{OutputCounts, OutputLines};
use crate::process::{ProcessError, ProcessSpec};
use crate::supervisor::core::{Order, Rotation, RotationFailed, RunEnd};
use crate::supervisor::run::{Boxed, Launcher, Notice, Run, Usage};

/// What runs do by themselves.
#[derive(Debug, Clone, Default)]
pub(super) struct Behaviour {
    pub(super) launches_after: Duration,
    pub(super) obeys_after: Duration,
    pub(super) ends_after: Option<(Duration, i32)>,
    pub(super) panics: bool,
}

impl Behaviour {
    pub(super) fn crashing() -> Self {
        Self { ends_after: Some((Duration::ZERO, 1)), ..Self::default() }
    }
}

/// Makes runs that are no processes, and remembers what was done to them.
#[derive(Default)]
pub(super) struct Fake {
    behaviour: Mutex<Behaviour>,
    special: Mutex<HashMap<String, Behaviour>>,
    starts: Mutex<HashMap<String, Vec<Instant>>>,
    did: Arc<Did>,
    pids: AtomicU32,
}

#[derive(Default)]
struct Did {
    alive: AtomicUsize,
    stops: Mutex<HashMap<String, usize>>,
    kills: Mutex<HashMap<String, usize>>,
}

impl Fake {
    pub(super) fn new(behaviour: Behaviour) -> Arc<Self> {
        Arc::new(Self { behaviour: Mutex::new(behaviour), ..Self::default() })
    }

    /// Of those that are launched from now on.
    pub(super) fn behave(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap() = behaviour;
    }

    pub(super) fn behave_as(&self, name: &str, behaviour: Behaviour) {
        self.special.lock().unwrap().insert(name.to_owned(), behaviour);
    }

    pub(super) fn starts(&self, name: &str) -> Vec<Instant> {
        self.starts.lock().unwrap().get(name).cloned().unwrap_or_default()
    }

    pub(super) fn all_starts(&self) -> usize {
        self.starts.lock().unwrap().values().map(Vec::len).sum()
    }

    pub(super) fn stops(&self, name: &str) -> usize {
        self.did.stops.lock().unwrap().get(name).copied().unwrap_or(0)
    }

    pub(super) fn kills(&self, name: &str) -> usize {
        self.did.kills.lock().unwrap().get(name).copied().unwrap_or(0)
    }

    pub(super) fn alive(&self) -> usize {
        self.did.alive.load(Ordering::SeqCst)
    }
}

impl Launcher for Fake {
    fn launch(&self, order: Order, _: OutputLines, _: Notice) -> Boxed<'static, Result<Arc<dyn Run>, String>> {
        let name = order.spec.display_name(order.instance);
        let special = self.special.lock().unwrap().get(&name).cloned();
        let behaviour = special.unwrap_or_else(|| self.behaviour.lock().unwrap().clone());
        self.starts.lock().unwrap().entry(name.clone()).or_default().push(Instant::now());
        let pid = self.pids.fetch_add(1, Ordering::SeqCst) + 1;
        let did = self.did.clone();
        Box::pin(async move {
            tokio::time::sleep(behaviour.launches_after).await;
            did.alive.fetch_add(1, Ordering::SeqCst);
            Ok(Arc::new(FakeRun { name, pid, behaviour, end: watch::Sender::new(None), did }) as Arc<dyn Run>)
        })
    }

    fn sample(&self, runs: Vec<(Uuid, Arc<dyn Run>)>) -> Boxed<'static, Vec<(Uuid, Usage)>> {
        let usage = Usage { cpu_percent: Some(1.0), memory_bytes: Some(1) };
        Box::pin(async move { runs.into_iter().map(|(id, _)| (id, usage)).collect() })
    }
}

struct FakeRun {
    name: String,
    pid: u32,
    behaviour: Behaviour,
    end: watch::Sender<Option<RunEnd>>,
    did: Arc<Did>,
}

impl FakeRun {
    fn end(&self, code: Option<i32>, signal: Option<i32>, reason: EndReason) {
        self.end.send_if_modified(|end| {
            let first = end.is_none();
            end.get_or_insert(RunEnd { code, signal, reason, leftovers: Vec::new(), tail: Vec::new() });
            first
        });
    }
}

impl Drop for FakeRun {
    fn drop(&mut self) {
        self.did.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Run for FakeRun {
    fn pid(&self) -> u32 {
        self.pid
    }

    fn containment(&self) -> &'static str {
        "scan"
    }

    fn ready(&self) -> Boxed<'_, ()> {
        Box::pin(std::future::pending())
    }

    fn hold(&self) -> Boxed<'_, ()> {
        Box::pin(std::future::pending())
    }

    fn ended(&self) -> Boxed<'_, RunEnd> {
        Box::pin(async {
            assert!(!self.behaviour.panics, "this run panics");
            if let Some((after, code)) = self.behaviour.ends_after {
                let told = tokio::time::timeout(after, self.end.subscribe().wait_for(Option::is_some)).await.is_ok();
                if !told {
                    self.end(Some(code), None, EndReason::Exited);
                }
            }
            let mut end = self.end.subscribe();
            let end = end.wait_for(Option::is_some).await.expect("a sender");
            end.clone().expect("an end")
        })
    }

    fn stop(&self, _: Arc<ProcessSpec>) -> Boxed<'_, Result<(), String>> {
        *self.did.stops.lock().unwrap().entry(self.name.clone()).or_default() += 1;
        Box::pin(async {
            tokio::time::sleep(self.behaviour.obeys_after).await;
            self.end(None, Some(15), EndReason::Stopped);
            Ok(())
        })
    }

    fn kill(&self) -> Boxed<'_, Result<(), String>> {
        *self.did.kills.lock().unwrap().entry(self.name.clone()).or_default() += 1;
        Box::pin(async {
            self.end(None, Some(9), EndReason::Killed);
            Ok(())
        })
    }

    fn signal(&self, _: i32) -> Result<(), ProcessError> {
        Ok(())
    }

    fn check(&self, _: Arc<ProcessSpec>) -> Boxed<'_, HealthCheckResult> {
        Box::pin(async { HealthCheckResult::healthy(Duration::ZERO) })
    }

    fn rotate(&self) -> Boxed<'_, Result<Rotation, RotationFailed>> {
        Box::pin(async { Ok(Rotation::Swapped) })
    }

    fn counts(&self) -> Option<OutputCounts> {
        None
    }

    fn tree(&self) -> Option<TreeHandle> {
        None
    }
}
