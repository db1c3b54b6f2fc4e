use perilune_actor_core::{ErrorKind, Failure};

use crate::services::{Environment, Origin};
use crate::vm::{ONE, Outcome, Stack, Vm};

pub(crate) fn make(_: &Vm, stack: Stack) {
    stack.push_table(0, 3);
    stack.set_functions(&[(c"get", get), (c"set", set), (c"get_all", get_all)]);
}

fn get(stack: Stack) -> Outcome {
    let name = stack.want_text(1, "get")?;
    match named(name).and_then(|()| ask(|env, origin| env.get(origin, name))) {
        Ok(value) => {
            stack.push_bytes(&value);
            ONE
        }
        Err(failure) => stack.fail(failure),
    }
}

fn set(stack: Stack) -> Outcome {
    let (name, value) = (stack.want_text(1, "set")?, stack.want_bytes(2, "set")?);
    let limit = Vm::current().settings.limits.max_payload_bytes;
    let set = named(name).and_then(|()| match limit {
        1.. if value.len() > limit => Err(Failure::new(ErrorKind::Invalid, "payload too large")),
        _ => ask(|env, origin| env.set(origin, name, value)),
    });
    match set {
        Ok(()) => stack.done(),
        Err(failure) => stack.fail(failure),
    }
}

fn get_all(stack: Stack) -> Outcome {
    let variables = match ask(|env, origin| env.all(origin)) {
        Ok(variables) => variables,
        Err(failure) => return stack.fail(failure),
    };
    stack.push_table(0, variables.len());
    let all = stack.top();
    for (name, value) in &variables {
        stack.push_str(name);
        stack.push_bytes(value);
        stack.raw_set_top(all);
    }
    ONE
}

fn named(name: &str) -> Result<(), Failure> {
    if name.is_empty() { Err(Failure::new(ErrorKind::Invalid, "variable name cannot be empty")) } else { Ok(()) }
}

fn ask<R>(ask: impl FnOnce(&dyn Environment, &Origin<'_>) -> Result<R, Failure>) -> Result<R, Failure> {
    let vm = Vm::current();
    let Some(actor) = vm.actor() else { return Err(Failure::new(ErrorKind::Invalid, "no context found")) };
    match vm.services.environment() {
        Some(environment) => ask(environment, &actor.origin()),
        None => Err(Failure::new(ErrorKind::Unavailable, "this program has no environment for scripts")),
    }
}
