//! Names of processes.

use perilune_actor_core::{ActorError, ErrorKind, Failure, NameRegistry, PidText};

use super::failure;
use crate::access::Access;
use crate::vm::{Kind, ONE, Outcome, Stack, Vm};

fn name_failure(error: ActorError) -> Failure {
    match error {
        ActorError::NameTaken(_) => failure(ErrorKind::AlreadyExists, "name already registered"),
        ActorError::NotFound(_) | ActorError::HostNotFound(_) => failure(ErrorKind::NotFound, "pid not found"),
        other => other.into(),
    }
}

/// Giving that name to a process.
pub(super) fn may_register(name: &str) -> Access<'_> {
    Access::to("process.registry.register", name, "not allowed to register")
}

pub(super) fn register_name(stack: Stack) -> Outcome {
    if stack.is_nothing(1) {
        return stack.invalid("register requires a name argument");
    }
    let name = stack.want_text(1, "register")?;
    if let Err(error) = <dyn NameRegistry>::check(name) {
        return stack.invalid(error.to_string());
    }
    let vm = Vm::current();
    let pid = match stack.kind(2) {
        Kind::None | Kind::Nil => vm.with(|actor, _| Some(actor.pid)),
        Kind::String => match stack.bytes(2).and_then(|text| PidText::parse(std::str::from_utf8(text).ok()?)) {
            Some(parts) => Ok(parts.resolve()),
            None => return stack.invalid("pid must be a PID string"),
        },
        _ => return stack.invalid("pid must be a PID string"),
    };
    let registered = pid.and_then(|pid| match pid {
        Some(pid) => {
            vm.authorize(&may_register(name).about(pid))?;
            vm.with(|_, cx| cx.register(name, pid))?.map_err(name_failure)
        }
        None => Err(failure(ErrorKind::NotFound, "pid not found")),
    });
    match registered {
        Ok(()) => stack.done(),
        Err(failure) => stack.fail(failure),
    }
}

pub(super) fn lookup(stack: Stack) -> Outcome {
    if stack.is_nothing(1) {
        return stack.invalid("lookup requires a name argument");
    }
    let name = stack.want_text(1, "lookup")?;
    match Vm::current().with(|_, cx| cx.whereis(name)) {
        Ok(Some(pid)) => {
            stack.push_pid(pid);
            ONE
        }
        Ok(None) => stack.fail(failure(ErrorKind::NotFound, "name not registered")),
        Err(failure) => stack.fail(failure),
    }
}

pub(super) fn unregister(stack: Stack) -> Outcome {
    if stack.is_nothing(1) {
        return stack.invalid("unregister requires a name argument");
    }
    let name = stack.want_text(1, "unregister")?;
    let access = Access::to("process.registry.unregister", name, "not allowed to unregister");
    let vm = Vm::current();
    match vm.authorize(&access).and_then(|()| vm.with(|_, cx| cx.unregister(name))) {
        Ok(removed) => {
            stack.push_boolean(removed);
            ONE
        }
        Err(failure) => stack.fail(failure),
    }
}
