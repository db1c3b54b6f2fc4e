//! Actors, scopes and policies in a script's hands.

use std::ffi::c_int;

use perilune_policy::{Decision, Policy, Principal, Request, Scope};

use super::{may_make_scope, value};
use crate::copy;
use crate::vm::{Functions, Kind, ONE, Object, Outcome, Raise, Stack};

struct ActorObject(Principal);
struct ScopeObject(Scope);
struct PolicyObject(Policy);

impl Object for ActorObject {
    const TAG: c_int = 70;
    const NAME: &'static str = "security.Actor";
}

impl Object for ScopeObject {
    const TAG: c_int = 71;
    const NAME: &'static str = "security.Scope";
}

impl Object for PolicyObject {
    const TAG: c_int = 72;
    const NAME: &'static str = "security.Policy";
}

const ACTOR: Functions = &[
    (c"id", |stack| {
        stack.push_str(stack.want_self::<ActorObject>("id")?.0.id());
        ONE
    }),
    (c"meta", |stack| {
        let meta = value::shown(stack.want_self::<ActorObject>("meta")?.0.meta());
        copy::push(stack, &meta);
        ONE
    }),
];

const SCOPE: Functions = &[
    (c"with", |stack| {
        let scope = &stack.want_self::<ScopeObject>("with")?.0;
        let policy = want_policy(stack, 2, "with")?;
        may_make_scope("with")?;
        push_scope(stack, scope.with(policy));
        ONE
    }),
    (c"without", |stack| {
        let scope = &stack.want_self::<ScopeObject>("without")?.0;
        let id = want_policy_id(stack, 2, "without")?;
        may_make_scope("without")?;
        push_scope(stack, scope.without(&id));
        ONE
    }),
    (c"contains", |stack| {
        let scope = &stack.want_self::<ScopeObject>("contains")?.0;
        let contains = scope.contains(&want_policy_id(stack, 2, "contains")?);
        stack.push_boolean(contains);
        ONE
    }),
    (c"policies", |stack| {
        let scope = stack.want_self::<ScopeObject>("policies")?.0.clone();
        stack.push_table(scope.policies().len(), 0);
        let list = stack.top();
        for (policy, key) in scope.policies().iter().zip(1..) {
            push_policy(stack, policy.clone());
            stack.raw_seti(list, key);
        }
        ONE
    }),
    (c"evaluate", |stack| {
        let scope = &stack.want_self::<ScopeObject>("evaluate")?.0;
        evaluate(stack, |request| scope.decide(request).decision)
    }),
];

const POLICY: Functions = &[
    (c"id", |stack| {
        stack.push_str(stack.want_self::<PolicyObject>("id")?.0.id());
        ONE
    }),
    (c"evaluate", |stack| {
        let policy = &stack.want_self::<PolicyObject>("evaluate")?.0;
        evaluate(stack, |request| policy.decide(request))
    }),
];

pub(super) fn register(stack: Stack) {
    let actor: Functions = &[(c"__tostring", |stack| {
        let text = format!("security.Actor({})", stack.want_self::<ActorObject>("tostring")?.0.id());
        stack.push_str(&text);
        ONE
    })];
    let scope: Functions = &[(c"__tostring", |stack| {
        let text = format!("security.Scope{:?}", stack.want_self::<ScopeObject>("tostring")?.0);
        stack.push_str(&text);
        ONE
    })];
    let policy: Functions = &[(c"__tostring", |stack| {
        let text = format!("security.Policy({})", stack.want_self::<PolicyObject>("tostring")?.0.id());
        stack.push_str(&text);
        ONE
    })];
    stack.register_object::<ActorObject>(ACTOR, &[], actor);
    stack.register_object::<ScopeObject>(SCOPE, &[], scope);
    stack.register_object::<PolicyObject>(POLICY, &[], policy);
}

pub(super) fn push_principal(stack: Stack, principal: Principal) {
    stack.push_object(ActorObject(principal));
}

pub(super) fn push_scope(stack: Stack, scope: Scope) {
    stack.push_object(ScopeObject(scope));
}

pub(super) fn push_policy(stack: Stack, policy: Policy) {
    stack.push_object(PolicyObject(policy));
}

/// The actor object at `index`.
pub(crate) fn want_principal(stack: Stack, index: i32, function: &str) -> Result<Principal, Raise> {
    match stack.object::<ActorObject>(index) {
        Some(actor) => Ok(actor.0.clone()),
        None => stack.wrong(index, function, ActorObject::NAME),
    }
}

/// The scope object at `index`.
pub(crate) fn want_scope(stack: Stack, index: i32, function: &str) -> Result<Scope, Raise> {
    match stack.object::<ScopeObject>(index) {
        Some(scope) => Ok(scope.0.clone()),
        None => stack.wrong(index, function, ScopeObject::NAME),
    }
}

fn want_policy<'a>(stack: Stack, index: i32, function: &str) -> Result<&'a Policy, Raise> {
    match stack.object::<PolicyObject>(index) {
        Some(policy) => Ok(&policy.0),
        None => stack.wrong(index, function, PolicyObject::NAME),
    }
}

/// The list of policies at `index`.
pub(super) fn want_policies(stack: Stack, index: i32, function: &str) -> Result<Vec<Policy>, Raise> {
    stack.want_kind(index, function, Kind::Table, "table")?;
    let mut policies = Vec::new();
    stack.reserve(2);
    for key in 1..=stack.length(index) as i32 {
        stack.raw_geti(index, key);
        let policy = stack.object::<PolicyObject>(stack.top()).map(|policy| policy.0.clone());
        stack.pop(1);
        let wrong = || Raise::Argument(index, format!("to '{function}' (value {key} is no policy)"));
        policies.push(policy.ok_or_else(wrong)?);
    }
    Ok(policies)
}

/// The id of a policy or scope: text, a table `{ns, name}`, or the policy itself.
pub(super) fn want_policy_id(stack: Stack, index: i32, function: &str) -> Result<String, Raise> {
    if let Some(policy) = stack.object::<PolicyObject>(index) {
        return Ok(policy.0.id().to_string());
    }
    if stack.kind(index) != Kind::Table {
        return stack.want_text(index, function).map(str::to_owned);
    }
    stack.reserve(2);
    let part = |name| {
        let kind = stack.raw_get(index, name);
        let text = stack.bytes(stack.top()).filter(|_| kind == Kind::String).map(<[u8]>::to_vec);
        stack.pop(1);
        text.and_then(|bytes| String::from_utf8(bytes).ok())
    };
    match (part(c"ns"), part(c"name")) {
        (Some(ns), Some(name)) => Ok(format!("{ns}:{name}")),
        _ => Err(Raise::Argument(index, format!("to '{function}' (ns and name expected)"))),
    }
}

/// `evaluate(actor, action, resource, meta?)` of scopes and policies.
fn evaluate(stack: Stack, decide: impl FnOnce(&Request<'_>) -> Decision) -> Outcome {
    let principal = want_principal(stack, 2, "evaluate")?;
    let (action, resource) = (stack.want_text(3, "evaluate")?, stack.want_text(4, "evaluate")?);
    let meta = value::want_map(stack, 5, "evaluate")?;
    let decision = decide(&Request::new(&principal, action, resource).with_attributes(&meta));
    stack.push_str(match decision {
        Decision::Allow => "allow",
        Decision::Deny => "deny",
        Decision::Undefined => "undefined",
    });
    ONE
}
