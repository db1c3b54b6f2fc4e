use std::any::Any;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use perilune_actor_core::{
    Actor, ActorError, ActorFactory, Answer, Context, Envelope, ErrorKind, Event, ExitReason, Failure, HostId, Name,
    Notice, Outcome, Pid, Placement, Relation, Spawn, Step, Topic, Value,
};

use crate::stage::wait;

/// A scripted actor, seen from the case that drives it.
///
/// It does what the case says, one command after the other, and reports whatever it sees: messages (of topics it does not
/// listen to), events, timers and answers. So a case never sleeps; it waits for reports.
///
/// Commands come as completions of work outside the scheduler: they leave the mailbox alone.
pub struct Probe {
    pid: Pid,
    desk: Arc<Desk>,
    messages: Receiver<Envelope>,
    events: Receiver<Event>,
    timers: Receiver<u64>,
    answers: Receiver<(u64, Answer)>,
    ended: Receiver<ExitReason>,
}

/// How a probe starts.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Its name.
    pub name: Option<Name>,
    /// Relations to the parent.
    pub relation: Relation,
    /// Where it lives.
    pub placement: Option<Placement>,
    /// Its first messages.
    pub messages: Vec<(Topic, Value)>,
    /// Leaves everything in its mailbox, for commands to look at.
    pub holds: bool,
    /// Whether failures of linked actors are events from the start.
    pub trap_links: bool,
}

impl Plan {
    /// A probe that leaves everything in its mailbox.
    pub fn holding() -> Self {
        Self { holds: true, ..Self::default() }
    }

    /// A probe that traps links.
    pub fn trapping() -> Self {
        Self { trap_links: true, ..Self::default() }
    }

    /// A child with these relations to its parent.
    pub fn related(monitored: bool, linked: bool) -> Self {
        Self { relation: Relation { monitored, linked }, ..Self::default() }
    }
}

/// A topic.
///
/// # Panics
/// The text is no topic.
pub fn topic(text: &str) -> Topic {
    Topic::new(text).expect("a topic")
}

/// The failure that [`Probe::fail`] ends with.
pub fn failure() -> Failure {
    Failure::new(ErrorKind::Other("Scripted".into()), "scripted failure")
}

impl Probe {
    pub(crate) fn rehearse(host: HostId, plan: Plan) -> (Spawn, Rehearsal) {
        let desk = Arc::new(Desk::default());
        let (tell_message, messages) = unbounded();
        let (tell_event, events) = unbounded();
        let (tell_timer, timers) = unbounded();
        let (tell_answer, answers) = unbounded();
        let (tell_end, ended) = bounded(1);
        let player = Player {
            desk: Arc::new(Desks(Arc::clone(&desk))),
            holds: plan.holds,
            messages: tell_message,
            events: tell_event,
            timers: tell_timer,
            answers: tell_answer,
        };
        let mut spawn = Spawn::new(host, player.factory(plan.trap_links));
        spawn.name = plan.name;
        spawn.relation = plan.relation;
        spawn.placement = plan.placement;
        spawn.messages = plan.messages;
        spawn.on_exit = Some(Box::new(move |reason| {
            let _ = tell_end.send(reason.clone());
        }));
        let start = move |pid| Self { pid, desk, messages, events, timers, answers, ended };
        (spawn, Rehearsal(Box::new(start)))
    }

    /// Its pid.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    // --- commands

    /// Does something as the actor and gives the result.
    ///
    /// # Panics
    /// The actor has ended.
    pub fn run<R: Send + 'static>(&self, command: impl FnOnce(&mut dyn Context) -> R + Send + 'static) -> R {
        let (tell, told) = bounded(1);
        self.cast(move |cx| {
            let _ = tell.send(command(cx));
        });
        wait(&told, "the result of a command")
    }

    /// Does something as the actor, some time.
    pub fn cast(&self, command: impl FnOnce(&mut dyn Context) + Send + 'static) {
        self.desk.put(Command::Run(Box::new(command)));
    }

    /// Ends with that reason, some time.
    pub fn exit(&self, reason: ExitReason) {
        self.desk.put(Command::Exit(reason));
    }

    /// Ends normally, some time.
    pub fn finish(&self) {
        self.exit(ExitReason::Normal(None));
    }

    /// Fails with [`failure`], some time.
    pub fn fail(&self) {
        self.exit(ExitReason::failed(failure()));
    }

    /// Goes on as another probe that reports to the same place, and holds and traps as planned; the rest of a plan is
    /// for spawns. Returns when it has.
    ///
    /// # Panics
    /// The actor has ended.
    pub fn transform(&self, plan: Plan) {
        self.desk.put(Command::Transform(plan));
        self.run(|_| ());
    }

    /// Goes on as what the factory makes, some time.
    pub fn become_what(&self, factory: Box<dyn ActorFactory>) {
        self.desk.put(Command::Become(factory));
    }

    /// Panics with that text in its step, some time.
    pub fn panic(&self, text: &'static str) {
        // Past the panic hook: this one is no news.
        self.cast(move |_| std::panic::resume_unwind(Box::new(text)));
    }

    /// Sends a message.
    ///
    /// # Errors
    /// What the scheduler answers.
    pub fn send(&self, to: Pid, about: &str, payload: impl Into<Value>) -> Result<(), ActorError> {
        let (about, payload) = (topic(about), payload.into());
        self.run(move |cx| cx.send(to, about, payload))
    }

    /// Monitors, and waits for the answer if it does not come at once.
    ///
    /// # Errors
    /// What the scheduler answers.
    pub fn monitor(&self, target: Pid) -> Result<(), ActorError> {
        let token = self.desk.token();
        self.outcome(token, self.run(move |cx| cx.monitor(target, Some(token))))
    }

    /// Undoes it.
    pub fn unmonitor(&self, target: Pid) {
        self.run(move |cx| cx.unmonitor(target));
    }

    /// Links, and waits for the answer if it does not come at once.
    ///
    /// # Errors
    /// What the scheduler answers.
    pub fn link(&self, target: Pid) -> Result<(), ActorError> {
        let token = self.desk.token();
        self.outcome(token, self.run(move |cx| cx.link(target, Some(token))))
    }

    /// Undoes it.
    pub fn unlink(&self, target: Pid) {
        self.run(move |cx| cx.unlink(target));
    }

    /// Starts a child that need not live on the same worker.
    ///
    /// # Errors
    /// What the scheduler answers.
    pub fn spawn(&self, plan: Plan) -> Result<Self, ActorError> {
        let (spawn, rehearsal) = Self::rehearse(self.pid.host(), plan);
        let token = self.desk.token();
        let pid = match self.run(move |cx| cx.spawn(spawn, Some(token))) {
            Outcome::Done(result) => result?,
            Outcome::Pending => match self.answer_to(token) {
                Answer::Spawned(result) => result?,
                other => panic!("not the answer to a spawn: {other:?}"),
            },
        };
        Ok(rehearsal.start(pid))
    }

    /// Starts a child on the same worker.
    ///
    /// # Errors
    /// What the scheduler answers.
    pub fn spawn_here(&self, plan: Plan) -> Result<Self, ActorError> {
        let (spawn, rehearsal) = Self::rehearse(self.pid.host(), plan);
        match self.run(move |cx| cx.spawn(spawn, None)) {
            Outcome::Done(result) => Ok(rehearsal.start(result?)),
            Outcome::Pending => panic!("a spawn without token is answered at once"),
        }
    }

    fn outcome(&self, token: u64, outcome: Outcome<()>) -> Result<(), ActorError> {
        match outcome {
            Outcome::Done(result) => result,
            Outcome::Pending => match self.answer_to(token) {
                Answer::Related(result) => result,
                other => panic!("not the answer to a relation: {other:?}"),
            },
        }
    }

    fn answer_to(&self, token: u64) -> Answer {
        let (answered, answer) = self.answer();
        assert_eq!(answered, token, "an answer to another question: {answer:?}");
        answer
    }

    // --- reports

    /// The next message.
    pub fn message(&self) -> Envelope {
        wait(&self.messages, "a message")
    }

    /// The next event.
    pub fn event(&self) -> Event {
        wait(&self.events, "an event")
    }

    /// The next timer's token.
    pub fn timer(&self) -> u64 {
        wait(&self.timers, "a timer")
    }

    /// The next answer with its token.
    pub fn answer(&self) -> (u64, Answer) {
        wait(&self.answers, "an answer")
    }

    /// The reason of its end.
    pub fn ended(&self) -> ExitReason {
        wait(&self.ended, "the end of an actor")
    }

    /// The end of a monitored actor, as its next event.
    ///
    /// # Panics
    /// The event is another one.
    pub fn down(&self) -> (Pid, ExitReason) {
        match self.event() {
            Event::Down { from, reason, .. } => (from, reason),
            other => panic!("not the end of an actor: {other:?}"),
        }
    }

    /// The failure of a linked actor, as its next event.
    ///
    /// # Panics
    /// The event is another one.
    pub fn link_down(&self) -> (Pid, Arc<Failure>) {
        match self.event() {
            Event::LinkDown { from, failure, .. } => (from, failure),
            other => panic!("not the failure of a linked actor: {other:?}"),
        }
    }

    /// The events that have come so far and were not looked at.
    pub fn events(&self) -> Vec<Event> {
        self.run(|_| ());
        self.events.try_iter().collect()
    }

    /// Checks that nothing was reported that the case has not looked at.
    ///
    /// # Panics
    /// Something was.
    pub fn is_quiet(&self) {
        self.run(|_| ());
        assert_eq!(self.messages.try_iter().collect::<Vec<_>>(), []);
        assert_eq!(self.events.try_iter().collect::<Vec<_>>(), []);
        assert_eq!(self.timers.try_iter().collect::<Vec<_>>(), []);
        assert!(self.answers.is_empty(), "an answer nobody asked for");
    }

    /// Whether the hook was called that tells of its end.
    pub fn has_ended(&self) -> bool {
        !self.ended.is_empty()
    }
}

/// A probe that is not there yet.
pub(crate) struct Rehearsal(Box<dyn FnOnce(Pid) -> Probe>);

impl Rehearsal {
    pub(crate) fn start(self, pid: Pid) -> Probe {
        (self.0)(pid)
    }
}

type Act = Box<dyn FnOnce(&mut dyn Context) + Send>;

enum Command {
    Run(Act),
    Transform(Plan),
    Become(Box<dyn ActorFactory>),
    Exit(ExitReason),
}

type Bell = Box<dyn FnOnce(Box<dyn Any + Send>) + Send>;

/// Where commands wait, and the bell that calls the actor.
#[derive(Default)]
struct Desk {
    commands: Mutex<VecDeque<Command>>,
    bell: Mutex<Option<Bell>>,
    tokens: AtomicU64,
    closed: std::sync::atomic::AtomicBool,
}

impl Desk {
    /// The command is there before the bell rings, and the actor hangs the bell up before it looks: none is forgotten.
    fn put(&self, command: Command) {
        let mut commands = lock(&self.commands);
        if self.closed.load(Ordering::SeqCst) {
            return;
        }
        commands.push_back(command);
        drop(commands);
        let bell = lock(&self.bell).take();
        if let Some(ring) = bell {
            ring(Box::new(()));
        }
    }

    fn hang(&self, cx: &mut dyn Context) {
        let bell = cx.completion(u64::MAX);
        *lock(&self.bell) = Some(bell);
    }

    fn next(&self) -> Option<Command> {
        lock(&self.commands).pop_front()
    }

    fn token(&self) -> u64 {
        self.tokens.fetch_add(1, Ordering::Relaxed)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// The actor's end of a desk: when it goes, whoever waits for a command learns that nothing will come.
struct Desks(Arc<Desk>);

impl Drop for Desks {
    fn drop(&mut self) {
        let mut commands = lock(&self.0.commands);
        self.0.closed.store(true, Ordering::SeqCst);
        let forgotten = std::mem::take(&mut *commands);
        drop(commands);
        drop(forgotten);
    }
}

#[derive(Clone)]
struct Player {
    desk: Arc<Desks>,
    holds: bool,
    messages: Sender<Envelope>,
    events: Sender<Event>,
    timers: Sender<u64>,
    answers: Sender<(u64, Answer)>,
}

impl Player {
    fn factory(self, trap_links: bool) -> Box<dyn ActorFactory> {
        Box::new(move |cx: &mut dyn Context| -> Result<Box<dyn Actor>, Failure> {
            self.desk.0.hang(cx);
            // Off is what every actor starts with, and also what one becomes.
            if trap_links {
                cx.set_trap_links(true);
            }
            Ok(Box::new(self))
        })
    }

    fn report(&self, cx: &mut dyn Context) {
        if self.holds {
            return;
        }
        while let Some(message) = cx.mailbox().take_unlistened() {
            let _ = self.messages.send(message);
        }
        while let Some(event) = cx.mailbox().take_event() {
            let _ = self.events.send(event);
        }
    }
}

impl Actor for Player {
    fn step(&mut self, cx: &mut dyn Context) -> Step {
        // What came before a command is reported before the command's result.
        self.report(cx);
        while let Some(command) = self.desk.0.next() {
            match command {
                Command::Run(run) => run(cx),
                Command::Transform(plan) => {
                    let next = Self { holds: plan.holds, ..self.clone() };
                    return Step::Become(next.factory(plan.trap_links));
                }
                Command::Become(factory) => return Step::Become(factory),
                Command::Exit(reason) => return Step::Exit(reason),
            }
        }
        self.report(cx);
        Step::Wait
    }

    fn notice(&mut self, notice: Notice, cx: &mut dyn Context) {
        match notice {
            Notice::Timer { token } => drop(self.timers.send(token)),
            Notice::Answer { token, answer } => drop(self.answers.send((token, answer))),
            Notice::Completion { token: u64::MAX, .. } => self.desk.0.hang(cx),
            other => panic!("unexpected: {other:?}"),
        }
    }
}
