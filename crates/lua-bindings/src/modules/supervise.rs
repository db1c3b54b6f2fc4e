//! `supervise`: programs of the operating system that are kept alive.

use std::rc::Rc;
use std::sync::Arc;

use perilune_actor_core::{ErrorKind, Failure, Value, Waker};

use crate::access::{Access, Resource};
use crate::actor::ActorState;
use crate::copy;
use crate::modules::channel::{self, Supply};
use crate::modules::events::{Followed, Subscribed};
use crate::services::{Order, Pending, Reports, Supervision};
use crate::task::await_result;
use crate::vm::{Kind, ONE, Outcome, Raise, Stack, Vm, raise};

/// How many lines `logs` gives without being told.
const LINES: u32 = 100;

/// The programs of one actor: they are stopped when it ends.
pub(crate) struct Supervised(pub(crate) Arc<dyn Supervision>);

impl Drop for Supervised {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// What a function does, as scripts, policies and refusals call it.
struct Verb {
    name: &'static str,
    action: &'static str,
    refusal: &'static str,
}

macro_rules! verb {
    ($constant:ident, $name:literal, $refusal:literal) => {
        const $constant: Verb =
            Verb { name: $name, action: concat!("supervise.", $name), refusal: concat!("not allowed to ", $refusal) };
    };
}

verb!(ADD, "add", "supervise program");
verb!(START, "start", "start program");
verb!(STOP, "stop", "stop program");
verb!(RESTART, "restart", "restart program");
verb!(KILL, "kill", "kill program");
verb!(REMOVE, "remove", "remove program");
verb!(SIGNAL, "signal", "signal program");
verb!(SCALE, "scale", "scale program");
verb!(STATUS, "status", "see the status of program");
verb!(LOGS, "logs", "see the output of program");
verb!(OUTPUT, "output", "see the output of program");
verb!(LIST, "list", "list programs");
verb!(EVENTS, "events", "see what happens to programs");

pub(crate) fn make(_: &Vm, stack: Stack) {
    stack.push_table(0, 13);
    stack.set_functions(&[(c"status", status), (c"list", list), (c"events", events), (c"output", output)]);
    stack.set_waiting_functions(&[
        (c"add", add),
        (c"start", |stack| order(stack, &START, 2, |_| Ok(Order::Start))),
        (c"stop", |stack| order(stack, &STOP, 2, |_| Ok(Order::Stop))),
        (c"restart", |stack| order(stack, &RESTART, 2, |_| Ok(Order::Restart))),
        (c"kill", |stack| order(stack, &KILL, 2, |_| Ok(Order::Kill))),
        (c"remove", |stack| order_all(stack, &REMOVE, Order::Remove)),
        (c"signal", signal),
        (c"scale", scale),
        (c"logs", logs),
    ]);
}

fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(ErrorKind::Invalid, message)
}

/// What the outer error raises, the inner one is returned.
type Read<T> = Result<Result<T, Failure>, Raise>;

/// The name at 1.
fn want_name<'a>(stack: Stack, verb: &Verb) -> Read<&'a str> {
    let name = stack.want_text(1, verb.name)?;
    Ok(if name.is_empty() { Err(invalid("name is required")) } else { Ok(name) })
}

/// A whole number, if there is one.
fn want_count(stack: Stack, index: i32, verb: &Verb, what: &str, least: u32) -> Read<Option<u32>> {
    if stack.is_nothing(index) {
        return Ok(Ok(None));
    }
    let number = stack.want_number(index, verb.name)?;
    let fits = number.fract() == 0.0 && number >= f64::from(least) && number <= f64::from(u32::MAX);
    Ok(if fits { Ok(Some(number as u32)) } else { Err(invalid(format!("{what} must be a whole number from {least}"))) })
}

impl ActorState {
    /// Its programs, if it may do that to the one of that name.
    fn supervision_for(&self, vm: &Vm, verb: &Verb, name: &str) -> Result<Arc<dyn Supervision>, Failure> {
        vm.authorize(&Access::to(verb.action, name, verb.refusal))?;
        self.supervision()
    }

    /// Its programs, if it may do that to all of them together.
    fn supervision_for_all(&self, vm: &Vm, verb: &Verb) -> Result<Arc<dyn Supervision>, Failure> {
        vm.authorize(&Access::new(verb.action, Resource::Text("*"), verb.refusal, ""))?;
        self.supervision()
    }
}

fn actor_of(vm: &Vm) -> Result<&ActorState, Raise> {
    vm.actor().map_or_else(|| raise("no context found"), Ok)
}

/// Waits for what comes of it, and gives that.
fn carry_out(stack: Stack, pending: Result<Pending, Failure>) -> Outcome {
    let pending = match pending {
        Ok(pending) => pending,
        Err(failure) => return stack.fail(failure),
    };
    await_result(
        stack,
        |done| Vm::current().services.drive(Box::pin(async move { done(pending.await) })),
        |stack, result: Result<Value, Failure>| match result {
            Ok(value) => {
                copy::push(stack, &value);
                ONE
            }
            Err(failure) => stack.fail(failure),
        },
    )
}

// --- what changes something

/// `supervise.add(spec)`.
fn add(stack: Stack) -> Outcome {
    stack.want_kind(1, ADD.name, Kind::Table, "table")?;
    let vm = Vm::current();
    let actor = actor_of(vm)?;
    let pending = copy::read(stack, 1, vm.settings.limits.max_payload_bytes).and_then(|spec| {
        let name = required(&spec, "name")?;
        let command = required(&spec, "command")?;
        let work_dir = text(&spec, "cwd")?;
        let attributes = [("command", command), ("work_dir", work_dir.unwrap_or_default())];
        let known = if work_dir.is_some() { &attributes[..] } else { &attributes[..1] };
        vm.authorize(&Access::to(ADD.action, name, ADD.refusal).with_attributes(known))?;
        Ok(actor.supervision()?.add(spec))
    });
    carry_out(stack, pending)
}

/// A field of a spec that policies may look at.
fn text<'a>(spec: &'a Value, key: &str) -> Result<Option<&'a str>, Failure> {
    let Value::Table(table) = spec else { return Ok(None) };
    let found = table.pairs.iter().find(|(known, _)| known.as_bytes() == Some(key.as_bytes()));
    let Some((_, value)) = found else { return Ok(None) };
    value.as_str().map(Some).ok_or_else(|| invalid(format!("`{key}` must be text")))
}

fn required<'a>(spec: &'a Value, key: &str) -> Result<&'a str, Failure> {
    text(spec, key)?.filter(|text| !text.is_empty()).ok_or_else(|| invalid(format!("{key} is required")))
}

/// Does something to the program at 1, or to its instance at `place`.
fn order(
    stack: Stack,
    verb: &'static Verb,
    place: i32,
    order: impl FnOnce(Stack) -> Result<Order, Failure>,
) -> Outcome {
    let name = want_name(stack, verb)?;
    let instance = want_count(stack, place, verb, "instance", 0)?;
    let vm = Vm::current();
    let actor = actor_of(vm)?;
    let pending = name.and_then(|name| {
        let (instance, order) = (instance?, order(stack)?);
        Ok(actor.supervision_for(vm, verb, name)?.order(order, name, instance))
    });
    carry_out(stack, pending)
}

/// The same for what cannot be done to one instance alone.
fn order_all(stack: Stack, verb: &'static Verb, given: Order) -> Outcome {
    let name = want_name(stack, verb)?;
    let vm = Vm::current();
    let actor = actor_of(vm)?;
    let pending = name.and_then(|name| Ok(actor.supervision_for(vm, verb, name)?.order(given, name, None)));
    carry_out(stack, pending)
}

/// `supervise.signal(name, signal, instance?)`.
fn signal(stack: Stack) -> Outcome {
    stack.want_text(1, SIGNAL.name)?;
    let signal = stack.want_text(2, SIGNAL.name)?.to_owned();
    order(stack, &SIGNAL, 3, |_| match signal.is_empty() {
        true => Err(invalid("signal is required")),
        false => Ok(Order::Signal(signal)),
    })
}

/// `supervise.scale(name, instances)`.
fn scale(stack: Stack) -> Outcome {
    stack.want_text(1, SCALE.name)?;
    stack.want_number(2, SCALE.name)?;
    match want_count(stack, 2, &SCALE, "the number of instances", 1)? {
        Ok(count) => order_all(stack, &SCALE, Order::Scale(count.unwrap_or(1))),
        Err(failure) => stack.fail(failure),
    }
}

// --- what looks

/// `supervise.status(name?, instance?)`.
fn status(stack: Stack) -> Outcome {
    let name = if stack.is_nothing(1) { Ok(None) } else { want_name(stack, &STATUS)?.map(Some) };
    let instance = want_count(stack, 2, &STATUS, "instance", 0)?;
    let vm = Vm::current();
    let actor = actor_of(vm)?;
    let found = name.and_then(|name| match (name, instance?) {
        (Some(name), instance) => {
            let all = actor.supervision_for(vm, &STATUS, name)?.status(Some(name))?;
            let Some(instance) = instance else { return Ok(Value::from(all)) };
            let one = usize::try_from(instance).ok().and_then(|instance| all.into_iter().nth(instance));
            let missing = || Failure::new(ErrorKind::NotFound, format!("there is no instance {instance}"));
            one.ok_or_else(missing)
        }
        (None, Some(_)) => Err(invalid("name is required")),
        (None, None) => {
            // Those that it may look at.
            let supervision = actor.supervision()?;
            let may = |name: &String| vm.authorize(&Access::to(STATUS.action, name, STATUS.refusal)).is_ok();
            let names: Vec<_> = supervision.names().into_iter().filter(may).collect();
            // One that was removed meanwhile is not there.
            let all = names.iter().filter_map(|name| supervision.status(Some(name)).ok()).flatten();
            Ok(Value::from(all.collect::<Vec<_>>()))
        }
    });
    push(stack, found)
}

/// `supervise.list()`.
fn list(stack: Stack) -> Outcome {
    let vm = Vm::current();
    let found = actor_of(vm)?.supervision_for_all(vm, &LIST);
    let names = found.map(|found| found.names().iter().map(|name| Value::from(name.as_str())).collect::<Vec<_>>());
    push(stack, names.map(Value::from))
}

fn push(stack: Stack, found: Result<Value, Failure>) -> Outcome {
    match found {
        Ok(value) => {
            copy::push(stack, &value);
            ONE
        }
        Err(failure) => stack.fail(failure),
    }
}

/// `supervise.logs(name, lines?, instance?)`.
fn logs(stack: Stack) -> Outcome {
    let name = want_name(stack, &LOGS)?;
    let lines = want_count(stack, 2, &LOGS, "the number of lines", 0)?;
    let instance = want_count(stack, 3, &LOGS, "instance", 0)?;
    let vm = Vm::current();
    let actor = actor_of(vm)?;
    let pending = name.and_then(|name| {
        let (lines, instance) = (lines?.unwrap_or(LINES), instance?.unwrap_or(0));
        let lines = usize::try_from(lines).unwrap_or(usize::MAX);
        Ok(actor.supervision_for(vm, &LOGS, name)?.logs(name, instance, lines))
    });
    carry_out(stack, pending)
}

/// `supervise.events()`.
fn events(stack: Stack) -> Outcome {
    let vm = Vm::current();
    let supervision = match actor_of(vm)?.supervision_for_all(vm, &EVENTS) {
        Ok(supervision) => supervision,
        Err(failure) => return stack.fail(failure),
    };
    push_channel(stack, Followed::Programs, |waker| supervision.events(waker))
}

/// `supervise.output(name)`.
fn output(stack: Stack) -> Outcome {
    let name = want_name(stack, &OUTPUT)?;
    let vm = Vm::current();
    let actor = actor_of(vm)?;
    let found = name.and_then(|name| Ok((name, actor.supervision_for(vm, &OUTPUT, name)?)));
    match found {
        Ok((name, supervision)) => {
            push_channel(stack, Followed::Output(name.into()), |waker| supervision.output(name, waker))
        }
        Err(failure) => stack.fail(failure),
    }
}

impl Supply for Arc<dyn Reports> {
    fn next(&self) -> Option<Value> {
        self.take()
    }

    fn is_over(&self) -> bool {
        Reports::is_over(&**self)
    }
}

/// Pushes the channel of what is followed: the same one every time, until it is closed.
fn push_channel(
    stack: Stack,
    followed: Followed,
    follow: impl FnOnce(Waker) -> Result<Arc<dyn Reports>, Failure>,
) -> Outcome {
    let vm = Vm::current();
    let actor = actor_of(vm)?;
    let open = actor.channels_of(&followed).into_iter().find(|key| !channel::is_over(actor, *key));
    if let Some(key) = open {
        actor.push_key(stack, key);
        return ONE;
    }
    let reports = match vm.with(|_, cx| cx.waker()).and_then(follow) {
        Ok(reports) => reports,
        Err(failure) => return stack.fail(failure),
    };
    let supply: Rc<dyn Supply> = Rc::new(reports);
    channel::push_fed_by(stack, Rc::clone(&supply));
    stack.reserve(1);
    stack.copy(stack.top());
    let key = actor.keep(stack);
    actor.add_subscription(Subscribed::new(followed, supply, key));
    ONE
}
