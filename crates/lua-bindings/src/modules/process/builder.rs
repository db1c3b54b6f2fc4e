//! `process.with_context(...)`: what to give a new process beside its arguments, put together step by step.

use std::ffi::c_int;
use std::sync::Arc;

use perilune_actor_core::{Failure, NameRegistry, Placement, Relation, Topic, TopicError};
use perilune_policy::Subject;

use super::messages;
use super::spawn::{Plan, spawn_planned};
use super::{BOTH, LINKED, MONITORED, PLAIN};
use crate::access::{Access, Resource};
use crate::modules::{ctx, security};
use crate::vm::{Functions, Kind, ONE, Object, Outcome, Raise, Stack, Vm, raise};

/// Never changed: every method makes another one.
struct Builder(Plan);

impl Object for Builder {
    const TAG: c_int = 60;
    const NAME: &'static str = "process.SpawnBuilder";
}

const METHODS: Functions = &[
    (c"with_context", |stack| {
        let plan = &stack.want_self::<Builder>("with_context")?.0;
        let inherited = ctx::want_merged(stack, 2, "with_context", plan.inherited.as_deref())?;
        may_set_context()?;
        push(stack, Plan { inherited: Some(inherited), ..plan.clone() })
    }),
    (c"with_actor", |stack| {
        let plan = &stack.want_self::<Builder>("with_actor")?.0;
        let principal = Some(security::want_principal(stack, 2, "with_actor")?);
        push_subject(stack, plan, |subject| Subject { principal, ..subject })
    }),
    (c"with_scope", |stack| {
        let plan = &stack.want_self::<Builder>("with_scope")?.0;
        let scope = Some(security::want_scope(stack, 2, "with_scope")?);
        push_subject(stack, plan, |subject| Subject { scope, ..subject })
    }),
    (c"with_options", |stack| {
        let plan = &stack.want_self::<Builder>("with_options")?.0;
        let plan = configured(stack, 2, plan.clone())?;
        push(stack, plan)
    }),
    (c"with_name", with_name),
    (c"with_message", with_message),
];

const WAITING: Functions = &[
    (c"spawn", |stack| spawn(stack, "spawn", PLAIN)),
    (c"spawn_monitored", |stack| spawn(stack, "spawn_monitored", MONITORED)),
    (c"spawn_linked", |stack| spawn(stack, "spawn_linked", LINKED)),
    (c"spawn_linked_monitored", |stack| spawn(stack, "spawn_linked_monitored", BOTH)),
];

pub(super) fn register(stack: Stack) {
    let meta: Functions = &[(c"__tostring", |stack| {
        stack.push_str("process.SpawnBuilder");
        ONE
    })];
    stack.register_object::<Builder>(METHODS, WAITING, meta);
}

fn push(stack: Stack, plan: Plan) -> Outcome {
    stack.push_object(Builder(plan));
    ONE
}

/// `process.with_context(values)`: a builder that starts from the caller's own context.
pub(super) fn with_context(stack: Stack) -> Outcome {
    let Some(actor) = Vm::current().actor() else { return stack.invalid("no context found") };
    let own = actor.inherited().map(Arc::as_ref);
    let inherited = ctx::want_merged(stack, 1, "with_context", own)?;
    may_set_context()?;
    push(stack, Plan { inherited: Some(inherited), built: true, ..Plan::default() })
}

/// `process.with_options(options)`: a builder with the caller's own context.
pub(super) fn with_options(stack: Stack) -> Outcome {
    let Some(actor) = Vm::current().actor() else { return stack.invalid("no context found") };
    let plan = Plan { inherited: actor.inherited().cloned(), built: true, ..Plan::default() };
    let plan = configured(stack, 1, plan)?;
    push(stack, plan)
}

/// The plan with the options of the table at `index`. Options that nobody knows here change nothing, so that programs
/// that set those of other runtimes run.
fn configured(stack: Stack, index: i32, plan: Plan) -> Result<Plan, Raise> {
    stack.want_kind(index, "with_options", Kind::Table, "table")?;
    let placement = match stack.raw_get(index, c"placement") {
        Kind::Nil => plan.placement,
        Kind::String => {
            let word = stack.bytes(stack.top()).and_then(|bytes| std::str::from_utf8(bytes).ok());
            match word.and_then(Placement::parse) {
                Some(placement) => Some(placement),
                None => return raise("placement must be 'auto', 'local' or 'spread'"),
            }
        }
        _ => return raise(format!("placement must be a string, not a {}", stack.type_name(stack.top()))),
    };
    stack.pop(1);
    Ok(Plan { placement, ..plan })
}

/// Pushes the builder with another subject, if the caller may give one.
fn push_subject(stack: Stack, plan: &Plan, change: impl FnOnce(Subject) -> Subject) -> Outcome {
    let resource = Resource::Text("security");
    let refusal = "not allowed to spawn processes with custom security";
    Vm::current().authorize(&Access::new("process.security", resource, refusal, ""))?;
    let inherited = plan.inherited.as_deref().cloned().unwrap_or_default();
    let subject = change(inherited.subject.clone());
    push(stack, Plan { inherited: Some(Arc::new(inherited.with_subject(subject))), ..plan.clone() })
}

fn may_set_context() -> Result<(), Failure> {
    let resource = Resource::Text("context");
    let refusal = "not allowed to spawn processes with custom context";
    Vm::current().authorize(&Access::new("process.context", resource, refusal, ""))
}

fn with_name(stack: Stack) -> Outcome {
    let plan = &stack.want_self::<Builder>("with_name")?.0;
    match <dyn NameRegistry>::check(stack.want_text(2, "with_name")?) {
        Ok(name) => push(stack, Plan { name: Some(name), ..plan.clone() }),
        Err(error) => raise(error.to_string()),
    }
}

fn with_message(stack: Stack) -> Outcome {
    let plan = &stack.want_self::<Builder>("with_message")?.0;
    let topic = match Topic::new(stack.want_text(2, "with_message")?) {
        Ok(topic) => topic,
        Err(TopicError::Reserved) => return raise("cannot send to @ topics"),
        Err(error) => return raise(error.to_string()),
    };
    let payload = messages::payload(Vm::current(), stack, 3)?;
    let mut plan = plan.clone();
    plan.messages.push((topic, payload));
    push(stack, plan)
}

fn spawn(stack: Stack, function: &str, relation: Relation) -> Outcome {
    let plan = stack.want_self::<Builder>(function)?.0.clone();
    spawn_planned(stack, function, relation, plan)
}
