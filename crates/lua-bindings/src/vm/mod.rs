//! The VM of one worker. All of the crate's `unsafe` is below this module; what it gives out can be used without.

#![allow(unsafe_code)]

mod base;
mod codegen;
mod collector;
mod environment;
mod interrupt;
mod memory;
mod native;
mod others;
mod passed;
mod pid_texts;
mod shared;
mod stack;
mod texts;
mod threads;

use std::cell::{Cell, OnceCell, RefCell};
use std::ffi::{c_int, c_void};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use mlua::{Lua, LuaOptions, StdLib, ffi};
use perilune_actor_core::{Context, ErrorKind, Failure, Topic};
use rustc_hash::FxHashMap;

pub use codegen::NativeCode;
pub(crate) use environment::{Globals, Loaded};
pub use interrupt::Alarm;
pub(crate) use interrupt::Break;
pub(crate) use interrupt::over_budget;
pub use memory::keep_freed_memory;
pub(crate) use native::{Functions, NOTHING, ONE, Outcome, Raise, Return, raise};
pub(crate) use others::Resident;
pub(crate) use stack::{Fixed, Kind, Object, Ref, Stack};
pub(crate) use texts::Texts;
pub(crate) use threads::Thread;

use crate::access::Access;
use crate::actor::ActorState;
use crate::modules::errors;
use crate::modules::process;
use crate::services::Services;
use crate::task::View;

/// What scripts may use at most.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of one payload; 0 = any.
    pub max_payload_bytes: usize,
    /// How long a stretch may run that cannot be suspended.
    pub callback_budget: Duration,
}

/// How scripts are run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// What they may use at most.
    pub limits: Limits,
    /// How long a slice is: what the scheduler was given.
    pub slice: Duration,
    /// Which revision of the API scripts see: 1, or 2 for applications written against the later one.
    pub api: u8,
    /// An actor that nothing can wake fails instead of waiting for ever.
    pub fail_deadlocks: bool,
    /// Which of them are compiled to native code.
    pub native: NativeCode,
    /// How many actors a VM has before the next ones are put into another of the same worker. What a new actor costs, and
    /// each round of the collector, grows with how many there are in its VM; but those in one VM share strings. At least one.
    pub actors_per_vm: usize,
    /// Suspend at every point where that is possible. For tests: it must change nothing that a script sees.
    pub break_everywhere: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: Limits { max_payload_bytes: 16 << 20, callback_budget: Duration::from_secs(1) },
            slice: Duration::from_millis(2),
            api: 1,
            fail_deadlocks: false,
            native: NativeCode::default(),
            actors_per_vm: 1 << 16,
            break_everywhere: false,
        }
    }
}

/// One Luau VM with its read-only libraries, and whatever is loaded into it.
pub struct Vm {
    pub(crate) services: Arc<dyn Services>,
    pub(crate) settings: Settings,
    main: Stack,
    /// What [`enter`](Self::enter) has on its stack while it runs.
    running: Cell<*const Running>,
    /// Threads being resumed, outermost first.
    resumed: RefCell<Vec<Stack>>,
    /// Threads below the resumed one that a break has gone through, innermost first.
    broken: RefCell<Vec<Stack>>,
    why: Cell<Option<Break>>,
    /// When the stretch began that could not be suspended.
    stretch: Cell<Option<std::time::Instant>>,
    /// The next safepoint is the one at which the thread was suspended.
    resumes_here: Cell<bool>,
    alarm: Arc<Alarm>,
    home: Arc<passed::Home>,
    base: Cell<Ref>,
    /// Has the values that are never let go of.
    keeper: Cell<Option<Stack>>,
    /// [`run_job`] as a function.
    protected: Cell<Ref>,
    spare: threads::Spare,
    /// The texts of pids that were made last.
    pid_texts: pid_texts::PidTexts,
    shared: RefCell<shared::Strings>,
    /// The channels of the inbox and of events.
    mailbox: Cell<(Ref, Ref)>,
    case: Cell<Ref>,
    result: Cell<Ref>,
    /// Made with the first event.
    event_templates: OnceCell<process::Templates>,
    pub(crate) told: RefCell<process::Told>,
    sort: Cell<(Ref, Ref)>,
    /// How far the running sort is, and whether there is one.
    sort_words: Cell<*const [[u8; 4]; 2]>,
    /// Begins a coroutine that shall run later.
    starter: Cell<Ref>,
    codegen: codegen::Codegen,
    others: others::Others,
    loaded: RefCell<environment::LoadedSet>,
    modules: RefCell<FxHashMap<&'static str, Ref>>,
    /// Whom scripts write to, and about what.
    pub(crate) destinations: Texts<process::Destination, 8192>,
    pub(crate) topics: Texts<Topic, 256>,
    /// What scripts start, and where.
    pub(crate) names: Texts<(), 256>,
    /// For what is read and becomes a value at once.
    pub(crate) read_buffer: RefCell<Vec<u8>>,
    // Last: everything above refers to it.
    lua: Lua,
}

/// The actor whose code is running, and what speaks for it.
struct Running {
    actor: *const ActorState,
    context: *mut dyn Context,
    /// Its chunk is being evaluated, so it cannot wait yet.
    loading: bool,
    /// Where its threads start in `resumed`.
    floor: usize,
}

/// Most actors that are loaded inside one another: they share a native stack.
const MAX_DEPTH: usize = 8;

/// Where a metatable has the value that its object holds.
const COMPANION: i32 = 1;

thread_local! {
    static CURRENT: Cell<*const Vm> = const { Cell::new(std::ptr::null()) };

    /// How many actors of this thread run, whatever VMs they are in: each is being loaded by the one below.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

impl Vm {
    /// A VM for the calling thread.
    ///
    /// # Errors
    /// The libraries could not be set up, for lack of memory say.
    pub fn new(services: Arc<dyn Services>, settings: Settings) -> Result<Rc<Self>, String> {
        Self::with_budget(services, settings, codegen::Budget::of_process())
    }

    fn with_budget(
        services: Arc<dyn Services>,
        settings: Settings,
        budget: Arc<codegen::Budget>,
    ) -> Result<Rc<Self>, String> {
        Self::make(services, settings, budget, Alarm::new())
    }

    fn make(
        services: Arc<dyn Services>,
        settings: Settings,
        budget: Arc<codegen::Budget>,
        alarm: Arc<Alarm>,
    ) -> Result<Rc<Self>, String> {
        // SAFETY: scripts never see C modules: the environment they get has nothing that could load one.
        let lua = unsafe { Lua::unsafe_new_with(StdLib::NONE, LuaOptions::new()) };
        let state = lua.exec_raw_lua(|raw| raw.state());
        // SAFETY: `lua` owns the state and is kept beside it.
        let main = unsafe { Stack::new(ffi::lua_mainthread(state)) };
        let codegen = codegen::Codegen::new(settings.native, budget);
        let vm = Rc::new(Self {
            services,
            settings,
            main,
            running: Cell::new(std::ptr::null()),
            resumed: RefCell::default(),
            broken: RefCell::default(),
            why: Cell::new(None),
            stretch: Cell::new(None),
            resumes_here: Cell::new(false),
            alarm,
            home: passed::Home::new(),
            base: Cell::new(Ref::NONE),
            keeper: Cell::new(None),
            protected: Cell::new(Ref::NONE),
            spare: threads::Spare::default(),
            pid_texts: pid_texts::PidTexts::default(),
            shared: RefCell::default(),
            mailbox: Cell::new((Ref::NONE, Ref::NONE)),
            case: Cell::new(Ref::NONE),
            result: Cell::new(Ref::NONE),
            event_templates: OnceCell::new(),
            told: RefCell::default(),
            sort: Cell::new((Ref::NONE, Ref::NONE)),
            sort_words: Cell::new(std::ptr::null()),
            starter: Cell::new(Ref::NONE),
            codegen,
            others: others::Others::default(),
            loaded: RefCell::default(),
            modules: RefCell::default(),
            destinations: Texts::default(),
            topics: Texts::default(),
            names: Texts::default(),
            read_buffer: RefCell::default(),
            lua,
        });
        vm.alarm.reach(main);
        vm.home.arrive(&vm);
        CURRENT.set(Rc::as_ptr(&vm));
        vm.protect(base::build).map_err(|failure| failure.message)?;
        interrupt::install(&vm);
        Ok(vm)
    }

    /// Ends the slice of whatever runs on this VM or another one that was made for the same worker, from any thread.
    pub fn alarm(&self) -> Arc<Alarm> {
        Arc::clone(&self.alarm)
    }

    /// Bytes that scripts and libraries of this VM use.
    pub fn used_bytes(&self) -> usize {
        self.main.total_bytes()
    }

    /// Frees everything that no script can reach any more.
    pub fn collect_garbage(&self) {
        self.forget_shared();
        process::forget_told(self);
        self.main.collect();
        self.main.collect();
    }

    /// The VM whose code is running on this thread.
    pub(crate) fn current<'a>() -> &'a Self {
        let vm = CURRENT.get();
        assert!(!vm.is_null(), "no VM runs on this thread");
        // SAFETY: `enter` and `new` set it to a VM that outlives the code it runs; `Drop` clears it.
        unsafe { &*vm }
    }

    /// Runs code that pushes values, so that a lack of memory is an error and not the end of the program.
    ///
    /// # Errors
    /// Lua raised something.
    pub(crate) fn protect<R>(&self, work: impl FnOnce(&Self, Stack) -> R) -> Result<R, Failure> {
        let mut work = Some(work);
        let mut result = None;
        let mut run = |stack: Stack| {
            if let Some(work) = work.take() {
                result = Some(work(self, stack));
            }
        };
        let mut job: &mut dyn FnMut(Stack) = &mut run;
        let (main, known, job) = (self.main.raw(), self.protected.get(), (&raw mut job).cast::<c_void>());
        // SAFETY: the main thread is live, a function has room for twice as much as there is, and the job outlives the
        // call. The way with the known function differs in that it makes none.
        let status = unsafe {
            if known.is_none() || self.main.top() > ffi::LUA_MINSTACK / 2 {
                ffi::lua_cpcall(main, run_job, job)
            } else {
                self.main.push_ref(known);
                ffi::lua_pushlightuserdata(main, job);
                ffi::lua_pcall(main, 1, 0, 0)
            }
        };
        if status == ffi::LUA_OK
            && let Some(result) = result
        {
            return Ok(result);
        }
        let raised = self.main.top();
        let failure = match errors::get(self.main, raised) {
            Some(failure) => Failure::clone(&failure),
            None => {
                let text = self.main.bytes(raised).map(|text| String::from_utf8_lossy(text).into_owned());
                Failure::new(ErrorKind::Internal, text.unwrap_or_else(|| "error in the script engine".into()))
            }
        };
        self.main.pop(1);
        Err(failure)
    }

    /// Runs `work` as the actor: host functions below it see this actor and this context.
    pub(crate) fn enter<R>(
        &self,
        actor: &ActorState,
        cx: &mut dyn Context,
        loading: bool,
        work: impl FnOnce() -> R,
    ) -> R {
        struct Leave<'a> {
            vm: &'a Vm,
            floor: usize,
            before: *const Running,
            _current: Current,
        }
        impl Drop for Leave<'_> {
            #[inline]
            fn drop(&mut self) {
                self.vm.resumed.borrow_mut().truncate(self.floor);
                if std::thread::panicking() {
                    self.vm.take_break();
                    self.vm.take_broken();
                }
                self.vm.running.set(self.before);
                DEPTH.set(DEPTH.get() - 1);
            }
        }
        // SAFETY: only the lifetime is changed; the pointer is gone when this function returns.
        let context: *mut (dyn Context + 'static) = unsafe { std::mem::transmute(std::ptr::from_mut(cx)) };
        let floor = self.resumed.borrow().len();
        let running = Running { actor, context, loading, floor };
        let before = self.running.replace(&running);
        if before.is_null() {
            // It may be loaded while an actor of another VM waits for it, before which nothing here ran for long.
            self.stretch.set(None);
        }
        DEPTH.set(DEPTH.get() + 1);
        let _leave = Leave { vm: self, floor, before, _current: self.make_current() };
        work()
    }

    /// Until the result is dropped, [`current`](Self::current) is this VM.
    #[inline]
    pub(crate) fn make_current(&self) -> Current {
        Current(CURRENT.replace(self))
    }

    fn running(&self) -> Option<&Running> {
        // SAFETY: `enter` has it on its stack for as long as it is here.
        unsafe { self.running.get().as_ref() }
    }

    /// Whether there is room for an actor that is loaded while others wait for it.
    pub(crate) fn can_enter() -> bool {
        DEPTH.get() <= MAX_DEPTH
    }

    /// The running actor.
    pub(crate) fn actor(&self) -> Option<&ActorState> {
        // SAFETY: `enter` holds the actor for as long as it is here.
        self.running().map(|running| unsafe { &*running.actor })
    }

    /// Whether no policy has a say in what the running actor does.
    #[inline]
    pub(crate) fn may_everything(&self) -> bool {
        self.actor().is_some_and(ActorState::may_everything)
    }

    /// Whether the running actor may do that.
    ///
    /// # Errors
    /// It may not, or no actor runs.
    pub(crate) fn authorize(&self, access: &Access<'_>) -> Result<(), Failure> {
        match self.actor() {
            Some(actor) if actor.may_everything() => Ok(()),
            Some(actor) => self.services.authorize(&actor.origin(), access),
            None => Err(Failure::new(ErrorKind::Invalid, "no context found")),
        }
    }

    /// Asks the scheduler something, for the running actor.
    ///
    /// # Errors
    /// No actor is running.
    pub(crate) fn with<R>(&self, ask: impl FnOnce(&ActorState, &mut dyn Context) -> R) -> Result<R, Failure> {
        self.ask(ask).ok_or_else(|| Failure::new(ErrorKind::Invalid, "no context found"))
    }

    /// The same, where it needs no words that no actor is running.
    #[inline]
    pub(crate) fn ask<R>(&self, ask: impl FnOnce(&ActorState, &mut dyn Context) -> R) -> Option<R> {
        let running = self.running()?;
        // SAFETY: `enter` holds both for as long as they are here, and is the only other user of the context while it
        // waits for the script that called us. `ask` cannot get here again for the same actor: it runs no script but
        // that of a new actor, which has a context of its own.
        unsafe { Some(ask(&*running.actor, &mut *running.context)) }
    }

    /// Whether nobody on this worker has work but the running coroutine.
    pub(crate) fn is_alone(&self) -> bool {
        self.with(|actor, cx| !actor.has_ready() && !cx.has_company()).unwrap_or(false)
    }

    pub(crate) fn main(&self) -> Stack {
        self.main
    }

    pub(crate) fn case_metatable(&self) -> Ref {
        self.case.get()
    }

    pub(crate) fn starter(&self) -> Ref {
        self.starter.get()
    }

    pub(crate) fn result_metatable(&self) -> Ref {
        self.result.get()
    }

    /// Pops a value that the VM has for as long as it lives. Inside a protected call.
    pub(crate) fn pop_fixed(&self, stack: Stack) -> Fixed {
        let keeper = self.keeper.get().unwrap_or_else(|| {
            let keeper = stack.push_thread();
            stack.pop_ref();
            self.keeper.set(Some(keeper));
            keeper
        });
        stack.pop_fixed(keeper)
    }

    /// What events are made from. Allocates the first time, so only inside a protected call.
    pub(crate) fn event_templates(&self, stack: Stack) -> &process::Templates {
        self.event_templates.get_or_init(|| process::Templates::make(self, stack))
    }

    /// Pushes the channel through which every actor sees its own mailbox. `view` is not a topic.
    pub(crate) fn push_mailbox_channel(&self, stack: Stack, view: View) {
        let (inbox, events) = self.mailbox.get();
        let known = if view == View::Inbox { inbox } else { events };
        if !known.is_none() {
            return stack.push_ref(known);
        }
        let is_inbox = view == View::Inbox;
        crate::modules::channel::push_mail(stack, view);
        stack.copy(stack.top());
        let made = stack.pop_ref();
        self.mailbox.set(if is_inbox { (made, events) } else { (inbox, made) });
    }

    /// Pops a value that the host object at `index` gives to whoever asks, for as long as somebody has the object.
    ///
    /// It hangs on a metatable of the object's own. A weak table would never let go of an object that its value leads
    /// back to, not even when the actor has ended.
    pub(crate) fn set_companion(&self, stack: Stack, index: i32) {
        let value = stack.top();
        stack.reserve(3);
        if stack.push_metatable(index) {
            stack.clone_table(value + 1);
            stack.copy(value);
            stack.raw_seti(value + 2, COMPANION);
            stack.set_readonly(value + 2);
            stack.set_metatable(index);
        }
        stack.set_top(value - 1);
    }

    /// Pushes what [`set_companion`](Self::set_companion) was given, or nil.
    pub(crate) fn push_companion(&self, stack: Stack, index: i32) {
        stack.reserve(2);
        if stack.push_metatable(index) {
            let metatable = stack.top();
            stack.raw_geti(metatable, COMPANION);
            stack.remove(metatable);
        } else {
            stack.push_nil();
        }
    }

    /// Pushes a module's table, made on first use and the same for all actors. False when there is no such module.
    pub(crate) fn push_module(&self, stack: Stack, name: &str) -> bool {
        let Some((name, make)) = crate::modules::find(name) else { return false };
        let known = self.modules.borrow().get(name).copied();
        let reference = known.unwrap_or_else(|| {
            make(self, stack);
            if stack.kind(stack.top()) == Kind::Table {
                stack.set_readonly(stack.top());
            }
            let reference = stack.pop_ref();
            self.modules.borrow_mut().insert(name, reference);
            reference
        });
        stack.push_ref(reference);
        true
    }
}

/// Runs the job that [`Vm::protect`] hands on.
unsafe extern "C-unwind" fn run_job(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: only `protect` calls this, whose frame is below and waits.
    let job = unsafe { &mut *ffi::lua_touserdata(state, 1).cast::<&mut dyn FnMut(Stack)>() };
    // SAFETY: Lua calls with a live state.
    let stack = unsafe { Stack::new(state) };
    stack.set_top(0);
    job(stack);
    0
}

/// Which VM was the current one.
pub(crate) struct Current(*const Vm);

impl Drop for Current {
    #[inline]
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        self.alarm.lose(self.main);
        self.home.leave();
        if std::ptr::eq(CURRENT.get(), self) {
            CURRENT.set(std::ptr::null());
        }
    }
}

impl std::fmt::Debug for Vm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vm").field("lua", &self.lua).finish_non_exhaustive()
    }
}
