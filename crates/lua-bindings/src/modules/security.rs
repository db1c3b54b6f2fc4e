//! `security`: for whom an actor acts, and within which policies.

mod objects;
mod value;

use std::cell::LazyCell;

use perilune_actor_core::{ErrorKind, Failure};
use perilune_policy::{Map, Principal, Request, Scope};

use self::objects::{want_policies, want_policy_id};
pub(crate) use self::objects::{want_principal, want_scope};
use crate::access::{Access, Resource};
use crate::vm::{Kind, ONE, Outcome, Raise, Stack, Vm};

pub(crate) fn register(stack: Stack) {
    objects::register(stack);
}

pub(crate) fn make(_: &Vm, stack: Stack) {
    stack.push_table(0, 9);
    stack.set_functions(&[
        (c"actor", actor),
        (c"scope", scope),
        (c"can", can),
        (c"policy", policy),
        (c"named_scope", named_scope),
        (c"new_scope", new_scope),
        (c"new_actor", new_actor),
        (c"token_store", token_store),
    ]);
}

fn actor(stack: Stack) -> Outcome {
    let principal = own(|inherited| inherited.subject.principal.clone());
    match principal {
        Some(principal) => objects::push_principal(stack, principal),
        None => stack.push_nil(),
    }
    ONE
}

fn scope(stack: Stack) -> Outcome {
    match own(|inherited| inherited.subject.scope.clone()) {
        Some(scope) => objects::push_scope(stack, scope),
        None => stack.push_nil(),
    }
    ONE
}

fn own<T>(look: impl FnOnce(&crate::inherited::Inherited) -> Option<T>) -> Option<T> {
    look(Vm::current().actor()?.inherited()?)
}

/// Whether this actor's policies allow something. Without actor or scope nothing is known to be allowed.
fn can(stack: Stack) -> Outcome {
    let (action, resource) = (stack.want_text(1, "can")?, stack.want_text(2, "can")?);
    let meta = value::want_map(stack, 3, "can")?;
    let pid = Vm::current().actor().map(|actor| actor.pid);
    let attributes = LazyCell::new(|| {
        let own = pid.map(|pid| ("pid".into(), pid.to_string().into()));
        // What the script gives wins. Together they are within the limits of a map, or only the script's count.
        let all = own.into_iter().chain(meta.pairs().iter().cloned());
        Map::new(all).unwrap_or_else(|_| meta.clone())
    });
    let allowed = own(|inherited| {
        let (principal, scope) = (inherited.subject.principal.as_ref()?, inherited.subject.scope.as_ref()?);
        let request = Request::new(principal, action, resource).with_lazy_attributes(&attributes);
        Some(scope.decide(&request).decision.is_allowed())
    });
    stack.push_boolean(allowed.unwrap_or(false));
    ONE
}

fn may<'a>(action: &'static str, resource: &'a str, refusal: &'static str) -> Access<'a> {
    Access::new(action, Resource::Text(resource), refusal, resource)
}

fn not_found(what: &str, id: &str) -> Failure {
    Failure::new(ErrorKind::NotFound, format!("{what} not found: {id}"))
}

fn no_engine() -> Failure {
    Failure::new(ErrorKind::Unavailable, "there are no policies here")
}

fn policy(stack: Stack) -> Outcome {
    let id = want_policy_id(stack, 1, "policy")?;
    let vm = Vm::current();
    let access = may("security.policy.get", &id, "permission denied: access policy");
    let found = vm.authorize(&access).and_then(|()| {
        let engine = vm.services.policies().ok_or_else(no_engine)?;
        engine.policy(&id).ok_or_else(|| not_found("policy", &id))
    });
    match found {
        Ok(policy) => {
            objects::push_policy(stack, policy);
            ONE
        }
        Err(failure) => stack.fail(failure),
    }
}

fn named_scope(stack: Stack) -> Outcome {
    let id = want_policy_id(stack, 1, "named_scope")?;
    let vm = Vm::current();
    let access = may("security.policy_group.get", &id, "permission denied: access policy group");
    let found = vm.authorize(&access).and_then(|()| {
        let engine = vm.services.policies().ok_or_else(no_engine)?;
        engine.scope(&id).ok_or_else(|| not_found("policy group", &id))
    });
    match found {
        Ok(scope) => {
            objects::push_scope(stack, scope);
            ONE
        }
        Err(failure) => stack.fail(failure),
    }
}

/// Raises unless the actor may make a scope; `how` is the resource.
fn may_make_scope(how: &str) -> Result<(), Raise> {
    Ok(Vm::current().authorize(&may("security.scope.create", how, "permission denied: create scope"))?)
}

fn new_scope(stack: Stack) -> Outcome {
    let policies = match stack.kind(1) {
        Kind::None | Kind::Nil => Vec::new(),
        _ => want_policies(stack, 1, "new_scope")?,
    };
    may_make_scope("custom")?;
    objects::push_scope(stack, Scope::new(policies));
    ONE
}

fn new_actor(stack: Stack) -> Outcome {
    let id = stack.want_text(1, "new_actor")?;
    if id.is_empty() {
        return Err(Raise::Argument(1, "to 'new_actor' (id cannot be empty)".into()));
    }
    let meta = value::want_map(stack, 2, "new_actor")?;
    Vm::current().authorize(&may("security.actor.create", id, "permission denied: create actor"))?;
    objects::push_principal(stack, Principal::new(id, meta));
    ONE
}

fn token_store(stack: Stack) -> Outcome {
    let id = stack.want_text(1, "token_store")?;
    if id.is_empty() {
        return stack.invalid("id cannot be empty");
    }
    let access = may("security.token_store.get", id, "permission denied: access token store");
    match Vm::current().authorize(&access) {
        Ok(()) => stack.fail(Failure::new(ErrorKind::Unavailable, "there are no token stores")),
        Err(failure) => stack.fail(failure),
    }
}
