//! Running: from the main function to the reason of the end.

use perilune_actor_core::Event;

use super::wait::Sole;
use super::*;
use crate::definition::DefinitionKind;
use crate::modules::exec::{ExitSeen, IdleSeen};

impl ActorState {
    /// Leaves the main function on the thread if the thread has it and there are no arguments: that takes no memory, and
    /// so need not be protected.
    pub(super) fn load_ready(&self, args: &[Value]) -> bool {
        let main = self.main.get();
        let is_ready = !main.is_none() && args.is_empty();
        if is_ready {
            self.thread.push_ref(main);
        }
        is_ready
    }

    /// Runs the chunk and leaves the main function and its arguments on the thread. Returns the number of arguments.
    ///
    /// If `keeps_main`, the function stays with the thread where that is possible.
    pub(super) fn load(&self, vm: &Vm, loaded: &Loaded, keeps_main: bool, args: &[Value]) -> Result<i32, Failure> {
        let thread = self.thread;
        if !self.main.get().is_none() {
            thread.push_ref(self.main.get());
            return Ok(push_all(thread, args));
        }
        if !self.definition.imports.is_empty() {
            self.touch_globals(Globals::Touched);
            thread.push_globals();
            if let Err(raise) = self.import(vm, thread, &self.definition, 1) {
                return Err(self.raised(thread, raise));
            }
            thread.set_top(0);
        }
        if self.definition.is_program {
            loaded.push_chunk(thread);
        } else if !loaded.push_main(thread) {
            self.run_chunk(vm, loaded)?;
        } else if keeps_main {
            thread.copy(1);
            self.main.set(thread.pop_ref());
        }
        if self.definition.is_program && !args.is_empty() {
            self.rare().program_args = args.to_vec();
        }
        Ok(push_all(thread, args))
    }

    /// Runs the chunk for what it returns, and leaves its main function on the thread.
    fn run_chunk(&self, vm: &Vm, loaded: &Loaded) -> Result<(), Failure> {
        let thread = self.thread;
        // What libraries do while they are made is not seen.
        let is_watched = loaded.is_unknown() && self.definition.imports.is_empty();
        if is_watched {
            loaded.watch(thread);
        }
        loaded.push_chunk(thread);
        let picked = match thread.call_protected(0, 1) {
            true => self.pick_main(loaded, thread),
            false => Err(self.raised(thread, Raise::Top)),
        };
        match picked {
            Ok(()) if is_watched => loaded.stop_watching(vm, thread, self),
            Ok(()) => {}
            // Its globals are of no use to others while they are watched.
            Err(_) => self.touch_globals(Globals::Touched),
        }
        picked
    }

    /// Replaces what a chunk returned by its main function.
    fn pick_main(&self, loaded: &Loaded, thread: Stack) -> Result<(), Failure> {
        match thread.kind(1) {
            Kind::Function => return Ok(()),
            Kind::Table => {
                loaded.push_method(thread);
                thread.raw_get_top(1);
                thread.remove(1);
                if thread.kind(1) == Kind::Function {
                    return Ok(());
                }
            }
            _ => {}
        }
        thread.set_top(0);
        let text = format!("method \"{}\" not found in module", self.definition.method);
        Err(Failure::new(ErrorKind::NotFound, text))
    }

    fn raised(&self, stack: Stack, raise: Raise) -> Failure {
        match raise {
            Raise::Failure(failure) => *failure,
            Raise::Text(text) | Raise::Argument(_, text) => Failure::new(ErrorKind::Internal, text),
            Raise::Top => errors::from_raised(stack, stack.top()),
        }
    }

    /// Takes note of what others have done since the last step.
    pub(super) fn look_around(&self, cx: &mut dyn Context) {
        let has_news = |rare: &Rare| rare.cancellation.is_some() || !rare.subscriptions.is_empty();
        if !self.with_rare(has_news).unwrap_or(false) {
            return;
        }
        crate::modules::events::receive_all(self);
        let canceled = |rare: &Rare| rare.cancellation.clone().filter(|cancellation| cancellation.is_requested());
        // A function stops where it waits next; a process decides for itself.
        if self.definition.kind == DefinitionKind::Process
            && let Some(cancellation) = self.with_rare(canceled).flatten()
        {
            self.rare().cancellation = None;
            let (from, at) = (Some(cancellation.caller()), cx.wall());
            cx.mailbox().push_event(Event::Cancel { from, deadline: None, reason: None, at });
        }
    }

    /// What came of something a program did.
    pub(super) fn process_news(&self, cx: &mut dyn Context, news: Box<dyn std::any::Any + Send>) {
        let news = match news.downcast::<ExitSeen>() {
            Ok(seen) => return self.exit_seen(*seen),
            Err(other) => other,
        };
        if let Ok(seen) = news.downcast::<IdleSeen>() {
            let vm = &*self.vm;
            vm.enter(self, cx, false, || self.idle_seen(vm, &seen));
        }
    }

    fn is_canceled(&self) -> bool {
        let canceled = |rare: &Rare| rare.cancellation.as_ref().is_some_and(|call| call.is_requested());
        self.with_rare(canceled).unwrap_or(false)
    }

    pub(super) fn run(&self, vm: &Vm) -> Step {
        loop {
            let next = match self.wake_sole(vm) {
                Sole::Ready => Some(0),
                Sole::Waits => return Step::Wait,
                Sole::Other => {
                    self.match_mail(vm);
                    self.ready.borrow_mut().pop_front()
                }
            };
            let Some(task) = next else {
                if self.has_processes() && self.release_exits() {
                    continue;
                }
                return self.idle(vm);
            };
            match self.run_task(vm, task as usize) {
                // Nobody is left who could have been given anything since it looked for it.
                Ran::Off if self.waits_for_mail_alone() => return Step::Wait,
                Ran::Off if self.is_alone() => return self.idle(vm),
                Ran::Off => {}
                Ran::Yielded => self.ready.borrow_mut().push_back(task),
                Ran::Preempted => {
                    self.definition.note_slice();
                    self.ready.borrow_mut().push_front(task);
                    return match self.stuck_in_sort(vm) {
                        Some(failure) => Step::Exit(self.failed(failure)),
                        None => Step::Yield,
                    };
                }
                Ran::Become => {
                    let next = self.rare().become_next.take();
                    return next.map_or(Step::Yield, |next| Step::Become(Box::new(next)));
                }
                Ran::Exit(reason) => return Step::Exit(reason),
            }
            if vm.is_slice_over() && !self.ready.borrow().is_empty() {
                return Step::Yield;
            }
        }
    }

    /// Whether a coroutine waits for its turn.
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.borrow().is_empty()
    }

    /// Whether there is one coroutine, it waits, and no program of this actor could change that.
    fn is_alone(&self) -> bool {
        self.tasks.borrow().only().is_some() && self.ready.borrow().is_empty() && !self.has_processes()
    }

    /// Runs one coroutine until it waits, ends, or its slice is used up.
    fn run_task(&self, vm: &Vm, index: usize) -> Ran {
        self.current.set(index as u32);
        if self.has_processes() {
            self.with_processes(Processes::turn);
        }
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
                if let Some(below) = vm.take_broken() {
                    self.task(index, |task| task.inner.extend(below));
                }
                return match vm.take_break() {
                    Break::Wait => Ran::Off,
                    Break::Slice => Ran::Preempted,
                    Break::Become => Ran::Become,
                    Break::End(failure) => Ran::Exit(self.failed(*failure)),
                };
            }
            if let Some(failure) = self.ending.take() {
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
            let arguments = vm.protect(|vm, _| {
                // A second result that is an error is the program's end, whatever the first is.
                let is_code = matches!(root.kind(1), Kind::Function | Kind::Table);
                if !is_code || errors::second_result(root).is_some() {
                    return None;
                }
                root.set_top(1);
                // It runs, so it is loaded.
                let loaded = vm.find_loaded(&self.definition)?;
                if self.pick_main(&loaded, root).is_err() {
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
        if root.top() == 0 {
            return Ran::Exit(ExitReason::Normal(None));
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
        // Not on the thread that has died: saying what it raised may run a script's code.
        let said = vm.protect(|_, main| {
            root.copy_to(root.top(), main);
            errors::from_raised(main, main.top())
        });
        let failure = said.unwrap_or_else(|failure| failure);
        let stack = Some(root.traceback()).filter(|text| !text.is_empty());
        self.failed(Failure { stack: failure.stack.or(stack), ..failure })
    }

    fn failed(&self, failure: Failure) -> ExitReason {
        self.vm.services.failed(&self.origin(), &failure);
        ExitReason::failed(failure)
    }

    /// Nothing to run: either something will come, or never.
    fn idle(&self, vm: &Vm) -> Step {
        if self.is_canceled() {
            return Step::Exit(self.failed(calls::canceled()));
        }
        let hopeless = {
            let tasks = self.tasks.borrow();
            let waits = |task: &Task| matches!(task.waits, Waits::Mail | Waits::Operation | Waits::Os { .. });
            let nothing_comes = |rare: &Rare| rare.timers.is_empty() && rare.calls.is_empty();
            !tasks.iter().flatten().any(waits) && self.with_rare(nothing_comes).unwrap_or(true)
        };
        if self.has_processes() {
            self.watch_lonely_process(vm);
        }
        self.definition.note_wait();
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
        self.warn("process", &text);
        None
    }
}
