//! Asks the policies before scripts do anything to others.

mod entries;
mod environment;
mod recent;

use std::cell::{LazyCell, RefCell};
use std::pin::Pin;
use std::sync::Arc;

use perilune_actor_core::{Failure, HostId, Pid, Value, Waker};
use perilune_lua_bindings::{
    Access, Callable, Definition, EntryRegistry, Environment, ExecutorHandle, Level, Origin, Published, Purpose,
    Resource, Services, Start, Started, Subscription, Supervision, Terminal, Volume,
};
use perilune_policy::{Decision, Map, PolicyEngine, Request, Strictness, Subject, Verdict};

use self::recent::{Question, Recent};

/// Services that do for a script only what its policies allow. What is asked of them first is the permission; whether
/// the thing exists is the business of what they wrap.
pub(crate) struct Guarded<S> {
    inner: Arc<S>,
    guard: Guard,
}

/// What it takes to decide.
#[derive(Clone)]
struct Guard {
    engine: Arc<dyn PolicyEngine>,
    strictness: Strictness,
}

thread_local! {
    /// What was decided on this worker.
    static DECIDED: RefCell<Recent> = RefCell::new(Recent::new());
    /// The attributes of the actor that was last asked for them.
    static OWN: RefCell<Option<(Pid, Map)>> = const { RefCell::new(None) };
}

impl<S: Services> Guarded<S> {
    pub(crate) fn new(inner: Arc<S>, engine: Arc<dyn PolicyEngine>, strictness: Strictness) -> Self {
        Self { inner, guard: Guard { engine, strictness } }
    }

    fn check(&self, origin: &Origin<'_>, access: &Access<'_>) -> Result<(), Failure> {
        self.guard.check(origin, access)
    }

    fn check_start(&self, origin: &Origin<'_>, start: &Start<'_>) -> Result<(), Failure> {
        let Start { id, host, purpose } = *start;
        match purpose {
            Purpose::Spawn(relation) => {
                self.check(origin, &Access::to("process.spawn", id, "not allowed to spawn process"))?;
                if relation.monitored {
                    let refusal = "not allowed to spawn monitored process";
                    self.check(origin, &Access::to("process.spawn.monitored", id, refusal))?;
                }
                if relation.linked {
                    let refusal = "not allowed to spawn linked process";
                    self.check(origin, &Access::to("process.spawn.linked", id, refusal))?;
                }
            }
            Purpose::Call => self.check(origin, &Access::to("process.call", id, "not allowed to call process"))?,
        }
        self.check(origin, &Access::to("process.host", host, "not allowed to spawn on host"))
    }
}

impl Guard {
    fn check(&self, origin: &Origin<'_>, access: &Access<'_>) -> Result<(), Failure> {
        self.admits(origin, access).map_err(|decision| {
            audit(origin, access, decision);
            access.refused()
        })
    }

    /// Whether no policy has a say in what an actor does. It is the same all its life: it keeps what it inherits.
    fn allows_everything(&self, origin: &Origin<'_>) -> bool {
        let is_decided = |subject: &Subject| subject.principal.is_some() && subject.scope.is_some();
        let has_policies = origin.inherited.is_some_and(|inherited| is_decided(&inherited.subject));
        !has_policies && self.strictness.admits(None)
    }

    /// What was decided, as the error of those who may not.
    fn admits(&self, origin: &Origin<'_>, access: &Access<'_>) -> Result<(), Option<Decision>> {
        let decision = origin.inherited.and_then(|inherited| self.decide(&inherited.subject, origin, access));
        if self.strictness.admits(decision) { Ok(()) } else { Err(decision) }
    }

    /// What the subject's policies say; `None` for one without.
    fn decide(&self, subject: &Subject, origin: &Origin<'_>, access: &Access<'_>) -> Option<Decision> {
        let (principal, scope) = (subject.principal.as_ref()?, subject.scope.as_ref()?);
        let (who, within) = (principal.identity(), scope.identity());
        let generation = self.engine.generation();
        let ask = |resource: &str| {
            let attributes = attributes(origin, access);
            scope.decide(&Request::new(principal, access.action, resource).with_lazy_attributes(&attributes))
        };
        DECIDED.with_borrow_mut(|decided| {
            decided.advance(generation);
            let question = Question { who, within, action: access.action };
            Some(match access.resource {
                Resource::Actor(pid) => decided.about_actor(question, pid, ask),
                Resource::Text(text) => decided.about_text(question, text, || ask(text)),
            })
        })
    }
}

/// What a call adds to its request. Made only when a policy looks.
fn attributes<'a>(origin: &'a Origin<'_>, access: &'a Access<'_>) -> LazyCell<Map, impl FnOnce() -> Map + 'a> {
    LazyCell::new(|| {
        if access.target.is_none() && access.attributes.is_empty() {
            return own_attributes(origin.pid);
        }
        let others = access.attributes.iter().map(|(name, text)| (*name, (*text).to_owned()));
        let target = access.target.map(|target| ("target", target.to_string()));
        // Whatever a module adds, it does not hide whose call it is.
        Map::texts(others.chain(target).chain([("pid", origin.pid.to_string())]))
    })
}

/// What every call of that actor adds. Kept for the next, which is likely to be of the same actor.
fn own_attributes(pid: Pid) -> Map {
    OWN.with_borrow_mut(|kept| match kept {
        Some((owner, map)) if *owner == pid => map.clone(),
        _ => {
            let map = Map::texts([("pid", pid.to_string())]);
            *kept = Some((pid, map.clone()));
            map
        }
    })
}

/// Tells those who watch why something was refused. Evaluating again, with reasons, is for them alone.
fn audit(origin: &Origin<'_>, access: &Access<'_>, decision: Option<Decision>) {
    if !tracing::enabled!(target: "perilune::audit", tracing::Level::DEBUG) {
        return;
    }
    let subject = origin.inherited.map(|inherited| &inherited.subject);
    let resource = access.resource.to_string();
    let principal = subject.and_then(|subject| subject.principal.as_ref());
    let name = principal.map_or("", |principal| principal.id());
    let reason = match (decision, principal, subject.and_then(|subject| subject.scope.as_ref())) {
        (Some(_), Some(principal), Some(scope)) => {
            let attributes = attributes(origin, access);
            let request = Request::new(principal, access.action, &resource).with_lazy_attributes(&attributes);
            scope.evaluate(&request).to_string()
        }
        _ => "it acts for nobody or within no policies, and security.strict_mode is on".into(),
    };
    tracing::debug!(
        target: "perilune::audit",
        principal = name,
        action = access.action,
        resource,
        pid = %origin.pid,
        entry = %origin.definition.id,
        "denied: {reason}"
    );
}

impl<S: Services> Services for Guarded<S> {
    fn authorize(&self, origin: &Origin<'_>, access: &Access<'_>) -> Result<(), Failure> {
        self.check(origin, access)?;
        self.inner.authorize(origin, access)
    }

    fn allows_everything(&self, origin: &Origin<'_>) -> bool {
        self.guard.allows_everything(origin) && self.inner.allows_everything(origin)
    }

    fn policies(&self) -> Option<Arc<dyn PolicyEngine>> {
        Some(Arc::clone(&self.guard.engine))
    }

    fn start(&self, origin: &Origin<'_>, start: &Start<'_>) -> Result<Started, Failure> {
        self.check_start(origin, start)?;
        self.inner.start(origin, start)
    }

    fn function(&self, origin: &Origin<'_>, id: &str) -> Result<Callable, Failure> {
        self.check(origin, &Access::to("funcs.call", id, "not allowed"))?;
        self.inner.function(origin, id)
    }

    fn executor(&self, origin: &Origin<'_>, id: &str) -> Result<ExecutorHandle, Failure> {
        let access = Access::new("exec.get", Resource::Text(id), "permission denied: access executor", "");
        self.check(origin, &access)?;
        self.inner.executor(origin, id)
    }

    fn drive(&self, work: Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.inner.drive(work);
    }

    fn publish(&self, origin: &Origin<'_>, event: Published) -> Result<(), Failure> {
        self.check(origin, &Access::to("events.send", &event.system, "not allowed to send events"))?;
        self.inner.publish(origin, event)
    }

    fn subscribe(
        &self,
        origin: &Origin<'_>,
        system: &str,
        kind: Option<&str>,
        waker: Waker,
    ) -> Result<Arc<dyn Subscription>, Failure> {
        self.check(origin, &Access::to("events.subscribe", system, "not allowed to subscribe to events"))?;
        self.inner.subscribe(origin, system, kind, waker)
    }

    fn volume(&self, origin: &Origin<'_>, id: &str) -> Result<Arc<dyn Volume>, Failure> {
        self.check(origin, &Access::to("fs.get", id, "not allowed to use volume"))?;
        self.inner.volume(origin, id)
    }

    /// What is done to each of them is authorized where it is asked for.
    fn supervision(&self, origin: &Origin<'_>) -> Result<Arc<dyn Supervision>, Failure> {
        self.inner.supervision(origin)
    }

    fn process(&self, id: &str) -> Result<Arc<Definition>, Failure> {
        self.inner.process(id)
    }

    fn host(&self, id: &str) -> Result<HostId, Failure> {
        self.inner.host(id)
    }

    fn print(&self, origin: &Origin<'_>, line: &[u8]) {
        self.inner.print(origin, line);
    }

    fn log(&self, origin: &Origin<'_>, level: Level, name: &str, message: &str, fields: &[(String, Value)]) {
        self.inner.log(origin, level, name, message, fields);
    }

    fn failed(&self, origin: &Origin<'_>, failure: &Failure) {
        self.inner.failed(origin, failure);
    }

    fn terminal(&self, host: HostId) -> Option<Arc<dyn Terminal>> {
        self.inner.terminal(host)
    }

    fn registry(&self) -> Option<Arc<dyn EntryRegistry>> {
        Some(self.guard.entries(self.inner.registry()?))
    }

    fn environment(&self) -> Option<&dyn Environment> {
        self.inner.environment().map(|_| self as _)
    }
}

/// What may be remembered.
fn lasting(verdict: Verdict) -> Option<Decision> {
    (!verdict.depends_on_attributes).then_some(verdict.decision)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;

    #[test]
    fn calls_of_different_actors_are_told_apart() {
        let pid = |number| Pid::local(HostId::new("app:guard"), NonZeroU64::new(number).unwrap());
        for number in [1, 1, 2, 1, 2, 2] {
            let pid = pid(number);
            assert_eq!(own_attributes(pid), Map::texts([("pid", pid.to_string())]));
        }
    }
}
