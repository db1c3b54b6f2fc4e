pub(crate) mod calls;
mod few;
mod keep;
mod run;
mod sort;
mod wait;

use std::cell::{Cell, RefCell, RefMut};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mlua::ffi;
use perilune_actor_core::{
    Actor, ActorFactory, Answer, Context, ErrorKind, ExitReason, Failure, Notice, Pid, Step, TimerId, Value,
};
use rustc_hash::FxHashMap;

use self::few::{Few, Ready};
pub(crate) use self::keep::HoldKey;
use crate::actor::calls::{Call, Cancellation};
use crate::copy;
use crate::definition::Definition;
use crate::inherited::Inherited;
use crate::modules::errors;
use crate::modules::events::{Followed, Subscribed};
use crate::modules::exec::Processes;
use crate::modules::supervise::Supervised;
use crate::modules::time::Alarmed;
use crate::services::{Origin, Supervision};
use crate::task::{CALL_BIT, Done, Ending, MailWait, TIMER_BIT, Task, ThinVec, Token, View, Waits};
use crate::vm::{Break, Globals, Kind, Loaded, Outcome, Raise, Ref, Resident, Return, Stack, Thread, Vm};

/// Starts an actor from a definition.
pub struct LuaFactory {
    definition: Arc<Definition>,
    args: Vec<Value>,
    foreground: bool,
    inherited: Option<Arc<Inherited>>,
    cancellation: Option<Arc<Cancellation>>,
    /// It replaces other code, whose words for a failure are its own.
    upgrade: bool,
}

impl LuaFactory {
    /// The actor will run `definition` with those arguments.
    pub fn new(definition: Arc<Definition>, args: Vec<Value>) -> Self {
        Self { definition, args, foreground: false, inherited: None, cancellation: None, upgrade: false }
    }

    /// What it prints goes to the terminal.
    #[must_use]
    pub fn foreground(self) -> Self {
        Self { foreground: true, ..self }
    }

    /// The actor gets that from who starts it.
    #[must_use]
    pub fn inherit(self, inherited: Option<Arc<Inherited>>) -> Self {
        Self { inherited, ..self }
    }
}

/// An actor whose code is Lua. It owns nothing but a thread of its worker's VM and what that thread waits for.
///
/// Host functions see it while the scheduler runs it, so what changes is in cells. There may be a million of these:
/// what few actors need is behind one pointer.
pub(crate) struct ActorState {
    pub(crate) pid: Pid,
    pub(crate) vm: Resident,
    definition: Arc<Definition>,
    thread: Stack,
    thread_ref: Ref,
    /// The main function, if the thread has it for the next actor too.
    main: Cell<Ref>,
    current: Cell<u32>,
    /// Counts the waits of all coroutines.
    serial: Cell<u64>,
    tasks: RefCell<Few<Option<Task>>>,
    ready: RefCell<Ready>,
    /// There is one coroutine and never was another at the same time.
    sole: Cell<bool>,
    /// It is sole, and has nothing of what hardly any actor needs.
    simple: Cell<bool>,
    mail_waits: RefCell<Few<MailWait>>,
    ending: Cell<Option<Box<Failure>>>,
    /// A program's chunk has returned, and what it returned runs.
    second_stage: Cell<bool>,
    globals: Cell<Globals>,
    /// Its chunk has looked at a name while it was watched.
    has_looked: Cell<bool>,
    /// A name has another meaning than it had when its sources were loaded.
    lost_constants: Cell<bool>,
    foreground: bool,
    /// Whether no policy has a say in what it does, once that was asked.
    may_everything: Cell<Option<bool>>,
    inherited: Option<Arc<Inherited>>,
    kept: RefCell<Option<Box<Kept>>>,
}

/// What many actors never need.
struct Kept {
    /// A table of Lua values that only this actor's host objects hold; it goes when the actor goes.
    store: Ref,
    next: i32,
    /// Topics that have a channel.
    views: Vec<Shown>,
    rare: Option<Box<Rare>>,
}

/// What hardly any actor needs.
#[derive(Default)]
struct Rare {
    /// What the main function of a program gets after its chunk.
    program_args: Vec<Value>,
    free: Vec<i32>,
    free_tasks: Vec<u32>,
    libraries: Vec<Library>,
    holds: Option<Rc<keep::Holds>>,
    timers: FxHashMap<u64, Alarmed>,
    timer_serial: u64,
    calls: FxHashMap<u64, Call>,
    call_serial: u64,
    /// Set when it is itself called by somebody who may lose interest.
    cancellation: Option<Arc<Cancellation>>,
    subscriptions: Vec<Subscribed>,
    processes: Processes,
    supervised: Option<Supervised>,
    become_next: Option<LuaFactory>,
    random: Option<u64>,
    sorting: Sorting,
    warned: bool,
}

/// Whether a slice ended inside a sort, and for how long the same comparison has been running.
#[derive(Clone, Copy, Default)]
struct Sorting {
    inside: bool,
    progress: u32,
    stuck: Duration,
}

/// A view of the mailbox, and its channel.
struct Shown {
    view: View,
    key: Key,
}

struct Library {
    serial: u64,
    value: Key,
    environment: Key,
}

/// A Lua value in an actor's store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key(i32);

impl ActorFactory for LuaFactory {
    fn create(self: Box<Self>, cx: &mut dyn Context) -> Result<Box<dyn Actor>, Failure> {
        let upgrade = self.upgrade;
        self.make(cx).map_err(|failure| if upgrade { upgrade_failure(failure) } else { failure })
    }
}

/// Says that it was an upgrade that went wrong.
pub(crate) fn upgrade_failure(failure: Failure) -> Failure {
    Failure { message: format!("upgrade: {}", failure.message), ..failure }
}

impl LuaFactory {
    fn make(self, cx: &mut dyn Context) -> Result<Box<dyn Actor>, Failure> {
        if let Some(cancellation) = &self.cancellation
            && !cancellation.attach(cx.waker())
        {
            return Err(calls::canceled());
        }
        let vm = cx.local().downcast_ref::<Rc<Vm>>().map(Rc::clone);
        let first = vm.ok_or_else(|| Failure::new(ErrorKind::Internal, "this worker has no script engine"))?;
        if !Vm::can_enter() {
            return Err(Failure::new(ErrorKind::Internal, "too many processes are loaded inside one another"));
        }
        let vm = first.settle();
        let _current = vm.make_current();
        let loaded = vm.find_loaded(&self.definition);
        let ready = loaded.and_then(|loaded| vm.take_ready_thread(&loaded).map(|thread| (loaded, thread)));
        let (loaded, Thread { stack: thread, held: thread_ref, main, is_used, .. }) = match ready {
            Some(ready) => ready,
            None => vm.protect(|vm, main| {
                let loaded = vm.load(main, &self.definition)?;
                let thread = vm.take_thread(main, &loaded);
                Ok::<_, Failure>((loaded, thread))
            })??,
        };
        cx.mailbox().accept_local();
        let state = Box::new(ActorState {
            pid: cx.pid(),
            vm,
            definition: self.definition,
            thread,
            thread_ref,
            main: Cell::new(main),
            current: Cell::new(0),
            serial: Cell::new(0),
            tasks: RefCell::default(),
            ready: RefCell::default(),
            sole: Cell::new(true),
            simple: Cell::new(true),
            mail_waits: RefCell::default(),
            ending: Cell::default(),
            second_stage: Cell::new(false),
            globals: Cell::default(),
            has_looked: Cell::default(),
            lost_constants: Cell::default(),
            foreground: self.foreground,
            may_everything: Cell::new(None),
            inherited: self.inherited,
            kept: RefCell::default(),
        });
        if self.cancellation.is_some() {
            state.rare().cancellation = self.cancellation;
        }
        let (vm, args) = (&*state.vm, self.args);
        // The first task is the main one, whatever the chunk spawns.
        state.add_task(thread, None, 0);
        let arguments = match state.load_ready(&args) {
            true => 0,
            false => vm.enter(&state, cx, true, || vm.protect(|vm, _| state.load(vm, &loaded, is_used, &args)))??,
        };
        state.task(0, |task| task.start = Some(arguments));
        Ok(state)
    }
}

impl Actor for ActorState {
    fn step(&mut self, cx: &mut dyn Context) -> Step {
        let state = &*self;
        let vm = &*state.vm;
        let _current = vm.make_current();
        if vm.is_collector_due()
            && let Some(first) = cx.local().downcast_ref::<Rc<Vm>>()
        {
            first.collect_elsewhere(vm, Instant::now());
        }
        vm.begin_slice();
        state.look_around(cx);
        vm.enter(state, cx, false, || state.run(vm))
    }

    fn notice(&mut self, notice: Notice, cx: &mut dyn Context) {
        let state = &*self;
        let _current = state.vm.make_current();
        match notice {
            Notice::Timer { token } if token & TIMER_BIT != 0 => crate::modules::time::fired(state, token, cx),
            Notice::Timer { token } => state.finish(Token::from_number(token), Ending::Nothing),
            Notice::Answer { token, answer } if token & CALL_BIT != 0 => state.call_answered(token, answer),
            Notice::Completion { token, result } if token & CALL_BIT != 0 => state.call_completed(cx, token, result),
            Notice::Answer { token, answer } => {
                let ending = match answer {
                    Answer::Spawned(result) => Ending::Spawned(Box::new(result)),
                    Answer::Related(result) => Ending::Related(Box::new(result)),
                    _ => Ending::Nothing,
                };
                state.finish(Token::from_number(token), ending);
            }
            Notice::Completion { token, result } => match result.downcast::<Done>() {
                Ok(done) => state.finish(Token::from_number(token), (*done).into()),
                Err(other) => state.process_news(cx, other),
            },
            _ => {}
        }
    }
}

impl Drop for ActorState {
    fn drop(&mut self) {
        let _current = self.vm.make_current();
        let main = self.vm.main();
        if let Some(kept) = &*self.kept.borrow()
            && !kept.store.is_none()
        {
            main.unref(kept.store);
        }
        self.vm.give_back_thread(Thread {
            stack: self.thread,
            held: self.thread_ref,
            has_globals: self.globals.get() == Globals::Untouched,
            of: self.definition.serial(),
            main: self.main.get(),
            is_used: true,
        });
    }
}

enum Ran {
    /// It waits, or has ended.
    Off,
    /// It gave the others a turn.
    Yielded,
    /// Its slice is used up.
    Preempted,
    /// The actor goes on as something else.
    Become,
    /// The whole actor has ended.
    Exit(ExitReason),
}

impl ActorState {
    /// Why the actor shall end as soon as it can be made to.
    pub(crate) fn ending(&self) -> Option<Failure> {
        let ending = self.ending.take();
        let copy = ending.as_deref().cloned();
        self.ending.set(ending);
        copy
    }

    pub(crate) fn set_ending(&self, failure: Failure) {
        let ending = self.ending.take();
        self.ending.set(ending.or_else(|| Some(Box::new(failure))));
    }

    pub(crate) fn origin(&self) -> Origin<'_> {
        Origin { inherited: self.inherited.as_deref(), ..Origin::new(self.pid, &self.definition) }
    }

    pub(crate) fn may_everything(&self) -> bool {
        self.may_everything.get().unwrap_or_else(|| {
            let may = self.vm.services.allows_everything(&self.origin());
            self.may_everything.set(Some(may));
            may
        })
    }

    pub(crate) fn inherited(&self) -> Option<&Arc<Inherited>> {
        self.inherited.as_ref()
    }

    /// What this actor goes on as: other code with what it has inherited, and whatever it was promised.
    pub(crate) fn become_next(&self, definition: Arc<Definition>, args: Vec<Value>) {
        let next = LuaFactory {
            foreground: self.foreground,
            inherited: self.inherited.clone(),
            cancellation: self.with_rare(|rare| rare.cancellation.clone()).flatten(),
            upgrade: true,
            ..LuaFactory::new(definition, args)
        };
        self.rare().become_next = Some(next);
    }

    pub(crate) fn globals(&self) -> Globals {
        self.globals.get()
    }

    /// Takes note of what has become of its globals.
    pub(crate) fn touch_globals(&self, to: Globals) {
        self.globals.set(self.globals.get().max(to));
    }

    pub(crate) fn notice_look(&self) {
        self.has_looked.set(true);
    }

    pub(crate) fn has_looked(&self) -> bool {
        self.has_looked.get()
    }

    pub(crate) fn has_constants(&self) -> bool {
        !self.lost_constants.get()
    }

    pub(crate) fn definition(&self) -> &Arc<Definition> {
        &self.definition
    }

    pub(crate) fn is_foreground(&self) -> bool {
        self.foreground
    }
}

/// Pushes values, and says how many.
fn push_all(stack: Stack, values: &[Value]) -> i32 {
    for value in values {
        stack.reserve(1);
        copy::push(stack, value);
    }
    values.len() as i32
}

/// Where a coroutine waits, for a person.
fn waiting_place(task: &Task) -> Option<String> {
    let stack = task.inner.last().unwrap_or(task.thread);
    (0..8)
        .find_map(|level| stack.place(level).filter(|place| place.line > 0))
        .map(|p| format!("{}:{}", p.source, p.line))
}
