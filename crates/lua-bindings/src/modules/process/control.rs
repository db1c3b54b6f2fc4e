//! Monitors, links, options, and the ends one brings about.

use std::time::Duration;

use perilune_actor_core::{ActorError, ErrorKind, Failure, Outcome as Answered};

use super::{CANCEL, TERMINATE, Verb, destination, failure, not_registered, target, wait_for_answer};
use crate::task::check_wait;
use crate::time::Span;
use crate::vm::{Kind, ONE, Outcome, Stack, Vm};

pub(super) fn terminate(stack: Stack) -> Outcome {
    let to = match destination(stack, 1, "terminate")? {
        Ok(text) => text,
        Err(failure) => return stack.fail(failure),
    };
    let vm = Vm::current();
    let target = match target(vm, stack, 1, to, TERMINATE) {
        Ok(Some(pid)) => pid,
        Ok(None) => return stack.fail(not_registered()),
        Err(failure) => return stack.fail(failure),
    };
    let end = failure(ErrorKind::Canceled, "process terminated");
    match vm.with(|_, cx| (cx.terminate(target, end), cx.is_doomed())) {
        Err(failure) => stack.fail(failure),
        // Links may have brought it back to the caller, who then runs no more code either.
        Ok((_, true)) => crate::task::end_now(vm, stack),
        Ok((Err(_), _)) => stack.fail(not_registered()),
        Ok((Ok(()), _)) => stack.done(),
    }
}

pub(super) fn cancel(stack: Stack) -> Outcome {
    let to = match destination(stack, 1, "cancel")? {
        Ok(text) => text,
        Err(failure) => return stack.fail(failure),
    };
    let deadline = match deadline(stack, 2) {
        Ok(deadline) => deadline,
        Err(failure) => return stack.fail(failure),
    };
    let vm = Vm::current();
    let target = match target(vm, stack, 1, to, CANCEL) {
        Ok(Some(pid)) => pid,
        Ok(None) => return stack.fail(not_registered()),
        Err(failure) => return stack.fail(failure),
    };
    match vm.with(|_, cx| cx.cancel(target, deadline)) {
        Err(failure) => stack.fail(failure),
        Ok(Err(_)) => stack.fail(not_registered()),
        Ok(Ok(())) => stack.done(),
    }
}

/// A duration as text, or milliseconds.
fn deadline(stack: Stack, index: i32) -> Result<Option<Duration>, Failure> {
    let invalid = || failure(ErrorKind::Invalid, "invalid duration format");
    let span = match stack.kind(index) {
        Kind::None | Kind::Nil => return Ok(None),
        Kind::Number => {
            let milliseconds = stack.number(index).unwrap_or_default().trunc();
            Span::from_nanoseconds_f64(milliseconds * 1e6).map_err(|_| invalid())?
        }
        Kind::String => {
            let text = stack.bytes(index).and_then(|bytes| std::str::from_utf8(bytes).ok()).ok_or_else(invalid)?;
            Span::parse(text).map_err(|_| invalid())?
        }
        _ => return Err(failure(ErrorKind::Invalid, "deadline must be a duration string or milliseconds")),
    };
    let negative = || failure(ErrorKind::Invalid, "deadline cannot be negative");
    span.to_std().map(Some).ok_or_else(negative)
}

// --- monitors and links

pub(crate) fn relation_failure(error: ActorError) -> Failure {
    match error {
        ActorError::NotFound(_) | ActorError::HostNotFound(_) => not_registered(),
        ActorError::AlreadyMonitoring(_) => failure(ErrorKind::AlreadyExists, "already monitoring pid"),
        other => other.into(),
    }
}

pub(super) fn relate(stack: Stack, function: &str, verb: Verb) -> Outcome {
    let to = match destination(stack, 1, function)? {
        Ok(text) => text,
        Err(failure) => return stack.fail(failure),
    };
    let vm = Vm::current();
    let target = match target(vm, stack, 1, to, verb) {
        Ok(Some(pid)) => pid,
        Ok(None) => return stack.fail(not_registered()),
        Err(failure) => return stack.fail(failure),
    };
    let token = check_wait(vm, stack).is_ok().then(|| vm.actor().map(|actor| actor.token().number())).flatten();
    let answered = vm.with(|_, cx| match function {
        "link" => cx.link(target, token),
        _ => cx.monitor(target, token),
    });
    match answered {
        Err(failure) => stack.fail(failure),
        Ok(Answered::Done(Ok(()))) => stack.done(),
        Ok(Answered::Done(Err(error))) => stack.fail(relation_failure(error)),
        Ok(Answered::Pending) => wait_for_answer(vm),
    }
}

pub(super) fn unrelate(stack: Stack, function: &str, verb: Verb) -> Outcome {
    let to = match destination(stack, 1, function)? {
        Ok(text) => text,
        Err(failure) => return stack.fail(failure),
    };
    let vm = Vm::current();
    match target(vm, stack, 1, to, verb) {
        Ok(Some(target)) => {
            let done = vm.with(|_, cx| match function {
                "unlink" => cx.unlink(target),
                _ => cx.unmonitor(target),
            });
            match done {
                Ok(()) => stack.done(),
                Err(failure) => stack.fail(failure),
            }
        }
        Ok(None) => stack.done(),
        Err(failure) => stack.fail(failure),
    }
}

pub(super) fn get_options(stack: Stack) -> Outcome {
    match Vm::current().with(|_, cx| cx.trap_links()) {
        Ok(trap) => {
            stack.push_table(0, 1);
            stack.push_boolean(trap);
            stack.raw_set(stack.top() - 1, c"trap_links");
            ONE
        }
        Err(failure) => stack.fail(failure),
    }
}

pub(super) fn set_options(stack: Stack) -> Outcome {
    let invalid = |message: String| stack.refuse(failure(ErrorKind::Invalid, message));
    if stack.kind(1) != Kind::Table {
        return invalid("options parameter must be a table".into());
    }
    let (mut position, mut trap) = (0, None);
    while let Some(next) = stack.next(1, position) {
        position = next;
        let (key, value) = (stack.top() - 1, stack.top());
        if stack.kind(key) != Kind::String || stack.bytes(key) != Some(b"trap_links") {
            stack.to_text(key);
            let key = String::from_utf8_lossy(stack.bytes(stack.top()).unwrap_or_default()).into_owned();
            return invalid(format!("option {key} is not supported"));
        }
        if stack.kind(value) != Kind::Boolean {
            return invalid("trap_links must be a boolean".into());
        }
        trap = Some(stack.truthy(value));
        stack.pop(2);
    }
    if let Some(trap) = trap
        && let Err(failure) = Vm::current().with(|_, cx| cx.set_trap_links(trap))
    {
        return stack.refuse(failure);
    }
    stack.done()
}
