use perilune_actor_core::{ActorError, Failure, Pid, Topic};

use crate::actor::{ActorState, Key};
use crate::modules::channel;
use crate::vm::{Break, ONE, Outcome, Return, Stack, Vm, raise};

/// A coroutine that the runtime drives: the main one, or one that `coroutine.spawn` started.
pub(crate) struct Task {
    pub(crate) thread: Stack,
    /// Keeps the thread alive; the main one is kept by the actor.
    pub(crate) key: Option<Key>,
    /// Coroutines of the script's own that a wait or a slice's end went through, outermost first.
    pub(crate) inner: ThinVec,
    pub(crate) start: Option<i32>,
    /// Of the wait it is in, or the next one.
    pub(crate) serial: u64,
    pub(crate) waits: Waits,
    pub(crate) end: Option<Ending>,
}

/// A list that takes one word while it is empty, as it nearly always is: there may be a million of them.
#[derive(Default)]
#[allow(clippy::box_collection)] // One word instead of three is the point.
pub(crate) struct ThinVec(Option<Box<Vec<Stack>>>);

impl ThinVec {
    pub(crate) fn last(&self) -> Option<Stack> {
        self.0.as_ref()?.last().copied()
    }

    pub(crate) fn pop(&mut self) {
        if let Some(list) = &mut self.0 {
            list.pop();
        }
    }

    pub(crate) fn extend(&mut self, more: Vec<Stack>) {
        match &mut self.0 {
            Some(list) => list.extend(more),
            None if more.is_empty() => {}
            None => self.0 = Some(Box::new(more)),
        }
    }
}

/// What a coroutine waits for; only what it takes to tell whether anything can ever wake it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waits {
    /// It does not.
    No,
    /// Messages or events.
    Mail,
    /// Other coroutines of this actor, and timers that feed channels.
    Channel,
    /// Something that will come.
    Operation,
    /// A program that this actor started: its output, or anything else about it.
    Os { process: u32, reads: bool },
}

const TASK_BITS: u32 = 23;

/// How many coroutines of one actor the runtime drives.
pub(crate) const MAX_TASKS: usize = 1 << TASK_BITS;

/// One wait of one coroutine. Any other wait of the actor has another token, so that what comes too late finds nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token(u64);

impl Token {
    pub(crate) fn new(task: usize, serial: u64) -> Self {
        Self((serial << TASK_BITS | task as u64) & !(TIMER_BIT | CALL_BIT))
    }

    pub(crate) fn task(self) -> usize {
        (self.0 as usize) & (MAX_TASKS - 1)
    }

    pub(crate) fn serial(self) -> u64 {
        self.0 >> TASK_BITS
    }

    pub(crate) fn number(self) -> u64 {
        self.0
    }

    pub(crate) fn from_number(number: u64) -> Self {
        Self(number)
    }
}

/// Says that a token counts a timer that is no coroutine's.
pub(crate) const TIMER_BIT: u64 = 1 << 63;

/// Says that a token counts a call.
pub(crate) const CALL_BIT: u64 = 1 << 62;

/// A coroutine that waits for mail.
pub(crate) struct MailWait {
    pub(crate) view: View,
    pub(crate) token: Token,
    /// Which case of a select.
    pub(crate) case: Option<i32>,
    /// Without a select: whether it waits for whole messages of its topic.
    pub(crate) objects: bool,
}

/// A view of the mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum View {
    Inbox,
    Events,
    Topic(Topic),
}

/// What work outside the scheduler gives to the coroutine that waits for it: called on the coroutine's own thread, it
/// pushes the results.
pub(crate) struct Done(Box<dyn FnOnce(Stack) -> Outcome + Send>);

impl Done {
    pub(crate) fn new(push: impl FnOnce(Stack) -> Outcome + Send + 'static) -> Self {
        Self(Box::new(push))
    }
}

impl From<Done> for Ending {
    fn from(done: Done) -> Self {
        Self::Custom(done.0)
    }
}

/// Has work begun outside, and suspends the running coroutine until `begin`'s argument was called with what came of it.
pub(crate) fn await_result<T: Send + 'static>(
    stack: Stack,
    begin: impl FnOnce(Box<dyn FnOnce(T) + Send>),
    push: impl FnOnce(Stack, T) -> Outcome + Send + 'static,
) -> Outcome {
    await_result_as(stack, Waits::Operation, begin, push)
}

/// The same, where it matters what the coroutine waits for.
pub(crate) fn await_result_as<T: Send + 'static>(
    stack: Stack,
    waits: Waits,
    begin: impl FnOnce(Box<dyn FnOnce(T) + Send>),
    push: impl FnOnce(Stack, T) -> Outcome + Send + 'static,
) -> Outcome {
    let vm = Vm::current();
    check_wait(vm, stack)?;
    let Some(actor) = vm.actor() else { return raise("no context found") };
    let completion = vm.with(|actor, cx| cx.completion(actor.token().number()))?;
    begin(Box::new(move |result| completion(Box::new(Done::new(move |stack| push(stack, result))))));
    actor.wait(vm, waits)
}

/// What ends a wait. The coroutine itself turns it into values, where a lack of memory can be raised.
pub(crate) enum Ending {
    /// No results.
    Nothing,
    /// A message or event has come for the view; the coroutine takes it.
    Mail(View),
    /// What the runtime gave to a channel.
    Fed(perilune_actor_core::Value),
    /// A channel is closed and empty.
    Closed,
    /// A channel is closed while sending.
    SendClosed,
    /// The value was pushed onto the waiting thread.
    Pushed,
    /// The value was taken from the waiting thread.
    Sent,
    /// Case `number` of a select.
    Case { number: i32, ending: Box<Ending> },
    /// A new actor.
    Spawned(Box<Result<Pid, ActorError>>),
    /// A monitor or link.
    Related(Box<Result<(), ActorError>>),
    /// Whatever the module that waited makes of it.
    Custom(Box<dyn FnOnce(Stack) -> Outcome>),
}

impl ActorState {
    /// Suspends the running coroutine until its current token is ended.
    pub(crate) fn wait(&self, vm: &Vm, waits: Waits) -> Outcome {
        self.set_waits(waits);
        vm.set_break(Break::Wait);
        Ok(Return::Wait)
    }
}

/// Refuses to wait where that is impossible. To be asked before anything is changed.
#[inline]
pub(crate) fn check_wait(vm: &Vm, stack: Stack) -> Result<(), crate::vm::Raise> {
    let is_sorting = || vm.actor().is_some_and(|actor| actor.is_sorting(vm, stack));
    if vm.can_wait(stack) && !is_sorting() { Ok(()) } else { refuse_wait(vm, stack) }
}

#[cold]
fn refuse_wait(vm: &Vm, stack: Stack) -> Result<(), crate::vm::Raise> {
    if vm.is_loading() {
        return raise("attempt to yield outside of a running process");
    }
    if !vm.can_wait(stack) {
        return raise("attempt to yield across metamethod/C-call boundary");
    }
    raise("attempt to yield in a comparison function of table.sort")
}

/// Ends the running actor, which has been doomed during this very call.
pub(crate) fn end_now(vm: &Vm, stack: Stack) -> Outcome {
    let failure = Failure::new(perilune_actor_core::ErrorKind::Canceled, "process terminated");
    if vm.can_wait(stack) {
        vm.set_break(Break::End(Box::new(failure)));
        return Ok(Return::Wait);
    }
    // It cannot be suspended here: errors are raised until it can, or is dead.
    if let Some(actor) = vm.actor() {
        actor.set_ending(failure.clone());
    }
    vm.ring();
    Err(failure.into())
}

/// Gives a coroutine the results of its wait. Its stack is as it was when it began to wait.
pub(crate) fn finish_wait(stack: Stack) -> Outcome {
    let vm = Vm::current();
    let Some(actor) = vm.actor() else { return raise("no context found") };
    match actor.take_end() {
        // As nearly always.
        Some(Ending::Fed(value)) => channel::finish_fed(stack, value),
        Some(Ending::Case { number, ending }) => channel::finish_select(vm, stack, number, *ending),
        Some(ending) => finish(vm, stack, ending),
        None => Ok(Return::Values(0)),
    }
}

/// Pushes what a direct wait gives.
fn finish(vm: &Vm, stack: Stack, ending: Ending) -> Outcome {
    match ending {
        Ending::Nothing | Ending::Case { .. } => Ok(Return::Values(0)),
        Ending::Spawned(result) => match *result {
            Ok(pid) => {
                stack.push_pid(pid);
                ONE
            }
            Err(error) => stack.fail(error),
        },
        Ending::Related(result) => match *result {
            Ok(()) => stack.done(),
            Err(error) => stack.fail(crate::modules::process::relation_failure(error)),
        },
        Ending::Sent => stack.done(),
        Ending::Custom(finish) => finish(stack),
        Ending::SendClosed => raise("send on closed channel"),
        received => channel::finish_receive(vm, stack, received),
    }
}
