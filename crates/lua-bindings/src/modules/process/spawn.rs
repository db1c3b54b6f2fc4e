//! Starting processes, and becoming another one.

use std::sync::Arc;

use perilune_actor_core::{
    ActorError, ErrorKind, Failure, Name, Outcome as Answered, Pid, Placement, Relation, Spawn, Topic, Value,
};

use super::names::may_register;
use super::{SEND, destination, failure, wait_for_answer};
use crate::access::{Access, Resource};
use crate::actor::calls::{Called, Waiter};
use crate::actor::{LuaFactory, upgrade_failure};
use crate::copy;
use crate::definition::{Definition, DefinitionKind};
use crate::inherited::Inherited;
use crate::services::{Purpose, Start, Started};
use crate::task::{Waits, check_wait};
use crate::vm::{Break, Kind, ONE, Outcome, Raise, Return, Stack, Vm, raise};

/// What a new process gets beside its arguments.
#[derive(Clone, Default)]
pub(super) struct Plan {
    pub(super) inherited: Option<Arc<Inherited>>,
    pub(super) name: Option<Name>,
    pub(super) messages: Vec<(Topic, Value)>,
    /// Overrides the host's.
    pub(super) placement: Option<Placement>,
    /// It is a builder's.
    pub(super) built: bool,
}

/// The entry and host at `first` and behind it; a failure when one is missing or empty.
fn want_target<'a>(
    vm: &Vm,
    stack: Stack,
    first: i32,
    function: &str,
) -> Result<Result<(&'a str, &'a str), Failure>, Raise> {
    if stack.is_nothing(first) || stack.is_nothing(first + 1) {
        let text = format!("{function} requires at least id and host arguments");
        return Ok(Err(failure(ErrorKind::Invalid, text)));
    }
    let name = |index| match vm.names.text(stack, index) {
        Some(known) => Ok(known),
        None => want_name(vm, stack, index, function),
    };
    let (id, host) = (name(first)?, name(first + 1)?);
    let empty = [(id, "id"), (host, "host")].into_iter().find(|(text, _)| text.is_empty());
    Ok(match empty {
        Some((_, what)) => Err(failure(ErrorKind::Invalid, format!("{what} cannot be empty"))),
        None => Ok((id, host)),
    })
}

/// The same that was not given before, or too long ago.
#[cold]
fn want_name<'a>(vm: &Vm, stack: Stack, index: i32, function: &str) -> Result<&'a str, Raise> {
    let name = stack.want_text(index, function)?;
    if name.len() <= LONGEST_NAME {
        vm.names.remember(stack, index, ());
    }
    Ok(name)
}

/// Longer ones are nobody's, so they are not worth their memory.
const LONGEST_NAME: usize = 256;

/// The arguments from `first` on.
fn read_arguments(vm: &Vm, stack: Stack, first: i32) -> Result<Vec<Value>, Failure> {
    let limit = vm.settings.limits.max_payload_bytes;
    (first..=stack.top()).map(|index| copy::read(stack, index, limit)).collect()
}

/// Whom a new process is going to talk to: the first whose pid it is given, and its parent only if there is no other.
fn partner(vm: &Vm, stack: Stack, first: i32, parent: Pid) -> Option<Pid> {
    let pids = (first..=stack.top())
        .filter(|index| stack.kind(*index) == Kind::String)
        .filter_map(|index| destination::pid(vm, stack, index));
    let mut last = None;
    for pid in pids {
        last = Some(pid);
        if pid != parent {
            break;
        }
    }
    last
}

/// `process.spawn` and its variants.
pub(super) fn spawn(stack: Stack, function: &str, relation: Relation) -> Outcome {
    let vm = Vm::current();
    let inherited = vm.actor().and_then(|actor| actor.inherited().cloned());
    match want_target(vm, stack, 1, function)? {
        Ok(target) => start(stack, target, 3, relation, Plan { inherited, ..Plan::default() }),
        Err(failure) => stack.fail(failure),
    }
}

/// The same for a builder, whose methods have it as their first argument.
pub(super) fn spawn_planned(stack: Stack, function: &str, relation: Relation, plan: Plan) -> Outcome {
    match want_target(Vm::current(), stack, 2, function)? {
        Ok(target) => start(stack, target, 4, relation, plan),
        // The later revision takes this for a mistake of the program.
        Err(failure) if Vm::current().settings.api >= 2 => Err(failure.into()),
        Err(failure) => stack.fail(failure),
    }
}

fn start(stack: Stack, (id, host): (&str, &str), first: i32, relation: Relation, plan: Plan) -> Outcome {
    let vm = Vm::current();
    let Some(actor) = vm.actor() else { return stack.invalid("no context found") };
    let start = Start { id, host, purpose: Purpose::Spawn(relation) };
    let prepared = read_arguments(vm, stack, first).and_then(|args| {
        if let Some(name) = &plan.name {
            vm.authorize(&may_register(name))?;
        }
        Ok((vm.services.start(&actor.origin(), &start)?, args))
    });
    let (Started { definition, host, subject }, args) = match prepared {
        Ok(prepared) => prepared,
        Err(failure) if raises(vm, &plan, &failure) => return Err(failure.into()),
        Err(failure) => return stack.fail(failure),
    };
    // Whoever computes is better off where nobody else does.
    let beside = if definition.computes() { None } else { partner(vm, stack, first, actor.pid) };
    let make = |definition, plan: Plan, args| {
        let factory = LuaFactory::new(definition, args).inherit(Inherited::on_host(plan.inherited, subject.clone()));
        let mut spawn = Spawn::new(host, Box::new(factory));
        (spawn.relation, spawn.name, spawn.messages) = (relation, plan.name, plan.messages);
        (spawn.placement, spawn.beside) = (plan.placement, beside);
        spawn
    };
    if vm.settings.api >= 2
        && let Some(name) = plan.name.clone()
    {
        return spawn_or_signal(vm, stack, &name, relation, &plan.messages, || {
            make(Arc::clone(&definition), plan.clone(), args.clone())
        });
    }
    // Where this coroutine cannot wait, the new actor has to live on this worker.
    let token = check_wait(vm, stack).is_ok().then(|| actor.token().number());
    match vm.with(|_, cx| cx.spawn(make(definition, plan, args), token)) {
        Err(failure) => stack.fail(failure),
        Ok(Answered::Done(Err(error))) => stack.fail(error),
        Ok(Answered::Done(Ok(pid))) => {
            vm.push_pid(stack, pid);
            ONE
        }
        Ok(Answered::Pending) => wait_for_answer(vm),
    }
}

/// The later revision takes a refused builder for a mistake of the program.
fn raises(vm: &Vm, plan: &Plan, failure: &Failure) -> bool {
    vm.settings.api >= 2 && plan.built && failure.kind == ErrorKind::PermissionDenied
}

/// Starts a named process, or gives the messages to the one that has the name.
fn spawn_or_signal(
    vm: &Vm,
    stack: Stack,
    name: &Name,
    relation: Relation,
    messages: &[(Topic, Value)],
    make: impl Fn() -> Spawn,
) -> Outcome {
    let done = vm.with(|_, cx| {
        loop {
            let Some(holder) = cx.whereis(name) else {
                // Without a token it is started here and now, so that the answer is certain.
                match cx.spawn(make(), None) {
                    Answered::Done(Err(ActorError::NameTaken(_))) if cx.whereis(name).is_some() => continue,
                    Answered::Done(result) => return result,
                    Answered::Pending => return Err(ActorError::NameTaken(name.clone())),
                }
            };
            if !messages.is_empty() {
                let access = Access::new(SEND.action, Resource::Actor(holder), SEND.refusal, name);
                if let Err(failure) = vm.authorize(&access) {
                    return Err(ActorError::Create(failure));
                }
            }
            match join(cx, holder, relation, messages) {
                // It has ended since, and its name is free.
                Err(ActorError::NotFound(_)) => {}
                result => return result.map(|()| holder),
            }
        }
    });
    match done {
        Ok(Ok(pid)) => {
            stack.push_pid(pid);
            ONE
        }
        Ok(Err(error)) => stack.fail(error),
        Err(failure) => stack.fail(failure),
    }
}

/// Gives a process that is there already what a new one would have got.
fn join(
    cx: &mut dyn perilune_actor_core::Context,
    holder: Pid,
    relation: Relation,
    messages: &[(Topic, Value)],
) -> Result<(), ActorError> {
    if !cx.is_alive(holder) {
        return Err(ActorError::NotFound(holder));
    }
    let related = |answered| match answered {
        Answered::Done(Err(ActorError::AlreadyMonitoring(_))) | Answered::Pending => Ok(()),
        Answered::Done(result) => result,
    };
    if relation.monitored {
        related(cx.monitor(holder, None))?;
    }
    if relation.linked {
        related(cx.link(holder, None))?;
    }
    for (topic, payload) in messages {
        cx.send(holder, topic.clone(), payload.clone())?;
    }
    Ok(())
}

/// `process.call(id, host, ...)`: starts a process and waits for its result.
pub(super) fn call(stack: Stack, function: &str) -> Outcome {
    let vm = Vm::current();
    let (id, host) = match want_target(vm, stack, 1, function)? {
        Ok(target) => target,
        Err(failure) => return stack.fail(failure),
    };
    if let Err(failure) = check_id(id) {
        return stack.fail(failure);
    }
    check_wait(vm, stack)?;
    let Some(actor) = vm.actor() else { return stack.invalid("no context found") };
    let args = match read_arguments(vm, stack, 3) {
        Ok(args) => args,
        Err(failure) => return stack.fail(failure),
    };
    let started = vm.services.start(&actor.origin(), &Start { id, host, purpose: Purpose::Call }).and_then(
        |Started { definition, host, subject }| {
            let inherited = Inherited::on_host(actor.inherited().cloned(), subject);
            let factory = LuaFactory::new(definition, args).inherit(inherited);
            let called = Called { host, factory, pool: None, leashed: false };
            vm.with(|actor, cx| actor.start_call(cx, called, Waiter::Coroutine(actor.token())))?
        },
    );
    match started {
        Ok(_) => actor.wait(vm, Waits::Operation),
        Err(failure) => stack.fail(failure),
    }
}

/// Refuses what is no `namespace:name`.
pub(crate) fn check_id(id: &str) -> Result<(), Failure> {
    match id.split_once(':') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => Ok(()),
        _ => Err(failure(ErrorKind::Invalid, format!("id must have the form namespace:name, got '{id}'"))),
    }
}

/// `process.upgrade(id, ...)`: goes on as another definition, or the newest version of the same.
pub(super) fn upgrade(stack: Stack) -> Outcome {
    let id = if stack.is_nothing(1) { "" } else { stack.want_text(1, "upgrade")? };
    let vm = Vm::current();
    check_wait(vm, stack)?;
    let Some(actor) = vm.actor() else { return stack.invalid("no context found") };
    if actor.definition().kind != DefinitionKind::Process {
        return raise("only a process can be upgraded");
    }
    let args = match read_arguments(vm, stack, 2) {
        Ok(args) => args,
        Err(failure) => return stack.fail(failure),
    };
    let id = if id.is_empty() { &actor.definition().id } else { id };
    let why = match newest(vm, id) {
        Ok(definition) => {
            actor.become_next(definition, args);
            Break::Become
        }
        Err(failure) => Break::End(Box::new(upgrade_failure(failure))),
    };
    vm.set_break(why);
    Ok(Return::Wait)
}

fn newest(vm: &Vm, id: &str) -> Result<Arc<Definition>, Failure> {
    vm.services.process(id)
}
