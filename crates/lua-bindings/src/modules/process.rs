//! `process`: the actor itself, and what it can do to others.

mod builder;
mod control;
mod destination;
mod events;
mod messages;
mod names;
mod spawn;

use perilune_actor_core::{ErrorKind, Failure, Relation};

pub(crate) use self::control::relation_failure;
pub(crate) use self::destination::Destination;
use self::destination::{known_target, target};
pub(crate) use self::events::{Templates, Told, forget_told, push_event, result_text};
pub(crate) use self::messages::push_message;
pub(crate) use self::spawn::check_id;
use crate::task::{View, Waits};
use crate::vm::{Functions, ONE, Outcome, Raise, Return, Stack, Vm};

const FUNCTIONS: Functions = &[
    (c"pid", pid),
    (c"id", id),
    (c"inbox", |stack| messages::mailbox_view(stack, View::Inbox)),
    (c"events", |stack| messages::mailbox_view(stack, View::Events)),
    (c"listen", messages::listen),
    (c"unlisten", messages::unlisten),
    (c"unmonitor", |stack| control::unrelate(stack, "unmonitor", UNMONITOR)),
    (c"unlink", |stack| control::unrelate(stack, "unlink", UNLINK)),
    (c"cancel", control::cancel),
    (c"get_options", control::get_options),
    (c"set_options", control::set_options),
    (c"with_context", builder::with_context),
    (c"with_options", builder::with_options),
];

const WAITING: Functions = &[
    (c"spawn", |stack| spawn::spawn(stack, "spawn", PLAIN)),
    (c"spawn_monitored", |stack| spawn::spawn(stack, "spawn_monitored", MONITORED)),
    (c"spawn_linked", |stack| spawn::spawn(stack, "spawn_linked", LINKED)),
    (c"spawn_linked_monitored", |stack| spawn::spawn(stack, "spawn_linked_monitored", BOTH)),
    (c"call", |stack| spawn::call(stack, "call")),
    (c"exec", |stack| spawn::call(stack, "exec")),
    (c"upgrade", spawn::upgrade),
    (c"monitor", |stack| control::relate(stack, "monitor", MONITOR)),
    (c"link", |stack| control::relate(stack, "link", LINK)),
    (c"terminate", control::terminate),
];

const PLAIN: Relation = Relation { monitored: false, linked: false };
const MONITORED: Relation = Relation { monitored: true, linked: false };
const LINKED: Relation = Relation { monitored: false, linked: true };
const BOTH: Relation = Relation { monitored: true, linked: true };

const REGISTRY: Functions =
    &[(c"register", names::register_name), (c"lookup", names::lookup), (c"unregister", names::unregister)];

pub(crate) fn register(vm: &Vm, stack: Stack) {
    messages::register(vm, stack);
    builder::register(stack);
}

pub(crate) fn make(_: &Vm, stack: Stack) {
    stack.push_table(0, 32);
    let module = stack.top();
    stack.set_functions(FUNCTIONS);
    stack.set_hot_function(c"send", messages::send);
    stack.set_waiting_functions(WAITING);
    stack.push_table(0, events::KINDS.len());
    for (name, text) in events::KINDS {
        stack.push_str(text);
        stack.raw_set(module + 1, name);
    }
    stack.set_readonly(module + 1);
    stack.raw_set(module, c"event");
    stack.push_table(0, REGISTRY.len());
    stack.set_functions(REGISTRY);
    stack.set_readonly(module + 1);
    stack.raw_set(module, c"registry");
}

fn failure(kind: ErrorKind, message: impl Into<String>) -> Failure {
    Failure::new(kind, message)
}

// --- identity

fn pid(stack: Stack) -> Outcome {
    let vm = Vm::current();
    match vm.with(|actor, _| actor.pid) {
        Ok(pid) => {
            vm.push_pid(stack, pid);
            ONE
        }
        Err(failure) => stack.fail(failure),
    }
}

fn id(stack: Stack) -> Outcome {
    match Vm::current().actor() {
        Some(actor) => {
            stack.push_str(&actor.definition().id);
            ONE
        }
        None => stack.invalid("no context found"),
    }
}

// --- destinations

/// What can be done to a process, as policies and refusals name it.
#[derive(Clone, Copy)]
struct Verb {
    action: &'static str,
    refusal: &'static str,
}

const SEND: Verb = Verb { action: "process.send", refusal: "not allowed to send" };
const TERMINATE: Verb = Verb { action: "process.terminate", refusal: "not allowed to terminate" };
const CANCEL: Verb = Verb { action: "process.cancel", refusal: "not allowed to cancel" };
const MONITOR: Verb = Verb { action: "process.monitor", refusal: "not allowed to monitor" };
const UNMONITOR: Verb = Verb { action: "process.unmonitor", refusal: "not allowed to unmonitor" };
const LINK: Verb = Verb { action: "process.link", refusal: "not allowed to link" };
const UNLINK: Verb = Verb { action: "process.unlink", refusal: "not allowed to unlink" };

/// The argument at `index` as text, or INVALID when it is missing.
fn destination<'a>(stack: Stack, index: i32, function: &str) -> Result<Result<&'a str, Failure>, Raise> {
    if stack.is_nothing(index) {
        return Ok(Err(failure(ErrorKind::Invalid, format!("{function} requires a destination argument"))));
    }
    let text = stack.want_text(index, function)?;
    Ok(if text.is_empty() { Err(failure(ErrorKind::Invalid, "destination cannot be empty")) } else { Ok(text) })
}

fn not_registered() -> Failure {
    failure(ErrorKind::NotFound, "pid not registered")
}

fn wait_for_answer(vm: &Vm) -> Outcome {
    match vm.actor() {
        Some(actor) => actor.wait(vm, Waits::Operation),
        None => Ok(Return::Values(0)),
    }
}
