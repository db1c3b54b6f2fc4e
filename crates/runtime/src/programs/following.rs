//! What happens to programs and what they write, on the way to the actor that keeps them.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use perilune_actor_core::{Value, Waker};
use perilune_lua_bindings::Reports;
use perilune_supervisor::log::{LogQuery, LogReceiver, Received as Written};
use perilune_supervisor::process::ProcessId;
use perilune_supervisor::{EventKind, EventReceiver, Received, Supervisor, SupervisorError};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::shown;

/// So many lines wait for the actor; when there are more, they wait in the supervisor, which drops the oldest.
const WAITING: usize = 64;

/// A task that ends when nobody wants what it does.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Events. Those that are not taken in time are lost, the oldest first, and counted.
pub(super) struct Happenings {
    events: Mutex<EventReceiver>,
    _watch: Task,
}

impl Happenings {
    pub(super) fn of(supervisor: &Supervisor, io: &Handle, waker: Waker) -> Self {
        // Two receivers get everything at the same moment: one knows when, the other has what.
        let (events, mut seen) = (supervisor.events(), supervisor.events());
        let watch = io.spawn(async move {
            while seen.recv().await.is_some() {
                waker();
            }
        });
        Self { events: Mutex::new(events), _watch: Task(watch) }
    }
}

impl Reports for Happenings {
    fn take(&self) -> Option<Value> {
        let received = self.events.lock().unwrap_or_else(PoisonError::into_inner).try_recv()?;
        Some(match received {
            Received::Event(event) => shown::event(&event),
            Received::Lagged(missed) => shown::lagged(missed),
        })
    }

    fn is_over(&self) -> bool {
        false
    }
}

/// Lines of all instances of one program.
pub(super) struct Lines {
    queue: Arc<Queue>,
    _follow: Task,
}

struct Queue {
    state: Mutex<State>,
    room: Notify,
    waker: Waker,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Value>,
    over: bool,
}

impl Lines {
    pub(super) fn of(supervisor: Supervisor, name: &str, io: &Handle, waker: Waker) -> Result<Self, SupervisorError> {
        let queue = Arc::new(Queue { state: Mutex::default(), room: Notify::new(), waker });
        let events = supervisor.events();
        let follow = Follow { id: supervisor.spec(name)?.id, supervisor, name: name.to_owned(), queue: queue.clone() };
        let query = LogQuery { tail: 0, follow: true };
        let mut found = Vec::new();
        for status in follow.supervisor.status_of(name)? {
            found.push((status.instance, follow.supervisor.logs(name, status.instance, query)?));
        }
        let follow = io.spawn(follow.all(events, found));
        Ok(Self { queue, _follow: Task(follow) })
    }
}

impl Reports for Lines {
    fn take(&self) -> Option<Value> {
        let value = self.queue.lock().waiting.pop_front()?;
        self.queue.room.notify_one();
        Some(value)
    }

    fn is_over(&self) -> bool {
        let state = self.queue.lock();
        state.over && state.waiting.is_empty()
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn put(&self, value: Value) {
        let mut value = Some(value);
        loop {
            let room = self.room.notified();
            if self.try_put(&mut value) {
                return;
            }
            room.await;
        }
    }

    fn try_put(&self, value: &mut Option<Value>) -> bool {
        let mut state = self.lock();
        if state.waiting.len() >= WAITING {
            return false;
        }
        state.waiting.extend(value.take());
        let (first, more) = (state.waiting.len() == 1, state.waiting.len() < WAITING);
        drop(state);
        // Whoever was woken before looks at all there is.
        if first {
            (self.waker)();
        }
        // Several may have waited for the room that one of them was told of.
        if more {
            self.room.notify_one();
        }
        true
    }

    fn end(&self) {
        self.lock().over = true;
        (self.waker)();
    }
}

/// Follows one program through all changes of the number of its instances.
struct Follow {
    id: ProcessId,
    supervisor: Supervisor,
    name: String,
    queue: Arc<Queue>,
}

impl Follow {
    async fn all(self, mut events: EventReceiver, found: Vec<(u32, LogReceiver)>) {
        let follow = Arc::new(self);
        let mut followed: HashMap<u32, Task> = HashMap::new();
        for (instance, lines) in found {
            followed.insert(instance, Task(tokio::spawn(follow.clone().one(instance, lines))));
        }
        while let Some(received) = events.recv().await {
            match received {
                Received::Event(event) if event.name != follow.name => continue,
                Received::Event(event) if event.kind == EventKind::Unregistered => break,
                _ if !follow.is_there() => break,
                _ => {}
            }
            for status in follow.supervisor.status_of(&follow.name).unwrap_or_default() {
                let is_new = followed.get(&status.instance).is_none_or(|task| task.0.is_finished());
                if is_new && let Some(lines) = follow.anew(status.instance) {
                    followed.insert(status.instance, Task(tokio::spawn(follow.clone().one(status.instance, lines))));
                }
            }
        }
        for task in followed.values_mut() {
            // It ends with what it follows.
            let _ = (&mut task.0).await;
        }
        follow.queue.end();
    }

    async fn one(self: Arc<Self>, instance: u32, mut lines: LogReceiver) {
        loop {
            match lines.next().await {
                Some(Written::Line(line)) => self.queue.put(shown::line(&line)).await,
                Some(Written::Lost(bytes)) => self.queue.put(shown::lost(&self.name, instance, bytes)).await,
                Some(Written::Ended) => {}
                // Its number may have been given again meanwhile.
                None => match self.anew(instance) {
                    Some(again) => lines = again,
                    None => return,
                },
            }
        }
    }

    /// Everything that an instance writes which was not there before.
    fn anew(&self, instance: u32) -> Option<LogReceiver> {
        let everything = LogQuery { tail: usize::MAX, follow: true };
        let lines = self.supervisor.logs(&self.name, instance, everything).ok()?;
        self.is_there().then_some(lines)
    }

    /// Whether it is still the program that it was.
    fn is_there(&self) -> bool {
        self.supervisor.spec(&self.name).is_ok_and(|spec| spec.id == self.id)
    }
}
