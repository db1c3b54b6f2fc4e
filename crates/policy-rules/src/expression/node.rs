use std::sync::Arc;

use perilune_policy::{Fault, Map, Request, Value};

use super::whole;
use crate::matcher::Matcher;
use crate::operand::{Operand, TypeMismatch};

/// A part of an expression. No deeper than `Expression::MAX_DEPTH`, which bounds every recursion over it.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    Literal(Value),
    List(Vec<Node>),
    Variable(Root, Vec<Access>),
    Access(Box<Node>, Vec<Access>),
    Not(Box<Node>),
    All(Vec<Node>),
    Any(Vec<Node>),
    Compare(Comparison, Box<(Node, Node)>),
    Matcher(Box<Matcher>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Root {
    Actor,
    Action,
    Resource,
    Attributes,
}

#[derive(Clone, Debug)]
pub(crate) enum Access {
    Name(Arc<str>),
    Computed(Node),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    Contains,
    StartsWith,
    EndsWith,
    Matches,
}

impl Comparison {
    const ALL: [(Self, &'static str); 11] = [
        (Self::Equal, "=="),
        (Self::NotEqual, "!="),
        (Self::Less, "<"),
        (Self::LessOrEqual, "<="),
        (Self::Greater, ">"),
        (Self::GreaterOrEqual, ">="),
        (Self::In, "in"),
        (Self::Contains, "contains"),
        (Self::StartsWith, "startsWith"),
        (Self::EndsWith, "endsWith"),
        (Self::Matches, "matches"),
    ];

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, other)| *other == text).map(|(comparison, _)| comparison)
    }

    fn as_str(self) -> &'static str {
        Self::ALL.into_iter().find(|(other, _)| *other == self).map_or("", |(_, text)| text)
    }

    fn holds(self, left: &Operand<'_>, right: &Operand<'_>) -> Result<bool, TypeMismatch> {
        let texts = || left.text().zip(right.text()).ok_or(TypeMismatch);
        match self {
            Self::Equal => Ok(left.equals(right)),
            Self::NotEqual => Ok(!left.equals(right)),
            Self::Less => Ok(left.order(right)?.is_some_and(|order| order.is_lt())),
            Self::LessOrEqual => Ok(left.order(right)?.is_some_and(|order| order.is_le())),
            Self::Greater => Ok(left.order(right)?.is_some_and(|order| order.is_gt())),
            Self::GreaterOrEqual => Ok(left.order(right)?.is_some_and(|order| order.is_ge())),
            // Nothing is in nothing: a principal without roles is simply in none.
            Self::In if right.is_nil() => Ok(false),
            Self::Contains if left.is_nil() => Ok(false),
            Self::In => left.is_in(right),
            Self::Contains => left.contains(right),
            Self::StartsWith => texts().map(|(text, start)| text.starts_with(start)),
            Self::EndsWith => texts().map(|(text, end)| text.ends_with(end)),
            // With a matcher at the right; see `Node::matches`.
            Self::Matches => Err(TypeMismatch),
        }
    }
}

impl Node {
    pub(crate) fn evaluate<'a>(&'a self, request: &Request<'a>) -> Result<Operand<'a>, Fault> {
        match self {
            Self::Literal(value) => Ok(Operand::Value(value)),
            Self::List(nodes) => {
                let items: Result<Vec<Value>, Fault> =
                    nodes.iter().map(|node| Ok(node.evaluate(request)?.into_value())).collect();
                made(Value::list(items?))
            }
            Self::Variable(root, path) => variable(*root, path, request),
            Self::Access(base, path) => follow(base.evaluate(request)?, path, request),
            Self::Not(node) => node.truth(request, "!").map(|truth| Operand::Made((!truth).into())),
            Self::All(nodes) => chain(nodes, false, "&&", request),
            Self::Any(nodes) => chain(nodes, true, "||", request),
            Self::Compare(comparison, sides) => {
                sides.0.compare(*comparison, &sides.1, request).map(|truth| Operand::Made(truth.into()))
            }
            // Never asked: it is the right side of `matches`.
            Self::Matcher(_) => Ok(Operand::NIL),
        }
    }

    fn truth<'a>(&'a self, request: &Request<'a>, operator: &str) -> Result<bool, Fault> {
        let operand = self.evaluate(request)?;
        operand
            .boolean()
            .ok_or_else(|| Fault::new(format!("`{operator}` needs a boolean, not {}", operand.type_name())))
    }

    fn compare<'a>(&'a self, comparison: Comparison, right: &'a Self, request: &Request<'a>) -> Result<bool, Fault> {
        let left = self.evaluate(request)?;
        if let Self::Matcher(matcher) = right {
            let mismatch = || Fault::new(format!("`matches` needs a string, not {}", left.type_name()));
            return matcher.matches(left.text().ok_or_else(mismatch)?);
        }
        let right = right.evaluate(request)?;
        let mismatch = || {
            let (left, right) = (left.type_name(), right.type_name());
            Fault::new(format!("`{}` has no meaning for {left} and {right}", comparison.as_str()))
        };
        if comparison == Comparison::Matches {
            let (text, pattern) = left.text().zip(right.text()).ok_or_else(mismatch)?;
            let matcher = Matcher::new(pattern).map_err(|reason| Fault::new(format!("the pattern {reason}")))?;
            return matcher.matches(text);
        }
        comparison.holds(&left, &right).map_err(|TypeMismatch| mismatch())
    }
}

/// From left to right, up to the first that settles it.
fn chain<'a>(nodes: &'a [Node], settles: bool, operator: &str, request: &Request<'a>) -> Result<Operand<'a>, Fault> {
    for node in nodes {
        if node.truth(request, operator)? == settles {
            return Ok(Operand::Made(settles.into()));
        }
    }
    Ok(Operand::Made((!settles).into()))
}

fn variable<'a>(root: Root, path: &'a [Access], request: &Request<'a>) -> Result<Operand<'a>, Fault> {
    let principal = request.principal();
    match (root, path) {
        (Root::Action, _) => follow(Operand::Text(request.action()), path, request),
        (Root::Resource, _) => follow(Operand::Text(request.resource()), path, request),
        (Root::Attributes, []) => Ok(Operand::Made(request.attributes().clone().into())),
        (Root::Attributes, [first, rest @ ..]) => inside(request.attributes(), first, rest, request),
        (Root::Actor, []) => {
            let id = Value::from(Arc::clone(principal.id()));
            made(Value::map([("id", id), ("meta", principal.meta().clone().into())]))
        }
        (Root::Actor, [first, rest @ ..]) => {
            let key = first.key(request)?;
            match (key.text(), rest) {
                (Some("id"), _) => follow(Operand::Text(principal.id()), rest, request),
                (Some("meta"), []) => Ok(Operand::Made(principal.meta().clone().into())),
                (Some("meta"), [first, rest @ ..]) => inside(principal.meta(), first, rest, request),
                (Some(_), _) => Ok(Operand::NIL),
                (None, _) => Err(no_inside("a map", &key)),
            }
        }
    }
}

fn inside<'a>(
    map: &'a Map,
    first: &'a Access,
    rest: &'a [Access],
    request: &Request<'a>,
) -> Result<Operand<'a>, Fault> {
    let key = first.key(request)?;
    let name = key.text().ok_or_else(|| no_inside("a map", &key))?;
    let found = map.get(name).map_or(Operand::NIL, Operand::Value);
    follow(found, rest, request)
}

/// What is inside of a value; nil inside of nil, and where nothing is.
fn follow<'a>(from: Operand<'a>, path: &'a [Access], request: &Request<'a>) -> Result<Operand<'a>, Fault> {
    let mut here = from;
    for access in path {
        if here.is_nil() {
            return Ok(Operand::NIL);
        }
        let key = access.key(request)?;
        let step = |value: &Value| match (value, key.text(), key.value().and_then(whole)) {
            (Value::Map(map), Some(name), _) => Some(map.get(name).cloned()),
            (Value::List(list), _, Some(at)) => Some(at.ok().and_then(|at| list.items().get(at).cloned())),
            _ => None,
        };
        // Cloning copies no text, and spares telling apart who owns what it is inside of.
        let found = here.value().and_then(step).ok_or_else(|| no_inside(here.type_name(), &key))?;
        here = Operand::Made(found.unwrap_or_default());
    }
    Ok(here)
}

impl Access {
    fn key<'a>(&'a self, request: &Request<'a>) -> Result<Operand<'a>, Fault> {
        match self {
            Self::Name(name) => Ok(Operand::Text(name)),
            Self::Computed(node) => node.evaluate(request),
        }
    }
}

fn no_inside(value: &str, key: &Operand<'_>) -> Fault {
    Fault::new(format!("{value} has nothing under {}", key.type_name()))
}

fn made<'a>(value: Result<Value, perilune_policy::ValueError>) -> Result<Operand<'a>, Fault> {
    value.map(Operand::Made).map_err(|error| Fault::new(error.to_string()))
}
