//! One program in a script's hands, and what an actor has to remember about all of its programs.

use std::cell::{Cell, RefCell};
use std::ffi::c_int;
use std::rc::Rc;
use std::sync::Arc;

use perilune_actor_core::Failure;
use perilune_exec_api::{ByteStream, ExecError, ExecId, ExecState, ExitInfo, OsSignal, Process, StdinEof, Stop};

use super::stream::Output;
use super::{Made, failure, invalid, style};
use crate::actor::ActorState;
use crate::task::{Ending, Token, Waits, await_result_as, check_wait};
use crate::vm::{Functions, ONE, Object, Outcome, Return, Stack, Vm, raise};

/// Its companion is a table of the two streams.
struct ProcessObject(Rc<Known>);

impl Object for ProcessObject {
    const TAG: c_int = 81;
    const NAME: &'static str = "exec.Process";
}

/// What is known of one program.
struct Known {
    /// `None` once somebody has waited for its end: what is behind it must not stay until a collector finds the handle.
    process: RefCell<Option<Arc<dyn Process>>>,
    id: ExecId,
    /// What the first wait gave.
    exit: Cell<Option<i32>>,
    number: u32,
    started: Cell<bool>,
    closed: Cell<bool>,
    stdin_eof: StdinEof,
    /// Something was written, and the end was not.
    may_wait_for_more: Cell<bool>,
    /// Somebody watches whether it waits for more.
    watched: Cell<bool>,
}

/// The programs of one actor: they end with it.
#[derive(Default)]
pub(crate) struct Processes {
    last: u32,
    running: Vec<Rc<Known>>,
    /// Ends that have been seen, and who waits for them.
    exits: Vec<ExitSeen>,
    /// Counts the turns of coroutines, to notice that nobody had one.
    turns: u64,
}

impl Drop for Processes {
    fn drop(&mut self) {
        for process in self.running.iter().filter_map(|known| known.process()) {
            process.close(Stop::Graceful);
        }
    }
}

/// A program has ended, which a coroutine waits for.
pub(crate) struct ExitSeen {
    process: u32,
    token: u64,
    result: Result<ExitInfo, ExecError>,
}

/// A program seems to wait for input.
pub(crate) struct IdleSeen {
    process: u32,
    turns: u64,
    idle: bool,
}

const METHODS: Functions = &[
    (c"signal", signal),
    (c"close", close),
    (c"stdout_stream", |stack| output(stack, "stdout_stream", 1, |process| process.stdout())),
    (c"stderr_stream", |stack| output(stack, "stderr_stream", 2, |process| process.stderr())),
];

const WAITING: Functions =
    &[(c"start", start), (c"wait", wait), (c"write_stdin", write_stdin), (c"close_stdin", close_stdin)];

pub(super) fn register(stack: Stack) {
    let meta: Functions = &[(c"__tostring", |stack| {
        let text = format!("exec.Process({})", stack.want_self::<ProcessObject>("tostring")?.0.id);
        stack.push_str(&text);
        ONE
    })];
    stack.register_object::<ProcessObject>(METHODS, WAITING, meta);
}

/// Pushes the handle of a program that was not started.
pub(super) fn push(stack: Stack, made: Made) {
    let number = Vm::current().actor().map_or(0, |actor| actor.with_processes(Processes::next));
    let known = Known {
        id: made.process.id(),
        process: RefCell::new(Some(made.process)),
        exit: Cell::new(None),
        number,
        started: Cell::new(false),
        closed: Cell::new(false),
        stdin_eof: made.stdin_eof,
        may_wait_for_more: Cell::new(false),
        watched: Cell::new(false),
    };
    stack.reserve(4);
    stack.push_object(ProcessObject(Rc::new(known)));
    let object = stack.top();
    stack.push_table(2, 0);
    Vm::current().set_companion(stack, object);
}

fn closed() -> Failure {
    invalid("process is closed")
}

impl Known {
    fn process(&self) -> Option<Arc<dyn Process>> {
        self.process.borrow().clone()
    }

    /// The program, unless the handle is closed.
    fn open(&self) -> Result<Arc<dyn Process>, Failure> {
        self.process().filter(|_| !self.closed.get()).ok_or_else(closed)
    }

    /// The program, if it was started.
    fn running(&self) -> Result<Arc<dyn Process>, Failure> {
        let process = self.open()?;
        if self.started.get() { Ok(process) } else { Err(invalid("process not started")) }
    }

    fn waits(&self) -> Waits {
        Waits::Os { process: self.number, reads: false }
    }

    fn has_ended(&self) -> bool {
        self.process().is_none_or(|process| matches!(process.state(), ExecState::Exited | ExecState::Closed))
    }
}

fn start(stack: Stack) -> Outcome {
    let known = Rc::clone(&stack.want_self::<ProcessObject>("start")?.0);
    let process = match known.open() {
        Ok(process) => process,
        Err(failure) => return style(stack, Err(failure)),
    };
    if known.started.get() {
        return style(stack, Err(invalid("process already started")));
    }
    let vm = Vm::current();
    check_wait(vm, stack)?;
    known.started.set(true);
    // From here on it ends with the actor, whatever the script does with the handle.
    if let Some(actor) = vm.actor() {
        actor.with_processes(|processes| processes.add(&known));
    }
    await_result_as(
        stack,
        known.waits(),
        |done| {
            vm.services.drive(Box::pin(async move { done(process.start().await) }));
        },
        |stack, started: Result<(), ExecError>| match started {
            Ok(()) if Vm::current().settings.api >= 2 => stack.done(),
            Ok(()) => Ok(Return::Values(0)),
            Err(error) => {
                // What never ran can be closed and nothing else.
                stack.want_self::<ProcessObject>("start")?.0.closed.set(true);
                style(stack, Err(failure(&error)))
            }
        },
    )
}

fn signal(stack: Stack) -> Outcome {
    let known = &stack.want_self::<ProcessObject>("signal")?.0;
    let number = stack.want_number(2, "signal")?;
    // Something between two numbers is outside of all.
    let number = if number.fract() == 0.0 && number.abs() < 1e9 { number as i64 } else { 0 };
    let sent = OsSignal::new(number)
        .map_err(|error| failure(&error))
        .and_then(|signal| known.running()?.signal(signal).map_err(|error| failure(&error)));
    match sent {
        Ok(()) => stack.done(),
        Err(failure) => stack.fail(failure),
    }
}

fn write_stdin(stack: Stack) -> Outcome {
    let known = Rc::clone(&stack.want_self::<ProcessObject>("write_stdin")?.0);
    let data = stack.want_bytes(2, "write_stdin")?.to_vec();
    if data.is_empty() {
        return close_stdin(stack);
    }
    let process = match known.running() {
        Ok(process) => process,
        Err(failure) => return stack.fail(failure),
    };
    let vm = Vm::current();
    known.may_wait_for_more.set(true);
    await_result_as(
        stack,
        known.waits(),
        |done| vm.services.drive(Box::pin(async move { done(process.write_stdin(data).await) })),
        push_done,
    )
}

fn close_stdin(stack: Stack) -> Outcome {
    let known = Rc::clone(&stack.want_self::<ProcessObject>("close_stdin")?.0);
    let process = match known.running() {
        Ok(process) => process,
        Err(failure) => return stack.fail(failure),
    };
    known.may_wait_for_more.set(false);
    let vm = Vm::current();
    await_result_as(
        stack,
        known.waits(),
        |done| vm.services.drive(Box::pin(async move { done(process.close_stdin().await) })),
        push_done,
    )
}

fn push_done(stack: Stack, done: Result<(), ExecError>) -> Outcome {
    match done {
        Ok(()) => stack.done(),
        Err(error) => stack.fail(failure(&error)),
    }
}

fn wait(stack: Stack) -> Outcome {
    let known = Rc::clone(&stack.want_self::<ProcessObject>("wait")?.0);
    if !known.started.get() {
        let failure = if known.closed.get() { closed() } else { invalid("process not started") };
        return stack.fail(failure);
    }
    if let Some(code) = known.exit.get() {
        stack.push_number(f64::from(code));
        return ONE;
    }
    let Some(process) = known.process() else { return stack.fail(closed()) };
    let vm = Vm::current();
    check_wait(vm, stack)?;
    let Some(actor) = vm.actor() else { return raise("no context found") };
    let token = actor.token();
    let completion = vm.with(|_, cx| cx.completion(token.number()))?;
    let number = known.number;
    // With one coroutine, nobody is left who could write.
    let is_over = known.stdin_eof != StdinEof::Explicit && actor.live_tasks() == 1;
    vm.services.drive(Box::pin(async move {
        if is_over {
            // It may have ended, or been closed.
            let _ = process.close_stdin().await;
        }
        let result = process.wait().await;
        completion(Box::new(ExitSeen { process: number, token: token.number(), result }));
    }));
    actor.wait(vm, known.waits())
}

fn finish_wait(stack: Stack, result: &Result<ExitInfo, ExecError>) -> Outcome {
    let known = &stack.want_self::<ProcessObject>("wait")?.0;
    known.closed.set(true);
    known.process.take();
    match result {
        Ok(exit) => {
            known.exit.set(Some(exit.exit_code()));
            stack.push_number(f64::from(exit.exit_code()));
            ONE
        }
        Err(error) => stack.fail(failure(error)),
    }
}

fn close(stack: Stack) -> Outcome {
    let known = &stack.want_self::<ProcessObject>("close")?.0;
    known.closed.set(true);
    if let Some(process) = known.process() {
        process.close(if stack.truthy(2) { Stop::Force } else { Stop::Graceful });
    }
    stack.done()
}

/// The stream at `place` of the process's streams, made when it is first asked for.
fn output(
    stack: Stack,
    function: &str,
    place: i32,
    take: impl FnOnce(&dyn Process) -> Result<Arc<dyn ByteStream>, ExecError>,
) -> Outcome {
    let known = Rc::clone(&stack.want_self::<ProcessObject>(function)?.0);
    let process = match known.open() {
        Ok(process) => process,
        Err(failure) => return style(stack, Err(failure)),
    };
    let vm = Vm::current();
    stack.reserve(6);
    vm.push_companion(stack, 1);
    let streams = stack.top();
    stack.raw_geti(streams, place);
    if !stack.is_nothing(stack.top()) {
        return ONE;
    }
    stack.pop(1);
    let bytes = match take(&*process) {
        Ok(bytes) => bytes,
        Err(error) => return style(stack, Err(failure(&error))),
    };
    let output = Output::new(bytes, Arc::clone(&vm.services), known.number);
    crate::modules::stream::push(stack, Arc::new(output));
    stack.copy(stack.top());
    stack.raw_seti(streams, place);
    ONE
}

impl Processes {
    fn next(&mut self) -> u32 {
        self.last += 1;
        self.last
    }

    pub(crate) fn has_any(&self) -> bool {
        self.last > 0
    }

    fn add(&mut self, known: &Rc<Known>) {
        // Those that have ended need nobody to end them.
        self.running.retain(|known| !known.has_ended());
        self.running.push(Rc::clone(known));
    }

    pub(crate) fn turn(&mut self) {
        self.turns += 1;
    }
}

impl ActorState {
    /// Takes note of an end that a coroutine waits for.
    pub(crate) fn exit_seen(&self, seen: ExitSeen) {
        self.with_processes(|processes| processes.exits.push(seen));
    }

    /// Wakes coroutines that wait for the end of a program whose output nobody reads any more: those who read it come
    /// first. To be called when no coroutine can run. False when there was none.
    pub(crate) fn release_exits(&self) -> bool {
        let exits = self.with_processes(|processes| std::mem::take(&mut processes.exits));
        let (held, free): (Vec<_>, Vec<_>) = exits.into_iter().partition(|exit| self.is_read(exit.process));
        self.with_processes(|processes| processes.exits.extend(held));
        let any = !free.is_empty();
        for exit in free {
            let finish = move |stack| finish_wait(stack, &exit.result);
            self.finish(Token::from_number(exit.token), Ending::Custom(Box::new(finish)));
        }
        any
    }

    /// When everybody waits for one program alone, that program may be waiting for input that nobody will write: once it
    /// has been quiet for as long as its executor says, its input ends.
    pub(crate) fn watch_lonely_process(&self, vm: &Vm) {
        let Some(number) = self.lonely_process() else { return };
        let watch = self.with_processes(|processes| {
            let known = processes.running.iter().find(|known| known.number == number)?;
            let StdinEof::Idle(quiet) = known.stdin_eof else { return None };
            if !known.may_wait_for_more.get() || known.watched.replace(true) {
                return None;
            }
            Some((known.process()?, quiet, processes.turns))
        });
        let Some((process, quiet, turns)) = watch else { return };
        let Ok(completion) = vm.with(|_, cx| cx.completion(0)) else { return };
        vm.services.drive(Box::pin(async move {
            let idle = process.stdin_idle(quiet).await.is_ok();
            completion(Box::new(IdleSeen { process: number, turns, idle }));
        }));
    }

    /// Ends the input of a program that waits for more, unless somebody has had a turn since.
    pub(crate) fn idle_seen(&self, vm: &Vm, seen: &IdleSeen) {
        let over = self.with_processes(|processes| {
            let known = processes.running.iter().find(|known| known.number == seen.process)?;
            known.watched.set(false);
            if !seen.idle {
                known.may_wait_for_more.set(false);
            }
            let over = seen.idle && seen.turns == processes.turns && known.may_wait_for_more.replace(false);
            over.then(|| known.process()).flatten()
        });
        if let Some(process) = over {
            vm.services.drive(Box::pin(async move {
                // It may have ended meanwhile.
                let _ = process.close_stdin().await;
            }));
        }
    }
}
