//! `events`: what any part of the node tells all who want to know.

use std::cell::Cell;
use std::ffi::c_int;
use std::rc::Rc;
use std::sync::Arc;

use perilune_actor_core::{ErrorKind, Failure, Table, Value};

use crate::actor::{ActorState, Key};
use crate::copy;
use crate::modules::channel::{self, Supply};
use crate::services::{Published, Subscription};
use crate::vm::{Functions, ONE, Object, Outcome, Stack, Vm};

/// A subscription in a script's hands. Its channel is its companion.
struct Handle(Rc<Cell<bool>>);

/// What an actor follows through a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Followed {
    /// Events of the node.
    Node,
    /// What happens to its programs.
    Programs,
    /// What the program of that name writes.
    Output(Box<str>),
}

/// A subscription of an actor, which ends with it.
pub(crate) struct Subscribed {
    followed: Followed,
    supply: Rc<dyn Supply>,
    channel: Key,
    closed: Rc<Cell<bool>>,
    /// How many were missed when somebody last looked.
    missed: Cell<u64>,
}

impl Object for Handle {
    const TAG: c_int = 62;
    const NAME: &'static str = "subscription";
}

const METHODS: Functions = &[
    (c"channel", |stack| {
        stack.want_self::<Handle>("channel")?;
        Vm::current().push_companion(stack, 1);
        ONE
    }),
    (c"close", close),
];

pub(crate) fn register(stack: Stack) {
    let meta: Functions = &[(c"__tostring", |stack| {
        stack.push_str("events.Subscription");
        ONE
    })];
    stack.register_object::<Handle>(METHODS, &[], meta);
}

pub(crate) fn make(_: &Vm, stack: Stack) {
    stack.push_table(0, 2);
    stack.set_functions(&[(c"subscribe", subscribe), (c"send", send)]);
}

/// The argument at `index`, which must say something.
fn want_name<'a>(
    stack: Stack,
    index: i32,
    function: &str,
    what: &str,
) -> Result<Result<&'a str, Failure>, crate::vm::Raise> {
    let text = stack.want_text(index, function)?;
    let empty = || Failure::new(ErrorKind::Invalid, format!("{what} cannot be empty"));
    Ok(if text.is_empty() { Err(empty()) } else { Ok(text) })
}

fn send(stack: Stack) -> Outcome {
    let names = [(1, "system"), (2, "kind"), (3, "path")].map(|(index, what)| want_name(stack, index, "send", what));
    let [system, kind, path] = names;
    let (system, kind, path) = match (system?, kind?, path?) {
        (Ok(system), Ok(kind), Ok(path)) => (system.into(), kind.into(), path.into()),
        (Err(failure), ..) | (_, Err(failure), _) | (.., Err(failure)) => return stack.fail(failure),
    };
    let vm = Vm::current();
    let Some(actor) = vm.actor() else { return stack.invalid("no context found") };
    let published = copy::read(stack, 4, vm.settings.limits.max_payload_bytes)
        .and_then(|data| vm.services.publish(&actor.origin(), Published { system, kind, path, data }));
    match published {
        Ok(()) => stack.done(),
        Err(failure) => stack.fail(failure),
    }
}

fn subscribe(stack: Stack) -> Outcome {
    let system = match want_name(stack, 1, "subscribe", "system")? {
        Ok(system) => system,
        Err(failure) => return stack.fail(failure),
    };
    let kind = match stack.is_nothing(2) {
        true => None,
        false => match want_name(stack, 2, "subscribe", "kind")? {
            Ok(kind) => Some(kind),
            Err(failure) => return stack.fail(failure),
        },
    };
    let vm = Vm::current();
    let source = vm.with(|actor, cx| {
        let waker = cx.waker();
        vm.services.subscribe(&actor.origin(), system, kind, waker)
    });
    let source = match source.and_then(|source| source) {
        Ok(source) => source,
        Err(failure) => return stack.fail(failure),
    };
    let Some(actor) = vm.actor() else { return stack.invalid("no context found") };
    let supply: Rc<dyn Supply> = Rc::new(source);
    channel::push_fed_by(stack, Rc::clone(&supply));
    stack.copy(stack.top());
    let subscribed = Subscribed::new(Followed::Node, supply, actor.keep(stack));
    let closed = Rc::clone(&subscribed.closed);
    actor.add_subscription(subscribed);
    stack.push_object(Handle(closed));
    let object = stack.top();
    stack.copy(object - 1);
    vm.set_companion(stack, object);
    ONE
}

fn close(stack: Stack) -> Outcome {
    let handle = stack.want_self::<Handle>("close")?;
    if !handle.0.replace(true)
        && let Some(actor) = Vm::current().actor()
    {
        for subscribed in actor.take_closed_subscriptions() {
            channel::close_feed(actor, subscribed.channel);
            actor.drop_key(subscribed.channel);
        }
    }
    stack.done()
}

impl Supply for Arc<dyn Subscription> {
    fn next(&self) -> Option<Value> {
        self.take().map(|event| event_value(&event))
    }

    fn missed(&self) -> u64 {
        Subscription::missed(&**self)
    }
}

impl Subscribed {
    /// What comes from `supply` goes to the channel that the actor keeps under that key.
    pub(crate) fn new(followed: Followed, supply: Rc<dyn Supply>, channel: Key) -> Self {
        Self { followed, supply, channel, closed: Rc::default(), missed: Cell::new(0) }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.get()
    }

    pub(crate) fn follows(&self, followed: &Followed) -> bool {
        self.followed == *followed
    }

    pub(crate) fn channel(&self) -> Key {
        self.channel
    }

    /// Its channel, and how many events were lost when that is news for the first time.
    pub(crate) fn news(&self) -> (Key, Option<u64>) {
        let missed = self.supply.missed();
        let first = self.missed.replace(missed) == 0 && missed > 0;
        (self.channel, first.then_some(missed))
    }
}

/// Gives what has come to the coroutines that wait for it.
pub(crate) fn receive_all(actor: &ActorState) {
    for (channel, missed) in actor.subscribed_channels() {
        channel::wake_for_supply(actor, channel);
        if let Some(missed) = missed {
            let text = format!("a subscriber is too slow: {missed} events were lost; no more is said about it");
            actor.warn("events", &text);
        }
        if channel::is_over(actor, channel) {
            actor.drop_subscription(channel);
        }
    }
}

/// An event as scripts see it.
fn event_value(event: &Published) -> Value {
    let text = |text: &str| Value::from(text);
    let pairs = vec![
        (text("system"), text(&event.system)),
        (text("kind"), text(&event.kind)),
        (text("path"), text(&event.path)),
        (text("data"), event.data.clone()),
    ];
    Value::Table(Box::new(Table { array: Vec::new(), pairs }))
}
