//! Timers and the clock. Objects for moments, durations and places are beside this file.

mod arguments;
mod constants;
mod location;
mod moment;
mod objects;
mod span;

use std::cell::Cell;
use std::ffi::c_int;
use std::time::{Duration, SystemTime};

use perilune_actor_core::{ErrorKind, Failure, TimerId, Value};

pub(crate) use self::objects::{export, import, text};
use crate::actor::{ActorState, Key};
use crate::modules::channel;
use crate::task::{Waits, check_wait};
use crate::time::{Location, Moment};
use crate::vm::{Functions, ONE, Object, Outcome, Stack, Vm, raise};

/// What a pending timer feeds.
pub(crate) struct Alarmed {
    channel: Key,
    timer: TimerId,
    /// Between ticks; once without.
    period: Option<Duration>,
}

/// How many ticks wait for somebody who does not receive.
const TICKS: usize = 16;

/// Its channel is its companion, as a ticker's is.
struct Timer {
    token: Cell<u64>,
}

struct Ticker {
    token: u64,
}

impl Object for Timer {
    const TAG: c_int = 20;
    const NAME: &'static str = "timer";
}

impl Object for Ticker {
    const TAG: c_int = 21;
    const NAME: &'static str = "ticker";
}

const TIMER: Functions = &[
    (c"response", push_channel::<Timer>),
    (c"channel", push_channel::<Timer>),
    (c"stop", |stack| {
        let pending = stop(stack.want_self::<Timer>("stop")?.token.get());
        stack.push_boolean(pending);
        ONE
    }),
    (c"reset", reset),
];

const TICKER: Functions = &[
    (c"response", push_channel::<Ticker>),
    (c"channel", push_channel::<Ticker>),
    (c"stop", |stack| {
        stop(stack.want_self::<Ticker>("stop")?.token);
        let vm = Vm::current();
        vm.push_companion(stack, 1);
        if let Some(actor) = vm.actor() {
            channel::close_feed_on_top(actor, stack);
        }
        stack.done()
    }),
];

pub(crate) fn register(stack: Stack) {
    let timer: Functions = &[(c"__tostring", |stack| {
        stack.push_str("time.Timer");
        ONE
    })];
    let ticker: Functions = &[(c"__tostring", |stack| {
        stack.push_str("time.Ticker");
        ONE
    })];
    stack.register_object::<Timer>(TIMER, &[], timer);
    stack.register_object::<Ticker>(TICKER, &[], ticker);
    objects::register(stack);
}

pub(crate) fn make(_: &Vm, stack: Stack) {
    stack.push_table(0, 64);
    stack.set_functions(&[(c"after", after), (c"timer", timer), (c"ticker", ticker), (c"now", now)]);
    stack.set_waiting_functions(&[(c"sleep", sleep)]);
    objects::add_functions(stack);
}

/// The present, with a reading of the monotonic clock.
fn present(vm: &Vm) -> Result<Moment, Failure> {
    vm.with(|_, cx| moment(cx.wall(), cx.now()))
}

fn moment(wall: SystemTime, now: perilune_actor_core::Instant) -> Moment {
    let reading = i64::try_from(now.since_start().as_nanos()).unwrap_or(i64::MAX);
    Moment::from_system(wall, Location::local()).with_monotonic(reading)
}

fn now(stack: Stack) -> Outcome {
    match present(Vm::current()) {
        Ok(moment) => {
            moment::push(stack, moment);
            ONE
        }
        Err(failure) => stack.fail(failure),
    }
}

fn sleep(stack: Stack) -> Outcome {
    let span = match span::want(stack, 1) {
        Ok(span) => span,
        Err(failure) => return stack.fail(failure),
    };
    let vm = Vm::current();
    check_wait(vm, stack)?;
    let Some(actor) = vm.actor() else { return raise("no context found") };
    let delay = span.to_std().unwrap_or_default();
    let token = actor.token().number();
    // Nothing to wait for is still a turn for everybody else: the timer is due at once.
    match vm.with(|_, cx| cx.start_timer(delay, token)) {
        Ok(_) => actor.wait(vm, Waits::Operation),
        Err(failure) => stack.fail(failure),
    }
}

/// The duration of a timer, which must be positive.
fn positive(stack: Stack, index: i32) -> Result<Duration, Failure> {
    let span = span::want(stack, index)?;
    let positive = span.to_std().filter(|duration| !duration.is_zero());
    positive.ok_or_else(|| Failure::new(ErrorKind::Invalid, format!("duration must be positive, got {span}")))
}

/// Pushes a new channel and starts a timer that feeds it.
fn start(stack: Stack, delay: Duration, period: Option<Duration>) -> Result<u64, Failure> {
    channel::push_feed(stack);
    stack.copy(stack.top());
    arm(stack, delay, period)
}

/// Pops a channel and starts a timer that feeds it. The channel is kept while the timer is pending.
fn arm(stack: Stack, delay: Duration, period: Option<Duration>) -> Result<u64, Failure> {
    let vm = Vm::current();
    let channel = vm.with(|actor, _| actor.keep(stack))?;
    vm.with(|actor, cx| actor.start_alarm(cx, delay, |timer| Alarmed { channel, timer, period }))
}

fn after(stack: Stack) -> Outcome {
    match positive(stack, 1).and_then(|delay| start(stack, delay, None)) {
        Ok(_) => ONE,
        Err(failure) => stack.fail(failure),
    }
}

fn timer(stack: Stack) -> Outcome {
    match positive(stack, 1).and_then(|delay| start(stack, delay, None)) {
        Ok(token) => {
            stack.push_object(Timer { token: Cell::new(token) });
            with_channel(stack)
        }
        Err(failure) => stack.fail(failure),
    }
}

fn ticker(stack: Stack) -> Outcome {
    match positive(stack, 1).and_then(|period| start(stack, period, Some(period))) {
        Ok(token) => {
            stack.push_object(Ticker { token });
            with_channel(stack)
        }
        Err(failure) => stack.fail(failure),
    }
}

/// Makes the channel below the object on top its companion.
fn with_channel(stack: Stack) -> Outcome {
    let object = stack.top();
    stack.copy(object - 1);
    Vm::current().set_companion(stack, object);
    ONE
}

fn push_channel<T: Object>(stack: Stack) -> Outcome {
    stack.want_self::<T>("channel")?;
    Vm::current().push_companion(stack, 1);
    ONE
}

/// Stops a timer; true when it was pending.
fn stop(token: u64) -> bool {
    let stopped = Vm::current().with(|actor, cx| {
        let Some(alarmed) = actor.with_alarms(|alarms| alarms.remove(&token)) else { return false };
        actor.drop_key(alarmed.channel);
        cx.stop_timer(alarmed.timer)
    });
    stopped.unwrap_or(false)
}

fn reset(stack: Stack) -> Outcome {
    let timer = stack.want_self::<Timer>("reset")?;
    let delay = positive(stack, 2)?;
    let pending = stop(timer.token.get());
    Vm::current().push_companion(stack, 1);
    timer.token.set(arm(stack, delay, None)?);
    stack.push_boolean(pending);
    ONE
}

/// A timer of an actor is due.
pub(crate) fn fired(actor: &ActorState, token: u64, cx: &mut dyn perilune_actor_core::Context) {
    let Some(alarmed) = actor.with_alarms(|alarms| alarms.remove(&token)) else { return };
    let now = export_moment(&moment(cx.wall(), cx.now()));
    match alarmed.period {
        None => {
            channel::feed(actor, alarmed.channel, now, 1);
            channel::close_feed(actor, alarmed.channel);
            actor.drop_key(alarmed.channel);
        }
        Some(period) => {
            channel::feed(actor, alarmed.channel, now, TICKS);
            // From when it was due, so that ticks do not drift; a tick that was slept through is dropped.
            let due = alarmed.timer.due.after(period);
            let delay = due.since(cx.now());
            let timer = cx.start_timer(delay, token);
            actor.with_alarms(|alarms| alarms.insert(token, Alarmed { timer, ..alarmed }));
        }
    }
}

fn export_moment(moment: &Moment) -> Value {
    Value::Tagged(Box::new(objects::export_moment(moment)))
}
