//! Timers and the clock. Objects for moments, durations and places are beside this file.

mod arguments;
mod constants;
mod location;
mod moment;
mod objects;
mod span;

use std::ffi::c_int;
use std::time::{Duration, SystemTime};

use perilune_actor_core::{ErrorKind, Failure, TimerId, Value};

pub(crate) use self::objects::{export, import};
use crate::actor::{ActorState, Key};
use crate::modules::channel;
use crate::task::{Waits, check_wait};
use crate::time::{Location, Moment};
use crate::vm::{Functions, ONE, Object, Outcome, Return, Stack, Vm, raise};

/// What a pending timer feeds.
pub(crate) struct Alarmed {
    channel: Key,
    timer: TimerId,
    /// Between ticks; once without.
    period: Option<Duration>,
}

/// How many ticks wait for somebody who does not receive.
const TICKS: usize = 16;

struct Timer {
    channel: Key,
    token: std::cell::Cell<u64>,
}

struct Ticker {
    channel: Key,
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
    (c"response", |stack| push_channel::<Timer>(stack, |timer| timer.channel)),
    (c"channel", |stack| push_channel::<Timer>(stack, |timer| timer.channel)),
    (c"stop", |stack| {
        let pending = stop(stack.want_self::<Timer>("stop")?.token.get());
        stack.push_boolean(pending);
        ONE
    }),
    (c"reset", reset),
];

const TICKER: Functions = &[
    (c"response", |stack| push_channel::<Ticker>(stack, |ticker| ticker.channel)),
    (c"channel", |stack| push_channel::<Ticker>(stack, |ticker| ticker.channel)),
    (c"stop", |stack| {
        let ticker = stack.want_self::<Ticker>("stop")?;
        stop(ticker.token);
        if let Some(actor) = Vm::current().actor() {
            channel::close_feed(actor, ticker.channel);
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
fn start(stack: Stack, delay: Duration, period: Option<Duration>) -> Result<(Key, u64), Failure> {
    let vm = Vm::current();
    channel::push_feed(stack);
    stack.copy(stack.top());
    let channel = vm.with(|actor, _| actor.keep(stack))?;
    let token = vm.with(|actor, cx| actor.start_alarm(cx, delay, |timer| Alarmed { channel, timer, period }))?;
    Ok((channel, token))
}

fn after(stack: Stack) -> Outcome {
    match positive(stack, 1).and_then(|delay| start(stack, delay, None)) {
        Ok(_) => ONE,
        Err(failure) => stack.fail(failure),
    }
}

fn timer(stack: Stack) -> Outcome {
    match positive(stack, 1).and_then(|delay| start(stack, delay, None)) {
        Ok((channel, token)) => {
            stack.push_object(Timer { channel, token: token.into() });
            ONE
        }
        Err(failure) => stack.fail(failure),
    }
}

fn ticker(stack: Stack) -> Outcome {
    match positive(stack, 1).and_then(|period| start(stack, period, Some(period))) {
        Ok((channel, token)) => {
            stack.push_object(Ticker { channel, token });
            ONE
        }
        Err(failure) => stack.fail(failure),
    }
}

fn push_channel<T: Object>(stack: Stack, channel: impl Fn(&T) -> Key) -> Outcome {
    let key = channel(stack.want_self::<T>("channel")?);
    match Vm::current().actor() {
        Some(actor) => {
            actor.push_key(stack, key);
            ONE
        }
        None => Ok(Return::Values(0)),
    }
}

/// Stops a timer; true when it was pending.
fn stop(token: u64) -> bool {
    let stopped = Vm::current().with(|actor, cx| {
        let alarmed = actor.with_alarms(|alarms| alarms.remove(&token));
        alarmed.is_some_and(|alarmed| cx.stop_timer(alarmed.timer))
    });
    stopped.unwrap_or(false)
}

fn reset(stack: Stack) -> Outcome {
    let timer = stack.want_self::<Timer>("reset")?;
    let delay = positive(stack, 2)?;
    let pending = stop(timer.token.get());
    let channel = timer.channel;
    let token = Vm::current()
        .with(|actor, cx| actor.start_alarm(cx, delay, |timer| Alarmed { channel, timer, period: None }))?;
    timer.token.set(token);
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
