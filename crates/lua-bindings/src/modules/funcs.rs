//! `funcs`: calls of functions, awaited or in the background.

use std::cell::{Cell, RefCell};
use std::ffi::c_int;
use std::rc::Rc;
use std::sync::Arc;

use perilune_actor_core::{Failure, Tagged, Value};
use perilune_policy::Subject;

use crate::access::{Access, Resource};
use crate::actor::LuaFactory;
use crate::actor::calls::{Called, Ended, Waiter, canceled};
use crate::copy;
use crate::definition::DefinitionKind;
use crate::inherited::Inherited;
use crate::modules::process::check_id;
use crate::modules::{channel, ctx, errors, payload, security};
use crate::task::{Waits, check_wait};
use crate::vm::{Functions, Kind, ONE, Object, Outcome, Raise, Return, Stack, Vm};

/// How to call; never changed, every method makes another one.
struct Executor {
    inherited: Option<Arc<Inherited>>,
}

impl Object for Executor {
    const TAG: c_int = 61;
    const NAME: &'static str = "funcs.Executor";
}

/// A result to come. Its channel is its companion.
struct Future {
    call: u64,
    outcome: Rc<RefCell<Option<Ended>>>,
    canceled: Cell<bool>,
}

impl Object for Future {
    const TAG: c_int = 63;
    const NAME: &'static str = "funcs.Future";
}

const EXECUTOR: Functions = &[
    (c"with_context", |stack| {
        let before = stack.want_self::<Executor>("with_context")?.inherited.as_deref();
        let inherited = Some(ctx::want_merged(stack, 2, "with_context", before)?);
        let resource = Resource::Text("context");
        let access = Access::new("funcs.context", resource, "not allowed to call functions with custom context", "");
        if let Err(failure) = Vm::current().authorize(&access) {
            return stack.fail(failure);
        }
        stack.push_object(Executor { inherited });
        ONE
    }),
    (c"with_actor", |stack| {
        let before = stack.want_self::<Executor>("with_actor")?.inherited.clone();
        let principal = Some(security::want_principal(stack, 2, "with_actor")?);
        push_subject(stack, before, |subject| Subject { principal, ..subject })
    }),
    (c"with_scope", |stack| {
        let before = stack.want_self::<Executor>("with_scope")?.inherited.clone();
        let scope = Some(security::want_scope(stack, 2, "with_scope")?);
        push_subject(stack, before, |subject| Subject { scope, ..subject })
    }),
    (c"with_options", |stack| {
        let inherited = stack.want_self::<Executor>("with_options")?.inherited.clone();
        stack.want_kind(2, "with_options", Kind::Table, "table")?;
        stack.push_object(Executor { inherited });
        ONE
    }),
    (c"async", |stack| {
        let inherited = stack.want_self::<Executor>("async")?.inherited.clone();
        start_async(stack, 2, inherited)
    }),
];

const EXECUTOR_WAITING: Functions = &[(c"call", |stack| {
    let inherited = stack.want_self::<Executor>("call")?.inherited.clone();
    start_call(stack, 2, inherited)
})];

const FUTURE: Functions = &[
    (c"response", push_channel),
    (c"channel", push_channel),
    (c"is_complete", |stack| {
        let complete = stack.want_self::<Future>("is_complete")?.outcome.borrow().is_some();
        stack.push_boolean(complete);
        ONE
    }),
    (c"is_canceled", |stack| {
        let canceled = stack.want_self::<Future>("is_canceled")?.canceled.get();
        stack.push_boolean(canceled);
        ONE
    }),
    (c"result", |stack| {
        let outcome = stack.want_self::<Future>("result")?.outcome.borrow().clone();
        match outcome {
            None => stack.push_nil(),
            Some(Ok(value)) => payload::push(stack, value.as_deref().unwrap_or(&Value::Nil)),
            Some(Err(failure)) => return fail_shared(stack, failure),
        }
        ONE
    }),
    (c"error", |stack| {
        let outcome = stack.want_self::<Future>("error")?.outcome.borrow().clone();
        match outcome {
            Some(Err(failure)) => {
                errors::push_shared(stack, failure);
                stack.push_boolean(true);
            }
            _ => {
                stack.push_nil();
                stack.push_boolean(false);
            }
        }
        Ok(Return::Values(2))
    }),
    (c"cancel", |stack| {
        let future = stack.want_self::<Future>("cancel")?;
        if let Some(actor) = Vm::current().actor()
            && actor.forget_call(future.call)
        {
            future.canceled.set(true);
            *future.outcome.borrow_mut() = Some(Err(canceled().into()));
        }
        stack.done()
    }),
];

pub(crate) fn register(stack: Stack) {
    let executor: Functions = &[(c"__tostring", |stack| {
        stack.push_str("funcs.Executor");
        ONE
    })];
    let future: Functions = &[(c"__tostring", |stack| {
        stack.push_str("funcs.Future");
        ONE
    })];
    stack.register_object::<Executor>(EXECUTOR, EXECUTOR_WAITING, executor);
    stack.register_object::<Future>(FUTURE, &[], future);
}

pub(crate) fn make(_: &Vm, stack: Stack) {
    stack.push_table(0, 3);
    stack.set_functions(&[
        (c"async", |stack| start_async(stack, 1, inherited())),
        (c"new", |stack| {
            stack.push_object(Executor { inherited: inherited() });
            ONE
        }),
    ]);
    stack.set_waiting_functions(&[(c"call", |stack| start_call(stack, 1, inherited()))]);
}

/// Pushes an executor with another subject, if the caller may give one.
fn push_subject(stack: Stack, before: Option<Arc<Inherited>>, change: impl FnOnce(Subject) -> Subject) -> Outcome {
    let resource = Resource::Text("security");
    let access = Access::new("funcs.security", resource, "not allowed to call functions with custom security", "");
    if let Err(failure) = Vm::current().authorize(&access) {
        return stack.fail(failure);
    }
    let inherited = before.as_deref().cloned().unwrap_or_default();
    let subject = change(inherited.subject.clone());
    stack.push_object(Executor { inherited: Some(Arc::new(inherited.with_subject(subject))) });
    ONE
}

fn inherited() -> Option<Arc<Inherited>> {
    Vm::current().actor().and_then(|actor| actor.inherited().cloned())
}

/// Reads the id at `first` and the arguments behind it, and finds what is to be called.
fn prepare(
    stack: Stack,
    first: i32,
    function: &str,
    inherited: Option<Arc<Inherited>>,
) -> Result<Result<Called, Failure>, Raise> {
    let id = stack.want_text(first, function)?;
    let vm = Vm::current();
    let find = || {
        check_id(id)?;
        let limit = vm.settings.limits.max_payload_bytes;
        let args = (first + 1..=stack.top()).map(|index| copy::read(stack, index, limit)).collect::<Result<_, _>>()?;
        let actor =
            vm.actor().ok_or_else(|| Failure::new(perilune_actor_core::ErrorKind::Invalid, "no context found"))?;
        let callable = vm.services.function(&actor.origin(), id)?;
        let pool =
            (callable.definition.kind == DefinitionKind::Function).then(|| Arc::clone(&callable.definition.pool));
        let factory =
            LuaFactory::new(callable.definition, args).inherit(Inherited::on_host(inherited, callable.subject));
        Ok(Called { host: callable.host, factory, pool, leashed: true })
    };
    Ok(find())
}

fn start_call(stack: Stack, first: i32, inherited: Option<Arc<Inherited>>) -> Outcome {
    let vm = Vm::current();
    let started = prepare(stack, first, "call", inherited)?;
    check_wait(vm, stack)?;
    let started = started
        .and_then(|called| vm.with(|actor, cx| actor.start_call(cx, called, Waiter::Coroutine(actor.token())))?);
    match (started, vm.actor()) {
        (Ok(_), Some(actor)) => actor.wait(vm, Waits::Operation),
        (Ok(_), None) => stack.invalid("no context found"),
        (Err(failure), _) => stack.fail(failure),
    }
}

fn start_async(stack: Stack, first: i32, inherited: Option<Arc<Inherited>>) -> Outcome {
    let vm = Vm::current();
    let called = match prepare(stack, first, "async", inherited)? {
        Ok(called) => called,
        Err(failure) => return stack.fail(failure),
    };
    stack.reserve(8);
    channel::push_feed(stack);
    stack.copy(stack.top());
    let outcome = Rc::new(RefCell::new(None));
    let started = vm.with(|actor, cx| {
        let channel = actor.keep(stack);
        let waiter = Waiter::Future { outcome: Rc::clone(&outcome), channel };
        actor.start_call(cx, called, waiter).inspect_err(|_| actor.drop_key(channel))
    });
    match started.and_then(|started| started) {
        Ok(call) => {
            stack.push_object(Future { call, outcome, canceled: Cell::new(false) });
            let object = stack.top();
            stack.copy(object - 1);
            vm.set_companion(stack, object);
            ONE
        }
        Err(failure) => stack.fail(failure),
    }
}

fn push_channel(stack: Stack) -> Outcome {
    stack.want_self::<Future>("channel")?;
    Vm::current().push_companion(stack, 1);
    ONE
}

fn fail_shared(stack: Stack, failure: Arc<Failure>) -> Outcome {
    stack.push_nil();
    errors::push_shared(stack, failure);
    Ok(Return::Values(2))
}

/// What a call gives to the coroutine that waited for it.
pub(crate) fn push_result(stack: Stack, ended: Ended) -> Outcome {
    match ended {
        Ok(Some(value)) => copy::push(stack, &value),
        Ok(None) => stack.push_nil(),
        Err(failure) => return fail_shared(stack, failure),
    }
    ONE
}

/// What a call gives to a future's channel.
pub(crate) fn told(ended: Ended) -> Value {
    match ended {
        Ok(value) => {
            let data = value.map_or(Value::Nil, Arc::unwrap_or_clone);
            Value::Tagged(Box::new(Tagged { tag: payload::TAG, data }))
        }
        Err(failure) => Value::Error(failure),
    }
}
