use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::clock::Instant;
use crate::error::ActorError;
use crate::exit::ExitReason;
use crate::failure::Failure;
use crate::host::{HostId, Placement};
use crate::mailbox::Mailbox;
use crate::message::Topic;
use crate::name::Name;
use crate::pid::Pid;
use crate::scheduler::ExitHook;
use crate::value::Value;

/// What a scheduler drives, step by step. It lives and dies on one worker thread, and is never called twice at once.
///
/// ```
/// use perilune_actor_core::{Actor, Context, ExitReason, Notice, Step};
///
/// struct Echo;
///
/// impl Actor for Echo {
///     fn step(&mut self, cx: &mut dyn Context) -> Step {
///         while let Some(message) = cx.mailbox().take_unlistened() {
///             if message.topic.as_str() == "stop" {
///                 return Step::Exit(ExitReason::normal(message.payload));
///             }
///             if let Some(from) = message.from {
///                 // An answer nobody waits for any more is no reason to fail.
///                 let _ = cx.send(from, message.topic, message.payload);
///             }
///         }
///         Step::Wait
///     }
///     fn notice(&mut self, _: Notice, _: &mut dyn Context) {}
/// }
/// ```
pub trait Actor {
    /// Runs until there is nothing to do, the slice is used up, or the actor ends.
    ///
    /// Called when a message, event or notice has come, or the last step was [`Step::Yield`]; also without a reason, so
    /// an actor must look at what there is. A panic ends the actor, not the worker.
    fn step(&mut self, cx: &mut dyn Context) -> Step;

    /// Takes note of something the actor itself asked for; a [`step`](Self::step) follows.
    fn notice(&mut self, notice: Notice, cx: &mut dyn Context);
}

/// Why a step returned.
pub enum Step {
    /// There is more to do; others get their turn first.
    Yield,
    /// Nothing to do until something arrives.
    Wait,
    /// The actor goes on as what the factory makes: other code behind the same pid.
    ///
    /// Kept are pid, names, links, monitors in both directions, the deadline of a cancel, and every message and event
    /// that was not received; subscriptions end, so what waited for a listener waits for the inbox again. Links are
    /// no longer trapped. The actor's timers stop, and no notice of anything it had asked for reaches the new code.
    /// The former actor is dropped before the factory runs. A factory that fails is the actor's failure.
    Become(Box<dyn ActorFactory>),
    /// The actor has ended.
    Exit(ExitReason),
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Yield => f.write_str("Yield"),
            Self::Wait => f.write_str("Wait"),
            Self::Become(_) => f.write_str("Become"),
            Self::Exit(reason) => f.debug_tuple("Exit").field(reason).finish(),
        }
    }
}

/// Makes an actor look at what there is, from any thread. Nothing happens when it has ended.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// Something an actor asked for. `token` is what it gave when asking.
#[derive(Debug)]
#[non_exhaustive]
pub enum Notice {
    /// A timer is due. Never early.
    Timer {
        /// Which one.
        token: u64,
    },
    /// The answer to an operation that was [`Outcome::Pending`].
    Answer {
        /// Which one.
        token: u64,
        /// What came of it.
        answer: Answer,
    },
    /// Work outside the scheduler is done.
    Completion {
        /// Which one.
        token: u64,
        /// What the work produced.
        result: Box<dyn Any + Send>,
    },
}

/// Answer of an operation on another worker.
#[derive(Debug)]
#[non_exhaustive]
pub enum Answer {
    /// The pid of a new actor.
    Spawned(Result<Pid, ActorError>),
    /// Whether a monitor or link is in place.
    Related(Result<(), ActorError>),
}

/// Result of an operation that another worker may have to answer.
#[derive(Debug, PartialEq)]
pub enum Outcome<T> {
    /// Done, or refused.
    Done(Result<T, ActorError>),
    /// A [`Notice::Answer`] will tell.
    Pending,
}

/// A running timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimerId {
    /// When it is due.
    pub due: Instant,
    /// Tells it from others due at the same time; earlier ones fire first.
    pub serial: u64,
}

/// Relations of a new actor to its parent, in place before its first instruction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Relation {
    /// The parent monitors it.
    pub monitored: bool,
    /// The two are linked.
    pub linked: bool,
}

/// What to start, and where.
pub struct Spawn {
    /// The host it belongs to.
    pub host: HostId,
    /// Makes the actor, on the worker where it will live.
    pub factory: Box<dyn ActorFactory>,
    /// Relations to the parent; without a parent there are none.
    pub relation: Relation,
    /// Registered before the actor runs; a taken name fails the spawn.
    pub name: Option<Name>,
    /// In the mailbox before anything else, sent by the parent.
    pub messages: Vec<(Topic, Value)>,
    /// Overrides the host's placement.
    pub placement: Option<Placement>,
    /// Whom it is going to talk to, as far as anybody knows. A hint, for [`Placement::Auto`].
    pub beside: Option<Pid>,
    /// Called on the worker when the actor ends, after its names are free and before its observers learn of it.
    pub on_exit: Option<ExitHook>,
}

impl Spawn {
    /// Starts what `factory` makes on `host`, without relations.
    pub fn new(host: HostId, factory: Box<dyn ActorFactory>) -> Self {
        Self {
            host,
            factory,
            relation: Relation::default(),
            name: None,
            messages: Vec::new(),
            placement: None,
            beside: None,
            on_exit: None,
        }
    }
}

/// Makes one actor on the worker where it will live, which need not be the one that asked.
pub trait ActorFactory: Send {
    /// Makes it. `cx` already speaks for the new actor.
    ///
    /// # Errors
    /// The spawn fails with that error, and no actor was there.
    fn create(self: Box<Self>, cx: &mut dyn Context) -> Result<Box<dyn Actor>, Failure>;
}

impl<F> ActorFactory for F
where
    F: FnOnce(&mut dyn Context) -> Result<Box<dyn Actor>, Failure> + Send,
{
    fn create(self: Box<Self>, cx: &mut dyn Context) -> Result<Box<dyn Actor>, Failure> {
        self(cx)
    }
}

/// What a running actor can ask of its scheduler. Speaks for that actor.
pub trait Context {
    /// The actor's own pid.
    fn pid(&self) -> Pid;

    /// The present, monotonic. May be as old as the slice.
    fn now(&self) -> Instant;

    /// The present for people.
    fn wall(&self) -> SystemTime;

    /// The actor's own mailbox.
    fn mailbox(&mut self) -> &mut Mailbox;

    /// What the scheduler's owner gave this worker: a script engine, say.
    fn local(&mut self) -> &mut dyn Any;

    /// Queues a message behind everything this actor sent to `to` before.
    ///
    /// Success means queued, not handled.
    ///
    /// # Errors
    /// The receiver is gone or its mailbox full; nothing was queued.
    fn send(&mut self, to: Pid, topic: Topic, payload: Value) -> Result<(), ActorError>;

    /// Whether a message to that actor may be a [`Value::Local`]: it is on this worker, and has said that it understands
    /// them.
    fn shares_local(&self, to: Pid) -> bool {
        let _ = to;
        false
    }

    /// Starts an actor. With `token`, it may be started on another worker and the answer come later; without, it is
    /// started on this one.
    fn spawn(&mut self, spawn: Spawn, token: Option<u64>) -> Outcome<Pid>;

    /// Asks for the end of `target` as an event, exactly once. With `token`, the answer may come later; without, a
    /// target on another worker that ends at this very moment gives an event of kind `NotFound` instead of an error.
    ///
    /// Monitoring oneself does nothing.
    fn monitor(&mut self, target: Pid, token: Option<u64>) -> Outcome<()>;

    /// Undoes [`monitor`](Self::monitor). Afterwards no such event is received, not even one that waits already.
    fn unmonitor(&mut self, target: Pid);

    /// Links this actor and `target`: the failure of one reaches the other. `token` as in [`monitor`](Self::monitor).
    fn link(&mut self, target: Pid, token: Option<u64>) -> Outcome<()>;

    /// Undoes [`link`](Self::link), with the same promise as [`unmonitor`](Self::unmonitor).
    fn unlink(&mut self, target: Pid);

    /// Whether failures of linked actors are events instead of this actor's own failure.
    fn trap_links(&self) -> bool;

    /// Sets it, for failures delivered from now on.
    fn set_trap_links(&mut self, trap: bool);

    /// Asks `target` to end; by force once `deadline` has passed. A later deadline never replaces an earlier one.
    ///
    /// # Errors
    /// The target is gone.
    fn cancel(&mut self, target: Pid, deadline: Option<Duration>) -> Result<(), ActorError>;

    /// Ends `target` with that failure. For the actor itself, it ends when its current step returns.
    ///
    /// # Errors
    /// The target is gone.
    fn terminate(&mut self, target: Pid, failure: Failure) -> Result<(), ActorError>;

    /// Gives a name to a live actor of this node.
    ///
    /// # Errors
    /// The name is taken or no name, or the actor is gone.
    fn register(&mut self, name: &str, pid: Pid) -> Result<(), ActorError>;

    /// Takes a name away from whoever has it; false when nobody had it.
    fn unregister(&mut self, name: &str) -> bool;

    /// Who has the name.
    fn whereis(&self, name: &str) -> Option<Pid>;

    /// A number that is another one whenever a name may have come to mean another actor, for whoever remembers what
    /// [`whereis`](Self::whereis) said. `None` where nobody counts.
    fn names_version(&self) -> Option<u64> {
        None
    }

    /// Whether the actor still runs, as far as this node knows.
    fn is_alive(&self, pid: Pid) -> bool;

    /// Starts a timer that gives a [`Notice::Timer`], not before `delay` has passed since the call.
    fn start_timer(&mut self, delay: Duration, token: u64) -> TimerId;

    /// Stops it. False when it has fired.
    fn stop_timer(&mut self, timer: TimerId) -> bool;

    /// Something to be called, from any thread, when work outside the scheduler is done: it gives a
    /// [`Notice::Completion`]. An actor that ended meanwhile does not mind.
    fn completion(&mut self, token: u64) -> Box<dyn FnOnce(Box<dyn Any + Send>) + Send>;

    /// Something that makes this actor take a step, from any thread and as often as wanted.
    ///
    /// Unlike a [`completion`](Self::completion) it promises nothing: an actor with no more than wakers outside has
    /// nothing in flight.
    fn waker(&mut self) -> Waker;

    /// Whether other actors have work and wait for the end of this step, so that the actor had better not look out for
    /// anything. True where nobody knows.
    fn has_company(&self) -> bool {
        true
    }

    /// Whether somebody has asked, during this step, that the actor end at once.
    fn is_doomed(&self) -> bool;
}
