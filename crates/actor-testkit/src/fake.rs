mod asked;
mod context;
mod end;
mod node;
mod outside;
mod relate;
mod scheduler;
mod signals;
mod start;

use std::any::Any;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};
use perilune_actor_core::{
    Actor, ActorError, Answer, Clock, Envelope, ErrorKind, Event, ExitHook, ExitReason, Failure, HostId, HostSpec,
    Instant, LinkDown, Mailbox, NameRegistry, Notice, Pid, Relations, Signal, Step, Tell, TimerId,
};

use crate::clock::VirtualClock;
use crate::harness::Setup;

pub use asked::Asked;
pub use context::FakeContext;
pub use scheduler::FakeScheduler;

use node::Node;
use outside::Outside;
use relate::Question;

/// How many steps [`FakeWorker::run`] gives actors that never wait.
const PATIENCE: usize = 100_000;

/// Runs actors on the thread of a test, and only when the test says so.
///
/// It keeps all rules: what is not an actor under test can be another one, or a [bystander](Self::bystander) that the
/// test speaks for. It remembers what each actor [asked](Self::asked) for. Time is virtual and stands still until
/// [`advance`](Self::advance). Operations with a token are answered at once, as on one worker, or
/// [later](Self::answer_later), as on several.
///
/// What it does not do: run anything at the same time, or interrupt a step that takes long.
///
/// ```
/// use std::time::Duration;
///
/// use perilune_actor_core::{Actor, Context, ExitReason, Notice, Step, Value};
/// use perilune_actor_testkit::{Asked, FakeWorker, topic};
///
/// /// Ends when nothing comes for a second.
/// struct Patient;
///
/// impl Actor for Patient {
///     fn step(&mut self, cx: &mut dyn Context) -> Step {
///         cx.start_timer(Duration::from_secs(1), 7);
///         Step::Wait
///     }
///     fn notice(&mut self, _: Notice, cx: &mut dyn Context) {
///         let me = cx.pid();
///         cx.terminate(me, Default::default()).unwrap();
///     }
/// }
///
/// let mut worker = FakeWorker::default();
/// let patient = worker.start(Patient);
/// worker.run();
/// assert_eq!(worker.asked(patient), [Asked::StartTimer { delay: Duration::from_secs(1), token: 7 }]);
/// worker.advance(Duration::from_secs(1));
/// assert!(worker.ended(patient).is_some());
/// ```
pub struct FakeWorker {
    node: Arc<Node>,
    clock: Arc<dyn Clock>,
    /// The same, when this worker's owner may move it.
    manual: Option<Arc<VirtualClock>>,
    places: BTreeMap<Pid, Place>,
    queue: VecDeque<Pid>,
    timers: BTreeMap<TimerId, (Pid, Due)>,
    timer_serial: u64,
    untold: VecDeque<Tell>,
    telling: bool,
    later: bool,
    questions: VecDeque<Question>,
    recording: bool,
    asked: Vec<(Option<Pid>, Asked)>,
    ended: HashMap<Pid, ExitReason>,
    slices: u64,
    outside: Receiver<Outside>,
    inbox: Sender<Outside>,
    /// Work outside that actors were promised the end of.
    promised: Arc<AtomicUsize>,
    local: Box<dyn Any>,
}

/// One live actor.
struct Place {
    state: State,
    /// How often the actor has become something else.
    era: u64,
    /// How many answers it waits for.
    asking: usize,
    actor: Option<Box<dyn Actor>>,
    mailbox: Mailbox,
    relations: Relations,
    trap_links: bool,
    doomed: Option<Arc<Failure>>,
    deadline: Option<(TimerId, Arc<Failure>)>,
    on_exit: Option<ExitHook>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Its factory runs.
    Creating,
    Waiting,
    Ready,
    Running,
}

/// What a timer does.
#[derive(Clone, Copy, PartialEq)]
enum Due {
    Notice(u64),
    CancelDeadline,
}

impl Default for FakeWorker {
    /// With a virtual clock of its own, and mailboxes without limit.
    fn default() -> Self {
        Self::new(Setup::default())
    }
}

impl FakeWorker {
    /// As set up; without a clock, with a virtual one of its own.
    pub fn new(setup: Setup) -> Self {
        let clock = setup.clock.unwrap_or_default();
        let node = Arc::new(Node::new(setup.mailbox_limit));
        let mut worker = Self::with(node, Arc::clone(&clock) as Arc<dyn Clock>, unbounded());
        worker.manual = Some(clock);
        worker.recording = true;
        worker.add_host(HostSpec::new(worker.host()));
        worker
    }

    fn with(node: Arc<Node>, clock: Arc<dyn Clock>, (inbox, outside): (Sender<Outside>, Receiver<Outside>)) -> Self {
        Self {
            node,
            clock,
            manual: None,
            places: BTreeMap::new(),
            queue: VecDeque::new(),
            timers: BTreeMap::new(),
            timer_serial: 0,
            untold: VecDeque::new(),
            telling: false,
            later: false,
            questions: VecDeque::new(),
            recording: false,
            asked: Vec::new(),
            ended: HashMap::new(),
            slices: 0,
            outside,
            inbox,
            promised: Arc::default(),
            local: Box::new(()),
        }
    }

    // --- the test's side

    /// The host that is there from the start.
    pub fn host(&self) -> HostId {
        HostId::new("fake")
    }

    /// Adds a host, or replaces the limits of one.
    pub fn add_host(&mut self, spec: HostSpec) {
        self.node.add_host(spec);
    }

    /// What actors get from [`Context::local`](perilune_actor_core::Context::local).
    pub fn set_local(&mut self, local: impl Any) {
        self.local = Box::new(local);
    }

    /// Whether operations with a token are pending until they are [answered](Self::answer). Not so from the start.
    pub fn answer_later(&mut self, later: bool) {
        self.later = later;
    }

    /// Whether to remember what actors asked for, and why they ended. So from the start; a [`FakeScheduler`] does not.
    pub fn record(&mut self, recording: bool) {
        self.recording = recording;
    }

    /// An actor that does nothing, for tests to [speak for](Self::context).
    ///
    /// # Panics
    /// The host is full or stopping.
    pub fn bystander(&mut self) -> Pid {
        struct Idle;

        impl Actor for Idle {
            fn step(&mut self, _: &mut dyn perilune_actor_core::Context) -> Step {
                Step::Wait
            }
            fn notice(&mut self, _: Notice, _: &mut dyn perilune_actor_core::Context) {}
        }

        self.start(Idle)
    }

    /// Speaks for an actor that is not running at the moment.
    ///
    /// # Panics
    /// It has ended, or there never was one.
    pub fn context(&mut self, pid: Pid) -> FakeContext<'_> {
        self.place(pid);
        FakeContext { worker: self, pid }
    }

    /// What waits for an actor.
    ///
    /// # Panics
    /// It has ended, or there never was one.
    pub fn mailbox(&mut self, pid: Pid) -> &mut Mailbox {
        &mut self.place(pid).mailbox
    }

    /// Runs whoever is ready, in turn, until nobody is.
    ///
    /// # Panics
    /// After a hundred thousand steps: somebody never waits.
    pub fn run(&mut self) {
        for _ in 0..PATIENCE {
            if !self.run_one() {
                return;
            }
        }
        panic!("{PATIENCE} steps, and still somebody is ready");
    }

    /// Runs one step of whoever is ready and has waited longest. False when nobody is.
    pub fn run_one(&mut self) -> bool {
        self.take_outside();
        self.run_ready()
    }

    fn run_ready(&mut self) -> bool {
        while let Some(pid) = self.queue.pop_front() {
            if self.places.get(&pid).is_some_and(|place| place.state == State::Ready) {
                self.slice(pid);
                return true;
            }
        }
        false
    }

    /// Runs one step of that actor, ready or not: an actor must not mind.
    ///
    /// # Panics
    /// It has ended, or there never was one.
    pub fn step(&mut self, pid: Pid) {
        self.take_outside();
        self.place(pid).state = State::Ready;
        self.slice(pid);
    }

    /// Lets virtual time pass, and gives notice of the timers that are due. Actors are ready afterwards, and not run.
    pub fn advance(&mut self, by: Duration) {
        if let Some(clock) = &self.manual {
            clock.advance(by);
        }
        self.fire_timers();
    }

    /// Delivers a signal from outside.
    ///
    /// # Errors
    /// The receiver is gone, or the signal is a message and the mailbox full.
    pub fn deliver(&mut self, to: Pid, signal: Signal) -> Result<(), ActorError> {
        self.node.admit(to, &signal)?;
        self.signal(to, signal);
        Ok(())
    }

    /// Queues an event, whether or not there is a reason for it.
    ///
    /// # Panics
    /// The actor has ended, or there never was one.
    pub fn event(&mut self, to: Pid, event: Event) {
        self.place(to).mailbox.push_event(event);
        self.wake(to);
    }

    /// Gives a notice, whether or not there is a reason for it.
    pub fn notice(&mut self, to: Pid, notice: Notice) {
        let Some(place) = self.places.get_mut(&to) else { return };
        let Some(mut actor) = place.actor.take() else { return };
        let noticed =
            catch_unwind(AssertUnwindSafe(|| actor.notice(notice, &mut FakeContext { worker: self, pid: to })));
        let place = self.place(to);
        place.actor = Some(actor);
        match (noticed, place.doomed.clone()) {
            (_, Some(failure)) => self.finish(to, ExitReason::Failed(failure)),
            (Err(panic), None) => self.finish(to, ExitReason::failed(panic_failure(&*panic))),
            (Ok(()), None) => self.wake(to),
        }
    }

    /// Ends an actor as if its step had returned that reason.
    ///
    /// # Panics
    /// It has ended, or there never was one.
    pub fn exit(&mut self, pid: Pid, reason: ExitReason) {
        self.place(pid);
        self.finish(pid, reason);
    }

    /// Whether the actor lives.
    pub fn is_alive(&self, pid: Pid) -> bool {
        self.places.contains_key(&pid)
    }

    /// Why the actor ended, if it has.
    pub fn ended(&self, pid: Pid) -> Option<&ExitReason> {
        self.ended.get(&pid)
    }

    /// The names.
    pub fn names(&self) -> &dyn NameRegistry {
        &*self.node
    }

    /// What was asked in the name of that actor since the last look.
    pub fn asked(&mut self, pid: Pid) -> Vec<Asked> {
        let (his, others) = self.asked.drain(..).partition(|(by, _)| *by == Some(pid));
        self.asked = others;
        Vec::into_iter(his).map(|(_, asked)| asked).collect()
    }

    // --- the scheduler's side

    fn place(&mut self, pid: Pid) -> &mut Place {
        match self.places.get_mut(&pid) {
            Some(place) => place,
            None => panic!("{pid} does not live here"),
        }
    }

    fn note(&mut self, by: Option<Pid>, asked: impl FnOnce() -> Asked) {
        if self.recording {
            self.asked.push((by, asked()));
        }
    }

    fn slice(&mut self, pid: Pid) {
        let place = self.place(pid);
        let Some(mut actor) = place.actor.take() else { return };
        place.state = State::Running;
        self.slices += 1;
        let step = catch_unwind(AssertUnwindSafe(|| actor.step(&mut FakeContext { worker: self, pid })));
        let place = self.place(pid);
        place.actor = Some(actor);
        let step = match (step, &place.doomed) {
            (_, Some(failure)) => Step::Exit(ExitReason::Failed(Arc::clone(failure))),
            (Ok(step), None) => step,
            (Err(panic), None) => Step::Exit(ExitReason::failed(panic_failure(&*panic))),
        };
        match step {
            Step::Wait if place.state == State::Running => place.state = State::Waiting,
            // There is more to do, or something arrived during the step that the actor may not have looked at.
            Step::Yield | Step::Wait => self.enqueue(pid),
            Step::Become(factory) => self.transform(pid, factory),
            Step::Exit(reason) => self.finish(pid, reason),
        }
    }

    fn enqueue(&mut self, pid: Pid) {
        self.place(pid).state = State::Ready;
        self.queue.push_back(pid);
    }

    fn wake(&mut self, pid: Pid) {
        let place = self.place(pid);
        match place.state {
            State::Waiting => self.enqueue(pid),
            State::Running => place.state = State::Ready,
            State::Creating | State::Ready => {}
        }
    }
}

fn panic_failure(panic: &(dyn Any + Send)) -> Failure {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("unknown");
    Failure::new(ErrorKind::Internal, format!("panic in the runtime: {text}"))
}
