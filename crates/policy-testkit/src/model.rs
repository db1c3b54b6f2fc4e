//! What policies mean, in as few steps as possible: every policy is asked, every condition evaluated, every pattern
//! tried. Slow, and easy to believe.

use std::collections::BTreeSet;

use perilune_policy::{Decision, Effect, Request, Value};

use crate::expr::Expr;
use crate::spec::{Condition, PolicySpec, When, With};

/// What the reference model says about a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// The decision.
    pub decision: Decision,
    /// The ids of the policies that have their effect.
    pub matched: BTreeSet<String>,
    /// The ids of the policies that cannot be evaluated.
    pub failed: BTreeSet<String>,
}

/// A policy that cannot be evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

/// What these policies say together, by the reference model.
///
/// It finds regular expressions of plain text, with or without `^` at the beginning and `$` at the end, and no others.
///
/// # Panics
/// If a policy has an expression as text.
pub fn expected(policies: &[PolicySpec], request: &Request<'_>) -> Expected {
    let mut expected = Expected::default();
    let (mut allowed, mut denied) = (false, false);
    for policy in policies {
        let finding = applies(policy, request);
        match finding {
            Ok(true) => drop(expected.matched.insert(policy.id.clone())),
            Ok(false) => {}
            Err(Broken) => drop(expected.failed.insert(policy.id.clone())),
        }
        allowed |= policy.effect == Effect::Allow && finding == Ok(true);
        denied |= policy.effect == Effect::Deny && finding != Ok(false);
    }
    if allowed {
        expected.decision = Decision::Allow;
    }
    if denied {
        expected.decision = Decision::Deny;
    }
    expected
}

/// Whether one policy has its effect, by the reference model.
///
/// # Errors
/// It cannot be told.
///
/// # Panics
/// If the policy has an expression as text.
pub fn applies(policy: &PolicySpec, request: &Request<'_>) -> Result<bool, Broken> {
    let meant = |patterns: &[String], text: &str| patterns.iter().any(|pattern| pattern_matches(pattern, text));
    if !meant(&policy.actions, request.action()) || !meant(&policy.resources, request.resource()) {
        return Ok(false);
    }
    match &policy.when {
        When::Conditions(conditions) => {
            let findings: Vec<Result<bool, Broken>> =
                conditions.iter().map(|condition| condition_holds(condition, request)).collect();
            if findings.contains(&Ok(false)) {
                Ok(false)
            } else {
                findings.into_iter().find(Result::is_err).unwrap_or(Ok(true))
            }
        }
        When::Expression(text) => panic!("the reference model cannot read `{text}`"),
        When::Tree(tree) => truth(tree, request),
    }
}

fn pattern_matches(pattern: &str, text: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => text.starts_with(start),
        None => text == pattern,
    }
}

fn condition_holds(condition: &Condition, request: &Request<'_>) -> Result<bool, Broken> {
    let Some(left) = field(&condition.field, request) else { return Ok(condition.operator == "nexists") };
    let right = match &condition.with {
        With::Nothing => return Ok(condition.operator == "exists"),
        With::Value(value) => value.clone(),
        With::Field(other) => match field(other, request) {
            Some(value) => value,
            None => return Ok(false),
        },
    };
    match condition.operator.as_str() {
        "eq" => compare(&left, "==", &right),
        "ne" => compare(&left, "!=", &right),
        "lt" => compare(&left, "<", &right),
        "lte" => compare(&left, "<=", &right),
        "gt" => compare(&left, ">", &right),
        "gte" => compare(&left, ">=", &right),
        "in" => compare(&left, "in", &right),
        "nin" => Ok(!compare(&left, "in", &right)?),
        "contains" => compare(&left, "contains", &right),
        "ncontains" => Ok(!compare(&left, "contains", &right)?),
        "matches" => compare(&left, "matches", &right),
        "nmatches" => Ok(!compare(&left, "matches", &right)?),
        other => panic!("the reference model has no operator `{other}`"),
    }
}

/// What is at the end of a dotted path; nothing where it leads nowhere.
fn field(path: &str, request: &Request<'_>) -> Option<Value> {
    let (map, rest) = match path {
        "actor.id" => return Some((&**request.principal().id()).into()),
        "action" => return Some(request.action().into()),
        "resource" => return Some(request.resource().into()),
        _ => match path.strip_prefix("actor.") {
            Some(rest) => (request.principal().meta(), rest.strip_prefix("meta.")?),
            None => (request.attributes(), path.strip_prefix("meta.")?),
        },
    };
    let mut here = Value::from(map.clone());
    for name in rest.split('.') {
        here = here.as_map()?.get(name)?.clone();
    }
    Some(here)
}

fn truth(tree: &Expr, request: &Request<'_>) -> Result<bool, Broken> {
    match evaluate(tree, request)? {
        Value::Boolean(truth) => Ok(truth),
        _ => Err(Broken),
    }
}

fn evaluate(tree: &Expr, request: &Request<'_>) -> Result<Value, Broken> {
    Ok(match tree {
        Expr::Value(value) => value.clone(),
        Expr::Field(path) => tree_field(path, request)?,
        Expr::List(items) => {
            let items: Result<Vec<Value>, Broken> = items.iter().map(|item| evaluate(item, request)).collect();
            Value::list(items?).map_err(|_| Broken)?
        }
        Expr::Item(list, at) => match evaluate(list, request)? {
            Value::Nil => Value::Nil,
            Value::List(list) => list.items().get(*at).cloned().unwrap_or_default(),
            _ => return Err(Broken),
        },
        Expr::Not(inner) => (!truth(inner, request)?).into(),
        Expr::All(parts) => {
            for part in parts {
                if !truth(part, request)? {
                    return Ok(false.into());
                }
            }
            true.into()
        }
        Expr::Any(parts) => {
            for part in parts {
                if truth(part, request)? {
                    return Ok(true.into());
                }
            }
            false.into()
        }
        Expr::Compare(left, operator, right) => {
            compare(&evaluate(left, request)?, operator, &evaluate(right, request)?)?.into()
        }
    })
}

/// In expressions, nothing is inside of nothing, and it is a mistake to look inside of what is neither map nor nothing.
fn tree_field(path: &str, request: &Request<'_>) -> Result<Value, Broken> {
    if !path.contains("meta.") {
        return Ok(field(path, request).unwrap_or_default());
    }
    let names: Vec<&str> = path.split('.').collect();
    let start = if names[0] == "actor" { 2 } else { 1 };
    for end in start + 1..names.len() {
        match field(&names[..end].join("."), request) {
            None => return Ok(Value::Nil),
            Some(Value::Map(_)) => {}
            Some(_) => return Err(Broken),
        }
    }
    Ok(field(path, request).unwrap_or_default())
}

fn compare(left: &Value, operator: &str, right: &Value) -> Result<bool, Broken> {
    let ordered = left.is_number() && right.is_number() || left.as_str().is_some() && right.as_str().is_some();
    let order = if ordered { Ok(left.order(right)) } else { Err(Broken) };
    let texts = left.as_str().zip(right.as_str()).ok_or(Broken);
    match operator {
        "==" => Ok(left == right),
        "!=" => Ok(left != right),
        "<" => Ok(order?.is_some_and(|order| order.is_lt())),
        "<=" => Ok(order?.is_some_and(|order| order.is_le())),
        ">" => Ok(order?.is_some_and(|order| order.is_gt())),
        ">=" => Ok(order?.is_some_and(|order| order.is_ge())),
        "in" => compare(right, "contains list", left),
        "contains" if texts.is_ok() => texts.map(|(text, part)| text.contains(part)),
        "contains" => compare(left, "contains list", right),
        "contains list" => match left {
            Value::Nil => Ok(false),
            Value::List(list) => Ok(list.items().contains(right)),
            _ => Err(Broken),
        },
        "startsWith" => texts.map(|(text, start)| text.starts_with(start)),
        "endsWith" => texts.map(|(text, end)| text.ends_with(end)),
        "matches" => texts.map(|(text, pattern)| plain_match(text, pattern)),
        other => panic!("the reference model has no operator `{other}`"),
    }
}

fn plain_match(text: &str, pattern: &str) -> bool {
    let (pattern, from_start) = pattern.strip_prefix('^').map_or((pattern, false), |rest| (rest, true));
    let (pattern, to_end) = pattern.strip_suffix('$').map_or((pattern, false), |rest| (rest, true));
    match (from_start, to_end) {
        (true, true) => text == pattern,
        (true, false) => text.starts_with(pattern),
        (false, true) => text.ends_with(pattern),
        (false, false) => text.contains(pattern),
    }
}
