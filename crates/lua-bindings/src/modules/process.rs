use std::ffi::c_int;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use perilune_actor_core::{
    ActorError, Envelope, ErrorKind, Event, ExitReason, Failure, NameRegistry, Outcome as Answered, Pid, PidText,
    Relation, Spawn, Topic, TopicError, Value,
};

use crate::actor::{ActorState, LuaFactory};
use crate::copy;
use crate::modules::channel::{self, Channel};
use crate::modules::errors;
use crate::task::{View, Waits, check_wait};
use crate::time::{Location, Moment, Span};
use crate::vm::{Functions, Kind, ONE, Object, Outcome, Raise, Return, Stack, Vm, raise};

/// A message with its sender and topic, in a script's hands.
struct Message {
    from: Option<Pid>,
    topic: Topic,
    payload: Value,
}

impl Object for Message {
    const TAG: c_int = 12;
    const NAME: &'static str = "process.Message";
}

const FUNCTIONS: Functions = &[
    (c"pid", pid),
    (c"id", id),
    (c"send", send),
    (c"inbox", |stack| mailbox_view(stack, View::Inbox)),
    (c"events", |stack| mailbox_view(stack, View::Events)),
    (c"listen", listen),
    (c"unlisten", unlisten),
    (c"unmonitor", |stack| unrelate(stack, "unmonitor")),
    (c"unlink", |stack| unrelate(stack, "unlink")),
    (c"cancel", cancel),
    (c"get_options", get_options),
    (c"set_options", set_options),
];

const WAITING: Functions = &[
    (c"spawn", |stack| spawn(stack, "spawn", Relation { monitored: false, linked: false })),
    (c"spawn_monitored", |stack| spawn(stack, "spawn_monitored", Relation { monitored: true, linked: false })),
    (c"spawn_linked", |stack| spawn(stack, "spawn_linked", Relation { monitored: false, linked: true })),
    (c"spawn_linked_monitored", |stack| {
        spawn(stack, "spawn_linked_monitored", Relation { monitored: true, linked: true })
    }),
    (c"monitor", |stack| relate(stack, "monitor")),
    (c"link", |stack| relate(stack, "link")),
    (c"terminate", terminate),
];

const REGISTRY: Functions = &[(c"register", register_name), (c"lookup", lookup), (c"unregister", unregister)];

const EVENTS: [(&std::ffi::CStr, &str); 3] = [(c"EXIT", EXIT), (c"CANCEL", CANCEL), (c"LINK_DOWN", LINK_DOWN)];
const EXIT: &str = "pid.exit";
const CANCEL: &str = "pid.cancel";
const LINK_DOWN: &str = "pid.link.down";

pub(crate) fn register(stack: Stack) {
    let meta: Functions =
        &[(c"__index", message_field), (c"__namecall", message_method), (c"__tostring", message_text)];
    stack.register_object::<Message>(&[], &[], meta);
}

pub(crate) fn make(_: &Vm, stack: Stack) {
    stack.push_table(0, 32);
    let module = stack.top();
    stack.set_functions(FUNCTIONS);
    stack.set_waiting_functions(WAITING);
    stack.push_table(0, EVENTS.len());
    for (name, text) in EVENTS {
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
    match Vm::current().with(|actor, _| actor.pid) {
        Ok(pid) => {
            stack.push_str(&pid.to_string());
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

/// What a script gave as the receiver of something.
enum Destination {
    Actor(Pid),
    /// It reads as a pid, but of a host that does not exist.
    NoHost,
}

fn resolve(vm: &Vm, text: &str) -> Result<Destination, Failure> {
    if let Some(parts) = PidText::parse(text) {
        return Ok(parts.resolve().map_or(Destination::NoHost, Destination::Actor));
    }
    match vm.with(|_, cx| cx.whereis(text))? {
        Some(pid) => Ok(Destination::Actor(pid)),
        None => Err(failure(ErrorKind::NotFound, format!("could not resolve '{text}' as PID or registered name"))),
    }
}

/// The argument at `index` as text, or INVALID when it is missing.
fn destination<'a>(stack: Stack, index: i32, function: &str) -> Result<Result<&'a str, Failure>, Raise> {
    if stack.is_nothing(index) {
        return Ok(Err(failure(ErrorKind::Invalid, format!("{function} requires a destination argument"))));
    }
    let text = stack.want_text(index, function)?;
    Ok(if text.is_empty() { Err(failure(ErrorKind::Invalid, "destination cannot be empty")) } else { Ok(text) })
}

// --- messages

fn send(stack: Stack) -> Outcome {
    if stack.is_nothing(1) || stack.is_nothing(2) {
        return stack.refuse(failure(ErrorKind::Invalid, "send requires at least destination and topic arguments"));
    }
    let (to, topic) = (stack.want_text(1, "send")?, stack.want_text(2, "send")?);
    match try_send(stack, to, topic) {
        Ok(()) => stack.done(),
        Err(failure) => stack.refuse(failure),
    }
}

fn try_send(stack: Stack, to: &str, topic: &str) -> Result<(), Failure> {
    let topic = Topic::new(topic).map_err(|error| {
        let text = match error {
            TopicError::Reserved => "cannot send to @ topics".to_owned(),
            TopicError::Empty => error.to_string(),
        };
        failure(ErrorKind::Invalid, text)
    })?;
    let vm = Vm::current();
    let to = match resolve(vm, to)? {
        Destination::Actor(pid) => pid,
        Destination::NoHost => return Err(failure(ErrorKind::NotFound, "host not found")),
    };
    let payload = payload(vm, stack, 3)?;
    vm.with(|_, cx| cx.send(to, topic, payload))?.map_err(|error| match error {
        ActorError::HostNotFound(_) => failure(ErrorKind::NotFound, "host not found"),
        other => other.into(),
    })
}

/// No argument is nil, one is itself, several are one array.
fn payload(vm: &Vm, stack: Stack, first: i32) -> Result<Value, Failure> {
    let limit = vm.settings.limits.max_payload_bytes;
    match stack.top() - first + 1 {
        ..=0 => Ok(Value::Nil),
        1 => copy::read(stack, first, limit),
        count => {
            // As a table, so that tables shared between the arguments stay shared.
            stack.push_table(count as usize, 0);
            let array = stack.top();
            for (index, key) in (first..array).zip(1..) {
                stack.copy(index);
                stack.raw_seti(array, key);
            }
            let value = copy::read(stack, array, limit);
            stack.pop(1);
            value
        }
    }
}

pub(crate) fn push_message(vm: &Vm, stack: Stack, envelope: Envelope) {
    let Envelope { from, topic, payload } = envelope;
    let is_table = matches!(payload, Value::Table(_) | Value::Error(_) | Value::Tagged(_) | Value::Buffer(_));
    stack.reserve(6);
    if !is_table {
        return stack.push_object(Message { from, topic, payload });
    }
    // Everyone who asks a message for its payload gets the same table.
    stack.push_object(Message { from, topic, payload: Value::Nil });
    let message = stack.top();
    copy::push(stack, &payload);
    vm.set_companion(stack, message);
}

fn push_message_part(stack: Stack, part: &[u8]) -> Result<bool, Raise> {
    let message = stack.want_self::<Message>("message")?;
    match part {
        b"topic" => stack.push_str(message.topic.as_str()),
        b"from" => match message.from {
            Some(pid) => stack.push_str(&pid.to_string()),
            None => stack.push_nil(),
        },
        b"payload" if message.payload.is_nil() => Vm::current().push_companion(stack, 1),
        b"payload" => copy::push(stack, &message.payload),
        _ => return Ok(false),
    }
    Ok(true)
}

/// `msg.topic` and the like.
fn message_field(stack: Stack) -> Outcome {
    let part = stack.bytes(2).unwrap_or_default();
    if !push_message_part(stack, part)? {
        stack.push_nil();
    }
    ONE
}

/// `msg:topic()` and the like.
fn message_method(stack: Stack) -> Outcome {
    let name = stack.method_name();
    if push_message_part(stack, name.as_bytes())? {
        return ONE;
    }
    raise(format!("attempt to call missing method '{name}' of process.Message"))
}

fn message_text(stack: Stack) -> Outcome {
    let message = stack.want_self::<Message>("tostring")?;
    let from = message.from.map_or_else(String::new, |from| format!(" from {from}"));
    stack.push_str(&format!("process.Message({}{from})", message.topic));
    ONE
}

// --- views of the mailbox

fn mailbox_view(stack: Stack, view: View) -> Outcome {
    let Some(actor) = Vm::current().actor() else { return stack.invalid("no context found") };
    push_view(stack, actor, view, true);
    ONE
}

fn push_view(stack: Stack, actor: &ActorState, view: View, objects: bool) {
    if !actor.push_view(stack, &view) {
        channel::push_mail(stack, view.clone(), objects);
        actor.add_view(stack, view);
    } else if objects && matches!(view, View::Topic(_)) {
        channel::switch_to_objects(stack);
    }
}

fn listen(stack: Stack) -> Outcome {
    if stack.is_nothing(1) {
        return stack.invalid("listen requires a topic argument");
    }
    let topic = match Topic::new(stack.want_text(1, "listen")?) {
        Ok(topic) => topic,
        Err(TopicError::Reserved) => return stack.invalid("cannot listen to @ topics"),
        Err(error) => return stack.invalid(error.to_string()),
    };
    let objects = match stack.kind(2) {
        Kind::None | Kind::Nil => false,
        Kind::Table => {
            stack.raw_get(2, c"message");
            stack.truthy(stack.top())
        }
        _ => return stack.wrong(2, "listen", "table"),
    };
    let vm = Vm::current();
    if let Err(failure) = vm.with(|_, cx| cx.mailbox().listen(&topic)) {
        return stack.fail(failure);
    }
    if let Some(actor) = vm.actor() {
        push_view(stack, actor, View::Topic(topic), objects);
    }
    ONE
}

fn unlisten(stack: Stack) -> Outcome {
    let Some(channel) = stack.object::<Channel>(1) else { return stack.wrong(1, "unlisten", "channel") };
    let vm = Vm::current();
    let topic = match channel::view(channel) {
        Some(View::Topic(topic)) => topic.clone(),
        Some(_) => return stack.refuse(failure(ErrorKind::Invalid, "cannot unlisten inbox or events")),
        None => return stack.refuse(failure(ErrorKind::NotFound, "not a listen channel")),
    };
    if let Err(failure) = vm.with(|_, cx| cx.mailbox().unlisten(&topic)) {
        return stack.refuse(failure);
    }
    channel::mark_closed(channel);
    if let Some(actor) = vm.actor() {
        actor.remove_view(&View::Topic(topic));
    }
    stack.done()
}

// --- events

pub(crate) fn push_event(vm: &Vm, stack: Stack, event: &Event) {
    stack.reserve(6);
    stack.push_table(0, 6);
    let table = stack.top();
    let text = |key, text: &str| {
        stack.push_str(text);
        stack.raw_set(table, key);
    };
    let at = match event {
        Event::Down { from, reason, at } => {
            text(c"kind", EXIT);
            text(c"from", &from.to_string());
            push_result(vm, stack, reason);
            stack.raw_set(table, c"result");
            push_error(stack, table, reason.failure());
            *at
        }
        Event::LinkDown { from, failure, at } => {
            text(c"kind", LINK_DOWN);
            text(c"from", &from.to_string());
            push_result(vm, stack, &ExitReason::Failed(Arc::clone(failure)));
            stack.raw_set(table, c"result");
            push_error(stack, table, Some(failure));
            *at
        }
        Event::Cancel { from, deadline, reason, at } => {
            text(c"kind", CANCEL);
            if let Some(from) = from {
                text(c"from", &from.to_string());
            }
            if let Some(deadline) = deadline {
                text(c"deadline", &Moment::from_system(*deadline, Location::utc()).rfc3339_nano());
            }
            if let Some(reason) = reason {
                text(c"reason", reason);
            }
            *at
        }
        _ => SystemTime::UNIX_EPOCH,
    };
    stack.push_number(at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64());
    stack.raw_set(table, c"at");
}

fn push_error(stack: Stack, table: i32, failure: Option<&Arc<Failure>>) {
    if let Some(failure) = failure {
        errors::push_shared(stack, Arc::clone(failure));
        stack.raw_set(table, c"error");
    }
}

/// `{value = v}` or `{error = "text"}`, which prints as what it holds.
fn push_result(vm: &Vm, stack: Stack, reason: &ExitReason) {
    stack.push_table(0, 1);
    let result = stack.top();
    match reason {
        ExitReason::Normal(Some(value)) => {
            copy::push(stack, value);
            stack.raw_set(result, c"value");
        }
        ExitReason::Normal(None) => {}
        ExitReason::Failed(failure) => {
            stack.push_str(&failure.message);
            stack.raw_set(result, c"error");
        }
    }
    stack.push_ref(vm.result_metatable());
    stack.set_metatable(result);
}

/// `tostring(event.result)`.
pub(crate) fn result_text(stack: Stack) -> Outcome {
    stack.set_top(1);
    stack.want_kind(1, "tostring", Kind::Table, "result")?;
    if stack.raw_get(1, c"error") == Kind::Nil {
        stack.raw_get(1, c"value");
    }
    stack.to_text(stack.top());
    ONE
}

// --- spawning

fn spawn(stack: Stack, function: &str, relation: Relation) -> Outcome {
    if stack.is_nothing(1) || stack.is_nothing(2) {
        return stack.invalid(format!("{function} requires at least id and host arguments"));
    }
    let (id, host) = (stack.want_text(1, function)?, stack.want_text(2, function)?);
    let vm = Vm::current();
    let limit = vm.settings.limits.max_payload_bytes;
    let args = (3..=stack.top()).map(|index| copy::read(stack, index, limit)).collect::<Result<Vec<_>, _>>();
    let spawn = args.and_then(|args| {
        let definition = vm.services.process(id)?;
        let host = vm.services.host(host)?;
        Ok(Spawn { relation, ..Spawn::new(host, Box::new(LuaFactory::new(definition, args))) })
    });
    let spawn = match spawn {
        Ok(spawn) => spawn,
        Err(failure) => return stack.fail(failure),
    };
    // Where this coroutine cannot wait, the new actor has to live on this worker.
    let token = check_wait(vm, stack).is_ok().then(|| vm.actor().map(|actor| actor.token().number())).flatten();
    match vm.with(|_, cx| cx.spawn(spawn, token)) {
        Err(failure) => stack.fail(failure),
        Ok(Answered::Done(Err(error))) => stack.fail(error),
        Ok(Answered::Done(Ok(pid))) => {
            stack.push_str(&pid.to_string());
            ONE
        }
        Ok(Answered::Pending) => wait_for_answer(vm),
    }
}

fn wait_for_answer(vm: &Vm) -> Outcome {
    match vm.actor() {
        Some(actor) => actor.wait(vm, Waits::Operation),
        None => Ok(Return::Values(0)),
    }
}

// --- control

fn terminate(stack: Stack) -> Outcome {
    let to = match destination(stack, 1, "terminate")? {
        Ok(text) => text,
        Err(failure) => return stack.fail(failure),
    };
    let vm = Vm::current();
    let target = match resolve(vm, to) {
        Ok(Destination::Actor(pid)) => pid,
        Ok(Destination::NoHost) => return stack.fail(not_registered()),
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

fn not_registered() -> Failure {
    failure(ErrorKind::NotFound, "pid not registered")
}

fn cancel(stack: Stack) -> Outcome {
    let to = match destination(stack, 1, "cancel")? {
        Ok(text) => text,
        Err(failure) => return stack.fail(failure),
    };
    let deadline = match deadline(stack, 2) {
        Ok(deadline) => deadline,
        Err(failure) => return stack.fail(failure),
    };
    let vm = Vm::current();
    let target = match resolve(vm, to) {
        Ok(Destination::Actor(pid)) => pid,
        Ok(Destination::NoHost) => return stack.fail(not_registered()),
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

fn relate(stack: Stack, function: &str) -> Outcome {
    let to = match destination(stack, 1, function)? {
        Ok(text) => text,
        Err(failure) => return stack.fail(failure),
    };
    let vm = Vm::current();
    let target = match resolve(vm, to) {
        Ok(Destination::Actor(pid)) => pid,
        Ok(Destination::NoHost) => return stack.fail(not_registered()),
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

fn unrelate(stack: Stack, function: &str) -> Outcome {
    let to = match destination(stack, 1, function)? {
        Ok(text) => text,
        Err(failure) => return stack.fail(failure),
    };
    let vm = Vm::current();
    match resolve(vm, to) {
        Ok(Destination::Actor(target)) => {
            let done = vm.with(|_, cx| match function {
                "unlink" => cx.unlink(target),
                _ => cx.unmonitor(target),
            });
            match done {
                Ok(()) => stack.done(),
                Err(failure) => stack.fail(failure),
            }
        }
        Ok(Destination::NoHost) => stack.done(),
        Err(failure) => stack.fail(failure),
    }
}

fn get_options(stack: Stack) -> Outcome {
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

fn set_options(stack: Stack) -> Outcome {
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

// --- names

fn name_failure(error: ActorError) -> Failure {
    match error {
        ActorError::NameTaken(_) => failure(ErrorKind::AlreadyExists, "name already registered"),
        ActorError::NotFound(_) | ActorError::HostNotFound(_) => failure(ErrorKind::NotFound, "pid not found"),
        other => other.into(),
    }
}

fn register_name(stack: Stack) -> Outcome {
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
        Some(pid) => vm.with(|_, cx| cx.register(name, pid))?.map_err(name_failure),
        None => Err(failure(ErrorKind::NotFound, "pid not found")),
    });
    match registered {
        Ok(()) => stack.done(),
        Err(failure) => stack.fail(failure),
    }
}

fn lookup(stack: Stack) -> Outcome {
    if stack.is_nothing(1) {
        return stack.invalid("lookup requires a name argument");
    }
    let name = stack.want_text(1, "lookup")?;
    match Vm::current().with(|_, cx| cx.whereis(name)) {
        Ok(Some(pid)) => {
            stack.push_str(&pid.to_string());
            ONE
        }
        Ok(None) => stack.fail(failure(ErrorKind::NotFound, "name not registered")),
        Err(failure) => stack.fail(failure),
    }
}

fn unregister(stack: Stack) -> Outcome {
    if stack.is_nothing(1) {
        return stack.invalid("unregister requires a name argument");
    }
    let name = stack.want_text(1, "unregister")?;
    match Vm::current().with(|_, cx| cx.unregister(name)) {
        Ok(removed) => {
            stack.push_boolean(removed);
            ONE
        }
        Err(failure) => stack.fail(failure),
    }
}
