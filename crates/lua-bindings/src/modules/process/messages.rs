//! Messages and the views of the mailbox.

use std::ffi::c_int;

use perilune_actor_core::{ActorError, Envelope, ErrorKind, Failure, Pid, Topic, TopicError, Value};

use super::{SEND, failure, known_target, target};
use crate::actor::ActorState;
use crate::copy;
use crate::modules::channel::{self, Channel};
use crate::task::View;
use crate::vm::{Functions, Kind, ONE, Object, Outcome, Raise, Stack, Vm, raise};

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

pub(super) fn register(vm: &Vm, stack: Stack) {
    if vm.settings.api >= 2 {
        stack.register_object::<Message>(METHODS, &[], &[(c"__tostring", message_text)]);
    } else {
        let meta: Functions =
            &[(c"__index", message_field), (c"__namecall", message_method), (c"__tostring", message_text)];
        stack.register_object::<Message>(&[], &[], meta);
    }
}

/// Under revision 2 a message has methods and no fields, and its payload comes in an object.
const METHODS: Functions = &[
    (c"topic", |stack| push_message_part(stack, b"topic").and(ONE)),
    (c"from", |stack| push_message_part(stack, b"from").and(ONE)),
    (c"payload", |stack| {
        stack.want_self::<Message>("payload")?;
        let vm = Vm::current();
        vm.push_companion(stack, 1);
        ONE
    }),
];

pub(super) fn send(stack: Stack) -> Outcome {
    let vm = Vm::current();
    // Nearly always it is neither the first message to them nor the first about that.
    let Some(topic) = vm.topics.find(stack, 2) else { return send_to_text(vm, stack) };
    let sent = match known_target(vm, stack, 1, SEND) {
        Some(Ok(to)) => match copy::scalar(stack, 3) {
            Some(scalar) if stack.top() == 3 => post(vm, to, topic, scalar),
            _ => deliver(vm, stack, to, topic),
        },
        Some(Err(failure)) => Err(failure),
        None => return send_to_text(vm, stack),
    };
    match sent {
        Ok(()) => stack.done(),
        Err(failure) => stack.refuse(failure),
    }
}

fn send_to_text(vm: &Vm, stack: Stack) -> Outcome {
    if stack.is_nothing(1) || stack.is_nothing(2) {
        return stack.refuse(failure(ErrorKind::Invalid, "send requires at least destination and topic arguments"));
    }
    let (to, topic) = (stack.want_text(1, "send")?, stack.want_text(2, "send")?);
    match try_send(vm, stack, to, topic) {
        Ok(()) => stack.done(),
        Err(failure) => stack.refuse(failure),
    }
}

fn try_send(vm: &Vm, stack: Stack, to: &str, topic: &str) -> Result<(), Failure> {
    let topic = Topic::new(topic).map_err(|error| {
        let text = match error {
            TopicError::Reserved => "cannot send to @ topics".to_owned(),
            TopicError::Empty => error.to_string(),
        };
        failure(ErrorKind::Invalid, text)
    })?;
    vm.topics.remember(stack, 2, topic.clone());
    let Some(to) = target(vm, stack, 1, to, SEND)? else { return Err(failure(ErrorKind::NotFound, "host not found")) };
    deliver(vm, stack, to, topic)
}

/// Sends the arguments from the third on.
fn deliver(vm: &Vm, stack: Stack, to: Pid, topic: Topic) -> Result<(), Failure> {
    let payload = match stack.top() {
        3 => match copy::scalar(stack, 3) {
            Some(scalar) => scalar,
            None if vm.with(|_, cx| cx.shares_local(to))? => {
                copy::pass(vm, stack, 3, vm.settings.limits.max_payload_bytes)?
            }
            None => copy::read(stack, 3, vm.settings.limits.max_payload_bytes)?,
        },
        _ => payload(vm, stack, 3)?,
    };
    post(vm, to, topic, payload)
}

#[inline(always)]
fn post(vm: &Vm, to: Pid, topic: Topic, payload: Value) -> Result<(), Failure> {
    match vm.ask(|_, cx| cx.send(to, topic, payload)) {
        Some(Ok(())) => Ok(()),
        Some(Err(ActorError::HostNotFound(_))) => Err(failure(ErrorKind::NotFound, "host not found")),
        Some(Err(other)) => Err(other.into()),
        None => Err(failure(ErrorKind::Invalid, "no context found")),
    }
}

/// No argument is nil, one is itself, several are one array.
pub(super) fn payload(vm: &Vm, stack: Stack, first: i32) -> Result<Value, Failure> {
    let limit = vm.settings.limits.max_payload_bytes;
    match stack.top() - first + 1 {
        ..=0 => Ok(Value::Nil),
        1 => copy::send(stack, first, limit),
        count => {
            // As a table, so that tables shared between the arguments stay shared.
            stack.push_table(count as usize, 0);
            let array = stack.top();
            for (index, key) in (first..array).zip(1..) {
                stack.copy(index);
                stack.raw_seti(array, key);
            }
            let value = copy::send(stack, array, limit);
            stack.pop(1);
            value
        }
    }
}

pub(crate) fn push_message(vm: &Vm, stack: Stack, envelope: Envelope) {
    let Envelope { from, topic, payload } = envelope;
    let is_table =
        matches!(payload, Value::Table(_) | Value::Error(_) | Value::Tagged(_) | Value::Buffer(_) | Value::Local(_));
    stack.reserve(6);
    if vm.settings.api >= 2 {
        stack.push_object(Message { from, topic, payload: Value::Nil });
        let message = stack.top();
        crate::modules::payload::push_owned(stack, payload);
        return vm.set_companion(stack, message);
    }
    if !is_table {
        return stack.push_object(Message { from, topic, payload });
    }
    // Everyone who asks a message for its payload gets the same table.
    stack.push_object(Message { from, topic, payload: Value::Nil });
    let message = stack.top();
    copy::push_owned(stack, payload);
    vm.set_companion(stack, message);
}

fn push_message_part(stack: Stack, part: &[u8]) -> Result<bool, Raise> {
    let message = stack.want_self::<Message>("message")?;
    match part {
        b"topic" => stack.push_str(message.topic.as_str()),
        b"from" => match message.from {
            Some(pid) => stack.push_pid(pid),
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

/// Inbox and events: one channel each for all actors of a VM, since it knows nothing of whose mailbox it shows, cannot
/// be closed and never leaves its actor.
pub(super) fn mailbox_view(stack: Stack, view: View) -> Outcome {
    let vm = Vm::current();
    if vm.actor().is_none() {
        return stack.invalid("no context found");
    }
    vm.push_mailbox_channel(stack, view);
    ONE
}

fn push_topic(stack: Stack, actor: &ActorState, view: View, objects: bool) {
    if !actor.push_view(stack, &view) {
        channel::push_mail(stack, view.clone());
        actor.add_view(stack, view);
    }
    if objects {
        channel::want_objects(stack);
    }
}

pub(super) fn listen(stack: Stack) -> Outcome {
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
        push_topic(stack, actor, View::Topic(topic), objects);
    }
    ONE
}

pub(super) fn unlisten(stack: Stack) -> Outcome {
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
