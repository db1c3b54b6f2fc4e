//! Programs that scripts keep alive: for each actor a supervisor of its own.

mod following;
mod reader;
mod shown;
mod spec;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use perilune_actor_core::{ErrorKind, Failure, Value, Waker};
use perilune_lua_bindings::{Order, Pending, Reports, Supervision};
use perilune_supervisor::log::{LogQuery, Received};
use perilune_supervisor::process::ProcessError;
use perilune_supervisor::{ShutdownOptions, Supervisor, SupervisorConfig, SupervisorError};
use tokio::runtime::Handle;

use self::following::{Happenings, Lines};

/// The supervisors of all actors.
#[derive(Clone)]
pub(crate) struct Supervisions {
    io: Handle,
    all: Arc<Mutex<All>>,
}

#[derive(Default)]
struct All {
    last: u64,
    /// Those that have not stopped everything, also those of actors that are gone.
    live: BTreeMap<u64, Supervisor>,
    /// There will be no more.
    closed: bool,
}

impl Supervisions {
    pub(crate) fn new(io: Handle) -> Self {
        Self { io, all: Arc::default() }
    }

    /// For an actor that may want one. The supervisor itself is made when the first program is added.
    pub(crate) fn of_actor(&self) -> Arc<dyn Supervision> {
        Arc::new(OfActor { all: self.clone(), own: Mutex::new(Own::None) })
    }

    /// Ends all programs of all actors, those that do not obey within `grace` by force. From here on there are no more.
    pub(crate) async fn shutdown(&self, grace: Duration) {
        let all: Vec<_> = {
            let mut all = self.lock();
            all.closed = true;
            all.live.values().cloned().collect()
        };
        // At once: the grace is for the whole, not for each.
        let ends = all
            .into_iter()
            .map(|supervisor| tokio::spawn(async move { supervisor.shutdown(ShutdownOptions::within(grace)).await }));
        for end in ends.collect::<Vec<_>>() {
            // One that panics has nothing left to wait for.
            let _ = end.await;
        }
    }

    fn begin(&self) -> Result<(u64, Supervisor), Failure> {
        let mut all = self.lock();
        if all.closed {
            return Err(ending());
        }
        let supervisor = {
            let _io = self.io.enter();
            Supervisor::new(SupervisorConfig::default())
        };
        all.last += 1;
        let number = all.last;
        all.live.insert(number, supervisor.clone());
        Ok((number, supervisor))
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ending() -> Failure {
    Failure::new(ErrorKind::Unavailable, "the supervisor is shutting down")
}

/// The programs of one actor.
struct OfActor {
    all: Supervisions,
    own: Mutex<Own>,
}

enum Own {
    /// Nothing was added yet.
    None,
    Some(u64, Supervisor),
    /// The actor is gone.
    Closed,
}

impl OfActor {
    fn lock(&self) -> MutexGuard<'_, Own> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The supervisor, made if there is none.
    fn made(&self) -> Result<Supervisor, Failure> {
        let mut own = self.lock();
        match &*own {
            Own::Some(_, supervisor) => Ok(supervisor.clone()),
            Own::Closed => Err(ending()),
            Own::None => {
                let (number, supervisor) = self.all.begin()?;
                *own = Own::Some(number, supervisor.clone());
                Ok(supervisor)
            }
        }
    }

    /// The supervisor that may know that name.
    fn known(&self, name: &str) -> Result<Supervisor, Failure> {
        match &*self.lock() {
            Own::Some(_, supervisor) => Ok(supervisor.clone()),
            Own::Closed => Err(ending()),
            Own::None => Err(failure(&SupervisorError::NotFound(name.to_owned()))),
        }
    }
}

impl Supervision for OfActor {
    fn add(&self, spec: Value) -> Pending {
        let supervisor = self.made();
        Box::pin(async move {
            let supervisor = supervisor?;
            // Names of users are looked up where the system has them.
            let read = tokio::task::spawn_blocking(move || spec::read(&spec)).await;
            let (spec, options) =
                read.map_err(|error| Failure::new(ErrorKind::Internal, format!("the spec: {error}")))??;
            let name = Value::from(spec.name.as_str());
            supervisor.register_with(spec, options).await.map_err(|error| failure(&error))?;
            Ok(name)
        })
    }

    fn order(&self, order: Order, name: &str, instance: Option<u32>) -> Pending {
        let (supervisor, name) = (self.known(name), name.to_owned());
        Box::pin(async move {
            carry_out(&supervisor?, order, &name, instance).await.map_err(|error| failure(&error))?;
            Ok(Value::Boolean(true))
        })
    }

    fn logs(&self, name: &str, instance: u32, lines: usize) -> Pending {
        let query = LogQuery { tail: lines, follow: false };
        let kept = self
            .known(name)
            .and_then(|supervisor| supervisor.logs(name, instance, query).map_err(|error| failure(&error)));
        Box::pin(async move {
            let (mut kept, mut lines) = (kept?, Vec::new());
            while let Some(received) = kept.next().await {
                if let Received::Line(line) = received {
                    lines.push(shown::line(&line));
                }
            }
            Ok(lines.into())
        })
    }

    fn status(&self, name: Option<&str>) -> Result<Vec<Value>, Failure> {
        let all = match name {
            Some(name) => self.known(name)?.status_of(name).map_err(|error| failure(&error))?,
            None => match &*self.lock() {
                Own::Some(_, supervisor) => supervisor.status(),
                Own::None | Own::Closed => Vec::new(),
            },
        };
        Ok(all.iter().map(shown::status).collect())
    }

    fn names(&self) -> Vec<String> {
        match &*self.lock() {
            Own::Some(_, supervisor) => supervisor.list_names(),
            Own::None | Own::Closed => Vec::new(),
        }
    }

    fn events(&self, waker: Waker) -> Result<Arc<dyn Reports>, Failure> {
        Ok(Arc::new(Happenings::of(&self.made()?, &self.all.io, waker)))
    }

    fn output(&self, name: &str, waker: Waker) -> Result<Arc<dyn Reports>, Failure> {
        let supervisor = self.known(name)?;
        let lines = Lines::of(supervisor, name, &self.all.io, waker).map_err(|error| failure(&error))?;
        Ok(Arc::new(lines))
    }

    fn close(&self) {
        let own = std::mem::replace(&mut *self.lock(), Own::Closed);
        if let Own::Some(number, supervisor) = own {
            let all = self.all.clone();
            self.all.io.spawn(async move {
                supervisor.shutdown(ShutdownOptions::default()).await;
                all.lock().live.remove(&number);
            });
        }
    }
}

impl Drop for OfActor {
    fn drop(&mut self) {
        self.close();
    }
}

async fn carry_out(
    supervisor: &Supervisor,
    order: Order,
    name: &str,
    instance: Option<u32>,
) -> Result<(), SupervisorError> {
    match (order, instance) {
        (Order::Start, None) => supervisor.start(name).await,
        (Order::Start, Some(instance)) => supervisor.start_instance(name, instance).await,
        (Order::Stop, None) => supervisor.stop(name).await,
        (Order::Stop, Some(instance)) => supervisor.stop_instance(name, instance).await,
        (Order::Restart, None) => supervisor.restart(name).await,
        (Order::Restart, Some(instance)) => supervisor.restart_instance(name, instance).await,
        (Order::Kill, Some(instance)) => supervisor.kill(name, instance).await,
        (Order::Signal(signal), Some(instance)) => supervisor.signal(name, instance, &signal).await,
        (Order::Remove, _) => supervisor.unregister(name).await,
        (Order::Scale(instances), _) => supervisor.scale(name, instances).await,
        (Order::Kill, None) => {
            let mut done = Vec::new();
            for status in supervisor.status_of(name)? {
                done.push(supervisor.kill(name, status.instance).await);
            }
            any(done)
        }
        (Order::Signal(signal), None) => {
            let mut done = Vec::new();
            for status in supervisor.status_of(name)? {
                done.push(supervisor.signal(name, status.instance, &signal).await);
            }
            any(done)
        }
        (order, _) => {
            let text = format!("{order:?} is not known here");
            Err(SupervisorError::Process(ProcessError::InvalidState(text)))
        }
    }
}

/// What came of something done to all instances: that some of them do not run is no error unless none does.
fn any(mut done: Vec<Result<(), SupervisorError>>) -> Result<(), SupervisorError> {
    if done.iter().any(Result::is_ok) {
        return Ok(());
    }
    done.pop().unwrap_or(Ok(()))
}

/// A supervisor's error as scripts see it: its message, and what is below it.
fn failure(error: &SupervisorError) -> Failure {
    let kind = match error {
        SupervisorError::DuplicateName(_) => ErrorKind::AlreadyExists,
        SupervisorError::NotFound(_) | SupervisorError::InvalidInstance(_) => ErrorKind::NotFound,
        SupervisorError::StillRunning(_) => ErrorKind::Conflict,
        SupervisorError::InvalidSpec(_)
        | SupervisorError::InvalidOptions { .. }
        | SupervisorError::DependencyCycle(_) => ErrorKind::Invalid,
        SupervisorError::DependencyFailed { .. } | SupervisorError::ShuttingDown => ErrorKind::Unavailable,
        SupervisorError::Timeout(_) => ErrorKind::Timeout,
        SupervisorError::Process(error) => match error {
            ProcessError::SpawnFailed(_) => ErrorKind::Unavailable,
            ProcessError::NotFound(_) => ErrorKind::NotFound,
            ProcessError::AlreadyExists(_) => ErrorKind::AlreadyExists,
            ProcessError::InvalidState(_) | ProcessError::SignalFailed(_) => ErrorKind::Invalid,
            ProcessError::Io(_) => ErrorKind::Internal,
        },
        _ => ErrorKind::Internal,
    };
    let mut message = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(below) = cause {
        message = format!("{message}: {below}");
        cause = below.source();
    }
    Failure::new(kind, message)
}
