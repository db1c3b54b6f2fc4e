use std::cell::{Cell, RefCell, RefMut};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mlua::ffi;
use perilune_actor_core::{
    Actor, ActorFactory, Answer, Context, Envelope, ErrorKind, ExitReason, Failure, Notice, Pid, Step, TimerId, Value,
};
use rustc_hash::FxHashMap;

use crate::copy;
use crate::definition::Definition;
use crate::modules::errors;
use crate::modules::time::Alarmed;
use crate::services::Origin;
use crate::task::{Ending, MailWait, TIMER_BIT, Task, ThinVec, Token, View, Waits};
use crate::vm::{Break, Kind, Loaded, Raise, Ref, Stack, Vm};

/// Starts an actor from a definition.
pub struct LuaFactory {
    definition: Arc<Definition>,
    args: Vec<Value>,
    foreground: bool,
}

impl LuaFactory {
    /// The actor will run `definition` with those arguments.
    pub fn new(definition: Arc<Definition>, args: Vec<Value>) -> Self {
        Self { definition, args, foreground: false }
    }

    /// What it prints goes to the terminal.
    #[must_use]
    pub fn foreground(self) -> Self {
        Self { foreground: true, ..self }
    }
}

/// An actor whose code is Lua. It owns nothing but a thread of its worker's VM and what that thread waits for.
///
/// Host functions see it while the scheduler runs it, so what changes is in cells. There may be a million of these:
/// what few actors need is behind one pointer.
pub(crate) struct ActorState {
    pub(crate) pid: Pid,
    vm: Rc<Vm>,
    definition: Arc<Definition>,
    thread: Stack,
    thread_ref: Ref,
    current: Cell<usize>,
    /// Counts the waits of all coroutines.
    serial: Cell<u64>,
    tasks: RefCell<Vec<Option<Task>>>,
    ready: RefCell<VecDeque<u32>>,
    mail_waits: RefCell<Vec<MailWait>>,
    ending: RefCell<Option<Box<Failure>>>,
    /// A program's chunk has returned, and what it returned runs.
    second_stage: Cell<bool>,
    foreground: bool,
    kept: RefCell<Option<Box<Kept>>>,
}

/// What many actors never need.
struct Kept {
    /// A table of Lua values that only this actor's host objects hold; it goes when the actor goes.
    store: Ref,
    next: i32,
    /// Inbox, events and topics that have a channel.
    views: Vec<(View, Key)>,
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
    timers: FxHashMap<u64, Alarmed>,
    timer_serial: u64,
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
        let vm = cx.local().downcast_ref::<Rc<Vm>>().map(Rc::clone);
        let vm = vm.ok_or_else(|| Failure::new(ErrorKind::Internal, "this worker has no script engine"))?;
        if !vm.can_enter() {
            return Err(Failure::new(ErrorKind::Internal, "too many processes are loaded inside one another"));
        }
        let (loaded, thread, thread_ref) = vm.protect(|vm, main| {
            let loaded = vm.load(main, &self.definition)?;
            let thread = main.push_thread();
            let thread_ref = main.pop_ref();
            loaded.push_globals(thread);
            thread.set_globals();
            Ok::<_, Failure>((loaded, thread, thread_ref))
        })??;
        let state = Box::new(ActorState {
            pid: cx.pid(),
            vm: Rc::clone(&vm),
            definition: self.definition,
            thread,
            thread_ref,
            current: Cell::new(0),
            serial: Cell::new(0),
            tasks: RefCell::default(),
            ready: RefCell::default(),
            mail_waits: RefCell::default(),
            ending: RefCell::default(),
            second_stage: Cell::new(false),
            foreground: self.foreground,
            kept: RefCell::default(),
        });
        let args = self.args;
        // The first task is the main one, whatever the chunk spawns.
        state.add_task(thread, None, 0);
        let start = vm.enter(&state, cx, true, || vm.protect(|vm, _| state.load(vm, &loaded, &args)));
        let arguments = start??;
        state.task(0, |task| task.start = Some(arguments));
        Ok(state)
    }
}

impl Actor for ActorState {
    fn step(&mut self, cx: &mut dyn Context) -> Step {
        let state = &*self;
        let vm = &*state.vm;
        vm.begin_slice();
        vm.enter(state, cx, false, || state.run(vm))
    }

    fn notice(&mut self, notice: Notice, cx: &mut dyn Context) {
        let state = &*self;
        match notice {
            Notice::Timer { token } if token & TIMER_BIT != 0 => crate::modules::time::fired(state, token, cx),
            Notice::Timer { token } => state.finish(Token::from_number(token), Ending::Nothing),
            Notice::Answer { token, answer } => {
                let ending = match answer {
                    Answer::Spawned(result) => Ending::Spawned(Box::new(result)),
                    Answer::Related(result) => Ending::Related(Box::new(result)),
                    _ => Ending::Nothing,
                };
                state.finish(Token::from_number(token), ending);
            }
            Notice::Completion { token, result } => {
                if let Ok(ending) = result.downcast::<crate::modules::io::Done>() {
                    state.finish(Token::from_number(token), ending.into());
                }
            }
            _ => {}
        }
    }
}

impl Drop for ActorState {
    fn drop(&mut self) {
        let main = self.vm.main();
        if let Some(kept) = &*self.kept.borrow()
            && !kept.store.is_none()
        {
            main.unref(kept.store);
        }
        main.unref(self.thread_ref);
    }
}

enum Ran {
    /// It waits, or has ended.
    Off,
    /// It gave the others a turn.
    Yielded,
    /// Its slice is used up.
    Preempted,
    /// The whole actor has ended.
    Exit(ExitReason),
}

impl ActorState {
    // --- starting

    /// Runs the chunk and leaves the main function and its arguments on the thread. Returns the number of arguments.
    fn load(&self, vm: &Vm, loaded: &Loaded, args: &[Value]) -> Result<i32, Failure> {
        let thread = self.thread;
        thread.push_globals();
        if let Err(raise) = self.import(vm, thread, loaded, 1) {
            return Err(self.raised(thread, raise));
        }
        thread.set_top(0);
        loaded.push_chunk(thread);
        if !self.definition.is_program {
            if !thread.call_protected(0, 1) {
                return Err(self.raised(thread, Raise::Top));
            }
            self.pick_main(thread)?;
        }
        if self.definition.is_program && !args.is_empty() {
            self.rare().program_args = args.to_vec();
        }
        Ok(push_all(thread, args))
    }

    /// Replaces what a chunk returned by its main function.
    fn pick_main(&self, thread: Stack) -> Result<(), Failure> {
        let method = &self.definition.method;
        match thread.kind(1) {
            Kind::Function => return Ok(()),
            Kind::Table => {
                if let Ok(name) = std::ffi::CString::new(method.as_str()) {
                    thread.raw_get(1, &name);
                    thread.remove(1);
                    if thread.kind(1) == Kind::Function {
                        return Ok(());
                    }
                }
            }
            _ => {}
        }
        thread.set_top(0);
        let text = format!("method \"{method}\" not found in module");
        Err(Failure::new(ErrorKind::NotFound, text))
    }

    fn raised(&self, stack: Stack, raise: Raise) -> Failure {
        match raise {
            Raise::Failure(failure) => *failure,
            Raise::Text(text) | Raise::Argument(_, text) => Failure::new(ErrorKind::Internal, text),
            Raise::Top => errors::from_raised(stack, stack.top()),
        }
    }

    // --- running

    fn run(&self, vm: &Vm) -> Step {
        loop {
            self.match_mail(vm);
            let Some(task) = self.ready.borrow_mut().pop_front() else { return self.idle(vm) };
            match self.run_task(vm, task as usize) {
                Ran::Off => {}
                Ran::Yielded => self.ready.borrow_mut().push_back(task),
                Ran::Preempted => {
                    self.ready.borrow_mut().push_front(task);
                    return match self.stuck_in_sort(vm) {
                        Some(failure) => Step::Exit(self.failed(failure)),
                        None => Step::Yield,
                    };
                }
                Ran::Exit(reason) => return Step::Exit(reason),
            }
            if vm.is_slice_over() && !self.ready.borrow().is_empty() {
                return Step::Yield;
            }
        }
    }

    /// Runs one coroutine until it waits, ends, or its slice is used up.
    fn run_task(&self, vm: &Vm, index: usize) -> Ran {
        self.current.set(index);
        let (root, mut thread, mut arguments) = {
            let mut tasks = self.tasks.borrow_mut();
            let Some(task) = tasks.get_mut(index).and_then(Option::as_mut) else { return Ran::Off };
            task.waits = Waits::No;
            (task.thread, task.inner.last().unwrap_or(task.thread), task.start.take().unwrap_or(0))
        };
        loop {
            let status = thread.resume(arguments);
            arguments = 0;
            if status == ffi::LUA_BREAK {
                let (why, below) = vm.take_break();
                self.task(index, |task| task.inner.extend(below));
                return match why {
                    Break::Wait => Ran::Off,
                    Break::Slice => Ran::Preempted,
                    Break::End(failure) => Ran::Exit(self.failed(failure)),
                };
            }
            if let Some(failure) = self.ending.borrow_mut().take() {
                return Ran::Exit(self.failed(*failure));
            }
            if thread != root {
                // A coroutine of the script's own came back; whoever resumed it goes on.
                let resumer = self.task(index, |task| {
                    task.inner.pop();
                    task.inner.last()
                });
                thread = resumer.unwrap_or(root);
                continue;
            }
            return match status {
                ffi::LUA_OK => self.returned(vm, index, root),
                ffi::LUA_YIELD => {
                    root.set_top(0);
                    root.keep_from_scripts();
                    Ran::Yielded
                }
                _ => Ran::Exit(self.died(vm, root)),
            };
        }
    }

    fn returned(&self, vm: &Vm, index: usize, root: Stack) -> Ran {
        if index != 0 {
            // What is left there would make it look as if it had not begun.
            root.set_top(0);
            self.remove_task(index);
            return Ran::Off;
        }
        if self.definition.is_program && !self.second_stage.replace(true) && root.top() > 0 {
            let arguments = vm.protect(|_, _| {
                // A second result that is an error is the program's end, whatever the first is.
                let is_code = matches!(root.kind(1), Kind::Function | Kind::Table);
                if !is_code || errors::second_result(root).is_some() {
                    return None;
                }
                root.set_top(1);
                if self.pick_main(root).is_err() {
                    return None;
                }
                self.with_rare(|rare| push_all(root, &rare.program_args)).or(Some(0))
            });
            if let Ok(Some(arguments)) = arguments {
                self.task(0, |task| task.start = Some(arguments));
                // At once: until it has begun, another coroutine could resume it.
                return self.run_task(vm, index);
            }
        }
        let limit = vm.settings.limits.max_payload_bytes;
        let result = vm.protect(|_, _| {
            if let Some(error) = errors::second_result(root) {
                return Err(error);
            }
            copy::read(root, 1, limit)
        });
        Ran::Exit(match result.and_then(|result| result) {
            Ok(value) => ExitReason::normal(value),
            Err(failure) => self.failed(failure),
        })
    }

    /// The main or a spawned coroutine raised an error.
    fn died(&self, vm: &Vm, root: Stack) -> ExitReason {
        let failure = vm.protect(|_, _| errors::from_raised(root, root.top())).unwrap_or_else(|failure| failure);
        let stack = Some(root.traceback()).filter(|text| !text.is_empty());
        self.failed(Failure { stack: failure.stack.or(stack), ..failure })
    }

    fn failed(&self, failure: Failure) -> ExitReason {
        self.vm.services.failed(&self.origin(), &failure);
        ExitReason::failed(failure)
    }

    /// Nothing to run: either something will come, or never.
    fn idle(&self, vm: &Vm) -> Step {
        let hopeless = {
            let tasks = self.tasks.borrow();
            let waits = |task: &Task| matches!(task.waits, Waits::Mail | Waits::Operation);
            !tasks.iter().flatten().any(waits) && self.with_rare(|rare| rare.timers.is_empty()).unwrap_or(true)
        };
        if hopeless && let Some(step) = self.deadlock(vm) {
            return step;
        }
        Step::Wait
    }

    fn deadlock(&self, vm: &Vm) -> Option<Step> {
        if std::mem::replace(&mut self.rare().warned, true) {
            return None;
        }
        let places: Vec<_> = self.tasks.borrow().iter().flatten().filter_map(waiting_place).collect();
        let text = format!("deadlock: no message can wake this process, which waits at {}", places.join(", "));
        if vm.settings.fail_deadlocks {
            return Some(Step::Exit(self.failed(Failure::new(ErrorKind::Internal, text))));
        }
        vm.services.log(&self.origin(), crate::services::Level::Warn, "process", &text, &[]);
        None
    }

    // --- waiting

    /// Wakes as many waiting coroutines as there is mail for, those first that have waited longest.
    fn match_mail(&self, vm: &Vm) {
        let mut position = 0;
        // With many waits it matters not to ask again for each of them. With few it would only cost an allocation.
        let remembers = self.mail_waits.borrow().len() > 8;
        let mut given_away: Vec<View> = Vec::new();
        loop {
            // Not in a `while let`, which would keep the list borrowed while it is changed.
            let view = self.mail_waits.borrow().get(position).map(|wait| wait.view.clone());
            let Some(view) = view else { return };
            // Whoever has been woken and not run yet has a claim to what is there.
            let is_given_away = given_away.contains(&view) || {
                let waiting = self.waiting_mail(vm, &view);
                waiting == 0 || self.granted(&view) >= waiting
            };
            if is_given_away {
                if remembers && !given_away.contains(&view) {
                    given_away.push(view);
                }
                position += 1;
                continue;
            }
            let (token, case) = {
                let waits = self.mail_waits.borrow();
                (waits[position].token, waits[position].case)
            };
            self.finish_case(token, case, Ending::Mail(view));
        }
    }

    fn waiting_mail(&self, vm: &Vm, view: &View) -> usize {
        let waiting = vm.with(|_, cx| match view {
            View::Inbox => cx.mailbox().unlistened_len(),
            View::Events => cx.mailbox().events_len(),
            View::Topic(topic) => cx.mailbox().topic_len(topic),
        });
        waiting.unwrap_or(0)
    }

    /// How many coroutines have been woken for mail of that view and not taken it.
    fn granted(&self, view: &View) -> usize {
        let is_grant = |ending: &Ending| match ending {
            Ending::Mail(granted) => granted == view,
            Ending::Case { ending, .. } => matches!(&**ending, Ending::Mail(granted) if granted == view),
            _ => false,
        };
        let tasks = self.tasks.borrow();
        tasks.iter().flatten().filter(|task| task.end.as_ref().is_some_and(is_grant)).count()
    }

    /// Whether mail of that view may be taken without overtaking anybody.
    pub(crate) fn may_take(&self, vm: &Vm, view: &View) -> bool {
        let waiting = self.waiting_mail(vm, view);
        waiting > 0 && (self.tasks.borrow().len() == 1 || self.granted(view) < waiting)
    }

    /// Takes the oldest message that a view shows.
    pub(crate) fn take_message(&self, vm: &Vm, view: &View) -> Option<Envelope> {
        let taken = vm.with(|_, cx| match view {
            View::Inbox => cx.mailbox().take_unlistened(),
            View::Topic(topic) => cx.mailbox().take(topic),
            View::Events => None,
        });
        taken.ok().flatten()
    }

    pub(crate) fn await_mail(&self, view: View, token: Token, case: Option<i32>) {
        let mut waits = self.mail_waits.borrow_mut();
        // Most actors have one such wait, and there may be a million of them.
        if waits.capacity() == 0 {
            waits.reserve_exact(1);
        }
        waits.push(MailWait { view, token, case });
    }

    /// Ends a wait. Nothing happens when the coroutine waits no longer, or for something else.
    pub(crate) fn finish(&self, token: Token, ending: Ending) {
        let index = token.task();
        let current = self.tasks.borrow_mut().get_mut(index).and_then(Option::as_mut).is_some_and(|task| {
            let current = task.serial == token.serial() && task.end.is_none();
            if current {
                task.serial = self.next_serial();
                task.end = Some(ending);
            }
            current
        });
        if current {
            self.mail_waits.borrow_mut().retain(|wait| wait.token != token);
            self.ready.borrow_mut().push_back(index as u32);
        }
    }

    pub(crate) fn finish_case(&self, token: Token, case: Option<i32>, ending: Ending) {
        let ending = match case {
            Some(number) => Ending::Case { number, ending: Box::new(ending) },
            None => ending,
        };
        self.finish(token, ending);
    }

    /// Whether that wait is still on.
    pub(crate) fn is_waiting(&self, token: Token) -> bool {
        let tasks = self.tasks.borrow();
        let task = tasks.get(token.task()).and_then(Option::as_ref);
        task.is_some_and(|task| task.serial == token.serial() && task.end.is_none())
    }

    /// The thread that a waiting coroutine's values are on.
    pub(crate) fn waiting_stack(&self, token: Token) -> Option<Stack> {
        let tasks = self.tasks.borrow();
        let task = tasks.get(token.task())?.as_ref()?;
        Some(task.inner.last().unwrap_or(task.thread))
    }

    /// The token of the wait that the running coroutine is about to begin.
    pub(crate) fn token(&self) -> Token {
        let index = self.current.get();
        let serial = self.tasks.borrow().get(index).and_then(Option::as_ref).map_or(0, |task| task.serial);
        Token::new(index, serial)
    }

    pub(crate) fn take_end(&self) -> Option<Ending> {
        self.tasks.borrow_mut().get_mut(self.current.get())?.as_mut()?.end.take()
    }

    pub(crate) fn set_waits(&self, waits: Waits) {
        self.task(self.current.get(), |task| task.waits = waits);
    }

    fn task<R: Default>(&self, index: usize, change: impl FnOnce(&mut Task) -> R) -> R {
        self.tasks.borrow_mut().get_mut(index).and_then(Option::as_mut).map(change).unwrap_or_default()
    }

    // --- coroutines

    /// Adds a coroutine whose function and arguments are on its thread.
    pub(crate) fn add_task(&self, thread: Stack, key: Option<Key>, arguments: i32) -> usize {
        let mut tasks = self.tasks.borrow_mut();
        let free = self.free_tasks().and_then(|mut free| free.pop());
        // Never one that a coroutine at this place has had: channels remember tokens of waits that are over.
        let serial = self.next_serial();
        let task = Task {
            thread,
            key,
            inner: ThinVec::default(),
            start: Some(arguments),
            serial,
            waits: Waits::No,
            end: None,
        };
        let index = match free {
            Some(index) => {
                tasks[index as usize] = Some(task);
                index as usize
            }
            None => {
                if tasks.capacity() == 0 {
                    tasks.reserve_exact(1);
                }
                tasks.push(Some(task));
                tasks.len() - 1
            }
        };
        drop(tasks);
        self.ready.borrow_mut().push_back(index as u32);
        index
    }

    /// Puts the two coroutines that became ready last before all others.
    pub(crate) fn run_newest_first(&self) {
        let mut ready = self.ready.borrow_mut();
        for _ in 0..2.min(ready.len()) {
            ready.rotate_right(1);
        }
    }

    pub(crate) fn task_count(&self) -> usize {
        self.tasks.borrow().len()
    }

    fn free_tasks(&self) -> Option<RefMut<'_, Vec<u32>>> {
        let kept = self.kept.borrow_mut();
        RefMut::filter_map(kept, |kept| kept.as_mut()?.rare.as_mut().map(|rare| &mut rare.free_tasks)).ok()
    }

    fn next_serial(&self) -> u64 {
        self.serial.set(self.serial.get() + 1);
        self.serial.get()
    }

    fn remove_task(&self, index: usize) {
        let task = self.tasks.borrow_mut().get_mut(index).and_then(Option::take);
        self.rare().free_tasks.push(index as u32);
        if let Some(key) = task.and_then(|task| task.key) {
            self.drop_key(key);
        }
    }

    // --- ending

    /// Why the actor shall end as soon as it can be made to.
    pub(crate) fn ending(&self) -> Option<Failure> {
        self.ending.borrow().as_deref().cloned()
    }

    pub(crate) fn set_ending(&self, failure: Failure) {
        self.ending.borrow_mut().get_or_insert_with(|| Box::new(failure));
    }

    pub(crate) fn origin(&self) -> Origin<'_> {
        Origin::new(self.pid, &self.definition)
    }

    pub(crate) fn definition(&self) -> &Arc<Definition> {
        &self.definition
    }

    pub(crate) fn is_foreground(&self) -> bool {
        self.foreground
    }

    // --- kept values

    /// A stack for a moment's work that no script sees.
    pub(crate) fn scratch(&self) -> Stack {
        self.vm.main()
    }

    fn kept(&self) -> RefMut<'_, Kept> {
        RefMut::map(self.kept.borrow_mut(), |kept| {
            let empty = || Box::new(Kept { store: Ref::NONE, next: 1, views: Vec::new(), rare: None });
            &mut **kept.get_or_insert_with(empty)
        })
    }

    fn rare(&self) -> RefMut<'_, Rare> {
        RefMut::map(self.kept(), |kept| &mut **kept.rare.get_or_insert_default())
    }

    /// Looks at what hardly any actor has.
    fn with_rare<R>(&self, look: impl FnOnce(&Rare) -> R) -> Option<R> {
        self.kept.borrow().as_ref()?.rare.as_deref().map(look)
    }

    /// Pops a value and keeps it until the key is dropped or the actor ends.
    pub(crate) fn keep(&self, stack: Stack) -> Key {
        let value = stack.top();
        let store = self.kept().store;
        let store = if store.is_none() {
            stack.push_table(1, 0);
            let store = stack.pop_ref();
            self.kept().store = store;
            store
        } else {
            store
        };
        let key = {
            let mut kept = self.kept();
            let free = kept.rare.as_mut().and_then(|rare| rare.free.pop());
            free.unwrap_or_else(|| {
                kept.next += 1;
                kept.next - 1
            })
        };
        stack.reserve(1);
        stack.push_ref(store);
        stack.insert(value);
        stack.raw_seti(value, key);
        stack.pop(1);
        Key(key)
    }

    pub(crate) fn push_key(&self, stack: Stack, key: Key) {
        stack.reserve(2);
        stack.push_ref(self.kept().store);
        let store = stack.top();
        stack.raw_geti(store, key.0);
        stack.remove(store);
    }

    /// Lets go of a kept value, also from inside the collector: the value itself goes when its place is used again.
    pub(crate) fn drop_key(&self, key: Key) {
        self.rare().free.push(key.0);
    }

    // --- channels on the mailbox

    /// Pushes the channel of a view, the same one every time.
    pub(crate) fn push_view(&self, stack: Stack, view: &View) -> bool {
        let key = self
            .kept
            .borrow()
            .as_ref()
            .and_then(|kept| kept.views.iter().find(|(known, _)| known == view).map(|(_, key)| *key));
        key.map(|key| self.push_key(stack, key)).is_some()
    }

    /// Keeps the channel on top as the one of that view.
    pub(crate) fn add_view(&self, stack: Stack, view: View) {
        stack.copy(stack.top());
        let key = self.keep(stack);
        let mut kept = self.kept();
        if kept.views.capacity() == 0 {
            kept.views.reserve_exact(1);
        }
        kept.views.push((view, key));
    }

    pub(crate) fn remove_view(&self, view: &View) {
        let key = {
            let mut kept = self.kept();
            let position = kept.views.iter().position(|(known, _)| known == view);
            position.map(|position| kept.views.remove(position).1)
        };
        if let Some(key) = key {
            self.drop_key(key);
        }
        let waiting: Vec<_> = {
            let waits = self.mail_waits.borrow();
            waits.iter().filter(|wait| wait.view == *view).map(|wait| (wait.token, wait.case)).collect()
        };
        for (token, case) in waiting {
            self.finish_case(token, case, Ending::Closed);
        }
    }

    /// Whether the listener of that topic asked for whole messages.
    pub(crate) fn wants_objects(&self, topic: &perilune_actor_core::Topic) -> bool {
        let key = self.kept.borrow().as_ref().and_then(|kept| {
            let is_topic = |view: &View| matches!(view, View::Topic(known) if known == topic);
            kept.views.iter().find(|(view, _)| is_topic(view)).map(|(_, key)| *key)
        });
        let Some(key) = key else { return false };
        crate::modules::channel::wants_objects(self, key)
    }

    // --- libraries

    pub(crate) fn push_library(&self, stack: Stack, serial: u64) -> bool {
        let value =
            |rare: &Rare| rare.libraries.iter().find(|library| library.serial == serial).map(|found| found.value);
        let key = self.with_rare(value).flatten();
        key.map(|key| self.push_key(stack, key)).is_some()
    }

    /// Keeps the value and the environment on top as those of a library.
    pub(crate) fn add_library(&self, stack: Stack, serial: u64) {
        let environment = self.keep(stack);
        let value = self.keep(stack);
        self.rare().libraries.push(Library { serial, value, environment });
    }

    /// Makes the VM look names up again in all sources of this actor.
    pub(crate) fn drop_constants(&self, stack: Stack) {
        stack.reserve(2);
        stack.push_globals();
        stack.set_safe_environment(stack.top(), false);
        stack.pop(1);
        let environments = |rare: &Rare| rare.libraries.iter().map(|library| library.environment).collect();
        let environments: Vec<_> = self.with_rare(environments).unwrap_or_default();
        for key in environments {
            self.push_key(stack, key);
            stack.set_safe_environment(stack.top(), false);
            stack.pop(1);
        }
    }

    // --- timers

    /// Starts a timer that feeds a channel.
    pub(crate) fn start_alarm(
        &self,
        cx: &mut dyn Context,
        delay: Duration,
        alarmed: impl FnOnce(TimerId) -> Alarmed,
    ) -> u64 {
        let token = {
            let mut rare = self.rare();
            rare.timer_serial += 1;
            rare.timer_serial | TIMER_BIT
        };
        let timer = cx.start_timer(delay, token);
        self.rare().timers.insert(token, alarmed(timer));
        token
    }

    pub(crate) fn with_alarms<R>(&self, change: impl FnOnce(&mut FxHashMap<u64, Alarmed>) -> R) -> R {
        change(&mut self.rare().timers)
    }

    // --- chance

    /// The state of this actor's random numbers.
    pub(crate) fn random(&self) -> u64 {
        let seed = || {
            let mut hasher = rustc_hash::FxHasher::default();
            std::hash::Hash::hash(&(self.pid.unique(), std::process::id(), Instant::now()), &mut hasher);
            std::hash::Hasher::finish(&hasher) | 1
        };
        *self.rare().random.get_or_insert_with(seed)
    }

    pub(crate) fn set_random(&self, state: u64) {
        self.rare().random = Some(state);
    }

    // --- sorting

    /// Whether the running coroutine is inside a comparison function of `table.sort`.
    pub(crate) fn is_sorting(&self, vm: &Vm, stack: Stack) -> bool {
        let inside = self.with_rare(|rare| rare.sorting.inside).unwrap_or(false);
        (inside || vm.may_be_sorting()) && vm.is_inside_sort(stack)
    }

    /// Called when a slice has ended: a comparison that takes longer than any callback may ends the actor.
    fn stuck_in_sort(&self, vm: &Vm) -> Option<Failure> {
        let before = self.with_rare(|rare| rare.sorting).unwrap_or_default();
        if !before.inside && !vm.may_be_sorting() {
            return None;
        }
        let stack = self.task(self.current.get(), |task| Some(task.inner.last().unwrap_or(task.thread)))?;
        let inside = vm.is_inside_sort(stack);
        if !inside {
            if before.inside {
                self.rare().sorting = Sorting::default();
            }
            vm.end_sorting();
            return None;
        }
        let progress = vm.sort_progress();
        let same = before.inside && before.progress == progress;
        let stuck = if same { before.stuck + vm.slice() } else { Duration::ZERO };
        self.rare().sorting = Sorting { inside, progress, stuck };
        let budget = vm.settings.limits.callback_budget;
        (stuck > budget).then(|| crate::vm::over_budget(budget))
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

impl From<Box<crate::modules::io::Done>> for Ending {
    fn from(done: Box<crate::modules::io::Done>) -> Self {
        Ending::Custom(Box::new(move |stack| done.push(stack)))
    }
}
