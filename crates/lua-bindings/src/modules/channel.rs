use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ffi::c_int;
use std::rc::Rc;

use perilune_actor_core::Value;

use crate::actor::{ActorState, Key};
use crate::copy;
use crate::modules::process;
use crate::task::{Ending, Token, View, Waits, check_wait};
use crate::vm::{Functions, Kind, NOTHING, ONE, Object, Outcome, Return, Stack, Vm, raise};

/// A channel, seen by the coroutines of one actor.
pub(crate) struct Channel {
    source: Source,
    closed: Cell<bool>,
    /// Of a topic: whether whole messages were asked for.
    objects: Cell<bool>,
}

impl Channel {
    fn of(source: Source) -> Self {
        Self { source, closed: Cell::new(false), objects: Cell::new(false) }
    }
}

/// Where a channel's values come from.
enum Source {
    /// Other coroutines.
    Script(Box<RefCell<Pipe>>),
    /// The runtime: timers and the like.
    Runtime(Box<RefCell<Feed>>),
    /// The mailbox.
    Mail(View),
}

/// Between coroutines. Values stay in the VM: in the actor's store while buffered, else on the stack of who sends.
struct Pipe {
    capacity: usize,
    buffer: VecDeque<Key>,
    receivers: VecDeque<Waiter>,
    senders: VecDeque<Waiter>,
}

/// From the runtime to coroutines.
#[derive(Default)]
struct Feed {
    queue: VecDeque<Value>,
    receivers: VecDeque<Waiter>,
    /// Where more comes from, when the queue is empty.
    supply: Option<Rc<dyn Supply>>,
}

/// Where values for a channel come from that wait outside of this actor.
pub(crate) trait Supply {
    /// The oldest that was not taken.
    fn next(&self) -> Option<Value>;

    /// How many were lost because too many waited.
    fn missed(&self) -> u64 {
        0
    }

    /// Whether there will never be one again.
    fn is_over(&self) -> bool {
        false
    }
}

impl Feed {
    fn next(&mut self) -> Option<Value> {
        self.queue.pop_front().or_else(|| self.supply.as_ref()?.next())
    }

    fn is_over(&self) -> bool {
        self.queue.is_empty() && self.supply.as_ref().is_some_and(|supply| supply.is_over())
    }
}

/// A coroutine that waits on a channel; worthless once its token is old.
#[derive(Clone, Copy)]
struct Waiter {
    token: Token,
    case: Option<i32>,
}

impl Object for Channel {
    const TAG: c_int = 11;
    const NAME: &'static str = "channel";
}

const METHODS: Functions = &[(c"close", close), (c"case_send", case_send), (c"case_receive", case_receive)];
const WAITING: Functions = &[(c"send", send)];
const META: Functions = &[(c"__tostring", |stack| {
    stack.want_self::<Channel>("tostring")?;
    stack.push_str(&format!("channel: {:p}", stack.pointer(1)));
    ONE
})];

pub(crate) fn register(stack: Stack) {
    stack.register_object_with_hot::<Channel>(METHODS, WAITING, (c"receive", receive), META);
}

pub(crate) fn make(_: &Vm, stack: Stack) {
    stack.push_table(0, 2);
    stack.set_functions(&[(c"new", new)]);
    stack.set_waiting_functions(&[(c"select", select)]);
}

/// Pushes a channel on the mailbox.
pub(crate) fn push_mail(stack: Stack, view: View) {
    stack.push_object(Channel::of(Source::Mail(view)));
}

/// From now on the channel of a topic on top gives whole messages.
pub(crate) fn want_objects(stack: Stack) {
    if let Some(channel) = stack.object::<Channel>(stack.top()) {
        channel.objects.set(true);
    }
}

/// Pushes a channel that the runtime feeds with [`feed`].
pub(crate) fn push_feed(stack: Stack) {
    stack.push_object(Channel::of(Source::Runtime(Box::default())));
}

/// Gives a value to a channel made by [`push_feed`], which the actor keeps under `key`; at most `limit` wait there.
pub(crate) fn feed(actor: &ActorState, key: Key, value: Value, limit: usize) {
    let Some(channel) = kept(actor, key) else { return };
    let Source::Runtime(feed) = &channel.source else { return };
    {
        let mut feed = feed.borrow_mut();
        if channel.closed.get() || feed.queue.len() >= limit {
            return;
        }
        feed.queue.push_back(value);
    }
    wake_receiver(actor, feed);
}

/// Pushes a channel of what comes from outside.
pub(crate) fn push_fed_by(stack: Stack, supply: Rc<dyn Supply>) {
    let feed = Feed { supply: Some(supply), ..Feed::default() };
    stack.push_object(Channel::of(Source::Runtime(Box::new(RefCell::new(feed)))));
}

/// Gives what there is to those who wait on a channel made by [`push_fed_by`].
pub(crate) fn wake_for_supply(actor: &ActorState, key: Key) {
    let Some(Channel { source: Source::Runtime(feed), closed, .. }) = kept(actor, key) else { return };
    while !closed.get() {
        let waiter = {
            let mut feed = feed.borrow_mut();
            std::iter::from_fn(|| feed.receivers.pop_front()).find(|waiter| actor.is_waiting(waiter.token))
        };
        let Some(waiter) = waiter else { return };
        let value = feed.borrow_mut().next();
        match value {
            Some(value) => actor.finish_case(waiter.token, waiter.case, Ending::Fed(value)),
            None if feed.borrow().is_over() => actor.finish_case(waiter.token, waiter.case, Ending::Closed),
            None => return feed.borrow_mut().receivers.push_front(waiter),
        }
    }
}

/// Whether nothing will ever come again through a channel made by [`push_fed_by`].
pub(crate) fn is_over(actor: &ActorState, key: Key) -> bool {
    match kept(actor, key) {
        Some(Channel { source: Source::Runtime(feed), closed, .. }) => closed.get() || feed.borrow().is_over(),
        _ => true,
    }
}

/// Hands the first value to the first coroutine that still waits.
fn wake_receiver(actor: &ActorState, feed: &RefCell<Feed>) {
    let mut borrowed = feed.borrow_mut();
    while let Some(waiter) = borrowed.receivers.pop_front() {
        if actor.is_waiting(waiter.token) {
            let Some(value) = borrowed.queue.pop_front() else {
                borrowed.receivers.push_front(waiter);
                return;
            };
            drop(borrowed);
            return actor.finish_case(waiter.token, waiter.case, Ending::Fed(value));
        }
    }
}

/// Closes a channel made by [`push_feed`].
pub(crate) fn close_feed(actor: &ActorState, key: Key) {
    if let Some(channel) = kept(actor, key) {
        channel.close(actor);
    }
}

/// Closes such a channel on top of the stack.
pub(crate) fn close_feed_on_top(actor: &ActorState, stack: Stack) {
    if let Some(channel) = stack.object::<Channel>(stack.top()) {
        channel.close(actor);
    }
}

/// The channel an actor keeps; alive until the key is dropped.
fn kept<'a>(actor: &ActorState, key: Key) -> Option<&'a Channel> {
    let stack = actor.scratch();
    actor.push_key(stack, key);
    let channel = stack.object::<Channel>(stack.top());
    stack.pop(1);
    channel
}

/// The view of a live mailbox channel.
pub(crate) fn view(channel: &Channel) -> Option<&View> {
    match &channel.source {
        Source::Mail(view) if !channel.closed.get() => Some(view),
        _ => None,
    }
}

pub(crate) fn mark_closed(channel: &Channel) {
    channel.closed.set(true);
}

fn new(stack: Stack) -> Outcome {
    let capacity = if stack.is_nothing(1) { 0.0 } else { stack.want_number(1, "new")? };
    let capacity = if capacity > 0.0 { capacity as usize } else { 0 };
    let pipe = Pipe { capacity, buffer: VecDeque::new(), receivers: VecDeque::new(), senders: VecDeque::new() };
    stack.push_object(Channel::of(Source::Script(Box::new(RefCell::new(pipe)))));
    ONE
}

// --- one operation on one channel

/// What came of an attempt that does not wait.
enum Try {
    Done(Ending),
    /// Somebody has to come first.
    NotYet,
}

/// Where the sending coroutine has the value: direct senders behind the channel, a select in the case's second place.
fn value_index(case: Option<i32>) -> i32 {
    case.map_or(2, |number| case_slot(number) + 1)
}

impl Channel {
    /// Receives without waiting. What is [`Ending::Pushed`] is on top of `stack`.
    fn try_receive(&self, vm: &Vm, actor: &ActorState, stack: Stack) -> Try {
        match &self.source {
            Source::Mail(view) if !self.closed.get() => {
                match actor.may_take(view) && actor.waiting_mail(vm, view) > 0 {
                    true => Try::Done(Ending::Mail(view.clone())),
                    false => Try::NotYet,
                }
            }
            Source::Runtime(feed) => {
                let value =
                    if self.closed.get() { feed.borrow_mut().queue.pop_front() } else { feed.borrow_mut().next() };
                match value {
                    Some(value) => Try::Done(Ending::Fed(value)),
                    None if self.closed.get() || feed.borrow().is_over() => Try::Done(Ending::Closed),
                    None => Try::NotYet,
                }
            }
            Source::Script(pipe) => self.try_receive_script(actor, stack, pipe),
            Source::Mail(..) => Try::Done(Ending::Closed),
        }
    }

    fn try_receive_script(&self, actor: &ActorState, stack: Stack, pipe: &RefCell<Pipe>) -> Try {
        stack.reserve(4);
        let buffered = pipe.borrow_mut().buffer.pop_front();
        if let Some(key) = buffered {
            actor.push_key(stack, key);
            actor.drop_key(key);
            // The place goes to who has waited longest to send.
            let sender = next_waiter(actor, &mut pipe.borrow_mut().senders);
            if let Some((waiter, sender)) = sender {
                sender.copy_to(value_index(waiter.case), stack);
                let key = actor.keep(stack);
                pipe.borrow_mut().buffer.push_back(key);
                actor.finish_case(waiter.token, waiter.case, Ending::Sent);
            }
            return Try::Done(Ending::Pushed);
        }
        let sender = next_waiter(actor, &mut pipe.borrow_mut().senders);
        match sender {
            Some((waiter, sender)) => {
                sender.copy_to(value_index(waiter.case), stack);
                actor.finish_case(waiter.token, waiter.case, Ending::Sent);
                Try::Done(Ending::Pushed)
            }
            None if self.closed.get() => Try::Done(Ending::Closed),
            None => Try::NotYet,
        }
    }

    /// Sends the value at `index` without waiting.
    fn try_send(&self, actor: &ActorState, stack: Stack, index: i32) -> Result<Try, crate::vm::Raise> {
        let Source::Script(pipe) = &self.source else { return raise("cannot send on a subscription channel") };
        if self.closed.get() {
            return raise("send on closed channel");
        }
        let receiver = next_waiter(actor, &mut pipe.borrow_mut().receivers);
        if let Some((waiter, receiver)) = receiver {
            stack.copy_to(index, receiver);
            actor.finish_case(waiter.token, waiter.case, Ending::Pushed);
            return Ok(Try::Done(Ending::Sent));
        }
        let has_room = {
            let pipe = pipe.borrow();
            pipe.buffer.len() < pipe.capacity
        };
        if !has_room {
            return Ok(Try::NotYet);
        }
        stack.reserve(4);
        stack.copy(index);
        let key = actor.keep(stack);
        pipe.borrow_mut().buffer.push_back(key);
        Ok(Try::Done(Ending::Sent))
    }

    /// Makes the running coroutine one of those that wait here.
    fn enlist(&self, actor: &ActorState, token: Token, case: Option<i32>, sends: bool) {
        let waiter = Waiter { token, case };
        match &self.source {
            Source::Mail(view) => actor.await_mail(view.clone(), token, case),
            Source::Runtime(feed) => push_waiter(actor, &mut feed.borrow_mut().receivers, waiter),
            Source::Script(pipe) if sends => push_waiter(actor, &mut pipe.borrow_mut().senders, waiter),
            Source::Script(pipe) => push_waiter(actor, &mut pipe.borrow_mut().receivers, waiter),
        }
    }

    fn waits(&self) -> Waits {
        match &self.source {
            Source::Mail(..) => Waits::Mail,
            Source::Runtime(feed) if feed.borrow().supply.is_some() => Waits::Mail,
            _ => Waits::Channel,
        }
    }

    fn close(&self, actor: &ActorState) {
        if self.closed.replace(true) {
            return;
        }
        let (receivers, senders) = match &self.source {
            Source::Script(pipe) => {
                let mut pipe = pipe.borrow_mut();
                (std::mem::take(&mut pipe.receivers), std::mem::take(&mut pipe.senders))
            }
            Source::Runtime(feed) => (std::mem::take(&mut feed.borrow_mut().receivers), VecDeque::new()),
            Source::Mail(..) => return,
        };
        for waiter in receivers {
            actor.finish_case(waiter.token, waiter.case, Ending::Closed);
        }
        for waiter in senders {
            actor.finish_case(waiter.token, waiter.case, Ending::SendClosed);
        }
    }
}

/// The first that still waits, and where its values are.
fn next_waiter(actor: &ActorState, waiters: &mut VecDeque<Waiter>) -> Option<(Waiter, Stack)> {
    while let Some(waiter) = waiters.pop_front() {
        if actor.is_waiting(waiter.token) {
            return Some((waiter, actor.waiting_stack(waiter.token)?));
        }
    }
    None
}

/// A select that another case has ended leaves its entry behind; they must not pile up on a channel that is quiet.
fn push_waiter(actor: &ActorState, waiters: &mut VecDeque<Waiter>, waiter: Waiter) {
    if waiters.len() >= 8 && waiters.len().is_power_of_two() {
        waiters.retain(|old| actor.is_waiting(old.token));
    }
    while waiters.back().is_some_and(|old| !actor.is_waiting(old.token)) {
        waiters.pop_back();
    }
    waiters.push_back(waiter);
}

/// Pushes what was received from the channel at `index`, and says whether it is a value; `None` when the mail that was
/// there has gone another way.
fn push_received(vm: &Vm, stack: Stack, index: i32, ending: Ending) -> Option<bool> {
    match ending {
        Ending::Pushed => {}
        Ending::Fed(value) => copy::push_owned(stack, value),
        Ending::Mail(view) => {
            let objects = stack.object::<Channel>(index).is_some_and(|channel| channel.objects.get());
            push_mail_of(vm, stack, &view, objects)?;
        }
        _ => {
            stack.push_nil();
            return Some(false);
        }
    }
    Some(true)
}

/// Pushes the oldest mail of that view, if there is any.
fn push_mail_of(vm: &Vm, stack: Stack, view: &View, objects: bool) -> Option<()> {
    match view {
        View::Topic(topic) if !objects => {
            let payload = vm.ask(|_, cx| cx.mailbox().take(topic).map(|envelope| envelope.payload))??;
            copy::push_owned(stack, payload);
        }
        View::Topic(topic) => {
            let envelope = vm.ask(|_, cx| cx.mailbox().take(topic))??;
            process::push_message(vm, stack, envelope);
        }
        View::Inbox => {
            let envelope = vm.ask(|_, cx| cx.mailbox().take_unlistened())??;
            process::push_message(vm, stack, envelope);
        }
        View::Events => {
            let event = vm.ask(|_, cx| cx.mailbox().take_event())??;
            process::push_event(vm, stack, &event);
        }
    }
    Some(())
}

// --- methods

fn actor_of(vm: &Vm) -> Result<&ActorState, crate::vm::Raise> {
    vm.actor().map_or_else(|| raise("no context found"), Ok)
}

fn receive(stack: Stack) -> Outcome {
    let channel = stack.want_self::<Channel>("receive")?;
    let vm = Vm::current();
    let actor = actor_of(vm)?;
    if let Some(view) = view(channel) {
        if actor.may_take(view) && push_mail_of(vm, stack, view, channel.objects.get()).is_some() {
            stack.push_boolean(true);
            return Ok(Return::Values(2));
        }
        check_wait(vm, stack)?;
        stack.set_top(1);
        return actor.wait_for_mail(vm, view, channel.objects.get());
    }
    match channel.try_receive(vm, actor, stack) {
        Try::Done(ending) => finish_receive(vm, stack, ending),
        Try::NotYet => {
            check_wait(vm, stack)?;
            stack.set_top(1);
            channel.enlist(actor, actor.token(), None, false);
            actor.wait(vm, channel.waits())
        }
    }
}

/// The same for what the runtime gave.
#[inline]
pub(crate) fn finish_fed(stack: Stack, value: Value) -> Outcome {
    copy::push_owned(stack, value);
    stack.push_boolean(true);
    Ok(Return::Values(2))
}

/// Pushes what a receive gives.
pub(crate) fn finish_receive(vm: &Vm, stack: Stack, ending: Ending) -> Outcome {
    let Some(ok) = push_received(vm, stack, 1, ending) else {
        stack.set_top(1);
        return receive(stack);
    };
    stack.push_boolean(ok);
    Ok(Return::Values(2))
}

fn send(stack: Stack) -> Outcome {
    let channel = stack.want_self::<Channel>("send")?;
    let vm = Vm::current();
    let actor = actor_of(vm)?;
    stack.set_top(2);
    match channel.try_send(actor, stack, 2)? {
        Try::Done(_) => stack.done(),
        Try::NotYet => {
            check_wait(vm, stack)?;
            channel.enlist(actor, actor.token(), None, true);
            actor.wait(vm, Waits::Channel)
        }
    }
}

fn close(stack: Stack) -> Outcome {
    let channel = stack.want_self::<Channel>("close")?;
    if matches!(channel.source, Source::Mail(..)) {
        return raise("cannot send on a subscription channel");
    }
    channel.close(actor_of(Vm::current())?);
    NOTHING
}

// --- select

/// Pushes an operation for select: `{channel, value, sends}`, marked by its metatable.
fn push_case(stack: Stack, sends: bool) {
    stack.push_table(3, 0);
    let case = stack.top();
    stack.copy(1);
    stack.raw_seti(case, 1);
    if sends {
        stack.copy(2);
        stack.raw_seti(case, 2);
    }
    stack.push_boolean(sends);
    stack.raw_seti(case, 3);
    stack.push_ref(Vm::current().case_metatable());
    stack.set_metatable(case);
    stack.set_readonly(case);
}

fn case_receive(stack: Stack) -> Outcome {
    stack.want_self::<Channel>("case_receive")?;
    push_case(stack, false);
    ONE
}

fn case_send(stack: Stack) -> Outcome {
    stack.want_self::<Channel>("case_send")?;
    stack.set_top(2);
    push_case(stack, true);
    ONE
}

/// While select waits, its stack holds the cases' own table, the flag for the default, and then for every case two
/// values: the channel and what is to be sent. The script may change its table meanwhile.
fn case_slot(number: i32) -> i32 {
    3 + 2 * number
}

const MAX_CASES: usize = 10_000;

fn select(stack: Stack) -> Outcome {
    stack.want_kind(1, "select", Kind::Table, "table")?;
    let vm = Vm::current();
    let actor = actor_of(vm)?;
    stack.set_top(2);
    let wants_default = {
        stack.raw_get(1, c"default");
        let wanted = stack.truthy(2) || stack.truthy(3);
        stack.pop(1);
        wanted
    };
    let sends = collect_cases(vm, stack)?;
    if sends.is_empty() && !wants_default {
        return raise("select needs at least one case");
    }
    for (number, &sends) in (0..).zip(&sends) {
        let slot = case_slot(number);
        let Some(channel) = stack.object::<Channel>(slot) else { continue };
        let tried =
            if sends { channel.try_send(actor, stack, slot + 1)? } else { channel.try_receive(vm, actor, stack) };
        if let Try::Done(ending) = tried {
            return finish_select(vm, stack, number, ending);
        }
    }
    if wants_default {
        stack.push_table(0, 2);
        for name in [c"default", c"ok"] {
            stack.push_boolean(true);
            stack.raw_set(stack.top() - 1, name);
        }
        return ONE;
    }
    check_wait(vm, stack)?;
    let token = actor.token();
    let mut waits = Waits::Channel;
    for (number, &sends) in (0..).zip(&sends) {
        let Some(channel) = stack.object::<Channel>(case_slot(number)) else { continue };
        channel.enlist(actor, token, Some(number), sends);
        if channel.waits() == Waits::Mail {
            waits = Waits::Mail;
        }
    }
    actor.wait(vm, waits)
}

/// Puts channel and value of every case behind the arguments, and says which cases send.
fn collect_cases(vm: &Vm, stack: Stack) -> Result<Vec<bool>, crate::vm::Raise> {
    let length = stack.length(1);
    if length > MAX_CASES {
        return raise(format!("select takes at most {MAX_CASES} cases"));
    }
    stack.reserve(2 * length as i32 + 8);
    stack.push_ref(vm.case_metatable());
    let mark = stack.pointer(stack.top());
    stack.pop(1);
    let mut sends = Vec::with_capacity(length);
    for number in 1..=length as i32 {
        stack.raw_geti(1, number);
        let case = stack.top();
        if stack.kind(case) != Kind::Table || stack.metatable_pointer(case) != mark {
            stack.pop(1);
            continue;
        }
        stack.raw_geti(case, 3);
        sends.push(stack.truthy(case + 1));
        stack.pop(1);
        stack.raw_geti(case, 1);
        stack.raw_geti(case, 2);
        stack.remove(case);
    }
    Ok(sends)
}

/// Pushes the result of a select in which case `number` has won.
pub(crate) fn finish_select(vm: &Vm, stack: Stack, number: i32, ending: Ending) -> Outcome {
    let slot = case_slot(number);
    stack.reserve(4);
    let ok = match ending {
        Ending::Sent => {
            stack.copy(slot + 1);
            true
        }
        Ending::SendClosed => return raise("send on closed channel"),
        received => match push_received(vm, stack, slot, received) {
            Some(ok) => ok,
            None => return select(stack),
        },
    };
    let value = stack.top();
    stack.push_table(0, 3);
    stack.copy(slot);
    stack.raw_set(value + 1, c"channel");
    stack.copy(value);
    stack.raw_set(value + 1, c"value");
    stack.push_boolean(ok);
    stack.raw_set(value + 1, c"ok");
    ONE
}
