//! From a spawn to an actor that can run.

use perilune_actor_core::{ActorFactory, Context, Outcome, Relation, Spawn};

use super::*;

impl FakeWorker {
    /// Starts an actor, which need not be `Send` as a [`Spawn`]'s factory must.
    ///
    /// # Panics
    /// The host is full or stopping.
    pub fn start(&mut self, actor: impl Actor + 'static) -> Pid {
        let pid = self.node.enter(self.host()).unwrap_or_else(|error| panic!("{error}"));
        self.open(pid);
        self.place(pid).actor = Some(Box::new(actor));
        self.enqueue(pid);
        pid
    }

    /// Starts an actor without a parent.
    ///
    /// # Errors
    /// No such host, a host that is stopping or full, a name that is taken, or a factory that failed.
    pub fn spawn(&mut self, spawn: Spawn) -> Result<Pid, ActorError> {
        match self.spawn_for(None, spawn, None) {
            Outcome::Done(result) => result,
            Outcome::Pending => unreachable!("only questions with a token are answered later"),
        }
    }

    pub(super) fn spawn_for(&mut self, parent: Option<Pid>, spawn: Spawn, token: Option<u64>) -> Outcome<Pid> {
        let mut asked = self.recording.then(|| Asked::Spawn {
            host: spawn.host,
            name: spawn.name.clone(),
            relation: spawn.relation,
            messages: spawn.messages.clone(),
            placement: spawn.placement,
            token,
            child: None,
        });
        let outcome = match (parent, token) {
            (Some(by), Some(token)) if self.later && self.node.knows(spawn.host) => {
                let era = self.place(by).era;
                self.ask(Question::Spawn { by, token, era, spawn });
                Outcome::Pending
            }
            _ => Outcome::Done(self.spawn_now(spawn, parent)),
        };
        if let (Some(Asked::Spawn { child, .. }), Outcome::Done(Ok(pid))) = (&mut asked, &outcome) {
            *child = Some(*pid);
        }
        self.asked.extend(asked.map(|asked| (parent, asked)));
        outcome
    }

    pub(super) fn spawn_now(&mut self, spawn: Spawn, parent: Option<Pid>) -> Result<Pid, ActorError> {
        let pid = self.node.enter(spawn.host)?;
        self.open(pid);
        let Spawn { factory, relation, name, messages, on_exit, .. } = spawn;
        self.place(pid).on_exit = on_exit;
        let prepared = self.prepare(pid, parent, relation, name.as_deref(), messages);
        let created = prepared.and_then(|()| self.create(pid, factory).map_err(ActorError::Create));
        let place = self.place(pid);
        match (created, place.doomed.take()) {
            (Ok(actor), None) => {
                place.actor = Some(actor);
                self.enqueue(pid);
                Ok(pid)
            }
            (Ok(actor), Some(failure)) => {
                let _ = catch_unwind(AssertUnwindSafe(|| drop(actor)));
                self.abandon(pid, parent);
                Err(ActorError::Create(Failure::clone(&failure)))
            }
            (Err(error), _) => {
                self.abandon(pid, parent);
                Err(error)
            }
        }
    }

    /// Puts other code behind a pid. What the pid stands for in the eyes of others stays as it is.
    pub(super) fn transform(&mut self, pid: Pid, factory: Box<dyn ActorFactory>) {
        self.note(Some(pid), || Asked::Become);
        self.timers.retain(|_, (owner, what)| *owner != pid || *what == Due::CancelDeadline);
        let place = self.place(pid);
        place.era += 1;
        place.trap_links = false;
        place.mailbox.unlisten_all();
        let former = place.actor.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(former)));
        let created = self.create(pid, factory);
        let place = self.place(pid);
        match (created, place.doomed.clone()) {
            (Ok(actor), None) => {
                place.actor = Some(actor);
                self.enqueue(pid);
            }
            (_, Some(failure)) => self.finish(pid, ExitReason::Failed(failure)),
            (Err(failure), None) => self.finish(pid, ExitReason::failed(failure)),
        }
    }

    fn create(&mut self, pid: Pid, factory: Box<dyn ActorFactory>) -> Result<Box<dyn Actor>, Failure> {
        let mut cx = FakeContext { worker: self, pid };
        catch_unwind(AssertUnwindSafe(|| factory.create(&mut cx as &mut dyn Context)))
            .unwrap_or_else(|panic| Err(panic_failure(&*panic)))
    }

    fn open(&mut self, pid: Pid) {
        let place = Place {
            state: State::Creating,
            era: 0,
            asking: 0,
            actor: None,
            mailbox: self.node.mailbox(pid),
            relations: Relations::default(),
            trap_links: false,
            doomed: None,
            deadline: None,
            on_exit: None,
        };
        self.places.insert(pid, place);
    }

    /// Everything that must be in place before the first instruction.
    fn prepare(
        &mut self,
        pid: Pid,
        parent: Option<Pid>,
        relation: Relation,
        name: Option<&str>,
        messages: Vec<(perilune_actor_core::Topic, perilune_actor_core::Value)>,
    ) -> Result<(), ActorError> {
        // Before the name: whoever finds it may send, and must neither be first nor take the room.
        for (topic, payload) in messages {
            self.deliver(pid, Signal::Message(Envelope { from: parent, topic, payload }))?;
        }
        if let Some(name) = name {
            self.node.register(name, pid)?;
        }
        if let Some(parent) = parent {
            if relation.monitored {
                self.relate_now(parent, pid, relate::Kind::Monitor);
            }
            if relation.linked {
                self.relate_now(parent, pid, relate::Kind::Link);
            }
        }
        Ok(())
    }
}
